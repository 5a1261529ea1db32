"""What judges were asked: the prompts, once each, and how every verdict was drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Older verdicts keep no record of how they were asked for."""
    op.create_table(
        "judge_prompts",
        sa.Column("sha256", sa.Text(), primary_key=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("scores", sa.Column("asked", sa.JSON(), nullable=True))
    op.add_column("comparisons", sa.Column("asked", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop both; the verdicts stay."""
    op.drop_column("comparisons", "asked")
    op.drop_column("scores", "asked")
    op.drop_table("judge_prompts")
