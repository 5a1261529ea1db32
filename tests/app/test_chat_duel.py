"""The duel as a visitor meets it: opted in, now and then, blind, and never in the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from store.console_tables import DuelRow
from store.duels import list_votes
from tests.app.duel_server import put_into_production
from tests.app.house import (
    ROOMY,
    House,
    error_code,
    exchange,
    follow,
    open_house,
    say,
    start_conversation,
    wait_until,
)
from tests.fakes import FakeEngine

NEW, OLD = "新しい声ですわ。", "前の声ですわ。"


@pytest.fixture
def voices() -> FakeEngine:
    return FakeEngine(voices={"v1": (OLD,), "v2": (NEW,)})


@pytest.fixture
def house(tmp_path: Path, voices: FakeEngine) -> Iterator[House]:
    with open_house(tmp_path / "home", voices, {**ROOMY, "chat": {"duel_share": 1.0}}) as opened:
        put_into_production(opened.database, "v1", "v2")
        yield opened


@pytest.fixture
def visitor(house: House) -> TestClient:
    client = house.client()
    assert client.put("/api/duel", json={"allow": True}).json()["visitor"]["duel"] is True
    return client


def _settled(client: TestClient, conversation: str, text: str) -> dict:
    """Say something, wait for both answers, return the turn as the page sees it."""
    turn = say(client, conversation, text)
    for reply in turn["replies"]:
        follow(client, reply["id"])
    turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
    return next(one for one in turns if one["id"] == turn["id"])


def _side(turn: dict, text: str) -> str:
    texts = {reply["id"]: reply["text"] for reply in turn["replies"]}
    return next(side for side in ("left", "right") if texts[turn["duel"][side]] == text)


def test_nobody_duels_without_having_said_yes(house: House, voices: FakeEngine) -> None:
    client = house.client()
    assert client.get("/api/me").json()["visitor"]["duel"] is False
    turn = exchange(client, start_conversation(client), "ごきげんよう")
    assert (turn["duel"], len(turn["replies"])) == (None, 1)
    assert [request.adapter for request in voices.requests] == ["v2"]


def test_both_versions_answer_the_same_and_the_newer_stays(
    visitor: TestClient, voices: FakeEngine
) -> None:
    talk = start_conversation(visitor)
    turn = _settled(visitor, talk, "ごきげんよう")
    assert {turn["duel"]["left"], turn["duel"]["right"]} == {one["id"] for one in turn["replies"]}
    assert turn["replies"][turn["shown"]]["text"] == NEW
    first, second = voices.requests
    assert first.messages == second.messages
    assert first.sampling == second.sampling
    assert {first.adapter, second.adapter} == {"v1", "v2"}
    # Going on without a choice is fine: the talk remembers the newer answer, nothing is asked.
    later = _settled(visitor, talk, "それから")
    assert any(message.content == NEW for message in voices.requests[-1].messages)
    assert not any(message.content == OLD for message in voices.requests[-1].messages)
    turns = visitor.get(f"/api/conversations/{talk}").json()["turns"]
    assert [one["duel"] is None for one in turns] == [True, False]
    assert later["duel"] is not None


@pytest.mark.parametrize(("wanted", "verdict"), [(NEW, "newer"), (OLD, "older")])
def test_the_chosen_answer_is_the_one_the_talk_goes_on_with(
    house: House, visitor: TestClient, voices: FakeEngine, wanted: str, verdict: str
) -> None:
    talk = start_conversation(visitor)
    turn = _settled(visitor, talk, "ごきげんよう")
    choice = {"choice": _side(turn, wanted)}
    decided = visitor.put(f"/api/turns/{turn['id']}/duel", json=choice).json()["turn"]
    assert decided["replies"][decided["shown"]]["text"] == wanted
    assert decided["duel"] is None
    with house.database.reading() as session:
        assert [vote.verdict for vote in list_votes(session)] == [verdict]
    _settled(visitor, talk, "それから")
    assert any(message.content == wanted for message in voices.requests[-1].messages)
    again = visitor.put(f"/api/turns/{turn['id']}/duel", json=choice)
    assert error_code(again) == "bad_request"


def test_about_the_same_is_an_answer_too(house: House, visitor: TestClient) -> None:
    turn = _settled(visitor, start_conversation(visitor), "ごきげんよう")
    visitor.put(f"/api/turns/{turn['id']}/duel", json={"choice": "same"})
    with house.database.reading() as session:
        assert [vote.verdict for vote in list_votes(session)] == ["tie"]


def test_a_stranger_decides_nothing(house: House, visitor: TestClient) -> None:
    turn = _settled(visitor, start_conversation(visitor), "ごきげんよう")
    refused = house.client().put(f"/api/turns/{turn['id']}/duel", json={"choice": "left"})
    assert refused.status_code == 404
    with house.database.reading() as session:
        assert list_votes(session) == []


def test_withdrawing_ends_what_is_open_and_what_would_come(
    house: House, visitor: TestClient
) -> None:
    talk = start_conversation(visitor)
    turn = _settled(visitor, talk, "ごきげんよう")
    assert visitor.put("/api/duel", json={"allow": False}).json()["visitor"]["duel"] is False
    refused = visitor.put(f"/api/turns/{turn['id']}/duel", json={"choice": "left"})
    assert error_code(refused) == "bad_request"
    assert exchange(visitor, talk, "それから")["duel"] is None
    with house.database.reading() as session:
        assert session.scalars(select(DuelRow)).all() == []


@pytest.mark.parametrize("text", ["NGWORD", "ごきげんよう"])
def test_flagged_words_are_answered_once(visitor: TestClient, text: str) -> None:
    turn = say(visitor, start_conversation(visitor), text)
    assert len(turn["replies"]) == (1 if text == "NGWORD" else 2)


def test_a_deflected_answer_calls_the_duel_off(visitor: TestClient, voices: FakeEngine) -> None:
    voices.voices = {"v1": ("NGWORD ですわ",), "v2": (NEW,)}
    turn = _settled(visitor, start_conversation(visitor), "ごきげんよう")
    assert turn["duel"] is None
    assert turn["replies"][turn["shown"]]["text"] == NEW


def test_stop_stops_both(house: House, visitor: TestClient, voices: FakeEngine) -> None:
    voices.hold()
    talk = start_conversation(visitor)
    turn = say(visitor, talk, "ごきげんよう")
    assert visitor.post(f"/api/replies/{turn['replies'][0]['id']}/stop").status_code == 200
    wait_until(lambda: not any(house.chat.live_reply(one["id"]) for one in turn["replies"]))
    voices.release()
    (seen,) = visitor.get(f"/api/conversations/{talk}").json()["turns"]
    assert (seen["duel"], [one["status"] for one in seen["replies"]]) == (None, ["stopped"])


def test_the_share_is_that_of_the_settings(tmp_path: Path, voices: FakeEngine) -> None:
    flags = {**ROOMY, "chat": {"duel_share": 0.25}}
    with open_house(tmp_path / "other", voices, flags) as opened:
        put_into_production(opened.database, "v1", "v2")
        client = opened.client()
        client.put("/api/duel", json={"allow": True})
        talk = start_conversation(client)
        turns = [_settled(client, talk, f"問い{at}") for at in range(60)]
    duels = sum(len(turn["replies"]) == 2 for turn in turns)
    # 60 draws at 1/4: below 3 or above 32 in fewer than one of ten thousand runs.
    assert 3 <= duels <= 32
