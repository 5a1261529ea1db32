"""Verdicts of evaluators on replies and candidates; written once, never changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.asked import AskedRecord, asked_json, asked_record
from store.batches import batches
from store.night_records import Scored, ScoreFailure
from store.night_tables import CandidateRow, ScoreFailureRow, ScoreRow
from store.tables import ReplyRow

METRIC_COLUMNS = (
    "agency",
    "attentiveness",
    "consistency",
    "ease",
    "empathetic",
    "emotion",
    "enjoyability",
    "humanness",
    "personality",
    "respeak",
    "topic",
    "trust",
)


def append_score(session: Session, scored: Scored, *, now: datetime) -> bool:
    """Store a verdict; False, changing nothing, when it is there or its subject was erased.

    Raises ValueError when metrics are missing or the subject is not exactly one.
    """
    if set(scored.values) != set(METRIC_COLUMNS):
        wrong = ", ".join(sorted(set(METRIC_COLUMNS) ^ set(scored.values)))
        raise ValueError(f"metrics {wrong} are missing or unknown; expected all twelve")
    known = select(ScoreRow.id).where(
        ScoreRow.subject_id == scored.subject_id, ScoreRow.evaluator == scored.evaluator
    )
    there = _lock_subject(session, scored.subject_id, scored.reply_id, scored.candidate_id)
    if not there or session.scalar(known) is not None:
        return False
    row = ScoreRow(
        subject_id=scored.subject_id,
        reply_id=scored.reply_id,
        candidate_id=scored.candidate_id,
        evaluator=scored.evaluator,
        at=now,
        spread=dict(scored.spread),
        reasons=list(scored.reasons) or None,
        asked=asked_json(scored.asked),
        **scored.values,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another process stored the same verdict at this moment
        return False
    return True


def append_score_failure(
    session: Session,
    *,
    reply_id: str | None,
    candidate_id: str | None,
    evaluator: str,
    reason: str,
    now: datetime,
) -> bool:
    """Note why a reply or a candidate has no verdict; False when it was erased meanwhile."""
    subject_id = reply_id or candidate_id or ""
    if not _lock_subject(session, subject_id, reply_id, candidate_id):
        return False
    session.add(
        ScoreFailureRow(
            subject_id=subject_id,
            reply_id=reply_id,
            candidate_id=candidate_id,
            evaluator=evaluator,
            reason=reason,
            at=now,
        )
    )
    session.flush()
    return True


def load_scores(session: Session, subject_ids: Sequence[str], evaluator: str) -> dict[str, Scored]:
    """Return the verdicts of one evaluator by subject; those it could not score are missing."""
    found: dict[str, Scored] = {}
    for some in batches(subject_ids):
        wanted = select(ScoreRow).where(
            ScoreRow.subject_id.in_(some), ScoreRow.evaluator == evaluator
        )
        found.update((row.subject_id, _record(row)) for row in session.scalars(wanted))
    return found


def list_failures(session: Session, subject_id: str) -> list[ScoreFailure]:
    """Return when which evaluator could not score a reply or candidate, oldest first."""
    wanted = select(ScoreFailureRow).where(ScoreFailureRow.subject_id == subject_id)
    return [
        ScoreFailure(evaluator=row.evaluator, reason=row.reason, at=row.at)
        for row in session.scalars(wanted.order_by(ScoreFailureRow.id))
    ]


def reply_or_candidate_text(session: Session, subject_id: str) -> str | None:
    """Return the text of what may be scored; None when there is no such reply or candidate."""
    reply = session.get(ReplyRow, subject_id)
    if reply is not None:
        return reply.text
    candidate = session.get(CandidateRow, subject_id)
    return None if candidate is None else candidate.text


def load_asked(session: Session, subject_id: str) -> dict[str, AskedRecord]:
    """Return how each judge that scored a reply or candidate was asked, by evaluator."""
    wanted = select(ScoreRow).where(ScoreRow.subject_id == subject_id).order_by(ScoreRow.id)
    found = ((row.evaluator, asked_record(row.asked)) for row in session.scalars(wanted))
    return {evaluator: asked for evaluator, asked in found if asked is not None}


def turn_of_subject(session: Session, subject_id: str) -> str | None:
    """Return the turn that a reply or candidate answers; None when there is none such."""
    row = session.get(ReplyRow, subject_id) or session.get(CandidateRow, subject_id)
    return None if row is None else row.turn_id


def metric_values(row: ScoreRow) -> dict[str, float]:
    """Return the twelve values of a verdict by their names."""
    return {
        "agency": row.agency,
        "attentiveness": row.attentiveness,
        "consistency": row.consistency,
        "ease": row.ease,
        "empathetic": row.empathetic,
        "emotion": row.emotion,
        "enjoyability": row.enjoyability,
        "humanness": row.humanness,
        "personality": row.personality,
        "respeak": row.respeak,
        "topic": row.topic,
        "trust": row.trust,
    }


def _lock_subject(
    session: Session, subject_id: str, reply_id: str | None, candidate_id: str | None
) -> bool:
    """Return whether the subject exists; it then does until the transaction ends."""
    if [reply_id, candidate_id].count(None) != 1 or subject_id not in (reply_id, candidate_id):
        raise ValueError(
            f"subject {subject_id!r} is reply {reply_id!r} and candidate {candidate_id!r}; "
            "expected it to be exactly one of them"
        )
    wanted = (
        select(ReplyRow.id).where(ReplyRow.id == reply_id)
        if candidate_id is None
        else select(CandidateRow.id).where(CandidateRow.id == candidate_id)
    )
    return session.scalar(wanted.with_for_update(read=True, key_share=True)) is not None


def _record(row: ScoreRow) -> Scored:
    return Scored(
        subject_id=row.subject_id,
        reply_id=row.reply_id,
        candidate_id=row.candidate_id,
        evaluator=row.evaluator,
        values=metric_values(row),
        spread=dict(row.spread),
        reasons=tuple(row.reasons or ()),
        asked=asked_record(row.asked),
    )
