"""`yogeiko evaluator asked`: what a judge was sent, or one sentence why it cannot be told."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from app.clock import utc_now
from app.settings import load_settings
from persona.card import SHIPPED_CARD, load_card
from persona.engine import Message
from rlaif.evaluator import Assessment, Dialogue
from rlaif.judge_client import JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_record import keep_asked
from store.database import open_database
from store.night_records import Scored
from store.scores import append_score
from store.visitors import set_consent
from tests.rlaif.judge_server import Answer, judge_server, score_answer
from tests.store.talk import begin, exchange


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["evaluator", "asked", *arguments])


def _scored_reply(home: Path) -> tuple[str, list[dict[str, object]]]:
    """A reply with a judge's score, and the requests that the judge got for it."""
    database, now = open_database(load_settings(home).database_url), utc_now()
    with database.session() as session:
        owner, talk = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        turn = exchange(session, owner, talk, ("趣味は？", "バイオリンですの。"), now)
    dialogue = Dialogue(
        turns=(Message(role="user", content="趣味は？"),), reply="バイオリンですの。"
    )
    with judge_server(Answer(content=score_answer())) as judge:
        settings = JudgeSettings(base_url=judge.url, model="m")
        evaluator = JudgeEvaluator(JudgeClient(settings), load_card(SHIPPED_CARD))
        (verdict,) = evaluator.assess([dialogue])
    assert isinstance(verdict, Assessment)
    reply = turn.replies[0].id
    with database.session() as session:
        scored = Scored(
            subject_id=reply,
            reply_id=reply,
            candidate_id=None,
            evaluator=evaluator.id,
            values=verdict.values,
            asked=keep_asked(session, verdict.asked, now=now),
        )
        append_score(session, scored, now=now)
    return reply, judge.requests


def test_the_messages_of_a_score_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    reply, requests = _scored_reply(tmp_path)
    told = _run(reply, "--home", str(tmp_path), "--json")
    assert told.exit_code == 0, told.output
    ((evaluator, found),) = json.loads(told.output).items()
    assert found["exact"] is True
    assert found["calls"][0]["messages"] == requests[0]["messages"]
    assert found["calls"][0]["draws"] == [{"temperature": 0.0, "seed": 0}]
    plain = _run(reply, "--home", str(tmp_path))
    assert plain.output.startswith(f"{evaluator}  (exactly as sent)\n")
    assert "バイオリンですの。" in plain.output
    other = _run(reply, "--home", str(tmp_path), "--evaluator", "judge:rubric:n:1")
    assert other.exit_code == 1
    assert evaluator in other.output
    nobody = _run("r1", "--home", str(tmp_path))
    assert nobody.exit_code == 1
    assert "no judge scored it" in nobody.output
    assert len(nobody.output.strip().splitlines()) == 1
