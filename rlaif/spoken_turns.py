"""A logged turn as evaluators and training see it."""

from persona.engine import Message
from store.night_records import LearnableTurn


def messages_of(turn: LearnableTurn) -> tuple[Message, ...]:
    """The talk up to and including what the visitor said."""
    spoken = tuple(Message(role=role, content=content) for role, content in turn.turns)
    return (*spoken, Message(role="user", content=turn.user_text))
