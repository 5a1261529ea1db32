"""The tables of the console: doors, views, bulk actions, facts, duels, sheets, reply index."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from store.tables import Base

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # there only INTEGER is the row's own id


class OperatorSessionRow(Base):
    """A login. Only the hash of its token is kept; `ended_at` ends it before it expires."""

    __tablename__ = "operator_sessions"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operators.name"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class InvitationRow(Base):
    """A link that lets one person become the first operator, once."""

    __tablename__ = "invitations"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SavedViewRow(Base):
    """A filter that an operator gave a name."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("operator", "screen", "name", name="uq_saved_views_name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operators.name"))
    screen: Mapped[str]
    name: Mapped[str]
    query: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[datetime]


class BulkActionRow(Base):
    """One deed on everything that a filter found; its reviews carry its id, so it can be undone.

    `count` grows while it runs; `finished_at` is None until it has reached the end.
    """

    __tablename__ = "bulk_actions"

    id: Mapped[str] = mapped_column(primary_key=True)
    operator: Mapped[str]
    action: Mapped[str]
    filter: Mapped[dict[str, object]] = mapped_column(JSON)
    count: Mapped[int]
    at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]


class ReviewClaimRow(Base):
    """Who has a reply of the review queue before them, until when nobody else is given it."""

    __tablename__ = "review_claims"

    reply_id: Mapped[str] = mapped_column(
        ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True
    )
    operator: Mapped[str]
    until: Mapped[datetime]


class FactChangeRow(Base):
    """Append-only: the history of a fact. `action`: add, edit, retire or restore."""

    __tablename__ = "fact_changes"
    __table_args__ = (Index("ix_fact_changes_fact", "fact_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    persona: Mapped[str]
    fact_id: Mapped[str]
    action: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]
    who: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]


class FactProposalRow(Base):
    """A fact that somebody found wrong or missing in a reply; an admin decides.

    `kind`: wrong or missing. `replaces`: the fact that it corrects, None for a new one.
    `status`: proposed, accepted or declined; `reason`: of that decision.
    """

    __tablename__ = "fact_proposals"
    __table_args__ = (Index("ix_fact_proposals_reply", "reply_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    persona: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str]
    replaces: Mapped[str | None]
    reply_id: Mapped[str | None] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    proposed_by: Mapped[str]
    at: Mapped[datetime]
    status: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class DuelRow(Base):
    """Two answers to one turn, shown blind to a visitor who opted in. `verdict`: newer, older, tie.

    `newer_left`: on which side the newer adapter's answer stood.
    """

    __tablename__ = "duels"
    __table_args__ = (
        Index("ix_duels_visitor_id", "visitor_id"),
        Index("ix_duels_turn_id", "turn_id"),
        Index("ix_duels_newer_reply", "newer_reply"),
        Index("ix_duels_older_reply", "older_reply"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    newer_adapter: Mapped[str]
    older_adapter: Mapped[str]
    newer_reply: Mapped[str] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    older_reply: Mapped[str] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    newer_left: Mapped[bool]
    asked_at: Mapped[datetime]
    verdict: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class SheetRow(Base):
    """A blind comparison of versions. `status`: making, stopped, failed, ready or closed.

    The first of `versions` is the baseline. `error`: why making failed, one sentence.
    """

    __tablename__ = "sheets"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    versions: Mapped[list[str]] = mapped_column(JSON)
    metrics: Mapped[list[str]] = mapped_column(JSON)
    seed: Mapped[int]
    status: Mapped[str]
    error: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class SheetItemRow(Base):
    """A held-out prompt with each version's reply, judged on one metric.

    `prompt` names it in the card's data; `history` alternates visitor and persona, oldest first.
    `replies` by version; a version that has not answered yet is missing.
    """

    __tablename__ = "sheet_items"

    sheet_id: Mapped[str] = mapped_column(
        ForeignKey("sheets.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str]
    prompt: Mapped[str]
    history: Mapped[list[str]] = mapped_column(JSON)
    facts: Mapped[list[str]] = mapped_column(JSON)
    question: Mapped[str]
    replies: Mapped[dict[str, str]] = mapped_column(JSON)


class SheetRatingRow(Base):
    """Append-only: ranks (1 is best, ties allowed) and naturalness (1-5) by version."""

    __tablename__ = "sheet_ratings"
    __table_args__ = (Index("ix_sheet_ratings_sheet", "sheet_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    sheet_id: Mapped[str] = mapped_column(ForeignKey("sheets.id", ondelete="CASCADE"))
    number: Mapped[int]
    operator: Mapped[str]
    ranks: Mapped[dict[str, int]] = mapped_column(JSON)
    naturalness: Mapped[dict[str, int]] = mapped_column(JSON)
    at: Mapped[datetime]


class ReplyIndexRow(Base):
    """A reply that visitors saw, in the order of time: see `store.reply_index`.

    `number`: when it was asked for, in milliseconds since 1970, times 4096, plus bits of its id.
    """

    __tablename__ = "reply_index"
    __table_args__ = (
        UniqueConstraint("reply_id", name="uq_reply_index_reply"),
        Index("ix_reply_index_visitor", "visitor_id", "number"),
    )

    number: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=False)
    reply_id: Mapped[str] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    visitor_id: Mapped[str]
    evaluator: Mapped[str | None]


class ReplyFiguresRow(Base):
    """What a list of replies is filtered and sorted by, kept narrow so that reading all is fast.

    `variants`: of its turn. `thumb`: 1 up, -1 down, 0 none. `reviewed`: how many reviews stand.
    Metrics (0..10), their mean and the widest spread are of the newest verdict, in hundredths; None
    without one.
    """

    __tablename__ = "reply_figures"
    __table_args__ = (Index("ix_reply_figures_adapter", "adapter", "number"),)

    number: Mapped[int] = mapped_column(
        _NUMBER,
        ForeignKey("reply_index.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    on_screen: Mapped[bool]
    superseded: Mapped[bool]
    safety: Mapped[bool]
    conflict: Mapped[bool]
    personal: Mapped[bool | None]
    thumb: Mapped[int] = mapped_column(SmallInteger)
    variants: Mapped[int] = mapped_column(SmallInteger)
    reviewed: Mapped[int]
    adapter: Mapped[str | None]
    mean: Mapped[int | None] = mapped_column(SmallInteger)
    spread: Mapped[int | None] = mapped_column(SmallInteger)
    agency: Mapped[int | None] = mapped_column(SmallInteger)
    attentiveness: Mapped[int | None] = mapped_column(SmallInteger)
    consistency: Mapped[int | None] = mapped_column(SmallInteger)
    ease: Mapped[int | None] = mapped_column(SmallInteger)
    empathetic: Mapped[int | None] = mapped_column(SmallInteger)
    emotion: Mapped[int | None] = mapped_column(SmallInteger)
    enjoyability: Mapped[int | None] = mapped_column(SmallInteger)
    humanness: Mapped[int | None] = mapped_column(SmallInteger)
    personality: Mapped[int | None] = mapped_column(SmallInteger)
    respeak: Mapped[int | None] = mapped_column(SmallInteger)
    topic: Mapped[int | None] = mapped_column(SmallInteger)
    trust: Mapped[int | None] = mapped_column(SmallInteger)


class ReplyWordsRow(Base):
    """The pairs of characters of a reply and of what it answers: see `store.reply_words`.

    On SQLite the triggers of the migration carry them into the full-text table `reply_search`.
    """

    __tablename__ = "reply_words"
    __table_args__ = (
        Index("ix_reply_words_words", "words", postgresql_using="gin").ddl_if(dialect="postgresql"),
    )

    number: Mapped[int] = mapped_column(
        _NUMBER,
        ForeignKey("reply_index.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    words: Mapped[str] = mapped_column(Text().with_variant(TSVECTOR(), "postgresql"))


class ReplyWordsLeftRow(Base):
    """That SQLite's full-text table holds the words of a removed reply in some segment still."""

    __tablename__ = "reply_words_left"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
