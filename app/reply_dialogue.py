"""A logged reply as evaluators see it."""

from app.speaker import as_messages
from persona.engine import Message
from rlaif.evaluator import Dialogue
from store.replays import ReplaySource


def dialogue_of(source: ReplaySource, text: str | None = None) -> Dialogue:
    """The talk before a reply, the facts beside it, and the reply or another `text` in its place."""
    said = (*as_messages(source.history), Message(role="user", content=source.user_text))
    return Dialogue(turns=said, reply=source.text if text is None else text, facts=source.facts)
