"""What operators do: sessions, roles, retractions, proposed facts, duels and blind sheets."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Operators who are there already keep every right they had."""
    op.add_column("operators", sa.Column("role", sa.Text(), nullable=False, server_default="admin"))
    op.add_column("visitors", sa.Column("duel_at", _TIME, nullable=True))
    op.add_column("replies", sa.Column("context", sa.JSON(), nullable=True))
    op.add_column("replies", sa.Column("base_digest", sa.Text(), nullable=True))
    op.add_column("replies", sa.Column("prompt_digest", sa.Text(), nullable=True))
    op.add_column("replies", sa.Column("personal", sa.Boolean(), nullable=True))
    op.create_index("ix_replies_unread", "replies", ["personal", "id"])
    op.create_index("ix_replies_adapter", "replies", ["adapter_id", "created_at"])
    op.create_index("ix_safety_events_at", "safety_events", ["at"])
    op.add_column("nights", sa.Column("held_at", _TIME, nullable=True))
    op.create_index("ix_replies_created_at", "replies", ["created_at"])
    _doors()
    _reviews()
    _facts()
    _duels()
    _sheets()


def _doors() -> None:
    op.create_table(
        "operator_sessions",
        sa.Column("token_sha256", sa.Text(), primary_key=True),
        sa.Column("operator", sa.Text(), sa.ForeignKey("operators.name"), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
    )
    op.create_table(
        "invitations",
        sa.Column("token_sha256", sa.Text(), primary_key=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("operator", sa.Text(), sa.ForeignKey("operators.name"), nullable=False),
        sa.Column("screen", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.UniqueConstraint("operator", "screen", "name", name="uq_saved_views_name"),
    )
    op.create_table(
        "bulk_actions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("undone_at", _TIME, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
    )


def _reviews() -> None:
    op.add_column("reviews", sa.Column("target_id", sa.Integer(), nullable=True))
    op.add_column("reviews", sa.Column("bulk_id", sa.Text(), nullable=True))
    op.add_column("reviews", sa.Column("before", sa.Text(), nullable=True))
    op.add_column("reviews", sa.Column("route", sa.Text(), nullable=True))
    op.add_column(
        "reviews", sa.Column("blind", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("ix_reviews_target", "reviews", ["target_id"])
    op.create_index("ix_reviews_bulk", "reviews", ["bulk_id", "id"])
    op.create_index("ix_reviews_pair", "reviews", ["pair_id"])
    op.create_index("ix_reviews_operator_at", "reviews", ["operator", "bulk_id", "at"])
    op.create_table(
        "review_claims",
        sa.Column(
            "reply_id", sa.Text(), sa.ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("until", _TIME, nullable=False),
    )


def _facts() -> None:
    op.add_column("facts", sa.Column("replaces", sa.Text(), nullable=True))
    op.add_column("facts", sa.Column("retired_at", _TIME, nullable=True))
    op.create_table(
        "fact_changes",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("fact_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_fact_changes_fact", "fact_changes", ["fact_id"])
    op.create_table(
        "fact_proposals",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column(
            "reply_id", sa.Text(), sa.ForeignKey("replies.id", ondelete="CASCADE"), nullable=True
        ),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
    )
    op.create_index("ix_fact_proposals_reply", "fact_proposals", ["reply_id"])


def _duels() -> None:
    op.create_table(
        "duels",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column(
            "visitor_id",
            sa.Text(),
            sa.ForeignKey("visitors.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "turn_id", sa.Text(), sa.ForeignKey("turns.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("newer_adapter", sa.Text(), nullable=False),
        sa.Column("older_adapter", sa.Text(), nullable=False),
        sa.Column(
            "newer_reply",
            sa.Text(),
            sa.ForeignKey("replies.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "older_reply",
            sa.Text(),
            sa.ForeignKey("replies.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("newer_left", sa.Boolean(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("decided_at", _TIME, nullable=True),
    )
    for column in ("visitor_id", "turn_id", "newer_reply", "older_reply"):
        op.create_index(f"ix_duels_{column}", "duels", [column])


def _sheets() -> None:
    op.create_table(
        "sheets",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
    )
    op.create_table(
        "sheet_items",
        sa.Column(
            "sheet_id", sa.Text(), sa.ForeignKey("sheets.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("history", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("replies", sa.JSON(), nullable=False),
    )
    op.create_table(
        "sheet_ratings",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column(
            "sheet_id", sa.Text(), sa.ForeignKey("sheets.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("ranks", sa.JSON(), nullable=False),
        sa.Column("naturalness", sa.JSON(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_sheet_ratings_sheet", "sheet_ratings", ["sheet_id", "number"])


def downgrade() -> None:
    """Drop what operators did."""
    for table in (
        "sheet_ratings",
        "sheet_items",
        "sheets",
        "duels",
        "fact_proposals",
        "fact_changes",
        "review_claims",
        "bulk_actions",
        "saved_views",
        "invitations",
        "operator_sessions",
    ):
        op.drop_table(table)
    op.drop_index("ix_safety_events_at", "safety_events")
    op.drop_index("ix_replies_adapter", "replies")
    op.drop_index("ix_replies_created_at", "replies")
    op.drop_index("ix_replies_unread", "replies")
    for name in ("target", "bulk", "pair", "operator_at"):
        op.drop_index(f"ix_reviews_{name}", "reviews")
    for table, columns in (
        ("facts", ("replaces", "retired_at")),
        ("reviews", ("target_id", "bulk_id", "before", "route", "blind")),
        ("replies", ("context", "base_digest", "prompt_digest", "personal")),
        ("visitors", ("duel_at",)),
        ("nights", ("held_at",)),
        ("operators", ("role",)),
    ):
        for column in columns:
            op.drop_column(table, column)
