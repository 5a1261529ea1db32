"""One reply with everything around it."""

from fastapi import APIRouter

from app.api_json import Json
from app.chat_api import Id
from app.console.door import Reviewer
from app.console.parts import Console
from rlaif.report_verdicts import verdicts_json
from store.adapters import list_adapters
from store.night_records import StoredConflict, StoredPair
from store.records import Reply, Turn
from store.reply_detail import ReplyDetail, SafetyEvent, load_reply_detail

router = APIRouter(prefix="/api/console")

_SHORT_ID = 8


@router.get("/adapters")
def read_adapters(console: Console, who: Reviewer) -> Json:
    """The names of all versions, newest first."""
    with console.database.reading() as session:
        return {"adapters": [one.id for one in reversed(list_adapters(session))]}


@router.get("/replies/{reply_id}")
def read_reply(console: Console, who: Reviewer, reply_id: Id) -> Json:
    """The reply, its conversation, its turn's variants and candidates with verdicts, its pairs."""
    with console.database.reading() as session:
        detail = load_reply_detail(session, reply_id)
    turn = detail.turn
    texts = [(one.id, one.text) for one in turn.replies]
    texts += [(one.id, one.text) for one in detail.candidates]
    return {
        "id": detail.reply.id,
        "turn": turn.id,
        "visitor": detail.conversation.visitor_id[:_SHORT_ID],
        "conversation": {
            "id": detail.conversation.id,
            "title": detail.conversation.title,
            "created_at": detail.conversation.created_at.isoformat(),
            "adapter": detail.conversation.adapter,
            "turns": [_turn_json(one, detail) for one in detail.turns],
        },
        "verdicts": {
            subject: verdicts_json(
                subject, text, detail.verdicts[subject], detail.failures[subject]
            )
            for subject, text in texts
        },
        "candidates": [
            {
                "id": one.id,
                "night": one.night_date,
                "text": one.text,
                "adapter": one.adapter,
                "flagged": one.flagged,
                "sampling": dict(one.sampling),
            }
            for one in detail.candidates
        ],
        "safety": [_safety_json(one) for one in detail.safety],
        "pairs": [_pair_json(one) for one in detail.pairs],
        "conflicts": [_conflict_json(one) for one in detail.conflicts],
        "tokens": console.chat.tokens_of(detail.reply.text),
    }


def _turn_json(turn: Turn, detail: ReplyDetail) -> Json:
    return {
        "id": turn.id,
        "text": turn.text,
        "at": turn.created_at.isoformat(),
        "learn": turn.learn,
        "flagged": turn.flagged,
        "superseded": turn.superseded_at is not None,
        "shown": turn.shown,
        "replies": [_reply_json(one) for one in turn.replies],
        "learned": [
            {"date": one.date, "adapter": one.adapter, "deployed": one.deployed}
            for one in detail.learned.get(turn.id, ())
        ],
    }


def _reply_json(reply: Reply) -> Json:
    return {
        "id": reply.id,
        "variant": reply.variant,
        "text": reply.text,
        "status": reply.status,
        "error": reply.error,
        "origin": reply.origin,
        "adapter": reply.adapter,
        "facts": list(reply.facts),
        "seed": reply.seed,
        "sampling": dict(reply.sampling),
        "timings": dict(reply.timings),
        "thumb": reply.thumb,
        "reason": reply.reason,
        "safety": reply.safety,
        "at": reply.created_at.isoformat(),
    }


def _safety_json(event: SafetyEvent) -> Json:
    return {
        "reply": event.reply_id,
        "source": event.source,
        "category": event.category,
        "reason": event.reason,
        "text": event.text,
        "at": event.at.isoformat(),
    }


def _pair_json(pair: StoredPair) -> Json:
    return {
        "id": pair.id,
        "night": pair.night_date,
        "chosen": pair.chosen,
        "chosen_id": pair.chosen_id,
        "rejected": pair.rejected,
        "rejected_id": pair.rejected_id,
        "source": pair.source,
        "margin": pair.margin,
        "status": pair.status,
        "decided_by": pair.decided_by,
    }


def _conflict_json(conflict: StoredConflict) -> Json:
    return {
        "id": conflict.id,
        "night": conflict.night_date,
        "reply": conflict.reply_id,
        "signal": conflict.signal,
        "quantile": conflict.reward_quantile,
        "resolution": conflict.resolution,
        "resolved_by": conflict.resolved_by,
    }
