"""Visitors appear with their first action, however many requests bring it."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from store.database import Database
from store.visitors import Owner, ensure_visitor, list_visitors, load_visitor, set_consent


def test_first_actions_at_the_same_moment_make_one_visitor(
    database: Database, now: datetime
) -> None:
    barrier = threading.Barrier(8)
    faults: list[Exception] = []

    def act() -> None:
        barrier.wait()
        try:
            with database.session() as session:
                ensure_visitor(session, "a" * 32, now=now)
        except SQLAlchemyError as error:
            faults.append(error)

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with database.reading() as session:
        assert len(list_visitors(session)) == 1


def test_consent_remembers_when_it_changed(database: Database, now: datetime) -> None:
    owner = Owner(visitor_id="b" * 32)
    later = now + timedelta(hours=1)
    with database.session() as session:
        assert load_visitor(session, owner.visitor_id) is None
        assert set_consent(session, owner, allow=True, now=now).consent_at == now
        assert set_consent(session, owner, allow=True, now=later).consent_at == now
        assert set_consent(session, owner, allow=False, now=later).consent_at == later


def test_errors_of_the_database_do_not_quote_what_was_said(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as caught, database.session() as session:
        session.execute(text("SELECT :said FROM nowhere"), {"said": "ひみつの話"})
    assert "ひみつの話" not in str(caught.value)
