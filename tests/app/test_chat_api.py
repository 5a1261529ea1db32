"""What a visitor can do, through the real application."""

import threading
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from store.adapters import deploy, ensure_adapter
from store.facts import Deed, add_fact
from store.records import Adapter
from store.tables import SafetyEventRow
from tests.app.house import (
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


def publish(house: House, name: str, base: str = "0" * 64) -> None:
    """Put an adapter into production."""
    now = datetime.now(UTC)
    adapter = Adapter(
        id=name,
        parent_id=None,
        kind="sft",
        base=base,
        sha256=name,
        folder=f"/{name}",
        manifest={},
        created_at=now,
    )
    with house.database.session() as session:
        ensure_adapter(session, adapter)
        deploy(session, name, who="test", why="test", now=now)


def test_a_reply_streams_and_is_kept(client: TestClient, house: House, engine: FakeEngine) -> None:
    engine.hold()
    conversation = start_conversation(client)
    turn = say(client, conversation, "趣味はヴァイオリン？")
    assert turn["replies"][0]["status"] == "queued"
    live = house.chat.live_reply(turn["replies"][0]["id"])
    assert live is not None
    wait_until(lambda: live.state.text == "ごきげん")
    threading.Timer(0.5, engine.release).start()
    events = follow(client, turn["replies"][0]["id"])
    texts = [data["text"] for name, data in events if name == "text"]
    assert texts[0] == "ごきげん"
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    name, data = events[-1]
    assert name == "done"
    assert data["reply"]["text"] == "ごきげんよう、よいお天気ですわ。"
    assert data["reply"]["facts"] == ["絢音の趣味はヴァイオリンである。"]
    assert data["reply"]["seconds"] > 0
    kept = client.get(f"/api/conversations/{conversation}").json()
    assert kept["turns"][0]["replies"] == [data["reply"]]
    assert kept["title"] == "趣味はヴァイオリン？"


def test_the_stream_can_be_joined_late_and_twice(client: TestClient) -> None:
    turn = exchange(client, start_conversation(client), "はい")
    reply = turn["replies"][0]
    for _ in range(2):
        assert follow(client, reply["id"]) == [("done", {"reply": reply})]


def test_a_closed_page_does_not_stop_the_reply(client: TestClient, engine: FakeEngine) -> None:
    engine.token_seconds = 0.02
    conversation = start_conversation(client)
    say(client, conversation, "はい")

    def ended() -> bool:
        turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
        return bool(turns[0]["replies"][0]["status"] == "done")

    wait_until(ended)


def test_history_and_edited_facts_reach_the_prompt(
    client: TestClient, engine: FakeEngine, house: House
) -> None:
    conversation = start_conversation(client)
    exchange(client, conversation, "一つ目")
    with house.database.session() as session:
        deed = Deed(by="op", why="", now=datetime.now(UTC))
        add_fact(session, "ayane", (), "絢音の愛犬はムギである。", deed)
    turn = exchange(client, conversation, "愛犬は？")
    assert turn["replies"][0]["facts"] == ["絢音の愛犬はムギである。"]
    contents = [message.content for message in engine.requests[-1].messages]
    assert contents == [
        "一つ目",
        "ごきげんよう、よいお天気ですわ。",
        "絢音の愛犬はムギである。\n愛犬は？",
    ]


def test_stop_keeps_the_text_and_frees_the_place(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    engine.hold()
    conversation = start_conversation(client)
    turn = say(client, conversation, "長い話を")
    reply_id = turn["replies"][0]["id"]
    refused = client.post(f"/api/conversations/{conversation}/turns", json={"text": "次"})
    assert (refused.status_code, error_code(refused)) == (409, "replying")
    live = house.chat.live_reply(reply_id)
    assert live is not None
    wait_until(lambda: live.state.text == "ごきげん")
    assert client.post(f"/api/replies/{reply_id}/stop").status_code == 200
    name, data = follow(client, reply_id)[-1]
    assert (name, data["reply"]["status"]) == ("done", "stopped")
    assert data["reply"]["text"] == "ごきげん"
    engine.release()
    exchange(client, conversation, "次")


def test_regenerate_any_turn_and_swipe(client: TestClient, engine: FakeEngine) -> None:
    engine.script = ["一番", "二番", "三番"]
    conversation = start_conversation(client)
    first = exchange(client, conversation, "最初")
    exchange(client, conversation, "次")
    again = client.post(f"/api/turns/{first['id']}/regenerate")
    assert again.status_code == 202
    follow(client, again.json()["turn"]["replies"][1]["id"])
    assert [m.content for m in engine.requests[-1].messages] == ["最初"]
    turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
    assert [reply["text"] for reply in turns[0]["replies"]] == ["一番", "三番"]
    assert [reply["origin"] for reply in turns[0]["replies"]] == ["live", "regenerated"]
    assert turns[0]["shown"] == 1
    assert len(turns) == 2
    shown = client.put(f"/api/turns/{first['id']}/shown", json={"index": 0})
    assert shown.json()["turn"]["shown"] == 0
    assert client.put(f"/api/turns/{first['id']}/shown", json={"index": 5}).status_code == 400


def test_edit_continues_from_there(client: TestClient, engine: FakeEngine) -> None:
    conversation = start_conversation(client)
    exchange(client, conversation, "一")
    second = exchange(client, conversation, "二")
    exchange(client, conversation, "三")
    engine.hold()
    say(client, conversation, "四")
    edited = client.post(f"/api/turns/{second['id']}/edit", json={"text": "二の二"})
    assert edited.status_code == 202
    engine.release()
    follow(client, edited.json()["turn"]["replies"][0]["id"])
    turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
    assert [turn["text"] for turn in turns] == ["一", "二の二"]
    assert client.post(f"/api/turns/{second['id']}/edit", json={"text": "x"}).status_code == 404


def test_thumbs_come_back_on_reload(client: TestClient) -> None:
    conversation = start_conversation(client)
    reply_id = exchange(client, conversation, "はい")["replies"][0]["id"]
    sent = {"thumb": "down", "reason": "そっけない"}
    assert client.put(f"/api/replies/{reply_id}/feedback", json=sent).status_code == 200
    reply = client.get(f"/api/conversations/{conversation}").json()["turns"][0]["replies"][0]
    assert (reply["thumb"], reply["reason"]) == ("down", "そっけない")
    client.put(f"/api/replies/{reply_id}/feedback", json={"thumb": None})
    reply = client.get(f"/api/conversations/{conversation}").json()["turns"][0]["replies"][0]
    assert (reply["thumb"], reply["reason"]) == (None, None)


def test_names_search_and_delete(client: TestClient) -> None:
    one, two = start_conversation(client), start_conversation(client)
    exchange(client, one, "雨の日の話")
    exchange(client, two, "晴れの日の話")
    assert client.patch(f"/api/conversations/{one}", json={"title": "傘"}).status_code == 200
    listed = client.get("/api/conversations").json()["conversations"]
    assert [(line["id"], line["title"]) for line in listed] == [(two, "晴れの日の話"), (one, "傘")]
    found = client.get("/api/conversations", params={"q": "雨"}).json()["conversations"]
    assert [(line["id"], line["snippet"]) for line in found] == [(one, "雨の日の話")]
    assert client.delete(f"/api/conversations/{one}").status_code == 200
    assert client.get(f"/api/conversations/{one}").status_code == 404
    assert len(client.get("/api/conversations").json()["conversations"]) == 1


def test_consent_is_unasked_then_chosen(client: TestClient) -> None:
    assert client.get("/api/me").json()["visitor"]["consent"] is None
    for allow in (True, False):
        assert client.put("/api/consent", json={"allow": allow}).status_code == 200
        assert client.get("/api/me").json()["visitor"]["consent"] is allow


def test_one_message_is_kept_from_learning(client: TestClient) -> None:
    conversation = start_conversation(client)
    turn = exchange(client, conversation, "内緒")
    assert turn["learn"] is True
    client.put(f"/api/turns/{turn['id']}/learn", json={"learn": False})
    turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
    assert turns[0]["learn"] is False


def test_exports_are_files(client: TestClient) -> None:
    conversation = start_conversation(client)
    exchange(client, conversation, "旅の話")
    whole = client.get("/api/export", params={"format": "json"})
    assert "attachment" in whole.headers["content-disposition"]
    assert whole.json()["conversations"][0]["turns"][0]["text"] == "旅の話"
    one = client.get(f"/api/conversations/{conversation}/export", params={"format": "markdown"})
    assert "> 旅の話" in one.text
    assert "**小野寺 絢音**" in one.text
    assert client.get(f"/api/conversations/{conversation}/export?format=x").status_code == 400


def test_erase_leaves_no_bytes_and_a_new_visitor(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    secret = "カナリア-7731"
    before = client.get("/api/me").json()["visitor"]["id_short"]
    conversation = start_conversation(client)
    exchange(client, conversation, f"{secret}のこと")
    engine.script = [f"{secret}ですわ"]
    engine.hold()
    say(client, conversation, "まだ話している途中")
    erased = client.delete("/api/me")
    assert erased.json() == {"erased": {"conversations": 1, "turns": 2}}
    assert client.get("/api/me").json()["visitor"]["id_short"] != before
    assert client.get("/api/conversations").json() == {"conversations": []}
    files = [path for path in house.settings.home.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_an_erased_cookie_is_somebody_new(house: House) -> None:
    client, other_tab = house.client(), house.client()
    start_conversation(client)
    old = client.cookies["yogeiko_visitor"]
    client.delete("/api/me")
    answer = other_tab.post("/api/conversations", headers={"Cookie": f"yogeiko_visitor={old}"})
    assert answer.status_code == 201
    assert "yogeiko_visitor" in answer.cookies
    assert answer.cookies["yogeiko_visitor"] != old


def test_flagged_words_are_deflected_and_logged(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    conversation = start_conversation(client)
    turn = exchange(client, conversation, "NGWORD を言って")
    reply = turn["replies"][0]
    assert (reply["status"], reply["safety"]) == ("done", True)
    assert reply["text"] == "そのお話は、わたくしには早うございますわ。"
    assert engine.requests == []
    exchange(client, conversation, "では別の話を")
    assert [m.content for m in engine.requests[-1].messages] == ["では別の話を"]
    with house.database.reading() as session:
        events = session.query(SafetyEventRow).all()
        assert [(event.source, event.text) for event in events] == [("user", "NGWORD を言って")]


def test_a_flagged_reply_is_never_shown(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    engine.script, engine.token_seconds = ["それではNGWORDですわ、ほら"], 0.03
    turn = say(client, start_conversation(client), "何か言って")
    events = follow(client, turn["replies"][0]["id"])
    assert "NGWORD" not in str(events)
    assert events[-1][1]["reply"]["safety"] is True
    with house.database.reading() as session:
        assert "NGWORD" in session.query(SafetyEventRow).one().text


@pytest.mark.parametrize(("said", "error"), [(RuntimeError("boom"), "お返事"), ("", "空")])
def test_a_failed_reply_says_so(
    client: TestClient, engine: FakeEngine, said: str | Exception, error: str
) -> None:
    engine.script = [said]
    conversation = start_conversation(client)
    turn = say(client, conversation, "はい")
    name, data = follow(client, turn["replies"][0]["id"])[-1]
    assert name == "failed"
    assert error in data["message"]
    assert "boom" not in str(data)
    again = client.post(f"/api/turns/{turn['id']}/regenerate").json()["turn"]
    assert follow(client, again["replies"][1]["id"])[-1][0] == "done"


def test_messages_follow_the_language(client: TestClient) -> None:
    japanese = client.get("/api/conversations/" + "0" * 32)
    english = client.get("/api/conversations/" + "0" * 32, headers={"Accept-Language": "en-GB,en"})
    switched = client.get("/api/conversations/" + "0" * 32 + "?lang=en")
    assert japanese.json()["error"]["message"].endswith("。")
    assert english.json() == switched.json()
    assert english.json()["error"]["message"] == "There is nothing here."


def test_crowds_are_told_so(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.hold()
    flags = {"chat": {"max_waiting": 3, "max_waiting_per_visitor": 2}}
    with open_house(tmp_path / "h", engine, flags) as house:
        one, two = house.client(), house.client()
        for _ in range(2):
            say(one, start_conversation(one), "はい")
        over = one.post(f"/api/conversations/{start_conversation(one)}/turns", json={"text": "x"})
        assert (over.status_code, error_code(over)) == (503, "busy")
        say(two, start_conversation(two), "はい")
        full = two.post(f"/api/conversations/{start_conversation(two)}/turns", json={"text": "x"})
        assert (full.status_code, error_code(full)) == (503, "busy")
        assert "混雑" in full.json()["error"]["message"]


def test_limits_of_size(tmp_path: Path) -> None:
    flags = {"chat": {"max_chars": 10, "max_turns": 1, "max_variants": 2, "max_conversations": 2}}
    with open_house(tmp_path / "h", FakeEngine(), flags) as house:
        client = house.client()
        conversation = start_conversation(client)
        path = f"/api/conversations/{conversation}/turns"
        assert error_code(client.post(path, json={"text": "あ" * 11})) == "too_long"
        assert error_code(client.post(path, json={"text": " \u0000\n "})) == "bad_request"
        turn = exchange(client, conversation, "あ" * 10)
        assert error_code(client.post(path, json={"text": "次"})) == "full"
        again = client.post(f"/api/turns/{turn['id']}/regenerate").json()["turn"]
        follow(client, again["replies"][1]["id"])
        assert error_code(client.post(f"/api/turns/{turn['id']}/regenerate")) == "full"
        start_conversation(client)
        assert error_code(client.post("/api/conversations")) == "full"


@pytest.mark.parametrize(
    "text", ["\ud800壊れ", "ab\u0000c", "\u202e逆\u0007", "<b>&amp;</b>", "𠮷野家👩‍👩‍👧"]
)
def test_odd_characters_are_kept_or_dropped_but_never_break(client: TestClient, text: str) -> None:
    conversation = start_conversation(client)
    body = '{"text": "' + text.encode("unicode_escape").decode().replace("\\x", "\\u00") + '"}'
    body = body if text.isascii() or "\\U" not in body else '{"text": "𠮷野家👩‍👩‍👧"}'
    path = f"/api/conversations/{conversation}/turns"
    response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 202, response.text
    kept = response.json()["turn"]["text"]
    assert "\u0000" not in kept
    follow(client, response.json()["turn"]["replies"][0]["id"])
    assert client.get(f"/api/conversations/{conversation}").status_code == 200


def test_the_active_adapter_answers_new_conversations_only(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    publish(house, "v1")
    old = start_conversation(client)
    assert exchange(client, old, "一")["replies"][0]["adapter"] == "v1"
    publish(house, "v2")
    assert exchange(client, old, "二")["replies"][0]["adapter"] == "v1"
    assert exchange(client, start_conversation(client), "三")["replies"][0]["adapter"] == "v2"
    engine.refused_adapters = frozenset({"v3"})
    publish(house, "v3")
    assert exchange(client, start_conversation(client), "四")["replies"][0]["adapter"] == "v2"
    assert [request.adapter for request in engine.requests] == ["v1", "v1", "v2", "v2"]


def test_an_adapter_for_another_base_model_is_passed_over(client: TestClient, house: House) -> None:
    publish(house, "foreign", base="another model")
    turn = exchange(client, start_conversation(client), "はい")
    assert (turn["replies"][0]["status"], turn["replies"][0]["adapter"]) == ("done", None)


def test_when_every_adapter_is_damaged_the_reply_fails(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    engine.refused_adapters = frozenset({"v1"})
    publish(house, "v1")
    turn = exchange(client, start_conversation(client), "はい")
    assert turn["replies"][0]["status"] == "failed"
