"""The situations of an arena: what a visitor says, and what was said before.

A file is TOML with `[[situation]]` tables, or JSON lines; `arena_situations.toml` beside this module
is the shipped set and explains the keys.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from persona.engine import Message
from rlaif.errors import ArenaError

SHIPPED_SITUATIONS: Path = Path(__file__).parent / "arena_situations.toml"

_MOST_FACTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """`turns` end with the visitor's. `facts` None: to be looked up as the chat does it."""

    name: str
    turns: tuple[Message, ...]
    facts: tuple[str, ...] | None


_Turn = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    says: _Turn
    before: list[_Turn] = Field(default_factory=list)
    facts: Annotated[list[_Turn], Field(max_length=_MOST_FACTS)] | None = None


def read_situations(path: Path) -> tuple[Situation, ...]:
    """All situations of a file, in its order.

    Raises ArenaError: one sentence that names the file, the entry and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArenaError(
            f"{path} cannot be read: {error}; expected a text file in UTF-8"
        ) from error
    entries = _toml_entries(path, text) if path.suffix == ".toml" else _json_entries(path, text)
    situations = tuple(_situation(place, entry) for place, entry in entries)
    if not situations:
        raise ArenaError(f"{path} holds no situation; expected one or more")
    seen: set[str] = set()
    for (place, _), one in zip(entries, situations, strict=True):
        if one.name in seen:
            raise ArenaError(f"{place} is called {one.name!r} again; expected each name once")
        seen.add(one.name)
    return situations


def _toml_entries(path: Path, text: str) -> list[tuple[str, object]]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ArenaError(f"{path} is no TOML: {error}; correct it or name it .jsonl") from error
    tables = content.get("situation")
    if set(content) != {"situation"} or not isinstance(tables, list):
        raise ArenaError(
            f"{path} holds {', '.join(sorted(content)) or 'nothing'}; expected [[situation]] tables "
            "and nothing else"
        )
    return [(f"situation {at} of {path}", one) for at, one in enumerate(tables, start=1)]


def _json_entries(path: Path, text: str) -> list[tuple[str, object]]:
    entries: list[tuple[str, object]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"line {number} of {path}"
        try:
            entries.append((place, json.loads(line)))
        except json.JSONDecodeError as error:
            raise ArenaError(
                f"{place} is no JSON ({error.msg}); expected one object a line, or TOML in a file "
                "named .toml"
            ) from error
    return entries


def _situation(place: str, content: object) -> Situation:
    try:
        entry = _Entry.model_validate(content)
    except ValidationError as error:
        raise ArenaError(f"{place}: {_fault(error)}") from error
    if len(entry.before) % 2:
        raise ArenaError(
            f"{place}: before has {len(entry.before)} turns; expected an even number, visitor and "
            "persona in turn, because the visitor speaks next"
        )
    return Situation(
        name=entry.name,
        turns=_turns([*entry.before, entry.says]),
        facts=None if entry.facts is None else tuple(entry.facts),
    )


def _turns(texts: Sequence[str]) -> tuple[Message, ...]:
    return tuple(
        Message(role="assistant" if at % 2 else "user", content=text)
        for at, text in enumerate(texts)
    )


def _fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "the entry"
    if fault["type"] == "extra_forbidden":
        return f"{where} is no key of a situation; expected name, says, before or facts"
    if fault["type"] == "missing":
        return f"{where} is missing; expected name and says"
    shown = str(fault["input"])[:40]
    return f"{where} is {shown!r}; expected {fault['msg'].removeprefix('Input should be ')}"
