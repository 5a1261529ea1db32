"""The pair inbox and the conflict queue over HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.approval import inbox_plan
from app.clock import utc_now
from app.settings import load_settings
from rlaif.metrics import METRICS
from store.nights import load_night
from store.pairs import list_pairs, list_trainable_pairs
from store.tables import AuditRow
from tests.app.console.seed_console import REVIEWER
from tests.app.house import House, error_code
from tests.rlaif.made_up_night import DATE, make_night

ROOT = "/api/console"
BETTER = "まあ、ゆっくりお休みくださいませ。"


@pytest.fixture(autouse=True)
def _a_waiting_night(house: House, tmp_path: Path) -> None:
    with house.database.session() as session:
        make_night(session, tmp_path / "night", utc_now() - timedelta(hours=5), "waiting")


def _get(client: TestClient, path: str, **query: object) -> Any:
    answer = client.get(f"{ROOT}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _post(client: TestClient, path: str, **body: object) -> Any:
    answer = client.post(f"{ROOT}/{path}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def _deeds(house: House) -> list[tuple[str, str]]:
    wanted = select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id)
    with house.database.reading() as session:
        rows = session.execute(wanted).all()
    return [(actor, action) for actor, action in rows if not action.startswith("log")]


def test_the_newest_night_is_shown_with_what_stands_above_it(reviewer: TestClient) -> None:
    page = _get(reviewer, "pairs", limit=3)
    inbox = page["inbox"]
    assert inbox["nights"] == [{"date": DATE, "pairs": 8, "undecided": 8}]
    assert (inbox["night"], inbox["counts"]["proposed"], page["total"]) == (DATE, 8, 8)
    assert inbox["sources"] == {"edit": 1, "regenerated": 2, "score": 5}
    # Only this machine reaches the test server, so nobody is asked.
    assert (inbox["approval"], inbox["why"], inbox["deadline"]) == ("auto", "this_machine", None)
    assert len(page["pairs"]) == 3
    assert _get(reviewer, "pairs/inbox", night="all")["night"] is None


def test_both_sides_come_with_twelve_scores_and_what_they_were_worth(
    house: House, reviewer: TestClient
) -> None:
    scored = [one for one in _get(reviewer, "pairs")["pairs"] if one["chosen"]["reward"]]
    assert scored
    one = scored[0]
    assert set(one["chosen"]["scores"]) == {metric.key for metric in METRICS}
    reward = one["chosen"]["reward"]
    parts = sum(part["part"] for part in reward["metrics"].values())
    cost = sum(guard["points"] for guard in reward["guards"].values())
    assert reward["total"] == pytest.approx(parts - cost, abs=0.02)
    assert one["turns"][-1][0] == "user"


def test_verdicts_reach_what_is_trained(house: House, reviewer: TestClient) -> None:
    before = _get(reviewer, "pairs")["pairs"]
    ids = [one["id"] for one in before]
    flipped = _post(reviewer, f"pairs/{ids[0]}/verdict", verdict="flipped", note="逆です")
    assert (flipped["pair"]["status"], flipped["counts"]["flipped"]) == ("flipped", 1)
    assert flipped["pair"]["history"][0]["note"] == "逆です"
    _post(reviewer, f"pairs/{ids[1]}/verdict", verdict="vetoed")
    edited = _post(reviewer, f"pairs/{ids[2]}/edit", text=f"{BETTER}\x00")["pair"]
    assert (edited["chosen"]["text"], edited["chosen"]["scores"]) == (BETTER, None)
    _post(reviewer, f"pairs/{ids[3]}/note", note="気になります")

    with house.database.reading() as session:
        trained = list_trainable_pairs(
            session, now=utc_now(), retention=timedelta(days=90), auto=False
        )
    assert {(one.id, one.chosen) for one in trained} == {
        (ids[0], before[0]["rejected"]["text"]),
        (ids[2], BETTER),
    }
    undone = _post(reviewer, "pairs/undo")["pair"]
    assert (undone["id"], undone["status"]) == (ids[2], "proposed")
    assert undone["chosen"]["text"] == before[2]["chosen"]["text"]
    assert _deeds(house) == [
        (REVIEWER, "pair.decide"),
        (REVIEWER, "pair.decide"),
        (REVIEWER, "pair.edit"),
        (REVIEWER, "pair.note"),
        (REVIEWER, "pair.undo"),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" \n", "pair_text_empty"),
        ("……！", "pair_text_empty"),
        ("あ" * 601, "pair_text_long"),
        ("わたくしの電話は090-1234-5678ですわ。", "pair_text_personal"),
        ("セックスしましょう", "pair_text_unsafe"),
    ],
)
def test_a_text_that_must_not_be_taught_is_refused(
    house: House, reviewer: TestClient, text: str, code: str
) -> None:
    pair = _get(reviewer, "pairs", limit=1)["pairs"][0]["id"]
    answer = reviewer.post(f"{ROOT}/pairs/{pair}/edit", json={"text": text})
    assert (answer.status_code, error_code(answer)) == (400, code)
    assert _deeds(house) == []


def test_the_text_of_a_side_is_no_edit(reviewer: TestClient) -> None:
    pair = _get(reviewer, "pairs", limit=1)["pairs"][0]
    for side in ("chosen", "rejected"):
        body = {"text": pair[side]["text"]}
        answer = reviewer.post(f"{ROOT}/pairs/{pair['id']}/edit", json=body)
        assert (answer.status_code, error_code(answer)) == (409, "pair_text_same")


def test_a_filter_is_approved_and_taken_back(house: House, reviewer: TestClient) -> None:
    found = _get(reviewer, "pairs", source="score", margin_above=1.5, status="proposed")
    assert found["total"] == 5
    done = _post(reviewer, "pairs/approve-found", night=DATE, source="score", margin_above=1.5)
    assert done["count"] == 5
    again = reviewer.post(f"{ROOT}/pairs/approve-found", json={"night": DATE, "source": "score"})
    assert (again.status_code, error_code(again)) == (409, "pair_found_nothing")
    _post(reviewer, f"pairs/bulk/{done['bulk']}/undo")
    twice = reviewer.post(f"{ROOT}/pairs/bulk/{done['bulk']}/undo")
    assert (twice.status_code, error_code(twice)) == (409, "bulk_undone")
    with house.database.reading() as session:
        assert {one.status for one in list_pairs(session, DATE)} == {"proposed"}
    deeds = [action for _, action in _deeds(house)]
    assert deeds == ["pair.decide"] * 5 + ["pair.approve_all", "pair.undo_all"]


def test_what_cannot_be_is_refused_with_a_sentence(reviewer: TestClient) -> None:
    nothing = reviewer.post(f"{ROOT}/pairs/undo", headers={"Accept-Language": "ja"})
    assert (nothing.status_code, error_code(nothing)) == (409, "pair_undo_nothing")
    assert "取り消せる" in nothing.json()["error"]["message"]
    gone = reviewer.post(f"{ROOT}/pairs/{'0' * 32}/verdict", json={"verdict": "vetoed"})
    assert gone.status_code == 404
    source = reviewer.get(f"{ROOT}/pairs", params={"source": "rumour"})
    assert (source.status_code, error_code(source)) == (400, "pair_source")
    pair = _get(reviewer, "pairs", limit=1)["pairs"][0]["id"]
    for body in ({"verdict": "loved"}, {"verdict": "vetoed", "note": "あ" * 501}, {}):
        answer = reviewer.post(f"{ROOT}/pairs/{pair}/verdict", json=body)
        assert answer.status_code == 400


def test_what_another_decided_since_is_not_taken_back(
    reviewer: TestClient, admin: TestClient
) -> None:
    pair = _get(reviewer, "pairs", limit=1)["pairs"][0]["id"]
    _post(reviewer, f"pairs/{pair}/verdict", verdict="approved")
    _post(admin, f"pairs/{pair}/verdict", verdict="vetoed")
    answer = reviewer.post(f"{ROOT}/pairs/undo")
    assert (answer.status_code, error_code(answer)) == (409, "pair_undo_decided")
    assert "kantoku" in answer.json()["error"]["message"]


def test_a_conflict_is_settled_and_reopened(house: House, reviewer: TestClient) -> None:
    (conflict,) = _get(reviewer, "conflicts")["conflicts"]
    assert (conflict["signal"], conflict["quantile"]) == ("regenerated_away", 0.91)
    assert conflict["turns"][-1][0] == "user"
    assert len(conflict["turns"]) == 2 * 4 + 1
    path = f"conflicts/{conflict['id']}"
    settled = _post(reviewer, f"{path}/resolve", resolution="visitor")
    assert (settled["resolution"], settled["undoable"]) == ("visitor", True)
    twice = reviewer.post(f"{ROOT}/{path}/resolve", json={"resolution": "evaluator"})
    assert (twice.status_code, error_code(twice)) == (409, "conflict_resolved")
    assert _get(reviewer, "conflicts")["total"] == 0
    assert _get(reviewer, "conflicts", resolved=True)["total"] == 1
    assert _post(reviewer, f"{path}/reopen")["resolution"] is None
    again = reviewer.post(f"{ROOT}/{path}/reopen")
    assert (again.status_code, error_code(again)) == (409, "conflict_used")
    assert [action for _, action in _deeds(house)] == ["conflict.resolve", "conflict.reopen"]


def test_the_deadline_is_that_of_the_night(house: House, tmp_path: Path) -> None:
    flags = {"server": {"allowed_hosts": ["ayane.example.jp"]}, "night": {"deadline_hours": 5}}
    settings = load_settings(tmp_path, flags)
    with house.database.reading() as session:
        night = load_night(session, DATE)
    assert night is not None
    asked_at = night.began("inbox")
    assert asked_at is not None
    plan = inbox_plan(settings, night)
    assert (plan.approval, plan.why, plan.open) == ("required", "open_site", True)
    assert plan.deadline == asked_at + timedelta(hours=5)
    assert inbox_plan(settings, None).deadline is None
    named = load_settings(tmp_path, {"night": {"approval": "auto"}})
    assert (inbox_plan(named, night).why, inbox_plan(named, night).deadline) == ("set", None)
