"""The calendar's counts equal the rows of made-up nights."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from store.database import Database
from store.night_days import NightSpan, list_night_days, night_span
from store.nights import claim_night, hold_for_rehearsal, hold_night, load_night
from tests.rlaif.made_up_night import ADAPTER, make_night

LEASE = timedelta(minutes=30)


def _count(database: Database, what: str, date: str) -> int:
    with database.reading() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {what}"), {"date": date}) or 0)


def test_counts_of_each_night_equal_sql(database: Database, tmp_path: Path, now: datetime) -> None:
    with database.session() as session:
        talked = make_night(session, tmp_path / "a", now, "refused", date="2026-09-24")
        make_night(session, tmp_path / "b", now, "skipped", date="2026-10-01", talked=talked)
    with database.reading() as session:
        refused, skipped = list_night_days(session, "2026-09-01", "2026-10-01")
        assert list_night_days(session, "2026-09-25", "2026-09-30") == []
        assert night_span(session) == NightSpan(first="2026-09-24", last="2026-10-01")
    assert (refused.status, refused.adapter, skipped.status) == ("refused", None, "skipped")
    for told in (refused, skipped):
        where = "WHERE night_date = :date"
        assert told.turns == _count(database, f"night_turns {where}", told.date) == 24
        assert told.pairs == _count(database, f"pairs {where}", told.date)
        assert told.trained == _count(database, f"night_training {where}", told.date)
        assert told.gates == _count(database, f"gate_results {where}", told.date)
        failed = _count(database, f"gate_results {where} AND NOT passed", told.date)
        assert told.failed_gates == failed
    assert (refused.pairs, refused.trained, refused.failed_gates) == (8, 8, 2)
    # Its turns had given the same pairs before: they stay the earlier night's.
    assert (skipped.trained, skipped.gates) == (0, 0)


def test_a_published_night_names_its_adapter(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    with database.session() as session:
        make_night(session, tmp_path, now, "published")
    with database.reading() as session:
        (told,) = list_night_days(session, "2026-09-24", "2026-09-24")
    assert (told.adapter, told.failed_gates) == (ADAPTER, 0)


def test_a_date_that_was_only_rehearsed_is_no_night(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert hold_for_rehearsal(session, "2026-09-24", owner="dry", lease=LEASE, now=now)
    with database.reading() as session:
        assert list_night_days(session, "2026-09-01", "2026-09-30") == []
        assert night_span(session) is None


def test_a_held_night_is_held_until_somebody_claims_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        assert not hold_night(session, "2026-09-24", now)
        claim_night(session, "2026-09-24", owner="one", lease=LEASE, now=now, settings={})
        assert hold_night(session, "2026-09-24", now)
    with database.reading() as session:
        night = load_night(session, "2026-09-24")
        assert night is not None
        assert night.held_at == now
    later = now + 2 * LEASE
    with database.session() as session:
        claim_night(session, "2026-09-24", owner="two", lease=LEASE, now=later, settings={})
    with database.reading() as session:
        night = load_night(session, "2026-09-24")
        assert night is not None
        assert night.held_at is None
