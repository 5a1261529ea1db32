"""つくよみちゃん会話AI育成計画: what one says to Tsukuyomi-chan and how she answers.

A sheet published as .xlsx or saved as CSV. Before the header stands a line of explanation; the
header has columns that begin with 【A】 (話しかけ), 【B】 (お返事), 【C】 (A's answer to B, if any)
and 【D】 (her answer to C, if any). They are found by these marks, in whatever column they are.

Source: https://tyc.rei-yumesaki.net/material/kaiwa-ai/
"""

from pathlib import Path

from persona.engine import Message
from persona.errors import DataError
from persona.importers.report import ImportedRow, ImportReport, Licence, RowCollector, pair
from persona.importers.tables import read_csv, read_sheets

LICENCE = Licence(
    name="Tsukuyomi-chan character licence",
    may_train=True,
    notice=(
        "The data itself may not be handed on; works made with it credit "
        "「つくよみちゃん会話AI育成計画」© Rei Yumesaki (https://tyc.rei-yumesaki.net/)."
    ),
)
MARKS = ("【A】", "【B】", "【C】", "【D】")
HEADER_WITHIN_ROWS = 10


def import_tsukuyomi(path: Path) -> ImportReport:
    """Read the .xlsx workbook (the first sheet with the header) or the CSV. Raises DataError."""
    out = RowCollector(format="tsukuyomi", path=path, licence=LICENCE)
    tables = [read_csv(path)] if path.suffix.lower() == ".csv" else list(read_sheets(path).values())
    for table in tables:
        header, columns = _header(table)
        if header is None:
            continue
        for number, cells in enumerate(table[header + 1 :], start=header + 2):
            if any(cell.strip() for cell in cells):
                _keep(out, _picked(cells, columns), f"{path.name}:{number}")
        return out.report()
    raise DataError(f"{path} has no header with 【A】 and 【B】; expected the published sheet.")


def _header(table: list[list[str]]) -> tuple[int | None, list[int | None]]:
    """(row index of the header, column index of each mark); (None, []) without a header."""
    for number, cells in enumerate(table[:HEADER_WITHIN_ROWS]):
        columns = [
            next((at for at, cell in enumerate(cells) if cell.strip().startswith(mark)), None)
            for mark in MARKS
        ]
        if columns[0] is not None and columns[1] is not None:
            return number, columns
    return None, []


def _picked(cells: list[str], columns: list[int | None]) -> list[str]:
    return [cells[at].strip() if at is not None and at < len(cells) else "" for at in columns]


def _keep(out: RowCollector, texts: list[str], where: str) -> None:
    said, answered, said_again, answered_again = texts
    if not said or not answered:
        out.refuse("no question or no reply", where=where)
        return
    messages: tuple[Message, ...] = pair(said, answered)
    if said_again and answered_again:
        messages += pair(said_again, answered_again)
    out.keep(ImportedRow(id=where, messages=messages, licence=LICENCE, speaker="つくよみちゃん"))
