"""A dry run of tonight from the console: start it, watch it, stop it."""

from dataclasses import asdict
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from app.api_json import Json
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.rehearsal_service import RehearsalReport
from scheduler.errors import ChildError
from store.audit import append_audit
from store.nights import holder, list_nights

_NEWEST = 7

router = APIRouter(prefix="/api/console")


@router.get("/rehearsal")
def read_rehearsal(console: Console, who: Reviewer) -> Json:
    """The dry run under way, else the last one since the server started."""
    return {"rehearsal": _report_json(console.rehearsal.report)}


@router.post("/rehearsal", status_code=201)
def start(console: Console, who: Reviewer) -> Json:
    """Start a dry run, unless one or the night itself is under way."""
    if not console.rehearsal.running:
        _check_night_sleeps(console)
    try:
        started = console.rehearsal.start()
    except ChildError as error:
        raise ConsoleError("rehearsal_failed", status=503) from error
    if not started:
        raise ConsoleError("rehearsal_running", status=409)
    _note(console, who.name, "rehearsal.start")
    return read_rehearsal(console, who)


@router.post("/rehearsal/stop")
def stop(console: Console, who: Reviewer) -> Json:
    """Ask the dry run to stop; it does after the batch it is at."""
    if not console.rehearsal.stop():
        raise ConsoleError("rehearsal_over", status=409)
    _note(console, who.name, "rehearsal.stop")
    return read_rehearsal(console, who)


def _check_night_sleeps(console: ConsoleParts) -> None:
    """Raises ConsoleError while a night is being run or rehearsed, here or elsewhere."""
    if console.night is not None and console.night.child.running:
        raise ConsoleError("rehearsal_beside_night", status=409)
    today = console.now().astimezone(ZoneInfo(console.settings.night.zone)).date()
    with console.database.reading() as session:
        dates = {today.isoformat(), *(night.date for night in list_nights(session)[:_NEWEST])}
        if any(holder(session, date, console.now()) is not None for date in dates):
            raise ConsoleError("rehearsal_beside_night", status=409)


def _note(console: ConsoleParts, who: str, action: str) -> None:
    with console.database.session() as session:
        append_audit(session, actor=who, action=action, detail={}, now=console.now())


def _report_json(report: RehearsalReport | None) -> Json | None:
    if report is None:
        return None
    return {
        "state": report.state,
        "started_at": report.started_at.isoformat(),
        "ended_at": report.ended_at.isoformat() if report.ended_at else None,
        "progress": None if report.progress is None else asdict(report.progress),
        "result": None if report.result is None else report.result.model_dump(),
        "ending": report.ending,
    }
