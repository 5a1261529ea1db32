"""What an importer hands back: rows with their licence, and what was refused and why."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from persona.dialogues import Split
from persona.durable import write_file
from persona.engine import Message, Role
from persona.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Under what terms data came; `may_train` False means evaluation only. `notice` says what to
    keep beside anything made with it."""

    name: str
    may_train: bool
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What one person thought of a whole dialogue: figures by name, as published."""

    rater: str
    scores: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """One dialogue: user and assistant in turn, ending with the assistant.

    `speaker` is who the assistant is, `topic` and `split` are as published; all None when unsaid.
    """

    id: str
    messages: tuple[Message, ...]
    licence: Licence
    speaker: str | None = None
    topic: str | None = None
    split: Split | None = None
    ratings: tuple[Rating, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why rows were left out, how many, and where the first of them stands."""

    reason: str
    count: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """One import; `read` = `kept` + the refused."""

    format: str
    path: Path
    read: int
    kept: int
    refused: tuple[Refusal, ...]
    licence: Licence
    rows: tuple[ImportedRow, ...]


@dataclass(slots=True)
class RowCollector:
    """Gathers rows and refusals while a file is read; `report` closes it."""

    format: str
    path: Path
    licence: Licence
    _rows: list[ImportedRow] = field(default_factory=list)
    _refusals: dict[str, tuple[int, str]] = field(default_factory=dict)

    def keep(self, row: ImportedRow) -> None:
        """Add a row, or refuse it when its messages do not make a dialogue."""
        fault = _dialogue_fault(row.messages)
        if fault is None:
            self._rows.append(row)
        else:
            self.refuse(fault, where=row.id)

    def keep_pair(self, prompt: str, completion: str, *, where: str) -> None:
        """Add a dialogue of one question and one reply."""
        self.keep(ImportedRow(id=where, messages=pair(prompt, completion), licence=self.licence))

    def refuse(self, reason: str, *, where: str, count: int = 1) -> None:
        """Count rows left out; only the first place of each reason is kept."""
        before, first = self._refusals.get(reason, (0, where))
        self._refusals[reason] = (before + count, first)

    def report(self) -> ImportReport:
        """Everything gathered; refusals commonest first. Raises DataError when nothing was read."""
        refused = sum(count for count, _ in self._refusals.values())
        if not self._rows and not refused:
            raise DataError(
                f"{self.path} holds no rows; expected a file of the layout '{self.format}'."
            )
        ordered = sorted(self._refusals.items(), key=lambda item: -item[1][0])
        return ImportReport(
            format=self.format,
            path=self.path,
            read=len(self._rows) + refused,
            kept=len(self._rows),
            refused=tuple(Refusal(reason=r, count=c, first=f) for r, (c, f) in ordered),
            licence=self.licence,
            rows=tuple(self._rows),
        )


def pair(prompt: str, completion: str) -> tuple[Message, ...]:
    """A question and its reply as messages, spaces at the ends taken off."""
    return (
        Message(role="user", content=prompt.strip()),
        Message(role="assistant", content=completion.strip()),
    )


def alternate(turns: Iterable[tuple[str, str]], assistant: str) -> tuple[Message, ...]:
    """Turns of (speaker, text) as messages with `assistant` as the one who replies.

    Turns that one speaker takes in a row are joined by a line break; what the assistant says
    before the first user turn, and the user after the last reply, is dropped.
    """
    joined: list[Message] = []
    for speaker, text in turns:
        role: Literal["user", "assistant"] = "assistant" if speaker == assistant else "user"
        if not text.strip() or (not joined and role == "assistant"):
            continue
        if joined and joined[-1].role == role:
            joined[-1] = Message(role=role, content=f"{joined[-1].content}\n{text.strip()}")
        else:
            joined.append(Message(role=role, content=text.strip()))
    if joined and joined[-1].role == "user":
        joined.pop()
    return tuple(joined)


def write_rows(rows: Sequence[ImportedRow], path: Path) -> None:
    """Write rows as JSON lines, each with its licence; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(_row_as_json(row), ensure_ascii=False) + "\n" for row in rows)
    write_file(path, "".join(lines).encode())


def read_written(path: Path) -> list[ImportedRow]:
    """Rows that `write_rows` wrote. Raises DataError naming file and line."""
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(_row_from_json(_WrittenRow.model_validate_json(line)))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise DataError(f"{path} line {number}: {where}: {fault['msg']}.") from error
    return rows


def read_text(path: Path) -> str:
    """A UTF-8 text, with or without a byte-order mark. Raises DataError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error


class _WrittenLicence(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    may_train: bool
    notice: str


class _WrittenMessage(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    role: Role
    content: str


class _WrittenRating(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    rater: str
    scores: dict[str, int]


class _WrittenRow(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    messages: list[_WrittenMessage]
    licence: _WrittenLicence
    speaker: str | None
    topic: str | None
    split: Split | None
    ratings: list[_WrittenRating]


def _row_from_json(written: _WrittenRow) -> ImportedRow:
    return ImportedRow(
        id=written.id,
        messages=tuple(Message(role=m.role, content=m.content) for m in written.messages),
        licence=Licence(
            name=written.licence.name,
            may_train=written.licence.may_train,
            notice=written.licence.notice,
        ),
        speaker=written.speaker,
        topic=written.topic,
        split=written.split,
        ratings=tuple(
            Rating(rater=r.rater, scores=tuple(r.scores.items())) for r in written.ratings
        ),
    )


def _row_as_json(row: ImportedRow) -> dict[str, object]:
    return {
        "id": row.id,
        "messages": [{"role": m.role, "content": m.content} for m in row.messages],
        "licence": {
            "name": row.licence.name,
            "may_train": row.licence.may_train,
            "notice": row.licence.notice,
        },
        "speaker": row.speaker,
        "topic": row.topic,
        "split": row.split,
        "ratings": [{"rater": r.rater, "scores": dict(r.scores)} for r in row.ratings],
    }


def _dialogue_fault(messages: Sequence[Message]) -> str | None:
    """Why these messages are not a dialogue, None when they are."""
    spoken = [message for message in messages if message.role != "system"]
    if not spoken:
        return "no turns"
    if any(not message.content.strip() for message in spoken):
        return "empty text"
    roles = [message.role for message in spoken]
    if roles != ["user", "assistant"] * (len(roles) // 2):
        return "turns are not user and assistant by turns, ending with a reply"
    return None
