"""Which of two replies a judge preferred; asked once, written once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.asked import asked_json
from store.batches import batches, existing_turns
from store.night_records import ComparisonVerdict, NightClaim, StoredComparison
from store.night_tables import ComparisonRow
from store.nights import check_fence
from store.turns import one_of

VERDICTS: tuple[ComparisonVerdict, ...] = ("chosen", "rejected", "tie", "none")


def append_comparison(
    session: Session, claim: NightClaim, comparison: StoredComparison, *, now: datetime
) -> bool:
    """Store a verdict; False, changing nothing, when it is there or its turn was erased.

    Raises LeaseError.
    """
    check_fence(session, claim)
    key = (comparison.evaluator, comparison.chosen_id, comparison.rejected_id)
    there = existing_turns(session, [comparison.turn_id])
    if not there or session.get(ComparisonRow, key) is not None:
        return False
    session.add(
        ComparisonRow(
            evaluator=comparison.evaluator,
            chosen_id=comparison.chosen_id,
            rejected_id=comparison.rejected_id,
            turn_id=comparison.turn_id,
            verdict=comparison.verdict,
            at=now,
            asked=asked_json(comparison.asked),
        )
    )
    session.flush()
    return True


def load_comparisons(
    session: Session, turn_ids: Iterable[str], evaluator: str
) -> dict[tuple[str, str], ComparisonVerdict]:
    """Return an evaluator's verdicts on the pairs of these turns by (chosen, rejected) id."""
    found: dict[tuple[str, str], ComparisonVerdict] = {}
    for some in batches(turn_ids):
        wanted = select(ComparisonRow).where(
            ComparisonRow.turn_id.in_(some), ComparisonRow.evaluator == evaluator
        )
        for row in session.scalars(wanted):
            found[(row.chosen_id, row.rejected_id)] = one_of(row.verdict, VERDICTS)
    return found


def comparisons_of(
    session: Session, evaluator: str
) -> dict[tuple[str, str], Literal["a", "b", "tie"]]:
    """Return all that an evaluator preferred by (chosen, rejected) id; `a` is the chosen one. Pairs
    it gave no answer on are missing."""
    sides: dict[str, Literal["a", "b", "tie"]] = {"chosen": "a", "rejected": "b", "tie": "tie"}
    wanted = select(ComparisonRow).where(
        ComparisonRow.evaluator == evaluator, ComparisonRow.verdict.in_(sides)
    )
    return {(row.chosen_id, row.rejected_id): sides[row.verdict] for row in session.scalars(wanted)}
