"""Verdicts on pairs: what trains afterwards, and what can be taken back."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.lineage import count_lineage, link_pairs
from store.night_records import NewReview, StoredPair
from store.pair_inbox import pair_histories
from store.pair_verdicts import decide_pair, edit_pair, undo_verdict
from store.pairs import list_pairs, list_trainable_pairs, save_pairs
from store.records import Turn
from store.reviews import append_review, list_reviews
from store.tables import AuditRow
from store.visitors import Owner
from tests.store.rehearsal import DATE, adapter, claim, pair, talk

WORDS = ("今日は疲れた", "お疲れさまですわ。")
BETTER = "まあ、ゆっくりお休みくださいませ。"


def _proposed(
    session: Session, now: datetime, names: str = "abcd"
) -> tuple[Owner, Turn, dict[str, str]]:
    """Propose a pair for each name; return its id by name."""
    owner, (turn,) = talk(session, now, WORDS)
    pairs = [pair(owner, turn, f"{one}1", f"{one}2") for one in names]
    save_pairs(session, claim(session, now), pairs, now=now)
    return owner, turn, {one.chosen_id[0]: one.id for one in list_pairs(session, DATE)}


def _trainable(session: Session, now: datetime, *, auto: bool = True) -> dict[str, StoredPair]:
    retention = timedelta(days=90)
    found = list_trainable_pairs(session, now=now, retention=retention, auto=auto)
    return {one.id: one for one in found}


def _status(session: Session, pair_id: str) -> str:
    return next(one.status for one in list_pairs(session, DATE) if one.id == pair_id)


def test_training_reads_the_better_text(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turn, ids = _proposed(session, now)
        as_proposed = pair(owner, turn, "a1", "a2")
        edited = edit_pair(session, ids["a"], f" {BETTER}\n", "op", now, "短すぎるため")
        decide_pair(session, ids["b"], "flipped", "op", now)
        decide_pair(session, ids["c"], "vetoed", "op", now)
        assert (edited.status, edited.chosen, edited.decided_by) == ("approved", BETTER, "op")

        asked = _trainable(session, now, auto=False)
        assert set(asked) == {ids["a"], ids["b"]}
        taught = asked[ids["a"]]
        assert (taught.chosen, taught.rejected) == (BETTER, as_proposed.rejected)
        assert taught.chosen_id not in ("a1", "a2")
        assert (asked[ids["b"]].chosen_id, asked[ids["b"]].rejected_id) == ("b2", "b1")
        assert set(_trainable(session, now)) == {ids["a"], ids["b"], ids["d"]}

        (review,) = list_reviews(session, pair_id=ids["a"])
        assert (review.kind, review.text, review.note) == ("edit", BETTER, "短すぎるため")
        wanted = select(AuditRow.action, AuditRow.detail).where(AuditRow.actor == "op")
        actions = session.execute(wanted.order_by(AuditRow.id)).all()
        assert [action for action, _ in actions] == ["pair.edit", "pair.decide", "pair.decide"]
        assert BETTER not in json.dumps([detail for _, detail in actions], ensure_ascii=False)


def test_in_a_flipped_pair_the_taught_side_is_edited(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turn, ids = _proposed(session, now)
        decide_pair(session, ids["a"], "flipped", "op", now)
        edited = edit_pair(session, ids["a"], BETTER, "op", now)
        assert (edited.status, edited.rejected) == ("flipped", BETTER)
        taught = _trainable(session, now)[ids["a"]]
        worse = pair(owner, turn, "a1", "a2").chosen
        assert (taught.chosen, taught.rejected) == (BETTER, worse)
        undo_verdict(session, "op", now)
        assert _trainable(session, now)[ids["a"]].chosen_id == "a2"


def test_a_text_of_either_side_is_no_better_one(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turn, ids = _proposed(session, now)
        there = pair(owner, turn, "a1", "a2")
        for text in (there.rejected, f"{there.chosen} "):
            with pytest.raises(ConflictError, match="that of a side"):
                edit_pair(session, ids["a"], text, "op", now)
        with pytest.raises(ConflictError, match="empty"):
            edit_pair(session, ids["a"], " \n", "op", now)
        with pytest.raises(NotFoundError):
            edit_pair(session, "0" * 32, BETTER, "op", now)
        assert list_reviews(session) == []


def test_a_night_done_again_does_not_propose_an_edited_pair_anew(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, turn, ids = _proposed(session, now, "ab")
        edit_pair(session, ids["a"], BETTER, "op", now)
        mine = claim(session, now + timedelta(hours=1))
        again = [pair(owner, turn, f"{one}1", f"{one}2") for one in "ab"]
        assert save_pairs(session, mine, again, now=now) == 2
        reverse = [pair(owner, turn, "a2", "a1"), again[1]]
        assert save_pairs(session, mine, reverse, now=now) == 2
        assert {one.id for one in list_pairs(session, DATE)} == set(ids.values())
        assert _trainable(session, now)[ids["a"]].chosen == BETTER


def test_lineage_follows_the_pair_through_an_edit(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, _, ids = _proposed(session, now)
        name = adapter(session, "v2", now)
        link_pairs(session, name, list(ids.values()))
        edit_pair(session, ids["a"], BETTER, "op", now)
        assert count_lineage(session, name) == (4, 1)


def test_verdicts_are_taken_back_one_by_one(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=1)
    with database.session() as session:
        owner, turn, ids = _proposed(session, now)
        there = pair(owner, turn, "a1", "a2")
        decide_pair(session, ids["a"], "vetoed", "other", now)
        decide_pair(session, ids["a"], "flipped", "op", later)
        decide_pair(session, ids["a"], "approved", "op", later)
        edit_pair(session, ids["a"], BETTER, "op", later)
        decide_pair(session, ids["b"], "vetoed", "op", later)

        assert undo_verdict(session, "op", later).status == "proposed"
        unedited = undo_verdict(session, "op", later)
        assert (unedited.id, unedited.status) == (ids["a"], "approved")
        assert (unedited.chosen_id, unedited.chosen) == (there.chosen_id, there.chosen)
        assert undo_verdict(session, "op", later).status == "flipped"
        first = undo_verdict(session, "op", later)
        assert (first.status, first.decided_by, first.decided_at) == ("vetoed", "other", now)
        with pytest.raises(ConflictError, match="op has no verdict"):
            undo_verdict(session, "op", later)
        assert len(list_reviews(session, pair_id=ids["a"])) == 4 + 3
        history = pair_histories(session, [ids["a"]])[ids["a"]]
        assert [one.taken_back for one in history] == [False, True, True, True] + [False] * 3
        assert [one.takes_back for one in history] == [False] * 4 + [True] * 3
        undone = select(AuditRow.id).where(AuditRow.action == "pair.undo")
        assert len(session.scalars(undone).all()) == 4


def test_what_somebody_else_decided_since_stays(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, _, ids = _proposed(session, now)
        decide_pair(session, ids["a"], "approved", "op", now)
        decide_pair(session, ids["a"], "vetoed", "other", now)
        with pytest.raises(ConflictError, match="other has decided"):
            undo_verdict(session, "op", now)
        assert _status(session, ids["a"]) == "vetoed"


def test_a_note_is_no_verdict(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, _, ids = _proposed(session, now)
        decide_pair(session, ids["a"], "vetoed", "op", now, "事実と違う")
        note = NewReview(operator="other", kind="note", pair_id=ids["a"], text="見ました")
        append_review(session, note, now=now)
        history = pair_histories(session, [ids["a"], ids["b"]])
        assert [(one.kind, one.note) for one in history[ids["a"]]] == [
            ("pair", "事実と違う"),
            ("note", None),
        ]
        assert ids["b"] not in history
        assert undo_verdict(session, "op", now).status == "proposed"
