"""Situation files: the shipped set, files of one's own, and what is said about faulty ones."""

import json
from pathlib import Path

import pytest

from persona.engine import Message
from persona.safety import check_user_text
from rlaif.arena_situations import SHIPPED_SITUATIONS, read_situations
from rlaif.errors import ArenaError


def test_the_shipped_set_is_large_varied_and_for_all_ages() -> None:
    shipped = read_situations(SHIPPED_SITUATIONS)
    assert len(shipped) >= 24
    assert len({one.turns[-1].content for one in shipped}) == len(shipped)
    assert any(len(one.turns) > 1 for one in shipped)
    lengths = [len(one.turns[-1].content) for one in shipped]
    assert min(lengths) < 10
    assert max(lengths) > 100
    for one in shipped:
        assert all(turn.role == "user" for turn in one.turns[::2])
        assert not any(check_user_text(turn.content).flagged for turn in one.turns)


def test_toml_and_json_lines_say_the_same(tmp_path: Path) -> None:
    toml, lines = tmp_path / "own.toml", tmp_path / "own.jsonl"
    toml.write_text(
        '[[situation]]\nname = "tea"\nsays = "お茶にする？"\nbefore = ["寒いね。", "冷えますわね。"]\n'
        'facts = ["絢音は紅茶が好きである。"]\n[[situation]]\nname = "bye"\nsays = "またね。"\n',
        encoding="utf-8",
    )
    entries = [
        {
            "name": "tea",
            "says": "お茶にする？",
            "before": ["寒いね。", "冷えますわね。"],
            "facts": ["絢音は紅茶が好きである。"],
        },
        {"name": "bye", "says": "またね。"},
    ]
    lines.write_text("\n".join(json.dumps(one) for one in entries) + "\n\n", encoding="utf-8")
    assert read_situations(toml) == read_situations(lines)
    tea, bye = read_situations(toml)
    assert tea.turns == (
        Message(role="user", content="寒いね。"),
        Message(role="assistant", content="冷えますわね。"),
        Message(role="user", content="お茶にする？"),
    )
    assert tea.facts == ("絢音は紅茶が好きである。",)
    assert bye.facts is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "[[situation]]\nname='a'\n", "situation 1 of .*says is missing"),
        ("a.toml", "[[situation]]\nname='a'\nsays='x'\nmood='sad'\n", "mood is no key"),
        ("a.toml", "[[situation]]\nname='A b'\nsays='x'\n", "name is 'A b'; expected"),
        ("a.toml", "[[situation]]\nname='a'\nsays='x'\nbefore=['y']\n", "even number"),
        ("a.toml", "[[situation]]\nname='a'\nsays='  '\n", "says is"),
        ("a.toml", "[[situation]]\nname='a'\nsays='x'\nfacts=['1','2','3','4']\n", "facts is"),
        (
            "a.toml",
            "[[situation]]\nname='a'\nsays='x'\n[[situation]]\nname='a'\nsays='y'\n",
            "situation 2 of .*'a' again",
        ),
        ("a.toml", "name = 'a'\n", "expected \\[\\[situation\\]\\] tables"),
        ("a.toml", "{", "is no TOML"),
        ("a.jsonl", '{"name": "a", "says": "x"}\n{', "line 2 of .*is no JSON"),
        ("a.jsonl", "3\n", "line 1 of .*the entry is '3'"),
        ("a.jsonl", "\n", "holds no situation"),
    ],
)
def test_a_fault_is_one_sentence_with_its_place(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ArenaError, match=said) as caught:
        read_situations(path)
    assert "\n" not in str(caught.value)
