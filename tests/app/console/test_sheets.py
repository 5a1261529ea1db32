"""A sheet from its making to its table, and who sees what of it when."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from store.audit import list_audit
from store.duels import Opponents, add_duel, decide_duel, new_duel
from store.lineage import taint
from store.records import NewReply, ReplyEnd
from store.replies import finish_reply
from store.sheets import NewItem, NewSheet, create_sheet, list_items, load_sheet
from store.turns import append_variant
from store.visitors import set_duel
from tests.app.console.conftest import enter
from tests.app.console.seed_console import ADMIN, REVIEWER, seed_operators
from tests.app.duel_server import put_into_production
from tests.app.house import House, error_code, open_house, wait_until
from tests.fakes import FakeEngine
from tests.store.talk import begin, say

VOICES = {None: ("素の声。",), "v1": ("前の声ですわ。",), "v2": ("新しい声ですわ。",)}
BODY = {
    "name": "秋の評価",
    "versions": ["base", "v1", "v2"],
    "metrics": ["trust", "topic"],
    "prompts": 3,
}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(voices=VOICES)


@pytest.fixture
def house(tmp_path: Path, engine: FakeEngine) -> Iterator[House]:
    with open_house(tmp_path / "home", engine) as opened:
        seed_operators(opened.database)
        put_into_production(opened.database, "v1", "v2")
        yield opened


def _make(admin: TestClient, **changes: object) -> str:
    answer = admin.post("/api/console/sheets", json={**BODY, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sheet"]["id"])


def _status(client: TestClient, sheet: str) -> str:
    return str(client.get(f"/api/console/sheets/{sheet}").json()["sheet"]["status"])


def _made(admin: TestClient, **changes: object) -> str:
    sheet = _make(admin, **changes)
    wait_until(lambda: _status(admin, sheet) == "ready")
    return sheet


def _item(client: TestClient, sheet: str, number: int) -> dict:
    answer = client.get(f"/api/console/sheets/{sheet}/items/{number}")
    assert answer.status_code == 200, answer.text
    return answer.json()["item"]


def _rate(client: TestClient, sheet: str, number: int) -> None:
    """Rank the newest version first and the base last, by what the replies say."""
    best = {"新しい声ですわ。": 1, "前の声ですわ。": 2, "素の声。": 3}
    letters = {one["letter"]: best[one["text"]] for one in _item(client, sheet, number)["replies"]}
    natural = {letter: 6 - rank for letter, rank in letters.items()}
    body = {"ranks": letters, "naturalness": natural}
    answer = client.put(f"/api/console/sheets/{sheet}/items/{number}", json=body)
    assert answer.status_code == 200, answer.text


def test_a_sheet_is_made_rated_closed_and_exported(
    house: House, admin: TestClient, reviewer: TestClient
) -> None:
    sheet = _made(admin)
    assert reviewer.get(f"/api/console/sheets/{sheet}").json()["sheet"]["items"] == 6
    for client in (admin, reviewer):
        for number in range(1, 7):
            _rate(client, sheet, number)
    seen = reviewer.get(f"/api/console/sheets/{sheet}").json()
    assert (seen["rated"], seen["sheet"]["raters"]) == ([1, 2, 3, 4, 5, 6], 2)
    assert error_code(reviewer.get(f"/api/console/sheets/{sheet}/results")) == "sheet_blind"
    assert admin.post(f"/api/console/sheets/{sheet}/close").json()["sheet"]["status"] == "closed"
    table = reviewer.get(f"/api/console/sheets/{sheet}/results").json()["table"]
    assert [row["metric"] for row in table["rows"]] == ["trust", "topic", "mean"]
    ranks = {one["version"]: one["rank"]["value"] for one in table["rows"][-1]["versions"]}
    assert ranks == {"base": 3, "v1": 2, "v2": 1}
    assert table["agreement"] == {"krippendorff_ordinal": 1.0, "items": 6}
    exported = admin.get(f"/api/console/sheets/{sheet}/export", params={"format": "csv"})
    assert "attachment" in exported.headers["content-disposition"]
    (trust, *_) = csv.DictReader(io.StringIO(exported.text))
    assert (trust["metric"], float(trust["win v2"]), trust["raters"]) == ("Trust", 1.0, "2")
    for kind, start in (("md", "| metric |"), ("json", "{")):
        answer = admin.get(f"/api/console/sheets/{sheet}/export", params={"format": kind})
        assert answer.text.startswith(start)
    with house.database.reading() as session:
        told = [(one.actor, one.action) for one in list_audit(session, limit=100)]
    assert told.count((ADMIN, "sheet.export")) == 3
    assert {(ADMIN, "sheet.make"), (ADMIN, "sheet.close"), (REVIEWER, "sheet.rate")} <= set(told)


def test_no_version_is_named_before_the_sheet_is_closed(
    admin: TestClient, reviewer: TestClient
) -> None:
    sheet = _made(admin)
    for path in ("sheets", f"sheets/{sheet}", f"sheets/{sheet}/items/1"):
        text = reviewer.get(f"/api/console/{path}").text
        assert not [name for name in ('"base"', '"v1"', '"v2"') if name in text], path
    assert '"v1"' not in admin.get(f"/api/console/sheets/{sheet}/items/1").text
    admin.post(f"/api/console/sheets/{sheet}/close")
    assert {one["version"] for one in _item(reviewer, sheet, 1)["replies"]} == {"base", "v1", "v2"}


def test_letters_stand_for_other_versions_from_item_to_item(
    admin: TestClient, reviewer: TestClient
) -> None:
    sheet = _made(admin, prompts=12)
    orders = [
        tuple(one["text"] for one in _item(client, sheet, number)["replies"])
        for client in (admin, reviewer)
        for number in range(1, 25)
    ]
    assert len(set(orders)) >= 4
    assert orders[:24] != orders[24:]


def test_every_version_answers_the_same_words_by_the_same_seed(
    house: House, admin: TestClient, engine: FakeEngine
) -> None:
    _made(admin)
    assert len(engine.requests) == 6 * 3
    by_words: dict[object, set[object]] = {}
    for one in engine.requests:
        by_words.setdefault((one.messages, one.sampling), set()).add(one.adapter)
    assert list(by_words.values()) == [{None, "v1", "v2"}] * 6


def test_what_the_safety_filter_catches_is_deflected(admin: TestClient, engine: FakeEngine) -> None:
    engine.voices = {**VOICES, "v1": ("NGWORD ですわ",)}
    sheet = _made(admin, metrics=["trust"], prompts=1)
    texts = {one["text"] for one in _item(admin, sheet, 1)["replies"]}
    assert "そのお話は、わたくしには早うございますわ。" in texts
    assert not [text for text in texts if "NGWORD" in text]


def test_making_stops_and_goes_on_with_what_is_missing(
    house: House, admin: TestClient, engine: FakeEngine
) -> None:
    engine.hold()
    sheet = _make(admin)
    wait_until(lambda: bool(engine.requests))
    assert error_code(admin.get(f"/api/console/sheets/{sheet}/items/1")) == "sheet_unmade"
    stopped = admin.post(f"/api/console/sheets/{sheet}/stop")
    assert stopped.json()["sheet"]["status"] == "stopped"
    engine.release()
    with house.database.reading() as session:
        there = [len(item.replies) for item in list_items(session, sheet)]
    asked = len(engine.requests)
    assert sum(there) <= asked
    admin.post(f"/api/console/sheets/{sheet}/resume")
    wait_until(lambda: _status(admin, sheet) == "ready")
    assert len(engine.requests) - asked == 18 - sum(there)


def test_visitors_come_first(house: House, admin: TestClient, engine: FakeEngine) -> None:
    visitor = house.client()
    conversation = visitor.post("/api/conversations").json()["id"]
    engine.hold()
    visitor.post(f"/api/conversations/{conversation}/turns", json={"text": "ごきげんよう"})
    wait_until(lambda: len(engine.requests) == 1)
    sheet = _make(admin)
    assert len(engine.requests) == 1
    engine.release()
    wait_until(lambda: _status(admin, sheet) == "ready")
    assert len(engine.requests) == 19


def test_a_version_that_cannot_speak_fails_the_sheet_with_a_sentence(
    house: House, admin: TestClient
) -> None:
    sheet = _made(admin)
    with house.database.session() as session:
        taint(session, ["v1"], "erased", house.app.state.console.now())
    with house.database.session() as session:
        old = load_sheet(session, sheet)
        again = NewSheet(
            name="x",
            versions=old.versions,
            metrics=("trust",),
            seed=1,
            items=(NewItem(metric="trust", prompt="p", question="?"),),
        )
        made = create_sheet(session, again, by=ADMIN, now=house.app.state.console.now())
    house.app.state.console.sheets.start(made.id)
    wait_until(lambda: _status(admin, made.id) == "failed")
    told = admin.get(f"/api/console/sheets/{made.id}").json()["sheet"]["error"]
    assert "v1 may not speak" in told


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"versions": ["v1", "v1"]}, "sheet_versions"),
        ({"versions": ["v1", "v9"]}, "sheet_versions"),
        ({"metrics": ["beauty"]}, "sheet_metrics"),
        ({"prompts": 150}, "sheet_prompts"),
        ({"name": "  "}, "sheet_name"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(
    admin: TestClient, changes: dict[str, object], code: str
) -> None:
    answer = admin.post("/api/console/sheets", json={**BODY, **changes})
    assert error_code(answer) == code
    assert admin.get("/api/console/sheets").json()["sheets"] == []


def test_half_a_rating_is_refused(admin: TestClient) -> None:
    sheet = _made(admin)
    body = {"ranks": {"A": 1, "B": 2}, "naturalness": {"A": 1, "B": 2}}
    answer = admin.put(f"/api/console/sheets/{sheet}/items/1", json=body)
    assert error_code(answer) == "sheet_rating"
    assert admin.get(f"/api/console/sheets/{sheet}").json()["rated"] == []


def test_a_restart_calls_half_made_sheets_stopped(tmp_path: Path, engine: FakeEngine) -> None:
    home = tmp_path / "again"
    engine.hold()
    with open_house(home, engine) as opened:
        seed_operators(opened.database)
        put_into_production(opened.database, "v1", "v2")
        sheet = _make(enter(opened, ADMIN))
    with open_house(home, FakeEngine(voices=VOICES)) as opened:
        client = enter(opened, ADMIN)
        assert _status(client, sheet) == "stopped"
        client.post(f"/api/console/sheets/{sheet}/resume")
        wait_until(lambda: _status(client, sheet) == "ready")


def test_the_duel_is_told_by_pair_of_versions(house: House, reviewer: TestClient) -> None:
    now = house.app.state.console.now()
    with house.database.session() as session:
        for _ in range(3):
            owner, conversation = begin(session, now=now)
            set_duel(session, owner, allow=True, now=now)
            turn = say(session, owner, conversation, "問い", now)
            second = NewReply(origin="duel", adapter="v1", seed=1, sampling={})
            turn = append_variant(session, turn.id, second, now=now)
            for reply in turn.replies:
                end = ReplyEnd(status="done", text=reply.origin)
                finish_reply(session, reply.id, end, now=now)
            replies = (turn.replies[0].id, turn.replies[1].id)
            pair = Opponents(newer="v2", older="v1")
            duel = new_duel(pair, turn.id, replies=replies, newer_left=True, now=now)
            add_duel(session, owner, duel)
        decide_duel(session, owner, turn.id, left=True, now=now)
    told = reviewer.get("/api/console/duels").json()
    assert told["visitors"] == 3
    (pair_told,) = told["pairs"]
    assert (pair_told["newer"], pair_told["older"], pair_told["active"]) == ("v2", "v1", True)
    assert (pair_told["asked"], pair_told["votes"], pair_told["share"]) == (3, 1, 1.0)
    assert pair_told["standing"] == "open"
    assert [one["votes"] for one in pair_told["curve"]] == [1]
