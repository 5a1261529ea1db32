"""What a judge found when it compared the replies of a pair."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of comparisons."""
    op.create_table(
        "comparisons",
        sa.Column("evaluator", sa.Text(), nullable=False),
        sa.Column("chosen_id", sa.Text(), nullable=False),
        sa.Column("rejected_id", sa.Text(), nullable=False),
        sa.Column("turn_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("evaluator", "chosen_id", "rejected_id"),
    )
    op.create_index("ix_comparisons_turn", "comparisons", ["turn_id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("comparisons")
