"""Facts in the console: what an admin changes, the chat knows in the very next reply."""

from fastapi.testclient import TestClient

from store.audit import list_audit
from tests.app.house import House, error_code, exchange, start_conversation

VIOLIN = "絢音の趣味はヴァイオリンである。"  # the one sentence of the light card in tests/fakes.py
DOG = "絢音の愛犬はムギである。"


def _facts(client: TestClient, **query: str) -> list[dict]:
    answer = client.get("/api/console/facts", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict] = answer.json()["facts"]
    return found


def _add(admin: TestClient, text: str) -> dict:
    answer = admin.post("/api/console/facts", json={"text": text, "why": "台本に加わった"})
    assert answer.status_code == 201, answer.text
    made: dict = answer.json()
    return made


def _do(admin: TestClient, fact: dict, deed: str) -> dict:
    answer = admin.post(f"/api/console/facts/{fact['id']}/{deed}", json={"why": "確かめた"})
    assert answer.status_code == 200, answer.text
    done: dict = answer.json()
    return done


def _used(client: TestClient, question: str) -> list[str]:
    turn = exchange(client, start_conversation(client), question)
    used: list[str] = turn["replies"][0]["facts"]
    return used


def test_a_retired_fact_is_not_used_in_the_very_next_reply(house: House, admin: TestClient) -> None:
    visitor = house.client()
    (own,) = _facts(admin)
    assert _used(visitor, "趣味は？") == [VIOLIN]

    _do(admin, own, "retire")
    assert _used(visitor, "趣味は？") == []

    _do(admin, own, "restore")
    assert _used(visitor, "趣味は？") == [VIOLIN]


def test_an_edited_fact_of_the_card_is_used_as_it_reads_now(
    house: House, admin: TestClient
) -> None:
    (own,) = _facts(admin)
    now = "絢音の趣味はチェロである。"
    body = {"before": VIOLIN, "after": now, "why": "楽器を替えた"}
    answer = admin.put(f"/api/console/facts/{own['id']}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["fact"]["original"] == VIOLIN
    assert _used(house.client(), "趣味は？") == [now]

    stale = admin.put(
        f"/api/console/facts/{own['id']}", json=body | {"after": "絢音は無趣味である。"}
    )
    assert (stale.status_code, error_code(stale)) == (409, "fact_stale")


def test_the_list_is_searched_and_filtered(admin: TestClient, reviewer: TestClient) -> None:
    dog = _add(admin, DOG)
    gone = _add(admin, "絢音は塾に通っている。")
    _do(admin, gone, "retire")
    assert [one["text"] for one in _facts(reviewer)] == [VIOLIN, DOG, gone["text"]]
    assert [one["text"] for one in _facts(reviewer, q="ﾑｷﾞ")] == [DOG]
    assert [one["id"] for one in _facts(reviewer, state="added")] == [dog["id"], gone["id"]]
    assert [one["id"] for one in _facts(reviewer, state="retired")] == [gone["id"]]
    assert [one["origin"] for one in _facts(reviewer, state="known")] == ["card", "added"]
    counts = reviewer.get("/api/console/facts").json()["counts"]
    assert counts == {"all": 3, "known": 2, "retired": 1, "added": 2, "edited": 0}


def test_the_history_tells_who_why_before_and_after(house: House, admin: TestClient) -> None:
    fact = _add(admin, DOG)
    told = _do(admin, fact, "retire")
    assert [
        (one["action"], one["before"], one["after"], one["why"]) for one in told["changes"]
    ] == [
        ("retire", DOG, None, "確かめた"),
        ("add", None, DOG, "台本に加わった"),
    ]
    assert {one["who"] for one in told["changes"]} == {"kantoku"}
    with house.database.reading() as session:
        deeds = [one for one in list_audit(session) if one.action.startswith("fact.")]
    assert [one.action for one in deeds] == ["fact.retire", "fact.add"]
    assert all(DOG not in str(one.detail) for one in deeds)


def test_what_cannot_be_a_fact_is_refused_in_words(admin: TestClient) -> None:
    for text, code in (("　", "fact_empty"), (VIOLIN, "fact_known"), ("あ" * 201, "fact_long")):
        answer = admin.post("/api/console/facts", json={"text": text})
        assert (answer.status_code, error_code(answer)) == (409, code)
    unsafe = admin.post("/api/console/facts", json={"text": "絢音はNGWORDである。"})
    assert (unsafe.status_code, error_code(unsafe)) == (400, "fact_unsafe")
    nowhere = admin.post("/api/console/facts/card-nowhere/retire", json={})
    assert nowhere.status_code == 404


def test_a_question_is_tried_on_the_facts_as_they_are_now(
    house: House, admin: TestClient, reviewer: TestClient
) -> None:
    dog = _add(admin, DOG)
    history = [
        {"role": "user", "content": "動物は好き？"},
        {"role": "assistant", "content": "ええ、好きですわ。"},
    ]
    answer = reviewer.post(
        "/api/console/facts/try", json={"question": "愛犬は？", "history": history}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["facts"] == [{"rank": 1, "id": dog["id"], "text": DOG, "score": 1.0}]

    _do(admin, dog, "retire")
    again = reviewer.post("/api/console/facts/try", json={"question": "愛犬は？"})
    assert again.json()["facts"] == []


def test_a_proposal_changes_nothing_until_it_is_accepted(
    house: House, admin: TestClient, reviewer: TestClient
) -> None:
    visitor = house.client()
    turn = exchange(visitor, start_conversation(visitor), "愛犬は？")
    reply = turn["replies"][0]
    body = {"kind": "missing", "text": DOG, "reply_id": reply["id"]}
    made = reviewer.post("/api/console/proposals", json=body)
    assert made.status_code == 201, made.text
    assert [one["text"] for one in _facts(admin)] == [VIOLIN]
    (open_one,) = reviewer.get("/api/console/proposals").json()["proposals"]
    assert (open_one["asked"], open_one["said"]) == ("愛犬は？", reply["text"])

    accepted = admin.post(
        f"/api/console/proposals/{open_one['id']}/accept", json={"text": DOG, "why": ""}
    )
    assert accepted.status_code == 200, accepted.text
    assert [one["text"] for one in _facts(admin)] == [VIOLIN, DOG]
    assert reviewer.get("/api/console/proposals").json()["proposals"] == []
    with house.database.reading() as session:
        deeds = [one.action for one in list_audit(session)]
    assert {"fact.propose", "fact.add", "fact.accept"} <= set(deeds)


def test_a_proposal_is_declined_with_a_reason(admin: TestClient, reviewer: TestClient) -> None:
    body = {"kind": "wrong", "text": "絢音の趣味は将棋である。", "replaces": VIOLIN}
    made = reviewer.post("/api/console/proposals", json=body).json()
    path = f"/api/console/proposals/{made['id']}/decline"
    silent = admin.post(path, json={"why": " "})
    assert (silent.status_code, error_code(silent)) == (409, "fact_reason")
    declined = admin.post(path, json={"why": "台本と違います"})
    assert (declined.json()["status"], declined.json()["reason"]) == ("declined", "台本と違います")
    again = admin.post(path, json={"why": "もう一度"})
    assert (again.status_code, error_code(again)) == (409, "fact_decided")


def test_the_way_of_a_correction_is_told_before_it_is_saved(reviewer: TestClient) -> None:
    fact = reviewer.post(
        "/api/console/route-fault",
        json={
            "user": "好きな色は？",
            "reply": "さあ、わかりませんわ。",
            "corrected": "藤色ですの。",
            "facts": [VIOLIN],
        },
    ).json()
    assert (fact["kind"], fact["text"]) == ("fact", "絢音の好きな色は藤色である。")
    style = reviewer.post(
        "/api/console/route-fault",
        json={"user": "疲れた", "reply": "そうですか。", "note": "冷たい。もっと優しく"},
    ).json()
    assert (style["kind"], style["text"]) == ("style", "")
