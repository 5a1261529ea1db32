"""RealPersonaChat: chats between two people, rated by both.

Layouts read:

- as published: a folder real_persona_chat/dialogues of JSON files, one a dialogue, with
  `dialogue_id`, `interlocutors`, `utterances` (`interlocutor_id`, `text`, `timestamp`) and
  `evaluations` (`interlocutor_id` and six figures of 1-5); any folder above it, or one file;
- re-packed: .jsonl or .jsonl.xz, one dialogue a line with `id`, `speakers`, `utterances` as
  [speaker, text] and `ratings` by speaker, the six figures in the order of RATINGS.

The first to speak is the user, the other the assistant; each rated the other, so what the user says
after the last reply is kept beside the messages. Personal data is masked in the source as
<ID> and ＊＊ and stays masked. Split by rater, never by row: a rater's habit is half of a rating.

Source: https://github.com/nu-dialogue/real-persona-chat (Yamashita et al. 2023)
"""

import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from persona.errors import DataError
from persona.importers.report import (
    ImportedRow,
    ImportReport,
    Licence,
    Rating,
    RowCollector,
    as_spoken,
    read_text,
)
from persona.importers.tables import json_object, read_json_objects

LICENCE = Licence(
    name="CC BY-SA 4.0 (RealPersonaChat)",
    may_train=True,
    notice="Name Yamashita et al. 2023 (nu-dialogue/real-persona-chat) and share alike.",
)
RATINGS = (
    "informativeness",
    "comprehension",
    "familiarity",
    "interest",
    "proactiveness",
    "satisfaction",
)
Figure = Annotated[int, Field(ge=1, le=5)]


class _Utterance(BaseModel):
    interlocutor_id: str
    text: str


class _Evaluation(BaseModel):
    interlocutor_id: str
    informativeness: Figure
    comprehension: Figure
    familiarity: Figure
    interest: Figure
    proactiveness: Figure
    satisfaction: Figure


class _Published(BaseModel):
    dialogue_id: int
    interlocutors: list[str]
    utterances: list[_Utterance]
    evaluations: list[_Evaluation] = []


class _Repacked(BaseModel):
    id: int
    speakers: list[str]
    utterances: list[tuple[str, str]]
    ratings: dict[str, list[Figure]] = {}


def import_realpersonachat(path: Path) -> ImportReport:
    """Read the published folder or file, or the re-packed lines. Raises DataError."""
    out = RowCollector(format="realpersonachat", path=path, licence=LICENCE)
    for where, item in _items(path):
        row = None if item is None else _row(item)
        if row is None:
            out.refuse("not a dialogue of two people", where=where)
        else:
            out.keep(row)
    return out.report()


def _items(path: Path) -> Iterator[tuple[str, Mapping[str, object] | None]]:
    if path.is_dir():
        folder = next((d for d in sorted(path.rglob("dialogues")) if d.is_dir()), path)
        files = sorted(folder.glob("*.json"))
        if not files:
            raise DataError(f"{path} holds no dialogues/*.json; expected the published folder.")
        for file in files:
            yield file.name, json_object(read_text(file))
    elif path.suffix == ".xz":
        try:
            with lzma.open(path, "rt", encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    yield f"{path.name}:{number}", json_object(line)
        except (OSError, lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be unpacked: {error}.") from error
    else:
        for number, item in read_json_objects(path):
            yield f"{path.name}:{number}", item


def _row(item: Mapping[str, object]) -> ImportedRow | None:
    """The dialogue in either layout, None when it is neither or not between two people."""
    try:
        if "interlocutors" in item:
            published = _Published.model_validate(item)
            name, speakers = published.dialogue_id, published.interlocutors
            turns = [(u.interlocutor_id, u.text) for u in published.utterances]
            ratings = tuple(
                Rating(
                    rater=e.interlocutor_id,
                    scores=tuple(e.model_dump(exclude={"interlocutor_id"}).items()),
                )
                for e in published.evaluations
            )
        else:
            packed = _Repacked.model_validate(item)
            name, speakers, turns = packed.id, packed.speakers, packed.utterances
            ratings = tuple(
                Rating(rater=rater, scores=tuple(zip(RATINGS, scores, strict=True)))
                for rater, scores in packed.ratings.items()
            )
    except (ValidationError, ValueError):
        return None
    if len(set(speakers)) != 2 or {speaker for speaker, _ in turns} != set(speakers):
        return None
    if not {rating.rater for rating in ratings} <= set(speakers):
        return None
    assistant = next(speaker for speaker in speakers if speaker != turns[0][0])
    spoken = as_spoken(turns, assistant)
    return ImportedRow(
        id=f"realpersonachat-{name:05d}",
        messages=spoken.messages,
        licence=LICENCE,
        speaker=assistant,
        ratings=ratings,
        opening=spoken.opening,
        closing=spoken.closing,
    )
