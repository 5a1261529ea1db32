"""The nights: their calendar, the report of each, the one that runs, and running one now."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Admin, Reviewer
from app.console.errors import ConsoleError
from app.console.night_control import next_day, run_night_now, stop_night
from app.console.night_json import day_json, night_words, report_of, running_json
from app.console.parts import Console, ConsoleParts, Spoken
from app.night_service import schedule
from rlaif.errors import NightError
from scheduler.calendar import next_appointment
from store.night_days import list_night_days, night_span

router = APIRouter(prefix="/api/console")

_Month = Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
_Date = Annotated[str, Path(pattern=r"^\d{4}-\d{2}-\d{2}$")]
_MOST_AHEAD = timedelta(days=1)


class RunBody(Body):
    """Which night (YYYY-MM-DD); without one the coming night is run."""

    date: str | None = None


@router.get("/nights")
def read_nights(console: Console, who: Reviewer, month: _Month = None) -> Json:
    """The nights of a month (YYYY-MM), by default the newest with any."""
    with console.database.reading() as session:
        span = night_span(session)
        today = console.now().date().isoformat()
        chosen = month or (span.last if span else today)[:7]
        days = list_night_days(session, f"{chosen}-01", f"{chosen}-31")
    return {
        "month": chosen,
        "days": [day_json(day) for day in days],
        "first": None if span is None else span.first,
        "last": None if span is None else span.last,
        **_appointment(console),
    }


@router.get("/nights/running")
def read_running(console: Console, who: Reviewer, spoken: Spoken) -> Json:
    """Where the running night is, and what would be run next."""
    ours = console.night is not None and console.night.child.running
    with console.database.reading() as session:
        running = running_json(session, night_words(spoken), ours=ours, now=console.now())
    return {**running, **_appointment(console)}


@router.get("/nights/{date}")
def read_night(console: Console, who: Reviewer, date: _Date, spoken: Spoken) -> Json:
    """The morning report of a night."""
    folder, words = console.settings.nights_folder, night_words(spoken)
    with console.database.reading() as session:
        try:
            return report_of(session, date, folder, words)
        except NightError as error:
            raise ConsoleError("night_unknown", status=404, date=date) from error


@router.post("/nights/run", status_code=202)
def run(console: Console, who: Admin, body: RunBody) -> Json:
    """Run the coming night now, or go on with the one named."""
    coming = next_day(console)
    day = coming if body.date is None else _parse(body.date)
    if day > coming + _MOST_AHEAD:
        raise ConsoleError("night_far", date=day.isoformat(), latest=coming.isoformat())
    run_night_now(console, day, who.name)
    return {"night": day.isoformat()}


@router.post("/nights/stop")
def stop(console: Console, who: Admin) -> Json:
    """Stop the running night; its work so far is kept."""
    return {"night": stop_night(console, who.name)}


def _parse(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConsoleError("night_date", date=text) from error


def _appointment(console: ConsoleParts) -> Json:
    """When the clock begins the next night, and which one "now" would run."""
    night = console.settings.night
    coming = next_appointment(schedule(night), console.now())
    return {
        "coming": next_day(console).isoformat(),
        "next_at": coming.at.isoformat() if night.enabled and console.night is not None else None,
        "can_run": console.night is not None,
    }
