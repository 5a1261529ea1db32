"""`yogeiko persona interview` and `likeness` as people meet them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands import persona_interview
from app.commands.persona import command as persona
from app.composition import build_index
from app.settings import load_settings
from persona.card import SHIPPED_CARD, load_card
from persona.engine import Message
from tests.fakes import FakeEngine
from tests.rlaif.judge_server import Answer, judge_server

_SCORED = {
    subject: Answer(content=json.dumps({"reason": "理由。", "scores": {subject: 5}}))
    for subject in ("memorization", "values", "personality", "hallucination", "stability")
}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Instead of model and embedder."""
    fake = FakeEngine(lines=("バイオリンですわ。",))
    fake.add_adapter("a1", Path("/nowhere"))
    monkeypatch.setattr(persona_interview, "_engine", lambda *_: (fake, "a1"))

    def search(_text: str, _history: Sequence[Message]) -> list[str]:
        return ["絢音はバイオリンを習っている。"]

    monkeypatch.setattr(persona_interview, "_search", lambda *_: search)
    return fake


def _run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(persona, [*arguments, "--home", str(home)], catch_exceptions=False)


def _by_subject(request: dict[str, object]) -> Answer:
    return next(answer for name, answer in _SCORED.items() if f'"{name}"' in str(request))


def test_rules_alone_where_no_judge_is_named(tmp_path: Path, engine: FakeEngine) -> None:
    out = tmp_path / "out"
    result = _run(tmp_path, "interview", "--each", "2", "--json", "--out", str(out))
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["adapter"], found["judge"], found["scores"]) == ("a1", None, None)
    assert found["rules_without_judge"]["voice"]["value"] == 1.0
    assert sorted(path.name for path in out.iterdir()) == [
        "interview.json", "interview.md", "interview.png",
    ]  # fmt: skip
    assert len(engine.requests) == 12  # stability asks twice


def test_a_second_run_asks_neither_her_nor_the_judge_again(
    tmp_path: Path, engine: FakeEngine
) -> None:
    with judge_server(script=_by_subject) as server:
        flags = ("interview", "--each", "1", "--turns", "multi", "--json")
        named = ("--judge-url", server.url, "--judge-model", "m")
        first = _run(tmp_path, *flags, *named)
        asked, judged = len(engine.requests), len(server.requests)
        second = _run(tmp_path, *flags, *named)
        assert (len(engine.requests), len(server.requests)) == (asked, judged) == (17, 5)
    assert json.loads(first.stdout) == json.loads(second.stdout)
    scores = json.loads(first.stdout)["scores"]
    assert {name: one["value"] for name, one in scores.items()} == dict.fromkeys(_SCORED, 5.0)
    (folder,) = (tmp_path / "exports").iterdir()
    assert folder.name == "interview-a1-character-multi"


def test_big_five_asks_everything_twice(tmp_path: Path, engine: FakeEngine) -> None:
    result = _run(tmp_path, "interview", "--kind", "big-five", "--json")
    found = json.loads(result.stdout)
    assert (found["passes"], found["big_five"]) == (2, None)
    assert len(engine.requests) == 2 * sum(found["interviews"].values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--judge-url", "http://127.0.0.1:1/v1"], "lacks --judge-model"),
        (["--judge-model", "m"], "lacks --judge-url"),
        (["--kind", "big-five", "--turns", "multi"], "--turns multi is for --kind character"),
        (["--each", "0"], "0 is not in the range"),
        (["--kind", "tarot"], "'tarot' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, engine: FakeEngine, arguments: list[str], words: str
) -> None:
    result = _run(tmp_path, "interview", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert engine.requests == []


def test_replies_are_scored_line_by_line(tmp_path: Path) -> None:
    lines = tmp_path / "replies.txt"
    lines.write_text("わたくしは猫派ですわ。\n\n僕は猫派だよ。\n", encoding="utf-8")
    found = json.loads(_run(tmp_path, "likeness", "score", str(lines), "--json").stdout)
    hers, other = (one["likeness"] for one in found["replies"])
    assert hers > 0.9
    assert other < 0.1
    assert (found["hers"]["value"], found["hers"]["n"]) == (0.5, 2)
    assert "told as hers: 0.500" in _run(tmp_path, "likeness", "score", str(lines)).stdout


def test_no_replies_is_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n", encoding="utf-8")
    result = _run(tmp_path, "likeness", "score", str(empty))
    assert result.exit_code == 1
    assert "expected one reply a line" in result.stderr


def test_fitting_on_people_needs_people(tmp_path: Path) -> None:
    result = _run(tmp_path, "likeness", "fit", "--fit-people")
    assert result.exit_code == 2
    assert "--fit-people needs --data" in result.stderr


@pytest.mark.slow
def test_the_real_persona_is_interviewed(tmp_path: Path) -> None:
    """Two questions of fact through model, prompt and retrieval."""
    settings = load_settings(None)
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(settings.models_folder)
    result = _run(home, "interview", "--each", "1", "--seed", "3", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["adapter"].startswith("ayane-sft-")
    assert found["rules_without_judge"]["empty"]["value"] == 0.0
    assert found["rules_without_judge"]["voice"]["value"] >= 0.5
    name = f"interview-{found['adapter']}-character-single"
    held = json.loads((home / "exports" / name / "interview.json").read_text(encoding="utf-8"))
    facts = {
        fact for one in held["transcripts"] for turn in one["answers"] for fact in turn["facts"]
    }
    assert facts <= set(load_card(SHIPPED_CARD).facts)


@pytest.mark.slow
def test_retrieval_of_an_interview_is_the_chats(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    facts = load_card(SHIPPED_CARD).facts
    index = build_index(settings)
    index.update(facts)
    search = persona_interview._search(settings, facts)
    history = (Message(role="user", content="お祖父様はお元気？"),)
    expected = [one.text for one in index.search("どこに住んでいるの？", history, 3)]
    assert search("どこに住んでいるの？", history) == expected
