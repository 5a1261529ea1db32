"""A reply that was made through the chat, said once more."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ReplayRefusedError
from app.replay import Replayed, check_source, liken, ready_exactly, replay
from app.speaker import Brain, Speaker
from persona.engine import GenerationRequest
from store.records import Adapter
from store.replays import ReplaySource, load_replay_source
from tests.app.house import House, exchange, follow, open_house, start_conversation
from tests.conftest import NOW
from tests.fakes import FakeEngine, make_brain, make_speaker

RUNS = threading.Event()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def house(tmp_path: Path, engine: FakeEngine) -> Iterator[House]:
    with open_house(tmp_path, engine) as opened:
        yield opened


def _source(house: House, reply_id: str) -> ReplaySource:
    with house.database.reading() as session:
        return load_replay_source(session, reply_id, history_turns=6)


def _again(source: ReplaySource, engine: FakeEngine, speaker: Speaker | None = None) -> Replayed:
    return replay(source, None, make_brain(engine), speaker or make_speaker(), RUNS)


def _adapter(**changes: object) -> Adapter:
    values = {
        "id": "v9", "parent_id": None, "kind": "sft", "base": "0" * 64, "sha256": "a",
        "folder": "/nowhere", "manifest": {}, "created_at": NOW, **changes,
    }  # fmt: skip
    return Adapter(**values)  # type: ignore[arg-type]


def test_the_engine_is_asked_exactly_what_it_was_asked_then(
    house: House, engine: FakeEngine
) -> None:
    client = house.client()
    conversation = start_conversation(client)
    exchange(client, conversation, "ヴァイオリンはお好き？")
    turn = exchange(client, conversation, "ヴァイオリンはいつから？")
    asked = engine.requests[-1]
    exchange(client, conversation, "そのあとの話")
    again = client.post(f"/api/turns/{turn['id']}/regenerate").json()["turn"]
    follow(client, again["replies"][1]["id"])
    source = _source(house, turn["replies"][0]["id"])
    replayed = _again(source, engine)
    assert engine.requests[-1] == asked
    assert isinstance(asked, GenerationRequest)
    assert len(asked.messages) == 3
    assert source.exact
    likening = liken(source, replayed, None)
    assert (likening.likeness, likening.reasons) == ("same", ())


def test_what_is_flagged_is_deflected_and_never_shown(house: House, engine: FakeEngine) -> None:
    client = house.client()
    conversation = start_conversation(client)
    engine.script += ["まあNGWORDですわ。", "はい。"]
    caught = exchange(client, conversation, "こんにちは")
    flagged = exchange(client, conversation, "NGWORD")
    plain = exchange(client, conversation, "元気？")
    deflection = "そのお話は、わたくしには早うございますわ。"
    for turn in (caught, flagged):
        engine.script[:] = ["まあNGWORDですわ。"]
        source = _source(house, turn["replies"][0]["id"])
        replayed = _again(source, engine)
        assert (replayed.text, replayed.deflected) == (deflection, True)
        assert liken(source, replayed, None).likeness == "same"
    engine.script[:] = ["まあNGWORDですわ。"]
    replayed = _again(_source(house, plain["replies"][0]["id"]), engine)
    assert (replayed.text, replayed.deflected) == (deflection, True)


def test_a_difference_comes_with_what_may_explain_it(house: House, engine: FakeEngine) -> None:
    client = house.client()
    turn = exchange(client, start_conversation(client), "こんにちは")
    source = _source(house, turn["replies"][0]["id"])
    same = _again(source, engine)
    other = replace(same, text="ちがう返事")
    assert liken(source, other, None).reasons == ("unexplained",)
    assert liken(source, other, "v2").reasons == ("other_adapter",)
    based = replace(other, base="f" * 16, prompt="f" * 16)
    assert liken(source, based, None).reasons == ("other_base", "other_prompt")
    older = replace(source, base=None, prompt=None, exact=False)
    assert liken(older, other, None).reasons == ("unknown_base", "rebuilt_history")
    reworded = replace(
        make_speaker(), compose=lambda _h, text, _f: make_speaker().compose((), text + "。", ())
    )
    changed = _again(source, engine, reworded)
    assert changed.prompt != source.prompt == same.prompt


def test_a_stopped_reply_is_the_beginning_of_its_replay(house: House, engine: FakeEngine) -> None:
    client = house.client()
    turn = exchange(client, start_conversation(client), "こんにちは")
    source = _source(house, turn["replies"][0]["id"])
    stopped = replace(source, status="stopped", text=source.text[:5])
    assert liken(stopped, _again(source, engine), None).likeness == "cut"
    wrong = replace(stopped, text="ほかの")
    assert liken(wrong, _again(source, engine), None).likeness == "different"


def test_what_cannot_be_replayed_is_refused_with_a_code(house: House, engine: FakeEngine) -> None:
    client = house.client()
    turn = exchange(client, start_conversation(client), "こんにちは")
    source = _source(house, turn["replies"][0]["id"])
    for broken, code in (
        (replace(source, status="failed"), "replay_unfinished"),
        (replace(source, sampling={"temperature": -1}), "replay_unknown_sampling"),
    ):
        with pytest.raises(ReplayRefusedError, match=code):
            check_source(broken)
    engine.max_queue = 0
    with pytest.raises(ReplayRefusedError, match="replay_busy"):
        _again(source, engine)
    engine.max_queue, engine.script[:] = 9, [RuntimeError("boom")]
    with pytest.raises(ReplayRefusedError, match="replay_failed"):
        _again(source, engine)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tainted_at": NOW, "taint_reason": "erased"}, "adapter_tainted"),
        ({"base": "1" * 64}, "adapter_other_base"),
        ({"id": "bad"}, "adapter_damaged"),
    ],
)
def test_an_adapter_that_may_not_speak_is_refused(changes: dict, code: str) -> None:
    brain: Brain = make_brain(FakeEngine(refused_adapters=frozenset({"bad"})))
    with pytest.raises(ReplayRefusedError, match=code):
        ready_exactly(brain, _adapter(**changes))
    assert brain.engine.adapters() == []
    ready_exactly(brain, _adapter())
    ready_exactly(brain, None)
    assert brain.engine.adapters() == ["v9"]


def test_a_stop_ends_a_replay(house: House, engine: FakeEngine) -> None:
    client = house.client()
    turn = exchange(client, start_conversation(client), "こんにちは")
    source = _source(house, turn["replies"][0]["id"])
    engine.hold()
    wanted = threading.Event()
    wanted.set()
    stopped = replay(source, None, make_brain(engine), make_speaker(), wanted)
    engine.release()
    assert stopped.stopped
    assert source.text.startswith(stopped.text)
