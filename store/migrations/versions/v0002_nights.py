"""The tables of the night; adapters learn to be tainted. Nothing of the day is changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the night; those that others point to first."""
    op.add_column("adapters", sa.Column("tainted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("adapters", sa.Column("taint_reason", sa.Text(), nullable=True))
    _create_nights()
    _create_night_steps()
    _create_gate_results()
    _create_candidates()
    _create_scores()
    _create_score_failures()
    _create_pairs()
    _create_pair_drops()
    _create_conflicts()
    _create_reviews()
    _create_lineage()


def downgrade() -> None:
    """Drop them, in the opposite order."""
    for table in (
        "adapter_visitors",
        "adapter_pairs",
        "reviews",
        "conflicts",
        "pair_drops",
        "pairs",
        "score_failures",
        "scores",
        "candidates",
        "gate_results",
        "night_steps",
        "nights",
    ):
        op.drop_table(table)
    with op.batch_alter_table("adapters") as adapters:
        adapters.drop_column("taint_reason")
        adapters.drop_column("tainted_at")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=nullable)


def _serial() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), autoincrement=True, nullable=False)


def _owned(column: str, target: str) -> sa.ForeignKeyConstraint:
    """Rows go with what they belong to."""
    return sa.ForeignKeyConstraint([column], [target], ondelete="CASCADE")


def _create_nights() -> None:
    op.create_table(
        "nights",
        _text("date"),
        _text("status"),
        _text("lease_owner", nullable=True),
        _time("lease_until", nullable=True),
        sa.Column("fencing_token", sa.Integer(), nullable=False),
        _time("started_at"),
        _time("finished_at", nullable=True),
        _json("settings"),
        _text("decision", nullable=True),
        _text("adapter_id", nullable=True),
        _json("report", nullable=True),
        sa.ForeignKeyConstraint(["adapter_id"], ["adapters.id"]),
        sa.PrimaryKeyConstraint("date"),
    )


def _create_night_steps() -> None:
    op.create_table(
        "night_steps",
        _text("night_date"),
        _text("step"),
        sa.Column("position", sa.Integer(), nullable=False),
        _time("started_at"),
        _time("finished_at", nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        _json("detail"),
        _owned("night_date", "nights.date"),
        sa.PrimaryKeyConstraint("night_date", "step"),
    )


def _create_gate_results() -> None:
    op.create_table(
        "gate_results",
        _text("night_date"),
        _text("gate"),
        sa.Column("passed", sa.Boolean(), nullable=False),
        _number("value", nullable=True),
        _number("low", nullable=True),
        _number("high", nullable=True),
        _number("bound", nullable=True),
        _json("detail"),
        _owned("night_date", "nights.date"),
        sa.PrimaryKeyConstraint("night_date", "gate"),
    )


def _create_candidates() -> None:
    op.create_table(
        "candidates",
        _text("id"),
        _text("night_date"),
        _text("turn_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("text"),
        _text("adapter_id", nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        _json("sampling"),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        _time("created_at"),
        _owned("night_date", "nights.date"),
        _owned("turn_id", "turns.id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("night_date", "turn_id", "number", name="uq_candidates_number"),
    )
    op.create_index("ix_candidates_turn", "candidates", ["turn_id"])


def _create_scores() -> None:
    op.create_table(
        "scores",
        _serial(),
        _text("subject_id"),
        _text("reply_id", nullable=True),
        _text("candidate_id", nullable=True),
        _text("evaluator"),
        _time("at"),
        _number("agency"),
        _number("attentiveness"),
        _number("consistency"),
        _number("ease"),
        _number("empathetic"),
        _number("emotion"),
        _number("enjoyability"),
        _number("humanness"),
        _number("personality"),
        _number("respeak"),
        _number("topic"),
        _number("trust"),
        _json("spread"),
        _json("reward", nullable=True),
        _owned("reply_id", "replies.id"),
        _owned("candidate_id", "candidates.id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("subject_id", "evaluator", name="uq_scores_subject"),
        sa.CheckConstraint(
            "(reply_id IS NULL) <> (candidate_id IS NULL)", name="ck_scores_one_subject"
        ),
    )
    op.create_index("ix_scores_reply", "scores", ["reply_id"])
    op.create_index("ix_scores_candidate", "scores", ["candidate_id"])


def _create_score_failures() -> None:
    op.create_table(
        "score_failures",
        _serial(),
        _text("subject_id"),
        _text("reply_id", nullable=True),
        _text("candidate_id", nullable=True),
        _text("evaluator"),
        _text("reason"),
        _time("at"),
        _owned("reply_id", "replies.id"),
        _owned("candidate_id", "candidates.id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_score_failures_subject", "score_failures", ["subject_id"])


def _create_pairs() -> None:
    op.create_table(
        "pairs",
        _text("id"),
        _text("night_date"),
        _text("visitor_id"),
        _text("turn_id"),
        _json("turns"),
        _json("facts"),
        _text("chosen_id"),
        _text("chosen"),
        _text("rejected_id"),
        _text("rejected"),
        _text("source"),
        _number("margin", nullable=True),
        _number("disagreement"),
        _text("status"),
        _text("decided_by", nullable=True),
        _time("decided_at", nullable=True),
        _time("created_at"),
        sa.ForeignKeyConstraint(["night_date"], ["nights.date"]),
        _owned("visitor_id", "visitors.id"),
        _owned("turn_id", "turns.id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chosen_id", "rejected_id", name="uq_pairs_options"),
    )
    op.create_index("ix_pairs_night", "pairs", ["night_date"])
    op.create_index("ix_pairs_visitor", "pairs", ["visitor_id"])
    op.create_index("ix_pairs_turn", "pairs", ["turn_id"])


def _create_pair_drops() -> None:
    op.create_table(
        "pair_drops",
        _serial(),
        _text("night_date"),
        _text("turn_id"),
        _text("reason"),
        _text("detail"),
        _owned("night_date", "nights.date"),
        _owned("turn_id", "turns.id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_pair_drops_night", "pair_drops", ["night_date"])
    op.create_index("ix_pair_drops_turn", "pair_drops", ["turn_id"])


def _create_conflicts() -> None:
    op.create_table(
        "conflicts",
        _text("id"),
        _text("night_date"),
        _text("turn_id"),
        _text("reply_id"),
        _text("signal"),
        _number("reward_quantile"),
        _time("created_at"),
        _time("resolved_at", nullable=True),
        _text("resolved_by", nullable=True),
        _text("resolution", nullable=True),
        _owned("night_date", "nights.date"),
        _owned("turn_id", "turns.id"),
        _owned("reply_id", "replies.id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reply_id", "signal", name="uq_conflicts_signal"),
    )


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        _serial(),
        _text("operator"),
        _text("reply_id", nullable=True),
        _text("pair_id", nullable=True),
        _text("kind"),
        _text("metric", nullable=True),
        _number("value", nullable=True),
        _text("text", nullable=True),
        _text("note", nullable=True),
        _time("at"),
        _owned("reply_id", "replies.id"),
        _owned("pair_id", "pairs.id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reviews_reply", "reviews", ["reply_id"])
    op.create_index("ix_reviews_metric_at", "reviews", ["metric", "at"])


def _create_lineage() -> None:
    op.create_table(
        "adapter_pairs",
        _text("adapter_id"),
        _text("pair_id"),
        _owned("adapter_id", "adapters.id"),
        _owned("pair_id", "pairs.id"),
        sa.PrimaryKeyConstraint("adapter_id", "pair_id"),
    )
    op.create_index("ix_adapter_pairs_pair", "adapter_pairs", ["pair_id"])
    op.create_table(
        "adapter_visitors",
        _text("adapter_id"),
        _text("visitor_id"),
        _owned("adapter_id", "adapters.id"),
        _owned("visitor_id", "visitors.id"),
        sa.PrimaryKeyConstraint("adapter_id", "visitor_id"),
    )
    op.create_index("ix_adapter_visitors_visitor", "adapter_visitors", ["visitor_id"])
