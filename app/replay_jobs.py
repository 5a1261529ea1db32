"""Replays beside the chat: one at a time, looked at while they run, kept for a while in memory."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal
from uuid import uuid4

from app.chat_service import ChatService
from app.errors import ReplayRefusedError
from app.replay import Likening, Replayed, check_source, liken, ready_exactly, replay
from app.reply_dialogue import dialogue_of
from app.score_answer import ScoreAnswer
from app.speaker import Brain
from rlaif.evaluator import Assessment, Dialogue
from rlaif.score_difference import Difference, score_differences
from scheduler.errors import ChildError
from store.adapters import load_adapter
from store.errors import NotFoundError
from store.replays import ReplaySource, load_replay_source, reply_is_there

ReplayState = Literal["waiting", "speaking", "scoring", "done", "failed", "stopped"]
Score = Callable[[Sequence[Dialogue], threading.Event], ScoreAnswer]
_KEPT = 100
_MOST_WAITING = 8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayScores:
    """What the training evaluator thinks of the reply and of its replay."""

    evaluator: str
    reply: Assessment
    replay: Assessment
    differences: dict[str, Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayJob:
    """A replay as it stands. `scores` None: not scored (yet), or it could not be."""

    id: str
    source: ReplaySource
    adapter: str | None
    state: ReplayState = "waiting"
    refused: ReplayRefusedError | None = None
    replayed: Replayed | None = None
    likening: Likening | None = None
    scores: ReplayScores | None = None
    unscored: str = ""

    @property
    def open(self) -> bool:
        """Whether more is to come."""
        return self.state in ("waiting", "speaking", "scoring")


class ReplayJobs:
    """Makes replays in the order in which they were asked for. Safe from any thread."""

    def __init__(self, chat: ChatService, score: Score) -> None:
        self._chat = chat
        self._score = score
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, ReplayJob] = OrderedDict()
        self._stops: dict[str, threading.Event] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="replay")

    def start(self, reply_id: str, adapter: str | None) -> ReplayJob:
        """Ask for a replay on an adapter, None for the bare base model.

        Raises NotFoundError, ReplayRefusedError.
        """
        source = self.source(reply_id)
        check_source(source)
        self._ready(adapter)
        job = ReplayJob(id=uuid4().hex, source=source, adapter=adapter)
        with self._lock:
            if sum(one.open for one in self._jobs.values()) >= _MOST_WAITING:
                raise ReplayRefusedError("replay_busy")
            self._jobs[job.id] = job
            self._stops[job.id] = threading.Event()
            self._forget_old()
        self._pool.submit(self._run, job.id)
        return job

    def source(self, reply_id: str) -> ReplaySource:
        """Return what a reply was made of. Raises NotFoundError."""
        with self._chat.database.reading() as session:
            return load_replay_source(
                session, reply_id, history_turns=self._chat.settings.chat.history_turns
            )

    def look(self, job_id: str) -> ReplayJob:
        """Return a job as it stands; one whose reply was erased meanwhile is forgotten.

        Raises NotFoundError.
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is not None:
            with self._chat.database.reading() as session:
                if reply_is_there(session, job.source.reply_id):
                    return job
            self._forget(job_id)
        raise NotFoundError("no such replay")

    def stop(self, job_id: str) -> ReplayJob:
        """Ask a job to end. Raises NotFoundError."""
        job = self.look(job_id)
        with self._lock:
            self._stops[job_id].set()
        return job

    def close(self) -> None:
        """Stop everything."""
        with self._lock:
            for stop in self._stops.values():
                stop.set()
        self._pool.shutdown(cancel_futures=True)

    def _run(self, job_id: str) -> None:
        with self._lock:
            job, stop = self._jobs.get(job_id), self._stops.get(job_id)
        if job is None or stop is None:
            return
        try:
            self._work(job, stop)
        except ReplayRefusedError as error:
            self._change(job_id, state="stopped" if stop.is_set() else "failed", refused=error)
        except Exception:
            logger.exception("A replay failed")
            self._change(job_id, state="failed", refused=ReplayRefusedError("replay_failed"))

    def _work(self, job: ReplayJob, stop: threading.Event) -> None:
        if stop.is_set():
            self._change(job.id, state="stopped")
            return
        self._change(job.id, state="speaking")
        brain = self._ready(job.adapter)
        replayed = replay(job.source, job.adapter, brain, self._chat.speaker, stop)
        if replayed.stopped or stop.is_set():
            self._change(job.id, state="stopped")
            return
        likening = liken(job.source, replayed, job.adapter)
        wanted = likening.likeness == "different" and bool(replayed.text and job.source.text)
        state: ReplayState = "scoring" if wanted else "done"
        self._change(job.id, state=state, replayed=replayed, likening=likening)
        if wanted:
            scores, unscored = self._scored(job.source, replayed, stop)
            self._change(job.id, state="done", scores=scores, unscored=unscored)

    def _scored(
        self, source: ReplaySource, replayed: Replayed, stop: threading.Event
    ) -> tuple[ReplayScores | None, str]:
        dialogues = [dialogue_of(source), dialogue_of(source, replayed.text)]
        try:
            answer = self._score(dialogues, stop)
        except ChildError as error:
            logger.error("A replay could not be scored: %s", error)
            return None, str(error)
        first, second = answer.verdicts
        if not isinstance(first, Assessment) or not isinstance(second, Assessment):
            reasons = [one.reason for one in answer.verdicts if not isinstance(one, Assessment)]
            return None, reasons[0]
        return ReplayScores(
            evaluator=answer.evaluator,
            reply=first,
            replay=second,
            differences=dict(score_differences(first, second)),
        ), ""

    def _ready(self, adapter: str | None) -> Brain:
        brain = self._chat.ready_brain
        if brain is None:
            raise ReplayRefusedError("replay_no_model")
        with self._chat.database.reading() as session:
            wanted = None if adapter is None else load_adapter(session, adapter)
        ready_exactly(brain, wanted)
        return brain

    def _change(self, job_id: str, **changes: object) -> None:
        with self._lock:
            if job_id in self._jobs:
                self._jobs[job_id] = replace(self._jobs[job_id], **changes)  # type: ignore[arg-type]

    def _forget(self, job_id: str) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)
            stop = self._stops.pop(job_id, None)
        if stop is not None:
            stop.set()

    def _forget_old(self) -> None:
        ended = [one.id for one in self._jobs.values() if not one.open]
        for job_id in ended[: max(0, len(self._jobs) - _KEPT)]:
            del self._jobs[job_id], self._stops[job_id]
