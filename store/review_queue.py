"""What waits for an operator's eyes.

The queue is of the newest replies, so that a page of it costs the same however many there are;
open conflicts and safety events are found whatever their age.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from store.batches import batches
from store.console_tables import ReviewClaimRow
from store.night_records import ReviewKind
from store.night_tables import ConflictRow, ReviewRow, ScoreRow
from store.scores import METRIC_COLUMNS
from store.standing import standing
from store.tables import ConversationRow, ReplyRow, SafetyEventRow, TurnRow

FoundBy = Literal["conflict", "safety", "second", "newest"]
JUDGED: tuple[ReviewKind, ...] = ("metric", "verdict", "edit", "contradiction", "exclude")
"""What makes a reply reviewed; a note or a skip does not."""
_NEWEST = 1_500
_URGENT = 300
_LATELY_REVIEWED = 1_000
_FINISHED = ("done", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorVerdict:
    """An evaluator's values (0..10) and their spread in points, by metric."""

    values: Mapping[str, float]
    spread: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A reply that an operator has not reviewed, how it was found, and each evaluator's verdict.

    Found as `second`: one other operator has reviewed it.
    """

    reply_id: str
    turn_id: str
    found_by: frozenset[FoundBy]
    verdicts: Mapping[str, EvaluatorVerdict] = field(default_factory=dict)


def list_waiting(session: Session, operator: str, *, now: datetime) -> list[Waiting]:
    """Return what this operator may be given, the newest first of each way to be found.

    Left out: what they reviewed or skipped, what another has before them now, replies that are
    unfinished, edited away or deleted; and what others reviewed, save as `second`.
    """
    ways: tuple[tuple[FoundBy, Select[str]], ...] = (
        ("conflict", _in_conflict()),
        ("safety", _unsafe()),
        ("newest", _newest()),
        ("second", _judged_one_by_one(operator)),
    )
    found: dict[str, set[FoundBy]] = {}
    for way, wanted in ways:
        for reply_id in session.scalars(wanted):
            found.setdefault(reply_id, set()).add(way)
    turns = _open_to(session, operator, found, now)
    judges = _judges(session, turns)
    free = {
        reply_id: _ways_left(ways, len(judges.get(reply_id, ())))
        for reply_id, ways in found.items()
        if reply_id in turns
    }
    verdicts = _verdicts(session, (reply_id for reply_id, left in free.items() if left))
    return [
        Waiting(
            reply_id=reply_id,
            turn_id=turns[reply_id],
            found_by=left,
            verdicts=verdicts.get(reply_id, {}),
        )
        for reply_id, left in free.items()
        if left
    ]


def _ways_left(ways: set[FoundBy], judges: int) -> frozenset[FoundBy]:
    """Return for what a reply may be given to somebody who is not among its judges."""
    if judges == 0:
        return frozenset(ways - {"second"})
    return frozenset(ways & {"second"}) if judges == 1 else frozenset()


def _in_conflict() -> Select[str]:
    return (
        select(ConflictRow.reply_id)
        .where(ConflictRow.resolved_at.is_(None))
        .order_by(ConflictRow.created_at.desc(), ConflictRow.id)
        .limit(_URGENT)
    )


def _unsafe() -> Select[str]:
    return (
        select(SafetyEventRow.reply_id)
        .order_by(SafetyEventRow.at.desc(), SafetyEventRow.id)
        .limit(_URGENT)
    )


def _newest() -> Select[str]:
    """Return those of the newest replies that are on screen."""
    # The limit comes before any condition: the index on time then bounds what is read.
    newest = (
        select(ReplyRow.id, ReplyRow.turn_id, ReplyRow.variant, ReplyRow.created_at)
        .order_by(ReplyRow.created_at.desc())
        .limit(_NEWEST)
        .subquery()
    )
    return (
        select(newest.c.id)
        .join(TurnRow, and_(TurnRow.id == newest.c.turn_id, TurnRow.shown == newest.c.variant))
        .order_by(newest.c.created_at.desc(), newest.c.id)
    )


def _judged_one_by_one(operator: str) -> Select[str]:
    """Return the replies of the newest reviews that others wrote one by one."""
    newest = (
        select(ReviewRow.id, ReviewRow.reply_id, ReviewRow.operator, ReviewRow.kind)
        .where(ReviewRow.bulk_id.is_(None))
        .order_by(ReviewRow.id.desc())
        .limit(_LATELY_REVIEWED)
        .subquery()
    )
    return (
        select(newest.c.reply_id)
        .where(
            newest.c.reply_id.is_not(None),
            newest.c.operator != operator,
            newest.c.kind.in_(("metric", "verdict")),
        )
        .order_by(newest.c.id.desc())
    )


def _open_to(
    session: Session, operator: str, reply_ids: Iterable[str], now: datetime
) -> dict[str, str]:
    """Return reply -> turn of those that are there and that this operator may be given."""
    own = exists().where(
        ReviewRow.reply_id == ReplyRow.id,
        ReviewRow.operator == operator,
        or_(ReviewRow.kind.in_(JUDGED), ReviewRow.kind == "skip"),
        standing(),
    )
    taken = exists().where(
        ReviewClaimRow.reply_id == ReplyRow.id,
        ReviewClaimRow.operator != operator,
        ReviewClaimRow.until > now,
    )
    found: dict[str, str] = {}
    for some in batches(reply_ids):
        wanted = (
            select(ReplyRow.id, ReplyRow.turn_id, ReplyRow.status)
            .join(TurnRow, ReplyRow.turn_id == TurnRow.id)
            .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
            .where(
                ReplyRow.id.in_(some),
                ReplyRow.text != "",
                TurnRow.superseded_at.is_(None),
                ConversationRow.deleted_at.is_(None),
                ~own,
                ~taken,
            )
        )
        # As a condition the status would have SQLite read every finished reply there is.
        rows = session.execute(wanted)
        found.update({reply: turn for reply, turn, status in rows if status in _FINISHED})
    return found


def _judges(session: Session, reply_ids: Iterable[str]) -> dict[str, set[str]]:
    """Return who has reviewed each reply."""
    found: dict[str, set[str]] = {}
    for some in batches(reply_ids):
        wanted = (
            select(ReviewRow.reply_id, ReviewRow.operator)
            .where(ReviewRow.reply_id.in_(some), ReviewRow.kind.in_(JUDGED), standing())
            .distinct()
        )
        for reply_id, operator in session.execute(wanted):
            found.setdefault(str(reply_id), set()).add(operator)
    return found


def _verdicts(session: Session, reply_ids: Iterable[str]) -> dict[str, dict[str, EvaluatorVerdict]]:
    found: dict[str, dict[str, EvaluatorVerdict]] = {}
    for some in batches(reply_ids):
        scores = ScoreRow.__table__.c
        values = [scores[metric] for metric in METRIC_COLUMNS]
        # Plain rows: thousands of mapped ones would take most of the queue's time.
        wanted = (
            select(scores.reply_id, scores.evaluator, scores.spread, *values)
            .where(scores.reply_id.in_(some))
            .order_by(scores.id)
        )
        for reply_id, evaluator, spread, *given in session.execute(wanted):
            verdict = EvaluatorVerdict(
                values=dict(zip(METRIC_COLUMNS, given, strict=True)), spread=spread
            )
            found.setdefault(reply_id, {})[evaluator] = verdict
    return found
