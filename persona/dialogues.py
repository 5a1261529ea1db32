"""The rows a persona is trained and measured on: JSON lines beside her card.

One row is one reply. Fields of a line, in plain words:

    id       unique over all files of the card
    kind     style | multi | identity | fact | absent | safety
    topic    what it is about; a topic lives in one split only
    history  [{"role": "user"|"assistant", "content": text}], oldest first, may be empty
    user     what was said last
    reply    what she answers
    facts    0-3 sentences shown to her beside `user`, in the order shown
    gold     index in `facts` of the one that answers `user`, or null
    keys     any of these in the reply makes it right; empty where nothing is to be copied
    twin     shared by rows of one question with another fact and another answer, or null
    split    train | validation | test
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from persona.engine import Message
from persona.errors import DataError

Kind = Literal["style", "multi", "identity", "fact", "absent", "safety"]
Split = Literal["train", "validation", "test"]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
PROBES_FILE = "card_probes.jsonl"
MAX_FACTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueRow:
    """One reply with all that was in front of her; see the module for the fields."""

    id: str
    kind: Kind
    topic: str
    history: tuple[Message, ...]
    user: str
    reply: str
    facts: tuple[str, ...]
    gold: int | None
    keys: tuple[str, ...]
    twin: str | None
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProbe:
    """A question that one fact of the card answers; for reports, never trained on."""

    id: str
    fact: str
    question: str
    keys: tuple[str, ...]


Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^\S(?:[^\n]*\S)?$")]


class _TurnLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["user", "assistant"]
    content: Text


class _RowLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: Text
    kind: Kind
    topic: Text
    history: list[_TurnLine]
    user: Text
    reply: Text
    facts: Annotated[list[Text], Field(max_length=MAX_FACTS)]
    gold: int | None
    keys: list[Text]
    twin: Text | None
    split: Split

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        if self.gold is not None and not 0 <= self.gold < len(self.facts):
            raise ValueError(
                f"gold is {self.gold} with {len(self.facts)} facts; expected an index of facts"
            )
        if self.kind == "fact" and (self.gold is None or not self.keys):
            raise ValueError("kind is 'fact' without gold or keys; expected both")
        if self.kind != "fact" and self.kind != "identity" and self.gold is not None:
            raise ValueError(f"gold is {self.gold} in a row of kind {self.kind!r}; expected null")
        roles = [turn.role for turn in self.history]
        if roles != ["user", "assistant"] * (len(roles) // 2):
            raise ValueError(
                f"history has the roles {roles}; expected user, assistant, … ending in assistant"
            )
        return self


class _ProbeLine(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: Text
    fact: Text
    question: Text
    keys: Annotated[list[Text], Field(min_length=1)]


def split_file(dialogues: Path, split: Split) -> Path:
    """Where the rows of a split lie in a card's `dialogues` folder."""
    return dialogues / f"{split}.jsonl"


def read_rows(path: Path) -> list[DialogueRow]:
    """Rows of a JSONL file, in order.

    Raises DataError naming file, line and field.
    """
    return [
        DialogueRow(
            id=line.id,
            kind=line.kind,
            topic=line.topic,
            history=tuple(Message(role=t.role, content=t.content) for t in line.history),
            user=line.user,
            reply=line.reply,
            facts=tuple(line.facts),
            gold=line.gold,
            keys=tuple(line.keys),
            twin=line.twin,
            split=line.split,
        )
        for line in _parsed_lines(path, _RowLine)
    ]


def read_card_rows(card_folder: Path, *splits: Split) -> list[DialogueRow]:
    """Rows of the named splits of a card, all three when none is named.

    Raises DataError as `read_rows`, also when a row lies in the file of another split.
    """
    rows: list[DialogueRow] = []
    for split in splits or SPLITS:
        path = split_file(card_folder / "dialogues", split)
        for row in read_rows(path):
            if row.split != split:
                raise DataError(
                    f"{path}: row {row.id} has split {row.split!r}; expected {split!r}."
                )
            rows.append(row)
    return rows


def read_probes(card_folder: Path) -> list[CardProbe]:
    """The questions about the card's own facts, in the order of the facts. Raises DataError."""
    return [
        CardProbe(id=line.id, fact=line.fact, question=line.question, keys=tuple(line.keys))
        for line in _parsed_lines(card_folder / "dialogues" / PROBES_FILE, _ProbeLine)
    ]


LineT = TypeVar("LineT", bound=BaseModel)


def _parsed_lines(path: Path, line_type: type[LineT]) -> Iterator[LineT]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); expected JSON lines."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    # Not splitlines: it also breaks at U+2028 and its like, which are legal inside JSON strings.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield line_type.model_validate(json.loads(line))
        except json.JSONDecodeError as error:
            raise DataError(f"{path} line {number} is not JSON: {error.msg}.") from error
        except ValidationError as error:
            raise DataError(f"{path} line {number}: {_first_fault(error)}.") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if not field:
        return message
    name = field.removeprefix(".")
    if fault["type"] == "missing":
        return f"{name} is missing"
    if fault["type"] == "extra_forbidden":
        return f"{name} is not a known field"
    return f"{name} is {fault['input']!r}; expected {message.removeprefix('Input should be ')}"
