"""What pairing left out: drops and conflicts."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.night_records import NewConflict, NewDrop, NightClaim, StoredConflict
from store.night_scope import save_night_turns, save_training_pairs
from store.nights import begin_step, finish_step
from store.pair_queue import (
    list_conflicts,
    list_drops,
    reopen_conflict,
    resolve_conflict,
    save_conflicts,
    save_drops,
    used_resolutions,
)
from store.pairs import list_pairs, save_pairs
from store.records import Turn
from store.tables import AuditRow
from tests.store.rehearsal import DATE, claim, pair, talk

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


def _resolved(session: Session, now: datetime) -> tuple[NightClaim, Turn, StoredConflict]:
    """A conflict that an operator resolved an hour after its night paired."""
    owner, (turn,) = talk(session, now, WORDS)
    mine = claim(session, now)
    save_night_turns(session, mine, [turn.id])
    begin_step(session, mine, "pair", 5, now)
    reply = turn.replies[0].id
    conflict = NewConflict(
        turn_id=turn.id, reply_id=reply, signal="thumb_down", reward_quantile=0.9
    )
    save_conflicts(session, mine, [conflict], now=now)
    save_pairs(session, mine, [pair(owner, turn, reply, "r")], now=now)
    finish_step(session, mine, "pair", {}, now)
    (stored,) = list_conflicts(session)
    at = now + timedelta(hours=1)
    return mine, turn, resolve_conflict(session, stored.id, "visitor", "op", at)


def test_a_resolution_that_no_night_read_is_taken_back(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, _, conflict = _resolved(session, now)
        assert used_resolutions(session, [conflict]) == set()
        opened = reopen_conflict(session, conflict.id, "other", now + timedelta(hours=2))
        assert (opened.resolution, opened.resolved_by, opened.resolved_at) == (None, None, None)
        with pytest.raises(ConflictError, match="is open"):
            reopen_conflict(session, conflict.id, "other", now)
        with pytest.raises(NotFoundError):
            reopen_conflict(session, "0" * 32, "other", now)
        wanted = select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id)
        assert [tuple(one) for one in session.execute(wanted)] == [
            ("op", "conflict.resolve"),
            ("other", "conflict.reopen"),
        ]


def test_a_resolution_that_a_night_paired_with_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turn, conflict = _resolved(session, now)
        later = now + timedelta(hours=9)
        other = claim(session, later, date="2026-09-25")
        save_night_turns(session, other, [turn.id])
        assert used_resolutions(session, [conflict]) == set(), "it has read, but not paired"
        begin_step(session, other, "pair", 5, later)
        assert used_resolutions(session, [conflict]) == {conflict.id}
        finish_step(session, other, "pair", {}, later)
        with pytest.raises(ConflictError, match="night of 2026-09-25 has used"):
            reopen_conflict(session, conflict.id, "op", later)


def test_a_resolution_that_a_night_trained_with_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        mine, _, conflict = _resolved(session, now)
        later = now + timedelta(hours=2)
        begin_step(session, mine, "train", 7, later)
        save_training_pairs(session, mine, [one.id for one in list_pairs(session, DATE)])
        finish_step(session, mine, "train", {}, later)
        with pytest.raises(ConflictError, match=f"night of {DATE} has used"):
            reopen_conflict(session, conflict.id, "op", later)
