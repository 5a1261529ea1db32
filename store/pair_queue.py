"""What pairing left out: drops with their reason, and conflicts that wait for an operator."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Select, delete, or_, select, union
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.batches import batches, existing_turns
from store.errors import ConflictError, NotFoundError
from store.learning import RESOLUTIONS
from store.night_records import NewConflict, NewDrop, NightClaim, Resolution, StoredConflict
from store.night_tables import (
    ConflictRow,
    NightStepRow,
    NightTrainingRow,
    NightTurnRow,
    PairDropRow,
    PairRow,
)
from store.nights import check_fence
from store.reply_index import note_replies
from store.tables import ReplyRow


def save_drops(session: Session, claim: NightClaim, drops: Sequence[NewDrop]) -> int:
    """Replace the drops of the night; return how many. Raises LeaseError."""
    check_fence(session, claim)
    session.execute(delete(PairDropRow).where(PairDropRow.night_date == claim.date))
    there = existing_turns(session, [drop.turn_id for drop in drops])
    kept = [drop for drop in drops if drop.turn_id in there]
    session.add_all(
        PairDropRow(
            night_date=claim.date, turn_id=drop.turn_id, reason=drop.reason, detail=drop.detail
        )
        for drop in kept
    )
    session.flush()
    return len(kept)


def list_drops(session: Session, night_date: str) -> list[NewDrop]:
    """Return the drops of a night in the order they were saved."""
    wanted = select(PairDropRow).where(PairDropRow.night_date == night_date)
    return [
        NewDrop(turn_id=row.turn_id, reason=row.reason, detail=row.detail)
        for row in session.scalars(wanted.order_by(PairDropRow.id))
    ]


def save_conflicts(
    session: Session, claim: NightClaim, conflicts: Sequence[NewConflict], *, now: datetime
) -> int:
    """Replace the unresolved conflicts of the night; return how many of `conflicts` are stored.

    A signal that an earlier night noted, resolved or not, is not asked about again. Raises
    LeaseError.
    """
    check_fence(session, claim)
    open_ones = ConflictRow.night_date == claim.date, ConflictRow.resolved_at.is_(None)
    note_replies(session, session.scalars(select(ConflictRow.reply_id).where(*open_ones)))
    session.execute(delete(ConflictRow).where(*open_ones))
    existing_turns(session, [conflict.turn_id for conflict in conflicts])
    there: set[str] = set()
    for some in batches(conflict.reply_id for conflict in conflicts):
        wanted = select(ReplyRow.id).where(ReplyRow.id.in_(some)).order_by(ReplyRow.id)
        there.update(session.scalars(wanted.with_for_update(read=True, key_share=True)))
    stored = 0
    for conflict in conflicts:
        if conflict.reply_id not in there:
            continue
        key = _id_of(conflict)
        known = session.get(ConflictRow, key)
        if known is None:
            session.add(_row(claim.date, key, conflict, now))
            session.flush()
        stored += known is None or known.night_date == claim.date
    return stored


def list_conflicts(
    session: Session, *, night_date: str | None = None, unresolved: bool = False
) -> list[StoredConflict]:
    """Return conflicts, oldest first, of one night or all."""
    wanted = select(ConflictRow).order_by(ConflictRow.created_at, ConflictRow.id)
    if night_date is not None:
        wanted = wanted.where(ConflictRow.night_date == night_date)
    if unresolved:
        wanted = wanted.where(ConflictRow.resolved_at.is_(None))
    return [conflict_record(row) for row in session.scalars(wanted)]


def resolve_conflict(
    session: Session, conflict_id: str, resolution: Resolution, operator: str, now: datetime
) -> StoredConflict:
    """Record whose word counts, so that the next night reads the turn again.

    Raises NotFoundError, ConflictError when it is resolved or for an unknown resolution.
    """
    if resolution not in RESOLUTIONS:
        raise ConflictError(f"resolution is {resolution!r}; expected {' or '.join(RESOLUTIONS)}")
    row = session.get(ConflictRow, conflict_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"no conflict has the id {conflict_id}")
    if row.resolved_at is not None:
        raise ConflictError(f"{row.resolved_by} has resolved it already: {row.resolution}")
    row.resolved_at, row.resolved_by, row.resolution = now, operator, resolution
    detail: dict[str, object] = {
        "night": row.night_date,
        "signal": row.signal,
        "resolution": resolution,
    }
    append_audit(session, actor=operator, action="conflict.resolve", detail=detail, now=now)
    session.flush()
    return conflict_record(row)


def reopen_conflict(
    session: Session, conflict_id: str, operator: str, now: datetime
) -> StoredConflict:
    """Take a resolution back, as long as no night has read it.

    Raises NotFoundError, ConflictError when it is open, or when a night has paired or trained on
    its turn since.
    """
    row = session.get(ConflictRow, conflict_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"no conflict has the id {conflict_id}")
    if row.resolved_at is None:
        raise ConflictError("the conflict is open; expected one that was resolved")
    night = session.scalars(_used_by(row.turn_id, row.resolved_at)).first()
    if night is not None:
        raise ConflictError(
            f"the night of {night} has used the resolution; decide on the pairs of the reply instead"
        )
    row.resolved_at = row.resolved_by = row.resolution = None
    detail: dict[str, object] = {"night": row.night_date, "signal": row.signal}
    append_audit(session, actor=operator, action="conflict.reopen", detail=detail, now=now)
    session.flush()
    return conflict_record(row)


def used_resolutions(session: Session, conflicts: Iterable[StoredConflict]) -> set[str]:
    """Return the ids of the resolved conflicts whose resolution a night has used."""
    return {
        one.id
        for one in conflicts
        if one.resolved_at is not None
        and session.scalars(_used_by(one.turn_id, one.resolved_at)).first() is not None
    }


def _used_by(turn_id: str, resolved_at: datetime) -> Select[str]:
    """The nights that may have read of a turn after a moment: a step that was under way counts."""
    since = or_(NightStepRow.finished_at.is_(None), NightStepRow.finished_at >= resolved_at)
    read = (
        select(NightStepRow.night_date)
        .join(NightTurnRow, NightTurnRow.night_date == NightStepRow.night_date)
        .where(NightTurnRow.turn_id == turn_id, NightStepRow.step == "pair", since)
    )
    trained = (
        select(NightStepRow.night_date)
        .join(NightTrainingRow, NightTrainingRow.night_date == NightStepRow.night_date)
        .join(PairRow, PairRow.id == NightTrainingRow.pair_id)
        .where(PairRow.turn_id == turn_id, NightStepRow.step == "train", since)
    )
    both = union(read, trained).subquery()
    return select(both.c.night_date).order_by(both.c.night_date)


def _id_of(conflict: NewConflict) -> str:
    key = f"conflict {conflict.reply_id} {conflict.signal}"
    return sha256(key.encode()).hexdigest()[:32]


def _row(date: str, key: str, conflict: NewConflict, now: datetime) -> ConflictRow:
    return ConflictRow(
        id=key,
        night_date=date,
        turn_id=conflict.turn_id,
        reply_id=conflict.reply_id,
        signal=conflict.signal,
        reward_quantile=conflict.reward_quantile,
        created_at=now,
        resolved_at=None,
        resolved_by=None,
        resolution=None,
    )


def conflict_record(row: ConflictRow) -> StoredConflict:
    """Return the row as a record."""
    return StoredConflict(
        id=row.id,
        night_date=row.night_date,
        turn_id=row.turn_id,
        reply_id=row.reply_id,
        signal=row.signal,
        reward_quantile=row.reward_quantile,
        created_at=row.created_at,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
    )
