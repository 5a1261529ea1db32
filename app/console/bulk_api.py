"""One deed on many replies, running behind the request, and its undo."""

import logging
import threading
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.console.reply_query import ReplyQuery
from store.bulk import Bulk, BulkDeed, apply_bulk, list_bulk, load_bulk, open_bulk, undo_bulk
from store.reply_filter import ReplyFilter, filter_json
from store.reply_list import iter_filtered

_MOST_SELECTED = 1_000
_SOON_SECONDS = 2.0
_BEGINNING = timedelta(seconds=5)
_DOING, _UNDOING = "bulk-", "undo-of-bulk-"
_State = Literal["running", "finished", "broken", "undoing", "undone"]

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/api/console")

ReplyId = Annotated[str, Field(max_length=40)]


class BulkBody(Body):
    """What to do with which replies: with all that a filter finds, or with some that were picked."""

    action: BulkDeed
    filter: ReplyQuery | None = None
    replies: Annotated[list[ReplyId], Field(min_length=1, max_length=_MOST_SELECTED)] | None = None


@router.get("/bulk")
def read_bulk(console: Console, who: Reviewer) -> Json:
    """The newest bulk actions and how each of them stands."""
    at_work = _at_work()
    with console.database.reading() as session:
        found = list_bulk(session)
    return {"bulk": [_bulk_json(one, _state(one, at_work, console.now())) for one in found]}


@router.post("/bulk", status_code=202)
def begin_bulk(console: Console, who: Reviewer, body: BulkBody) -> Json:
    """Begin a bulk action; a short one is finished when this answers."""
    replies, chosen = _chosen(console, body)
    with console.database.session() as session:
        bulk = open_bulk(
            session, body.action, operator=who.name, filter_json=chosen, now=console.now()
        )

    def work() -> None:
        apply_bulk(console.database, bulk.id, replies, now=console.now())

    _run(work, _DOING + bulk.id)
    return _now(console, bulk.id)


@router.post("/bulk/{bulk_id}/undo", status_code=202)
def take_back(console: Console, who: Reviewer, bulk_id: str) -> Json:
    """Stop a bulk action where it still runs, and take back what it did."""
    with console.database.reading() as session:
        load_bulk(session, bulk_id)

    def work() -> None:
        undo_bulk(console.database, bulk_id, operator=who.name, now=console.now())

    _run(work, _UNDOING + bulk_id)
    return _now(console, bulk_id)


def _chosen(console: ConsoleParts, body: BulkBody) -> tuple[Iterable[str], Json]:
    """Return the replies, found while they are asked for, and what they were chosen by."""
    if body.filter is not None and body.replies is None:
        wanted = body.filter.filter()
        return _found(console, wanted), filter_json(wanted)
    if body.replies is not None and body.filter is None:
        return body.replies, {"selected": len(body.replies)}
    raise ConsoleError("bulk_which")


def _found(console: ConsoleParts, wanted: ReplyFilter) -> Iterator[str]:
    with console.database.reading() as session:
        for some in iter_filtered(session, wanted):
            yield from some


def _run(work: Callable[[], object], name: str) -> None:
    """Do the work in a thread of this name that no closed page ends; wait for it a moment."""

    def guarded() -> None:
        try:
            work()
        except Exception:
            logger.exception("%s broke off; undoing it takes back what it did", name)

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    thread.join(_SOON_SECONDS)


def _at_work() -> frozenset[str]:
    """Return the names of the threads that work; to be asked before the store, because a thread
    ends after it has written that it is done."""
    return frozenset(thread.name for thread in threading.enumerate())


def _state(bulk: Bulk, at_work: Container[str], now: datetime) -> _State:
    if bulk.undone_at is not None:
        return "undoing" if _UNDOING + bulk.id in at_work else "undone"
    if bulk.finished_at is not None:
        return "finished"
    # Its thread begins a moment after it was noted.
    begins = now - bulk.at < _BEGINNING
    return "running" if begins or _DOING + bulk.id in at_work else "broken"


def _now(console: ConsoleParts, bulk_id: str) -> Json:
    at_work = _at_work()
    with console.database.reading() as session:
        bulk = load_bulk(session, bulk_id)
    return {"bulk": _bulk_json(bulk, _state(bulk, at_work, console.now()))}


def _bulk_json(bulk: Bulk, state: _State) -> Json:
    return {
        "id": bulk.id,
        "operator": bulk.operator,
        "action": bulk.action,
        "filter": dict(bulk.filter),
        "count": bulk.count,
        "state": state,
        "at": bulk.at.isoformat(),
        "finished_at": bulk.finished_at.isoformat() if bulk.finished_at else None,
        "undone_at": bulk.undone_at.isoformat() if bulk.undone_at else None,
        "undone_by": bulk.undone_by,
    }
