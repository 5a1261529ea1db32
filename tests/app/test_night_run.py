"""`yogeiko night run`: what it says and how it exits; the night itself is tested in tests/rlaif."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands import night_run
from rlaif.night import NightOutcome
from rlaif.pairs import Pairing
from rlaif.preference import Drop, Preference
from store.database import open_database

OUTCOMES = [
    (NightOutcome(status="published", decision="All gates passed.", adapter="a"), 0),
    (NightOutcome(status="refused", decision="2 of 20 gates failed"), 0),
    (NightOutcome(status="skipped", decision="too few pairs"), 0),
    (NightOutcome(status=None, decision="night is over"), 0),
    (NightOutcome(status="failed", decision="RuntimeError: disk full"), 1),
]


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night_run, "_prepare", lambda _settings: None)
    monkeypatch.setattr(night_run, "night_parts", lambda *_, **__: None)
    monkeypatch.setattr(night_run, "_write_report", lambda *_: None)
    # A test process keeps its own signal handlers.
    monkeypatch.setattr(night_run, "_Stop", lambda: lambda: False)


def _run(home: Path, *arguments: str) -> Result:
    open_database(f"sqlite:///{home / 'yogeiko.db'}").close()
    return CliRunner().invoke(night_run.run, ["--home", str(home), *arguments])


@pytest.mark.parametrize(("outcome", "code"), OUTCOMES)
def test_it_tells_how_the_night_ended(
    outcome: NightOutcome, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(night_run, "run_night", lambda *_: outcome)

    plain = _run(tmp_path, "--date", "2026-09-25")
    as_json = _run(tmp_path, "--date", "2026-09-25", "--json")

    assert plain.exit_code == as_json.exit_code == code
    assert outcome.decision in plain.stdout
    told = json.loads(as_json.stdout)
    assert (told["date"], told["status"]) == ("2026-09-25", outcome.status)


def test_a_dry_run_shows_pairs_and_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Preference(
        turn_id="t1", visitor_id="v", turns=(), facts=(), chosen_id="c", chosen="はい。",
        rejected_id="r", rejected="いいえ。", source="score", margin=1.0, disagreement=0.0,
    )  # fmt: skip
    found = Pairing(pairs=(pair,), drops=(Drop(turn_id="t2", reason="margin"),), conflicts=())
    monkeypatch.setattr(night_run, "rehearse", lambda *_: found)

    plain = _run(tmp_path, "--dry-run")
    told = json.loads(_run(tmp_path, "--dry-run", "--json").stdout)

    assert "1 pairs" in plain.stdout
    assert "margin" in plain.stdout
    assert [one["turn"] for one in told["pairs"]] == ["t1"]
    assert told["drops"] == {"margin": 1}
    assert "はい。" not in json.dumps(told, ensure_ascii=False), (
        "a dry run prints no visitor's words"
    )


def test_a_dry_run_that_has_nothing_to_pair_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = NightOutcome(status="skipped", decision="nobody has talked")
    monkeypatch.setattr(night_run, "rehearse", lambda *_: ended)

    result = _run(tmp_path, "--dry-run")

    assert result.exit_code == 0
    assert "nobody has talked" in result.stdout
