"""Writing exported rows: JSON lines, CSV that no spreadsheet takes for a formula, and digests."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from store.export_records import Column, ExportFile, ExportForm, Row, TableName

HF_DATA = "data"
_SHARD_ROWS = 50_000
_BOM = "\ufeff"
_FORMULA = re.compile(r"'*\s*[=+\-@＝＋－＠]|'*[\t\r\n]")
_LINE_ENDS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_INVISIBLE = (
    "\u0000-\u0008\u000b-\u001f\u007f-\u009f"  # controls but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"  # direction, and marks of byte order
)
_REMOVED = re.compile(f"[{_INVISIBLE}]")
_ESCAPED = re.compile(f"[{_INVISIBLE}\u2028\u2029]")


def json_line(columns: Sequence[Column], row: Row) -> str:
    """Return a row as one line of JSON; invisible characters are in it by their numbers only."""
    values = dict(zip((column.name for column in columns), row, strict=True))
    line = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", line) + "\n"


def csv_cell(value: object) -> str | int | float:
    """Return a value as a cell: numbers as they are, text without invisible characters.

    Text that a spreadsheet could take for a formula gets a leading apostrophe, as does text that
    already has one before such: `csv_text` takes exactly one away.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    visible = _REMOVED.sub("", _LINE_ENDS.sub("\n", text))
    return f"'{visible}" if _FORMULA.match(visible) else visible


def csv_text(cell: str) -> str:
    """Return the text that `csv_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


class TableWriter(Protocol):
    """Writes the rows of one table."""

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows."""

    def close(self) -> list[ExportFile]:
        """Return the files that were written."""


def open_writer(
    form: ExportForm, folder: Path, table: TableName, columns: Sequence[Column]
) -> TableWriter:
    """Return a writer of a table in a folder that exists."""
    match form:
        case "csv":
            return _CsvWriter(folder, table, columns)
        case "jsonl":
            return _JsonWriter(folder, table, columns, f"{table}.jsonl", shard_rows=None)
        case "hf":
            (folder / HF_DATA).mkdir(exist_ok=True)
            name = f"{HF_DATA}/{table}-{{:05d}}.jsonl"
            return _JsonWriter(folder, table, columns, name, shard_rows=_SHARD_ROWS)


class _HashedFile:
    """A file whose digest is known when it is closed."""

    def __init__(self, folder: Path, name: str, table: TableName) -> None:
        self.rows = 0
        self._name = name
        self._table = table
        self._digest = sha256()
        self._bytes = 0
        self._file = (folder / name).open("xb")

    def write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        self._digest.update(data)
        self._bytes += len(data)
        self._file.write(data)

    def close(self) -> ExportFile:
        self._file.close()
        return ExportFile(
            name=self._name,
            table=self._table,
            rows=self.rows,
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
        )


class _JsonWriter:
    """JSON lines, in one file or in shards; an empty table has one empty file."""

    def __init__(
        self,
        folder: Path,
        table: TableName,
        columns: Sequence[Column],
        name: str,
        *,
        shard_rows: int | None,
    ) -> None:
        self._folder, self._table, self._columns = folder, table, columns
        self._name, self._shard_rows = name, shard_rows
        self._done: list[ExportFile] = []
        self._file = self._next_file()

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._file.rows == self._shard_rows:
                self._done.append(self._file.close())
                self._file = self._next_file()
            self._file.write(json_line(self._columns, row))
            self._file.rows += 1

    def close(self) -> list[ExportFile]:
        return [*self._done, self._file.close()]

    def _next_file(self) -> _HashedFile:
        return _HashedFile(self._folder, self._name.format(len(self._done)), self._table)


class _CsvWriter:
    """One CSV file with a header, in UTF-8 with the mark by which spreadsheets know it."""

    def __init__(self, folder: Path, table: TableName, columns: Sequence[Column]) -> None:
        self._file = _HashedFile(folder, f"{table}.csv", table)
        self._file.write(_BOM + csv_lines([[column.name for column in columns]]))

    def add(self, rows: Iterable[Row]) -> None:
        cells = [[csv_cell(value) for value in row] for row in rows]
        self._file.write(csv_lines(cells))
        self._file.rows += len(cells)

    def close(self) -> list[ExportFile]:
        return [self._file.close()]


def csv_lines(rows: Iterable[Sequence[str | int | float]]) -> str:
    """Return rows of cells as CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()
