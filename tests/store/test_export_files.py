"""Cells that no spreadsheet runs, lines without invisible characters, digests that hold."""

import csv
import io
import json
import unicodedata
from hashlib import sha256
from pathlib import Path

import pytest

from store.export_files import csv_cell, csv_lines, csv_text, json_line, open_writer
from store.export_records import Column
from tests.hostile_payloads import PAYLOADS

COLUMNS = (
    Column(name="id", kind="integer"),
    Column(name="text", kind="text"),
    Column(name="margin", kind="number"),
    Column(name="facts", kind="texts"),
)
DANGEROUS = tuple("=+-@\t\r\n＝＋－＠")


def _invisible(character: str) -> bool:
    category = unicodedata.category(character)
    bidirectional = (
        character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
    return (category == "Cc" and character not in "\n\t") or bidirectional


def test_there_are_fifty_payloads_of_every_kind() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 50
    assert sum("<" in one for one in PAYLOADS) >= 10
    assert sum(one.startswith(DANGEROUS) for one in PAYLOADS) >= 10
    assert sum(any(map(_invisible, one)) for one in PAYLOADS) >= 7
    assert max(map(len, PAYLOADS)) >= 5_000


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_cell_starts_like_a_formula_or_hides_anything(payload: str) -> None:
    cell = csv_cell(payload)
    assert isinstance(cell, str)
    assert not cell.startswith(DANGEROUS)
    assert not cell.lstrip().startswith(DANGEROUS)
    assert not any(map(_invisible, cell))
    (read,) = csv.reader(io.StringIO(csv_lines([[1, cell, -2.5]]), newline=""))
    assert read == ["1", cell, "-2.5"]


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_line_of_json_is_one_line_and_says_exactly_the_same(payload: str) -> None:
    line = json_line(COLUMNS, (7, payload, None, [payload]))
    assert line.splitlines() == [line.removesuffix("\n")]
    assert not any(map(_invisible, line))
    read = json.loads(line)
    assert read == {"id": 7, "text": payload, "margin": None, "facts": [payload]}


@pytest.mark.parametrize(
    "text", ["=1+1", "'=1+1", "''=1", "'abc", "abc", " =1", "\n-1", "'\n-1", "", "'", "-", "＝1"]
)
def test_what_a_cell_was_made_of_comes_back(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    assert csv_text(cell) == text


def test_numbers_stay_numbers() -> None:
    assert csv_cell(-3) == -3
    assert csv_cell(-0.5) == -0.5
    assert [csv_cell(value) for value in (True, False, None)] == ["true", "false", ""]
    assert csv_cell(["=1", "二"]) == '["=1", "二"]'


@pytest.mark.parametrize(("form", "name"), [("jsonl", "logs.jsonl"), ("csv", "logs.csv")])
def test_the_digest_is_that_of_the_file(tmp_path: Path, form: str, name: str) -> None:
    writer = open_writer(form, tmp_path, "logs", COLUMNS)
    writer.add([(1, "一\n二", 0.5, []), (2, "=三", None, ["四"])])
    writer.add([])
    (file,) = writer.close()
    content = (tmp_path / name).read_bytes()
    assert (file.name, file.table, file.rows, file.bytes) == (name, "logs", 2, len(content))
    assert file.sha256 == sha256(content).hexdigest()
    assert content.startswith(b"\xef\xbb\xbfid,text,margin,facts\r\n") == (form == "csv")


def test_a_data_set_is_cut_into_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.export_files._SHARD_ROWS", 2)
    writer = open_writer("hf", tmp_path, "logs", COLUMNS)
    writer.add([(number, "", None, []) for number in range(5)])
    files = writer.close()
    assert [(file.name, file.rows) for file in files] == [
        ("data/logs-00000.jsonl", 2),
        ("data/logs-00001.jsonl", 2),
        ("data/logs-00002.jsonl", 1),
    ]
    lines = [line for file in files for line in (tmp_path / file.name).read_text().splitlines()]
    assert [json.loads(line)["id"] for line in lines] == list(range(5))
