"""Views belong to one operator."""

from datetime import datetime

import pytest

from store import saved_views
from store.audit import list_audit
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.operators import add_operator
from store.saved_views import delete_view, list_views, save_view


@pytest.fixture
def operators(database: Database, now: datetime) -> Database:
    with database.session() as session:
        for name in ("one", "two"):
            add_operator(session, name, "hash", now=now)
    return database


def test_a_view_is_its_operators_own(operators: Database, now: datetime) -> None:
    query = {"text": "ひみつ"}
    with operators.session() as session:
        mine = save_view(session, "one", "低い信頼", screen="replies", query=query, now=now)
        save_view(session, "two", "低い信頼", screen="replies", query={}, now=now)
        save_view(session, "one", "別の画面", screen="queue", query={}, now=now)
        with pytest.raises(NotFoundError):
            delete_view(session, "two", mine.id, now=now)
    with operators.reading() as session:
        assert [one.query for one in list_views(session, "one", "replies")] == [query]
        assert [one.screen for one in list_views(session, "one")] == ["queue", "replies"]
    with operators.session() as session:
        delete_view(session, "one", mine.id, now=now)
        assert list_views(session, "one", "replies") == []
        assert len(list_views(session, "two", "replies")) == 1
        deeds = list_audit(session)
    assert [one.action for one in deeds] == ["view.delete", *["view.save"] * 3]
    assert "ひみつ" not in str([one.detail for one in deeds])


def test_saving_under_a_known_name_replaces(
    operators: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 1)
    with operators.session() as session:
        first = save_view(session, "one", "名", screen="replies", query={"a": 1}, now=now)
        again = save_view(session, "one", "名", screen="replies", query={"a": 2}, now=now)
        assert (again.id, again.query) == (first.id, {"a": 2})
        with pytest.raises(ConflictError, match="1 views"):
            save_view(session, "one", "他", screen="replies", query={}, now=now)
