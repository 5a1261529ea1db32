import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from persona.engine import (
    Event,
    Failed,
    Finished,
    Generation,
    GenerationRequest,
    Message,
    Queued,
    Sampling,
    TextDelta,
)
from persona.errors import AdapterError, EngineBusyError, EngineError
from persona.local_engine import EngineSettings, LocalEngine
from tests.persona.tiny_model import tiny_loaded, write_adapter

_SYSTEM = "わたしは本。すきなものは稽古です。" * 2
_GREEDY = Sampling(temperature=0, repetition_penalty=1.3, max_new_tokens=24)
_SHORT = Sampling(temperature=0, repetition_penalty=1.3, max_new_tokens=8)
_LONG = Sampling(temperature=0, repetition_penalty=1.3, max_new_tokens=150)
NAMES = ["v1", "v2", "v3", "v4"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(root / name, seed) for seed, name in enumerate(NAMES)}


def _engine(folders: dict[str, Path], **changes: object) -> LocalEngine:
    settings = {"block_tokens": 8, "max_context_tokens": 500, "threads": 1} | changes
    engine = LocalEngine(tiny_loaded(), EngineSettings(**settings))  # type: ignore[arg-type]
    for name, folder in folders.items():
        engine.add_adapter(name, folder)
    return engine


@pytest.fixture
def engine(folders: dict[str, Path]) -> Iterator[LocalEngine]:
    engine = _engine(folders)
    yield engine
    engine.close()


def _ask(text: str, adapter: str | None = None, sampling: Sampling = _GREEDY) -> GenerationRequest:
    messages = (Message(role="system", content=_SYSTEM), Message(role="user", content=text))
    return GenerationRequest(messages=messages, adapter=adapter, sampling=sampling)


def _end(generation: Generation) -> Finished:
    last = list(generation.events())[-1]
    assert isinstance(last, Finished), last
    return last


def _first(generation: Generation, kind: type[Event]) -> Iterator[Event]:
    """Read events up to the first of a kind; the rest stays in the returned iterator."""
    events = generation.events()
    while not isinstance(next(events), kind):
        pass
    return events


def test_deltas_make_the_text_and_the_figures_fit(engine: LocalEngine) -> None:
    events = list(engine.submit(_ask("こんにちは")).events())
    last = events[-1]
    assert isinstance(events[0], Queued)
    assert isinstance(last, Finished)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == last.text
    assert last.reply_tokens == 24
    assert last.reason == "length"
    assert 0 <= last.queue_seconds <= last.first_token_seconds <= last.total_seconds


def test_greedy_with_prefix_reuse_equals_without(folders: dict[str, Path]) -> None:
    with_reuse = _engine(folders)
    without = _engine(folders, prefix_cache_bytes=0)
    questions = ["なにをよむ？", "なにをよむの？すきなほんは？", "はい", "なにをよむ？"]
    for question in questions:
        for adapter in (None, "v1"):
            warm = _end(with_reuse.submit(_ask(question, adapter)))
            cold = _end(without.submit(_ask(question, adapter)))
            assert warm.text == cold.text
            assert cold.reused_tokens == 0
    assert warm.reused_tokens > 30
    with_reuse.close()
    without.close()


def test_100_swaps_and_8_streams_equal_the_calm_run(folders: dict[str, Path]) -> None:
    questions = [f"{n}のしつもん。なにがすき？" for n in range(13)]
    calm_engine = _engine(folders)
    calm = {
        (name, question): _end(calm_engine.submit(_ask(question, name, _SHORT))).text
        for name in NAMES
        for question in questions
    }
    calm_engine.close()
    assert len({calm[name, questions[0]] for name in NAMES}) == len(NAMES)
    busy = _engine(folders, max_active=8, max_resident=9, max_queue=200)
    wrong: list[tuple[str, str]] = []

    def stream(number: int) -> None:
        for turn, question in enumerate(questions):
            name = NAMES[(number + turn) % len(NAMES)]
            if _end(busy.submit(_ask(question, name, _SHORT))).text != calm[name, question]:
                wrong.append((name, question))

    threads = [threading.Thread(target=stream, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy.close()
    assert 8 * len(questions) > 100
    assert wrong == []


def test_adapters_come_and_go_within_the_bound(engine: LocalEngine) -> None:
    texts = {name: _end(engine.submit(_ask("だれ？", name))).text for name in NAMES}
    assert engine.adapters() == NAMES
    assert engine.resident_adapters() == ["v2", "v3", "v4"]
    assert _end(engine.submit(_ask("だれ？", "v1"))).text == texts["v1"]
    assert engine.resident_adapters() == ["v3", "v4", "v1"]


def test_a_stopped_running_request_frees_its_place(folders: dict[str, Path]) -> None:
    engine = _engine(folders, max_active=1)
    running = engine.submit(_ask("ながいはなし", "v1", _LONG))
    events = _first(running, TextDelta)
    waiting = engine.submit(_ask("つぎ", "v2"))
    running.stop()
    last = list(events)[-1]
    assert isinstance(last, Finished)
    assert last.reason == "stopped"
    assert last.text
    assert last.reply_tokens < 150
    assert _end(waiting).reason == "length"
    assert engine._bank.references("v1") == 0
    engine.close()


def test_positions_busy_and_a_stopped_waiting_request(folders: dict[str, Path]) -> None:
    engine = _engine(folders, max_active=1, max_queue=2)
    running = engine.submit(_ask("ながいはなし", None, _LONG))
    rest = _first(running, TextDelta)
    second, third = engine.submit(_ask("に")), engine.submit(_ask("さん"))
    with pytest.raises(EngineBusyError):
        engine.submit(_ask("よん"))
    second.stop()
    fourth = engine.submit(_ask("よん"))
    stopped = _end(second)
    assert (stopped.reason, stopped.text, stopped.reply_tokens) == ("stopped", "", 0)
    running.stop()
    assert [e for e in rest if isinstance(e, Queued)] == []
    positions = [e.position for e in third.events() if isinstance(e, Queued)]
    assert positions == [2, 1]
    assert [e.position for e in fourth.events() if isinstance(e, Queued)] == [2, 1]
    engine.close()


def test_a_dropped_consumer_does_not_stop_the_reply(engine: LocalEngine) -> None:
    dropped = engine.submit(_ask("きえる", None, _LONG))
    del dropped
    assert _end(engine.submit(_ask("つぎ"))).reason == "length"
    deadline = time.monotonic() + 20
    while engine._active and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine._active


def test_the_same_request_gives_the_same_text_and_another_seed_another(
    engine: LocalEngine,
) -> None:
    def drawn(seed: int) -> str:
        sampling = Sampling(temperature=1, max_new_tokens=16, seed=seed)
        return _end(engine.submit(_ask("はなして", "v1", sampling))).text

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_batch_gives_the_same_greedy_text_as_single(engine: LocalEngine) -> None:
    requests = [
        _ask("な" * length, "v1", Sampling(temperature=0, max_new_tokens=new))
        for length, new in [(3, 30), (40, 5), (1, 12), (17, 1), (90, 30)]
    ]
    together = engine.generate_batch(requests)
    for request, answer in zip(requests, together, strict=True):
        alone = _end(engine.submit(request))
        assert (answer.text, answer.reason) == (alone.text, alone.reason)
        assert answer.prompt_tokens == alone.prompt_tokens
        assert answer.reply_tokens == alone.reply_tokens
    assert together[0].reused_tokens > 0
    assert engine.generate_batch([]) == []


def test_batch_without_a_common_beginning_equals_single(folders: dict[str, Path]) -> None:
    engine = _engine(folders, block_tokens=16, batch_size=3)
    requests = [
        GenerationRequest(
            messages=(Message(role="user", content=start * length),), adapter=None, sampling=_GREEDY
        )
        for start, length in [("あ", 2), ("い", 50), ("う", 20), ("え", 33)]
    ]
    texts = [answer.text for answer in engine.generate_batch(requests)]
    assert texts == [_end(engine.submit(request)).text for request in requests]
    engine.close()


def test_chat_goes_before_a_batch(engine: LocalEngine) -> None:
    requests = [_ask("よる" * n, "v1", _LONG) for n in range(1, 30)]
    order: list[str] = []

    def night() -> None:
        engine.generate_batch(requests)
        order.append("batch")

    thread = threading.Thread(target=night)
    thread.start()
    while not engine._batches:
        time.sleep(0.001)
    assert _end(engine.submit(_ask("ひる", "v2"))).text
    order.append("chat")
    thread.join()
    assert order == ["chat", "batch"]


def test_a_batch_of_two_adapters_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(EngineError, match="several adapters"):
        engine.generate_batch([_ask("あ", "v1"), _ask("あ", "v2")])


def test_unknown_adapter_and_too_long_messages_are_refused_at_once(engine: LocalEngine) -> None:
    with pytest.raises(AdapterError, match="unknown"):
        engine.submit(_ask("あ", "nobody"))
    with pytest.raises(EngineError, match="please shorten"):
        engine.submit(_ask("あ" * 600))
    with pytest.raises(EngineError, match="max_new_tokens"):
        engine.submit(_ask("あ", None, Sampling(max_new_tokens=500)))


def test_an_adapter_altered_after_it_was_added_fails_its_reply_only(
    engine: LocalEngine, tmp_path: Path
) -> None:
    folder = write_adapter(tmp_path / "late", seed=9)
    engine.add_adapter("late", folder)
    (folder / "adapter_model.safetensors").write_bytes(b"spoilt")
    last = list(engine.submit(_ask("あ", "late")).events())[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, AdapterError)
    with pytest.raises(AdapterError):
        engine.generate_batch([_ask("あ", "late")])
    assert _end(engine.submit(_ask("あ", "v1"))).text


def test_a_fault_in_the_model_fails_its_reply_only(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engine._decoder, "step", broken)
    last = list(engine.submit(_ask("あ", "v1")).events())[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, EngineError)
    monkeypatch.undo()
    assert engine._bank.references("v1") == 0
    assert _end(engine.submit(_ask("あ", "v1"))).text


def test_close_ends_everything_and_gives_the_model_back(folders: dict[str, Path]) -> None:
    loaded = tiny_loaded()
    engine = LocalEngine(loaded, EngineSettings(max_active=1, max_resident=2, threads=1))
    running, waiting = engine.submit(_ask("あ", None, _LONG)), engine.submit(_ask("い"))
    engine.close()
    engine.close()
    assert _end(running).reason == _end(waiting).reason == "stopped"
    with pytest.raises(EngineError, match="closed"):
        engine.submit(_ask("う"))
    with pytest.raises(EngineError, match="closed"):
        engine.generate_batch([_ask("う")])
    assert list(loaded.model.state_dict()) == list(tiny_loaded().model.state_dict())


@pytest.mark.parametrize(
    "changes",
    [{"max_active": 0}, {"max_queue": 0}, {"max_active": 3, "max_resident": 3}, {"threads": 0}],
)
def test_settings_are_checked(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        EngineSettings(**changes)  # type: ignore[arg-type]
