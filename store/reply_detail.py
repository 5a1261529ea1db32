"""One reply with all that is known of it: its conversation, verdicts, pairs, and what learnt from it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.candidates import newest_candidates
from store.conversations import conversation_record
from store.errors import NotFoundError
from store.lineage import learned_receipts
from store.night_records import (
    Candidate,
    Receipt,
    ScoreFailure,
    StoredConflict,
    StoredPair,
    StoredVerdict,
)
from store.night_tables import CandidateRow, ConflictRow, PairRow
from store.pair_queue import conflict_record
from store.pairs import pair_record
from store.records import Conversation, Reply, Turn
from store.rewards import list_verdicts
from store.scores import list_failures
from store.tables import ReplyRow, SafetyEventRow
from store.turns import list_turns, reply_record
from store.visitors import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyEvent:
    """What the safety filter caught, of the visitor ("user") or of her ("reply")."""

    reply_id: str
    source: str
    category: str
    reason: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDetail:
    """`turns`: the whole conversation in order, edited-away turns too. `verdicts` and `failures`:
    by the reply or candidate. `candidates`: what the newest night made of the turn."""

    reply: Reply
    conversation: Conversation
    turns: tuple[Turn, ...]
    candidates: tuple[Candidate, ...]
    verdicts: dict[str, list[StoredVerdict]]
    failures: dict[str, list[ScoreFailure]]
    safety: tuple[SafetyEvent, ...]
    pairs: tuple[StoredPair, ...]
    conflicts: tuple[StoredConflict, ...]
    learned: dict[str, list[Receipt]]

    @property
    def turn(self) -> Turn:
        """The turn that the reply answers."""
        return next(turn for turn in self.turns if turn.id == self.reply.turn_id)


def load_reply_detail(session: Session, reply_id: str) -> ReplyDetail:
    """Return a reply of anybody with everything around it. Raises NotFoundError."""
    row = session.get(ReplyRow, reply_id)
    if row is None:
        raise NotFoundError(f"no reply has the id {reply_id}; its visitor may have been erased")
    conversation = conversation_record(row.turn.conversation)
    owner = Owner(visitor_id=conversation.visitor_id)
    turns = tuple(list_turns(session, owner, conversation.id, with_superseded=True))
    turn = next(one for one in turns if one.id == row.turn_id)
    candidates = _candidates(session, turn.id)
    subjects = [one.id for one in turn.replies] + [one.id for one in candidates]
    return ReplyDetail(
        reply=reply_record(row),
        conversation=conversation,
        turns=turns,
        candidates=candidates,
        verdicts={one: list_verdicts(session, one) for one in subjects},
        failures={one: list_failures(session, one) for one in subjects},
        safety=_safety(session, turn.id),
        pairs=_pairs(session, turn.id),
        conflicts=_conflicts(session, turn.id),
        learned=learned_receipts(session, [one.id for one in turns]),
    )


def _candidates(session: Session, turn_id: str) -> tuple[Candidate, ...]:
    newest = select(CandidateRow.night_date).where(CandidateRow.turn_id == turn_id)
    date = session.scalar(newest.order_by(CandidateRow.night_date.desc()).limit(1))
    return () if date is None else tuple(newest_candidates(session, [turn_id], until=date))


def _safety(session: Session, turn_id: str) -> tuple[SafetyEvent, ...]:
    wanted = select(SafetyEventRow).where(SafetyEventRow.turn_id == turn_id)
    return tuple(
        SafetyEvent(
            reply_id=row.reply_id,
            source=row.source,
            category=row.category,
            reason=row.reason,
            text=row.text,
            at=row.at,
        )
        for row in session.scalars(wanted.order_by(SafetyEventRow.at, SafetyEventRow.id))
    )


def _pairs(session: Session, turn_id: str) -> tuple[StoredPair, ...]:
    wanted = select(PairRow).where(PairRow.turn_id == turn_id)
    rows = session.scalars(wanted.order_by(PairRow.night_date, PairRow.id))
    return tuple(pair_record(row) for row in rows)


def _conflicts(session: Session, turn_id: str) -> tuple[StoredConflict, ...]:
    wanted = select(ConflictRow).where(ConflictRow.turn_id == turn_id)
    rows = session.scalars(wanted.order_by(ConflictRow.created_at, ConflictRow.id))
    return tuple(conflict_record(row) for row in rows)
