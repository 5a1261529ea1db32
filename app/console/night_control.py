"""A night started and stopped by a person, whatever the clock says."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from app.console.errors import ConsoleError
from app.console.parts import ConsoleParts
from app.night_service import NightService
from persona.base_model import is_prepared
from rlaif.night_ledger import NightOrder, NightOutcome, record_night
from scheduler.errors import ChildError
from store.audit import append_audit
from store.nights import OPEN, hold_night, holder, load_night
from store.owners import this_process

RUN_ACTION = "night.run"
STOP_ACTION = "night.stop"


def next_day(console: ConsoleParts) -> date:
    """Return the night that "now" would run: today's unless it is over, else the next."""
    day = console.now().astimezone(ZoneInfo(console.settings.night.zone)).date()
    with console.database.reading() as session:
        while (night := load_night(session, day.isoformat())) and night.status not in OPEN:
            day += timedelta(days=1)
    return day


def run_night_now(console: ConsoleParts, day: date, operator: str) -> None:
    """Start the night of `day`, or go on with it; also one that failed, was refused or skipped.

    Raises ConsoleError saying what is in the way.
    """
    service = _ready(console, day)
    detail: dict[str, object] = {"night": day.isoformat()}
    with console.database.session() as session:
        append_audit(session, actor=operator, action=RUN_ACTION, detail=detail, now=console.now())
        try:
            started = service.child.start(day, by_hand=True)
        except ChildError as error:
            raise ConsoleError("night_failed", status=503, reason=error) from error
        if not started:
            raise ConsoleError("night_running", status=409)


def stop_night(console: ConsoleParts, operator: str) -> str:
    """Stop the night under way and return its date; it goes on only when somebody runs it.

    It takes up to the child's `stop_seconds`. Raises ConsoleError when this server runs none.
    """
    child = None if console.night is None else console.night.child
    day = None if child is None else child.day
    if child is None or day is None:
        raise ConsoleError("night_not_running", status=409)
    child.stop()
    name = day.isoformat()
    with console.database.reading() as session:
        night = load_night(session, name)
    if night is None or night.status == "running":
        # It was killed before it could say so, or before it took the night at all.
        order = NightOrder(date=name, owner=this_process())
        told = NightOutcome(status="stopped", decision=f"stopped by {operator}")
        record_night(console.database, order, told, console.now())
    detail: dict[str, object] = {"night": name}
    with console.database.session() as session:
        hold_night(session, name, console.now())
        append_audit(session, actor=operator, action=STOP_ACTION, detail=detail, now=console.now())
    return name


def _ready(console: ConsoleParts, day: date) -> NightService:
    """Raises ConsoleError when the night cannot be run."""
    name = day.isoformat()
    if console.night is None:
        raise ConsoleError("night_absent", status=409)
    if console.night.child.running:
        raise ConsoleError("night_running", status=409)
    spec = console.settings.model.name
    if not is_prepared(spec, console.settings.models_folder):
        raise ConsoleError("model_unprepared", status=409, model=spec)
    with console.database.reading() as session:
        night, owner = load_night(session, name), holder(session, name, console.now())
    if owner is not None:
        raise ConsoleError("night_taken", status=409, date=name)
    if night is not None and night.status == "published":
        raise ConsoleError("night_over", status=409, date=name)
    return console.night
