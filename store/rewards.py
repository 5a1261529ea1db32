"""What verdicts were worth in a night, and the trust that it was frozen with."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from store.batches import batches
from store.night_records import (
    NightClaim,
    RewardPair,
    RewardRecord,
    StoredVerdict,
    TrustRecord,
)
from store.night_tables import NightRewardRow, NightTrustRow, PairRow, ScoreRow
from store.nights import check_fence
from store.scores import metric_values


def freeze_trust(
    session: Session, claim: NightClaim, trust: Sequence[TrustRecord]
) -> list[TrustRecord]:
    """Store the night's trust once; return what it is frozen to, later than the first time too.

    Raises LeaseError.
    """
    check_fence(session, claim)
    frozen = list_trust(session, claim.date)
    if frozen:
        return frozen
    session.add_all(
        NightTrustRow(
            night_date=claim.date,
            metric=one.metric,
            weight=one.weight,
            kappa=one.kappa,
            low=one.low,
            high=one.high,
            reviews=one.reviews,
        )
        for one in trust
    )
    session.flush()
    return list_trust(session, claim.date)


def list_trust(session: Session, night_date: str) -> list[TrustRecord]:
    """Return the trust a night was frozen with, in order of the metrics' names."""
    wanted = select(NightTrustRow).where(NightTrustRow.night_date == night_date)
    return [trust_record(row) for row in session.scalars(wanted.order_by(NightTrustRow.metric))]


def save_rewards(
    session: Session, claim: NightClaim, evaluator: str, rewards: Mapping[str, RewardRecord]
) -> int:
    """Store the night's reward of each subject's verdict, in place of one it had; return how many.

    A subject without a verdict of `evaluator` is passed over. Raises LeaseError.
    """
    check_fence(session, claim)
    stored = 0
    for some in batches(rewards):
        wanted = select(ScoreRow.id, ScoreRow.subject_id).where(
            ScoreRow.subject_id.in_(some), ScoreRow.evaluator == evaluator
        )
        ids = {subject: key for key, subject in session.execute(wanted.order_by(ScoreRow.id))}
        old = delete(NightRewardRow).where(
            NightRewardRow.night_date == claim.date, NightRewardRow.score_id.in_(ids.values())
        )
        session.execute(old)
        session.add_all(_row(claim.date, key, rewards[subject]) for subject, key in ids.items())
        stored += len(ids)
    session.flush()
    return stored


def load_rewards(
    session: Session, night_date: str, evaluator: str, subject_ids: Sequence[str]
) -> dict[str, RewardRecord]:
    """Return the rewards that a night stored, by subject; others are missing."""
    found: dict[str, RewardRecord] = {}
    for some in batches(subject_ids):
        wanted = (
            select(ScoreRow.subject_id, NightRewardRow)
            .join(NightRewardRow, NightRewardRow.score_id == ScoreRow.id)
            .where(
                NightRewardRow.night_date == night_date,
                ScoreRow.evaluator == evaluator,
                ScoreRow.subject_id.in_(some),
            )
        )
        found.update((subject, reward_record(row)) for subject, row in session.execute(wanted))
    return found


def rewarding_evaluator(session: Session, night_date: str) -> str | None:
    """Return the evaluator whose verdicts a night rewarded; None where it rewarded nothing."""
    wanted = (
        select(ScoreRow.evaluator)
        .join(NightRewardRow, NightRewardRow.score_id == ScoreRow.id)
        .where(NightRewardRow.night_date == night_date)
    )
    return session.scalars(wanted.limit(1)).first()


def list_verdicts(session: Session, subject_id: str) -> list[StoredVerdict]:
    """Return all verdicts on a reply or candidate with what each was worth in each night.

    A verdict that no night used comes once, without night and reward. Oldest first.
    """
    wanted = (
        select(ScoreRow, NightRewardRow)
        .outerjoin(NightRewardRow, NightRewardRow.score_id == ScoreRow.id)
        .where(ScoreRow.subject_id == subject_id)
        .order_by(ScoreRow.id, NightRewardRow.night_date)
    )
    return [
        StoredVerdict(
            evaluator=score.evaluator,
            at=score.at,
            values=metric_values(score),
            spread=dict(score.spread),
            reasons=tuple(score.reasons or ()),
            night_date=None if reward is None else reward.night_date,
            reward=None if reward is None else reward_record(reward),
        )
        for score, reward in session.execute(wanted)
    ]


def list_reward_pairs(session: Session, night_date: str) -> list[RewardPair]:
    """Return the pairs of a night whose options both have a reward in it, widest margin first."""
    chosen_score, rejected_score = aliased(ScoreRow), aliased(ScoreRow)
    chosen, rejected = aliased(NightRewardRow), aliased(NightRewardRow)
    wanted = (
        select(PairRow, chosen, rejected)
        .join(chosen_score, chosen_score.subject_id == PairRow.chosen_id)
        .join(chosen, chosen.score_id == chosen_score.id)
        .join(rejected_score, rejected_score.subject_id == PairRow.rejected_id)
        .join(rejected, rejected.score_id == rejected_score.id)
        .where(
            PairRow.night_date == night_date,
            chosen.night_date == night_date,
            rejected.night_date == night_date,
            chosen_score.evaluator == rejected_score.evaluator,
        )
        .order_by((chosen.total - rejected.total).desc(), PairRow.id)
    )
    return [
        RewardPair(
            pair_id=pair.id,
            chosen_id=pair.chosen_id,
            rejected_id=pair.rejected_id,
            source=pair.source,
            chosen=reward_record(one),
            rejected=reward_record(other),
        )
        for pair, one, other in session.execute(wanted)
    ]


def trust_record(row: NightTrustRow) -> TrustRecord:
    """Return a row as what goes out of this room."""
    return TrustRecord(
        metric=row.metric,
        weight=row.weight,
        kappa=row.kappa,
        low=row.low,
        high=row.high,
        reviews=row.reviews,
    )


def reward_record(row: NightRewardRow) -> RewardRecord:
    """Return a row as what goes out of this room."""
    return RewardRecord(
        total=row.total, settings=row.settings, metrics=dict(row.metrics), guards=dict(row.guards)
    )


def _row(date: str, score_id: int, reward: RewardRecord) -> NightRewardRow:
    return NightRewardRow(
        night_date=date,
        score_id=score_id,
        total=reward.total,
        settings=reward.settings,
        metrics={key: dict(part) for key, part in reward.metrics.items()},
        guards={key: dict(part) for key, part in reward.guards.items()},
    )
