"""How far the night's evaluator agrees with the operators, gathered from the store for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.composition import existing_heads
from app.evaluator_trust import evaluator_trust
from app.settings import Settings
from rlaif.agreement import MetricAgreement, metric_agreement, metric_agreements
from rlaif.embedded_heads import evaluator_id_on_disk, reviews_until
from rlaif.pair_proposals import ProposalSettings
from rlaif.trust import MetricTrust
from rlaif.trust_effect import MetricShare, PairingChange, metric_shares, repair
from store.database import Database
from store.night_records import RewardPair, TrustRecord
from store.nights import list_nights
from store.ratings import (
    RatedReply,
    list_trust_history,
    newest_rewarded_night,
    paired_ratings,
    rating_evaluators,
)
from store.rewards import list_reward_pairs

_HISTORY = timedelta(days=365)
_NIGHTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """An evaluator by the id of its scores. `learnt_until`: the newest review it was fitted on."""

    id: str
    learnt_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastNight:
    """The newest night with rewards and the pairs whose options both have one; None, () before."""

    date: str | None
    pairs: tuple[RewardPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReport:
    """All twelve metrics as of now. `evaluators`: id -> how many reviewed replies it has scored.

    `trust` is what a night beginning now would be frozen with; `nights` what past ones were.
    """

    judge: Judge
    evaluators: Mapping[str, int]
    metrics: Mapping[str, MetricAgreement]
    trust: Mapping[str, MetricTrust]
    shares: Mapping[str, MetricShare]
    nights: Mapping[str, list[TrustRecord]]
    night: str | None
    change: PairingChange


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricReport:
    """One metric: its figures, every rating behind them, and what its trust alone would change.

    `share` None: the night's settings leave it out of the reward. `nights`: what past ones were
    frozen with. `without`: as `change`, were it not trusted at all.
    """

    judge: Judge
    agreement: MetricAgreement
    trust: MetricTrust
    replies: tuple[RatedReply, ...]
    share: MetricShare | None
    nights: Mapping[str, TrustRecord]
    night: str | None
    change: PairingChange
    without: PairingChange


def night_judge(settings: Settings, database: Database, evaluator: str | None = None) -> Judge:
    """The named evaluator, else the one that picks the pairs. Loads no model.

    Raises EvaluatorError when the heads on disk cannot be read.
    """
    embedded = settings.night.training_evaluator == "embedded"
    heads = existing_heads(settings)
    own = evaluator_id_on_disk(heads) if embedded else _last_used(database)
    chosen = evaluator or own or settings.night.training_evaluator
    learnt = reviews_until(heads) if embedded and chosen == own else None
    return Judge(id=chosen, learnt_until=learnt)


def agreement_report(
    settings: Settings, database: Database, judge: Judge, now: datetime
) -> AgreementReport:
    """Everything about all metrics, for one evaluator."""
    with database.reading() as session:
        replies = paired_ratings(session, judge.id, now - _HISTORY)
        evaluators = rating_evaluators(session)
        nights = list_trust_history(session, nights=_NIGHTS)
    past = _past_night(database)
    trust = evaluator_trust(database, judge.id, judge.learnt_until, now)
    weights = {key: one.weight for key, one in trust.items()}
    return AgreementReport(
        judge=judge,
        evaluators=evaluators,
        metrics=metric_agreements(replies, learnt_until=judge.learnt_until),
        trust=trust,
        shares=metric_shares(settings.night.metrics, weights),
        nights=nights,
        night=past.date,
        change=repair(past.pairs, weights, margin=ProposalSettings().margin),
    )


def metric_report(
    settings: Settings, database: Database, judge: Judge, metric: str, now: datetime
) -> MetricReport:
    """Everything about one metric. Raises ValueError when it is not one of the twelve."""
    with database.reading() as session:
        replies = paired_ratings(session, judge.id, now - _HISTORY)
        nights = list_trust_history(session, nights=_NIGHTS)
    past = _past_night(database)
    trust = evaluator_trust(database, judge.id, judge.learnt_until, now)
    agreement = metric_agreement(metric, replies, learnt_until=judge.learnt_until)
    weights = {key: one.weight for key, one in trust.items()}
    margin = ProposalSettings().margin
    return MetricReport(
        judge=judge,
        agreement=agreement,
        trust=trust[metric],
        replies=tuple(one for one in replies if metric in one.ratings),
        share=metric_shares(settings.night.metrics, weights).get(metric),
        nights={
            date: one for date, frozen in nights.items() for one in frozen if one.metric == metric
        },
        night=past.date,
        change=repair(past.pairs, {metric: weights[metric]}, margin=margin),
        without=repair(past.pairs, {metric: 0.0}, margin=margin),
    )


def _last_used(database: Database) -> str | None:
    """The evaluator that the newest night scored with."""
    with database.reading() as session:
        nights = list_nights(session)
    for night in nights:
        for step in night.steps:
            if step.step == "score" and isinstance(step.detail.get("evaluator"), str):
                return str(step.detail["evaluator"])
    return None


def _past_night(database: Database) -> PastNight:
    with database.reading() as session:
        date = newest_rewarded_night(session)
        pairs = () if date is None else tuple(list_reward_pairs(session, date))
    return PastNight(date=date, pairs=pairs)
