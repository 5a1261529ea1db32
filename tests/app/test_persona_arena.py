"""`yogeiko persona arena` from the command line, over scripted speech and scripted judges."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from app.clock import utc_now
from app.commands import persona_arena
from app.composition import publish_shipped_adapter
from app.night_models import NightModels
from app.settings import load_settings
from persona.card import SHIPPED_CARD, load_card
from rlaif.arena_statistics import arena_figures
from rlaif.evaluator import Evaluator
from rlaif.publish import ServedBase
from store.adapters import deploy
from store.database import open_database
from store.lineage import taint
from tests.fakes import FakeEngine, FakeFacts
from tests.rlaif.test_arena_judges import LikesStars
from tests.store.rehearsal import adapter

_NIGHT = "ayane-night-1"


class _Voices:
    """The engine's lines by adapter, and what was asked of it."""

    def __init__(self, shipped: str) -> None:
        self.engine = FakeEngine(
            voices={
                None: ("・", "★"),
                shipped: ("★", "・"),
                _NIGHT: ("・", "★", "★★"),
            }
        )


@pytest.fixture
def voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Voices:
    """A home with the shipped adapter and a night's, which is in production."""
    manifest = json.loads((SHIPPED_CARD / "adapter" / "manifest.json").read_text(encoding="utf-8"))
    found = _Voices(str(manifest["id"]))
    monkeypatch.setattr(NightModels, "engine", lambda _: found.engine)
    monkeypatch.setattr(NightModels, "evaluator", _evaluator)
    # A figure of two hundred redrawn sets takes seconds; here a few do.
    monkeypatch.setattr(persona_arena, "arena_figures", partial(arena_figures, draws=4))
    monkeypatch.setattr(persona_arena, "build_index", lambda _: FakeFacts())
    monkeypatch.setattr(
        persona_arena, "served_base", lambda _: ServedBase(sha256="ab" * 32, shapes={})
    )
    settings = load_settings(tmp_path)
    database = open_database(settings.database_url)
    publish_shipped_adapter(database, load_card(SHIPPED_CARD), settings.adapters_folder)
    now = utc_now()
    with database.session() as session:
        adapter(session, _NIGHT, now)
        deploy(session, _NIGHT, who="night", why="passed", now=now)
    return found


def _evaluator(_: NightModels, kind: str) -> Evaluator:
    return LikesStars(id=f"{kind}-1")


def _run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["persona", "arena", "--home", str(home), *words])


def test_two_judges_rate_three_versions_over_the_shipped_situations(
    tmp_path: Path, voices: _Voices
) -> None:
    words = ("--json", "--deviation", "65", "--judge", "information")
    done = _run(tmp_path, *words, "--judge", "embedded")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [one["label"] for one in told["versions"]] == ["base", "sft", "active"]
    assert told["versions"][2]["adapter"] == _NIGHT
    assert len(told["situations"]) >= 24
    gate, taught = told["judges"]
    for one in (gate, taught):
        assert one["settled"]
        assert all(rating["deviation"] <= 65 for rating in one["ratings"].values())
    assert gate["ratings"]["active"]["rating"] > gate["ratings"]["base"]["rating"]
    assert "is the night's gate" in gate["warnings"][0]
    assert "praises what it taught" in taught["warnings"][0]
    folder = tmp_path / "exports" / "arena"
    assert {one.name for one in folder.iterdir()} == {"arena.json", "arena.md", "arena.png"}
    asked = len(voices.engine.requests)
    again = _run(tmp_path, *words)
    assert json.loads(again.stdout)["judges"] == [gate]
    assert len(voices.engine.requests) == asked, "nothing is said twice"


def test_a_file_of_ones_own_and_facts_of_the_card(tmp_path: Path, voices: _Voices) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[situation]]\nname = "violin"\nsays = "バイオリンの話をして。"\n'
        '[[situation]]\nname = "bare"\nsays = "バイオリンはどう？"\nfacts = []\n',
        encoding="utf-8",
    )
    done = _run(
        tmp_path,
        "--situations",
        str(own),
        "--rounds",
        "1",
        "--version",
        "base",
        "--version",
        "newest",
    )
    assert done.exit_code == 0, done.output
    assert "2 situations from own.toml" in done.stdout
    assert "After 1 rounds some deviation is still above 50" in done.stdout
    prompts = {one.messages[-1].content for one in voices.engine.requests}
    assert "バイオリンはどう？" in prompts
    (with_facts,) = prompts - {"バイオリンはどう？"}
    known = load_card(SHIPPED_CARD).facts
    assert any(fact in with_facts and "バイオリン" in fact for fact in known)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--version", "base"), "two or more different"),
        (("--version", "sft", "--version", "sft"), "two or more different"),
        (("--version", "active", "--version", "newest"), "two or more different"),
        (("--version", "base", "--version", "gone"), "'gone'; expected base, sft, active, newest"),
        (("--judge", "judge"), "night.judge_url or night.judge_model is empty"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    tmp_path: Path, voices: _Voices, words: Sequence[str], said: str
) -> None:
    done = _run(tmp_path, *words)
    assert done.exit_code == 1
    message = str(done.exception) if done.exception and not done.output else done.output
    assert said in (message + str(done.exception))
    assert not voices.engine.requests


def test_a_version_that_may_not_speak_is_refused(tmp_path: Path, voices: _Voices) -> None:
    with open_database(load_settings(tmp_path).database_url).session() as session:
        taint(session, [_NIGHT], "it learnt from somebody who was erased", utc_now())
    done = _run(tmp_path, "--version", "base", "--version", _NIGHT)
    assert "may not speak" in str(done.exception)
    newest = _run(tmp_path, "--version", "base", "--version", "newest", "--rounds", "1", "--json")
    assert json.loads(newest.stdout)["versions"][1]["adapter"] != _NIGHT
