"""From messages to prompt tokens, within the context limit."""

from collections.abc import Sequence
from threading import Lock

from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from persona.engine import Message
from persona.errors import EngineError

_MARK = "目印"


class ChatCodec:
    """Applies the chat template of one tokenizer. Safe to call from any thread."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
        self._tokenizer = tokenizer
        self._lock = Lock()
        self.stop_ids = self._stop_ids(model)

    def encode(self, messages: Sequence[Message], *, max_tokens: int) -> tuple[int, ...]:
        """Prompt tokens, at most `max_tokens`.

        A conversation that is too long loses its oldest turns in whole; the leading system messages
        and the last message stay. Raises EngineError when those alone do not fit.
        """
        if not messages:
            raise EngineError("the request holds no message; expected at least one of the user")
        lead = 0
        while lead < len(messages) - 1 and messages[lead].role == "system":
            lead += 1
        fixed, turns = list(messages[:lead]), list(messages[lead:])
        while True:
            tokens = self._apply([*fixed, *turns])
            if len(tokens) <= max_tokens:
                return tuple(tokens)
            if len(turns) == 1:
                raise EngineError(
                    f"the last message makes a prompt of {len(tokens)} tokens; "
                    f"expected at most {max_tokens}: please shorten it"
                )
            turns = _without_oldest_turn(turns)

    def split(self, text: str) -> tuple[str, ...]:
        """Return the pieces of `text` that are a token each; parts of a character come together."""
        with self._lock:
            read = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        starts = sorted({start for start, end in read["offset_mapping"] if end > start} | {0})
        ends = [*starts[1:], len(text)]
        return tuple(
            text[start:end] for start, end in zip(starts, ends, strict=True) if end > start
        )

    def _apply(self, messages: Sequence[Message], *, answer: bool = True) -> list[int]:
        rows = [{"role": m.role, "content": m.content} for m in messages]
        try:
            with self._lock:
                tokens: list[int] = self._tokenizer.apply_chat_template(
                    rows, add_generation_prompt=answer, tokenize=True, return_dict=False
                )
        except TemplateError as error:
            raise EngineError(f"the chat template refuses these messages: {error}") from error
        return tokens

    def _stop_ids(self, model: PreTrainedModel) -> frozenset[int]:
        """End of text, and whatever the template writes after a finished reply."""
        stops: set[int] = set()
        generation = model.generation_config
        for value in (
            self._tokenizer.eos_token_id,
            generation.eos_token_id if generation is not None else None,
        ):
            stops.update(value if isinstance(value, list) else [value] if value is not None else [])
        end_of_turn = self._end_of_turn()
        if end_of_turn is not None:
            stops.add(end_of_turn)
        return frozenset(stops)

    def _end_of_turn(self) -> int | None:
        pair = [Message(role="user", content=_MARK), Message(role="assistant", content=_MARK)]
        tokens = self._apply(pair, answer=False)
        marks = set(self._tokenizer.get_added_vocab().values()) | set(
            self._tokenizer.all_special_ids
        )
        text = self._tokenizer.decode(tokens)
        tail = text[text.rindex(_MARK) + len(_MARK) :]
        following: list[int] = self._tokenizer.encode(tail, add_special_tokens=False)
        first = next((t for t in following if self._tokenizer.decode([t]).strip()), None)
        return first if first in marks else None


def _without_oldest_turn(turns: list[Message]) -> list[Message]:
    """Drop a message of the user with the replies to it, keeping the last message."""
    drop = 1
    while drop < len(turns) - 1 and turns[drop].role != "user":
        drop += 1
    return turns[drop:]
