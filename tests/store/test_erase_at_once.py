"""Erasures at the same time do not fail, and none is taken for another."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import erase
from store.batches import existing_turns
from store.database import Database
from store.erase import _erase_rows, erase_visitor
from store.erasures import list_unscrubbed
from store.records import Erased
from store.tables import AuditRow
from store.visitors import Owner, hash_of
from tests.store.rehearsal import talk


def _talk(database: Database, now: datetime) -> tuple[Owner, str]:
    """Return somebody, and the turn that they said."""
    with database.session() as session:
        owner, (turn,) = talk(session, now, ("問い", "答え"))
    return owner, turn.id


def test_two_may_erase_one_visitor_at_once(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    owner, turn_id = _talk(database, now)

    def erase() -> Erased:
        return erase_visitor(
            database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now
        )

    with ThreadPoolExecutor(2) as pool:
        with database.session() as session:
            existing_turns(session, [turn_id])
            erasing = [pool.submit(erase) for _ in range(2)]
            time.sleep(0.5)  # both are waiting by now
            assert not any(one.done() for one in erasing)
        assert sorted(one.result(60).conversations for one in erasing) == [0, 1]
    with database.reading() as session:
        assert list_unscrubbed(session) == frozenset()
        assert session.scalars(select(AuditRow.action)).all() == ["visitor.erase"]


def test_two_may_ask_for_an_erasure_at_once(
    database: Database, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = _talk(database, now)
    ask = erase.ask_for_erasure

    def ask_slowly(session: Session, visitor_id: str, actor: str, now: datetime) -> None:
        ask(session, visitor_id, actor, now)
        time.sleep(0.5)  # the other would find no word of it either

    monkeypatch.setattr(erase, "ask_for_erasure", ask_slowly)
    with ThreadPoolExecutor(2) as pool:
        erasing = [
            pool.submit(
                erase_visitor,
                database, owner.visitor_id, exports=tmp_path / "exports", actor="test", now=now,
            )
            for _ in range(2)
        ]  # fmt: skip
        assert sorted(one.result(60).conversations for one in erasing) == [0, 1]


def test_only_erasures_before_the_rewriting_count_as_scrubbed(
    database: Database, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (_talk(database, now)[0].visitor_id for _ in range(2))
    rewrite = Database.scrub

    def scrub(self: Database) -> None:
        rewrite(self)
        with self.session() as session:
            _erase_rows(session, second, 0, actor="test", now=now)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Database, "scrub", scrub)
        erase_visitor(database, first, exports=tmp_path / "exports", actor="test", now=now)
    with database.reading() as session:
        assert list_unscrubbed(session) == {hash_of(second)}
