"""What may be learnt from: the one place where consent is applied."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session, selectinload

from store.batches import batches
from store.night_records import LearnableReply, LearnableTurn, Line, ReplySignal, Resolution
from store.night_tables import ConflictRow, ReviewRow
from store.standing import excluded, excluded_among, standing, wrong_of_fact
from store.tables import ConversationRow, ReplyRow, TurnRow, VisitorRow
from store.turns import one_of

_SIGNALS: tuple[ReplySignal, ...] = get_args(ReplySignal)
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a visitor's words were allowed: after their newest yes, inside retention. `kept_out`:
    turns that an operator keeps from being learnt from."""

    consent_at: datetime
    oldest: datetime
    kept_out: frozenset[str] = frozenset()

    def allow(self, turn: TurnRow) -> bool:
        """Whether a turn may be read as the context of a later one."""
        allowed = turn.learn and turn.id not in self.kept_out
        return allowed and turn.created_at >= self.consent_at and turn.created_at > self.oldest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What operators said of replies, by reply; `wrong`: those in which they corrected a fact."""

    edits: Mapping[str, ReviewRow]
    verdicts: Mapping[str, ReviewRow]
    resolved: Mapping[str, Sequence[ConflictRow]]
    wrong: Collection[str]


def list_learnable(
    session: Session,
    *,
    now: datetime,
    retention: timedelta,
    history_turns: int = 6,
    among: Collection[str] | None = None,
    with_excluded: bool = False,
) -> list[LearnableTurn]:
    """Return finished shown replies, oldest first, that their visitor lets the night use.

    `among`: only of these turns, a few; None for all. Left out: no consent, said before consent,
    withdrawn; "do not learn this"; deleted; edited away; older than `retention`; caught by the
    safety filter on either side; what an operator excluded, unless `with_excluded`. The context is
    what the chat's prompt held, at most `history_turns` turns; it ends before a turn that must not
    be learnt from.
    """
    wanted = _shown_turns(consented_turn(now=now, retention=retention))
    if not with_excluded:
        wanted = wanted.where(TurnRow.id.not_in(excluded()))
    if among is not None:
        wanted = wanted.where(TurnRow.id.in_(among))
    found = session.execute(wanted).all()
    talks = visible_turns(session, [conversation for _, conversation, _, _ in found])
    turns = (turn.id for talk in talks.values() for turn in talk)
    kept_out = frozenset[str]() if with_excluded else excluded_among(session, turns)
    said = {turn_id for turn_id, _, _, _ in found}
    own = [turn for talk in talks.values() for turn in talk if turn.id in said]
    words = _Words(
        edits=_edits(session, own),
        verdicts=_verdicts(session, own),
        resolved=_resolved(session, own),
        wrong=_wrong_of_fact(session, own),
    )
    learnable = []
    for turn_id, conversation, visitor, consent_at in found:
        talk = talks[conversation]
        index = next(at for at, turn in enumerate(talk) if turn.id == turn_id)
        limits = Limits(consent_at=consent_at or now, oldest=now - retention, kept_out=kept_out)
        learnable.append(
            LearnableTurn(
                visitor_id=visitor,
                conversation_id=conversation,
                turn_id=turn_id,
                created_at=talk[index].created_at,
                turns=history_of(talk[:index], limits, history_turns),
                user_text=talk[index].text,
                replies=_replies(talk[index], words),
                evidence_at=_evidence_at(talk[index], words),
            )
        )
    return learnable


def _shown_turns(
    allowed: Sequence[ColumnElement[bool]],
) -> Select[str, str, str, datetime | None]:
    shown = and_(ReplyRow.turn_id == TurnRow.id, ReplyRow.variant == TurnRow.shown)
    return (
        select(TurnRow.id, TurnRow.conversation_id, VisitorRow.id, VisitorRow.consent_at)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
        .join(ReplyRow, shown)
        .where(*allowed, ReplyRow.status == "done", ReplyRow.safety.is_(False))
        .order_by(TurnRow.created_at, TurnRow.id)
    )


def learnable_turn(*, now: datetime, retention: timedelta) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on turns joined with their conversation and visitor."""
    return (*consented_turn(now=now, retention=retention), TurnRow.id.not_in(excluded()))


def consented_turn(*, now: datetime, retention: timedelta) -> tuple[ColumnElement[bool], ...]:
    """Return those of the conditions that are the visitor's own, safety and time."""
    return (
        VisitorRow.consent.is_(True),
        TurnRow.created_at >= VisitorRow.consent_at,
        TurnRow.created_at > now - retention,
        TurnRow.learn.is_(True),
        TurnRow.flagged.is_(False),
        TurnRow.superseded_at.is_(None),
        ConversationRow.deleted_at.is_(None),
    )


def visible_turns(session: Session, conversation_ids: Iterable[str]) -> dict[str, list[TurnRow]]:
    """Return the turns on screen of each conversation, in order, with variants and thumbs."""
    talks: dict[str, list[TurnRow]] = {}
    for some in batches(conversation_ids):
        wanted = (
            select(TurnRow)
            .where(TurnRow.conversation_id.in_(some), TurnRow.superseded_at.is_(None))
            .order_by(TurnRow.conversation_id, TurnRow.position)
            .options(selectinload(TurnRow.replies).selectinload(ReplyRow.feedback))
        )
        for turn in session.scalars(wanted):
            talks.setdefault(turn.conversation_id, []).append(turn)
    return talks


def history_of(before: Sequence[TurnRow], limits: Limits, most: int) -> tuple[Line, ...]:
    """Return the newest `most` answered turns, oldest first, back to one that is not allowed.

    What the safety filter deflected was not in the prompt and is passed over.
    """
    lines: list[Line] = []
    for turn in reversed(before):
        if len(lines) == 2 * most or not limits.allow(turn):
            break
        shown = turn.replies[turn.shown]
        usable = shown.status in ("done", "stopped") and not shown.safety and bool(shown.text)
        if usable and not turn.flagged:
            lines += [("assistant", shown.text), ("user", turn.text)]
    return tuple(reversed(lines))


def _replies(turn: TurnRow, words: _Words) -> tuple[LearnableReply, ...]:
    finished = [reply for reply in turn.replies if reply.status == "done" and not reply.safety]
    # Nobody asked for a duel's second answer: that it stands there is no dislike of the first.
    several = sum(reply.origin != "duel" for reply in finished) > 1
    return tuple(
        LearnableReply(
            id=reply.id,
            text=reply.text,
            facts=tuple(reply.facts),
            adapter=reply.adapter_id,
            shown=reply.variant == turn.shown,
            signals=_signals(reply, words, shown=reply.variant == turn.shown, several=several),
            edit_id=f"edit-{words.edits[reply.id].id}" if reply.id in words.edits else None,
            edit=words.edits[reply.id].text if reply.id in words.edits else None,
            settled={
                one_of(row.signal, _SIGNALS): one_of(row.resolution or "", RESOLUTIONS)
                for row in words.resolved.get(reply.id, ())
            },
            wrong_of_fact=reply.id in words.wrong,
        )
        for reply in finished
    )


def _signals(
    reply: ReplyRow, words: _Words, *, shown: bool, several: bool
) -> frozenset[ReplySignal]:
    signals: set[ReplySignal] = set()
    if several and reply.origin != "duel":
        signals.add("kept" if shown else "regenerated_away")
    if reply.id in words.edits:
        signals.add("edited")
    if reply.id in words.verdicts:
        good = words.verdicts[reply.id].text == "good"
        signals.add("operator_good" if good else "operator_bad")
    if reply.feedback is not None:
        signals.add("thumb_up" if reply.feedback.thumb == "up" else "thumb_down")
    return frozenset(signals)


def _evidence_at(turn: TurnRow, words: _Words) -> datetime | None:
    """Return when the newest verdict of a person on the turn's finished replies was given."""
    moments: list[datetime] = []
    for reply in turn.replies:
        if reply.status != "done" or reply.safety:
            continue
        if reply.variant > 0 and reply.origin != "duel":
            moments.append(reply.finished_at or reply.created_at)
        if reply.feedback is not None:
            moments.append(reply.feedback.at)
        moments += [said[reply.id].at for said in (words.edits, words.verdicts) if reply.id in said]
        resolved = words.resolved.get(reply.id, ())
        moments += [row.resolved_at for row in resolved if row.resolved_at]
    return max(moments, default=None)


def _resolved(session: Session, turns: Iterable[TurnRow]) -> dict[str, list[ConflictRow]]:
    """Return the conflicts of each reply that an operator has resolved."""
    found: dict[str, list[ConflictRow]] = {}
    for some in batches(turn.id for turn in turns):
        wanted = (
            select(ConflictRow)
            .where(ConflictRow.turn_id.in_(some), ConflictRow.resolved_at.is_not(None))
            .order_by(ConflictRow.id)
        )
        for row in session.scalars(wanted):
            found.setdefault(row.reply_id, []).append(row)
    return found


def _edits(session: Session, turns: Iterable[TurnRow]) -> dict[str, ReviewRow]:
    """Return the newest text that an operator put in place of each reply.

    What corrects a fact belongs on the card: it is proposed there and never becomes a pair.
    """
    style = ReviewRow.route.is_distinct_from("fact")
    return _newest(session, turns, ReviewRow.kind == "edit", style)


def _verdicts(session: Session, turns: Iterable[TurnRow]) -> dict[str, ReviewRow]:
    """Return the newest quick verdict on each reply, whoever gave it."""
    return _newest(session, turns, ReviewRow.kind == "verdict")


def _newest(
    session: Session, turns: Iterable[TurnRow], *kind: ColumnElement[bool]
) -> dict[str, ReviewRow]:
    """Return the newest review of a kind that stands, by reply."""
    newest: dict[str, ReviewRow] = {}
    for some in batches(reply.id for turn in turns for reply in turn.replies):
        wanted = select(ReviewRow).where(ReviewRow.reply_id.in_(some), *kind, standing())
        rows = session.scalars(wanted.order_by(ReviewRow.id))
        newest.update((str(row.reply_id), row) for row in rows)
    return newest


def _wrong_of_fact(session: Session, turns: Iterable[TurnRow]) -> frozenset[str]:
    """Return the replies in which an operator corrected a fact."""
    found: set[str] = set()
    for some in batches(reply.id for turn in turns for reply in turn.replies):
        found.update(session.scalars(wrong_of_fact().where(ReviewRow.reply_id.in_(some))))
    return frozenset(found)
