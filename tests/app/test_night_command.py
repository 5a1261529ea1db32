"""`yogeiko night report` and `status`, over a store."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.commands.night import command
from store.database import open_database
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
        "personal_data": 1,
    }


def test_status_tells_every_night(home: Path) -> None:
    done = CliRunner().invoke(command, ["status", "--home", str(home)])
    assert done.stdout.startswith(f"{DATE}  見送り (refused)  The old adapter stays")
    told = json.loads(CliRunner().invoke(command, ["status", "--json", "--home", str(home)]).stdout)
    assert [(one["date"], one["status"]) for one in told] == [(DATE, "refused")]
    assert told[0]["steps"][0] == {"step": "collect", "done": 24, "total": 24, "finished": True}


def test_before_the_first_night(tmp_path: Path) -> None:
    told = CliRunner().invoke(command, ["status", "--home", str(tmp_path / "empty")])
    assert (told.exit_code, "no night yet" in told.stdout) == (0, True)
    refused = CliRunner().invoke(command, ["report", "--home", str(tmp_path / "empty")])
    assert refused.exit_code == 1
    assert "yogeiko night run" in refused.output
