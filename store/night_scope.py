"""Which turns a night read and which pairs it trained on: what its figures are counted from."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store.batches import batches, existing_turns
from store.night_records import NightClaim
from store.night_tables import NightTrainingRow, NightTurnRow, PairRow
from store.nights import check_fence


def save_night_turns(session: Session, claim: NightClaim, turn_ids: Sequence[str]) -> int:
    """Make these the turns that the night reads; return how many are there. Raises LeaseError."""
    check_fence(session, claim)
    session.execute(delete(NightTurnRow).where(NightTurnRow.night_date == claim.date))
    there = existing_turns(session, turn_ids)
    session.add_all(NightTurnRow(night_date=claim.date, turn_id=one) for one in sorted(there))
    session.flush()
    return len(there)


def save_training_pairs(session: Session, claim: NightClaim, pair_ids: Sequence[str]) -> int:
    """Make these the pairs that the night trained on; return how many are there still.

    Raises LeaseError.
    """
    check_fence(session, claim)
    session.execute(delete(NightTrainingRow).where(NightTrainingRow.night_date == claim.date))
    there: set[str] = set()
    for some in batches(pair_ids):
        wanted = select(PairRow.id).where(PairRow.id.in_(some)).order_by(PairRow.id)
        there.update(session.scalars(wanted.with_for_update(read=True, key_share=True)))
    session.add_all(NightTrainingRow(night_date=claim.date, pair_id=one) for one in sorted(there))
    session.flush()
    return len(there)
