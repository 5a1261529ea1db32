"""What pairing left out: drops and conflicts."""

from datetime import datetime

import pytest

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.night_records import NewConflict, NewDrop
from store.pair_queue import (
    list_conflicts,
    list_drops,
    resolve_conflict,
    save_conflicts,
    save_drops,
)
from tests.store.rehearsal import DATE, claim, talk

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def test_drops_are_replaced_and_keep_their_order(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (first, second) = talk(session, now, WORDS, WORDS)
        mine = claim(session, now)
        drops = [
            NewDrop(turn_id=second.id, reason="margin", detail="0.2 < 0.5"),
            NewDrop(turn_id=first.id, reason="duplicate"),
        ]
        assert save_drops(session, mine, [*drops, drops[0]]) == 3
        assert save_drops(session, mine, drops) == 2
        assert list_drops(session, DATE) == drops
        gone = NewDrop(turn_id="0" * 32, reason="margin")
        assert save_drops(session, mine, [gone]) == 0
        assert list_drops(session, DATE) == []


def test_a_conflict_is_asked_about_once(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        conflict = NewConflict(
            turn_id=turn.id,
            reply_id=turn.replies[0].id,
            signal="regenerated_away",
            reward_quantile=0.9,
        )
        mine = claim(session, now)
        assert save_conflicts(session, mine, [conflict], now=now) == 1
        assert save_conflicts(session, mine, [conflict], now=now) == 1
        (stored,) = list_conflicts(session, unresolved=True)
        other = claim(session, now, date="2026-09-25")
        assert save_conflicts(session, other, [conflict], now=now) == 0
        resolved = resolve_conflict(session, stored.id, "visitor", "op", now)
        assert (resolved.resolution, resolved.resolved_by) == ("visitor", "op")
        with pytest.raises(ConflictError, match="op has resolved it already: visitor"):
            resolve_conflict(session, stored.id, "evaluator", "op2", now)
        with pytest.raises(NotFoundError):
            resolve_conflict(session, "0" * 32, "visitor", "op", now)
        with pytest.raises(ConflictError, match="expected visitor or evaluator"):
            resolve_conflict(session, stored.id, "nobody", "op", now)  # type: ignore[arg-type]
        assert save_conflicts(session, mine, [], now=now) == 0
        assert list_conflicts(session, night_date=DATE) == [resolved]
        assert list_conflicts(session, unresolved=True) == []
        assert list_conflicts(session, night_date="2026-09-25") == []


def test_a_conflict_that_is_gone_leaves_the_queue(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        mine = claim(session, now)
        conflict = NewConflict(
            turn_id=turn.id,
            reply_id=turn.replies[0].id,
            signal="thumb_down",
            reward_quantile=0.9,
        )
        save_conflicts(session, mine, [conflict], now=now)
        assert save_conflicts(session, mine, [], now=now) == 0
        assert list_conflicts(session) == []
