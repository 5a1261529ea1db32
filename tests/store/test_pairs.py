"""Pairs: proposed once, decided by operators, read for training as of today."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.conversations import mark_deleted
from store.database import Database
from store.erase import erase_visitor
from store.errors import ConflictError, NotFoundError
from store.lineage import link_pairs
from store.night_records import NewConflict, StoredPair
from store.pair_queue import list_conflicts, resolve_conflict, save_conflicts
from store.pair_verdicts import decide_pair
from store.pairs import (
    count_pairs_by_visitor,
    earlier_pairs,
    list_pairs,
    list_trainable_pairs,
    save_pairs,
)
from store.records import Turn
from store.reviews import list_reviews
from store.tables import AuditRow
from store.turns import set_learn, supersede_from
from store.visitors import Owner, set_consent
from tests.store.rehearsal import DATE, adapter, claim, pair, talk

RETENTION = timedelta(days=90)
NEXT = "2026-09-25"
WORDS = ("今日は疲れた", "お疲れさまですわ。")
MORE = ("明日も早い", "早くお休みなさいませ。")


def _trainable(session: Session, at: datetime, *, auto: bool = True) -> list[StoredPair]:
    return list_trainable_pairs(session, now=at, retention=RETENTION, auto=auto)


def test_a_night_done_again_replaces_what_it_proposed(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (first, second) = talk(session, now, WORDS, MORE)
        mine = claim(session, now)
        a, b = pair(owner, first, "a1", "a2"), pair(owner, second, "b1", "b2")
        assert save_pairs(session, mine, [a, b], now=now) == 2
        before = list_pairs(session, DATE)
        assert save_pairs(session, mine, [a, b, b], now=now) == 2
        assert list_pairs(session, DATE) == before
        assert save_pairs(session, mine, [b], now=now) == 1
        (stored,) = list_pairs(session, DATE)
        assert (stored.chosen_id, stored.rejected_id, stored.status) == ("b1", "b2", "proposed")
        assert (stored.turns, stored.facts) == (b.turns, b.facts)


def test_what_was_decided_or_trained_on_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        mine = claim(session, now)
        three = [pair(owner, turn, f"{one}1", f"{one}2") for one in "abc"]
        save_pairs(session, mine, three, now=now)
        ids = {one.chosen_id: one.id for one in list_pairs(session, DATE)}
        decide_pair(session, ids["a1"], "vetoed", "op", now)
        link_pairs(session, adapter(session, "v2", now), [ids["b1"]])
        assert save_pairs(session, mine, three[:1], now=now) == 1
        assert {one.chosen_id for one in list_pairs(session, DATE)} == {"a1", "b1"}
        assert [one.id for one in list_pairs(session, DATE, "vetoed")] == [ids["a1"]]


def test_two_options_are_paired_once_in_all_nights(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        save_pairs(session, claim(session, now), [pair(owner, turn, "a", "b")], now=now)
        other = claim(session, now, date=NEXT)
        again = [pair(owner, turn, "a", "b"), pair(owner, turn, "b", "a")]
        assert save_pairs(session, other, again, now=now) == 0
        assert save_pairs(session, other, [pair(owner, turn, "b", "c")], now=now) == 1
        assert len(list_pairs(session, DATE)) == 1


def test_the_most_disputed_come_first(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        pairs = [
            pair(owner, turn, f"{value}", "x", disagreement=value) for value in (0.1, 0.9, 0.5)
        ]
        save_pairs(session, claim(session, now), pairs, now=now)
        assert [one.disagreement for one in list_pairs(session, DATE)] == [0.9, 0.5, 0.1]


def test_verdicts_decide_what_trains(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        pairs = [pair(owner, turn, f"{one}1", f"{one}2") for one in "abcd"]
        save_pairs(session, claim(session, now), pairs, now=now)
        ids = {one.chosen_id: one.id for one in list_pairs(session, DATE)}
        decide_pair(session, ids["a1"], "approved", "op", now)
        flipped = decide_pair(session, ids["b1"], "flipped", "op", now)
        decide_pair(session, ids["c1"], "vetoed", "op", now)
        assert (flipped.chosen_id, flipped.decided_by, flipped.decided_at) == ("b1", "op", now)
        auto = {one.chosen_id: one for one in _trainable(session, now)}
        assert set(auto) == {"a1", "b2", "d1"}
        assert (auto["b2"].rejected_id, auto["b2"].margin) == ("b1", -1.5)
        assert (auto["b2"].chosen, auto["b2"].rejected) == (pairs[1].rejected, pairs[1].chosen)
        assert {one.chosen_id for one in _trainable(session, now, auto=False)} == {"a1", "b2"}
        undone = decide_pair(session, ids["c1"], "proposed", "op", now)
        assert (undone.status, undone.decided_by) == ("proposed", None)
        assert len(_trainable(session, now)) == 4
        verdicts = [review.text for review in list_reviews(session, pair_id=ids["c1"])]
        assert verdicts == ["vetoed", "proposed"]
        assert session.scalars(select(AuditRow.action)).all() == ["pair.decide"] * 4
        with pytest.raises(NotFoundError):
            decide_pair(session, "0" * 32, "approved", "op", now)
        with pytest.raises(ConflictError, match="expected proposed"):
            decide_pair(session, ids["a1"], "loved", "op", now)  # type: ignore[arg-type]


Change = Callable[[Session, Owner, list[Turn], datetime], object]
LEFT_OUT: dict[str, Change] = {
    "no consent": lambda session, owner, turns, now: set_consent(
        session, owner, allow=False, now=now
    ),
    "consent renewed": lambda session, owner, turns, now: [
        set_consent(session, owner, allow=allow, now=now + timedelta(hours=1))
        for allow in (False, True)
    ],
    "do not learn": lambda session, owner, turns, now: set_learn(
        session, owner, turns[1].id, learn=False
    ),
    "do not learn its context": lambda session, owner, turns, now: set_learn(
        session, owner, turns[0].id, learn=False
    ),
    "edited away": lambda session, owner, turns, now: supersede_from(session, turns[1].id, now=now),
    "context edited away": lambda session, owner, turns, now: supersede_from(
        session, turns[0].id, now=now
    ),
    "deleted": lambda session, owner, turns, now: mark_deleted(
        session, owner, turns[1].conversation_id, now=now
    ),
}


@pytest.mark.parametrize("change", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_a_change_of_mind_reaches_stored_pairs(
    database: Database, now: datetime, change: Change
) -> None:
    with database.session() as session:
        owner, turns = talk(session, now, WORDS, MORE)
        context = (("user", WORDS[0]), ("assistant", WORDS[1]), ("user", MORE[0]))
        with_context = pair(owner, turns[1], "a", "b", turns=context)
        save_pairs(session, claim(session, now), [with_context], now=now)
        assert len(_trainable(session, now + timedelta(hours=2))) == 1
        change(session, owner, turns, now)
        session.flush()
        assert _trainable(session, now + timedelta(hours=2)) == []


def test_context_that_is_not_in_the_pair_does_not_matter(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turns = talk(session, now, WORDS, MORE)
        save_pairs(session, claim(session, now), [pair(owner, turns[1], "a", "b")], now=now)
        set_learn(session, owner, turns[0].id, learn=False)
        session.flush()
        assert len(_trainable(session, now + timedelta(hours=2))) == 1


def test_pairs_and_their_context_fall_out_of_retention(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (first, second) = talk(session, now, WORDS, MORE)  # a minute apart
        context = (("user", WORDS[0]), ("assistant", WORDS[1]), ("user", MORE[0]))
        pairs = [
            pair(owner, first, "a", "b"),
            pair(owner, second, "c", "d", turns=context),
            pair(owner, second, "e", "f"),
        ]
        save_pairs(session, claim(session, now), pairs, now=now)
        left = [
            sorted(one.chosen_id for one in _trainable(session, now + RETENTION + shift))
            for shift in (-timedelta(seconds=1), timedelta(0), timedelta(minutes=1))
        ]
        assert left == [["a", "c", "e"], ["e"], []]


def test_an_unresolved_conflict_withholds_its_pairs(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        mine = claim(session, now)
        save_pairs(
            session, mine, [pair(owner, turn, reply, "b"), pair(owner, turn, "c", "d")], now=now
        )
        conflict = NewConflict(
            turn_id=turn.id, reply_id=reply, signal="thumb_down", reward_quantile=0.95
        )
        save_conflicts(session, mine, [conflict], now=now)
        assert [one.chosen_id for one in _trainable(session, now)] == ["c"]
        resolve_conflict(session, list_conflicts(session)[0].id, "evaluator", "op", now)
        assert len(_trainable(session, now)) == 2


def test_pairs_are_counted_per_visitor(database: Database, now: datetime, tmp_path: Path) -> None:
    with database.session() as session:
        one, (turn,) = talk(session, now, WORDS)
        two, (other,) = talk(session, now, WORDS)
        pairs = [pair(one, turn, f"{name}1", f"{name}2") for name in "ab"]
        mine = claim(session, now)
        save_pairs(session, mine, [*pairs, pair(two, other, "c1", "c2")], now=now)
        decide_pair(session, list_pairs(session, DATE)[0].id, "flipped", "op", now)
        tonight = claim(session, now, date=NEXT)
        save_pairs(session, tonight, [pair(one, turn, "d1", "d2")], now=now)
        decide_pair(session, list_pairs(session, NEXT)[0].id, "vetoed", "op", now)
        save_pairs(session, tonight, [pair(one, turn, "e1", "e2")], now=now)
        assert count_pairs_by_visitor(session) == {one.visitor_id: 3, two.visitor_id: 1}
        counted = count_pairs_by_visitor(session, except_night=NEXT)
        assert counted == {one.visitor_id: 2, two.visitor_id: 1}
    erase_visitor(database, one.visitor_id, exports=tmp_path / "exports", actor="test", now=now)
    with database.session() as session:
        assert count_pairs_by_visitor(session) == {two.visitor_id: 1}
        assert save_pairs(session, mine, [pair(one, turn, "x", "y")], now=now) == 0


def test_a_turn_is_trained_with_the_pairs_of_one_night(database: Database, now: datetime) -> None:
    nights = (DATE, NEXT, "2026-09-26", "2026-09-27")
    later = [now + timedelta(days=day) for day in range(4)]
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        given = (("a", "score"), ("b", "edit"), ("c", "score"), ("d", "operator"))
        current = []
        for date, at, (name, source) in zip(nights, later, given, strict=True):
            one = pair(owner, turn, name, f"{name}-", source=source)
            save_pairs(session, claim(session, at, date=date), [one], now=at)
            current += [found.chosen_id for found in _trainable(session, later[-1])]
        assert current == ["a", "b", "b", "d"]
        decide_pair(session, list_pairs(session, nights[-1])[0].id, "vetoed", "op", now)
        assert [found.chosen_id for found in _trainable(session, later[-1])] == ["b"]


def test_a_person_may_reverse_a_pair_and_a_score_may_not(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        save_pairs(session, claim(session, now), [pair(owner, turn, "a", "b")], now=now)
        tomorrow = now + timedelta(days=1)
        next_night = claim(session, tomorrow, date=NEXT)
        assert save_pairs(session, next_night, [pair(owner, turn, "b", "a")], now=tomorrow) == 0
        thumb = pair(owner, turn, "b", "a", source="thumb")
        assert save_pairs(session, next_night, [thumb], now=tomorrow) == 1
        (current,) = _trainable(session, tomorrow)
        assert (current.chosen_id, current.rejected_id) == ("b", "a")
        earlier = earlier_pairs(session, [turn.id], except_night=NEXT)
        assert [one.chosen_id for one in earlier[turn.id]] == ["a"]


def test_what_an_operator_found_bad_is_not_preferred(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        mine = claim(session, now)
        pairs = [pair(owner, turn, reply, "b"), pair(owner, turn, "c", reply)]
        save_pairs(session, mine, pairs, now=now)
        conflict = NewConflict(
            turn_id=turn.id, reply_id=reply, signal="thumb_down", reward_quantile=0.95
        )
        save_conflicts(session, mine, [conflict], now=now)
        resolve_conflict(session, list_conflicts(session)[0].id, "visitor", "op", now)
        assert [one.chosen_id for one in _trainable(session, now)] == ["c"]
        by_chosen = {one.chosen_id: one.id for one in list_pairs(session, DATE)}
        decide_pair(session, by_chosen[reply], "flipped", "op", now)
        decide_pair(session, by_chosen["c"], "flipped", "op", now)
        assert [one.chosen_id for one in _trainable(session, now)] == ["b"]
