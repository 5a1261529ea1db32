"""JudgeClient against a real server: time, retries, budget, schema, and a key nobody sees."""

import logging

import pytest

from persona.engine import Message
from rlaif.errors import (
    EvaluatorError,
    JudgeBudgetError,
    JudgeCallError,
    JudgeUnreachableError,
)
from rlaif.judge_client import Draw, JudgeClient, JudgeSettings
from tests.rlaif.judge_server import Answer, judge_server

KEY = "sk-canary-9f3b1c"
ASKED = (Message(role="user", content="採点してください"),)
SCHEMA = {"type": "object"}


def _client(url: str, pauses: list[float] | None = None, **changes: object) -> JudgeClient:
    slept: list[float] = [] if pauses is None else pauses
    settings = JudgeSettings(
        **{"base_url": url, "model": "m", "timeout_seconds": 5.0, "api_key": KEY, **changes}
    )
    return JudgeClient(settings, sleep=slept.append)


def test_sends_what_was_asked_and_counts_the_tokens() -> None:
    with judge_server(Answer(content="{}", usage=(11, 7))) as judge:
        client = _client(judge.url, prompt_price=2.0, answer_price=10.0, max_cost=1.0)
        answer = client.ask(ASKED, SCHEMA, Draw(temperature=0.5, seed=3))
        assert (answer.text, answer.complete) == ("{}", True)
        sent = judge.requests[0]
        assert sent["messages"] == [{"role": "user", "content": "採点してください"}]
        assert (sent["model"], sent["temperature"], sent["seed"]) == ("m", 0.5, 3)
        assert sent["response_format"]["json_schema"]["schema"] == SCHEMA  # type: ignore[index]
        assert judge.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert client.spent.tokens == 18
        assert client.spent.cost == pytest.approx((11 * 2 + 7 * 10) / 1e6)


def test_an_answer_that_ran_out_of_room_says_so() -> None:
    with judge_server(Answer(content="{", finish="length")) as judge:
        assert not _client(judge.url).ask(ASKED, SCHEMA, Draw()).complete


@pytest.mark.parametrize("status", [500, 503, 429])
def test_passing_errors_are_tried_again_with_growing_pauses(status: int) -> None:
    bad = Answer(status=status)
    with judge_server(bad, bad, Answer(content="ok")) as judge:
        pauses: list[float] = []
        client = _client(judge.url, pauses)
        assert client.ask(ASKED, SCHEMA, Draw()).text == "ok"
        assert len(judge.requests) == 3
        # 1 and 2 seconds, each with half of jitter.
        assert 0.5 <= pauses[0] <= 1.5
        assert 1.0 <= pauses[1] <= 3.0


def test_the_server_may_ask_for_a_longer_pause_within_the_bound() -> None:
    busy = Answer(status=429, headers={"Retry-After": "12"})
    endless = Answer(status=429, headers={"Retry-After": "86400"})
    with judge_server(busy, endless, Answer(content="ok")) as judge:
        pauses: list[float] = []
        _client(judge.url, pauses).ask(ASKED, SCHEMA, Draw())
        assert pauses == [12.0, 30.0]


def test_gives_up_after_its_attempts() -> None:
    with judge_server(Answer(status=500)) as judge:
        with pytest.raises(JudgeUnreachableError, match="3 times, lastly with status 500"):
            _client(judge.url).ask(ASKED, SCHEMA, Draw())
        assert len(judge.requests) == 3


def test_a_refusal_is_not_tried_again() -> None:
    with judge_server(Answer(status=401)) as judge:
        with pytest.raises(JudgeCallError, match="status 401"):
            _client(judge.url).ask(ASKED, SCHEMA, Draw())
        assert len(judge.requests) == 1


@pytest.mark.parametrize(
    "slow", [Answer(content="{}", wait_seconds=1.5), Answer(content="{}", drip_seconds=0.15)]
)
def test_a_slow_or_dripping_server_runs_into_the_timeout(slow: Answer) -> None:
    with judge_server(slow) as judge:
        client = _client(judge.url, timeout_seconds=0.4, attempts=2)
        with pytest.raises(JudgeUnreachableError, match="2 times"):
            client.ask(ASKED, SCHEMA, Draw())


def test_nobody_listening_is_unreachable() -> None:
    with judge_server(Answer()) as judge:
        url = judge.url
    with pytest.raises(JudgeUnreachableError, match="ConnectError"):
        _client(url, attempts=2).ask(ASKED, SCHEMA, Draw())


def test_the_schema_is_given_up_where_it_is_refused() -> None:
    def script(request: dict[str, object]) -> Answer:
        return Answer(status=400) if "response_format" in request else Answer(content="ok")

    with judge_server(script=script) as judge:
        client = _client(judge.url)
        assert client.ask(ASKED, SCHEMA, Draw()).text == "ok"
        assert client.ask(ASKED, SCHEMA, Draw()).text == "ok"
        offered = ["response_format" in request for request in judge.requests]
        assert offered == [True, False, False]
    with judge_server(script=script) as judge, pytest.raises(JudgeCallError, match="400"):
        _client(judge.url, json_schema="always").ask(ASKED, SCHEMA, Draw())
    with judge_server(Answer(content="ok")) as judge:
        _client(judge.url, json_schema="never").ask(ASKED, SCHEMA, Draw())
        assert "response_format" not in judge.requests[0]


@pytest.mark.parametrize("raw", [b"<html>", b'{"choices": []}', b"[]", b""])
def test_anything_but_a_completion_is_an_error(raw: bytes) -> None:
    with (
        judge_server(Answer(raw=raw)) as judge,
        pytest.raises(JudgeCallError, match="something else"),
    ):
        _client(judge.url).ask(ASKED, SCHEMA, Draw())


def test_an_endless_answer_is_cut() -> None:
    with (
        judge_server(Answer(raw=b"x" * 2_000_000)) as judge,
        pytest.raises(JudgeCallError, match="more than 1000000 bytes"),
    ):
        _client(judge.url).ask(ASKED, SCHEMA, Draw())


def test_no_call_may_pass_the_cap_on_tokens() -> None:
    with judge_server(Answer(content="{}", usage=(300, 100))) as judge:
        # A call reserves 2 * 8 + 8 prompt tokens and 400 of the answer.
        client = _client(judge.url, max_total_tokens=1000)
        client.ask(ASKED, SCHEMA, Draw())
        client.ask(ASKED, SCHEMA, Draw())
        with pytest.raises(JudgeBudgetError, match="used 800 tokens"):
            client.ask(ASKED, SCHEMA, Draw())
        assert len(judge.requests) == 2


def test_tokens_nobody_told_are_counted_generously() -> None:
    with judge_server(Answer(content="あ" * 30, usage=None)) as judge:
        client = _client(judge.url)
        client.ask(ASKED, SCHEMA, Draw())
        assert client.spent.tokens == 2 * 8 + 8 + 30


def test_no_call_may_pass_the_cap_on_cost() -> None:
    with judge_server(Answer(content="{}", usage=(0, 400))) as judge:
        client = _client(judge.url, answer_price=1000.0, max_cost=0.7)
        client.ask(ASKED, SCHEMA, Draw())
        with pytest.raises(JudgeBudgetError, match=r"cost 0\.4000"):
            client.ask(ASKED, SCHEMA, Draw())


def test_the_key_is_in_no_log_repr_or_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f'{{"error": "key {KEY} is wrong"}}'.encode()
    seen = []
    for status in (401, 500):
        with judge_server(Answer(status=status, raw=echo)) as judge:
            client = _client(judge.url)
            with pytest.raises(EvaluatorError) as caught:
                client.ask(ASKED, SCHEMA, Draw())
            seen += [str(caught.value), repr(caught.value), repr(client.settings)]
    assert KEY not in "".join(seen) + caplog.text
    assert "採点してください" not in "".join(seen)


@pytest.mark.parametrize(
    "url", ["ftp://x/v1", "localhost:8000", f"http://u:{KEY}@x/v1", f"http://x/v1?key={KEY}"]
)
def test_addresses_that_are_not_plain_are_refused_unshown(url: str) -> None:
    with pytest.raises(EvaluatorError, match="no plain address") as caught:
        JudgeSettings(base_url=url, model="m")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("name", ["timeout_seconds", "attempts", "max_total_tokens"])
def test_bounds_are_above_nought(name: str) -> None:
    with pytest.raises(EvaluatorError, match=f"{name} is 0"):
        JudgeSettings(base_url="http://x/v1", model="m", **{name: 0})
