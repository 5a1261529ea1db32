"""The tables of the night: ledger, candidates, scores, pairs, reviews and gates."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from store.asked import AskedJson
from store.tables import Base


class NightRow(Base):
    """The ledger: one row per date. Whoever holds the lease may write under `fencing_token`.

    `held_at`: since when an operator wants the clock to leave it alone.
    """

    __tablename__ = "nights"

    date: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fencing_token: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    settings: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    decision: Mapped[str | None]
    adapter_id: Mapped[str | None] = mapped_column(ForeignKey("adapters.id"))
    held_at: Mapped[datetime | None] = mapped_column(default=None)


class NightStepRow(Base):
    """A step of a night; `finished_at` is written last and means that the step is complete."""

    __tablename__ = "night_steps"

    night_date: Mapped[str] = mapped_column(
        ForeignKey("nights.date", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)


class NightTurnRow(Base):
    """A turn that a night read; another night that reads it has a row of its own."""

    __tablename__ = "night_turns"
    __table_args__ = (Index("ix_night_turns_turn", "turn_id"),)

    night_date: Mapped[str] = mapped_column(
        ForeignKey("nights.date", ondelete="CASCADE"), primary_key=True
    )
    turn_id: Mapped[str] = mapped_column(
        ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True
    )


class NightTrustRow(Base):
    """How far a metric counted in a night, frozen when it began to score."""

    __tablename__ = "night_trust"

    night_date: Mapped[str] = mapped_column(
        ForeignKey("nights.date", ondelete="CASCADE"), primary_key=True
    )
    metric: Mapped[str] = mapped_column(primary_key=True)
    weight: Mapped[float]
    kappa: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    reviews: Mapped[int]


class NightRewardRow(Base):
    """What a verdict was worth in a night, with every part; `settings` is a digest of theirs."""

    __tablename__ = "night_rewards"
    __table_args__ = (Index("ix_night_rewards_score", "score_id"),)

    night_date: Mapped[str] = mapped_column(
        ForeignKey("nights.date", ondelete="CASCADE"), primary_key=True
    )
    score_id: Mapped[int] = mapped_column(
        ForeignKey("scores.id", ondelete="CASCADE"), primary_key=True
    )
    total: Mapped[float]
    settings: Mapped[str]
    metrics: Mapped[dict[str, dict[str, float]]] = mapped_column(JSON)
    guards: Mapped[dict[str, dict[str, float | str]]] = mapped_column(JSON)


class NightTrainingRow(Base):
    """A pair that a night trained on, whether or not its adapter was published."""

    __tablename__ = "night_training"
    __table_args__ = (Index("ix_night_training_pair", "pair_id"),)

    night_date: Mapped[str] = mapped_column(
        ForeignKey("nights.date", ondelete="CASCADE"), primary_key=True
    )
    pair_id: Mapped[str] = mapped_column(
        ForeignKey("pairs.id", ondelete="CASCADE"), primary_key=True
    )


class CandidateRow(Base):
    """A reply that the night made and no visitor ever sees: it has its own table for that."""

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("night_date", "turn_id", "number", name="uq_candidates_number"),
        Index("ix_candidates_turn", "turn_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    night_date: Mapped[str] = mapped_column(ForeignKey("nights.date", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    number: Mapped[int]
    text: Mapped[str]
    adapter_id: Mapped[str | None]
    seed: Mapped[int]
    sampling: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    flagged: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class ScoreRow(Base):
    """Append-only: one complete verdict of one evaluator on a reply or a candidate."""

    __tablename__ = "scores"
    __table_args__ = (
        UniqueConstraint("subject_id", "evaluator", name="uq_scores_subject"),
        CheckConstraint(
            "(reply_id IS NULL) <> (candidate_id IS NULL)", name="ck_scores_one_subject"
        ),
        Index("ix_scores_reply", "reply_id"),
        Index("ix_scores_candidate", "candidate_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    subject_id: Mapped[str]
    reply_id: Mapped[str | None] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    candidate_id: Mapped[str | None] = mapped_column(
        ForeignKey("candidates.id", ondelete="CASCADE")
    )
    evaluator: Mapped[str]
    at: Mapped[datetime]
    agency: Mapped[float]
    attentiveness: Mapped[float]
    consistency: Mapped[float]
    ease: Mapped[float]
    empathetic: Mapped[float]
    emotion: Mapped[float]
    enjoyability: Mapped[float]
    humanness: Mapped[float]
    personality: Mapped[float]
    respeak: Mapped[float]
    topic: Mapped[float]
    trust: Mapped[float]
    spread: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    reasons: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    asked: Mapped[AskedJson | None] = mapped_column(JSON(none_as_null=True))


class JudgePromptRow(Base):
    """Append-only: everything a judge is told that is not a conversation, under its sha256."""

    __tablename__ = "judge_prompts"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str]
    at: Mapped[datetime]


class ScoreFailureRow(Base):
    """Append-only: an evaluator could not score this, and why."""

    __tablename__ = "score_failures"
    __table_args__ = (Index("ix_score_failures_subject", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    subject_id: Mapped[str]
    reply_id: Mapped[str | None] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    candidate_id: Mapped[str | None] = mapped_column(
        ForeignKey("candidates.id", ondelete="CASCADE")
    )
    evaluator: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class PairRow(Base):
    """A preference: what was proposed, what operators made of it, what training read.

    `turns` is the context as messages; number-type personal data is masked in all texts.
    """

    __tablename__ = "pairs"
    __table_args__ = (
        UniqueConstraint("chosen_id", "rejected_id", name="uq_pairs_options"),
        Index("ix_pairs_night", "night_date"),
        Index("ix_pairs_visitor", "visitor_id"),
        Index("ix_pairs_turn", "turn_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    night_date: Mapped[str] = mapped_column(ForeignKey("nights.date"))
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    turns: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    facts: Mapped[list[str]] = mapped_column(JSON, default=list)
    chosen_id: Mapped[str]
    chosen: Mapped[str]
    rejected_id: Mapped[str]
    rejected: Mapped[str]
    source: Mapped[str]
    margin: Mapped[float | None]
    disagreement: Mapped[float]
    status: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ComparisonRow(Base):
    """Append-only: which reply of a proposed pair a judge preferred, asked in both orders."""

    __tablename__ = "comparisons"
    __table_args__ = (Index("ix_comparisons_turn", "turn_id"),)

    evaluator: Mapped[str] = mapped_column(primary_key=True)
    chosen_id: Mapped[str] = mapped_column(primary_key=True)
    rejected_id: Mapped[str] = mapped_column(primary_key=True)
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    verdict: Mapped[str]
    at: Mapped[datetime]
    asked: Mapped[AskedJson | None] = mapped_column(JSON(none_as_null=True))


class PairDropRow(Base):
    """Why a turn, or a pair of it, gave nothing in a night."""

    __tablename__ = "pair_drops"
    __table_args__ = (
        Index("ix_pair_drops_night", "night_date"),
        Index("ix_pair_drops_turn", "turn_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    night_date: Mapped[str] = mapped_column(ForeignKey("nights.date", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    reason: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")


class ConflictRow(Base):
    """A visitor's signal against a top-quintile score: withheld until an operator resolves it."""

    __tablename__ = "conflicts"
    __table_args__ = (UniqueConstraint("reply_id", "signal", name="uq_conflicts_signal"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    night_date: Mapped[str] = mapped_column(ForeignKey("nights.date", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    reply_id: Mapped[str] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    signal: Mapped[str]
    reward_quantile: Mapped[float]
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    resolution: Mapped[str | None]


class ReviewRow(Base):
    """Append-only: what an operator thinks of a reply on one metric (0-10), or another verdict.

    `target_id`: the review that this one retracts or restores. `bulk_id`: the bulk action that it
    belongs to. `before`: the status or text that it changed. `route`: whether a correction is of a
    fact or of style. `blind`: the evaluator's scores were not shown.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        Index("ix_reviews_reply", "reply_id"),
        Index("ix_reviews_metric_at", "metric", "at"),
        Index("ix_reviews_target", "target_id"),
        Index("ix_reviews_bulk", "bulk_id", "id"),
        Index("ix_reviews_pair", "pair_id"),
        Index("ix_reviews_operator_at", "operator", "bulk_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    operator: Mapped[str]
    reply_id: Mapped[str | None] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    pair_id: Mapped[str | None] = mapped_column(ForeignKey("pairs.id", ondelete="CASCADE"))
    kind: Mapped[str]
    metric: Mapped[str | None]
    value: Mapped[float | None]
    text: Mapped[str | None]
    note: Mapped[str | None]
    at: Mapped[datetime]
    target_id: Mapped[int | None] = mapped_column(default=None)
    bulk_id: Mapped[str | None] = mapped_column(default=None)
    before: Mapped[str | None] = mapped_column(default=None)
    route: Mapped[str | None] = mapped_column(default=None)
    blind: Mapped[bool] = mapped_column(default=False, server_default=false())


class AdapterPairRow(Base):
    """Which pairs an adapter was trained on: receipts and erasure follow these rows."""

    __tablename__ = "adapter_pairs"
    __table_args__ = (Index("ix_adapter_pairs_pair", "pair_id"),)

    adapter_id: Mapped[str] = mapped_column(
        ForeignKey("adapters.id", ondelete="CASCADE"), primary_key=True
    )
    pair_id: Mapped[str] = mapped_column(
        ForeignKey("pairs.id", ondelete="CASCADE"), primary_key=True
    )


class AdapterVisitorRow(Base):
    """Whose pairs an adapter was trained on; outlives the pairs of a deleted conversation."""

    __tablename__ = "adapter_visitors"
    __table_args__ = (Index("ix_adapter_visitors_visitor", "visitor_id"),)

    adapter_id: Mapped[str] = mapped_column(
        ForeignKey("adapters.id", ondelete="CASCADE"), primary_key=True
    )
    visitor_id: Mapped[str] = mapped_column(
        ForeignKey("visitors.id", ondelete="CASCADE"), primary_key=True
    )


class GateResultRow(Base):
    """One check of one night with its number, interval and verdict."""

    __tablename__ = "gate_results"

    night_date: Mapped[str] = mapped_column(
        ForeignKey("nights.date", ondelete="CASCADE"), primary_key=True
    )
    gate: Mapped[str] = mapped_column(primary_key=True)
    passed: Mapped[bool]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    bound: Mapped[float | None]
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
