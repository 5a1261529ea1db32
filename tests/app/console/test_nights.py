"""The nights of the console: figures equal SQL, running and stopping leave their marks."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.clock import utc_now
from app.console.night_json import STEP_ORDER
from app.console.parts import ConsoleParts
from app.night_service import NightService, child_settings
from rlaif.night import STEPS
from scheduler.child import NightChild
from store.audit import Deed, list_audit
from store.night_records import NightStatus
from store.nights import begin_step, claim_night, load_night, progress_step
from store.owners import this_process
from tests.app.house import House, error_code, wait_until
from tests.rlaif.made_up_night import ADAPTER, DATE, EXAMPLES, make_night

LEASE = timedelta(minutes=30)


def _count(house: House, what: str) -> int:
    with house.database.reading() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {what}")) or 0)


def _make(house: House, status: NightStatus, day: str = DATE) -> None:
    assert status != "running"
    with house.database.session() as session:
        make_night(session, house.settings.nights_folder / day, utc_now(), status, date=day)


def _deeds(house: House, action: str) -> list[Deed]:
    with house.database.reading() as session:
        return [deed for deed in list_audit(session) if deed.action == action]


@pytest.fixture
def nights(house: House) -> Iterator[NightService]:
    """The house with a night service whose nights sleep, and a model that counts as prepared."""
    folder = house.settings.home / "model"
    folder.mkdir()
    model = house.settings.model.model_copy(update={"name": str(folder)})
    settings = house.settings.model_copy(update={"model": model})
    service = NightService(settings, house.database)
    sleeping = replace(
        child_settings(settings),
        command=lambda _: [sys.executable, "-c", "import time; time.sleep(60)"],
        by_hand=(),
        stop_seconds=5.0,
    )
    service.child = NightChild(sleeping)
    parts: ConsoleParts = house.app.state.console
    house.app.state.console = replace(parts, night=service, settings=settings)
    yield service
    service.child.stop()
    house.app.state.console = parts


def test_the_calendar_and_the_report_tell_what_sql_counts(
    house: House, reviewer: TestClient
) -> None:
    _make(house, "published")
    calendar = reviewer.get("/api/console/nights").json()
    assert (calendar["month"], calendar["first"], calendar["last"]) == ("2026-09", DATE, DATE)
    (day,) = calendar["days"]
    report = reviewer.get(f"/api/console/nights/{DATE}").json()
    for told in (day, report):
        assert (told["status"], told["adapter"]) == ("published", ADAPTER)
        assert told["turns"] == _count(house, "night_turns")
        assert told["pairs"] == _count(house, "pairs")
    assert day["trained"] == report["trained_pairs"] == _count(house, "night_training")
    assert day["gates"] == len(report["gates"]) == _count(house, "gate_results")
    assert report["scored"] == _count(house, "scores")
    assert sum(report["counts"]["drops"].values()) == _count(house, "pair_drops")
    assert len(report["curve"]) == 40, "what was being written when it stopped is left out"
    assert [one["after"] for one in report["examples"]] == [one.after for one in EXAMPLES]
    assert {one["group"] for one in report["gates"]} >= {"score", "drift", "safety"}
    assert not [line for line in report["why"] if "yogeiko" in line]
    assert reviewer.get("/api/console/nights", params={"month": "2026-08"}).json()["days"] == []


def test_a_refused_night_names_the_gates_that_failed(house: House, reviewer: TestClient) -> None:
    _make(house, "refused")
    report = reviewer.get(f"/api/console/nights/{DATE}").json()
    failed = {one["gate"] for one in report["gates"] if not one["passed"]}
    assert failed == {"voice.active", "gate_score.anchor"}
    assert any("口調・対 現役" in line for line in report["why"])


def test_an_english_page_is_told_in_english(house: House, reviewer: TestClient) -> None:
    _make(house, "refused")
    english = {"Accept-Language": "en"}
    report = reviewer.get(f"/api/console/nights/{DATE}", headers=english).json()
    japanese = re.compile("[ぁ-んァ-ヶ一-龯]")
    told = [*report["why"], report["turns_told"], *report["names"].values()]
    told += [one["name"] for one in report["gates"]]
    assert not [text for text in told if japanese.search(text)]
    assert any("voice · against the version before" in line for line in report["why"])


def test_unknown_dates_are_refused_with_a_sentence(reviewer: TestClient) -> None:
    answer = reviewer.get("/api/console/nights/2026-09-24")
    assert (answer.status_code, error_code(answer)) == (404, "night_unknown")
    assert "2026-09-24" in answer.json()["error"]["message"]
    assert reviewer.get("/api/console/nights", params={"month": "2026-13"}).status_code == 400
    assert reviewer.get("/api/console/nights").json()["days"] == []


def test_a_running_night_is_told_with_its_pace(house: House, reviewer: TestClient) -> None:
    began = utc_now() - timedelta(minutes=2)
    with house.database.session() as session:
        claim = claim_night(
            session, DATE, owner=this_process(), lease=LEASE, now=began, settings={}
        )
        assert claim is not None
        begin_step(session, claim, "collect", 1, began)
        progress_step(session, claim, "collect", 30, 60)
    told = reviewer.get("/api/console/nights/running").json()
    assert (told["night"], told["stoppable"]) == (DATE, False)
    progress = told["progress"]
    assert (progress["step"], progress["position"], progress["done"]) == ("collect", 1, 30)
    # 30 in two minutes and whatever this test took.
    assert 12 < progress["per_minute"] <= 15
    assert progress["end"] is None, "no earlier night tells how long the rest takes"
    with house.database.session() as session:
        session.execute(text("UPDATE nights SET lease_owner = NULL, lease_until = NULL"))
    assert reviewer.get("/api/console/nights/running").json()["night"] is None


def test_the_steps_are_told_in_the_order_in_which_a_night_takes_them() -> None:
    assert tuple(name for name, _ in STEPS) == STEP_ORDER


def test_an_admin_runs_tonight_and_stops_it(
    house: House, admin: TestClient, nights: NightService
) -> None:
    coming = admin.get("/api/console/nights").json()["coming"]
    answer = admin.post("/api/console/nights/run", json={})
    assert (answer.status_code, answer.json()) == (202, {"night": coming})
    assert nights.child.day == date.fromisoformat(coming)
    assert admin.get("/api/console/nights/running").json()["stoppable"]
    again = admin.post("/api/console/nights/run", json={})
    assert (again.status_code, error_code(again)) == (409, "night_running")
    assert admin.post("/api/console/nights/stop").json() == {"night": coming}
    assert not nights.child.running
    with house.database.reading() as session:
        night = load_night(session, coming)
    assert night is not None
    # It was stopped before it took the night, and is not begun again by the clock.
    assert night.status == "stopped"
    assert night.held_at is not None
    for action in ("night.run", "night.stop"):
        (deed,) = _deeds(house, action)
        assert (deed.actor, deed.detail) == ("kantoku", {"night": coming})
    over = admin.post("/api/console/nights/stop")
    assert (over.status_code, error_code(over)) == (409, "night_not_running")


def test_a_night_that_was_refused_may_be_run_again(
    house: House, admin: TestClient, nights: NightService
) -> None:
    _make(house, "refused")
    assert admin.post("/api/console/nights/run", json={"date": DATE}).status_code == 202
    wait_until(lambda: nights.child.running)


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("published", "night_over"),
        ("taken", "night_taken"),
        ("unprepared", "model_unprepared"),
        ("far", "night_far"),
        ("no date", "night_date"),
        ("absent", "night_absent"),
    ],
)
def test_what_is_in_the_way_is_said(
    house: House, admin: TestClient, nights: NightService, why: str, code: str
) -> None:
    day = DATE
    if why == "published":
        _make(house, "published")
    if why == "taken":
        with house.database.session() as session:
            claim_night(
                session, DATE, owner=this_process(), lease=LEASE, now=utc_now(), settings={}
            )
    if why == "unprepared":
        parts: ConsoleParts = house.app.state.console
        house.app.state.console = replace(parts, settings=house.settings)
    if why == "far":
        day = (utc_now().date() + timedelta(days=9)).isoformat()
    if why == "no date":
        day = "tomorrow"
    if why == "absent":
        house.app.state.console = replace(house.app.state.console, night=None)
    answer = admin.post("/api/console/nights/run", json={"date": day})
    assert error_code(answer) == code
    assert not nights.child.running
    assert _deeds(house, "night.run") == []


def test_the_morning_tells_the_night_and_what_waits(
    house: House, reviewer: TestClient, tmp_path: Path
) -> None:
    empty = reviewer.get("/api/console/home").json()
    assert empty["night"] is None
    assert empty["waiting"] == {"pairs": 0, "deadline": None, "conflicts": 0, "proposals": 0}
    _make(house, "waiting")
    told = reviewer.get("/api/console/home").json()
    assert (told["night"]["date"], told["night"]["status"]) == (DATE, "waiting")
    assert told["waiting"]["pairs"] == _count(house, "pairs WHERE status = 'proposed'")
    assert told["waiting"]["conflicts"] == _count(house, "conflicts WHERE resolved_at IS NULL") == 1
    with house.database.reading() as session:
        night = load_night(session, DATE)
    assert night is not None
    asked = night.began("inbox")
    assert asked is not None
    deadline = asked + timedelta(hours=house.settings.night.deadline_hours)
    assert told["waiting"]["deadline"] == deadline.isoformat()
    assert told["production"]["why"] == "test"


def test_the_morning_tells_last_night_while_the_next_one_runs(
    house: House, reviewer: TestClient
) -> None:
    _make(house, "skipped")
    following = (date.fromisoformat(DATE) + timedelta(days=1)).isoformat()
    with house.database.session() as session:
        claim_night(
            session, following, owner=this_process(), lease=LEASE, now=utc_now(), settings={}
        )
    told = reviewer.get("/api/console/home").json()
    assert (told["night"]["date"], told["running"]["night"]) == (DATE, following)
