"""Replies that a night made for itself; no query of a visitor's reads them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.batches import batches, existing_turns
from store.night_records import Candidate, NewCandidate, NightClaim
from store.night_tables import CandidateRow
from store.nights import check_fence


def append_candidates(
    session: Session, claim: NightClaim, candidates: Sequence[NewCandidate], *, now: datetime
) -> int:
    """Store those that the night does not have yet (by turn and number); return how many.

    Turns that were erased meanwhile are passed over. Ids follow from night, turn and number, so
    that a resumed night has the same. Raises LeaseError.
    """
    check_fence(session, claim)
    there = existing_turns(session, [one.turn_id for one in candidates])
    ids = [_id_of(claim.date, one) for one in candidates]
    known: set[str] = set()
    for some in batches(ids):
        known.update(session.scalars(select(CandidateRow.id).where(CandidateRow.id.in_(some))))
    fresh = {
        key: one
        for key, one in zip(ids, candidates, strict=True)
        if key not in known and one.turn_id in there
    }
    session.add_all(_row(claim.date, key, one, now) for key, one in fresh.items())
    session.flush()
    return len(fresh)


def list_candidates(session: Session, night_date: str) -> list[Candidate]:
    """Return the candidates of a night, turn by turn in order of number."""
    wanted = (
        select(CandidateRow)
        .where(CandidateRow.night_date == night_date)
        .order_by(CandidateRow.turn_id, CandidateRow.number)
    )
    return [_record(row) for row in session.scalars(wanted)]


def newest_candidates(session: Session, turn_ids: Iterable[str], *, until: str) -> list[Candidate]:
    """Return what the newest night up to the date `until` that answered each turn made of it, in
    order of number."""
    found: dict[str, list[CandidateRow]] = {}
    for some in batches(turn_ids):
        wanted = (
            select(CandidateRow)
            .where(CandidateRow.turn_id.in_(some), CandidateRow.night_date <= until)
            .order_by(CandidateRow.turn_id, CandidateRow.night_date.desc(), CandidateRow.number)
        )
        for row in session.scalars(wanted):
            rows = found.setdefault(row.turn_id, [])
            if not rows or rows[0].night_date == row.night_date:
                rows.append(row)
    return [_record(row) for rows in found.values() for row in rows]


def _id_of(date: str, candidate: NewCandidate) -> str:
    key = f"candidate {date} {candidate.turn_id} {candidate.number}"
    return sha256(key.encode()).hexdigest()[:32]


def _row(date: str, key: str, candidate: NewCandidate, now: datetime) -> CandidateRow:
    return CandidateRow(
        id=key,
        night_date=date,
        turn_id=candidate.turn_id,
        number=candidate.number,
        text=candidate.text,
        adapter_id=candidate.adapter,
        seed=candidate.seed,
        sampling=dict(candidate.sampling),
        flagged=candidate.flagged,
        created_at=now,
    )


def _record(row: CandidateRow) -> Candidate:
    return Candidate(
        id=row.id,
        night_date=row.night_date,
        turn_id=row.turn_id,
        number=row.number,
        text=row.text,
        adapter=row.adapter_id,
        seed=row.seed,
        sampling=dict(row.sampling),
        flagged=row.flagged,
        created_at=row.created_at,
    )
