"""Rows and probes as written on disk, and one sentence for each way a line can be wrong."""

import json
import re
from pathlib import Path

import pytest

from persona.dialogues import read_card_rows, read_probes, read_rows
from persona.engine import Message
from persona.errors import DataError

LINE: dict[str, object] = {
    "id": "fact-1",
    "kind": "fact",
    "topic": "食べ物/朝食",
    "history": [
        {"role": "user", "content": "おはよう"},
        {"role": "assistant", "content": "ごきげんよう"},
    ],
    "user": "朝は何を食べるの？",
    "reply": "バナナを一本だけですわ。",
    "facts": ["絢音の朝食はバナナ一本だけである。", "絢音は猫舌である。"],
    "gold": 0,
    "keys": ["バナナ"],
    "twin": "breakfast-1",
    "split": "train",
}


def written(path: Path, *lines: dict[str, object] | str) -> Path:
    texts = [
        line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines
    ]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_a_row_comes_back_as_written(tmp_path: Path) -> None:
    [row] = read_rows(written(tmp_path / "train.jsonl", "", LINE))
    assert row.id == "fact-1"
    assert row.history == (
        Message(role="user", content="おはよう"),
        Message(role="assistant", content="ごきげんよう"),
    )
    assert row.gold is not None
    assert row.facts[row.gold].startswith("絢音の朝食")
    assert (row.keys, row.twin, row.split) == (("バナナ",), "breakfast-1", "train")


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    [row] = read_rows(written(tmp_path / "train.jsonl", LINE | {"reply": "はい\u2028ですわ"}))
    assert row.reply == "はい\u2028ですわ"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "joke"}, r"kind is 'joke'; expected 'style'"),
        ({"gold": 2}, r"gold is 2 with 2 facts; expected an index of facts"),
        ({"gold": None}, r"kind is 'fact' without gold or keys"),
        ({"kind": "absent"}, r"gold is 0 in a row of kind 'absent'; expected null"),
        ({"reply": ""}, r"reply is ''; expected "),
        ({"facts": ["あ。"] * 4}, r"facts is .* at most 3"),
        ({"mood": "happy"}, r"mood is not a known field"),
        ({"history": [{"role": "user", "content": "やあ"}]}, r"history has the roles \['user'\]"),
        ({"history": [{"role": "cat", "content": "にゃ"}]}, r"history\[0\]\.role is 'cat'"),
    ],
)
def test_faults_name_file_line_and_field(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    path = written(tmp_path / "train.jsonl", LINE, LINE | change)
    with pytest.raises(DataError, match=sentence) as caught:
        read_rows(path)
    assert str(caught.value).startswith(f"{path} line 2: ")


def test_a_missing_field_a_broken_line_and_a_missing_file(tmp_path: Path) -> None:
    without = {name: value for name, value in LINE.items() if name != "user"}
    with pytest.raises(DataError, match=r"line 1: user is missing"):
        read_rows(written(tmp_path / "a.jsonl", without))
    with pytest.raises(DataError, match=r"line 2 is not JSON"):
        read_rows(written(tmp_path / "b.jsonl", LINE, "{"))
    with pytest.raises(DataError, match=re.escape("c.jsonl cannot be read")):
        read_rows(tmp_path / "c.jsonl")


def test_a_row_in_the_file_of_another_split_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dialogues").mkdir()
    written(tmp_path / "dialogues" / "test.jsonl", LINE)
    with pytest.raises(DataError, match=r"row fact-1 has split 'train'; expected 'test'"):
        read_card_rows(tmp_path, "test")


def test_probes(tmp_path: Path) -> None:
    (tmp_path / "dialogues").mkdir()
    path = tmp_path / "dialogues" / "card_probes.jsonl"
    line: dict[str, object] = {
        "id": "card-01",
        "fact": "絢音は猫舌である。",
        "question": "熱いのは平気？",
        "keys": ["猫舌"],
    }
    written(path, line)
    [probe] = read_probes(tmp_path)
    assert (probe.question, probe.keys) == ("熱いのは平気？", ("猫舌",))
    written(path, line | {"keys": []})
    with pytest.raises(DataError, match=r"line 1: keys is \[\]"):
        read_probes(tmp_path)
