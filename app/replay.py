"""Saying a logged reply once more, on any kept adapter, with the stored facts and seed."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from app.errors import ReplayRefusedError
from app.prompt_digest import base_digest, prompt_digest
from app.speaker import Brain, Speaker, as_messages
from app.text_rules import clean_text
from persona.engine import Failed, Finished, Generation, GenerationRequest, Sampling, TextDelta
from persona.errors import AdapterError, EngineBusyError
from store.records import Adapter
from store.replays import ReplaySource

Likeness = Literal["same", "cut", "different"]
"""`cut`: the visitor stopped the reply, and it is the beginning of what was said now."""
Reason = Literal[
    "other_adapter", "other_base", "other_prompt", "rebuilt_history", "unknown_base", "unexplained"
]

_SAMPLING = TypeAdapter(Sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was said now. `deflected`: the safety filter put the text in place of another.

    `base`, `prompt`: digests of what the model was and read, None when it was not asked.
    """

    text: str
    deflected: bool
    stopped: bool
    base: str | None
    prompt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Likening:
    """How a replay compares with the reply, and what may explain a difference."""

    likeness: Likeness
    reasons: tuple[Reason, ...]


def check_source(source: ReplaySource) -> Sampling:
    """Return how the reply was drawn.

    Raises ReplayRefusedError when it never ended or how it was drawn is not known.
    """
    if not source.ended:
        raise ReplayRefusedError("replay_unfinished", status=source.status)
    try:
        return _SAMPLING.validate_python({**source.sampling, "seed": source.seed})
    except ValidationError as error:
        raise ReplayRefusedError("replay_unknown_sampling") from error


def ready_exactly(brain: Brain, adapter: Adapter | None) -> None:
    """Make the engine know this very adapter; None is the bare base model.

    Raises ReplayRefusedError for one that learnt from somebody who was erased, was made for
    another base model, or is damaged.
    """
    if adapter is None:
        return
    if adapter.tainted_at is not None:
        raise ReplayRefusedError("adapter_tainted", adapter=adapter.id)
    if adapter.base != brain.base_sha256:
        raise ReplayRefusedError("adapter_other_base", adapter=adapter.id)
    if adapter.id not in brain.engine.adapters():
        try:
            brain.engine.add_adapter(adapter.id, Path(adapter.folder))
        except AdapterError as error:
            raise ReplayRefusedError("adapter_damaged", adapter=adapter.id) from error


def replay(
    source: ReplaySource,
    adapter: str | None,
    brain: Brain,
    speaker: Speaker,
    stop: threading.Event,
) -> Replayed:
    """Say the reply again, waiting in the chat's line; what is flagged is deflected, never shown.

    The engine must know the adapter. Raises ReplayRefusedError: 'replay_busy', 'replay_failed'.
    """
    sampling = check_source(source)
    verdict = speaker.check_user_text(source.user_text)
    if verdict.flagged:
        instead = speaker.deflection(verdict.category, source.seed)
        return Replayed(text=instead, deflected=True, stopped=False, base=None, prompt=None)
    messages = speaker.compose(as_messages(source.history), source.user_text, source.facts)
    request = GenerationRequest(messages=messages, adapter=adapter, sampling=sampling)
    try:
        generation = brain.engine.submit(request)
    except EngineBusyError as error:
        raise ReplayRefusedError("replay_busy") from error
    except AdapterError as error:
        raise ReplayRefusedError("adapter_damaged", adapter=adapter or "") from error
    text, deflected, stopped = _listen(generation, speaker, source.seed, stop)
    return Replayed(
        text=text,
        deflected=deflected,
        stopped=stopped,
        base=base_digest(brain.base_sha256),
        prompt=prompt_digest(messages),
    )


def liken(source: ReplaySource, replayed: Replayed, adapter: str | None) -> Likening:
    """Compare the reply with what was said now."""
    if replayed.text == source.text:
        return Likening(likeness="same", reasons=())
    if source.status == "stopped" and replayed.text.startswith(source.text):
        return Likening(likeness="cut", reasons=())
    return Likening(likeness="different", reasons=_reasons(source, replayed, adapter))


def _reasons(source: ReplaySource, replayed: Replayed, adapter: str | None) -> tuple[Reason, ...]:
    reasons: list[Reason] = []
    if adapter != source.adapter:
        reasons.append("other_adapter")
    if source.base is None:
        reasons.append("unknown_base")
    elif replayed.base is not None and replayed.base != source.base:
        reasons.append("other_base")
    if not source.exact:
        reasons.append("rebuilt_history")
    elif None not in (source.prompt, replayed.prompt) and replayed.prompt != source.prompt:
        reasons.append("other_prompt")
    return tuple(reasons) or ("unexplained",)


def _listen(
    generation: Generation, speaker: Speaker, seed: int, stop: threading.Event
) -> tuple[str, bool, bool]:
    """Return the text as it may be shown, whether it was deflected, and whether it was stopped."""
    said = ""
    for event in generation.events():
        if stop.is_set():
            generation.stop()
        if isinstance(event, TextDelta):
            said += clean_text(event.text)
        elif isinstance(event, Failed):
            raise ReplayRefusedError("replay_failed") from event.error
        elif isinstance(event, Finished):
            said = clean_text(event.text).strip()
        verdict = speaker.check_reply(said)
        if verdict.flagged:
            generation.stop()
            return speaker.deflection(verdict.category, seed), True, False
        if isinstance(event, Finished):
            return said, False, event.reason == "stopped"
    raise ReplayRefusedError("replay_failed")
