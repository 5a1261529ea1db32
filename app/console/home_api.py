"""What an operator wants to know in the morning, from counts that stay cheap."""

from datetime import date, timedelta

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.agreement import night_judge
from app.agreement_json import estimate_json
from app.api_json import Json
from app.console.door import Reviewer
from app.console.night_json import day_json, night_words, running_json
from app.console.parts import Console, Spoken
from app.night_service import schedule
from rlaif.gate_sides import gate_group
from rlaif.report_words import ReportWords
from scheduler.calendar import next_appointment
from store.adapters import active_adapter, list_deployments
from store.gate_results import list_gate_results
from store.morning import count_alarms, count_waiting, in_production_since
from store.night_days import NightDay, list_night_days, night_span
from store.night_records import GateRecord

router = APIRouter(prefix="/api/console")

_A_DAY, _A_WEEK = timedelta(days=1), timedelta(days=7)
_WORTH_TELLING = 0.8


@router.get("/home")
def read_home(console: Console, who: Reviewer, spoken: Spoken) -> Json:
    """Last night, what waits, what speaks, what alarmed in the last day."""
    now, settings, words = console.now(), console.settings.night, night_words(spoken)
    ours = console.night is not None and console.night.child.running
    with console.database.reading() as session:
        last = _last_night(session)
        gates = list_gate_results(session, last.date) if last is not None else []
        waiting = count_waiting(session)
        alarms = count_alarms(session, now - _A_DAY, now)
        active = active_adapter(session)
        since = None if active is None else in_production_since(session, active)
        newest = next(iter(list_deployments(session)), None)
        running = running_json(session, words, ours=ours, now=now)
    asked = waiting.asked_at
    deadline = None if asked is None else asked + timedelta(hours=settings.deadline_hours)
    coming = next_appointment(schedule(settings), now).at if settings.enabled else None
    return {
        "night": None if last is None else day_json(last),
        "running": running,
        "next_at": None if coming is None or console.night is None else coming.isoformat(),
        "waiting": {
            "pairs": waiting.pairs,
            "deadline": None if deadline is None else deadline.isoformat(),
            "conflicts": waiting.conflicts,
            "proposals": waiting.proposals,
        },
        "production": {
            "adapter": active,
            "since": None if since is None else since.isoformat(),
            "who": None if newest is None else newest.who,
            "why": None if newest is None else newest.why,
        },
        "alarms": {
            "safety": dict(alarms.safety),
            "safety_before": alarms.safety_before,
            "taken_back": alarms.taken_back,
            "tainted": alarms.tainted,
            "drift": [_drift_json(gate, words) for gate in gates if _is_drifting(gate)],
        },
    }


@router.get("/home/agreement")
def read_fallen(console: Console, who: Reviewer) -> Json:
    """The metrics on which agreement fell; apart, because measuring it takes about a second."""
    judge = night_judge(console.settings, console.database)
    report = console.agreement.report(console.settings, console.database, judge, console.now())
    return {
        "fallen": [
            {
                "metric": one.metric,
                "with": side,
                "before": estimate_json(fall.before),
                "newest": estimate_json(fall.newest),
                "p_value": fall.p_value,
            }
            for one in report.metrics.values()
            for side, fall in (("evaluator", one.drift), ("people", one.people_drift))
            if fall.verdict == "fallen"
        ]
    }


def _last_night(session: Session) -> NightDay | None:
    """The newest night of the last week of nights that does not run now."""
    span = night_span(session)
    if span is None:
        return None
    first = date.fromisoformat(span.last) - _A_WEEK
    days = list_night_days(session, first.isoformat(), span.last)
    return next((day for day in reversed(days) if day.status != "running"), None)


def _is_drifting(gate: GateRecord) -> bool:
    """Whether most of the budget against the anchor and the best ever is used up."""
    if gate_group(gate.gate) != "drift":
        return False
    return not gate.passed or (gate.value or 0.0) >= _WORTH_TELLING * (gate.bound or 1.0)


def _drift_json(gate: GateRecord, words: ReportWords) -> Json:
    return {
        "gate": gate.gate,
        "name": words.gate(gate.gate),
        "passed": gate.passed,
        "value": gate.value,
        "low": gate.low,
        "high": gate.high,
        "bound": gate.bound,
    }
