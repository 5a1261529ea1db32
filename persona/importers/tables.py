"""Rows of published tables: CSV, JSON, JSON lines and Excel sheets, as plain Python values."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from persona.errors import DataError
from persona.importers.report import read_text

MAX_SHEET_BYTES = 512 * 1024 * 1024
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_DOC_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


def read_csv(path: Path, delimiter: str = ",") -> list[list[str]]:
    """Cells of a UTF-8 CSV file, row by row. Raises DataError."""
    lines = io.StringIO(read_text(path), newline="")
    try:
        return list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: {error}.") from error


def read_csv_records(path: Path, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row by column name) of a CSV whose header names at least `columns`.

    Raises DataError when a column is missing.
    """
    table = read_csv(path)
    header = [cell.strip() for cell in table[0]] if table else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(
            f"{path} has the columns {', '.join(header) or '(none)'}; expected {', '.join(columns)}."
        )
    for number, cells in enumerate(table[1:], start=2):
        yield number, dict(zip(header, cells, strict=False))


def read_records(path: Path) -> Iterator[tuple[int, Mapping[str, object] | None]]:
    """(row number, fields) of a .csv or .tsv with a header, a JSON array or JSON lines; None where
    a row has another number of cells than the header, or is no object.

    A header is row 1 of its table. Raises DataError when the file is none of these, or a header
    names a column twice or not at all.
    """
    if path.suffix.lower() not in (".csv", ".tsv"):
        yield from read_json_objects(path)
        return
    table = read_csv(path, "\t" if path.suffix.lower() == ".tsv" else ",")
    header = [cell.strip() for cell in table[0]] if table else []
    for place, name in enumerate(header, start=1):
        if not name or name in header[: place - 1]:
            what = f"names {name!r} twice" if name else f"has no name for column {place}"
            raise DataError(f"{path} {what} in its header; expected one name a column.")
    for number, cells in enumerate(table[1:], start=2):
        if any(cell.strip() for cell in cells):
            fits = len(cells) == len(header)
            yield number, dict(zip(header, cells, strict=True)) if fits else None


def json_object(text: str) -> Mapping[str, object] | None:
    """The object that a text is, None when it is none."""
    try:
        item = json.loads(text)
    except (ValueError, RecursionError):  # numbers of thousands of digits, brackets without end
        return None
    return item if isinstance(item, dict) else None


def read_json_objects(path: Path) -> Iterator[tuple[int, Mapping[str, object] | None]]:
    """(number from 1, object) of a JSON array, JSON lines or one .json object; None where it is no
    object.

    Raises DataError when the file is none of these.
    """
    text = read_text(path)
    if path.suffix.lower() == ".json" and (whole := json_object(text)) is not None:
        yield 1, whole
        return
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"{path} line {error.lineno} is not JSON: {error.msg}.") from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is no JSON that can be read: {error}.") from error
        for number, item in enumerate(items, start=1):
            yield number, item if isinstance(item, dict) else None
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, json_object(line)


def read_sheets(path: Path) -> dict[str, list[list[str]]]:
    """Cells of every sheet of an .xlsx workbook by sheet name; a missing cell is "".

    Formulas give their stored value. Raises DataError.
    Source: ECMA-376 part 1, 18.3 (worksheets) and 18.4 (shared strings).
    """
    try:
        with zipfile.ZipFile(path) as book:
            if sum(entry.file_size for entry in book.infolist()) > MAX_SHEET_BYTES:
                raise DataError(f"{path} unpacks to more than {MAX_SHEET_BYTES} bytes.")
            shared = _shared_strings(book)
            targets = {
                rel.get("Id"): rel.get("Target", "")
                for rel in _xml(book, "xl/_rels/workbook.xml.rels").iter(f"{_REL}Relationship")
            }
            sheets = {}
            for sheet in _xml(book, "xl/workbook.xml").iter(f"{_MAIN}sheet"):
                target = targets[sheet.get(f"{_DOC_REL}id")].removeprefix("/")
                name = target if target.startswith("xl/") else f"xl/{target}"
                sheets[sheet.get("name", "")] = _cells(_xml(book, name), shared)
            return sheets
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except (zipfile.BadZipFile, KeyError, ValueError, ElementTree.ParseError) as error:
        raise DataError(f"{path} is not an .xlsx workbook ({error}).") from error


def _xml(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(book.read(name))


def _shared_strings(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    return [_text(item) for item in _xml(book, "xl/sharedStrings.xml").iter(f"{_MAIN}si")]


def _text(item: ElementTree.Element) -> str:
    """The text of a string item; phonetic readings (rPh) are no part of it."""
    runs = [item, *item.findall(f"{_MAIN}r")]
    return "".join(run.findtext(f"{_MAIN}t", "") for run in runs)


def _cells(sheet: ElementTree.Element, shared: list[str]) -> list[list[str]]:
    table = []
    for row in sheet.iter(f"{_MAIN}row"):
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            column = _column(cell.get("r", ""), default=len(cells))
            cells.extend([""] * (column - len(cells)))
            cells.append(_value(cell, shared))
        table.append(cells)
    return table


def _column(reference: str, default: int) -> int:
    """Column index from 0 of a reference such as B7."""
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        return default
    index = 0
    for letter in letters.group():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return "" if inline is None else _text(inline)
    value = cell.findtext(f"{_MAIN}v", "")
    return shared[int(value)] if cell.get("t") == "s" and value else value
