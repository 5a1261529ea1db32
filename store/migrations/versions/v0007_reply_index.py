"""The index of shown replies: figures to filter by, and words to search; filled on opening."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_METRICS = (
    "agency",
    "attentiveness",
    "consistency",
    "ease",
    "empathetic",
    "emotion",
    "enjoyability",
    "humanness",
    "personality",
    "respeak",
    "topic",
    "trust",
)
# Words are pairs of characters between spaces, whatever kind of characters they are.
_SEARCH = """
CREATE VIRTUAL TABLE reply_search USING fts5(
    words, content='reply_words', content_rowid='number', prefix='1', columnsize=0,
    tokenize="unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'"
)
"""
_FOLLOW = """
CREATE TRIGGER reply_words_added AFTER INSERT ON reply_words BEGIN
    INSERT INTO reply_search (rowid, words) VALUES (new.number, new.words);
END
"""
_FORGET = """
CREATE TRIGGER reply_words_removed AFTER DELETE ON reply_words BEGIN
    INSERT INTO reply_search (reply_search, rowid, words)
    VALUES ('delete', old.number, old.words);
    INSERT INTO reply_words_left (id) VALUES (NULL);
END
"""


def upgrade() -> None:
    """The rows follow when the database is opened: `store.database` has them made."""
    op.create_table(
        "reply_index",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column(
            "reply_id", sa.Text(), sa.ForeignKey("replies.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("visitor_id", sa.Text(), nullable=False),
        sa.Column("evaluator", sa.Text(), nullable=True),
        sa.UniqueConstraint("reply_id", name="uq_reply_index_reply"),
    )
    op.create_index("ix_reply_index_visitor", "reply_index", ["visitor_id", "number"])
    op.create_table(
        "reply_figures",
        _number(),
        *(
            sa.Column(name, sa.Boolean(), nullable=False)
            for name in ("on_screen", "superseded", "safety", "conflict")
        ),
        sa.Column("personal", sa.Boolean(), nullable=True),
        sa.Column("thumb", sa.SmallInteger(), nullable=False),
        sa.Column("variants", sa.SmallInteger(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=True),
        *(
            sa.Column(name, sa.SmallInteger(), nullable=True)
            for name in ("mean", "spread", *_METRICS)
        ),
    )
    op.create_index("ix_reply_figures_adapter", "reply_figures", ["adapter", "number"])
    words = sa.Text().with_variant(TSVECTOR(), "postgresql")
    op.create_table("reply_words", _number(), sa.Column("words", words, nullable=False))
    op.create_table(
        "reply_words_left", sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True)
    )
    if op.get_context().dialect.name == "sqlite":
        for statement in (_SEARCH, _FOLLOW, _FORGET):
            op.execute(statement)
    else:
        op.create_index("ix_reply_words_words", "reply_words", ["words"], postgresql_using="gin")


def downgrade() -> None:
    """Drop the index; what it was made of stays."""
    op.drop_table("reply_words")
    op.drop_table("reply_words_left")
    if op.get_context().dialect.name == "sqlite":
        op.drop_table("reply_search")
    op.drop_table("reply_figures")
    op.drop_table("reply_index")


def _number() -> sa.Column[int]:
    return sa.Column(
        "number",
        _NUMBER,
        sa.ForeignKey("reply_index.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
