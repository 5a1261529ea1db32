"""What a logged reply was made of, so that it can be made once more."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from store.errors import NotFoundError
from store.records import ReplyStatus
from store.tables import ReplyRow, TurnRow
from store.turns import REPLY_STATUSES, one_of

Exchange = tuple[str, str]
_ENDED: tuple[ReplyStatus, ...] = ("done", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySource:
    """A reply with everything its prompt was made of.

    `history`: what was said and answered before, oldest first. `exact`: the history is the one the
    prompt held, else it is rebuilt from what is shown today. `base`, `prompt`: digests of what the
    model was and read; None where they were not kept. `flagged`: the visitor's words were caught
    by the safety filter; `deflected`: the stored text stands for another that was caught.
    """

    reply_id: str
    turn_id: str
    user_text: str
    text: str
    status: ReplyStatus
    flagged: bool
    deflected: bool
    adapter: str | None
    facts: tuple[str, ...]
    seed: int
    sampling: dict[str, float]
    history: tuple[Exchange, ...]
    exact: bool
    base: str | None
    prompt: str | None

    @property
    def ended(self) -> bool:
        """Whether there is a text to compare with."""
        return self.status in _ENDED


def load_replay_source(session: Session, reply_id: str, *, history_turns: int) -> ReplaySource:
    """Return what a reply was made of; `history_turns` bounds a history that must be rebuilt.

    Raises NotFoundError.
    """
    row = session.get(ReplyRow, reply_id)
    if row is None or row.turn.conversation.deleted_at is not None:
        raise NotFoundError("no such reply")
    kept = _kept_history(session, row.context)
    history = _rebuilt_history(session, row, history_turns) if kept is None else kept
    return ReplaySource(
        reply_id=row.id,
        turn_id=row.turn_id,
        user_text=row.turn.text,
        text=row.text,
        status=one_of(row.status, REPLY_STATUSES),
        flagged=row.turn.flagged,
        deflected=row.safety,
        adapter=row.adapter_id,
        facts=tuple(row.facts),
        seed=row.seed,
        sampling=dict(row.sampling),
        history=history,
        exact=kept is not None,
        base=row.base_digest,
        prompt=row.prompt_digest,
    )


def reply_is_there(session: Session, reply_id: str) -> bool:
    """Return whether nobody has erased or deleted it."""
    row = session.get(ReplyRow, reply_id)
    return row is not None and row.turn.conversation.deleted_at is None


def _kept_history(session: Session, context: Sequence[str] | None) -> tuple[Exchange, ...] | None:
    """Return the exchanges of the noted replies; None when they were not noted or one is gone."""
    if context is None:
        return None
    wanted = (
        select(ReplyRow.id, TurnRow.text, ReplyRow.text)
        .join(TurnRow, ReplyRow.turn_id == TurnRow.id)
        .where(ReplyRow.id.in_(context))
    )
    found = {reply: (said, answered) for reply, said, answered in session.execute(wanted)}
    if len(found) < len(context):
        return None
    return tuple(found[one] for one in context)


def _rebuilt_history(session: Session, row: ReplyRow, most: int) -> tuple[Exchange, ...]:
    """Return the newest `most` answered turns before the reply, as they are shown today."""
    wanted = (
        select(TurnRow)
        .where(
            TurnRow.conversation_id == row.turn.conversation_id,
            TurnRow.position < row.turn.position,
            TurnRow.flagged.is_(False),
            or_(TurnRow.superseded_at.is_(None), TurnRow.superseded_at > row.created_at),
        )
        .order_by(TurnRow.position)
        .options(selectinload(TurnRow.replies))
    )
    history: list[Exchange] = []
    for turn in session.scalars(wanted):
        shown = turn.replies[turn.shown]
        if shown.status in _ENDED and not shown.safety and shown.text:
            history.append((turn.text, shown.text))
    return tuple(history[max(0, len(history) - most) :])
