"""Turns, variants, edits, thumbs, and the life of a reply."""

from datetime import datetime

import pytest
from sqlalchemy import select

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.records import ReplyEnd, SafetyCatch
from store.replies import INTERRUPTED, begin_reply, finish_interrupted, finish_reply, grow_reply
from store.tables import SafetyEventRow
from store.turns import (
    append_variant,
    list_turns,
    load_reply,
    load_turn,
    set_feedback,
    set_learn,
    show_variant,
    supersede_from,
)
from store.visitors import Owner, new_id
from tests.store.talk import DONE, NEW_REPLY, begin, exchange, say


def test_a_new_turn_has_a_queued_reply(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = say(session, owner, conversation, "こんにちは", now)
        assert (turn.position, turn.learn, turn.shown) == (0, True, 0)
        reply = turn.replies[0]
    assert (reply.status, reply.text, reply.adapter, reply.seed) == ("queued", "", "v1", 7)
    with database.reading() as session:
        assert load_turn(session, owner, turn.id) == turn


def test_a_reply_grows_and_ends_once(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        reply_id = say(session, owner, conversation, "はい", now).replies[0].id
        assert begin_reply(session, reply_id, facts=("絢音は十七歳である。",), adapter="v2")
        assert grow_reply(session, reply_id, "ごき")
    with database.session() as session:
        growing = load_reply(session, owner, reply_id)
        assert (growing.status, growing.text, growing.adapter) == ("streaming", "ごき", "v2")
        end = ReplyEnd(status="done", text="ごきげんよう", timings={"total_seconds": 1.5})
        finished = finish_reply(session, reply_id, end, now=now)
        assert finished is not None
        assert finished.facts == ("絢音は十七歳である。",)
        assert finished.timings == {"total_seconds": 1.5}
        assert finish_reply(session, reply_id, DONE, now=now) is None
        assert not grow_reply(session, reply_id, "遅れて来た")
        assert load_reply(session, owner, reply_id).text == "ごきげんよう"


def test_what_the_filter_caught_is_an_event_and_a_flag(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = say(session, owner, conversation, "いけない言葉", now)
        caught = SafetyCatch(source="user", category="sexual", reason="r", text="いけない言葉")
        end = ReplyEnd(status="done", text="まあ、いけませんわ。", caught=caught)
        finish_reply(session, turn.replies[0].id, end, now=now)
        turn = load_turn(session, owner, turn.id)
        assert (turn.flagged, turn.replies[0].safety) == (True, True)
        event = session.scalars(select(SafetyEventRow)).one()
        assert (event.source, event.text) == ("user", "いけない言葉")
        assert event.visitor_id == owner.visitor_id


def test_replies_of_a_dead_process_are_ended_with_their_text(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        silent = say(session, owner, conversation, "一", now).replies[0].id
        spoken = say(session, owner, conversation, "二", now).replies[0].id
        done = exchange(session, owner, conversation, ("三", "済んだ"), now).replies[0]
        grow_reply(session, spoken, "途中ま")
    with database.session() as session:
        assert finish_interrupted(session, now=now) == 2
    with database.reading() as session:
        ends = {one: load_reply(session, owner, one) for one in (silent, spoken, done.id)}
    assert (ends[silent].status, ends[silent].error) == ("failed", INTERRUPTED)
    assert (ends[spoken].status, ends[spoken].text) == ("stopped", "途中ま")
    assert ends[done.id] == done


def test_variants_are_numbered_and_the_newest_is_shown(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = exchange(session, owner, conversation, ("問い", "答え"), now)
        turn = append_variant(session, turn.id, NEW_REPLY, now=now)
        assert ([reply.variant for reply in turn.replies], turn.shown) == ([0, 1], 1)
        assert show_variant(session, owner, turn.id, 0).shown == 0
        with pytest.raises(ConflictError, match="variant is 2; expected 0 to 1"):
            show_variant(session, owner, turn.id, 2)


def test_edited_turns_leave_the_view_but_not_the_store(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turns = [exchange(session, owner, conversation, (f"問{i}", "答"), now) for i in range(3)]
        gone = supersede_from(session, turns[1].id, now=now)
        assert gone == [turns[1].replies[0].id, turns[2].replies[0].id]
        fresh = say(session, owner, conversation, "言い直し", now)
        assert fresh.position == 3
        assert [t.text for t in list_turns(session, owner, conversation)] == ["問0", "言い直し"]
        kept = list_turns(session, owner, conversation, with_superseded=True)
        assert [t.text for t in kept] == ["問0", "問1", "問2", "言い直し"]
        with pytest.raises(NotFoundError):
            load_turn(session, owner, turns[1].id)


def test_a_thumb_is_set_changed_and_taken_back(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        reply_id = exchange(session, owner, conversation, ("問い", "答え"), now).replies[0].id
        down = set_feedback(session, owner, reply_id, "down", "硬い", now=now)
        assert (down.thumb, down.reason) == ("down", "硬い")
    with database.session() as session:
        up = set_feedback(session, owner, reply_id, "up", None, now=now)
        assert (up.thumb, up.reason) == ("up", None)
    with database.session() as session:
        assert set_feedback(session, owner, reply_id, None, None, now=now).thumb is None
    with database.reading() as session:
        assert load_reply(session, owner, reply_id).thumb is None


def test_an_unfinished_reply_takes_no_thumb(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        reply_id = say(session, owner, conversation, "問い", now).replies[0].id
        with pytest.raises(ConflictError, match="not finished"):
            set_feedback(session, owner, reply_id, "up", None, now=now)


def test_strangers_find_nothing(database: Database, now: datetime) -> None:
    stranger = Owner(visitor_id=new_id())
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = exchange(session, owner, conversation, ("問い", "答え"), now)
        reply_id = turn.replies[0].id
        for attempt in (
            lambda: list_turns(session, stranger, conversation),
            lambda: load_turn(session, stranger, turn.id),
            lambda: load_reply(session, stranger, reply_id),
            lambda: show_variant(session, stranger, turn.id, 0),
            lambda: set_learn(session, stranger, turn.id, learn=False),
            lambda: set_feedback(session, stranger, reply_id, "up", None, now=now),
        ):
            with pytest.raises(NotFoundError):
                attempt()
