"""Opening, pragmas, migrations, transactions."""

import multiprocessing
import sqlite3
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.adapters import active_adapter, load_adapter
from store.database import SQLITE_PRAGMAS, Database, alembic_config, open_database
from store.errors import DatabaseError
from store.learning import list_learnable
from store.night_counts import count_night
from store.nights import load_night
from store.pairs import save_pairs
from store.schema import METADATA
from store.scores import append_score, load_scores
from store.turns import list_turns
from store.visitors import Owner, ensure_visitor, list_visitors, new_id
from tests.store.databases import fresh_url
from tests.store.rehearsal import claim, pair, verdict


def _differences(session: Session) -> list[object]:
    """Compare all but how words are found: SQLite's full-text tables, PostgreSQL's index."""
    connection = session.connection()

    def is_compared(_: object, name: str | None, *__: object) -> bool:
        search = ("reply_search", "ix_reply_words_words")
        return connection.dialect.name != "sqlite" or not (name or "").startswith(search)

    context = MigrationContext.configure(connection, opts={"include_object": is_compared})
    return list(compare_metadata(context, METADATA))


def test_migrated_schema_equals_the_tables(database: Database) -> None:
    with database.session() as session:
        assert _differences(session) == []


def test_opening_again_keeps_the_data(url: str, now: datetime) -> None:
    first = open_database(url)
    with first.session() as session:
        ensure_visitor(session, "a" * 32, now=now)
    first.close()
    second = open_database(url)
    with second.reading() as session:
        assert [visitor.id for visitor in list_visitors(session)] == ["a" * 32]
        assert list_visitors(session)[0].created_at == now
    second.close()


def _make_first_version(url: str) -> None:
    """Make a database as the first release did, with a word in every table that has one."""
    database = open_database(url)
    with database.session() as session:
        # What the migration added is all of the night: nothing of it may be there.
        command.downgrade(alembic_config(session.connection()), "0001")
    with database.session() as session:
        for statement in _FIRST_VERSION_ROWS:
            session.execute(text(statement))
    database.close()


_AT = "'2026-09-01 00:00:00+00:00'"
_FIRST_VERSION_ROWS = (
    f"INSERT INTO visitors VALUES ('{'a' * 32}', true, {_AT}, {_AT})",
    f"INSERT INTO conversations VALUES ('c', '{'a' * 32}', 'ayane', '題', '題', 'v1', "
    f"{_AT}, {_AT}, {_AT}, NULL)",
    f"INSERT INTO turns VALUES ('t', 'c', 0, '問い', '問い', true, false, 0, {_AT}, NULL)",
    "INSERT INTO replies VALUES ('r', 't', 0, '答え', '答え', 'done', 'live', NULL, 'v1', '[]', "
    f"7, '{{}}', '{{}}', false, {_AT}, {_AT})",
    "INSERT INTO adapters VALUES "
    f"('v1', NULL, 'sft', 'embedded', '{'ab' * 32}', '/v1', '{{}}', {_AT})",
    f"INSERT INTO deployments (adapter_id, at, who, why) VALUES ('v1', {_AT}, 'x', 'y')",
)


def test_a_database_of_the_first_version_opens_with_its_data(url: str, now: datetime) -> None:
    _make_first_version(url)
    plain = create_engine(make_url(url).set(drivername=_driver(url)))
    with plain.connect() as connection:
        assert connection.execute(text("SELECT * FROM alembic_version")).scalar_one() == "0001"
        names = inspect(connection).get_table_names()
        assert "nights" not in names
        columns = {one["name"] for one in inspect(connection).get_columns("adapters")}
        assert "tainted_at" not in columns
    plain.dispose()
    database = open_database(url)
    with database.session() as session:
        (learnable,) = list_learnable(session, now=now, retention=timedelta(days=90))
        assert (learnable.user_text, learnable.shown.text) == ("問い", "答え")
        assert active_adapter(session) == "v1"
        assert load_adapter(session, "v1").tainted_at is None
        owner = Owner(visitor_id="a" * 32)
        (turn,) = list_turns(session, owner, "c")
        save_pairs(session, claim(session, now), [pair(owner, turn, "r", "x")], now=now)
        assert append_score(session, verdict("r"), now=now)
        assert _differences(session) == []
    database.close()


_SECOND_VERSION_ROWS = (
    f"INSERT INTO nights (date, status, fencing_token, started_at, settings, adapter_id, report) "
    f"VALUES ('2026-09-01', 'published', 1, {_AT}, '{{}}', 'v1', '{{}}')",
    f"INSERT INTO nights (date, status, fencing_token, started_at, settings) "
    f"VALUES ('2026-09-02', 'stopped', 1, {_AT}, '{{}}')",
    "INSERT INTO pair_drops (night_date, turn_id, reason, detail) "
    "VALUES ('2026-09-01', 't', 'margin', '')",
    "INSERT INTO pairs (id, night_date, visitor_id, turn_id, turns, facts, chosen_id, chosen, "
    "rejected_id, rejected, source, disagreement, status, created_at) VALUES ('p', '2026-09-01', "
    f"'{'a' * 32}', 't', '[]', '[]', 'r', '', 'x', '', 'score', 0, 'proposed', {_AT})",
    "INSERT INTO adapter_pairs VALUES ('v1', 'p')",
    *(
        f"INSERT INTO night_steps (night_date, step, position, started_at, finished_at, done, "
        f"detail) VALUES ('{date}', '{step}', 1, {_AT}, {_AT}, 0, '{{}}')"
        for date, step in (
            ("2026-09-01", "score"),
            ("2026-09-01", "pair"),
            ("2026-09-02", "collect"),
            ("2026-09-02", "score"),
        )
    ),
    "INSERT INTO scores (subject_id, reply_id, evaluator, at, agency, attentiveness, consistency, "
    "ease, empathetic, emotion, enjoyability, humanness, personality, respeak, topic, trust, "
    f"spread, reward) VALUES ('r', 'r', 'e', {_AT}, {', '.join('1' * 12)}, '{{}}', "
    "'{\"total\": 1}')",
)


def test_a_database_of_the_second_version_keeps_its_nights(url: str, now: datetime) -> None:
    _make_first_version(url)
    database = open_database(url)
    with database.session() as session:
        command.downgrade(alembic_config(session.connection()), "0002")
        for statement in _SECOND_VERSION_ROWS:
            session.connection().exec_driver_sql(statement)
    database.close()
    database = open_database(url)
    with database.session() as session:
        counts = count_night(session, "2026-09-01")
        assert (counts.turns, counts.visitors, counts.paired_turns) == (1, 1, 1)
        assert (counts.trained_pairs, counts.linked_pairs) == (1, 1)
        assert set(load_scores(session, ["r"], "e")) == {"r"}
        over, open_ = (load_night(session, date) for date in ("2026-09-01", "2026-09-02"))
        assert over is not None
        assert open_ is not None
        assert all(step.finished_at is not None for step in over.steps)
        done = {step.step: step.finished_at is not None for step in open_.steps}
        assert done == {"collect": True, "score": False}, "its rewards have to be made again"
    database.close()


def _driver(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"


def _open_and_add(url: str, barrier: multiprocessing.Barrier) -> None:  # type: ignore[valid-type]
    barrier.wait()
    database = open_database(url)
    with database.session() as session:
        session.execute(
            text(
                "INSERT INTO erasures (visitor_sha256, erased_at) VALUES (:id, '2026-01-01 00:00:00')"
            ),
            {"id": new_id()},
        )
    database.close()


def test_processes_that_open_a_new_database_at_once_all_succeed(url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(4)
    processes = [spawn.Process(target=_open_and_add, args=(url, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    database = open_database(url)
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM erasures")).scalar_one() == 4
    database.close()


def test_a_newer_database_is_refused_with_a_sentence(url: str) -> None:
    database = open_database(url)
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseError, match=r"version 9999.*install the newer yogeiko"):
        open_database(url)


def test_every_sqlite_connection_has_the_pragmas(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url:
        database = open_database(url)
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
    }
    assert expected.keys() == SQLITE_PRAGMAS.keys()
    with database.reading() as one, database.reading() as two, database.session() as three:
        for session in (one, two, three):
            found = {name: session.execute(text(f"PRAGMA {name}")).scalar() for name in expected}
            assert found == expected
    database.close()


def test_only_the_owner_may_read_the_sqlite_file(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'home' / 'yogeiko.db'}")
    for file in (tmp_path / "home").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    database.close()


def test_an_exception_rolls_the_whole_transaction_back(database: Database, now: datetime) -> None:
    def fail_after_a_write() -> None:
        with database.session() as session:
            ensure_visitor(session, "b" * 32, now=now)
            raise KeyError

    with pytest.raises(KeyError):
        fail_after_a_write()
    with database.reading() as session:
        assert list_visitors(session) == []


def test_foreign_keys_are_enforced(database: Database, now: datetime) -> None:
    with pytest.raises(IntegrityError), database.session() as session:
        session.execute(
            text(
                "INSERT INTO deployments (adapter_id, at, who, why) "
                "VALUES ('none', '2026-01-01 00:00:00', 'x', 'y')"
            )
        )


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="expected an aware datetime"), database.session() as one:
        ensure_visitor(one, "c" * 32, now=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root@localhost/x", "expected sqlite or postgresql"),
        ("no address", "not an address"),
        ("sqlite://", "has no file"),
        ("sqlite:////proc/nowhere/y.db", "cannot be opened"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "cannot be opened"),
    ],
)
def test_bad_addresses_are_one_sentence_without_password(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words) as caught:
        open_database(url)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_file_is_not_taken_for_a_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("This is not a database, it is a diary of some length." * 20)
    with pytest.raises(DatabaseError, match="not a database"):
        open_database(f"sqlite:///{path}")
    assert path.read_text().startswith("This is not")


def test_a_reader_does_not_wait_for_a_writer(database: Database, now: datetime) -> None:
    with database.session() as writing:
        ensure_visitor(writing, "d" * 32, now=now)
        with database.reading() as reading:
            assert list_visitors(reading) == []


def test_integrity_is_ok_after_scrub(tmp_path: Path, now: datetime) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'y.db'}")
    with database.session() as session:
        ensure_visitor(session, "e" * 32, now=now)
    database.scrub()
    assert (tmp_path / "y.db-wal").stat().st_size == 0
    database.close()
    with sqlite3.connect(tmp_path / "y.db") as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
