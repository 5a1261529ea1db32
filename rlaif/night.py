"""A night, top to bottom: read the day, score, pair, train, gate, publish, report.

Every step reads and writes the store and is marked complete last, so that a night that was killed
goes on where it was. Whatever goes wrong, the adapter in production stays what it was.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlaif.adapter_steps import gate, publish, train
from rlaif.errors import NightError
from rlaif.learning_steps import (
    candidates,
    collect,
    inbox,
    pair,
    propose,
    score,
    score_candidates,
)
from rlaif.night_work import Detail, NightEnds, NightParts, NightSettings, NightWork
from rlaif.pairs import Pairing
from rlaif.traces import TRAINING_FOLDER, clear_training
from store.errors import LeaseError
from store.night_records import NightClaim, NightEnd, NightStep
from store.nights import (
    begin_step,
    claim_night,
    finish_night,
    finish_step,
    load_night,
    release_lease,
)

STEPS: tuple[tuple[str, Callable[[NightWork], Detail]], ...] = (
    ("collect", collect),
    ("score", score),
    ("candidates", candidates),
    ("score_candidates", score_candidates),
    ("pair", pair),
    ("inbox", inbox),
    ("train", train),
    ("gate", gate),
    ("publish", publish),
)
_UNTIL_PAIRS = 4
_OVER: tuple[NightEnd, ...] = ("published", "refused", "skipped")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOrder:
    """Which night to run, by whom. `again` also opens a failed, refused or skipped one."""

    date: str
    owner: str
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOutcome:
    """How a night ended; status None: it was not ours to run, and `decision` says why."""

    status: NightEnd | None
    decision: str
    adapter: str | None = None


def run_night(
    parts: NightParts, settings: NightSettings, order: NightOrder, snapshot: Mapping[str, object]
) -> NightOutcome:
    """Run or resume the night of a date and return how it ended.

    `snapshot` is the resolved settings as JSON, kept in the ledger. Raises nothing that a step
    raised: a failed night is recorded with its reason.
    """
    claim = _claim(parts, settings, order, snapshot)
    if isinstance(claim, NightOutcome):
        return claim
    work = NightWork(parts, settings, claim)
    try:
        for position, (name, step) in enumerate(STEPS, start=1):
            _run_step(work, position, name, step)
        adapter = str(work.detail("publish")["adapter"])
        outcome = NightOutcome(status="published", decision=f"published {adapter}", adapter=adapter)
    except NightEnds as end:
        outcome = NightOutcome(status=end.status, decision=end.decision)
    except LeaseError as error:
        return NightOutcome(status=None, decision=str(error))
    except Exception as error:
        logger.exception("Night %s failed", order.date)
        outcome = NightOutcome(status="failed", decision=f"{type(error).__name__}: {error}")
    finally:
        parts.close_engine()
    return _end(work, outcome)


def rehearse(
    parts: NightParts, settings: NightSettings, order: NightOrder, snapshot: Mapping[str, object]
) -> Pairing | NightOutcome:
    """What the night would pair if it ran now.

    Scores and candidates are kept for the real night, which then proposes the same pairs if nobody
    talks meanwhile; nothing else is stored, and the night stays open.
    """
    claim = _claim(parts, settings, order, snapshot)
    if isinstance(claim, NightOutcome):
        return claim
    work = NightWork(parts, settings, claim)
    try:
        for position, (name, step) in enumerate(STEPS[:_UNTIL_PAIRS], start=1):
            _begin(work, position, name)
            work.remember(name, step(work))
        return propose(work)
    except NightEnds as end:
        return NightOutcome(status=end.status, decision=end.decision)
    finally:
        parts.close_engine()
        with parts.database.session() as session:
            release_lease(session, claim)


def _claim(
    parts: NightParts, settings: NightSettings, order: NightOrder, snapshot: Mapping[str, object]
) -> NightClaim | NightOutcome:
    now = parts.now()
    with parts.database.session() as session:
        claim = claim_night(
            session,
            order.date,
            owner=order.owner,
            lease=settings.lease,
            now=now,
            settings=dict(snapshot),
            force=order.again,
        )
        if claim is not None:
            return claim
        night = load_night(session, order.date)
    if night is None:
        raise NightError(f"night {order.date} could not be opened; run it again")
    if night.lease_owner is not None and night.lease_until is not None and night.lease_until > now:
        why = f"night {order.date} is being run by {night.lease_owner}; yogeiko night status"
    else:
        why = f"night {order.date} is over ({night.status}: {night.decision})"
    return NightOutcome(status=None, decision=why, adapter=night.adapter)


def _begin(work: NightWork, position: int, name: str) -> NightStep:
    work.enter(name, position, len(STEPS))
    with work.database.session() as session:
        step = begin_step(session, work.claim, name, position, work.now())
    if step.finished_at is not None:
        work.remember(name, step.detail)
    return step


def _run_step(
    work: NightWork, position: int, name: str, step: Callable[[NightWork], Detail]
) -> None:
    """Do a step that is not complete yet, and mark it so."""
    if _begin(work, position, name).finished_at is not None:
        return
    logger.info("Night %s: %s", work.date, name)
    detail = step(work)
    with work.database.session() as session:
        finish_step(session, work.claim, name, detail, work.now())
    work.remember(name, detail)


def _end(work: NightWork, outcome: NightOutcome) -> NightOutcome:
    """Write the ending into the ledger; another owner's night is left alone."""
    if outcome.status is None:
        return outcome
    try:
        with work.database.session() as session:
            finish_night(
                session,
                work.claim,
                status=outcome.status,
                decision=outcome.decision,
                adapter_id=outcome.adapter,
                report={},
                now=work.now(),
            )
    except LeaseError as error:
        return NightOutcome(status=None, decision=str(error))
    if outcome.status in _OVER:
        clear_training(work.folder / TRAINING_FOLDER)
    return outcome
