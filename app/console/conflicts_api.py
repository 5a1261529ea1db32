"""The conflict queue: a visitor's signal against a high score, until an operator decides."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.pairs_json import conflict_json, conflicts_json
from app.console.parts import Console
from store.conflict_view import list_conflict_views
from store.errors import ConflictError
from store.night_records import Resolution
from store.pair_queue import reopen_conflict, resolve_conflict, used_resolutions

router = APIRouter(prefix="/api/console")


class ResolutionBody(Body):
    """Whose word counts."""

    resolution: Resolution


@router.get("/conflicts")
def read_conflicts(
    console: Console,
    who: Reviewer,
    resolved: bool = False,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Json:
    """Open conflicts, or those resolved, the newest first."""
    with console.database.reading() as session:
        page = list_conflict_views(session, unresolved=not resolved, offset=offset, limit=limit)
        used = used_resolutions(session, [one.conflict for one in page.conflicts])
        return {"total": page.total, "conflicts": conflicts_json(session, page.conflicts, used)}


@router.post("/conflicts/{conflict_id}/resolve")
def resolve(console: Console, who: Reviewer, conflict_id: str, body: ResolutionBody) -> Json:
    """Say whose word counts."""
    with console.database.session() as session:
        try:
            done = resolve_conflict(session, conflict_id, body.resolution, who.name, console.now())
        except ConflictError as error:
            raise ConsoleError("conflict_resolved", status=409) from error
        return conflict_json(done, used_resolutions(session, [done]))


@router.post("/conflicts/{conflict_id}/reopen")
def reopen(console: Console, who: Reviewer, conflict_id: str) -> Json:
    """Take a resolution back that no night has read."""
    with console.database.session() as session:
        try:
            done = reopen_conflict(session, conflict_id, who.name, console.now())
        except ConflictError as error:
            raise ConsoleError("conflict_used", status=409) from error
        return conflict_json(done, set())
