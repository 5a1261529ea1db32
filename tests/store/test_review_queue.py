"""What waits for whom, and that two operators are never given the same reply at once."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store import review_queue
from store.conversations import mark_deleted
from store.database import Database
from store.errors import NotFoundError
from store.night_records import NewConflict, NewReview, ReviewKind
from store.pair_queue import list_conflicts, resolve_conflict, save_conflicts
from store.records import ReplyEnd, SafetyCatch, Turn
from store.replies import finish_reply
from store.review_claims import Subject, claim_replies, review_progress
from store.review_queue import FoundBy, list_waiting
from store.review_subject import list_given_scores, load_subject
from store.reviews import append_review, undo_last
from store.scores import append_score
from store.turns import append_variant, supersede_from
from tests.store.rehearsal import EVALUATOR, claim, talk, verdict
from tests.store.talk import NEW_REPLY, say

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def _found(session: Session, now: datetime, operator: str = "op") -> dict[str, set[FoundBy]]:
    session.flush()
    return {one.reply_id: set(one.found_by) for one in list_waiting(session, operator, now=now)}


def _judge(
    session: Session, reply: str, by: str, now: datetime, kind: ReviewKind = "verdict"
) -> None:
    text = "good" if kind == "verdict" else "x"
    review = NewReview(operator=by, kind=kind, reply_id=reply, text=text, note="理由")
    append_review(session, review, now=now)


def _subjects(turns: list[Turn]) -> list[Subject]:
    return [Subject(reply_id=turn.replies[0].id, turn_id=turn.id) for turn in turns]


def test_conflicts_and_safety_events_are_found_however_old(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_queue, "_NEWEST", 1)
    with database.session() as session:
        owner, turns = talk(session, now, WORDS, WORDS, ("新しい", "はい。"))
        disputed, plain, newest = (turn.replies[0].id for turn in turns)
        conflict = NewConflict(
            turn_id=turns[0].id, reply_id=disputed, signal="thumb_down", reward_quantile=0.9
        )
        save_conflicts(session, claim(session, now), [conflict], now=now)
        caught = SafetyCatch(source="user", category="sexual", reason="r", text="危うい")
        flagged = say(session, owner, turns[0].conversation_id, "危うい", now).replies[0].id
        end = ReplyEnd(status="done", text="いけませんわ", caught=caught)
        finish_reply(session, flagged, end, now=now)
        assert _found(session, now) == {
            disputed: {"conflict"},
            flagged: {"safety"},
            newest: {"newest"},
        }
        assert load_subject(session, disputed).conflicts == ("thumb_down",)
        assert [one.text for one in load_subject(session, flagged).caught] == ["危うい"]
        resolve_conflict(session, list_conflicts(session)[0].id, "visitor", "op", now)
        assert disputed not in _found(session, now)
        assert plain not in _found(session, now)


def test_nobody_gets_what_is_unfinished_or_out_of_view(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turns = talk(session, now, WORDS, ("言い直す前", "はい。"))
        other, (gone,) = talk(session, now, ("消す", "はい。"))
        regenerated = append_variant(session, turns[0].id, NEW_REPLY, now=now).replies[1].id
        assert set(_found(session, now)) == {turns[1].replies[0].id, gone.replies[0].id}
        finish_reply(session, regenerated, ReplyEnd(status="done", text="別の答え"), now=now)
        supersede_from(session, turns[1].id, now=now)
        mark_deleted(session, other, gone.conversation_id, now=now)
        assert set(_found(session, now)) == {regenerated}
        with pytest.raises(NotFoundError):
            load_subject(session, gone.replies[0].id)


@pytest.mark.parametrize("kind", ["verdict", "edit", "contradiction", "exclude", "skip", "note"])
def test_own_reviews_and_skips_do_not_come_back_until_undone(
    database: Database, now: datetime, kind: ReviewKind
) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        _judge(session, reply, "op", now, kind)
        assert (reply in _found(session, now)) == (kind == "note")
        undo_last(session, "op", now=now)
        assert reply in _found(session, now)


def test_what_another_reviewed_comes_once_more_as_a_second(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _, turns = talk(session, now, WORDS, WORDS, WORDS)
        judged, edited, skipped = (turn.replies[0].id for turn in turns)
        _judge(session, judged, "op2", now)
        _judge(session, edited, "op2", now, "edit")
        _judge(session, skipped, "op2", now, "skip")
        assert _found(session, now) == {judged: {"second"}, skipped: {"newest"}}
        _judge(session, judged, "op3", now)
        assert judged not in _found(session, now), "two have seen it"
        assert judged not in _found(session, now, "op2")


def test_bulk_actions_count_as_reviewed_but_call_for_no_second(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        bulk = NewReview(
            operator="op2", kind="verdict", reply_id=turn.replies[0].id, text="good", bulk_id="b"
        )
        append_review(session, bulk, now=now)
        assert _found(session, now) == {}
        assert review_progress(session, "op2", since=now).in_all == 0


def test_the_newest_verdict_of_each_evaluator_comes_along(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        append_score(session, verdict(reply, 6.0), now=now)
        append_score(session, replace(verdict(reply, 2.0, evaluator="fed-1"), spread={}), now=now)
        (waiting,) = list_waiting(session, "op", now=now)
        trust = {name: one.values["trust"] for name, one in waiting.verdicts.items()}
        assert trust == {EVALUATOR: 6.0, "fed-1": 2.0}
        assert waiting.verdicts[EVALUATOR].spread == {"trust": 0.5}
        assert [one.evaluator for one in list_given_scores(session, reply)] == ["fed-1", EVALUATOR]


def test_a_claim_holds_for_ten_minutes_and_is_renewed(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turns = talk(session, now, WORDS, WORDS, WORDS)
        a, b, c = _subjects(turns)
        ids = [one.reply_id for one in (a, b, c)]
        assert claim_replies(session, "op", [a, b, c], most=2, now=now) == ids[:2]
        assert set(_found(session, now)) == set(ids)
        assert set(_found(session, now, "op2")) == {ids[2]}
        assert claim_replies(session, "op2", [a, b, c], most=2, now=now) == ids[2:]
        soon = now + timedelta(minutes=9)
        assert claim_replies(session, "op", [a], most=2, now=soon) == ids[:1]
        late = now + timedelta(minutes=11)
        assert set(_found(session, late, "op2")) == set(ids[1:])
        assert claim_replies(session, "op2", [a, b, c], most=3, now=late) == ids[1:]


def test_two_who_ask_at_once_get_different_replies(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turns = talk(session, now, *[WORDS] * 12)
    wanted = _subjects(turns)
    given: dict[str, list[str]] = {}
    start = threading.Barrier(4)

    def ask(operator: str) -> None:
        start.wait(timeout=10)
        with database.session() as session:
            given[operator] = claim_replies(session, operator, wanted, most=3, now=now)

    threads = [threading.Thread(target=ask, args=(f"op{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert {len(ids) for ids in given.values()} == {3}
    assert len({one for ids in given.values() for one in ids}) == 12


def test_progress_counts_replies_not_rows(database: Database, now: datetime) -> None:
    yesterday = now - timedelta(days=1)
    with database.session() as session:
        _, turns = talk(session, now, WORDS, WORDS, WORDS)
        a, b, c = (turn.replies[0].id for turn in turns)
        _judge(session, a, "op", yesterday)
        _judge(session, b, "op", now)
        _judge(session, b, "op", now, "edit")
        _judge(session, c, "op", now, "skip")
        _judge(session, c, "op2", now)
        found = review_progress(session, "op", since=now - timedelta(hours=12))
        assert (found.today, found.in_all) == (1, 2)
        undo_last(session, "op", now=now)  # the skip
        undo_last(session, "op", now=now)
        assert review_progress(session, "op", since=now).today == 0


def test_a_subject_is_read_with_the_talk_before_it(database: Database, now: datetime) -> None:
    with database.session() as session:
        words = [(f"問い{n}", f"答え{n}") for n in range(4)]
        _, turns = talk(session, now, *words)
        supersede_from(session, turns[3].id, now=now)
        session.expire_all()
        found = load_subject(session, turns[2].replies[0].id, turns_before=1)
        assert found.before == (("user", "問い1"), ("assistant", "答え1"))
        assert (found.user_text, found.reply.text) == ("問い2", "答え2")
