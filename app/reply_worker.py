"""Making one reply: safety, facts, prompt, generation, and storing it as it grows."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.brain_slot import BrainMissingError, BrainSlot
from app.clock import utc_now
from app.fact_finder import FactFinder
from app.live_reply import LiveReply
from app.prompt_digest import base_digest, prompt_digest
from app.settings import ChatSettings
from app.speaker import Brain, Speaker, Verdict
from app.text_rules import clean_text
from persona.engine import (
    Failed,
    Finished,
    Generation,
    GenerationRequest,
    Message,
    Queued,
    Sampling,
    TextDelta,
)
from persona.errors import AdapterError, EngineBusyError
from store.adapters import load_adapter
from store.database import Database
from store.duels import settle_duel
from store.lineage import clean_fallbacks
from store.records import Prompted, ReplyEnd, ReplyStatus, SafetyCatch, SafetySource
from store.replies import begin_reply, finish_reply, grow_reply

_STORE_AGAIN = (0.0, 0.5, 2.0, 5.0)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyJob:
    """Everything a reply is made of, fixed when the visitor was promised it.

    `context`: the replies that `history` was made of.
    """

    reply_id: str
    visitor_id: str
    conversation_id: str
    user_text: str
    history: tuple[Message, ...]
    context: tuple[str, ...]
    adapter: str | None
    sampling: Sampling


class ReplyWorker:
    """Makes replies, each in the thread that calls `run`."""

    def __init__(
        self,
        *,
        database: Database,
        speaker: Speaker,
        brain: BrainSlot,
        finder: FactFinder,
        settings: ChatSettings,
    ) -> None:
        self._database = database
        self._speaker = speaker
        self._brain = brain
        self._settings = settings
        self._finder = finder

    def run(self, job: ReplyJob, live: LiveReply) -> None:
        """Make the reply and store its end, whatever happens."""
        try:
            end = self._make(job, live)
        except BrainMissingError:
            stopped = live.stop_wanted.is_set()
            end = _stopped("") if stopped else _failed("", "model")
        except EngineBusyError:
            end = _failed("", "busy")
        except Exception:
            logger.exception("Reply %s could not be made", job.reply_id)
            end = _failed(live.state.text, "engine")
        self._store_end(job, end)

    def _make(self, job: ReplyJob, live: LiveReply) -> ReplyEnd:
        verdict = self._speaker.check_user_text(job.user_text)
        if verdict.flagged:
            return self._deflected(job, verdict, "user", job.user_text)
        if self._brain.state == "loading":
            live.wait_for_model()
        brain = self._brain.wait(live.stop_wanted)
        if live.stop_wanted.is_set():
            return _stopped("")
        found = self._finder.find(brain, job.user_text, job.history)
        facts = tuple(fact.text for fact in found)
        adapter = self._ready_adapter(brain, job.adapter)
        messages = self._speaker.compose(job.history, job.user_text, facts)
        prompted = Prompted(
            context=job.context,
            base=base_digest(brain.base_sha256),
            prompt=prompt_digest(messages),
        )
        with self._database.session() as session:
            if not begin_reply(
                session, job.reply_id, facts=facts, adapter=adapter, prompted=prompted
            ):
                return _stopped("")
        request = GenerationRequest(messages=messages, adapter=adapter, sampling=job.sampling)
        generation = brain.engine.submit(request)
        live.attach(generation)
        return self._consume(generation, job, live)

    def _ready_adapter(self, brain: Brain, wanted: str | None) -> str | None:
        """Return `wanted` once the engine knows it, else the one in production or one before it.

        An adapter that learnt from somebody who was erased is never served again, not even to a
        conversation pinned to it, nor is one that a rollback left behind. A damaged adapter must
        not silence the chat; those made for another base model, or tainted since the reply was
        promised, are passed over, and when no other was ever in production the bare model answers
        (None). Raises AdapterError when all that fit the model are damaged.
        """
        if wanted is None:
            return None
        with self._database.reading() as session:
            standing = clean_fallbacks(session)
            known = [load_adapter(session, one) for one in dict.fromkeys([wanted, *standing])]
        faults: list[str] = []
        fit = [one for one in known if one.base == brain.base_sha256 and one.tainted_at is None]
        for adapter in fit:
            try:
                if adapter.id not in brain.engine.adapters():
                    brain.engine.add_adapter(adapter.id, Path(adapter.folder))
            except AdapterError as error:
                logger.error("Adapter %s is refused: %s", adapter.id, error)
                faults.append(str(error))
            else:
                return adapter.id
        if faults:
            raise AdapterError(f"no adapter can be used: {'; '.join(faults)}")
        return None

    def _consume(self, generation: Generation, job: ReplyJob, live: LiveReply) -> ReplyEnd:
        """Follow the events to the end. Text is checked before anybody sees or stores it."""
        text = ""
        stored_at = 0.0
        for event in generation.events():
            if isinstance(event, Queued):
                live.wait_in_line(event.position)
            elif isinstance(event, TextDelta):
                text += clean_text(event.text)
                verdict = self._speaker.check_reply(text)
                if verdict.flagged:
                    generation.stop()
                    return self._deflected(job, verdict, "reply", text)
                live.show(text)
                if time.monotonic() - stored_at >= self._settings.store_every_seconds:
                    self._grow(job, text, generation)
                    stored_at = time.monotonic()
            elif isinstance(event, Failed):
                logger.error("Reply %s failed", job.reply_id, exc_info=event.error)
                return _failed(text, "engine")
            else:
                return self._finished(event, job)
        raise RuntimeError("the engine ended a reply without its last event")

    def _grow(self, job: ReplyJob, text: str, generation: Generation) -> None:
        """Store the text so far; a full disk must not end a reply that can still be shown."""
        try:
            with self._database.session() as session:
                if not grow_reply(session, job.reply_id, text):
                    generation.stop()  # erased meanwhile: nobody may read the rest
        except SQLAlchemyError:
            logger.exception("Reply %s could not be stored while it grew", job.reply_id)

    def _finished(self, event: Finished, job: ReplyJob) -> ReplyEnd:
        text = clean_text(event.text).strip()
        verdict = self._speaker.check_reply(text)
        if verdict.flagged:
            return self._deflected(job, verdict, "reply", text)
        if not text and event.reason != "stopped":
            return _failed("", "empty")
        timings = {
            "queue_seconds": event.queue_seconds,
            "first_token_seconds": event.first_token_seconds,
            "total_seconds": event.total_seconds,
            "prompt_tokens": float(event.prompt_tokens),
            "reused_tokens": float(event.reused_tokens),
            "reply_tokens": float(event.reply_tokens),
        }
        status: ReplyStatus = "stopped" if event.reason == "stopped" else "done"
        return ReplyEnd(status=status, text=text, timings=timings)

    def _deflected(
        self, job: ReplyJob, verdict: Verdict, source: SafetySource, text: str
    ) -> ReplyEnd:
        caught = SafetyCatch(
            source=source, category=verdict.category, reason=verdict.reason, text=text
        )
        instead = self._speaker.deflection(verdict.category, job.sampling.seed)
        return ReplyEnd(status="done", text=instead, caught=caught)

    def _store_end(self, job: ReplyJob, end: ReplyEnd) -> None:
        """Store the end, patiently: until it is stored the reply looks unfinished."""
        for pause in _STORE_AGAIN:
            time.sleep(pause)
            try:
                with self._database.session() as session:
                    finish_reply(session, job.reply_id, end, now=utc_now())
                # Apart, so that of two answers ending at once the later one sees the other's end.
                with self._database.session() as session:
                    settle_duel(session, job.reply_id)
            except SQLAlchemyError:
                logger.exception("The end of reply %s could not be stored", job.reply_id)
            else:
                return


def _stopped(text: str) -> ReplyEnd:
    return ReplyEnd(status="stopped", text=text)


def _failed(text: str, error: str) -> ReplyEnd:
    return ReplyEnd(status="failed", text=text, error=error)
