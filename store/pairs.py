"""Preferences: what a night proposed, and what training may read of it today."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import get_args

from sqlalchemy import delete, func, not_, or_, select
from sqlalchemy.orm import Session

from store.batches import batches, existing_turns
from store.errors import NotFoundError
from store.learning import Limits, history_of, learnable_turn, visible_turns
from store.night_records import Line, NewPair, NightClaim, PairStatus, StoredPair
from store.night_tables import AdapterPairRow, ConflictRow, PairRow
from store.nights import check_fence
from store.standing import excluded_among, void_edits, wrong_of_fact
from store.tables import ConversationRow, TurnRow, VisitorRow
from store.turns import one_of

PAIR_STATUSES: tuple[PairStatus, ...] = get_args(PairStatus)
SCORED = "score"
"""The source of a pair that no person's verdict stands behind."""


def save_pairs(
    session: Session, claim: NightClaim, pairs: Sequence[NewPair], *, now: datetime
) -> int:
    """Make `pairs` what the night proposes; return how many of them are stored now.

    The night's rows that nobody decided on and no adapter was trained on are replaced. Passed
    over: pairs of turns erased meanwhile, and options that are paired already; a person's verdict
    may reverse an older pair, a score may not. Ids follow from the options, so that a resumed
    night has the same. Raises LeaseError.
    """
    check_fence(session, claim)
    trained = select(AdapterPairRow.pair_id)
    old = delete(PairRow).where(
        PairRow.night_date == claim.date,
        PairRow.status == "proposed",
        PairRow.id.not_in(trained),
    )
    session.execute(old)
    there = existing_turns(session, [pair.turn_id for pair in pairs])
    known = _known_options(session, pairs)
    wanted = {
        frozenset((pair.chosen_id, pair.rejected_id)): pair
        for pair in reversed(pairs)
        if pair.turn_id in there
    }
    stored = 0
    for pair in wanted.values():
        before = known.get((pair.chosen_id, pair.rejected_id))
        if before is None and pair.source == SCORED:
            before = known.get((pair.rejected_id, pair.chosen_id))
        if before is None:
            session.add(_row(claim.date, pair, now))
        stored += before in (None, claim.date)
    session.flush()
    return stored


def list_pairs(
    session: Session, night_date: str | None, status: PairStatus | None = None
) -> list[StoredPair]:
    """Return the pairs of a night, of all without a date, as they were proposed, the most disputed
    first."""
    wanted = select(PairRow).order_by(PairRow.disagreement.desc(), PairRow.id)
    if night_date is not None:
        wanted = wanted.where(PairRow.night_date == night_date)
    if status is not None:
        wanted = wanted.where(PairRow.status == status)
    return [pair_record(row) for row in session.scalars(wanted)]


def load_pair(session: Session, pair_id: str) -> StoredPair:
    """Return a pair as it was proposed or edited. Raises NotFoundError."""
    row = session.get(PairRow, pair_id)
    if row is None:
        raise NotFoundError(f"no pair has the id {pair_id}; its visitor may have been erased")
    return pair_record(row)


def earlier_pairs(
    session: Session, turn_ids: Iterable[str], *, except_night: str
) -> dict[str, list[StoredPair]]:
    """Return what other nights paired of these turns, whatever became of it."""
    found: dict[str, list[StoredPair]] = {}
    for some in batches(turn_ids):
        wanted = (
            select(PairRow)
            .where(PairRow.turn_id.in_(some), PairRow.night_date != except_night)
            .order_by(PairRow.created_at, PairRow.id)
        )
        for row in session.scalars(wanted):
            found.setdefault(row.turn_id, []).append(pair_record(row))
    return found


def list_trainable_pairs(
    session: Session, *, now: datetime, retention: timedelta, auto: bool = True
) -> list[StoredPair]:
    """Return the pairs of all nights that may train today, in a fixed order; flipped ones swapped.

    Proposed ones only with `auto`; vetoed ones never. Consent, deletion, opt-out, safety and
    retention are judged as of `now`, for the turn and for every turn of its context. A pair with
    a reply in an unresolved conflict is withheld, one that prefers a reply against which an
    operator found the visitor right, and one of a correction that was taken back. A turn has the pairs of one night: of those with a person's
    verdict the newest, else the newest.
    """
    statuses = ("proposed", "approved", "flipped") if auto else ("approved", "flipped")
    disputed = select(ConflictRow.reply_id).where(ConflictRow.resolved_at.is_(None))
    disliked = select(ConflictRow.reply_id).where(ConflictRow.resolution == "visitor")
    flipped = PairRow.status == "flipped"
    wanted = (
        select(PairRow, TurnRow.conversation_id, TurnRow.position, VisitorRow.consent_at)
        .join(TurnRow, PairRow.turn_id == TurnRow.id)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
        .where(
            *learnable_turn(now=now, retention=retention),
            PairRow.visitor_id == VisitorRow.id,
            PairRow.status.in_(statuses),
            PairRow.chosen_id.not_in(disputed),
            PairRow.rejected_id.not_in(disputed),
            PairRow.chosen_id.not_in(void_edits()),
            PairRow.rejected_id.not_in(void_edits()),
            PairRow.chosen_id.not_in(wrong_of_fact()),
            PairRow.rejected_id.not_in(wrong_of_fact()),
            or_(flipped, PairRow.chosen_id.not_in(disliked)),
            or_(not_(flipped), PairRow.rejected_id.not_in(disliked)),
        )
        .order_by(PairRow.night_date, PairRow.id)
    )
    found = session.execute(wanted).all()
    talks = visible_turns(session, [conversation for _, conversation, _, _ in found])
    kept_out = excluded_among(session, (turn.id for talk in talks.values() for turn in talk))
    trainable = []
    for row, conversation, position, consent_at in found:
        pair = pair_record(row)
        before = [turn for turn in talks[conversation] if turn.position < position]
        limits = Limits(consent_at=consent_at or now, oldest=now - retention, kept_out=kept_out)
        if len(history_of(before, limits, _context_turns(pair))) == 2 * _context_turns(pair):
            trainable.append(pair.swapped() if pair.status == "flipped" else pair)
    return _current(trainable)


def count_pairs_by_visitor(session: Session, *, except_night: str | None = None) -> dict[str, int]:
    """Return how many pairs, vetoed ones aside, each visitor has in all nights.

    A night that is being done again counts without its own (`except_night`).
    """
    wanted = (
        select(PairRow.visitor_id, func.count())
        .where(PairRow.status != "vetoed")
        .group_by(PairRow.visitor_id)
    )
    if except_night is not None:
        wanted = wanted.where(PairRow.night_date != except_night)
    return dict(session.execute(wanted).all())


def pair_record(row: PairRow) -> StoredPair:
    """Return the row as it was proposed."""
    return StoredPair(
        id=row.id,
        night_date=row.night_date,
        turn_id=row.turn_id,
        visitor_id=row.visitor_id,
        turns=tuple(_line(turn) for turn in row.turns),
        facts=tuple(row.facts),
        chosen_id=row.chosen_id,
        chosen=row.chosen,
        rejected_id=row.rejected_id,
        rejected=row.rejected,
        source=row.source,
        margin=row.margin,
        disagreement=row.disagreement,
        status=one_of(row.status, PAIR_STATUSES),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        created_at=row.created_at,
    )


def _current(pairs: Sequence[StoredPair]) -> list[StoredPair]:
    """Leave each turn the pairs of the night that knew best."""
    best: dict[str, tuple[bool, datetime, str]] = {}
    for pair in pairs:
        rank = (pair.source != SCORED, pair.created_at, pair.night_date)
        best[pair.turn_id] = max(rank, best.get(pair.turn_id, rank))
    return [pair for pair in pairs if pair.night_date == best[pair.turn_id][2]]


def _context_turns(pair: StoredPair) -> int:
    """Return how many earlier turns, even in part, stand before what the visitor said."""
    roles = [role for role, _ in pair.turns]
    return max(roles.count("user") - 1, roles.count("assistant"))


def _known_options(session: Session, pairs: Sequence[NewPair]) -> dict[tuple[str, str], str]:
    """Return (chosen, rejected) of what is paired already, with the night that did it.

    A pair whose text an operator changed is known by its id, under the options it was proposed
    with.
    """
    known: dict[tuple[str, str], str] = {}
    for some in batches(pair.chosen_id for pair in pairs):
        wanted = select(PairRow.chosen_id, PairRow.rejected_id, PairRow.night_date).where(
            or_(PairRow.chosen_id.in_(some), PairRow.rejected_id.in_(some))
        )
        for chosen, rejected, date in session.execute(wanted):
            known[(chosen, rejected)] = date
    named: dict[str, tuple[str, str]] = {}
    for pair in pairs:
        for options in ((pair.chosen_id, pair.rejected_id), (pair.rejected_id, pair.chosen_id)):
            named[_id_of(*options)] = options
    for some in batches(named):
        edited = select(PairRow.id, PairRow.night_date).where(PairRow.id.in_(some))
        for key, date in session.execute(edited):
            known[named[key]] = date
    return known


def _id_of(chosen_id: str, rejected_id: str) -> str:
    return sha256(f"pair {chosen_id} {rejected_id}".encode()).hexdigest()[:32]


def _row(date: str, pair: NewPair, now: datetime) -> PairRow:
    return PairRow(
        id=_id_of(pair.chosen_id, pair.rejected_id),
        night_date=date,
        visitor_id=pair.visitor_id,
        turn_id=pair.turn_id,
        turns=[{"role": role, "content": content} for role, content in pair.turns],
        facts=list(pair.facts),
        chosen_id=pair.chosen_id,
        chosen=pair.chosen,
        rejected_id=pair.rejected_id,
        rejected=pair.rejected,
        source=pair.source,
        margin=pair.margin,
        disagreement=pair.disagreement,
        status="proposed",
        decided_by=None,
        decided_at=None,
        created_at=now,
    )


def _line(turn: dict[str, str]) -> Line:
    role = turn["role"]
    if role == "user":
        return "user", turn["content"]
    if role == "assistant":
        return "assistant", turn["content"]
    raise ValueError(f"the database holds a turn of {role!r}; expected user or assistant")
