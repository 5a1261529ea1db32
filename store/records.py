"""What the store hands to other rooms: frozen values, detached from any session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ReplyStatus = Literal["queued", "streaming", "done", "stopped", "failed"]
ReplyOrigin = Literal["live", "regenerated", "duel"]
Thumb = Literal["up", "down"]
SafetySource = Literal["user", "reply"]
FactAction = Literal["add", "edit", "retire", "restore"]
ProposalKind = Literal["wrong", "missing"]
ProposalStatus = Literal["proposed", "accepted", "declined"]
DuelVerdict = Literal["newer", "older", "tie"]

MOVING: tuple[ReplyStatus, ...] = ("queued", "streaming")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """`consent` None means not asked yet; `duel_at` None: not in the duel of versions."""

    id: str
    consent: bool | None
    consent_at: datetime | None
    created_at: datetime
    duel_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One variant of an answer; `error` is a short code when status is failed."""

    id: str
    turn_id: str
    variant: int
    text: str
    status: ReplyStatus
    origin: ReplyOrigin
    error: str | None
    adapter: str | None
    facts: tuple[str, ...]
    seed: int
    sampling: dict[str, float]
    timings: dict[str, float]
    safety: bool
    thumb: Thumb | None
    reason: str | None
    created_at: datetime

    @property
    def moving(self) -> bool:
        """Whether generation has not ended yet."""
        return self.status in MOVING


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Two answers to one turn, asked about blind. `newer_left`: where the newer one's stands."""

    id: str
    turn_id: str
    newer_adapter: str
    older_adapter: str
    newer_reply: str
    older_reply: str
    newer_left: bool
    asked_at: datetime
    verdict: DuelVerdict | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """`replies` in order of variant; `shown` indexes it."""

    id: str
    conversation_id: str
    position: int
    text: str
    learn: bool
    flagged: bool
    shown: int
    created_at: datetime
    superseded_at: datetime | None
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation without its turns."""

    id: str
    visitor_id: str
    persona: str
    title: str
    adapter: str | None
    pinned_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A line of the history list; `snippet` surrounds the search hit."""

    id: str
    title: str
    adapter: str | None
    updated_at: datetime
    snippet: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReply:
    """What is known of a reply before it is generated."""

    origin: ReplyOrigin
    adapter: str | None
    seed: int
    sampling: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """What a reply's prompt held. `context`: the replies that were its history, oldest first.

    `base` and `prompt`: digests of the base model and of the messages that it read.
    """

    context: tuple[str, ...]
    base: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyEnd:
    """How a reply ended. `caught` is the text the safety filter replaced, with its source."""

    status: ReplyStatus
    text: str
    error: str | None = None
    timings: dict[str, float] | None = None
    caught: "SafetyCatch | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyCatch:
    """What the safety filter caught and why."""

    source: SafetySource
    category: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter on disk; one with `tainted_at` must not be served."""

    id: str
    parent_id: str | None
    kind: str
    base: str
    sha256: str
    folder: str
    manifest: dict[str, object]
    created_at: datetime
    tainted_at: datetime | None = None
    taint_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An adapter entered production."""

    adapter: str
    at: datetime
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact about a persona. `replaces`: the card's sentence that it stands for, None if added.

    `added_by` and `created_at` are None for a sentence of the card that nobody touched.
    `retired_at` None: she knows it.
    """

    id: str
    persona: str
    text: str
    added_by: str | None
    created_at: datetime | None
    replaces: str | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactChange:
    """One entry of a fact's history; `before` or `after` None: it was not known then."""

    action: FactAction
    before: str | None
    after: str | None
    who: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FactProposal:
    """What somebody found wrong or missing in a reply. `text` may be empty: words are still to be
    found. `replaces`: the fact that it corrects. `reason`: of the decision. `asked` and `said` are
    the turn and the reply, None when the conversation was deleted or it is about none."""

    id: str
    persona: str
    kind: ProposalKind
    text: str
    replaces: str | None
    reply_id: str | None
    proposed_by: str
    at: datetime
    status: ProposalStatus
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    asked: str | None = None
    said: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much of a visitor was removed, and how many adapters may not be served any more."""

    conversations: int
    turns: int
    replies: int
    export_files: int
    pairs: int = 0
    candidates: int = 0
    tainted_adapters: int = 0
