"""Score replies once: what has a verdict of this evaluator is never paid for again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Evaluator, Unscored
from rlaif.judge_record import keep_asked
from rlaif.night_work import NightWork
from store.night_records import RewardRecord, Scored
from store.rewards import load_rewards, save_rewards
from store.scores import append_score, append_score_failure, load_scores

BATCH = 32

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something to score: a logged reply or a night's candidate, with what it answers."""

    id: str
    is_candidate: bool
    dialogue: Dialogue


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringResult:
    """How many were scored now, had been scored before, and could not be scored, with reasons."""

    scored: int
    known: int
    failures: dict[str, int]


def score_subjects(
    work: NightWork,
    evaluator: Evaluator,
    subjects: Sequence[Subject],
    *,
    scored_before: bool = False,
) -> ScoringResult:
    """Score what this evaluator has not scored yet; every batch is committed before the next.

    What it has scored gets this night's reward, unless it has one of these settings already. A
    reply that cannot be scored stays unscored with its reason, and so does the rest once the
    evaluator cannot be used any more. Raises its EvaluatorError when the night then has no score at
    all, here or (`scored_before`) from an earlier step; LeaseError when another process took the
    night over, NightEnds when the night is stopped.
    """
    ids = [subject.id for subject in subjects]
    with work.database.reading() as session:
        known = load_scores(session, ids, evaluator.id)
        valued = load_rewards(session, work.date, evaluator.id, ids)
    _value(
        work,
        evaluator.id,
        [
            (subject, known[subject.id])
            for subject in subjects
            if subject.id in known and not _is_current(work, valued.get(subject.id))
        ],
    )
    missing = [subject for subject in subjects if subject.id not in known]
    failures: dict[str, int] = {}
    scored = 0
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        before = len(known) + start
        try:
            verdicts = evaluator.assess(
                [subject.dialogue for subject in batch],
                partial(_still_at, work, before, len(subjects)),
            )
        except EvaluatorError as error:
            if not scored and not known and not scored_before:
                raise
            batch = missing[start:]
            logger.warning("%d replies stay unscored: %s", len(batch), error)
            _save(work, evaluator.id, [(one, Unscored(reason=error.short)) for one in batch])
            failures[error.short] = failures.get(error.short, 0) + len(batch)
            work.progress(len(subjects), len(subjects))
            break
        _save(work, evaluator.id, list(zip(batch, verdicts, strict=True)))
        for verdict in verdicts:
            if isinstance(verdict, Unscored):
                failures[verdict.reason] = failures.get(verdict.reason, 0) + 1
            else:
                scored += 1
        work.progress(before + len(batch), len(subjects))
    return ScoringResult(scored=scored, known=len(known), failures=failures)


def _is_current(work: NightWork, reward: RewardRecord | None) -> bool:
    return reward is not None and reward.settings == work.settings_digest


def _value(work: NightWork, evaluator_id: str, verdicts: Sequence[tuple[Subject, Scored]]) -> None:
    """Store the night's reward of verdicts that were there before."""
    for start in range(0, len(verdicts), BATCH):
        rewards = {
            subject.id: work.reward(
                subject.dialogue, Assessment(values=scored.values, spread=scored.spread)
            )
            for subject, scored in verdicts[start : start + BATCH]
        }
        with work.writing() as session:
            save_rewards(session, work.claim, evaluator_id, rewards)


def _still_at(work: NightWork, before: int, total: int, done: int) -> None:
    work.still_at(before + done, total)


def _save(
    work: NightWork, evaluator_id: str, verdicts: Sequence[tuple[Subject, Assessment | Unscored]]
) -> None:
    now = work.now()
    rewards = {
        subject.id: work.reward(subject.dialogue, verdict)
        for subject, verdict in verdicts
        if isinstance(verdict, Assessment)
    }
    with work.writing() as session:
        for subject, verdict in verdicts:
            reply_id = None if subject.is_candidate else subject.id
            candidate_id = subject.id if subject.is_candidate else None
            if isinstance(verdict, Unscored):
                append_score_failure(
                    session,
                    reply_id=reply_id,
                    candidate_id=candidate_id,
                    evaluator=evaluator_id,
                    reason=verdict.reason,
                    now=now,
                )
                continue
            scored = Scored(
                subject_id=subject.id,
                reply_id=reply_id,
                candidate_id=candidate_id,
                evaluator=evaluator_id,
                values=verdict.values,
                spread=verdict.spread,
                reasons=verdict.reasons,
                asked=keep_asked(session, verdict.asked, now=now),
            )
            append_score(session, scored, now=now)
        save_rewards(session, work.claim, evaluator_id, rewards)
