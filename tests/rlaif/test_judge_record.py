"""A night's verdicts of a judge can be asked for again, byte for byte, from what is stored."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from persona.card import SHIPPED_CARD, load_card
from persona.engine import Message
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue
from rlaif.judge_client import JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_preset_names import PresetName
from rlaif.judge_record import ask_again, keep_asked
from rlaif.night import run_night
from rlaif.night_ledger import NightOrder
from rlaif.scored_dialogue import scored_dialogue
from store.asked import AskedRecord, asked_record
from store.database import Database
from store.erase import erase_visitor
from store.night_records import Scored
from store.night_tables import ComparisonRow, JudgePromptRow, ScoreRow
from store.scores import append_score, load_asked, reply_or_candidate_text
from store.visitors import set_consent
from tests.rlaif import night_kit
from tests.rlaif.judge_server import Answer, Judge, compare_answer, judge_server, score_answer
from tests.rlaif.night_kit import DATE, NIGHT, Bench, install_anchor, talk_a_day
from tests.store.talk import begin, exchange

CARD = load_card(SHIPPED_CARD)


def _opinion(request: dict[str, object]) -> Answer:
    """Likes replies by their digest, and of two the first."""
    messages = request["messages"]
    assert isinstance(messages, list)
    record = json.loads(messages[-1]["content"].split("\n")[1])
    if "返事" not in record:
        return Answer(content=compare_answer("A"))
    return Answer(content=score_answer(hashlib.sha256(record["返事"].encode()).digest()[0] % 11))


def _evaluator(judge: Judge, preset: PresetName = "rubric") -> JudgeEvaluator:
    settings = JudgeSettings(base_url=judge.url, model="m", timeout_seconds=5.0)
    return JudgeEvaluator(JudgeClient(settings, sleep=lambda _: None), CARD, preset=preset)


def _sent(judge: Judge) -> list[object]:
    return [request["messages"] for request in judge.requests]


def _night(database: Database, home: Path) -> Judge:
    torch.set_num_threads(1)
    install_anchor(database, home)
    talk_a_day(database, 3)
    with judge_server(script=_opinion) as judge:
        evaluator = _evaluator(judge)
        bench = Bench(database, home, evaluator=evaluator, pair_judge=evaluator)
        # Too few pairs to train on: the night ends when it has made them.
        settings = night_kit.without(night_kit.settings(), min_pairs=1000)
        run_night(bench.parts(), settings, NightOrder(date=DATE, owner="t"), {})
    return judge


def test_every_score_and_comparison_of_a_night_is_reproduced(
    database: Database, tmp_path: Path
) -> None:
    judge = _night(database, tmp_path)
    rebuilt: list[object] = []
    with database.reading() as session:
        scores = session.scalars(select(ScoreRow)).all()
        comparisons = session.scalars(select(ComparisonRow)).all()
        assert scores
        assert comparisons
        assert len(session.scalars(select(JudgePromptRow)).all()) == 2
        for score in scores:
            dialogue = _dialogue(database, score.subject_id)
            again = ask_again(
                session, load_asked(session, score.subject_id)[score.evaluator], dialogue
            )
            assert again.exact
            assert again.calls[0].draws == ((0.0, 0),)
            rebuilt += [_json(call.messages) for call in again.calls]
            other = replace(dialogue, reply=f"{dialogue.reply}！")
            asked = load_asked(session, score.subject_id)[score.evaluator]
            assert not ask_again(session, asked, other).exact
        for row in comparisons:
            record = asked_record(row.asked)
            assert record is not None
            rejected = reply_or_candidate_text(session, row.rejected_id)
            again = ask_again(session, record, _dialogue(database, row.chosen_id), rejected)
            assert again.exact
            rebuilt += [_json(call.messages) for call in again.calls]
    assert sorted(map(_text, rebuilt)) == sorted(map(_text, _sent(judge)))


def test_withdrawn_and_erased_words_are_in_no_prompt(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with judge_server(Answer(content=score_answer())) as judge:
        evaluator = _evaluator(judge)
        with database.session() as session:
            owner, talk = begin(session, now=now)
            set_consent(session, owner, allow=True, now=now)
            turn = exchange(session, owner, talk, ("合言葉は山", "川ですわ。"), now)
        reply = turn.replies[0].id
        (verdict,) = evaluator.assess([_dialogue(database, reply, now)])
        assert isinstance(verdict, Assessment)
        with database.session() as session:
            asked = keep_asked(session, verdict.asked, now=now)
            scored = Scored(
                subject_id=reply,
                reply_id=reply,
                candidate_id=None,
                evaluator=evaluator.id,
                values=verdict.values,
                asked=asked,
            )
            append_score(session, scored, now=now)
    assert asked is not None
    with database.session() as session:
        assert load_asked(session, reply) == {evaluator.id: asked}
        (prompt,) = session.scalars(select(JudgePromptRow)).all()
        assert "合言葉" not in prompt.document
        assert prompt.sha256 == hashlib.sha256(prompt.document.encode()).hexdigest()
        set_consent(session, owner, allow=False, now=now)
    with database.reading() as session:
        span = timedelta(days=90)
        assert scored_dialogue(session, reply, now=now, retention=span) is None
        assert scored_dialogue(session, "nothing", now=now, retention=span) is None
    erase_visitor(database, owner.visitor_id, exports=tmp_path, actor="test", now=now)
    with database.session() as session:
        assert load_asked(session, reply) == {}


def test_a_prompt_that_was_not_kept_is_said_to_be_missing(database: Database) -> None:
    asked = AskedRecord(prompt="f" * 64, nonce="0", draws=(), digest="", reading="text")
    dialogue = Dialogue(turns=(Message(role="user", content="やあ"),), reply="はい。")
    with (
        database.reading() as session,
        pytest.raises(EvaluatorError, match="ffffffffffff of this verdict is not in the database"),
    ):
        ask_again(session, asked, dialogue)


def test_a_reply_held_against_the_stock_reply_is_reproduced(
    database: Database, now: datetime
) -> None:
    dialogue = Dialogue(turns=(Message(role="user", content="やあ"),), reply="はい。")
    with judge_server(Answer(content=compare_answer("A"))) as judge:
        (verdict,) = _evaluator(judge, "pairwise").assess([dialogue])
    assert isinstance(verdict, Assessment)
    with database.session() as session:
        asked = keep_asked(session, verdict.asked, now=now)
        assert asked is not None
        again = ask_again(session, asked, dialogue)
    assert again.exact
    assert [_json(call.messages) for call in again.calls] == _sent(judge)


def _text(messages: object) -> str:
    return json.dumps(messages, ensure_ascii=False)


def _dialogue(database: Database, subject_id: str, now: datetime = NIGHT) -> Dialogue:
    with database.reading() as session:
        found = scored_dialogue(session, subject_id, now=now, retention=timedelta(days=90))
    assert found is not None
    return found


def _json(messages: object) -> object:
    assert isinstance(messages, tuple)
    return [{"role": one.role, "content": one.content} for one in messages]
