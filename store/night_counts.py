"""What a night made, counted from the rows of its own turns, candidates and pairs.

Nothing is counted by time: two nights may overlap, one waiting for operators while the next runs,
and read the same turns.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from store.night_tables import (
    AdapterPairRow,
    CandidateRow,
    ConflictRow,
    NightRewardRow,
    NightRow,
    NightTrainingRow,
    NightTurnRow,
    PairDropRow,
    PairRow,
    ScoreFailureRow,
    ScoreRow,
)
from store.scores import METRIC_COLUMNS, metric_values
from store.tables import ConversationRow, ReplyRow, TurnRow

REWARD_BINS = 20
"""Of half a point each, over 0..10."""
_HIGHEST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardFigures:
    """Means over some verdicts with a reward in a night; empty mappings without any.

    By metric: `means` and `deviations` of the value (0..10), `parts` of the points it added. By
    guard: `guards` of the points it took, `objected` how many replies it took any from.
    """

    count: int
    total: float | None
    means: Mapping[str, float]
    deviations: Mapping[str, float]
    parts: Mapping[str, float]
    guards: Mapping[str, float]
    objected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorCounts:
    """One evaluator in one night. `failures`: reason -> subjects it could not score.

    `replies` are all variants, `shown` the figures of those on screen, `made` those of the
    candidates; `spread` is the mean of its own uncertainty in points, None when it has none.
    Rewards are counted in REWARD_BINS.
    """

    evaluator: str
    replies: int
    candidates: int
    failures: Mapping[str, int]
    shown: RewardFigures
    made: RewardFigures
    spread: float | None
    reply_rewards: tuple[int, ...]
    candidate_rewards: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightCounts:
    """Counts by what they are named after; what never happened is missing.

    paired_turns gave a pair; explained_turns gave none and have a reason in `drops`. A turn with
    several reasons counts in each of them.
    """

    turns: int
    visitors: int
    paired_turns: int
    explained_turns: int
    candidates: int
    flagged_candidates: int
    pairs_by_source: Mapping[str, int]
    pairs_by_status: Mapping[str, int]
    drops: Mapping[str, int]
    conflicts: Mapping[str, int]
    open_conflicts: int
    trained_pairs: int
    linked_pairs: int
    evaluators: tuple[EvaluatorCounts, ...]

    @property
    def unexplained_turns(self) -> int:
        """Turns with neither a pair nor a reason: all of them until the night has paired."""
        return self.turns - self.paired_turns - self.explained_turns


def count_night(session: Session, date: str) -> NightCounts:
    """Count the rows of a night."""
    candidates = select(func.count()).where(CandidateRow.night_date == date)
    night = session.get_one(NightRow, date)
    mine = select(NightTurnRow.turn_id).where(NightTurnRow.night_date == date)
    visitors = (
        select(func.count(ConversationRow.visitor_id.distinct()))
        .join(TurnRow, TurnRow.conversation_id == ConversationRow.id)
        .where(TurnRow.id.in_(mine))
    )
    paired = select(PairRow.turn_id).where(PairRow.night_date == date)
    dropped = select(PairDropRow.turn_id).where(PairDropRow.night_date == date)
    own = select(func.count()).where(NightTurnRow.night_date == date)
    turn_id = NightTurnRow.turn_id
    linked = select(func.count()).where(AdapterPairRow.adapter_id == night.adapter_id)
    trained = select(func.count()).where(NightTrainingRow.night_date == date)
    unresolved = select(func.count()).where(
        ConflictRow.night_date == date, ConflictRow.resolved_at.is_(None)
    )
    return NightCounts(
        turns=session.scalar(own) or 0,
        visitors=session.scalar(visitors) or 0,
        paired_turns=session.scalar(own.where(turn_id.in_(paired))) or 0,
        explained_turns=session.scalar(own.where(turn_id.in_(dropped), turn_id.not_in(paired)))
        or 0,
        candidates=session.scalar(candidates) or 0,
        flagged_candidates=session.scalar(candidates.where(CandidateRow.flagged.is_(True))) or 0,
        pairs_by_source=_by(session, PairRow.source, PairRow.night_date, date),
        pairs_by_status=_by(session, PairRow.status, PairRow.night_date, date),
        drops=_by(session, PairDropRow.reason, PairDropRow.night_date, date),
        conflicts=_by(session, ConflictRow.signal, ConflictRow.night_date, date),
        open_conflicts=session.scalar(unresolved) or 0,
        trained_pairs=session.scalar(trained) or 0,
        linked_pairs=session.scalar(linked) or 0,
        evaluators=_evaluators(session, date),
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


@dataclass(frozen=True, slots=True)
class _Valued:
    """A verdict, what it was worth in the night, and whether it is of a reply on screen."""

    score: ScoreRow
    reward: NightRewardRow
    shown: bool


def _evaluators(session: Session, date: str) -> tuple[EvaluatorCounts, ...]:
    wanted = (
        select(ScoreRow, NightRewardRow, ReplyRow.variant, TurnRow.shown)
        .join(NightRewardRow, NightRewardRow.score_id == ScoreRow.id)
        .outerjoin(ReplyRow, ReplyRow.id == ScoreRow.reply_id)
        .outerjoin(TurnRow, TurnRow.id == ReplyRow.turn_id)
        .where(NightRewardRow.night_date == date)
        .order_by(ScoreRow.id)
    )
    rows: dict[str, list[_Valued]] = {}
    for score, reward, variant, shown in session.execute(wanted):
        on_screen = variant is not None and variant == shown
        rows.setdefault(score.evaluator, []).append(_Valued(score, reward, on_screen))
    failures = _failures(session, date)
    return tuple(
        _evaluator(name, rows.get(name, []), failures.get(name, {}))
        for name in sorted({*rows, *failures})
    )


def _failures(session: Session, date: str) -> dict[str, dict[str, int]]:
    """Evaluator -> reason -> the night's replies and candidates without a verdict of it.

    The last reason counts, so that one tried twice is one.
    """
    later = aliased(ScoreFailureRow)
    same = (
        later.subject_id == ScoreFailureRow.subject_id,
        later.evaluator == (ScoreFailureRow.evaluator),
    )
    scored = exists().where(
        ScoreRow.subject_id == ScoreFailureRow.subject_id,
        ScoreRow.evaluator == ScoreFailureRow.evaluator,
    )
    replies = (
        select(ReplyRow.id)
        .join(NightTurnRow, NightTurnRow.turn_id == ReplyRow.turn_id)
        .where(NightTurnRow.night_date == date)
    )
    candidates = select(CandidateRow.id).where(CandidateRow.night_date == date)
    wanted = (
        select(ScoreFailureRow.evaluator, ScoreFailureRow.reason, func.count())
        .where(
            or_(
                ScoreFailureRow.reply_id.in_(replies),
                ScoreFailureRow.candidate_id.in_(candidates),
            ),
            ~scored,
            ~exists().where(*same, later.id > ScoreFailureRow.id),
        )
        .group_by(ScoreFailureRow.evaluator, ScoreFailureRow.reason)
        .order_by(ScoreFailureRow.reason)
    )
    failures: dict[str, dict[str, int]] = {}
    for evaluator, reason, count in session.execute(wanted):
        failures.setdefault(evaluator, {})[reason] = count
    return failures


def _evaluator(name: str, rows: Sequence[_Valued], failures: dict[str, int]) -> EvaluatorCounts:
    replies = [row for row in rows if row.score.reply_id is not None]
    candidates = [row for row in rows if row.score.candidate_id is not None]
    spreads = [spread for row in rows for spread in row.score.spread.values()]
    return EvaluatorCounts(
        evaluator=name,
        replies=len(replies),
        candidates=len(candidates),
        failures=failures,
        shown=_figures([row for row in replies if row.shown]),
        made=_figures(candidates),
        spread=sum(spreads) / len(spreads) if spreads else None,
        reply_rewards=_histogram(replies),
        candidate_rewards=_histogram(candidates),
    )


def _figures(rows: Sequence[_Valued]) -> RewardFigures:
    verdicts = [metric_values(row.score) for row in rows]
    values = {metric: [one[metric] for one in verdicts] for metric in METRIC_COLUMNS if verdicts}
    means = {metric: sum(some) / len(some) for metric, some in values.items()}
    parts = [{key: one["part"] for key, one in row.reward.metrics.items()} for row in rows]
    guards = [{key: float(one["points"]) for key, one in row.reward.guards.items()} for row in rows]
    return RewardFigures(
        count=len(rows),
        total=sum(row.reward.total for row in rows) / len(rows) if rows else None,
        means=means,
        deviations={
            metric: math.sqrt(sum((one - means[metric]) ** 2 for one in some) / len(some))
            for metric, some in values.items()
        },
        parts=_means(parts),
        guards=_means(guards),
        objected={
            guard: sum(one.get(guard, 0.0) > 0 for one in guards) for guard in _means(guards)
        },
    )


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean by key over all rows; a row without the key counts as 0, which is what it added."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: sum(row.get(key, 0.0) for row in rows) / len(rows) for key in keys}


def _histogram(rows: Sequence[_Valued]) -> tuple[int, ...]:
    """Totals of the rewards in equal bins; what lies outside 0..10 counts in the end bins."""
    counts = [0] * REWARD_BINS
    for row in rows:
        place = int(row.reward.total / _HIGHEST * REWARD_BINS)
        counts[min(max(place, 0), REWARD_BINS - 1)] += 1
    return tuple(counts)
