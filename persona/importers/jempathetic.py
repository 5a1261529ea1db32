"""JEmpatheticDialogues: about 20,000 dialogues of four turns about a feeling.

Layouts read:

- japanese_empathetic_dialogues.xlsx: a sheet 状況文 with the number, the feeling (感情) and the
  situation (状況文), a sheet 対話 with ID, 話者 (A or B) and 発話, one turn a row;
- the sheet 対話 saved as CSV, with those three columns.

A tells and is the user, B listens and is the assistant; the feeling becomes the topic. NTT's
licence allows evaluation only: the rows refuse to be trained on.

Source: https://github.com/nttcslab/japanese-dialog-transformers (data and LICENSE.md)
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from persona.errors import DataError
from persona.importers.report import ImportedRow, ImportReport, Licence, RowCollector, alternate
from persona.importers.tables import read_csv, read_sheets

LICENCE = Licence(
    name="NTT dialogue data evaluation licence (JEmpatheticDialogues)",
    may_train=False,
    notice=(
        "For testing, analysing and evaluating only, not handed on; see LICENSE.md of "
        "nttcslab/japanese-dialog-transformers."
    ),
)
TURN_COLUMNS = ["ID", "話者", "発話"]

Turn = tuple[str, str, str]


def import_jempathetic(path: Path) -> ImportReport:
    """Read the workbook or the CSV of its turns. Raises DataError."""
    out = RowCollector(format="jempathetic", path=path, licence=LICENCE)
    feelings: dict[str, str] = {}
    if path.suffix.lower() == ".csv":
        table = read_csv(path)
    else:
        sheets = read_sheets(path)
        if "対話" not in sheets:
            raise DataError(
                f"{path} has the sheets {', '.join(sheets)}; expected 対話 (and 状況文)."
            )
        table = sheets["対話"]
        feelings = {cells[0]: cells[1] for cells in sheets.get("状況文", []) if len(cells) > 1}
    for name, group in groupby(_turns(path, table), key=lambda turn: turn[0]):
        turns = [(speaker, text) for _, speaker, text in group]
        if {speaker for speaker, _ in turns} != {"A", "B"}:
            out.refuse("not a dialogue of A and B", where=name)
            continue
        out.keep(
            ImportedRow(
                id=f"jempathetic-{name}",
                messages=alternate(turns, "B"),
                licence=LICENCE,
                speaker="B",
                topic=feelings.get(name),
            )
        )
    return out.report()


def _turns(path: Path, table: list[list[str]]) -> Iterator[Turn]:
    """(dialogue, speaker, text) below the header. Raises DataError without it."""
    header = [cell.strip() for cell in table[0]] if table else []
    if header[:3] != TURN_COLUMNS:
        raise DataError(
            f"{path} has the columns {', '.join(header) or '(none)'}; "
            f"expected {', '.join(TURN_COLUMNS)}."
        )
    for cells in table[1:]:
        if len(cells) >= 3 and cells[0].strip():
            yield cells[0].strip(), cells[1].strip(), cells[2]
