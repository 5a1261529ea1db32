"""What a night was made of: its turns, its trust, its rewards with every part, what it trained on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and fill in what earlier nights left in others.

    Rewards move from `scores`, where one night overwrote no other's and none kept its parts, into a
    row per night. Old ones named neither night nor settings and are dropped; an open night that had
    not paired yet scores again, which costs nothing where the verdicts are there.
    """
    _create_tables()
    op.execute(
        "INSERT INTO night_turns (night_date, turn_id) "
        "SELECT night_date, turn_id FROM candidates "
        "UNION SELECT night_date, turn_id FROM pairs "
        "UNION SELECT night_date, turn_id FROM pair_drops"
    )
    op.execute(
        "INSERT INTO night_training (night_date, pair_id) "
        "SELECT nights.date, adapter_pairs.pair_id FROM nights "
        "JOIN adapter_pairs ON adapter_pairs.adapter_id = nights.adapter_id"
    )
    op.execute(
        "UPDATE night_steps SET finished_at = NULL "
        "WHERE step IN ('score', 'score_candidates') "
        "AND night_date IN "
        "(SELECT date FROM nights WHERE status IN ('running', 'stopped', 'failed')) "
        "AND night_date NOT IN "
        "(SELECT night_date FROM night_steps WHERE step = 'pair' AND finished_at IS NOT NULL)"
    )
    # What an open night trained and measured lies on disk; its steps note more now than they did.
    op.execute(
        "UPDATE night_steps SET finished_at = NULL WHERE step IN ('train', 'gate') "
        "AND night_date IN (SELECT date FROM nights "
        "WHERE status IN ('running', 'stopped', 'failed', 'waiting'))"
    )
    op.add_column("scores", sa.Column("reasons", sa.JSON(), nullable=True))
    op.drop_column("scores", "reward")
    op.drop_column("nights", "report")


def downgrade() -> None:
    """Drop them; rewards and trust are lost, and with them nights that were only rehearsed."""
    op.execute("DELETE FROM nights WHERE status = 'rehearsed'")
    op.add_column("nights", sa.Column("report", sa.JSON(), nullable=True))
    op.add_column("scores", sa.Column("reward", sa.JSON(), nullable=True))
    op.drop_column("scores", "reasons")
    for table in ("night_training", "night_rewards", "night_trust", "night_turns"):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        "night_turns",
        _text("night_date"),
        _text("turn_id"),
        _owned("night_date", "nights.date"),
        _owned("turn_id", "turns.id"),
        sa.PrimaryKeyConstraint("night_date", "turn_id"),
    )
    op.create_index("ix_night_turns_turn", "night_turns", ["turn_id"])
    op.create_table(
        "night_trust",
        _text("night_date"),
        _text("metric"),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("kappa", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("reviews", sa.Integer(), nullable=False),
        _owned("night_date", "nights.date"),
        sa.PrimaryKeyConstraint("night_date", "metric"),
    )
    op.create_table(
        "night_rewards",
        _text("night_date"),
        sa.Column("score_id", sa.Integer(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        _text("settings"),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("guards", sa.JSON(), nullable=False),
        _owned("night_date", "nights.date"),
        _owned("score_id", "scores.id"),
        sa.PrimaryKeyConstraint("night_date", "score_id"),
    )
    op.create_index("ix_night_rewards_score", "night_rewards", ["score_id"])
    op.create_table(
        "night_training",
        _text("night_date"),
        _text("pair_id"),
        _owned("night_date", "nights.date"),
        _owned("pair_id", "pairs.id"),
        sa.PrimaryKeyConstraint("night_date", "pair_id"),
    )
    op.create_index("ix_night_training_pair", "night_training", ["pair_id"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _owned(column: str, target: str) -> sa.ForeignKeyConstraint:
    """Rows go with what they belong to."""
    return sa.ForeignKeyConstraint([column], [target], ondelete="CASCADE")
