"""`yogeiko evaluator rate` rates whole dialogues with the head at hand, and says what is wrong."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.commands.evaluator import command

LIVELY = {
    "messages": [
        {"role": "user", "content": "週末は山へ行きました。"},
        {"role": "assistant", "content": "わあ、素敵ですね！！どちらの山ですか？"},
        {"role": "user", "content": "高い山です。"},
        {"role": "assistant", "content": "いいですね！私も山が大好きなんです！"},
    ]
}
FLAT = {
    "messages": [
        {"role": "user", "content": "週末は山へ行きました。"},
        {"role": "assistant", "content": "はい"},
        {"role": "user", "content": "高い山です。"},
        {"role": "assistant", "content": "そうですか"},
    ]
}


def _file(folder: Path, *lines: object) -> str:
    path = folder / "dialogues.jsonl"
    path.write_text(
        "\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8"
    )
    return str(path)


@pytest.mark.slow
def test_the_shipped_head_prefers_a_lively_partner_and_stays_within_the_scale(
    tmp_path: Path,
) -> None:
    arguments = ["rate", _file(tmp_path, LIVELY, FLAT), "--json"]
    told = CliRunner().invoke(command, arguments)
    assert told.exit_code == 0, told.output
    facts = json.loads(told.stdout)
    lively, flat = (one["values"] for one in facts["dialogues"])
    assert set(lively) == set(facts["dialogues"][0]["spread"])
    assert sum(lively.values()) > sum(flat.values())
    assert all(1 <= value <= 5 for value in (*lively.values(), *flat.values()))
    assert facts["note"] == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"messages": [{"role": "user", "content": "やあ"}]}, "line 1: messages: "),
        ({"messages": [{"role": "user", "content": "やあ"}] * 2}, "only the user speaks"),
        ({"turns": []}, "expected messages of user and assistant"),
    ],
)
def test_a_line_that_is_no_dialogue_is_named(tmp_path: Path, line: object, said: str) -> None:
    told = CliRunner().invoke(command, ["rate", _file(tmp_path, line), "--home", str(tmp_path)])
    assert told.exit_code == 1
    assert said in told.output
