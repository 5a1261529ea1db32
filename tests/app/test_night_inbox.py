"""Pairs and conflicts that wait for an operator are decided from the command line, on the record."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from app.commands.night import command
from store.database import Database, open_database
from store.night_records import StoredPair
from store.pair_queue import list_conflicts
from store.pairs import list_pairs
from store.reviews import flagged_contradictions, list_reviews
from store.tables import AuditRow, ReplyRow
from tests.rlaif.made_up_night import DATE, make_night

NOW = datetime(2026, 9, 23, 18, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    database = _database(tmp_path)
    with database.session() as session:
        make_night(session, tmp_path / "nights" / DATE, NOW, "waiting")
    database.close()
    return tmp_path


def _database(home: Path) -> Database:
    return open_database(f"sqlite:///{home / 'yogeiko.db'}")


def _run(home: Path, *words: str) -> dict[str, list[dict[str, object]]]:
    done = CliRunner().invoke(command, [*words, "--json", "--home", str(home)])
    assert done.exit_code == 0, done.output
    found: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return found


def _by_status(home: Path) -> dict[str, list[StoredPair]]:
    with _database(home).reading() as session:
        pairs = list_pairs(session, DATE)
    found: dict[str, list[StoredPair]] = {}
    for one in pairs:
        found.setdefault(one.status, []).append(one)
    return found


def test_every_pair_is_decided_and_each_decision_is_on_record(home: Path) -> None:
    before = {status: len(pairs) for status, pairs in _by_status(home).items()}
    waiting = _run(home, "pairs")["pairs"]
    assert len(waiting) == before["proposed"] > 3
    assert [one["disagreement"] for one in waiting] == sorted(
        (one["disagreement"] for one in waiting), reverse=True
    )
    flip, veto = str(waiting[0]["id"]), str(waiting[1]["id"])

    left = _run(home, "pairs", "--flip", flip, "--veto", veto)["pairs"]
    assert len(left) == len(waiting) - 2
    assert _run(home, "pairs", "--date", DATE, "--approve-all")["pairs"] == []

    after = {status: len(pairs) for status, pairs in _by_status(home).items()}
    gained = {status: count - before.get(status, 0) for status, count in after.items()}
    assert gained == {"flipped": 1, "vetoed": 1, "approved": len(waiting) - 2}
    with _database(home).reading() as session:
        wanted = select(AuditRow.actor).where(AuditRow.action == "pair.decide")
        actors = list(session.scalars(wanted))
    assert actors.count("command line") == len(waiting)


def test_a_pair_that_is_gone_is_told(home: Path) -> None:
    done = CliRunner().invoke(command, ["pairs", "--veto", "nobody", "--home", str(home)])
    assert done.exit_code != 0
    assert "no pair has the id nobody" in str(done.exception)
    assert "vetoed" not in _by_status(home), "half a decision was kept"


def test_a_conflict_is_settled_for_one_side(home: Path) -> None:
    waiting = _run(home, "conflicts")["conflicts"]
    assert waiting
    assert all(one["reply"] for one in waiting)
    left = _run(home, "conflicts", "--visitor", str(waiting[0]["id"]))["conflicts"]
    assert len(left) == len(waiting) - 1
    with _database(home).reading() as session:
        settled = [one for one in list_conflicts(session) if one.resolution is not None]
    assert [one.resolution for one in settled] == ["visitor"]


def test_a_reply_is_rated_corrected_and_contradicted(home: Path) -> None:
    with _database(home).reading() as session:
        reply, text = session.execute(select(ReplyRow.id, ReplyRow.text)).first() or ("", "")
    words = ["--rate", "trust", "2", "--rate", "ease", "7.5", "--edit", "まあ。", "--wrong", text]
    done = CliRunner().invoke(command, ["review", reply, *words, "--home", str(home)])
    assert done.exit_code == 0, done.output
    with _database(home).reading() as session:
        found = list_reviews(session, reply_id=reply)
        assert flagged_contradictions(session) == {reply: (text,)}
    assert [(one.kind, one.metric, one.value) for one in found] == [
        ("metric", "trust", 2.0),
        ("metric", "ease", 7.5),
        ("edit", None, None),
        ("contradiction", None, None),
    ]
    silent = CliRunner().invoke(command, ["review", reply, "--home", str(home)])
    assert silent.exit_code == 2
    assert "--rate, --edit or --wrong" in silent.output
