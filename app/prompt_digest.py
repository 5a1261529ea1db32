"""Short names of what a model read, so that a later replay can tell whether it reads the same."""

import json
from collections.abc import Sequence
from hashlib import sha256

from persona.engine import Message

_CHARACTERS = 16


def base_digest(base_sha256: str) -> str:
    """Return the short name of a base model."""
    return base_sha256[:_CHARACTERS]


def prompt_digest(messages: Sequence[Message]) -> str:
    """Return the short name of a prompt; one other character anywhere is another name."""
    spoken = json.dumps([[message.role, message.content] for message in messages])
    return sha256(spoken.encode()).hexdigest()[:_CHARACTERS]
