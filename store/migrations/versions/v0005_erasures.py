"""Erasures that a dead process left unfinished are known and finished."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Older erasures count as unfinished: what they left behind is then removed too."""
    op.add_column("erasures", sa.Column("scrubbed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("erasures", sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "pending_erasures",
        sa.Column("visitor_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("visitor_id"),
    )


def downgrade() -> None:
    """Forget what is unfinished."""
    op.drop_table("pending_erasures")
    op.drop_column("erasures", "finished_at")
    op.drop_column("erasures", "scrubbed_at")
