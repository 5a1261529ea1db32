"""Letting every version answer a sheet's prompts, in the background and after the visitors."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from app.aside import AsideQuestion, AsideStop, AsideStoppedError
from app.chat_service import ChatService
from persona.engine import Message
from rlaif.sheet_plan import reply_seed
from store.sheets import (
    Sheet,
    SheetItem,
    SheetStatus,
    interrupt_making,
    list_items,
    load_sheet,
    missing_answers,
    save_answer,
    set_status,
)

BASE = "base"
_STOP_SECONDS = 5.0

logger = logging.getLogger(__name__)


class SheetMaker:
    """One thread per sheet that is being made. What it has made is kept at every step."""

    def __init__(self, chat: ChatService, now: Callable[[], datetime]) -> None:
        self._chat = chat
        self._now = now
        self._lock = threading.Lock()
        self._running: dict[str, tuple[threading.Thread, AsideStop]] = {}

    def open(self) -> None:
        """Call sheets stopped that a dead server left half made."""
        with self._chat.database.session() as session:
            interrupt_making(session)

    def start(self, sheet_id: str) -> None:
        """Go on with a sheet whose status is making; again is harmless."""
        with self._lock:
            earlier = self._running.get(sheet_id)
        if earlier is not None and earlier[1].wanted.is_set():
            earlier[0].join()
        with self._lock:
            if sheet_id in self._running:
                return
            stop = AsideStop()
            thread = threading.Thread(
                target=self._run,
                args=(sheet_id, stop),
                name=f"sheet-{sheet_id[:8]}",
                daemon=True,
            )
            self._running[sheet_id] = (thread, stop)
        thread.start()

    def stop(self, sheet_id: str) -> None:
        """End the making and wait a moment for it; what was made stays."""
        with self._lock:
            running = self._running.get(sheet_id)
        if running is not None:
            running[1].set()
            running[0].join(_STOP_SECONDS)

    def close(self) -> None:
        """Stop all."""
        with self._lock:
            running = list(self._running.values())
        for _, stop in running:
            stop.set()
        for thread, _ in running:
            thread.join(_STOP_SECONDS)

    def _run(self, sheet_id: str, stop: AsideStop) -> None:
        try:
            self._make(sheet_id, stop)
        except AsideStoppedError:
            self._end(sheet_id, "stopped")
        except Exception as error:
            logger.exception("Sheet %s could not be made", sheet_id)
            self._end(sheet_id, "failed", str(error))
        else:
            self._end(sheet_id, "ready")
        finally:
            with self._lock:
                del self._running[sheet_id]

    def _make(self, sheet_id: str, stop: AsideStop) -> None:
        with self._chat.database.reading() as session:
            sheet = load_sheet(session, sheet_id)
            missing = missing_answers(sheet, list_items(session, sheet_id))
        for version, item in missing:
            text = self._chat.aside.answer(_question(sheet, version, item), stop)
            with self._chat.database.session() as session:
                save_answer(session, sheet_id, item.prompt, version, text)

    def _end(self, sheet_id: str, status: SheetStatus, error: str | None = None) -> None:
        with self._chat.database.session() as session:
            set_status(session, sheet_id, status, among=["making"], now=self._now(), error=error)


def _question(sheet: Sheet, version: str, item: SheetItem) -> AsideQuestion:
    history = tuple(
        Message(role="assistant" if at % 2 else "user", content=text)
        for at, text in enumerate(item.history)
    )
    return AsideQuestion(
        user_text=item.question,
        history=history,
        facts=item.facts,
        adapter=None if version == BASE else version,
        seed=reply_seed(sheet.seed, item.prompt),
    )
