"""The list of replies and the views over HTTP."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from app.clock import utc_now
from store.night_records import RewardRecord
from store.rewards import save_rewards
from store.scores import append_score, append_score_failure
from store.turns import set_feedback
from tests.app.house import House, error_code
from tests.store.rehearsal import EVALUATOR, claim, talk, verdict


@pytest.fixture
def replies(house: House) -> list[str]:
    """Two replies of one visitor: the first is scored and disliked, the second could not be."""
    now = utc_now() - timedelta(hours=1)
    with house.database.session() as session:
        owner, turns = talk(
            session, now, ("猫は好き？", "ええ、大好きですわ。"), ("犬は？", "犬も。")
        )
        first, second = (turn.replies[0].id for turn in turns)
        set_feedback(session, owner, first, "down", "素っ気ない", now=now)
        append_score(session, verdict(first, 7.5), now=now)
        append_score_failure(
            session, reply_id=second, candidate_id=None, evaluator="e", reason="timeout", now=now
        )
        guards = {"length": {"value": 0.5}}
        reward = RewardRecord(total=1.0, settings="s", metrics={}, guards=guards)
        save_rewards(session, claim(session, now), EVALUATOR, {first: reward})
    return [first, second]


def _ids(client: TestClient, **asked: object) -> list[str]:
    answer = client.get("/api/console/replies", params=asked)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["replies"]]


def test_a_reply_is_told_whole(reviewer: TestClient, replies: list[str]) -> None:
    answer = reviewer.get("/api/console/replies").json()
    assert answer["next"] is None
    assert answer["count"] == {"value": 2, "more": False}
    second, first = answer["replies"]
    assert [first["id"], second["id"]] == replies
    assert (first["user_text"], first["text"]) == ("猫は好き？", "ええ、大好きですわ。")
    assert set(first["scores"].values()) == {7.5}
    assert (len(first["scores"]), first["mean"], first["spread"]) == (12, 7.5, 0.5)
    assert (first["thumb"], first["reason"], first["variants"]) == ("down", "素っ気ない", 1)
    assert first["guards"] == {"length": {"value": 0.5}}
    assert (first["personal"], first["unscored_reason"], len(first["visitor"])) == (None, None, 8)
    assert (second["scores"], second["mean"], second["unscored_reason"]) == (None, None, "timeout")


def test_parameters_narrow_the_list(reviewer: TestClient, replies: list[str]) -> None:
    first, second = replies
    someone = reviewer.get("/api/console/replies").json()["replies"][0]["visitor"]
    later = (utc_now() + timedelta(days=1)).isoformat()
    for found, asked in (
        ([first], {"range": ["trust:7:8", "mean:7.5:"]}),
        ([], {"range": "trust::7.4"}),
        ([first], {"thumb": "down"}),
        ([second], {"unscored": "true"}),
        ([first], {"text": "大好キ"}),
        ([second, first], {"visitor": someone, "lang": "en"}),
        ([], {"since": later}),
        ([second, first], {"until": later, "reviewed": "false", "on_screen": "false"}),
        ([first, second], {"sort": "trust_up"}),
        ([first, second], {"sort": "oldest"}),
    ):
        assert _ids(reviewer, **asked) == found, asked


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"range": "trust:3"}, "filter_range"),
        ({"range": "charm:1:2"}, "filter_range"),
        ({"range": "trust:1:11"}, "filter_range"),
        ({"range": "trust:nan:2"}, "filter_range"),
        ({"visitor": "abc"}, "filter_visitor"),
        ({"text": "長" * 201}, "filter_text"),
        ({"sort": "best"}, "list_sort"),
        ({"cursor": "x"}, "list_cursor"),
        ({"thumb": "sideways"}, "bad_request"),
        ({"since": "2026-01-01T00:00:00"}, "bad_request"),
        ({"metrik": "trust"}, "bad_request"),
    ],
)
def test_what_cannot_be_read_is_refused(
    reviewer: TestClient, asked: dict[str, str], code: str
) -> None:
    answer = reviewer.get("/api/console/replies", params=asked)
    assert (answer.status_code, error_code(answer)) == (400, code)


def test_views_are_kept_per_operator(reviewer: TestClient, admin: TestClient) -> None:
    view = {"screen": "replies", "name": " 低い  信頼 ", "query": {"range": ["trust::4"]}}
    kept = reviewer.post("/api/console/views", json=view).json()
    assert kept["name"] == "低い 信頼"
    listed = reviewer.get("/api/console/views", params={"screen": "replies"}).json()["views"]
    assert listed == [kept]
    assert admin.get("/api/console/views").json() == {"views": []}
    assert admin.delete(f"/api/console/views/{kept['id']}").status_code == 404
    assert reviewer.delete(f"/api/console/views/{kept['id']}").status_code == 200
    assert reviewer.get("/api/console/views").json() == {"views": []}
    deeds = admin.get("/api/console/audit").json()
    assert {"view.save", "view.delete"} <= {one["action"] for one in deeds["deeds"]}


@pytest.mark.parametrize(
    ("view", "code"),
    [
        ({"screen": "replies", "name": "  ", "query": {}}, "view_name"),
        ({"screen": "replies", "name": "n", "query": {"a": "あ" * 4_001}}, "view_long"),
        ({"screen": "../x", "name": "n", "query": {}}, "bad_request"),
    ],
)
def test_bad_views_are_refused(reviewer: TestClient, view: dict[str, object], code: str) -> None:
    assert error_code(reviewer.post("/api/console/views", json=view)) == code
