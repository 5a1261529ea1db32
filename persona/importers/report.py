"""What an importer hands back: rows with their licence, and what was refused and why."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
    """What one person thought of a dialogue: figures by name, as published. `rater` may be ""."""

    rater: str
    scores: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """One dialogue: user and assistant in turn, ending with the assistant.

    `speaker` is who the assistant is, `topic` and `split` are as published; all None when unsaid.
    `opening` is what the assistant said before the first user turn, `closing` what the user said
    after the last reply: raters heard both, training needs neither. `group` is the dialogue where
    several rows are of one, `only_reply`: the ratings are of the last reply and not of the dialogue.
    """

    id: str
    messages: tuple[Message, ...]
    licence: Licence
    speaker: str | None = None
    topic: str | None = None
    split: Split | None = None
    ratings: tuple[Rating, ...] = ()
    opening: str | None = None
    closing: str | None = None
    group: str | None = None
    only_reply: bool = False

    def whole(self) -> tuple[Message, ...]:
        """Everything that was said, opening and closing too; no system message."""
        said = [message for message in self.messages if message.role != "system"]
        if self.opening is not None:
            said.insert(0, Message(role="assistant", content=self.opening))
        if self.closing is not None:
            said.append(Message(role="user", content=self.closing))
        return tuple(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why rows were left out, how many, and where the first of them stands."""

    reason: str
    count: int
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """One import; `read` = `kept` + the refused. `notes`: sentences on what looks unusual."""

    format: str
    path: Path
    read: int
    kept: int
    refused: tuple[Refusal, ...]
    licence: Licence
    rows: tuple[ImportedRow, ...]
    notes: tuple[str, ...] = ()


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
        fault = _dialogue_fault(row.messages) or _text_fault(row)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A dialogue as rows hold it: what training reads, and what stands before and after it."""

    opening: str | None
    messages: tuple[Message, ...]
    closing: str | None


def as_spoken(turns: Iterable[tuple[str, str]], assistant: str) -> Spoken:
    """Turns of (speaker, text) with `assistant` as the one who replies.

    Turns that one speaker takes in a row are joined by a line break; empty ones are dropped.
    """
    joined: list[Message] = []
    for speaker, text in turns:
        role: Literal["user", "assistant"] = "assistant" if speaker == assistant else "user"
        if not text.strip():
            continue
        if joined and joined[-1].role == role:
            joined[-1] = Message(role=role, content=f"{joined[-1].content}\n{text.strip()}")
        else:
            joined.append(Message(role=role, content=text.strip()))
    opening = joined.pop(0).content if joined and joined[0].role == "assistant" else None
    closing = joined.pop().content if joined and joined[-1].role == "user" else None
    return Spoken(opening=opening, messages=tuple(joined), closing=closing)


def alternate(turns: Iterable[tuple[str, str]], assistant: str) -> tuple[Message, ...]:
    """What training reads of `as_spoken`: from the first user turn to the last reply."""
    return as_spoken(turns, assistant).messages


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
    scores: dict[str, Annotated[float, Field(allow_inf_nan=False)]]


class _WrittenRow(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    messages: list[_WrittenMessage]
    licence: _WrittenLicence
    speaker: str | None
    topic: str | None
    split: Split | None
    ratings: list[_WrittenRating]
    opening: str | None = None
    closing: str | None = None
    group: str | None = None
    only_reply: bool = False


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
        opening=written.opening,
        closing=written.closing,
        group=written.group,
        only_reply=written.only_reply,
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
        "opening": row.opening,
        "closing": row.closing,
        "group": row.group,
        "only_reply": row.only_reply,
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


def _text_fault(row: ImportedRow) -> str | None:
    """Why the row cannot be written, None when it can: half of a surrogate pair is no text."""
    texts = [message.content for message in row.whole()]
    texts += [row.id, row.speaker or "", row.topic or "", row.group or ""]
    for rating in row.ratings:
        texts += [rating.rater, *(name for name, _ in rating.scores)]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return "text that is not Unicode"
    return None
