"""One reply with everything around it, as the console's route tells it."""

from datetime import timedelta

from fastapi.testclient import TestClient

from app.clock import utc_now
from store.records import ReplyEnd, SafetyCatch
from store.replies import finish_reply
from tests.app.house import House, exchange, start_conversation
from tests.rlaif.made_up_night import ADAPTER, make_night
from tests.store.talk import begin, say


def test_a_reply_comes_with_its_conversation_variants_and_tokens(
    house: House, reviewer: TestClient
) -> None:
    visitor = house.client()
    conversation = start_conversation(visitor)
    first = exchange(visitor, conversation, "はじめまして")
    second = exchange(visitor, conversation, "今日は寒いね")
    visitor.post(f"/api/turns/{second['id']}/regenerate")
    told = reviewer.get(f"/api/console/replies/{second['replies'][0]['id']}").json()
    turns = told["conversation"]["turns"]
    assert [one["text"] for one in turns] == ["はじめまして", "今日は寒いね"]
    assert turns[0]["replies"][0]["id"] == first["replies"][0]["id"]
    assert len(turns[1]["replies"]) == 2
    assert "".join(told["tokens"]) == second["replies"][0]["text"]
    assert len(told["visitor"]) == 8


def test_a_reply_of_a_night_tells_verdicts_candidates_pairs_and_what_learnt_from_it(
    house: House, reviewer: TestClient
) -> None:
    now = utc_now() - timedelta(hours=3)
    with house.database.session() as session:
        _, turns = make_night(session, house.settings.nights_folder / "n", now, "published")
    reply = turns[0].replies[0].id
    told = reviewer.get(f"/api/console/replies/{reply}").json()
    verdict = told["verdicts"][reply]["verdicts"][0]
    assert len(verdict["values"]) == 12
    assert verdict["reward"]["total"] == sum(
        part["part"] for part in verdict["reward"]["metrics"].values()
    ) - sum(part["points"] for part in verdict["reward"]["guards"].values())
    assert len(told["candidates"]) == 4
    assert set(told["verdicts"]) == {reply, *(one["id"] for one in told["candidates"])}
    assert [one["rejected_id"] for one in told["pairs"]] == [reply]
    learned = next(one for one in told["conversation"]["turns"] if one["id"] == told["turn"])
    assert [one["adapter"] for one in learned["learned"]] == [ADAPTER]
    conflict = reviewer.get(f"/api/console/replies/{turns[-1].replies[0].id}").json()
    assert [one["signal"] for one in conflict["conflicts"]] == ["regenerated_away"]
    assert conflict["verdicts"][turns[-1].replies[0].id]["failures"][0]["reason"] == "文が長すぎる"


def test_what_the_safety_filter_caught_is_told_to_operators(
    house: House, reviewer: TestClient
) -> None:
    now = utc_now()
    with house.database.session() as session:
        owner, conversation = begin(session, now=now)
        turn = say(session, owner, conversation, "ないしょの言葉", now)
        caught = SafetyCatch(
            source="user", category="sexual", reason="語の一致", text="ないしょの言葉"
        )
        end = ReplyEnd(status="done", text="その話はよしましょう。", caught=caught)
        finish_reply(session, turn.replies[0].id, end, now=now)
    told = reviewer.get(f"/api/console/replies/{turn.replies[0].id}").json()
    assert [one["reason"] for one in told["safety"]] == ["語の一致"]
    assert told["conversation"]["turns"][0]["replies"][0]["safety"] is True


def test_an_unknown_reply_is_not_found(reviewer: TestClient) -> None:
    assert reviewer.get(f"/api/console/replies/{'0' * 32}").status_code == 404
    assert reviewer.get("/api/console/replies/strange").status_code == 404
