"""The versions: what was trained, what speaks, how visitors and evaluators found it, going back."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy.orm import Session

from app.api_json import Json
from app.composition import served_base
from app.console.bodies import Body
from app.console.door import Admin, Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from persona.errors import AdapterError, ModelError
from rlaif.errors import PublishError
from rlaif.metrics import METRIC_KEYS
from rlaif.publish import activate, earlier_adapters, rollback, verify_registered
from rlaif.version_figures import NEWEST_REPLIES, VersionFigure, score_figures, signal_figures
from rlaif.watch_active import WatchActiveSettings, is_watched
from store.adapters import active_adapter, hold_production, list_adapters, load_adapter
from store.deployment_history import DeploymentTold, tell_deployments
from store.errors import ConflictError
from store.lineage import count_lineages
from store.night_days import nights_of_adapters
from store.outcomes import newest_swap
from store.records import Adapter
from store.version_sums import sum_scores, sum_signals

router = APIRouter(prefix="/api/console")

_MOST_VERSIONS = 40
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class ReasonBody(Body):
    """Why; `seen`: what was in production when the operator decided."""

    why: Why
    seen: str | None


def adapter_check(console: Console) -> Callable[[Adapter], None]:
    """Return what raises AdapterError for a damaged adapter. Raises ConsoleError."""
    try:
        base = served_base(console.settings)
    except ModelError as error:
        model = console.settings.model.name
        raise ConsoleError("model_unprepared", status=409, model=model) from error
    return lambda adapter: verify_registered(adapter, base)


Check = Annotated[Callable[[Adapter], None], Depends(adapter_check)]


@router.get("/versions")
def read_versions(console: Console, who: Reviewer) -> Json:
    """Every adapter, newest first, and what was in production when."""
    with console.database.reading() as session:
        active = active_adapter(session)
        lineage, nights = count_lineages(session), nights_of_adapters(session)
        history = tell_deployments(session)
        versions = [
            {
                **_version_json(adapter, active),
                "night": nights.get(adapter.id),
                "pairs": lineage.get(adapter.id, (0, 0))[0],
                "visitors": lineage.get(adapter.id, (0, 0))[1],
                "deployed": sum(one.adapter == adapter.id for one in history),
            }
            for adapter in reversed(list_adapters(session))
        ]
        return {
            "active": active,
            "earlier": earlier_adapters(session),
            "watched_until": _watched_until(session, console),
            "versions": versions,
            "history": [_deployment_json(one) for one in history],
        }


@router.get("/versions/figures")
def read_figures(console: Console, who: Reviewer) -> Json:
    """Scores, retries and thumbs of the versions that were last in production, oldest first."""
    with console.database.reading() as session:
        history = tell_deployments(session)
        names = list(dict.fromkeys(one.adapter for one in history))[:_MOST_VERSIONS][::-1]
        versions = [
            {
                "adapter": name,
                "scores": _scores_json(session, name),
                "signals": {
                    key: asdict(figure)
                    for key, figure in signal_figures(
                        sum_signals(session, name, limit=NEWEST_REPLIES)
                    ).items()
                },
            }
            for name in names
        ]
    return {"versions": versions, "metrics": list(METRIC_KEYS), "newest": NEWEST_REPLIES}


@router.post("/versions/{adapter}/activate")
def activate_version(
    console: Console, who: Admin, check: Check, adapter: str, body: ReasonBody
) -> Json:
    """Verify a version and put it into production."""
    with console.database.reading() as session:
        wanted = load_adapter(session, adapter)
    if wanted.tainted_at is not None:
        raise ConsoleError("version_tainted", status=409, adapter=adapter)
    _verify(check, wanted)
    with console.database.session() as session:
        _unchanged(session, body.seen)
        if adapter == body.seen:
            raise ConsoleError("version_active", status=409, adapter=adapter)
        try:
            activate(session, adapter, who=who.name, why=body.why.strip(), now=console.now())
        except ConflictError as error:
            raise ConsoleError("version_tainted", status=409, adapter=adapter) from error
    return {"active": adapter}


@router.post("/versions/rollback")
def rollback_version(console: Console, who: Admin, check: Check, body: ReasonBody) -> Json:
    """Go back to the version before the present one; damaged ones are passed over."""
    with console.database.session() as session:
        _unchanged(session, body.seen)
        try:
            adapter = rollback(
                session, who=who.name, why=body.why.strip(), now=console.now(), check=check
            )
        except PublishError as error:
            raise ConsoleError("rollback_impossible", status=409, reason=error) from error
    return {"active": adapter.id}


def _verify(check: Callable[[Adapter], None], adapter: Adapter) -> None:
    try:
        check(adapter)
    except AdapterError as error:
        raise ConsoleError(
            "version_damaged", status=409, adapter=adapter.id, reason=error
        ) from error


def _unchanged(session: Session, seen: str | None) -> None:
    """Refuse a deed that was decided on while something else was in production."""
    active = hold_production(session)
    if active != seen:
        raise ConsoleError("production_changed", status=409, active=active or "—")


def _watched_until(session: Session, console: ConsoleParts) -> str | None:
    """Until when the same-day watch looks at what is in production."""
    swap, settings = newest_swap(session), WatchActiveSettings()
    if swap is None or not is_watched(swap, settings, console.now()):
        return None
    return (swap.at + settings.duration).isoformat()


def _version_json(adapter: Adapter, active: str | None) -> Json:
    return {
        "id": adapter.id,
        "parent": adapter.parent_id,
        "kind": adapter.kind,
        "created_at": adapter.created_at.isoformat(),
        "active": adapter.id == active,
        "tainted_at": None if adapter.tainted_at is None else adapter.tainted_at.isoformat(),
        "taint_reason": adapter.taint_reason,
        "on_disk": Path(adapter.folder).is_dir(),
        "sha256": adapter.sha256,
    }


def _deployment_json(one: DeploymentTold) -> Json:
    return {
        **asdict(one),
        "at": one.at.isoformat(),
        "until": None if one.until is None else one.until.isoformat(),
    }


def _scores_json(session: Session, adapter: str) -> dict[str, dict[str, Json]]:
    found = score_figures(sum_scores(session, adapter, limit=NEWEST_REPLIES))
    return {
        name: {key: _figure_json(one) for key, one in some.items()} for name, some in found.items()
    }


def _figure_json(figure: VersionFigure) -> Json:
    return asdict(figure)
