"""The routes of the chat. Each acts for the visitor that the cookie names and nobody else."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.api_json import Json, conversation_json, reply_json, summary_json, turn_json, visitor_json
from app.chat_service import ChatService
from app.clock import utc_now
from app.errors import ChatError
from app.identity import VISITOR_STATE
from app.messages import Language, choose_language
from app.reply_events import reply_events
from app.text_rules import clean_text
from store.conversations import (
    list_conversations,
    load_conversation,
    rename_conversation,
    search_conversations,
)
from store.duels import decide_duel, open_duels
from store.errors import NotFoundError
from store.lineage import learned_receipts
from store.records import Reply, Turn
from store.turns import (
    list_turns,
    load_reply,
    load_turn,
    set_feedback,
    set_learn,
    show_variant,
)
from store.visitors import Owner, is_erased, load_visitor, new_id, set_consent, set_duel

_REASON_CHARACTERS = 500
_QUERY_CHARACTERS = 200

router = APIRouter(prefix="/api")


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ConsentBody(_Body):
    """Whether the night may learn, or two versions may answer now and then."""

    allow: bool


class ChoiceBody(_Body):
    """Which of two answers the visitor likes better."""

    choice: Literal["left", "right", "same"]


class TitleBody(_Body):
    """A conversation's name."""

    title: Annotated[str, Field(max_length=_QUERY_CHARACTERS)]


class TextBody(_Body):
    """What the visitor says; its length is judged by the service."""

    text: str


class ShownBody(_Body):
    """Which variant is on screen."""

    index: Annotated[int, Field(ge=0, le=10_000)]


class LearnBody(_Body):
    """Whether this message may be learnt from."""

    learn: bool


class FeedbackBody(_Body):
    """A thumb, or None to take it back."""

    thumb: Literal["up", "down"] | None
    reason: Annotated[str, Field(max_length=_REASON_CHARACTERS)] | None = None


def chat_service(request: Request) -> ChatService:
    """Return the service of this server."""
    service = request.app.state.chat
    if not isinstance(service, ChatService):
        raise TypeError("the server has no chat service")
    return service


Service = Annotated[ChatService, Depends(chat_service)]


def owner(request: Request, service: Service) -> Owner:
    """Return who asks; someone erased comes back as someone new."""
    visitor_id = str(getattr(request.state, VISITOR_STATE))
    with service.database.reading() as session:
        if is_erased(session, visitor_id):
            visitor_id = new_id()
            setattr(request.state, VISITOR_STATE, visitor_id)
    return Owner(visitor_id=visitor_id)


def language(request: Request) -> Language:
    """Return the language of the answers."""
    return choose_language(request.query_params, request.headers)


Who = Annotated[Owner, Depends(owner)]
Spoken = Annotated[Language, Depends(language)]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


@router.get("/me")
def read_me(service: Service, who: Who) -> Json:
    """Who the visitor is, who she is, and the limits."""
    with service.database.reading() as session:
        visitor = load_visitor(session, who.visitor_id)
    speaker = service.speaker
    return {
        "visitor": visitor_json(visitor, who.visitor_id),
        "persona": {
            "id": speaker.id,
            "name": speaker.name,
            "reading": speaker.reading,
            "greeting": speaker.greeting,
        },
        "limits": {"max_chars": service.settings.chat.max_chars},
    }


@router.delete("/me")
def erase_me(service: Service, who: Who, request: Request) -> Json:
    """Erase everything of the visitor; the next request is somebody new."""
    setattr(request.state, VISITOR_STATE, None)
    try:
        erased = service.erase(who)
    except NotFoundError:
        return {"erased": {"conversations": 0, "turns": 0}}
    return {"erased": {"conversations": erased.conversations, "turns": erased.turns}}


@router.put("/consent")
def choose_consent(service: Service, who: Who, body: ConsentBody) -> Json:
    """Record whether the night may learn."""
    with service.database.session() as session:
        visitor = set_consent(session, who, allow=body.allow, now=utc_now())
    return {"visitor": visitor_json(visitor, who.visitor_id)}


@router.put("/duel")
def choose_duel(service: Service, who: Who, body: ConsentBody) -> Json:
    """Record whether two versions may answer now and then."""
    with service.database.session() as session:
        visitor = set_duel(session, who, allow=body.allow, now=utc_now())
    return {"visitor": visitor_json(visitor, who.visitor_id)}


@router.get("/conversations")
def read_conversations(
    service: Service, who: Who, q: Annotated[str, Query(max_length=_QUERY_CHARACTERS)] = ""
) -> Json:
    """The history list, or what a search finds in it."""
    wanted = clean_text(q)
    with service.database.reading() as session:
        if wanted.strip():
            found = search_conversations(session, who, wanted)
        else:
            found = list_conversations(session, who)
    return {"conversations": [summary_json(one) for one in found]}


@router.post("/conversations", status_code=201)
def create_conversation(service: Service, who: Who) -> Json:
    """Begin a conversation."""
    return {"id": service.create_conversation(who).id}


@router.get("/conversations/{conversation_id}")
def read_conversation(service: Service, who: Who, conversation_id: Id) -> Json:
    """One conversation with everything visible in it."""
    with service.database.reading() as session:
        conversation = load_conversation(session, who, conversation_id)
        turns = list_turns(session, who, conversation_id)
        learned = learned_receipts(session, [turn.id for turn in turns])
        duels = open_duels(session, who, conversation_id)
        return conversation_json(conversation, turns, learned, duels)


@router.patch("/conversations/{conversation_id}")
def rename(service: Service, who: Who, conversation_id: Id, body: TitleBody) -> Json:
    """Name it."""
    title = clean_text(body.title)
    if not title.strip():
        raise ChatError("bad_request")
    with service.database.session() as session:
        named = rename_conversation(session, who, conversation_id, title)
    return {"id": named.id, "title": named.title}


@router.delete("/conversations/{conversation_id}")
def delete_conversation(service: Service, who: Who, conversation_id: Id) -> Json:
    """Remove it for good."""
    service.delete_conversation(who, conversation_id)
    return {"id": conversation_id}


@router.post("/conversations/{conversation_id}/turns", status_code=202)
def say(service: Service, who: Who, conversation_id: Id, body: TextBody) -> Json:
    """Say something; the answer is promised once this returns."""
    turn = service.say(who, conversation_id, body.text)
    with service.database.reading() as session:
        return _as_seen(session, who, turn)


@router.post("/turns/{turn_id}/edit", status_code=202)
def edit(service: Service, who: Who, turn_id: Id, body: TextBody) -> Json:
    """Say something else instead; later turns leave the conversation."""
    turn = service.edit(who, turn_id, body.text)
    with service.database.reading() as session:
        return _as_seen(session, who, turn)


@router.post("/turns/{turn_id}/regenerate", status_code=202)
def regenerate(service: Service, who: Who, turn_id: Id) -> Json:
    """Ask for another variant."""
    turn = service.regenerate(who, turn_id)
    with service.database.reading() as session:
        return _as_seen(session, who, turn)


@router.put("/turns/{turn_id}/shown")
def show(service: Service, who: Who, turn_id: Id, body: ShownBody) -> Json:
    """Put a variant on screen."""
    with service.database.session() as session:
        return _as_seen(session, who, show_variant(session, who, turn_id, body.index))


@router.put("/turns/{turn_id}/duel")
def decide(service: Service, who: Who, turn_id: Id, body: ChoiceBody) -> Json:
    """Say which of two answers is the better one; it is on screen from then on."""
    left = {"left": True, "right": False, "same": None}[body.choice]
    with service.database.session() as session:
        decide_duel(session, who, turn_id, left=left, now=utc_now())
        return _as_seen(session, who, load_turn(session, who, turn_id))


@router.put("/turns/{turn_id}/learn")
def learn(service: Service, who: Who, turn_id: Id, body: LearnBody) -> Json:
    """Allow or forbid learning from one message."""
    with service.database.session() as session:
        return _as_seen(session, who, set_learn(session, who, turn_id, learn=body.learn))


@router.get("/replies/{reply_id}/events")
async def follow(service: Service, who: Who, spoken: Spoken, reply_id: Id) -> StreamingResponse:
    """Stream a reply."""
    await run_in_threadpool(_own_reply, service, who, reply_id)
    events: AsyncIterator[str] = reply_events(service, who, reply_id, spoken)
    # Buffering proxies would turn the stream into one late answer.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.post("/replies/{reply_id}/stop")
def stop(service: Service, who: Who, reply_id: Id) -> Json:
    """End a reply with the text it has."""
    reply = _own_reply(service, who, reply_id)
    service.stop(reply_id)
    return {"id": reply.id}


@router.put("/replies/{reply_id}/feedback")
def rate(service: Service, who: Who, reply_id: Id, body: FeedbackBody) -> Json:
    """Record a thumb and why."""
    reason = clean_text(body.reason or "").strip() or None
    with service.database.session() as session:
        rated = set_feedback(session, who, reply_id, body.thumb, reason, now=utc_now())
    return {"reply": reply_json(rated)}


def _as_seen(session: Session, who: Owner, turn: Turn) -> Json:
    learned = learned_receipts(session, [turn.id])
    duels = open_duels(session, who, turn.conversation_id)
    return {"turn": turn_json(turn, learned.get(turn.id, ()), duels.get(turn.id))}


def _own_reply(service: ChatService, who: Owner, reply_id: str) -> Reply:
    with service.database.reading() as session:
        return load_reply(session, who, reply_id)
