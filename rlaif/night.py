"""A night, top to bottom: read the day, score, pair, train, gate, publish, report.

Every step reads and writes the store and is marked complete last, so that a night that was killed
goes on where it was. Whatever goes wrong, the adapter in production stays what it was.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlaif.adapter_steps import gate, publish, train
from rlaif.expected import ExpectedTraining, expected_training
from rlaif.learning_steps import (
    candidates,
    collect,
    inbox,
    pair,
    propose,
    score,
    score_candidates,
)
from rlaif.night_ledger import NightOrder, NightOutcome, claim_or_say, end_night, not_ours
from rlaif.night_work import Detail, NightEnds, NightParts, NightSettings, NightWork
from rlaif.pairs import Pairing
from rlaif.traces import TRAINING_FOLDER, clear_training
from store.errors import LeaseError
from store.night_records import Night, NightEnd, NightStep
from store.nights import (
    begin_step,
    finish_step,
    hold_for_rehearsal,
    list_nights,
    load_night,
    release_lease,
)
from store.pairs import list_trainable_pairs

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
class Rehearsal:
    """What a night would pair, and what training on it would take."""

    pairing: Pairing
    training: ExpectedTraining


def run_night(
    parts: NightParts, settings: NightSettings, order: NightOrder, snapshot: Mapping[str, object]
) -> NightOutcome:
    """Run or resume the night of a date and return how it ended.

    `snapshot` is the resolved settings as JSON, kept in the ledger. Raises nothing that a step
    raised: a failed night is recorded with its reason.
    """
    claim = claim_or_say(parts.database, order, settings.lease, parts.now(), snapshot)
    if isinstance(claim, NightOutcome):
        return claim
    work = NightWork(parts, settings, claim)
    last: tuple[str, Detail] | None = None
    try:
        parts.prepare()
        for position, (name, step) in enumerate(STEPS, start=1):
            _run_step(work, position, name, step)
        adapter = str(work.detail("publish")["adapter"])
        outcome = NightOutcome(status="published", decision=f"published {adapter}", adapter=adapter)
    except NightEnds as end:
        outcome = NightOutcome(status=end.status, decision=end.decision)
        last = None if end.detail is None else (work.step, end.detail)
    except LeaseError as error:
        return NightOutcome(status=None, decision=str(error))
    except Exception as error:
        logger.exception("Night %s failed", order.date)
        outcome = NightOutcome(status="failed", decision=f"{type(error).__name__}: {error}")
    finally:
        parts.close_engine()
    ended = end_night(parts.database, claim, outcome, parts.now(), last)
    if ended.status in _OVER:
        clear_training(work.folder / TRAINING_FOLDER)
    return ended


def rehearse(
    parts: NightParts, settings: NightSettings, order: NightOrder
) -> Rehearsal | NightOutcome:
    """What the night would pair if it ran now, and how long training would take.

    Scores, candidates and comparisons are kept for the real night, which then proposes the same
    pairs if nobody talks meanwhile; the ledger stays as it is. A night that was begun is rehearsed
    from where it is; with `again` a refused or skipped one from its first step.
    """
    lease = settings.lease
    with parts.database.session() as session:
        claim = hold_for_rehearsal(
            session,
            order.date,
            owner=order.owner,
            lease=lease,
            now=parts.now(),
            force=order.again,
        )
        night = load_night(session, order.date)
    if claim is None:
        return not_ours(parts.database, order.date, parts.now())
    work = NightWork(parts, settings, claim, rehearsal=True)
    anew = night is None or night.status not in ("running", "waiting", "stopped", "failed")
    known = {} if night is None or anew else _finished(night)
    try:
        parts.prepare()
        for position, (name, step) in enumerate(STEPS[:_UNTIL_PAIRS], start=1):
            work.enter(name, position, len(STEPS))
            work.remember(name, known[name] if name in known else step(work))
        return _rehearsal(work, propose(work))
    except NightEnds as end:
        return NightOutcome(status=end.status, decision=end.decision)
    finally:
        parts.close_engine()
        with parts.database.session() as session:
            release_lease(session, claim)


def _finished(night: Night) -> dict[str, Mapping[str, object]]:
    return {step.step: step.detail for step in night.steps if step.finished_at is not None}


def _rehearsal(work: NightWork, pairing: Pairing) -> Rehearsal:
    """With the pairs of all nights that may be trained on, tonight's as they are proposed now."""
    with work.database.reading() as session:
        older = list_trainable_pairs(
            session,
            now=work.now(),
            retention=work.settings.retention,
            auto=work.settings.approval == "auto",
        )
        nights = list_nights(session)
    pairs = len(pairing.pairs) + sum(pair.night_date != work.date for pair in older)
    return Rehearsal(pairing=pairing, training=expected_training(pairs, work.settings, nights))


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
