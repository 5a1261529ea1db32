"""Operators: only one who is let in counts."""

from datetime import datetime, timedelta

import pytest

from store.database import Database
from store.errors import NotFoundError
from store.operators import add_operator, disable_operator, has_operator
from store.tables import OperatorRow


def test_an_operator_can_be_added_locked_out_and_let_in_again(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        assert not has_operator(session)
        add_operator(session, "hanako", "$argon2id$first", now=now)
        assert has_operator(session)
    later = now + timedelta(days=1)
    with database.session() as session:
        disable_operator(session, "hanako", now=later)
        assert not has_operator(session)
    with database.reading() as session:
        row = session.get(OperatorRow, "hanako")
        assert row is not None
        assert (row.created_at, row.disabled_at) == (now, later)
    with database.session() as session:
        add_operator(session, "hanako", "$argon2id$second", now=later)
        assert has_operator(session)
        row = session.get(OperatorRow, "hanako")
        assert row is not None
        assert (row.password_hash, row.created_at, row.disabled_at) == (
            "$argon2id$second",
            now,
            None,
        )


def test_one_disabled_operator_does_not_lock_the_others_out(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        add_operator(session, "hanako", "$argon2id$a", now=now)
        add_operator(session, "taro", "$argon2id$b", now=now)
        disable_operator(session, "hanako", now=now)
        assert has_operator(session)


def test_an_operator_without_a_password_is_none(database: Database, now: datetime) -> None:
    with database.session() as session:
        add_operator(session, "hanako", "", now=now)
        assert not has_operator(session)


def test_nobody_unknown_is_disabled(database: Database, now: datetime) -> None:
    with (
        database.session() as session,
        pytest.raises(NotFoundError, match="no operator is called nobody; expected one that was"),
    ):
        disable_operator(session, "nobody", now=now)
