"""The stream of one reply as server-sent events; any number of them, at any time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from app.api_json import reply_json
from app.chat_service import ChatService
from app.live_reply import LiveReply, ReplyState
from app.messages import ERRORS, Language, failure_message
from store.errors import NotFoundError
from store.records import Reply
from store.visitors import Owner

_COALESCE_SECONDS = 0.1
_ALIVE_SECONDS = 15.0


async def reply_events(
    service: ChatService, owner: Owner, reply_id: str, language: Language
) -> AsyncIterator[str]:
    """Yield the state of a reply and each change until its end. Leaving does not stop it."""
    try:
        while True:
            live = service.live_reply(reply_id)
            if live is not None:
                async for event in _follow(live):
                    yield event
            reply = await run_in_threadpool(service.settle, owner, reply_id)
            if not reply.moving:
                yield _end_event(reply, language)
                return
            # Stored a moment ago by another request, and about to be begun.
            await asyncio.sleep(_COALESCE_SECONDS)
    except NotFoundError:
        yield _event("failed", {"message": ERRORS[language]["not_found"]})


async def _follow(live: LiveReply) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def wake() -> None:
        # The server may be shutting down while a reply still grows.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(changed.set)

    leave = live.watch(wake)
    shown: ReplyState | None = None
    try:
        while True:
            changed.clear()
            state = live.state
            if state.ended:
                return
            if state != shown:
                yield _state_event(state)
                shown = state
                await asyncio.sleep(_COALESCE_SECONDS)
            try:
                await asyncio.wait_for(changed.wait(), _ALIVE_SECONDS)
            except TimeoutError:
                yield ": alive\n\n"
    finally:
        leave()


def _state_event(state: ReplyState) -> str:
    if state.position is not None:
        return _event("queued", {"position": state.position, "loading": state.loading})
    return _event("text", {"text": state.text})


def _end_event(reply: Reply, language: Language) -> str:
    if reply.status == "failed":
        message = failure_message(language, reply.error)
        return _event("failed", {"message": message, "reply": reply_json(reply)})
    return _event("done", {"reply": reply_json(reply)})


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
