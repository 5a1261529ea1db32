"""The tables, in the field's words. Rows stay inside this room; records.py goes out."""

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, also on SQLite, which has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: their zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value.isoformat()} has no zone; expected an aware datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC whatever zone the database session uses."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables; text columns have no length limit on either database."""

    type_annotation_map = {str: Text, datetime: UtcDateTime}  # noqa: RUF012 - SQLAlchemy's form


class VisitorRow(Base):
    """Someone who chats. `consent` None means not asked yet, which trains nothing.

    `duel_at`: since when they let two versions answer now and then.
    """

    __tablename__ = "visitors"

    id: Mapped[str] = mapped_column(primary_key=True)
    consent: Mapped[bool | None]
    consent_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    duel_at: Mapped[datetime | None] = mapped_column(default=None)


class ErasureRow(Base):
    """That somebody was erased, without saying who: the hash keeps an old cookie from returning.

    `scrubbed_at`: no byte of the rows is left; `finished_at`: nor of any file.
    """

    __tablename__ = "erasures"

    visitor_sha256: Mapped[str] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime]
    scrubbed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class PendingErasureRow(Base):
    """Somebody whose erasure was asked for; it goes in the transaction that removes their rows."""

    __tablename__ = "pending_erasures"

    visitor_id: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str]
    at: Mapped[datetime]


class ConversationRow(Base):
    """A conversation keeps its adapter (`adapter_id` since `pinned_at`) until it has been idle."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_visitor_updated", "visitor_id", "updated_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete="CASCADE"))
    persona: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    title_folded: Mapped[str] = mapped_column(default="")
    adapter_id: Mapped[str | None]
    pinned_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    turns: Mapped[list["TurnRow"]] = relationship(
        back_populates="conversation", order_by="TurnRow.position", passive_deletes=True
    )


class TurnRow(Base):
    """What the visitor said. `shown` is the variant on screen; superseded turns were edited away."""

    __tablename__ = "turns"
    __table_args__ = (UniqueConstraint("conversation_id", "position", name="uq_turns_position"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    text: Mapped[str]
    text_folded: Mapped[str]
    learn: Mapped[bool] = mapped_column(default=True)
    flagged: Mapped[bool] = mapped_column(default=False)
    shown: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]

    conversation: Mapped[ConversationRow] = relationship(back_populates="turns")
    replies: Mapped[list["ReplyRow"]] = relationship(
        back_populates="turn", order_by="ReplyRow.variant", passive_deletes=True
    )


class ReplyRow(Base):
    """One variant of an answer, written before, while and after it is generated.

    `context`: ids of the replies that stood before it in its prompt, oldest first; None: not known.
    `base_digest`, `prompt_digest`: which base model read which messages; None: not known.
    `personal`: whether it or its turn holds personal data; None: not looked at yet.
    """

    __tablename__ = "replies"
    __table_args__ = (
        UniqueConstraint("turn_id", "variant", name="uq_replies_variant"),
        Index("ix_replies_status", "status"),
        Index("ix_replies_unread", "personal", "id"),
        Index("ix_replies_adapter", "adapter_id", "created_at"),
        Index("ix_replies_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    variant: Mapped[int]
    text: Mapped[str] = mapped_column(default="")
    text_folded: Mapped[str] = mapped_column(default="")
    status: Mapped[str]
    origin: Mapped[str]
    error: Mapped[str | None]
    adapter_id: Mapped[str | None]
    facts: Mapped[list[str]] = mapped_column(JSON, default=list)
    seed: Mapped[int]
    sampling: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    timings: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    safety: Mapped[bool] = mapped_column(default=False)
    context: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), default=None)
    base_digest: Mapped[str | None] = mapped_column(default=None)
    prompt_digest: Mapped[str | None] = mapped_column(default=None)
    personal: Mapped[bool | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    turn: Mapped[TurnRow] = relationship(back_populates="replies")
    feedback: Mapped["FeedbackRow | None"] = relationship(passive_deletes=True)


class FeedbackRow(Base):
    """A visitor's thumb on a reply; the last one counts."""

    __tablename__ = "feedback"

    reply_id: Mapped[str] = mapped_column(
        ForeignKey("replies.id", ondelete="CASCADE"), primary_key=True
    )
    thumb: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[datetime]


class SafetyEventRow(Base):
    """Text that the safety filter caught; never trained on, erased with its visitor."""

    __tablename__ = "safety_events"
    __table_args__ = (
        Index("ix_safety_events_visitor", "visitor_id"),
        Index("ix_safety_events_turn", "turn_id"),
        Index("ix_safety_events_reply", "reply_id"),
        Index("ix_safety_events_at", "at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"))
    reply_id: Mapped[str] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    source: Mapped[str]
    category: Mapped[str]
    reason: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]


class FactRow(Base):
    """A fact about the persona that an operator added beside the card's own.

    `replaces`: the card's sentence that it stands for; a retired one is known no longer.
    """

    __tablename__ = "facts"
    __table_args__ = (UniqueConstraint("persona", "text", name="uq_facts_text"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    persona: Mapped[str]
    text: Mapped[str]
    added_by: Mapped[str]
    created_at: Mapped[datetime]
    replaces: Mapped[str | None] = mapped_column(default=None)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)


class AdapterRow(Base):
    """A LoRA adapter that exists on disk; the manifest is the one beside its weights.

    A tainted one descends from pairs of somebody who was erased: it must not be served.
    """

    __tablename__ = "adapters"

    id: Mapped[str] = mapped_column(primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("adapters.id"))
    kind: Mapped[str]
    base: Mapped[str]
    sha256: Mapped[str]
    folder: Mapped[str]
    manifest: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    tainted_at: Mapped[datetime | None]
    taint_reason: Mapped[str | None]


class DeploymentRow(Base):
    """Append-only: the newest row names the adapter in production."""

    __tablename__ = "deployments"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    adapter_id: Mapped[str] = mapped_column(ForeignKey("adapters.id"))
    at: Mapped[datetime]
    who: Mapped[str]
    why: Mapped[str]


class OperatorRow(Base):
    """Someone who may open the console; `password_hash` is a one-way hash. `role`: reviewer, admin."""

    __tablename__ = "operators"

    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="admin", server_default="admin")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class AuditRow(Base):
    """Append-only: who did what to what; never holds what a visitor said."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    detail: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
