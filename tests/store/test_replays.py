"""What is kept of a reply's prompt, and what is rebuilt where nothing was kept."""

from datetime import datetime, timedelta

import pytest

from store.conversations import mark_deleted
from store.database import Database
from store.errors import NotFoundError
from store.records import NewReply, Prompted
from store.replays import load_replay_source, reply_is_there
from store.replies import begin_reply, finish_reply
from store.turns import append_variant, show_variant, supersede_from
from tests.store.talk import DONE, begin, exchange, say


def test_a_reply_keeps_the_very_replies_that_stood_before_it(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        first = exchange(session, owner, conversation, ("一", "壱"), now)
        second = exchange(session, owner, conversation, ("二", "弐"), now)
        asked = say(session, owner, conversation, "三", now)
        reply = asked.replies[0].id
        context = (first.replies[0].id, second.replies[0].id)
        prompted = Prompted(context=context, base="b", prompt="p")
        begin_reply(session, reply, facts=("事実",), adapter="v2", prompted=prompted)
        finish_reply(session, reply, DONE, now=now)
        again = append_variant(
            session,
            first.id,
            NewReply(origin="regenerated", adapter="v1", seed=8, sampling={}),
            now=now,
        )
        finish_reply(session, again.replies[1].id, DONE, now=now)
    with database.reading() as session:
        source = load_replay_source(session, reply, history_turns=1)
    assert source.history == (("一", "壱"), ("二", "弐"))
    assert source.exact
    assert (source.facts, source.adapter, source.seed) == (("事実",), "v2", 7)
    assert (source.base, source.prompt, source.text) == ("b", "p", "ごきげんよう。")
    assert source.ended


def test_an_older_reply_gets_what_is_shown_and_says_so(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        for number in range(3):
            exchange(session, owner, conversation, (f"問{number}", f"答{number}"), now)
        edited = exchange(session, owner, conversation, ("直す前", "前の答え"), now)
        supersede_from(session, edited.id, now=now + timedelta(seconds=1))
        later = now + timedelta(minutes=1)
        asked = exchange(session, owner, conversation, ("いま", "はい"), later)
    with database.reading() as session:
        source = load_replay_source(session, asked.replies[0].id, history_turns=2)
        old = load_replay_source(session, edited.replies[0].id, history_turns=9)
    assert source.history == (("問1", "答1"), ("問2", "答2"))
    assert not source.exact
    assert old.history == (("問0", "答0"), ("問1", "答1"), ("問2", "答2"))


def test_a_noted_reply_that_is_gone_makes_the_history_approximate(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("一", "壱"), now)
        asked = say(session, owner, conversation, "二", now)
        prompted = Prompted(context=("f" * 32,), base="b", prompt="p")
        begin_reply(session, asked.replies[0].id, facts=(), adapter=None, prompted=prompted)
    with database.reading() as session:
        source = load_replay_source(session, asked.replies[0].id, history_turns=6)
    assert (source.history, source.exact) == ((("一", "壱"),), False)
    assert not source.ended


def test_a_deleted_conversation_is_not_replayed(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = exchange(session, owner, conversation, ("一", "壱"), now)
        show_variant(session, owner, turn.id, 0)
        assert reply_is_there(session, turn.replies[0].id)
        mark_deleted(session, owner, conversation, now=now)
        session.flush()
        assert not reply_is_there(session, turn.replies[0].id)
        for one in (turn.replies[0].id, "f" * 32):
            with pytest.raises(NotFoundError):
                load_replay_source(session, one, history_turns=6)
