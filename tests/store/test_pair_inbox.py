"""The inbox: pages of pairs, one verdict on all that a filter finds, and taking it back."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.console_tables import BulkActionRow
from store.database import Database
from store.erase import erase_visitor
from store.errors import ConflictError, NotFoundError
from store.pair_bulk import BulkUndo, approve_found, undo_bulk
from store.pair_inbox import (
    InboxNight,
    PairFilter,
    count_sources,
    count_statuses,
    list_inbox,
    list_inbox_nights,
)
from store.pair_verdicts import decide_pair, undo_verdict
from store.pairs import list_pairs, save_pairs
from store.reviews import list_reviews
from store.tables import AuditRow
from store.visitors import Owner
from tests.store.rehearsal import DATE, claim, pair, talk

WORDS = ("今日は疲れた", "お疲れさまですわ。")
NEXT = "2026-09-25"


def _two_nights(session: Session, now: datetime) -> Owner:
    """Propose six pairs tonight, margins and disagreements rising, and one the night after."""
    owner, turns = talk(session, now, *[WORDS] * 7)
    tonight = [
        pair(
            owner,
            turn,
            f"c{at}",
            f"r{at}",
            source="thumb" if at < 2 else "score",
            margin=None if at == 0 else at / 2,
            disagreement=at / 10,
        )
        for at, turn in enumerate(turns[:6])
    ]
    save_pairs(session, claim(session, now), tonight, now=now)
    later = pair(owner, turns[6], "c6", "r6")
    save_pairs(session, claim(session, now, date=NEXT), [later], now=now)
    return owner


def _chosen(session: Session, wanted: PairFilter, offset: int = 0, limit: int = 9) -> list[str]:
    page = list_inbox(session, wanted, offset=offset, limit=limit)
    return [one.chosen_id for one in page.pairs]


def test_pages_come_most_disputed_first(database: Database, now: datetime) -> None:
    with database.session() as session:
        _two_nights(session, now)
        tonight = PairFilter(night=DATE)
        assert _chosen(session, tonight, 0, 4) == ["c5", "c4", "c3", "c2"]
        assert _chosen(session, tonight, 4, 4) == ["c1", "c0"]
        assert list_inbox(session, tonight, offset=4, limit=4).total == 6
        assert _chosen(session, PairFilter(night=DATE, source="thumb")) == ["c1", "c0"]
        assert _chosen(session, PairFilter(night=DATE, margin_above=1.5)) == ["c5", "c4", "c3"]
        assert list_inbox(session, PairFilter(), offset=0, limit=2).total == 7


def test_a_night_is_counted(database: Database, now: datetime) -> None:
    with database.session() as session:
        _two_nights(session, now)
        decide_pair(session, list_pairs(session, DATE)[0].id, "vetoed", "op", now)
        assert count_statuses(session, DATE) == {
            "proposed": 5,
            "approved": 0,
            "flipped": 0,
            "vetoed": 1,
        }
        assert count_statuses(session, None)["proposed"] == 6
        assert count_sources(session, DATE) == {"score": 4, "thumb": 2}
        assert list_inbox_nights(session) == [
            InboxNight(date=NEXT, pairs=1, undecided=1),
            InboxNight(date=DATE, pairs=6, undecided=5),
        ]


def test_all_that_a_filter_finds_is_approved_and_taken_back(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _two_nights(session, now)
        vetoed = list_pairs(session, DATE)[0].id
        decide_pair(session, vetoed, "vetoed", "op", now)
        wide = PairFilter(night=DATE, source="score", margin_above=1.5)
        done = approve_found(session, wide, "op", now)
        # c5 is vetoed, c4 and c3 are wide enough.
        assert done.count == 2
        assert _chosen(session, PairFilter(status="approved")) == ["c4", "c3"]
        action = session.get_one(BulkActionRow, done.id)
        assert (action.operator, action.count) == ("op", 2)
        assert action.filter == {
            "night": DATE,
            "status": "proposed",
            "source": "score",
            "margin_above": 1.5,
        }
        with pytest.raises(ConflictError, match="no undecided pair"):
            approve_found(session, wide, "op", now)

        assert undo_bulk(session, done.id, "other", now) == BulkUndo(restored=2, kept=0)
        assert _chosen(session, PairFilter(status="approved")) == []
        assert count_statuses(session, DATE)["vetoed"] == 1
        with pytest.raises(ConflictError, match="other has undone it"):
            undo_bulk(session, done.id, "op", now)
        with pytest.raises(NotFoundError):
            undo_bulk(session, "0" * 32, "op", now)
        wanted = select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id)
        assert [tuple(one) for one in session.execute(wanted)] == [
            ("op", "pair.decide"),
            ("op", "pair.decide"),
            ("op", "pair.decide"),
            ("op", "pair.approve_all"),
            ("other", "pair.undo_all"),
        ]


def test_what_was_decided_since_survives_the_undoing(database: Database, now: datetime) -> None:
    with database.session() as session:
        _two_nights(session, now)
        done = approve_found(session, PairFilter(night=DATE), "op", now)
        pairs = list_pairs(session, DATE)
        decide_pair(session, pairs[0].id, "flipped", "other", now)
        decide_pair(session, pairs[1].id, "vetoed", "other", now)
        undo_verdict(session, "other", now)
        assert undo_bulk(session, done.id, "op", now) == BulkUndo(restored=5, kept=1)
        assert [one.status for one in list_pairs(session, DATE)] == ["flipped"] + ["proposed"] * 5


def test_one_undo_does_not_reach_into_a_bulk_action(database: Database, now: datetime) -> None:
    with database.session() as session:
        _two_nights(session, now)
        approve_found(session, PairFilter(night=DATE), "op", now)
        with pytest.raises(ConflictError, match="no verdict"):
            undo_verdict(session, "op", now)


def test_who_was_erased_is_missing_from_the_undoing(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner = _two_nights(session, now)
        done = approve_found(session, PairFilter(night=DATE), "op", now)
    erase_visitor(database, owner.visitor_id, exports=tmp_path, actor="op", now=now)
    with database.session() as session:
        assert undo_bulk(session, done.id, "op", now) == BulkUndo(restored=0, kept=6)
        assert list_reviews(session) == []
