"""Replays through the console: asked for, looked at, compared, refused, forgotten with their reply."""

from collections.abc import Sequence
from threading import Event

import pytest
from fastapi.testclient import TestClient

from app.clock import utc_now
from app.erasure import erase_everywhere
from app.replay_jobs import ReplayJobs
from app.score_answer import ScoreAnswer
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.metrics import METRIC_KEYS
from scheduler.errors import ChildError
from store.adapters import ensure_adapter
from store.audit import list_audit
from store.lineage import taint
from store.records import Adapter
from tests.app.house import House, error_code, exchange, follow, start_conversation, wait_until
from tests.conftest import NOW
from tests.fakes import FakeEngine

LINE = "ごきげんよう、よいお天気ですわ。"


class _Scores:
    """Stands for the process that scores: 4 for the reply, 6 for the replay."""

    def __init__(self) -> None:
        self.asked: list[Sequence[Dialogue]] = []
        self.answer: ScoreAnswer | Exception = ScoreAnswer(
            evaluator="heads-1",
            verdicts=tuple(
                Assessment(
                    values=dict.fromkeys(METRIC_KEYS, value), spread=dict.fromkeys(METRIC_KEYS, 0.3)
                )
                for value in (4.0, 6.0)
            ),
        )

    def __call__(self, dialogues: Sequence[Dialogue], stop: Event) -> ScoreAnswer:
        self.asked.append(dialogues)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def scores(house: House) -> _Scores:
    """Put in place of the server's own."""
    stand_in = _Scores()
    jobs: ReplayJobs = house.app.state.console.replays
    jobs._score = stand_in
    return stand_in


@pytest.fixture
def reply(house: House) -> str:
    """Something said and answered, by the bare model."""
    client = house.client()
    conversation = start_conversation(client)
    exchange(client, conversation, "おはよう")
    return str(exchange(client, conversation, "元気？")["replies"][0]["id"])


def _adapter(house: House, name: str, base: str = "0" * 64) -> str:
    with house.database.session() as session:
        ensure_adapter(
            session,
            Adapter(
                id=name, parent_id=None, kind="sft", base=base, sha256=name, folder=f"/{name}",
                manifest={}, created_at=NOW,
            ),
        )  # fmt: skip
    return name


def _replay(client: TestClient, reply: str, adapter: str | None) -> dict:
    started = client.post(f"/api/console/replies/{reply}/replay", json={"adapter": adapter})
    assert started.status_code == 202, started.text
    address = f"/api/console/replays/{started.json()['id']}"
    wait_until(lambda: client.get(address).json()["state"] in ("done", "failed", "stopped"))
    found: dict = client.get(address).json()
    return found


def test_the_same_version_says_the_same(
    house: House, reviewer: TestClient, reply: str, scores: _Scores
) -> None:
    about = reviewer.get(f"/api/console/replies/{reply}/replay").json()
    assert about["reply"]["text"] == LINE
    assert about["reply"]["history"] == [{"said": "おはよう", "answered": LINE}]
    assert about["reply"]["exact"] is True
    assert about["versions"][0]["id"] is None
    job = _replay(reviewer, reply, None)
    assert (job["state"], job["likeness"], job["text"]) == ("done", "same", LINE)
    assert scores.asked == []
    with house.database.reading() as session:
        deed = list_audit(session)[0]
    assert (deed.actor, deed.action, deed.detail) == ("shirabe", "reply.replay", {"adapter": None})


def test_another_version_comes_with_differences_in_text_and_scores(
    house: House, engine: FakeEngine, reviewer: TestClient, reply: str, scores: _Scores
) -> None:
    version = _adapter(house, "v2")
    engine.script.append("まあ、上々ですわ。")
    job = _replay(reviewer, reply, version)
    assert (job["likeness"], job["reasons"]) == ("different", ["other_adapter"])
    assert engine.requests[-1].adapter == version
    ease = job["scores"]["differences"]["ease"]
    half = 1.959964 * (0.3**2 + 0.3**2) ** 0.5
    assert ease == pytest.approx({"value": 2.0, "low": 2 - half, "high": 2 + half})
    assert job["scores"]["evaluator"] == "heads-1"
    ((first, second),) = scores.asked
    assert (first.reply, second.reply) == (LINE, "まあ、上々ですわ。")
    assert [turn.content for turn in first.turns] == ["おはよう", LINE, "元気？"]


@pytest.mark.parametrize("fault", ["child", "unscored"])
def test_without_scores_the_texts_are_shown_all_the_same(
    engine: FakeEngine, reviewer: TestClient, reply: str, scores: _Scores, fault: str
) -> None:
    good = scores.answer
    assert isinstance(good, ScoreAnswer)
    unscored = ScoreAnswer(evaluator="e", verdicts=(good.verdicts[0], Unscored(reason="too long")))
    scores.answer = ChildError("no room") if fault == "child" else unscored
    engine.script.append("べつの返事。")
    job = _replay(reviewer, reply, None)
    assert (job["state"], job["text"], job["scores"]) == ("done", "べつの返事。", None)
    assert job["unscored"] == ("no room" if fault == "child" else "too long")


def test_what_may_not_speak_is_refused_at_once(
    house: House, engine: FakeEngine, reviewer: TestClient, reply: str
) -> None:
    tainted, foreign = _adapter(house, "bad"), _adapter(house, "other", "1" * 64)
    damaged = _adapter(house, "torn")
    engine.refused_adapters = frozenset({damaged})
    with house.database.session() as session:
        taint(session, [tainted], "erased", NOW)
    address = f"/api/console/replies/{reply}/replay"
    for adapter, code in (
        (tainted, "adapter_tainted"),
        (foreign, "adapter_other_base"),
        (damaged, "adapter_damaged"),
    ):
        answer = reviewer.post(address, json={"adapter": adapter})
        assert (answer.status_code, error_code(answer)) == (409, code)
        assert adapter in answer.json()["error"]["message"]
    assert reviewer.post(address, json={"adapter": "nobody"}).status_code == 404
    versions = {one["id"]: one["refusal"] for one in reviewer.get(address).json()["versions"]}
    assert versions == {
        None: None, "bad": "adapter_tainted", "other": "adapter_other_base", "torn": None,
    }  # fmt: skip
    assert (
        reviewer.post(
            "/api/console/replies/" + "f" * 32 + "/replay", json={"adapter": None}
        ).status_code
        == 404
    )


def test_a_replay_is_gone_with_the_visitor(
    house: House, reviewer: TestClient, reply: str, scores: _Scores
) -> None:
    job = _replay(reviewer, reply, None)
    with house.database.reading() as session:
        from store.tables import ReplyRow  # noqa: PLC0415

        visitor = session.get_one(ReplyRow, reply).turn.conversation.visitor_id
    erase_everywhere(house.settings, house.database, visitor, actor="test", now=utc_now())
    assert reviewer.get(f"/api/console/replays/{job['id']}").status_code == 404
    assert house.app.state.console.replays._jobs == {}


def test_a_waiting_replay_can_be_stopped(
    house: House, engine: FakeEngine, reviewer: TestClient, reply: str
) -> None:
    engine.hold()
    address = f"/api/console/replies/{reply}/replay"
    running, waiting = (
        reviewer.post(address, json={"adapter": None}).json()["id"] for _ in range(2)
    )
    for job in (waiting, running):
        assert reviewer.post(f"/api/console/replays/{job}/stop").status_code == 200
    engine.release()
    for job in (running, waiting):
        wait_until(
            lambda job=job: reviewer.get(f"/api/console/replays/{job}").json()["state"] == "stopped"
        )


def test_only_so_many_wait(engine: FakeEngine, reviewer: TestClient, reply: str) -> None:
    engine.hold()
    address = f"/api/console/replies/{reply}/replay"
    codes = [reviewer.post(address, json={"adapter": None}).status_code for _ in range(9)]
    engine.release()
    assert codes == [202] * 8 + [409]


def test_a_promised_reply_is_not_held_up(house: House, reviewer: TestClient, reply: str) -> None:
    client = house.client()
    conversation = start_conversation(client)
    job = reviewer.post(f"/api/console/replies/{reply}/replay", json={"adapter": None}).json()
    turn = exchange(client, conversation, "こんばんは")
    follow(client, turn["replies"][0]["id"])
    assert turn["replies"][0]["status"] == "done"
    wait_until(lambda: reviewer.get(f"/api/console/replays/{job['id']}").json()["state"] == "done")
