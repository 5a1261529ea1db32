"""Duels: two versions answer one turn, and the visitor may say which answer they like better."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from store.console_tables import DuelRow
from store.errors import ConflictError
from store.lineage import clean_fallbacks
from store.records import MOVING, Duel, DuelVerdict
from store.tables import DeploymentRow, ReplyRow, TurnRow, VisitorRow
from store.turns import get_turn_row, one_of
from store.visitors import Owner, new_id

VERDICTS: tuple[DuelVerdict, ...] = get_args(DuelVerdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opponents:
    """The adapter in production and the one that stood there before it."""

    newer: str
    older: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelVote:
    """A decided duel, as the statistics need it."""

    visitor_id: str
    newer_adapter: str
    older_adapter: str
    verdict: DuelVerdict
    decided_at: datetime


def duel_opponents(session: Session, *, within: timedelta, now: datetime) -> Opponents | None:
    """Return who may be compared: both clean, neither rolled back, the change less than `within`
    ago; None when there are no such two."""
    newest = session.scalar(select(DeploymentRow).order_by(DeploymentRow.id.desc()).limit(1))
    if newest is None:
        return None
    standing = clean_fallbacks(session)
    if len(standing) < 2 or standing[0] != newest.adapter_id:
        return None
    since = session.scalar(
        select(DeploymentRow.at)
        .where(DeploymentRow.id > _last_of_others(session, newest.adapter_id))
        .order_by(DeploymentRow.id)
        .limit(1)
    )
    if since is None or since <= now - within:
        return None
    return Opponents(newer=standing[0], older=standing[1])


def _last_of_others(session: Session, adapter_id: str) -> int:
    """The newest deployment of any other adapter; 0 when there is none."""
    wanted = (
        select(DeploymentRow.id)
        .where(DeploymentRow.adapter_id != adapter_id)
        .order_by(DeploymentRow.id.desc())
        .limit(1)
    )
    return session.scalar(wanted) or 0


def add_duel(session: Session, owner: Owner, duel: Duel) -> None:
    """Note that two answers were promised to the visitor."""
    session.add(
        DuelRow(
            id=duel.id,
            visitor_id=owner.visitor_id,
            turn_id=duel.turn_id,
            newer_adapter=duel.newer_adapter,
            older_adapter=duel.older_adapter,
            newer_reply=duel.newer_reply,
            older_reply=duel.older_reply,
            newer_left=duel.newer_left,
            asked_at=duel.asked_at,
            verdict=None,
            decided_at=None,
        )
    )
    session.flush()


def new_duel(
    opponents: Opponents, turn_id: str, *, replies: tuple[str, str], newer_left: bool, now: datetime
) -> Duel:
    """Return an undecided duel; `replies` are the newer adapter's and the older one's."""
    return Duel(
        id=new_id(),
        turn_id=turn_id,
        newer_adapter=opponents.newer,
        older_adapter=opponents.older,
        newer_reply=replies[0],
        older_reply=replies[1],
        newer_left=newer_left,
        asked_at=now,
        verdict=None,
        decided_at=None,
    )


def settle_duel(session: Session, reply_id: str) -> None:
    """Call off the duel of a finished reply when it compares nothing: a failed, stopped, deflected or
    equal answer, or one that another adapter than promised had to give.

    An older version's answer that nobody needs any more goes too, unless the safety filter caught
    something in it: such an event is kept.
    """
    mine = or_(DuelRow.newer_reply == reply_id, DuelRow.older_reply == reply_id)
    row = session.scalar(select(DuelRow).where(mine, DuelRow.verdict.is_(None)).with_for_update())
    if row is None:
        return
    newer = session.get_one(ReplyRow, row.newer_reply)
    older = session.get_one(ReplyRow, row.older_reply)
    if newer.status in MOVING or older.status in MOVING:
        return
    fair = (
        all(one.status == "done" and not one.safety for one in (newer, older))
        and newer.text != older.text
        and (newer.adapter_id, older.adapter_id) == (row.newer_adapter, row.older_adapter)
    )
    if fair:
        return
    turn = session.get_one(TurnRow, row.turn_id)
    session.delete(row)
    session.flush()
    if newer.status == "failed" and older.status == "done" and not older.safety:
        turn.shown = older.variant
    elif not older.safety and turn.shown != older.variant and len(turn.replies) == 2:
        session.delete(older)
    session.flush()


def open_duels(session: Session, owner: Owner, conversation_id: str) -> dict[str, Duel]:
    """Return the duel that the visitor may still decide, by turn: that of the last turn at most.

    What is being made is among them, so that both answers can be shown as they grow. One is over
    once it is decided, the talk went on, the visitor asked for yet another answer, or an answer
    failed.
    """
    last = (
        select(TurnRow.id)
        .where(TurnRow.conversation_id == conversation_id, TurnRow.superseded_at.is_(None))
        .order_by(TurnRow.position.desc())
        .limit(1)
        .scalar_subquery()
    )
    wanted = (
        select(DuelRow)
        .join(VisitorRow, DuelRow.visitor_id == VisitorRow.id)
        .where(
            DuelRow.turn_id == last,
            DuelRow.visitor_id == owner.visitor_id,
            DuelRow.verdict.is_(None),
            VisitorRow.duel_at.is_not(None),
        )
    )
    return {
        row.turn_id: duel_record(row)
        for row in session.scalars(wanted)
        if _comparable(session.get_one(TurnRow, row.turn_id).replies)
    }


def _comparable(replies: Sequence[ReplyRow]) -> bool:
    unspoilt = all(one.status in ("done", *MOVING) and not one.safety for one in replies)
    return len(replies) == 2 and unspoilt


def decide_duel(
    session: Session, owner: Owner, turn_id: str, *, left: bool | None, now: datetime
) -> DuelVerdict:
    """Keep the visitor's choice, None for "about the same", and show what they chose.

    A tie leaves the newer one shown. Raises NotFoundError, ConflictError when the duel is over or
    an answer is still being made.
    """
    turn = get_turn_row(session, owner, turn_id, lock=True)
    if turn_id not in open_duels(session, owner, turn.conversation_id):
        raise ConflictError("nothing is asked about this turn any more")
    row = session.scalars(select(DuelRow).where(DuelRow.turn_id == turn_id)).one()
    if any(reply.status in MOVING for reply in turn.replies):
        raise ConflictError("an answer is still being made")
    verdict: DuelVerdict = "tie"
    if left is not None:
        verdict = "newer" if left is row.newer_left else "older"
    row.verdict, row.decided_at = verdict, now
    shown = row.older_reply if verdict == "older" else row.newer_reply
    turn.shown = next(reply.variant for reply in turn.replies if reply.id == shown)
    session.flush()
    return verdict


def list_votes(session: Session) -> list[DuelVote]:
    """Return every decided duel in the order of the decisions."""
    wanted = (
        select(DuelRow)
        .where(DuelRow.verdict.is_not(None), DuelRow.decided_at.is_not(None))
        .order_by(DuelRow.decided_at, DuelRow.id)
    )
    return [
        DuelVote(
            visitor_id=row.visitor_id,
            newer_adapter=row.newer_adapter,
            older_adapter=row.older_adapter,
            verdict=one_of(row.verdict or "", VERDICTS),
            decided_at=row.decided_at or row.asked_at,
        )
        for row in session.scalars(wanted)
    ]


def count_asked(session: Session) -> dict[tuple[str, str], int]:
    """Return how many duels were shown, decided or not, by (newer, older), the latest pair first."""
    versions = (DuelRow.newer_adapter, DuelRow.older_adapter)
    wanted = (
        select(*versions, func.count())
        .group_by(*versions)
        .order_by(func.max(DuelRow.asked_at).desc(), *versions)
    )
    return {(newer, older): count for newer, older, count in session.execute(wanted)}


def count_visitors_in(session: Session) -> int:
    """Return how many visitors take part now."""
    wanted = select(func.count()).select_from(VisitorRow).where(VisitorRow.duel_at.is_not(None))
    return session.scalar(wanted) or 0


def duel_record(row: DuelRow) -> Duel:
    """Return the row as a record."""
    return Duel(
        id=row.id,
        turn_id=row.turn_id,
        newer_adapter=row.newer_adapter,
        older_adapter=row.older_adapter,
        newer_reply=row.newer_reply,
        older_reply=row.older_reply,
        newer_left=row.newer_left,
        asked_at=row.asked_at,
        verdict=None if row.verdict is None else one_of(row.verdict, VERDICTS),
        decided_at=row.decided_at,
    )
