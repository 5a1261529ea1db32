"""A visitor's own data as JSON values and Markdown."""

import json
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.conversations import load_conversation
from store.errors import NotFoundError
from store.records import Conversation, Reply, Turn
from store.tables import ConversationRow
from store.turns import list_turns
from store.visitors import Owner, load_visitor

EXPORTS_BY_VISITOR = "visitors"
Json = dict[str, object]


def export_visitor(session: Session, owner: Owner, *, now: datetime) -> Json:
    """Return everything kept about a visitor, edited-away turns too. Raises NotFoundError."""
    visitor = load_visitor(session, owner.visitor_id)
    if visitor is None:
        raise NotFoundError(f"no visitor has the id {owner.visitor_id}")
    mine = ConversationRow.visitor_id == owner.visitor_id, ConversationRow.deleted_at.is_(None)
    ids = session.scalars(
        select(ConversationRow.id).where(*mine).order_by(ConversationRow.created_at)
    ).all()
    return {
        "format": "yogeiko.visitor/1",
        "exported_at": now.isoformat(),
        "visitor": {
            "id": visitor.id,
            "consent": visitor.consent,
            "consent_at": None if visitor.consent_at is None else visitor.consent_at.isoformat(),
            "created_at": visitor.created_at.isoformat(),
        },
        "conversations": [export_conversation(session, owner, one) for one in ids],
    }


def export_conversation(session: Session, owner: Owner, conversation_id: str) -> Json:
    """Return one conversation with every variant. Raises NotFoundError."""
    conversation = load_conversation(session, owner, conversation_id)
    turns = list_turns(session, owner, conversation_id, with_superseded=True)
    return {
        "format": "yogeiko.conversation/1",
        "id": conversation.id,
        "title": conversation.title,
        "persona": conversation.persona,
        "created_at": conversation.created_at.isoformat(),
        "updated_at": conversation.updated_at.isoformat(),
        "turns": [_turn(turn) for turn in turns],
    }


def conversation_markdown(
    conversation: Conversation, turns: list[Turn], *, speaker: str, visitor: str
) -> str:
    """Return the visible talk as Markdown in which nothing said can become markup."""
    lines = [f"# {escape_markdown(conversation.title)}", ""]
    for turn in turns:
        lines += [f"**{visitor}** ({turn.created_at:%Y-%m-%d %H:%M} UTC)", "", _quote(turn.text)]
        reply = turn.replies[turn.shown]
        lines += ["", f"**{speaker}**", "", _quote(reply.text), ""]
    return "\n".join(lines)


def write_visitor_export(session: Session, owner: Owner, *, exports: Path, now: datetime) -> Path:
    """Write everything of a visitor under `exports` and return the file. Raises NotFoundError."""
    content = export_visitor(session, owner, now=now)
    folder = exports / EXPORTS_BY_VISITOR / owner.visitor_id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
    return path


def escape_markdown(text: str) -> str:
    """Return text in which neither Markdown nor HTML is left alive."""
    for special in "\\`*_{}[]()#+-.!|~":
        text = text.replace(special, f"\\{special}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quote(text: str) -> str:
    return "\n".join(f"> {escape_markdown(line)}" for line in text.splitlines() or [""])


def _turn(turn: Turn) -> Json:
    return {
        "id": turn.id,
        "text": turn.text,
        "learn": turn.learn,
        "created_at": turn.created_at.isoformat(),
        "superseded": turn.superseded_at is not None,
        "shown": turn.shown,
        "replies": [_reply(reply) for reply in turn.replies],
    }


def _reply(reply: Reply) -> Json:
    return {
        "id": reply.id,
        "text": reply.text,
        "status": reply.status,
        "origin": reply.origin,
        "adapter": reply.adapter,
        "facts": list(reply.facts),
        "thumb": reply.thumb,
        "reason": reply.reason,
        "safety": reply.safety,
        "created_at": reply.created_at.isoformat(),
    }
