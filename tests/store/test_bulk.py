"""A bulk action writes a review each and its undo takes back exactly what still stands."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from store import bulk
from store.bulk import BulkDeed, apply_bulk, list_bulk, load_bulk, open_bulk, undo_bulk
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.learning import list_learnable
from store.night_records import NewReview
from store.reviews import append_review, list_reviews, restore_review, retract_review
from store.tables import AuditRow
from tests.store.rehearsal import talk

RETENTION = timedelta(days=90)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_BATCH", 2)


def _talks(database: Database, now: datetime, count: int) -> list[str]:
    with database.session() as session:
        _, turns = talk(session, now, *[(f"問い{n}", f"答え{n}") for n in range(count)])
        return [turn.replies[0].id for turn in turns]


def _open(database: Database, now: datetime, action: BulkDeed) -> str:
    with database.session() as session:
        return open_bulk(session, action, operator="op", filter_json={}, now=now).id


def _learnt(database: Database, now: datetime) -> int:
    with database.session() as session:
        at = now + timedelta(hours=1)
        return len(list_learnable(session, now=at, retention=RETENTION))


def test_every_reply_gets_a_review_that_names_the_action(database: Database, now: datetime) -> None:
    replies = _talks(database, now, 5)
    mine = _open(database, now, "verdict_bad")
    done = apply_bulk(database, mine, iter([*replies, "0" * 32]), now=now)
    assert (done.count, done.finished_at) == (5, now), "one of the six is gone"
    with database.session() as session:
        found = {one.reply_id: (one.kind, one.text, one.bulk_id) for one in list_reviews(session)}
        assert found == dict.fromkeys(replies, ("verdict", "bad", mine))
        deeds = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
        assert deeds == ["reply.bulk.begin", "reply.bulk.finish"]


def test_undo_leaves_what_others_did_since(database: Database, now: datetime) -> None:
    replies = _talks(database, now, 5)
    mine = _open(database, now, "exclude")
    apply_bulk(database, mine, replies, now=now)
    assert _learnt(database, now) == 0
    with database.session() as session:
        first, second, *_ = list_reviews(session)
        retract_review(session, first.id, "op2", note=None, now=now)
        retract_review(session, second.id, "op2", note=None, now=now)
        restore_review(session, second.id, "op2", note=None, now=now)
        own = NewReview(operator="op2", kind="exclude", reply_id=replies[4])
        append_review(session, own, now=now)
    assert undo_bulk(database, mine, operator="op", now=now) == 4
    assert _learnt(database, now) == 4, "op2's own exclusion stands"
    assert undo_bulk(database, mine, operator="op", now=now) == 0
    with database.session() as session:
        undone = load_bulk(session, mine)
        assert (undone.undone_at, undone.undone_by) == (now, "op")


def test_including_takes_exclusions_back_and_its_undo_restores_them(
    database: Database, now: datetime
) -> None:
    replies = _talks(database, now, 4)
    apply_bulk(database, _open(database, now, "exclude"), replies[:3], now=now)
    mine = _open(database, now, "include")
    assert apply_bulk(database, mine, replies, now=now).count == 3
    assert _learnt(database, now) == 4
    with database.session() as session:
        excluded = next(one for one in list_reviews(session, reply_id=replies[0]))
        restore_review(session, excluded.id, "op2", note=None, now=now)
    assert undo_bulk(database, mine, operator="op", now=now) == 2, "one was restored by hand"
    assert _learnt(database, now) == 1


def test_undoing_a_running_action_stops_it(database: Database, now: datetime) -> None:
    replies = _talks(database, now, 6)
    mine = _open(database, now, "exclude")

    def undone_midway() -> Iterator[str]:
        yield from replies[:4]
        assert undo_bulk(database, mine, operator="op2", now=now) == 4
        yield from replies[4:]

    apply_bulk(database, mine, undone_midway(), now=now)
    assert _learnt(database, now) == 6


def test_the_filter_is_kept_without_what_a_visitor_said(database: Database, now: datetime) -> None:
    private = {"visitor": "a" * 32, "text": "ひみつ", "thumb": "down"}
    with database.session() as session:
        kept = open_bulk(session, "exclude", operator="op", filter_json=private, now=now)
        assert kept.filter == {"visitor": True, "text": True, "thumb": "down"}
        assert [one.id for one in list_bulk(session)] == [kept.id]
        with pytest.raises(ConflictError, match="expected verdict_good"):
            open_bulk(session, "delete", operator="op", filter_json={}, now=now)  # type: ignore[arg-type]
        with pytest.raises(NotFoundError, match="no bulk action"):
            load_bulk(session, "x")
