"""Records as the JSON of the chat API."""

from collections.abc import Mapping, Sequence

from store.night_records import Receipt
from store.records import Conversation, ConversationSummary, Duel, Reply, Turn, Visitor

Json = dict[str, object]
_SHORT_ID = 8


def visitor_json(visitor: Visitor | None, visitor_id: str) -> Json:
    """Return a visitor; None is one who has done nothing yet."""
    return {
        "id_short": visitor_id[:_SHORT_ID],
        "consent": None if visitor is None else visitor.consent,
        "duel": visitor is not None and visitor.duel_at is not None,
    }


def summary_json(summary: ConversationSummary) -> Json:
    """Return a line of the list; `snippet` only where the search found something."""
    line: Json = {
        "id": summary.id,
        "title": summary.title,
        "updated_at": summary.updated_at.isoformat(),
        "adapter": summary.adapter,
    }
    if summary.snippet is not None:
        line["snippet"] = summary.snippet
    return line


def conversation_json(
    conversation: Conversation,
    turns: list[Turn],
    learned: Mapping[str, Sequence[Receipt]],
    duels: Mapping[str, Duel],
) -> Json:
    """Return a conversation with its turns; `learned` holds the receipts by turn, `duels` what is
    asked about one."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "adapter": conversation.adapter,
        "updated_at": conversation.updated_at.isoformat(),
        "turns": [turn_json(turn, learned.get(turn.id, ()), duels.get(turn.id)) for turn in turns],
    }


def turn_json(turn: Turn, learned: Sequence[Receipt] = (), duel: Duel | None = None) -> Json:
    """Return a turn with its variants; `learned`: which nights used it, for which versions.

    `duel`: the two replies to choose from, in the order in which they stand; None: nothing is asked.
    """
    return {
        "id": turn.id,
        "text": turn.text,
        "learn": turn.learn,
        "created_at": turn.created_at.isoformat(),
        "replies": [reply_json(reply) for reply in turn.replies],
        "shown": turn.shown,
        "learned": [{"date": one.date, "adapter": one.adapter} for one in learned],
        "duel": None if duel is None else _duel_json(duel),
    }


def _duel_json(duel: Duel) -> Json:
    sides = (duel.newer_reply, duel.older_reply)
    left, right = sides if duel.newer_left else sides[::-1]
    return {"left": left, "right": right}


def reply_json(reply: Reply) -> Json:
    """Return a reply; `seconds` once it was generated to an end."""
    seen: Json = {
        "id": reply.id,
        "text": reply.text,
        "status": reply.status,
        "origin": reply.origin,
        "adapter": reply.adapter,
        "facts": list(reply.facts),
        "thumb": reply.thumb,
        "reason": reply.reason,
        "safety": reply.safety,
    }
    if "total_seconds" in reply.timings:
        seen["seconds"] = reply.timings["total_seconds"]
    return seen
