"""What a night made, counted from its rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.night_tables import (
    AdapterPairRow,
    CandidateRow,
    ConflictRow,
    NightRow,
    PairDropRow,
    PairRow,
    ScoreFailureRow,
    ScoreRow,
)
from store.scores import METRIC_COLUMNS, metric_values

REWARD_BINS = 20
"""Of half a point each, over 0..10."""
_HIGHEST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorCounts:
    """One evaluator in one night. `failures`: reason -> subjects it could not score.

    `means` and `deviations` by metric, over replies and candidates; `spread` is the mean of its
    own uncertainty in points, None when it has none. Rewards are counted in REWARD_BINS.
    """

    evaluator: str
    replies: int
    candidates: int
    failures: Mapping[str, int]
    means: Mapping[str, float]
    deviations: Mapping[str, float]
    spread: float | None
    reply_rewards: tuple[int, ...]
    candidate_rewards: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightCounts:
    """Counts by what they are named after; what never happened is missing."""

    candidates: int
    flagged_candidates: int
    pairs_by_source: Mapping[str, int]
    pairs_by_status: Mapping[str, int]
    drops: Mapping[str, int]
    conflicts: Mapping[str, int]
    open_conflicts: int
    linked_pairs: int
    evaluators: tuple[EvaluatorCounts, ...]


def count_night(session: Session, date: str) -> NightCounts:
    """Count the rows of a night; scores are those written between its start and its end."""
    candidates = select(func.count()).where(CandidateRow.night_date == date)
    night = session.get_one(NightRow, date)
    linked = select(func.count()).where(AdapterPairRow.adapter_id == night.adapter_id)
    unresolved = select(func.count()).where(
        ConflictRow.night_date == date, ConflictRow.resolved_at.is_(None)
    )
    return NightCounts(
        candidates=session.scalar(candidates) or 0,
        flagged_candidates=session.scalar(candidates.where(CandidateRow.flagged.is_(True))) or 0,
        pairs_by_source=_by(session, PairRow.source, PairRow.night_date, date),
        pairs_by_status=_by(session, PairRow.status, PairRow.night_date, date),
        drops=_by(session, PairDropRow.reason, PairDropRow.night_date, date),
        conflicts=_by(session, ConflictRow.signal, ConflictRow.night_date, date),
        open_conflicts=session.scalar(unresolved) or 0,
        linked_pairs=session.scalar(linked) or 0,
        evaluators=_evaluators(session, night),
    )


def _by(
    session: Session,
    column: InstrumentedAttribute[str],
    of_night: InstrumentedAttribute[str],
    date: str,
) -> dict[str, int]:
    """Rows of the night by a column, the most frequent first."""
    wanted = select(column, func.count()).where(of_night == date).group_by(column)
    counts = [(name, count) for name, count in session.execute(wanted)]
    return dict(sorted(counts, key=lambda one: (-one[1], one[0])))


def _evaluators(session: Session, night: NightRow) -> tuple[EvaluatorCounts, ...]:
    until = night.finished_at or datetime.max.replace(tzinfo=UTC)
    scored = select(ScoreRow).where(ScoreRow.at >= night.started_at, ScoreRow.at <= until)
    rows: dict[str, list[ScoreRow]] = {}
    for row in session.scalars(scored):
        rows.setdefault(row.evaluator, []).append(row)
    known = select(ScoreRow.id).where(
        ScoreRow.subject_id == ScoreFailureRow.subject_id,
        ScoreRow.evaluator == ScoreFailureRow.evaluator,
    )
    failed = (
        select(
            ScoreFailureRow.evaluator,
            ScoreFailureRow.reason,
            func.count(ScoreFailureRow.subject_id.distinct()),
        )
        .where(
            ScoreFailureRow.at >= night.started_at,
            ScoreFailureRow.at <= until,
            ~known.exists(),
        )
        .group_by(ScoreFailureRow.evaluator, ScoreFailureRow.reason)
        .order_by(ScoreFailureRow.reason)
    )
    failures: dict[str, dict[str, int]] = {}
    for evaluator, reason, count in session.execute(failed):
        failures.setdefault(evaluator, {})[reason] = count
    return tuple(
        _evaluator(name, rows.get(name, []), failures.get(name, {}))
        for name in sorted({*rows, *failures})
    )


def _evaluator(name: str, rows: Sequence[ScoreRow], failures: dict[str, int]) -> EvaluatorCounts:
    verdicts = [metric_values(row) for row in rows]
    values = {metric: [one[metric] for one in verdicts] for metric in METRIC_COLUMNS}
    means = {metric: sum(some) / len(some) for metric, some in values.items() if some}
    spreads = [spread for row in rows for spread in row.spread.values()]
    return EvaluatorCounts(
        evaluator=name,
        replies=sum(row.reply_id is not None for row in rows),
        candidates=sum(row.candidate_id is not None for row in rows),
        failures=failures,
        means=means,
        deviations={
            metric: math.sqrt(sum((one - means[metric]) ** 2 for one in some) / len(some))
            for metric, some in values.items()
            if some
        },
        spread=sum(spreads) / len(spreads) if spreads else None,
        reply_rewards=_histogram([row for row in rows if row.reply_id is not None]),
        candidate_rewards=_histogram([row for row in rows if row.candidate_id is not None]),
    )


def _histogram(rows: Sequence[ScoreRow]) -> tuple[int, ...]:
    """Totals of the rewards in equal bins; what lies outside 0..10 counts in the end bins."""
    counts = [0] * REWARD_BINS
    for row in rows:
        total = None if row.reward is None else row.reward.get("total")
        if isinstance(total, int | float):
            place = int(total / _HIGHEST * REWARD_BINS)
            counts[min(max(place, 0), REWARD_BINS - 1)] += 1
    return tuple(counts)
