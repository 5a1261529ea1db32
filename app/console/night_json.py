"""Nights as JSON values for the console."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.api_json import Json
from app.messages import Language
from rlaif.gate_sides import gate_group, gate_neutral, gate_side
from rlaif.night_progress import NightProgress, progress_of
from rlaif.report import report_json, summarise_night, with_files
from rlaif.report_texts import JAPANESE, STEPS
from rlaif.report_texts_english import ENGLISH
from rlaif.report_why import reasons, turns_told
from rlaif.report_words import ReportWords
from store.night_days import NightDay
from store.night_records import Night
from store.nights import list_nights

STEP_ORDER: tuple[str, ...] = tuple(STEPS)


def night_words(spoken: Language) -> ReportWords:
    """What a night's things are called in a language."""
    return ENGLISH if spoken == "en" else JAPANESE


def day_json(day: NightDay) -> Json:
    """A date of the calendar."""
    return {
        **asdict(day),
        "started_at": day.started_at.isoformat(),
        "finished_at": None if day.finished_at is None else day.finished_at.isoformat(),
    }


def report_of(session: Session, date: str, nights_folder: Path, words: ReportWords) -> Json:
    """The morning report with the names of what it counts, and why it ended as it did.

    Raises NightError when there was no such night.
    """
    summary = with_files(summarise_night(session, date), nights_folder / date)
    gates = [
        {
            **asdict(gate),
            "name": words.gate(gate.gate),
            "group": gate_group(gate.gate),
            "side": gate_side(gate.gate, gate.bound),
            "neutral": gate_neutral(gate.gate),
        }
        for gate in summary.gates
    ]
    return {
        **report_json(summary),
        "gates": gates,
        "why": reasons(summary, words, commands=False),
        "turns_told": turns_told(summary, words),
        "names": words.names(),
    }


def running_json(session: Session, words: ReportWords, *, ours: bool, now: datetime) -> Json:
    """The night under way with its pace, `night` None where none is.

    `ours`: this server runs it and can stop it.
    """
    nights = list_nights(session)
    present = next((night for night in nights if night.status == "running"), None)
    if present is None or not (ours or _is_held(present, now)):
        return {"night": None, "stoppable": ours}
    earlier = [night for night in nights if night.date != present.date]
    progress = progress_of(present, STEP_ORDER, earlier, now)
    return {
        "night": present.date,
        "started_at": present.started_at.isoformat(),
        "stoppable": ours,
        "progress": None if progress is None else _progress_json(progress),
        "done": [
            {
                "step": step.step,
                "seconds": (step.finished_at - step.started_at).total_seconds(),
            }
            for step in present.steps
            if step.finished_at is not None
        ],
        "order": [{"step": step, "name": words.steps.get(step, step)} for step in STEP_ORDER],
    }


def _is_held(night: Night, now: datetime) -> bool:
    return night.lease_until is not None and night.lease_until > now


def _progress_json(progress: NightProgress) -> Json:
    end = progress.end
    return {
        "step": progress.step,
        "position": progress.position,
        "steps": progress.steps,
        "done": progress.done,
        "total": progress.total,
        "started_at": progress.started_at.isoformat(),
        "per_minute": progress.per_minute,
        "end": None
        if end is None
        else {
            "at": end.at.isoformat(),
            "earliest": end.earliest.isoformat(),
            "latest": end.latest.isoformat(),
            "nights": end.nights,
        },
    }
