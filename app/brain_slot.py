"""Where the model will be: loaded in the background, so that the page answers at once."""

import gc
import logging
import threading
from collections.abc import Callable
from typing import Literal

from app.speaker import Brain

BrainState = Literal["loading", "ready", "failed"]
_POLL_SECONDS = 0.1

logger = logging.getLogger(__name__)


class BrainMissingError(RuntimeError):
    """The model could not be loaded, or nobody waits for it any longer."""


class BrainSlot:
    """Loads once, in a thread of its own. All methods are safe from any thread."""

    def __init__(self, load: Callable[[], Brain]) -> None:
        self._load = load
        self._settled = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._brain: Brain | None = None
        self._thread = threading.Thread(target=self._run, name="load-model", daemon=True)

    @property
    def state(self) -> BrainState:
        """Whether the model can answer."""
        if not self._settled.is_set():
            return "loading"
        return "failed" if self._brain is None else "ready"

    @property
    def brain(self) -> Brain | None:
        """The model, None while or where it cannot answer."""
        return self._brain if self._settled.is_set() else None

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def wait(self, cancelled: threading.Event) -> Brain:
        """Return the brain once loaded. Raises BrainMissingError when loading failed, the slot
        was closed, or `cancelled` was set meanwhile."""
        while not self._settled.wait(_POLL_SECONDS):
            if cancelled.is_set() or self._closed.is_set():
                raise BrainMissingError("nobody waits for the model any longer")
        return self.loaded()

    def loaded(self) -> Brain:
        """Return the brain without waiting. Raises BrainMissingError when it is not there."""
        if not self._settled.is_set():
            raise BrainMissingError("the model is still loading; try again in a minute")
        if self._brain is None:
            raise BrainMissingError("the model could not be loaded; run yogeiko doctor")
        return self._brain

    def close(self) -> None:
        """Free the model; a load under way is freed when it ends."""
        self._closed.set()
        with self._lock:
            if self._brain is not None:
                self._brain.engine.close()

    def _run(self) -> None:
        try:
            brain = self._load()
        except Exception:
            logger.exception("The model could not be loaded; run yogeiko doctor")
        else:
            # The model's thousands of objects stay: later collections pass them over.
            gc.collect()
            gc.freeze()
            with self._lock:
                self._brain = brain
                if self._closed.is_set():
                    brain.engine.close()
        self._settled.set()
