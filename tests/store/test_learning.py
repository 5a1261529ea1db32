"""Consent decides what may be learnt from."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from store.conversations import mark_deleted
from store.database import Database
from store.learning import list_learnable
from store.night_records import LearnableTurn, NewConflict, NewReview
from store.night_tables import ReviewRow
from store.pair_queue import list_conflicts, resolve_conflict, save_conflicts
from store.records import ReplyEnd, SafetyCatch, Turn
from store.replies import begin_reply, finish_reply
from store.reviews import append_review, restore_review, retract_review
from store.turns import append_variant, set_feedback, set_learn, show_variant, supersede_from
from store.visitors import Owner, set_consent
from tests.store.rehearsal import claim, talk
from tests.store.talk import NEW_REPLY, begin, exchange, say

RETENTION = timedelta(days=90)
Change = Callable[[Session, Owner, Turn, datetime], object]


def _texts(session: Session, at: datetime) -> list[str]:
    return [one.user_text for one in list_learnable(session, now=at, retention=RETENTION)]


def test_nothing_is_learnt_before_a_choice_and_after_a_no(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("選ぶ前", "答え"), now)
        assert _texts(session, now) == []
        yes = now + timedelta(minutes=1)
        set_consent(session, owner, allow=True, now=yes)
        exchange(session, owner, conversation, ("選んだ後", "答え"), yes)
        assert _texts(session, yes) == ["選んだ後"]
        set_consent(session, owner, allow=False, now=yes)
        assert _texts(session, yes) == []
        set_consent(session, owner, allow=True, now=yes + timedelta(minutes=1))
        assert _texts(session, yes + timedelta(minutes=2)) == []


def _catch(session: Session, owner: Owner, turn: Turn, now: datetime) -> None:
    variant = append_variant(session, turn.id, NEW_REPLY, now=now).replies[1]
    caught = SafetyCatch(source="reply", category="sexual", reason="r", text="x")
    finish_reply(session, variant.id, ReplyEnd(status="done", text="y", caught=caught), now=now)


@pytest.mark.parametrize(
    "change",
    [
        lambda session, owner, turn, now: set_learn(session, owner, turn.id, learn=False),
        lambda session, owner, turn, now: supersede_from(session, turn.id, now=now),
        lambda session, owner, turn, now: mark_deleted(
            session, owner, turn.conversation_id, now=now
        ),
        lambda session, owner, turn, now: append_variant(session, turn.id, NEW_REPLY, now=now),
        _catch,
    ],
    ids=["do not learn", "edited away", "deleted", "unfinished", "caught by the filter"],
)
def test_exceptions_are_left_out(database: Database, now: datetime, change: Change) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        turn = exchange(session, owner, conversation, ("学んでよい", "答え"), now)
        assert _texts(session, now) == ["学んでよい"]
        change(session, owner, turn, now)
        assert _texts(session, now) == []


def test_old_turns_fall_out_of_retention(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        exchange(session, owner, conversation, ("昔", "答え"), now)
        assert _texts(session, now + timedelta(days=89)) == ["昔"]
        assert _texts(session, now + timedelta(days=90)) == []


def _learnable(session: Session, at: datetime, *, history: int = 6) -> list[LearnableTurn]:
    session.flush()
    session.expire_all()
    return list_learnable(
        session, now=at + timedelta(hours=1), retention=RETENTION, history_turns=history
    )


def test_a_turn_comes_with_the_talk_before_it(database: Database, now: datetime) -> None:
    words = [(f"問い{number}", f"答え{number}") for number in range(4)]
    with database.session() as session:
        _, _ = talk(session, now, ("別の人", "別の答え"))
        _, turns = talk(session, now, *words)
        found = {one.turn_id: one for one in _learnable(session, now, history=2)}
        assert found[turns[0].id].turns == ()
        assert found[turns[3].id].turns == (
            ("user", "問い1"),
            ("assistant", "答え1"),
            ("user", "問い2"),
            ("assistant", "答え2"),
        )
        assert found[turns[3].id].user_text == "問い3"
        assert found[turns[3].id].created_at == turns[3].created_at
        assert {one.turns for one in _learnable(session, now, history=0)} == {()}


def test_context_ends_before_what_must_not_be_learnt(database: Database, now: datetime) -> None:
    words = [(f"問い{number}", f"答え{number}") for number in range(4)]
    with database.session() as session:
        owner, turns = talk(session, now, *words)
        set_learn(session, owner, turns[1].id, learn=False)
        last = _learnable(session, now)[-1]
        assert [text for _, text in last.turns] == ["問い2", "答え2"]


def test_context_leaves_out_what_was_said_before_consent(database: Database, now: datetime) -> None:
    yes = now + timedelta(minutes=5)
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("選ぶ前", "答え"), now)
        set_consent(session, owner, allow=True, now=yes)
        exchange(session, owner, conversation, ("選んだ後", "答え"), yes)
        (only,) = _learnable(session, yes)
        assert (only.user_text, only.turns) == ("選んだ後", ())


def test_deflected_and_edited_turns_were_not_in_the_prompt(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, turns = talk(session, now, ("朝", "おはよう。"), ("言い直す前", "はい。"))
        conversation = turns[0].conversation_id
        supersede_from(session, turns[1].id, now=now)
        later = now + timedelta(minutes=2)
        flagged = say(session, owner, conversation, "危うい", later)
        caught = SafetyCatch(source="user", category="sexual", reason="r", text="危うい")
        end = ReplyEnd(status="done", text="いけませんわ", caught=caught)
        finish_reply(session, flagged.replies[0].id, end, now=later)
        stopped = say(session, owner, conversation, "長い話", later)
        finish_reply(
            session, stopped.replies[0].id, ReplyEnd(status="stopped", text="それは"), now=later
        )
        failed = say(session, owner, conversation, "答えがない", later)
        finish_reply(session, failed.replies[0].id, ReplyEnd(status="failed", text=""), now=later)
        exchange(session, owner, conversation, ("夜", "おやすみ。"), later)
        last = _learnable(session, now)[-1]
        assert [text for _, text in last.turns] == ["朝", "おはよう。", "長い話", "それは"]


def _variant(session: Session, turn: Turn, text: str, now: datetime) -> str:
    reply = append_variant(session, turn.id, NEW_REPLY, now=now).replies[-1]
    begin_reply(session, reply.id, facts=("絢音は猫が好きである。",), adapter="v2")
    finish_reply(session, reply.id, ReplyEnd(status="done", text=text), now=now)
    return reply.id


def test_variants_carry_what_the_visitor_thought(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn, plain) = talk(session, now, ("問い", "一つ目"), ("次", "普通"))
        second = _variant(session, turn, "二つ目", now)
        third = _variant(session, turn, "三つ目", now)
        unfinished = append_variant(session, turn.id, NEW_REPLY, now=now).replies[-1]
        finish_reply(session, unfinished.id, ReplyEnd(status="stopped", text="四つ"), now=now)
        show_variant(session, owner, turn.id, 1)
        set_feedback(session, owner, second, "up", None, now=now)
        set_feedback(session, owner, third, "down", "そっけない", now=now)
        found = {one.turn_id: one for one in _learnable(session, now)}
        one = found[turn.id]
        assert [(reply.text, reply.shown, set(reply.signals)) for reply in one.replies] == [
            ("一つ目", False, {"regenerated_away"}),
            ("二つ目", True, {"kept", "thumb_up"}),
            ("三つ目", False, {"regenerated_away", "thumb_down"}),
        ]
        assert one.shown.id == second
        assert (one.shown.adapter, one.shown.facts) == ("v2", ("絢音は猫が好きである。",))
        assert found[plain.id].replies[0].signals == frozenset()


def test_the_newest_edit_of_an_operator_is_an_option(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn, other) = talk(session, now, ("問い", "固い答え"), ("次", "普通"))
        reply = turn.replies[0].id
        edits = [
            append_review(
                session,
                NewReview(operator="op", kind="edit", reply_id=reply, text=text),
                now=now,
            )
            for text in ("一度目", "やわらかい答えですわ。")
        ]
        found = {one.turn_id: one for one in _learnable(session, now)}
        shown = found[turn.id].shown
        assert (shown.edit, shown.edit_id) == ("やわらかい答えですわ。", f"edit-{edits[1].id}")
        assert shown.signals == {"edited"}
        assert found[other.id].shown.edit is None


def test_a_corrected_fact_is_no_option_and_its_reply_is_marked(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _, (turn, other) = talk(session, now, ("歳は？", "十六ですわ。"), ("次", "普通"))
        reply = turn.replies[0].id
        edit = NewReview(operator="op", kind="edit", reply_id=reply, text="十七ですわ。")
        kept = append_review(session, edit, now=now)
        session.execute(update(ReviewRow).where(ReviewRow.id == kept.id).values(route="fact"))
        found = {one.turn_id: one for one in _learnable(session, now)}
        shown = found[turn.id].shown
        assert (shown.edit, shown.signals, shown.wrong_of_fact) == (None, frozenset(), True)
        assert found[turn.id].evidence_at is None
        assert not found[other.id].shown.wrong_of_fact


def test_the_newest_verdict_of_a_person_dates_the_evidence(
    database: Database, now: datetime
) -> None:
    at = [now + timedelta(minutes=minute) for minute in range(10)]
    with database.session() as session:
        owner, (turn, _) = talk(session, now, ("朝", "おはよう。"), ("夜", "こんばんは。"))
        reply = turn.replies[0].id

        def evidence() -> list[datetime | None]:
            return [one.evidence_at for one in _learnable(session, now)]

        assert evidence() == [None, None]
        set_feedback(session, owner, reply, "down", None, now=at[3])
        assert evidence() == [at[3], None]
        edit = NewReview(operator="op", kind="edit", reply_id=reply, text="おはようございますわ。")
        append_review(session, edit, now=at[4])
        assert evidence() == [at[4], None]
        note = NewReview(operator="op", kind="note", reply_id=reply, text="?")
        append_review(session, note, now=at[5])
        variant = append_variant(session, turn.id, NEW_REPLY, now=at[5]).replies[1].id
        finish_reply(session, variant, ReplyEnd(status="done", text="よい朝ですわ。"), now=at[6])
        assert evidence() == [at[6], None]
        conflict = NewConflict(
            turn_id=turn.id, reply_id=reply, signal="thumb_down", reward_quantile=0.9
        )
        save_conflicts(session, claim(session, now), [conflict], now=at[7])
        assert evidence() == [at[6], None]
        resolve_conflict(session, list_conflicts(session)[0].id, "visitor", "op", at[8])
        assert evidence() == [at[8], None]
        assert _learnable(session, now)[0].replies[0].settled == {"thumb_down": "visitor"}


def test_the_newest_standing_verdict_of_an_operator_is_a_signal(
    database: Database, now: datetime
) -> None:
    at = [now + timedelta(minutes=minute) for minute in range(5)]
    with database.session() as session:
        _, (turn, _) = talk(session, now, ("朝", "おはよう。"), ("夜", "こんばんは。"))
        reply = turn.replies[0].id

        def heard() -> tuple[set[str], datetime | None]:
            said, silent = _learnable(session, now)
            assert (silent.shown.signals, silent.evidence_at) == (frozenset(), None)
            return set(said.shown.signals), said.evidence_at

        given = [
            append_review(
                session,
                NewReview(operator=who, kind="verdict", reply_id=reply, text=text),
                now=moment,
            )
            for who, text, moment in (("one", "good", at[1]), ("two", "bad", at[2]))
        ]
        assert heard() == ({"operator_bad"}, at[2])
        retract_review(session, given[1].id, "two", note=None, now=at[3])
        assert heard() == ({"operator_good"}, at[1])
        retract_review(session, given[0].id, "one", note=None, now=at[3])
        assert heard() == (set(), None)
        restore_review(session, given[0].id, "one", note=None, now=at[4])
        assert heard() == ({"operator_good"}, at[1])
