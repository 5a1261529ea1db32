"""The queue and the reviews over HTTP: hidden scores, refusals, undo, whose reviews are whose."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from app.clock import utc_now
from store.audit import list_audit
from store.bulk import open_bulk
from store.scores import append_score
from tests.app.console.seed_console import ADMIN, REVIEWER
from tests.app.house import House, error_code
from tests.store.rehearsal import talk, verdict

WORDS = tuple((f"問い{number}", f"お茶を{number}杯いただきますわ。") for number in range(8))


@pytest.fixture
def replies(house: House) -> list[str]:
    with house.database.session() as session:
        _, turns = talk(session, utc_now() - timedelta(hours=2), *WORDS)
        found = [turn.replies[0].id for turn in turns]
        for reply in found:
            append_score(session, verdict(reply, 7.25), now=utc_now())
    return found


def _next(client: TestClient, count: int = 3) -> dict:
    answer = client.post("/api/console/queue/next", json={"count": count})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _ids(answer: dict) -> list[str]:
    return [one["reply"] for one in answer["items"]]


def _review(client: TestClient, reply: str, *said: dict, blind: bool = True):
    body = {"reviews": list(said), "blind": blind}
    return client.post(f"/api/console/replies/{reply}/reviews", json=body)


GOOD = {"kind": "verdict", "text": "good"}


def test_the_queue_tells_nothing_that_the_evaluator_thought(
    reviewer: TestClient, replies: list[str]
) -> None:
    answer = reviewer.post("/api/console/queue/next", json={"count": 8})
    assert sorted(_ids(answer.json())) == sorted(replies)
    assert "7.25" not in answer.text
    assert "thumb" not in answer.text
    scores = reviewer.get(f"/api/console/queue/{replies[0]}/scores").json()["scores"]
    assert [one["values"]["trust"] for one in scores] == [7.25]


def test_a_reply_comes_with_its_talk(reviewer: TestClient, replies: list[str]) -> None:
    item = reviewer.get(f"/api/console/queue/{replies[1]}").json()["item"]
    assert (item["user_text"], item["text"]) == WORDS[1]
    assert [line["text"] for line in item["before"]] == list(WORDS[0])
    missing = reviewer.get(f"/api/console/queue/{'0' * 32}")
    assert (missing.status_code, error_code(missing)) == (404, "not_found")


def test_two_operators_never_hold_the_same_reply(
    reviewer: TestClient, admin: TestClient, replies: list[str]
) -> None:
    mine, theirs = _ids(_next(reviewer, 4)), _ids(_next(admin, 8))
    assert len(mine) == 4
    assert set(mine).isdisjoint(theirs)
    assert set(mine) | set(theirs) == set(replies)
    assert _ids(_next(reviewer, 4)) == mine, "one keeps what one has"


def test_progress_is_ones_own(reviewer: TestClient, admin: TestClient, replies: list[str]) -> None:
    first = _ids(_next(reviewer))[0]
    kept = _review(reviewer, first, GOOD, {"kind": "metric", "metric": "trust", "value": 8})
    assert kept.status_code == 201
    mine, theirs = reviewer.get("/api/console/queue").json(), admin.get("/api/console/queue").json()
    assert (mine["today"], mine["in_all"]) == (1, 1)
    assert (theirs["today"], theirs["in_all"]) == (0, 0)
    assert first not in _ids(_next(reviewer, 8))
    assert [(one["kind"], one["blind"]) for one in kept.json()["reviews"]] == [
        ("verdict", True),
        ("metric", True),
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"kind": "edit", "text": "今夜はセックスしましょう"}, "edit_unsuitable"),
        ({"kind": "edit", "text": WORDS[0][1]}, "edit_same"),
        ({"kind": "contradiction", "text": "コーヒー"}, "words_not_said"),
        ({"kind": "retract"}, "review_kind"),
        ({"kind": "skip", "note": "x"}, "review_kind"),
    ],
)
def test_what_is_refused_leaves_nothing_of_the_whole(
    reviewer: TestClient, replies: list[str], said: dict, code: str
) -> None:
    answer = _review(reviewer, replies[0], GOOD, said)
    assert (answer.status_code, error_code(answer)) == (400, code)
    known = reviewer.get(f"/api/console/replies/{replies[0]}/reviews").json()
    assert known == {"reviews": []}


def test_a_skip_needs_a_reason_and_is_ones_own(
    reviewer: TestClient, admin: TestClient, replies: list[str]
) -> None:
    path = f"/api/console/replies/{replies[0]}/skip"
    assert error_code(reviewer.post(path, json={"reason": " \x00\n"})) == "skip_reason"
    assert reviewer.post(path, json={"reason": "文字化け"}).status_code == 201
    assert replies[0] not in _ids(_next(reviewer, 20))
    assert _ids(_next(admin, 20)) == replies[:1], "the reviewer holds the others"


def test_undo_goes_back_through_ones_own_actions(
    reviewer: TestClient, admin: TestClient, replies: list[str]
) -> None:
    _review(reviewer, replies[0], GOOD)
    _review(reviewer, replies[1], GOOD, {"kind": "note", "note": "?"})
    _review(admin, replies[2], GOOD)

    def undo() -> str | None:
        return reviewer.post("/api/console/queue/undo").json()["reply"]

    assert [undo(), undo(), undo()] == [replies[1], replies[0], None]
    history = reviewer.get(f"/api/console/replies/{replies[1]}/reviews").json()["reviews"]
    assert [(one["kind"], one["stands"]) for one in history] == [
        ("verdict", False),
        ("note", False),
        ("retract", True),
        ("retract", True),
    ]


def test_only_its_author_or_an_admin_takes_a_review_back(
    house: House, reviewer: TestClient, admin: TestClient, replies: list[str]
) -> None:
    theirs = _review(admin, replies[0], GOOD).json()["reviews"][0]["id"]
    mine = _review(reviewer, replies[0], GOOD).json()["reviews"][1]["id"]

    def act(client: TestClient, review: int, word: str):
        return client.post(f"/api/console/reviews/{review}/{word}", json={"note": "理由"})

    refused = act(reviewer, theirs, "retract")
    assert (refused.status_code, error_code(refused)) == (403, "review_of_another")
    assert act(reviewer, mine, "retract").status_code == 200
    restored = act(admin, mine, "restore").json()["reviews"]
    assert [one["stands"] for one in restored] == [True] * 4
    assert (restored[3]["operator"], restored[3]["note"]) == (ADMIN, "理由")
    assert act(admin, mine, "restore").status_code == 400
    with house.database.reading() as session:
        deeds = [(one.actor, one.action) for one in list_audit(session)]
    assert (ADMIN, "reply.review.restore") in deeds
    assert (REVIEWER, "reply.review.retract") in deeds


def test_a_bulk_action_is_done_told_and_undone(
    house: House, reviewer: TestClient, replies: list[str]
) -> None:
    body = {"action": "exclude", "replies": replies}
    begun = reviewer.post("/api/console/bulk", json=body)
    assert begun.status_code == 202
    bulk = begun.json()["bulk"]
    assert (bulk["count"], bulk["filter"]) == (8, {"selected": 8})
    assert bulk["finished_at"] is not None
    assert bulk["state"] == "finished"
    undone = reviewer.post(f"/api/console/bulk/{bulk['id']}/undo").json()["bulk"]
    assert (undone["undone_by"], undone["state"]) == (REVIEWER, "undone")
    assert [one["id"] for one in reviewer.get("/api/console/bulk").json()["bulk"]] == [bulk["id"]]
    history = reviewer.get(f"/api/console/replies/{replies[0]}/reviews").json()["reviews"]
    assert [(one["kind"], one["bulk"], one["stands"]) for one in history] == [
        ("exclude", bulk["id"], False),
        ("retract", None, True),
    ]
    with house.database.reading() as session:
        deeds = {one.action for one in list_audit(session)}
    assert {"reply.bulk.begin", "reply.bulk.finish", "reply.bulk.undo"} <= deeds
    assert reviewer.post("/api/console/bulk/x/undo").status_code == 404


def test_a_bulk_action_that_nothing_works_on_any_more_broke_off(
    house: House, reviewer: TestClient
) -> None:
    for minutes in (0, 1):
        with house.database.session() as session:
            at = utc_now() - timedelta(minutes=minutes)
            open_bulk(session, "exclude", operator=ADMIN, filter_json={}, now=at)
    found = reviewer.get("/api/console/bulk").json()["bulk"]
    assert [one["state"] for one in found] == ["running", "broken"]
    undone = reviewer.post(f"/api/console/bulk/{found[1]['id']}/undo").json()["bulk"]
    assert (undone["count"], undone["state"]) == (0, "undone")


def test_a_bulk_action_takes_a_whole_filter(
    house: House, reviewer: TestClient, replies: list[str]
) -> None:
    wanted = {"text": "3杯", "range": ["trust:7:8"], "unscored": False}
    body = {"action": "verdict_bad", "filter": wanted}
    bulk = reviewer.post("/api/console/bulk", json=body).json()["bulk"]
    assert bulk["count"] == 1
    assert bulk["filter"] == {"text": True, "range": ["trust:7:8"], "unscored": False}
    found = reviewer.get(f"/api/console/replies/{replies[3]}/reviews").json()["reviews"]
    assert [(one["kind"], one["text"]) for one in found] == [("verdict", "bad")]
    listed = reviewer.get("/api/console/replies", params={"reviewed": True}).json()
    assert [one["id"] for one in listed["replies"]] == [replies[3]]
    reviewer.post(f"/api/console/bulk/{bulk['id']}/undo")
    assert reviewer.get("/api/console/replies", params={"reviewed": True}).json()["replies"] == []


def test_a_bulk_action_says_exactly_which_replies(reviewer: TestClient, replies: list[str]) -> None:
    for which in ({}, {"filter": {}, "replies": replies}):
        answer = reviewer.post("/api/console/bulk", json={"action": "exclude", **which})
        assert (answer.status_code, error_code(answer)) == (400, "bulk_which")
    wrong = reviewer.post(
        "/api/console/bulk", json={"action": "exclude", "filter": {"text": "あ" * 999}}
    )
    assert error_code(wrong) == "filter_text"
    assert reviewer.get("/api/console/bulk").json() == {"bulk": []}


@pytest.mark.parametrize(("route", "proposals"), [("fact", 1), ("style", 0)])
def test_a_correction_of_fact_is_proposed_as_a_fact(
    reviewer: TestClient, replies: list[str], route: str, proposals: int
) -> None:
    edit = {"kind": "edit", "text": "紅茶は飲みませんの。", "route": route}
    kept = _review(reviewer, replies[0], edit)
    assert kept.status_code == 201, kept.text
    assert [one["route"] for one in kept.json()["reviews"]] == [route]
    known = reviewer.get("/api/console/proposals").json()["proposals"]
    assert len(known) == proposals


def test_the_router_says_what_the_operator_did_not(
    reviewer: TestClient, replies: list[str]
) -> None:
    polite = WORDS[0][1].replace("いただきますわ", "いただきますの")
    kept = _review(reviewer, replies[0], {"kind": "edit", "text": polite}).json()["reviews"]
    assert [one["route"] for one in kept] == ["style"]
