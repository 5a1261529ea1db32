"""`yogeiko night report`, `show` and `status`, over a store."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from app.commands.night import command
from rlaif.metrics import METRIC_KEYS
from store.database import open_database
from store.night_tables import ScoreFailureRow
from tests.rlaif.made_up_night import DATE, make_night

NOW = datetime(2026, 9, 23, 18, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    database = open_database(f"sqlite:///{place / 'yogeiko.db'}")
    with database.session() as session:
        make_night(session, place / "nights" / DATE, NOW, "refused")
    database.close()
    return place


def test_report_prints_and_writes(home: Path) -> None:
    done = CliRunner().invoke(command, ["report", "--home", str(home)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"# 夜稽古の朝刊 {DATE} — 見送り")
    written = {path.name for path in (home / "nights" / DATE).glob("report.*")}
    assert written == {"report.json", "report.md", "report.html"}


def test_report_as_json_equals_its_file(home: Path) -> None:
    done = CliRunner().invoke(command, ["report", "--date", DATE, "--json", "--home", str(home)])
    written = json.loads((home / "nights" / DATE / "report.json").read_text())
    assert json.loads(done.stdout) == written
    assert written["counts"]["drops"] == {
        "margin": 7,
        "below_bar": 4,
        "duplicate": 2,
        "conflict": 1,
        "personal_data": 1,
        "unscored": 1,
    }


def test_status_tells_every_night(home: Path) -> None:
    done = CliRunner().invoke(command, ["status", "--home", str(home)])
    assert done.stdout.startswith(f"{DATE}  見送り (refused)  The old adapter stays")
    told = json.loads(CliRunner().invoke(command, ["status", "--json", "--home", str(home)]).stdout)
    assert [(one["date"], one["status"]) for one in told] == [(DATE, "refused")]
    assert told[0]["steps"][0] == {"step": "collect", "done": 24, "total": 24, "finished": True}


def test_show_prints_every_part(home: Path) -> None:
    reported = CliRunner().invoke(command, ["report", "--json", "--home", str(home)])
    pair = json.loads(reported.stdout)["reward_pairs"][0]
    for side in ("chosen", "rejected"):
        arguments = ["show", pair[f"{side}_id"], "--home", str(home)]
        told = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout)
        (verdict,) = told["verdicts"]
        assert verdict["night"] == DATE
        assert verdict["reward"] == pair[side]
        assert verdict["reasons"] == ["会話を受けとめている"]
        assert set(verdict["reward"]["metrics"]) == set(METRIC_KEYS)
        parts = verdict["reward"]["metrics"].values()
        points = [guard["points"] for guard in verdict["reward"]["guards"].values()]
        for part in parts:
            assert part["part"] == part["weight"] * part["trust"] * part["value"]
        assert verdict["reward"]["total"] == pytest.approx(
            sum(part["part"] for part in parts) - sum(points)
        )
        text = CliRunner().invoke(command, arguments).stdout
        assert f"{verdict['reward']['total']:+8.3f}" in text
        assert "reason: 会話を受けとめている" in text
        assert all(key in text for key in (*METRIC_KEYS, "dullness", "length", "3f9a1c02d7e4"))


def test_show_says_why_something_has_no_score(home: Path) -> None:
    database = open_database(f"sqlite:///{home / 'yogeiko.db'}")
    with database.reading() as session:
        reply = session.scalars(select(ScoreFailureRow.subject_id)).first()
    database.close()
    assert reply is not None
    done = CliRunner().invoke(command, ["show", reply, "--home", str(home)])
    assert "not scored: 文が長すぎる" in done.stdout
    nothing = CliRunner().invoke(command, ["show", "nobody", "--home", str(home)])
    assert nothing.exit_code == 1
    assert "no reply and no candidate has the id 'nobody'" in nothing.output


def test_before_the_first_night(tmp_path: Path) -> None:
    told = CliRunner().invoke(command, ["status", "--home", str(tmp_path / "empty")])
    assert (told.exit_code, "no night yet" in told.stdout) == (0, True)
    refused = CliRunner().invoke(command, ["report", "--home", str(tmp_path / "empty")])
    assert refused.exit_code == 1
    assert "yogeiko night run" in refused.output
