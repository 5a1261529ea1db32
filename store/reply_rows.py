"""What a page of the list of replies shows of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from store.console_tables import ReplyFiguresRow, ReplyIndexRow
from store.night_tables import NightRewardRow, ScoreFailureRow, ScoreRow
from store.records import Thumb
from store.scores import METRIC_COLUMNS
from store.tables import ConversationRow, FeedbackRow, ReplyRow, TurnRow
from store.turns import THUMBS, one_of

_SCALE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedReply:
    """A shown reply with what the evaluator, its visitor and operators made of it.

    Scores (0..10), `mean` and `spread` (the widest) are of the newest verdict, rounded to
    hundredths; without one they are None and `unscored_reason` says why, if that is known.
    `guards`: of the newest night that used a verdict. `variants`: of its turn. `reviewed`: how
    many reviews stand. `personal`: None when nobody has looked yet.
    """

    id: str
    turn_id: str
    conversation_id: str
    visitor_id: str
    at: datetime
    adapter: str | None
    user_text: str
    text: str
    facts: tuple[str, ...]
    evaluator: str | None
    scores: Mapping[str, float] | None
    mean: float | None
    spread: float | None
    guards: Mapping[str, Mapping[str, float | str]] | None
    thumb: Thumb | None
    reason: str | None
    variants: int
    on_screen: bool
    superseded: bool
    safety: bool
    conflict: bool
    personal: bool | None
    reviewed: int
    unscored_reason: str | None


def load_listed(session: Session, numbers: Sequence[int]) -> list[ListedReply]:
    """Return the replies of these numbers, in their order; erased ones are missing."""
    wanted = (
        select(
            ReplyIndexRow.number,
            ReplyIndexRow.visitor_id,
            ReplyIndexRow.evaluator,
            ReplyFiguresRow,
            ReplyRow.id,
            ReplyRow.turn_id,
            ReplyRow.created_at,
            ReplyRow.text,
            ReplyRow.facts,
            TurnRow.text.label("user_text"),
            TurnRow.conversation_id,
            FeedbackRow.thumb,
            FeedbackRow.reason,
        )
        .join(ReplyFiguresRow, ReplyFiguresRow.number == ReplyIndexRow.number)
        .join(ReplyRow, ReplyRow.id == ReplyIndexRow.reply_id)
        .join(TurnRow, TurnRow.id == ReplyRow.turn_id)
        .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
        .outerjoin(FeedbackRow, FeedbackRow.reply_id == ReplyRow.id)
        .where(ReplyIndexRow.number.in_(numbers))
    )
    rows = {row.number: row for row in session.execute(wanted)}
    ids = [row.id for row in rows.values()]
    unscored = [row.id for row in rows.values() if row.evaluator is None]
    guards, reasons = _guards(session, ids), _reasons(session, unscored)
    return [
        _record(rows[number], guards.get(rows[number].id), reasons.get(rows[number].id))
        for number in numbers
        if number in rows
    ]


def _guards(
    session: Session, ids: Sequence[str]
) -> dict[str, Mapping[str, Mapping[str, float | str]]]:
    """Return reply -> guards of the newest night that used a verdict on it."""
    wanted = (
        select(ScoreRow.reply_id, NightRewardRow.guards)
        .join(NightRewardRow, NightRewardRow.score_id == ScoreRow.id)
        .where(ScoreRow.reply_id.in_(ids))
        .order_by(NightRewardRow.night_date, ScoreRow.id)
    )
    return {str(row.reply_id): row.guards for row in session.execute(wanted)}


def _reasons(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """Return reply -> why the last evaluator that tried could not score it."""
    wanted = (
        select(ScoreFailureRow.subject_id, ScoreFailureRow.reason)
        .where(ScoreFailureRow.subject_id.in_(ids))
        .order_by(ScoreFailureRow.id)
    )
    return {row.subject_id: row.reason for row in session.execute(wanted)}


def _record(
    row: Row[*tuple[Any, ...]],
    guards: Mapping[str, Mapping[str, float | str]] | None,
    unscored_reason: str | None,
) -> ListedReply:
    figures = row.ReplyFiguresRow
    scored = figures.mean is not None
    return ListedReply(
        id=row.id,
        turn_id=row.turn_id,
        conversation_id=row.conversation_id,
        visitor_id=row.visitor_id,
        at=row.created_at,
        adapter=figures.adapter,
        user_text=row.user_text,
        text=row.text,
        facts=tuple(row.facts),
        evaluator=row.evaluator,
        scores=_scores(figures) if scored else None,
        mean=figures.mean / _SCALE if scored else None,
        spread=None if figures.spread is None else figures.spread / _SCALE,
        guards=guards,
        thumb=None if row.thumb is None else one_of(row.thumb, THUMBS),
        reason=row.reason,
        variants=figures.variants,
        on_screen=figures.on_screen,
        superseded=figures.superseded,
        safety=figures.safety,
        conflict=figures.conflict,
        personal=figures.personal,
        reviewed=figures.reviewed,
        unscored_reason=unscored_reason,
    )


def _scores(figures: ReplyFiguresRow) -> dict[str, float]:
    values = (
        *(figures.agency, figures.attentiveness, figures.consistency, figures.ease),
        *(figures.empathetic, figures.emotion, figures.enjoyability, figures.humanness),
        *(figures.personality, figures.respeak, figures.topic, figures.trust),
    )
    named = zip(METRIC_COLUMNS, values, strict=True)
    return {metric: value / _SCALE for metric, value in named if value is not None}
