"""What a visitor can do in the chat. Promises are stored before anything is generated."""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from app.aside import AsideVoice
from app.brain_slot import BrainSlot, BrainState
from app.clock import utc_now
from app.duel_offer import offer_duel
from app.erasure import erase_everywhere
from app.errors import ChatError
from app.fact_finder import FactFinder
from app.live_reply import LiveReply
from app.reply_worker import ReplyJob, ReplyWorker
from app.settings import Settings
from app.speaker import Brain, Found, Speaker, as_messages
from app.text_rules import clean_text
from persona.engine import Message
from store.adapters import active_adapter
from store.conversations import (
    count_conversations,
    create_conversation,
    get_conversation_row,
    mark_deleted,
    pin_adapter,
)
from store.database import Database
from store.erase import purge_deleted
from store.errors import DatabaseError
from store.records import Conversation, Erased, NewReply, Reply, ReplyEnd, ReplyOrigin, Turn
from store.replies import INTERRUPTED, finish_interrupted, finish_reply
from store.turns import (
    append_turn,
    append_variant,
    count_turns,
    get_turn_row,
    list_turns,
    load_reply,
    load_turn,
    supersede_from,
)
from store.visitors import Owner, ensure_visitor

_STOP_SECONDS = 5.0
_BEGINS_WITHIN = timedelta(seconds=30)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """A committed turn and the jobs that answer it: one, or two in a duel."""

    turn: Turn
    jobs: tuple[ReplyJob, ...]


class ChatService:
    """The chat of one persona over one store and one model. Safe from any thread."""

    def __init__(
        self, *, database: Database, speaker: Speaker, brain: BrainSlot, settings: Settings
    ) -> None:
        self.database = database
        self.speaker = speaker
        self.settings = settings
        self._brain = brain
        self._finder = FactFinder(database=database, speaker=speaker, settings=settings.chat)
        self._worker = ReplyWorker(
            database=database,
            speaker=speaker,
            brain=brain,
            finder=self._finder,
            settings=settings.chat,
        )
        self.aside = AsideVoice(
            database=database,
            speaker=speaker,
            brain=brain,
            settings=settings.chat,
            busy=lambda: bool(self._live),
        )
        self._lock = threading.Lock()
        self._live: dict[str, LiveReply] = {}
        self._places: Counter[str] = Counter()
        self._closing = False

    @property
    def model_state(self) -> BrainState:
        """Whether the model can answer."""
        return self._brain.state

    @property
    def ready_brain(self) -> Brain | None:
        """The model that answers, for replies that nobody is promised; None while it loads."""
        return self._brain.brain

    def start(self) -> None:
        """Finish what a dead process left behind, then load the model in the background.

        Only one process may do this for a store at a time.
        """
        with self.database.session() as session:
            interrupted = finish_interrupted(session, now=utc_now())
            purge_deleted(session)
        if interrupted:
            logger.warning("Ended %d replies that a stopped server left unfinished", interrupted)
        self._checkpoint()
        self._brain.start()

    def close(self) -> None:
        """Stop every reply, keeping its text, and free the model."""
        with self._lock:
            self._closing = True
            live = list(self._live.values())
        self._stop_all(live)
        self._brain.close()

    def find_facts(self, text: str, history: Sequence[Message] = ()) -> tuple[Found, ...]:
        """Return the facts that she would see beside `text`. Raises BrainMissingError unless the
        model is there."""
        return self._finder.find(self._brain.loaded(), text, history)

    def live_reply(self, reply_id: str) -> LiveReply | None:
        """Return the reply if it is being made now. The caller checks whose it is."""
        with self._lock:
            return self._live.get(reply_id)

    def tokens_of(self, text: str) -> tuple[str, ...] | None:
        """Return the model's tokens of `text` as pieces of it; None while there is no model."""
        brain = self._brain.brain
        return None if brain is None else brain.engine.split(text)

    def create_conversation(self, owner: Owner) -> Conversation:
        """Make a conversation. Raises ChatError('full')."""
        with self.database.session() as session:
            ensure_visitor(session, owner.visitor_id, now=utc_now())
            if count_conversations(session, owner) >= self.settings.chat.max_conversations:
                raise ChatError("full")
            return create_conversation(session, owner, persona=self.speaker.id, now=utc_now())

    def say(self, owner: Owner, conversation_id: str, text: str) -> Turn:
        """Store what the visitor said and begin to answer.

        Raises NotFoundError, ChatError: 'bad_request', 'too_long', 'replying', 'busy', 'full'.
        """
        said = self._checked(text)
        with self._admitted(owner):
            with self.database.session() as session:
                promise = self._append(session, owner, conversation_id, said)
            return self._begin(promise)

    def edit(self, owner: Owner, turn_id: str, text: str) -> Turn:
        """Replace an own message; it and all after it leave the conversation. Raises as `say`."""
        said = self._checked(text)
        with self.database.reading() as session:
            conversation_id = load_turn(session, owner, turn_id).conversation_id
        self._stop_all(self._live_in(conversation_id))
        with self._admitted(owner):
            with self.database.session() as session:
                get_turn_row(session, owner, turn_id, lock=True)
                supersede_from(session, turn_id, now=utc_now())
                promise = self._append(session, owner, conversation_id, said)
            return self._begin(promise)

    def regenerate(self, owner: Owner, turn_id: str) -> Turn:
        """Answer a turn once more and show the new variant. Raises as `say`."""
        with self._admitted(owner):
            with self.database.session() as session:
                row = get_turn_row(session, owner, turn_id, lock=True)
                if len(row.replies) >= self.settings.chat.max_variants:
                    raise ChatError("full")
                turns = list_turns(session, owner, row.conversation_id)
                self._refuse_if_replying(turns)
                earlier = [turn for turn in turns if turn.position < row.position]
                reply = self._new_reply(session, owner, row.conversation_id, "regenerated")
                turn = append_variant(session, turn_id, reply, now=utc_now())
                promise = self._promise(owner, turn, earlier)
            return self._begin(promise)

    def stop(self, reply_id: str) -> None:
        """Ask a reply to end; its text so far is kept. The caller checks whose it is."""
        live = self.live_reply(reply_id)
        if live is not None:
            # In a duel two are made for one turn.
            for one in self._live_in(live.conversation_id):
                one.stop()

    def settle(self, owner: Owner, reply_id: str) -> Reply:
        """Return a reply that is no longer being made, ended if its end was never stored.

        Raises NotFoundError.
        """
        with self.database.session() as session:
            reply = load_reply(session, owner, reply_id)
            if self._lost(reply):
                end = ReplyEnd(status="failed", text=reply.text, error=INTERRUPTED)
                reply = finish_reply(session, reply_id, end, now=utc_now()) or reply
            return reply

    def delete_conversation(self, owner: Owner, conversation_id: str) -> None:
        """Remove a conversation, also from the bytes of the store. Raises NotFoundError."""
        with self.database.session() as session:
            mark_deleted(session, owner, conversation_id, now=utc_now())
        self._stop_all(self._live_in(conversation_id))
        with self.database.session() as session:
            purge_deleted(session)
        self._checkpoint()

    def erase(self, owner: Owner) -> Erased:
        """Remove everything of a visitor. Raises NotFoundError, DatabaseError."""
        self._stop_all(self._live_of(owner))
        return erase_everywhere(
            self.settings, self.database, owner.visitor_id, actor="visitor", now=utc_now()
        )

    def _append(self, session: Session, owner: Owner, conversation_id: str, said: str) -> _Promise:
        row = get_conversation_row(session, owner, conversation_id, lock=True)
        if count_turns(session, row.id) >= self.settings.chat.max_turns:
            raise ChatError("full")
        earlier = list_turns(session, owner, row.id)
        self._refuse_if_replying(earlier)
        reply = self._new_reply(session, owner, row.id, "live")
        turn = append_turn(session, row, said, reply, now=utc_now())
        if not self.speaker.check_user_text(said).flagged:
            turn = offer_duel(session, owner, turn, settings=self.settings.chat, now=utc_now())
        return self._promise(owner, turn, earlier)

    def _new_reply(
        self, session: Session, owner: Owner, conversation_id: str, origin: ReplyOrigin
    ) -> NewReply:
        adapter = pin_adapter(
            session,
            get_conversation_row(session, owner, conversation_id),
            active=active_adapter(session),
            idle=timedelta(minutes=self.settings.chat.idle_minutes),
            now=utc_now(),
        )
        chat = self.settings.chat
        return NewReply(
            origin=origin,
            adapter=adapter,
            seed=secrets.randbelow(2**31),
            sampling={
                "temperature": chat.temperature,
                "top_p": chat.top_p,
                "top_k": chat.top_k,
                "repetition_penalty": chat.repetition_penalty,
                "max_new_tokens": chat.max_new_tokens,
            },
        )

    def _promise(self, owner: Owner, turn: Turn, earlier: Sequence[Turn]) -> _Promise:
        chat = self.settings.chat
        answered = _answered(earlier, chat.history_turns)
        history = as_messages((turn.text, _answer(turn)) for turn in answered)
        context = tuple(turn.replies[turn.shown].id for turn in answered)
        # A turn shows its first reply while it is new: then all that it has are to be made.
        promised = turn.replies if turn.shown == 0 else (turn.replies[turn.shown],)
        jobs = tuple(
            ReplyJob(
                reply_id=reply.id,
                visitor_id=owner.visitor_id,
                conversation_id=turn.conversation_id,
                user_text=turn.text,
                history=history,
                context=context,
                adapter=reply.adapter,
                sampling=chat.sampling(reply.seed),
            )
            for reply in promised
        )
        return _Promise(turn=turn, jobs=jobs)

    def _begin(self, promise: _Promise) -> Turn:
        """Answer a committed turn in threads that no closed page can end."""
        for job in promise.jobs:
            live = LiveReply(
                reply_id=job.reply_id,
                visitor_id=job.visitor_id,
                conversation_id=job.conversation_id,
            )
            with self._lock:
                self._live[job.reply_id] = live
                closing = self._closing
            if closing:
                live.stop()
            name = f"reply-{job.reply_id[:8]}"
            threading.Thread(target=self._run, args=(job, live), name=name, daemon=True).start()
        return promise.turn

    def _run(self, job: ReplyJob, live: LiveReply) -> None:
        try:
            self._worker.run(job, live)
        finally:
            with self._lock:
                del self._live[job.reply_id]
            live.end()

    @contextmanager
    def _admitted(self, owner: Owner) -> Iterator[None]:
        """Hold a place for one more reply. Raises ChatError('busy') when there is none."""
        chat = self.settings.chat
        with self._lock:
            mine = self._places[owner.visitor_id] + len(self._live_of_unlocked(owner))
            everybody = self._places.total() + len(self._live)
            full = everybody >= chat.max_waiting or mine >= chat.max_waiting_per_visitor
            if full or self._closing:
                raise ChatError("busy")
            self._places[owner.visitor_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._places -= Counter({owner.visitor_id: 1})

    def _refuse_if_replying(self, turns: Sequence[Turn]) -> None:
        for turn in turns:
            if any(reply.moving and not self._lost(reply) for reply in turn.replies):
                raise ChatError("replying")

    def _lost(self, reply: Reply) -> bool:
        """Whether nobody makes this unfinished reply: its end could not be stored."""
        old = utc_now() - reply.created_at > _BEGINS_WITHIN
        return reply.moving and old and self.live_reply(reply.id) is None

    def _checked(self, text: str) -> str:
        said = clean_text(text).strip()
        if not said:
            raise ChatError("bad_request")
        if len(said) > self.settings.chat.max_chars:
            raise ChatError("too_long")
        return said

    def _live_in(self, conversation_id: str) -> list[LiveReply]:
        with self._lock:
            return [one for one in self._live.values() if one.conversation_id == conversation_id]

    def _live_of(self, owner: Owner) -> list[LiveReply]:
        with self._lock:
            return self._live_of_unlocked(owner)

    def _live_of_unlocked(self, owner: Owner) -> list[LiveReply]:
        return [one for one in self._live.values() if one.visitor_id == owner.visitor_id]

    def _checkpoint(self) -> None:
        try:
            self.database.checkpoint()
        except DatabaseError:
            logger.warning("The log of the database will be emptied later")

    @staticmethod
    def _stop_all(replies: Sequence[LiveReply]) -> None:
        for live in replies:
            live.stop()
        until = time.monotonic() + _STOP_SECONDS
        for live in replies:
            live.ended.wait(max(0.0, until - time.monotonic()))


def _answered(turns: Sequence[Turn], limit: int) -> Sequence[Turn]:
    """Return the newest `limit` answered turns; what was deflected stays out."""
    answered = [turn for turn in turns if not turn.flagged and _answer(turn)]
    return answered[len(answered) - limit :] if limit < len(answered) else answered


def _answer(turn: Turn) -> str:
    shown = turn.replies[turn.shown]
    usable = shown.status in ("done", "stopped") and not shown.safety
    return shown.text if usable else ""
