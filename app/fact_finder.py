"""Which facts she sees beside a turn: the one search of the chat and of the console's trial."""

import threading
from collections.abc import Sequence

from app.settings import ChatSettings
from app.speaker import Brain, Found, Speaker
from persona.engine import Message
from store.database import Database
from store.facts import current_facts


class FactFinder:
    """Searches what is known of the persona now. Safe from any thread."""

    def __init__(self, *, database: Database, speaker: Speaker, settings: ChatSettings) -> None:
        self._database = database
        self._speaker = speaker
        self._settings = settings
        self._lock = threading.Lock()

    def find(self, brain: Brain, text: str, history: Sequence[Message]) -> tuple[Found, ...]:
        """The facts that the prompt shows, best first; the index follows edits at once."""
        # One at a time: another thread that read the store a moment earlier would put a fact that
        # was retired since back into the index between this thread's update and its search.
        with self._lock:
            with self._database.reading() as session:
                known = current_facts(session, self._speaker.id, self._speaker.facts)
            brain.facts.update(known)
            wanted = self._settings.facts_per_reply
            return tuple(brain.facts.search(text, history, wanted)) if wanted else ()
