"""`yogeiko night run`: what it says and how it exits; the night itself is tested in tests/rlaif."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands import night_run
from rlaif.expected import ExpectedTraining
from rlaif.night import Rehearsal
from rlaif.night_ledger import NightOrder, NightOutcome, record_night
from rlaif.pairs import Pairing
from rlaif.preference import Drop, Preference
from store.database import open_database
from store.nights import load_night

OUTCOMES = [
    (NightOutcome(status="published", decision="All gates passed.", adapter="a"), 0),
    (NightOutcome(status="refused", decision="2 of 20 gates failed"), 0),
    (NightOutcome(status="skipped", decision="too few pairs"), 0),
    (NightOutcome(status=None, decision="night is over"), 0),
    (NightOutcome(status="failed", decision="RuntimeError: disk full"), 1),
]


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night_run, "night_parts", lambda *_, **__: None)
    monkeypatch.setattr(night_run, "write_morning_report", lambda *_: None)
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


@pytest.mark.parametrize(
    ("measured", "words"), [(2, "measured in 2 earlier nights"), (0, "no night trained yet")]
)
def test_a_dry_run_shows_pairs_drops_and_minutes(
    measured: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Preference(
        turn_id="t1", visitor_id="v", turns=(), facts=(), chosen_id="c", chosen="はい。",
        rejected_id="r", rejected="いいえ。", source="score", margin=1.0, disagreement=0.0,
    )  # fmt: skip
    pairing = Pairing(pairs=(pair,), drops=(Drop(turn_id="t2", reason="margin"),), conflicts=())
    training = ExpectedTraining(
        pairs=90, replay_pairs=30, seconds_per_pair=1.5, measured_nights=measured, enough=True
    )
    found = Rehearsal(pairing=pairing, training=training)
    monkeypatch.setattr(night_run, "rehearse", lambda *_: found)

    plain = _run(tmp_path, "--dry-run")
    told = json.loads(_run(tmp_path, "--dry-run", "--json").stdout)

    assert "1 pairs" in plain.stdout
    assert "margin" in plain.stdout
    # 120 pairs at 1.5 s are 180 s.
    assert "about 3 minutes for 90 pairs" in plain.stdout
    assert words in plain.stdout
    assert told["training"]["minutes"] == 3.0
    assert told["training"]["measured_nights"] == measured
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


def test_a_dry_run_is_of_the_next_night_when_todays_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 9, 25, 3, tzinfo=UTC)
    ended = NightOutcome(status="skipped", decision="nobody has talked")
    orders: list[NightOrder] = []
    monkeypatch.setattr(night_run, "utc_now", lambda: noon)
    monkeypatch.setattr(night_run, "rehearse", lambda *told: orders.append(told[2]) or ended)

    _run(tmp_path, "--dry-run")
    database = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    record_night(database, NightOrder(date="2026-09-25", owner="test"), ended, noon)
    _run(tmp_path, "--dry-run")
    _run(tmp_path, "--dry-run", "--date", "2026-09-25")

    assert [order.date for order in orders] == ["2026-09-25", "2026-09-26", "2026-09-25"]


def test_what_keeps_the_night_from_beginning_is_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_card(*_: object, **__: object) -> None:
        raise OSError("card.json is gone")

    monkeypatch.undo()
    monkeypatch.setattr(night_run, "_Stop", lambda: lambda: False)
    monkeypatch.setattr(night_run, "night_parts", no_card)

    result = _run(tmp_path, "--date", "2026-09-25")

    assert result.exit_code == 1
    assert "failed: OSError: card.json is gone" in result.stdout
    with open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}").reading() as session:
        night = load_night(session, "2026-09-25")
    assert night is not None
    assert night.status == "failed"
    assert (tmp_path / "nights" / "2026-09-25" / "report.md").is_file()
