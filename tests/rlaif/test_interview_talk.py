"""Interviews as they are held: the prompt, what she hears of before, and going on after a stop."""

from pathlib import Path

import pytest

from persona.engine import GenerationRequest
from persona.prompt import build_messages
from rlaif.interview import Interview
from rlaif.interview_talk import hold_interviews
from tests.rlaif.interview_kit import CARD, ScriptedEngine, asked, setup_for

LONG = Interview(
    id="stability-1", subject="stability", turns=(asked("一つ目？"), asked("二つ目？"))
)
APART = Interview(id="values-1", subject="values", turns=LONG.turns, continued=False)


def _echo(request: GenerationRequest) -> str:
    return f"{len(request.messages)}通ですわ。"


def test_the_prompt_is_the_chats_with_facts_of_the_turn(tmp_path: Path) -> None:
    engine = ScriptedEngine(say=_echo)
    (held,) = hold_interviews(setup_for(engine, tmp_path), [LONG])
    first, second = (batch[0] for batch in engine.batches)
    assert first.adapter == "a1"
    assert first.messages == build_messages(CARD, (), "一つ目？", ["一つの覚え書き。", "0件。"])
    history = held.dialogue().turns[:2]
    assert second.messages == build_messages(
        CARD, history, "二つ目？", ["二つの覚え書き。", "2件。"]
    )
    assert [one.shown for one in held.answers] == ["2通ですわ。", "4通ですわ。"]
    assert held.dialogue().reply == "4通ですわ。"
    assert [turn.role for turn in held.dialogue().turns] == ["user", "assistant", "user"]


@pytest.mark.parametrize(("interview", "turns"), [(APART, 6), (LONG, 0)])
def test_nothing_is_heard_of_other_conversations(
    tmp_path: Path, interview: Interview, turns: int
) -> None:
    engine = ScriptedEngine()
    hold_interviews(setup_for(engine, tmp_path, history_turns=turns), [interview])
    assert [len(request.messages) for batch in engine.batches for request in batch] == [2, 2]


def test_passes_draw_anew_and_are_the_same_next_time(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    held = hold_interviews(setup_for(engine, tmp_path), [LONG, APART], draws=2)
    assert [(one.interview.id, one.draw) for one in held] == [
        ("stability-1", 0), ("values-1", 0), ("stability-1", 1), ("values-1", 1),
    ]  # fmt: skip
    seeds = [request.sampling.seed for request in engine.batches[0]]
    assert len(set(seeds)) == 4
    again = ScriptedEngine()
    assert hold_interviews(setup_for(again, tmp_path), [LONG, APART], draws=2) == held
    assert again.batches == []


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    dying = ScriptedEngine(until=1)
    with pytest.raises(RuntimeError, match="power"):
        hold_interviews(setup_for(dying, tmp_path), [LONG])
    engine = ScriptedEngine()
    hold_interviews(setup_for(engine, tmp_path), [LONG])
    assert [request.messages[-1].content[-4:] for batch in engine.batches for request in batch] == [
        "二つ目？"
    ]


def test_another_adapter_answers_for_itself(tmp_path: Path) -> None:
    hold_interviews(setup_for(ScriptedEngine(), tmp_path), [LONG])
    engine = ScriptedEngine(say=lambda _request: "べつですの。")
    (held,) = hold_interviews(setup_for(engine, tmp_path, adapter=None), [LONG])
    assert held.answers[0].said == "べつですの。"


def test_what_the_chat_would_not_show_is_deflected(tmp_path: Path) -> None:
    engine = ScriptedEngine(say=lambda _request: "裸の写真を送りますわ。")
    (held,) = hold_interviews(setup_for(engine, tmp_path), [LONG])
    assert held.answers[0].said == "裸の写真を送りますわ。"
    assert "裸" not in held.answers[0].shown
