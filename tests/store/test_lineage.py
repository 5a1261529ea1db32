"""Receipts, descendants, and which adapter serves when one may not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from store.adapters import active_adapter, deploy, list_deployments, load_adapter
from store.conversations import mark_deleted
from store.database import Database
from store.erase import erase_visitor, purge_deleted
from store.errors import ConflictError
from store.lineage import (
    clean_fallback,
    count_lineage,
    learned_receipts,
    link_pairs,
    taint,
    tainted_by_visitor,
)
from store.night_records import NightClaim, Receipt
from store.nights import finish_night
from store.pairs import list_pairs, save_pairs
from store.records import Turn
from store.visitors import Owner
from tests.store.rehearsal import DATE, adapter, claim, pair, talk

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def _pairs(
    session: Session, mine: NightClaim, owner: Owner, turn: Turn, *names: str, now: datetime
) -> list[str]:
    """Store a pair per name and return their ids."""
    pairs = [pair(owner, turn, f"{name}1", f"{name}2") for name in names]
    save_pairs(session, mine, pairs, now=now)
    wanted = {one.chosen_id for one in pairs}
    return [one.id for one in list_pairs(session, mine.date) if one.chosen_id in wanted]


def _deploy(session: Session, now: datetime, *names: str) -> None:
    for name in names:
        deploy(session, name, who="test", why="test", now=now)


def test_receipts_name_night_and_version(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (used, unused) = talk(session, now, WORDS, WORDS)
        mine = claim(session, now)
        ids = _pairs(session, mine, owner, used, "a", "b", now=now)
        for days, name in enumerate(("v2", "v3")):
            adapter(session, name, now + timedelta(days=days))
            link_pairs(session, name, ids)
            link_pairs(session, name, ids)
        _deploy(session, now, "v2")
        finish_night(session, mine, status="published", decision="", adapter_id="v2", now=now)
        assert learned_receipts(session, [used.id, unused.id]) == {
            used.id: [
                Receipt(date=DATE, adapter="v2", deployed=True),
                Receipt(date="2026-09-25", adapter="v3", deployed=False),
            ]
        }


def test_a_taint_reaches_descendants_only(database: Database, now: datetime) -> None:
    with database.session() as session:
        adapter(session, "anchor", now)
        for name, parent in (
            ("v1", "anchor"),
            ("v2", "anchor"),
            ("v2a", "v2"),
            ("v2b", "v2a"),
            ("v3", "anchor"),
        ):
            adapter(session, name, now, parent=parent)
        gone, (turn,) = talk(session, now, WORDS)
        kept, (other,) = talk(session, now, WORDS)
        mine = claim(session, now)
        theirs = _pairs(session, mine, gone, turn, "a", now=now)
        link_pairs(session, "v2", theirs)
        link_pairs(session, "v3", _pairs(session, mine, kept, other, "b", now=now))
        assert count_lineage(session, "v2") == (1, 1)
        assert count_lineage(session, "v2a") == (0, 0)
        affected = tainted_by_visitor(session, gone.visitor_id)
        assert affected == ["v2", "v2a", "v2b"]
        assert tainted_by_visitor(session, kept.visitor_id) == ["v3"]
        assert taint(session, affected, "why", now) == affected
        assert taint(session, affected, "again", now) == []
        marked = load_adapter(session, "v2a")
        assert (marked.tainted_at, marked.taint_reason) == (now, "why")
        assert load_adapter(session, "v3").tainted_at is None


def test_a_tainted_adapter_is_never_active_again(database: Database, now: datetime) -> None:
    with database.session() as session:
        for name in ("v1", "v2", "v3"):
            adapter(session, name, now)
        _deploy(session, now, "v1", "v2", "v3")
        taint(session, ["v3"], "a visitor was erased", now)
        assert active_adapter(session) == "v2"
        assert [one.adapter for one in list_deployments(session)] == ["v2", "v1"]
        history = list_deployments(session, with_tainted=True)
        assert [one.adapter for one in history] == ["v3", "v2", "v1"]
        with pytest.raises(ConflictError, match="may not be served: a visitor was erased"):
            deploy(session, "v3", who="op", why="please", now=now)
        adapter(session, "v3", now)  # registered again: still tainted
        assert load_adapter(session, "v3").tainted_at == now
        taint(session, ["v1", "v2"], "another", now)
        assert active_adapter(session) is None


@pytest.mark.parametrize(
    ("deployed", "tainted", "expected"),
    [
        (["v1", "v2"], [], "v2"),
        (["v1", "v2"], ["v2"], "v1"),
        (["v1", "v2", "v3"], ["v2"], "v3"),
        (["v1", "v2", "v3", "v4"], ["v3", "v4"], "v2"),
        # v3 was rolled back: it must not return when v2 falls.
        (["v1", "v2", "v3", "v2"], ["v2"], "v1"),
        # … unless nothing else is left.
        (["v1", "v2", "v1"], ["v1"], "v2"),
        (["v1"], ["v1"], None),
        ([], [], None),
    ],
)
def test_the_fallback_is_the_last_clean_one_that_was_not_given_up(
    database: Database,
    now: datetime,
    deployed: list[str],
    tainted: list[str],
    expected: str | None,
) -> None:
    with database.session() as session:
        for name in sorted(set(deployed)):
            adapter(session, name, now)
        _deploy(session, now, *deployed)
        taint(session, tainted, "why", now)
        assert clean_fallback(session) == expected
        assert active_adapter(session) == expected


def test_what_learnt_from_someone_erased_is_not_published(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        gone, (turn,) = talk(session, now, WORDS)
        kept, (other,) = talk(session, now, WORDS)
        pairs = [pair(gone, turn, "a", "b"), pair(kept, other, "c", "d")]
        save_pairs(session, claim(session, now), pairs, now=now)
        ids = [one.id for one in list_pairs(session, DATE)]
        adapter(session, "v2", now)
    erase_visitor(database, gone.visitor_id, exports=tmp_path / "exports", actor="test", now=now)

    def publish() -> None:
        with database.session() as session:
            deploy(session, "v2", who="night", why="passed", now=now)
            link_pairs(session, "v2", ids)

    with pytest.raises(ConflictError, match=r"1 of 2 pairs .* must not be published"):
        publish()
    with database.reading() as session:
        assert active_adapter(session) is None
        assert tainted_by_visitor(session, kept.visitor_id) == []


def test_an_erasure_during_a_publication_takes_it_down(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        ids = _pairs(session, claim(session, now), owner, turn, "a", now=now)
        adapter(session, "v1", now)
        _deploy(session, now, "v1")
    linked = threading.Event()

    def erase() -> None:
        linked.wait(30)
        erase_visitor(
            database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now
        )

    with ThreadPoolExecutor(1) as pool:
        erasing = pool.submit(erase)
        with database.session() as session:
            adapter(session, "v2", now)
            link_pairs(session, "v2", ids)
            linked.set()
            time.sleep(0.3)  # the erasure is waiting by now
            assert not erasing.done()
            _deploy(session, now, "v2")
        erasing.result(60)
    with database.reading() as session:
        assert active_adapter(session) == "v1"
        assert load_adapter(session, "v2").tainted_at == now


def test_lineage_outlives_a_deleted_conversation(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        ids = _pairs(session, claim(session, now), owner, turn, "a", now=now)
        adapter(session, "v1", now)
        adapter(session, "v2", now)
        link_pairs(session, "v2", ids)
        _deploy(session, now, "v1", "v2")
        mark_deleted(session, owner, turn.conversation_id, now=now)
        session.flush()
        assert purge_deleted(session) == 1
        session.expire_all()
        assert list_pairs(session, DATE) == []
        assert active_adapter(session) == "v2"
    erase_visitor(database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    with database.reading() as session:
        assert active_adapter(session) == "v1"
