"""Rosebleu: the scripts of ten games of a closed studio, released by the rights holder.

Layouts read:

- the published folder: one JSON-lines file a scene, a line {"speaker", "utterance"}; a folder is
  walked, a single file is one scene;
- the one-to-one derivative: JSON lines of {"messages": [{"role", "content"}]}.

A scene has many speakers; it is cut into stretches in which exactly two of them speak, the second
being the one who replies. Lines without a speaker are narration and left out. The games were for
adults: scenes whose file name ends in h are refused, and so is every stretch with an explicit
word, for only some such scenes are marked in the name.

Source: https://gitlab.com/open_contents_datasets/Rosebleu and
https://huggingface.co/datasets/Aratako/Rosebleu-1on1-Dialogues-RP
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from persona.errors import DataError
from persona.importers.plain import messages_of
from persona.importers.report import ImportedRow, ImportReport, Licence, RowCollector, alternate
from persona.importers.tables import read_json_objects

LICENCE = Licence(
    name="Apache-2.0 (Rosebleu)",
    may_train=True,
    notice="(C) Rosebleu; keep the Apache-2.0 notice. Scripts of games for adults: look before use.",
)
MAX_TURNS = 12
_ADULT_NAME = re.compile(r"h(?:_converted)?$", re.IGNORECASE)
_EXPLICIT = re.compile(
    "セックス|エッチ|えっち|おっぱい|乳首|乳房|巨乳|パンツ|下着|ブラジャー|裸|射精|勃起|膣|陰|愛撫|絶頂|喘ぎ"
    "|処女|童貞|オナニー|自慰|淫|犯し|抱いて|挿入|精液|濡れ|ちんぽ|チンポ|ちんちん|まんこ|マンコ|欲情|興奮"
)

Turn = tuple[str, str]


def import_rosebleu(path: Path) -> ImportReport:
    """Read a scene file, a folder of them, or the derivative. Raises DataError."""
    out = RowCollector(format="rosebleu", path=path, licence=LICENCE)
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no .jsonl files; expected the scenes of the games.")
    for file in files:
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        if _ADULT_NAME.search(file.stem):
            out.refuse("scene marked for adults", where=name)
        else:
            _import_file(out, file, name)
    return out.report()


def _import_file(out: RowCollector, file: Path, name: str) -> None:
    turns: list[Turn] = []
    for number, item in read_json_objects(file):
        where = f"{name}:{number}"
        if item is None:
            out.refuse("not a JSON object", where=where)
        elif "messages" in item:
            messages = messages_of(item["messages"])
            if messages is None:
                out.refuse("messages are not role and content", where=where)
            else:
                _keep(out, ImportedRow(id=where, messages=messages, licence=LICENCE))
        else:
            speaker, text = item.get("speaker"), item.get("utterance")
            if isinstance(speaker, str) and isinstance(text, str):
                turns.append((speaker.strip(), text))
            elif not isinstance(text, str):
                out.refuse("no speaker and utterance", where=where)
    for count, stretch in enumerate(_stretches(turns), start=1):
        assistant = next(name for name, _ in stretch if name != stretch[0][0])
        _keep(
            out,
            ImportedRow(
                id=f"{name}#{count}",
                messages=alternate(stretch, assistant),
                licence=LICENCE,
                speaker=assistant,
            ),
        )


def _keep(out: RowCollector, row: ImportedRow) -> None:
    if any(_EXPLICIT.search(message.content) for message in row.messages):
        out.refuse("explicit words", where=row.id)
    else:
        out.keep(row)


def _stretches(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Runs of turns of exactly two speakers, at most MAX_TURNS long."""
    run: list[Turn] = []
    for speaker, text in turns:
        if not speaker or not text.strip():
            continue
        speakers = {name for name, _ in run} | {speaker}
        if len(speakers) > 2 or len(run) == MAX_TURNS:
            if len({name for name, _ in run}) == 2:
                yield run
            # What the last speaker said is what the newcomer answers.
            run = _last_said(run) if len(speakers) > 2 else []
        run.append((speaker, text))
    if len({name for name, _ in run}) == 2:
        yield run


def _last_said(run: list[Turn]) -> list[Turn]:
    """The turns at the end of a run that one speaker took."""
    last = run[-1][0]
    return list(takewhile(lambda turn: turn[0] == last, reversed(run)))[::-1]
