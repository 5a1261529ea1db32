"""Exports through the console, by the real process that writes them."""

import csv
import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.clock import utc_now
from app.pseudonyms import pseudonyms
from store.audit import list_audit
from store.export_folder import PARTIAL
from tests.app.console.seed_console import ADMIN
from tests.app.house import House, error_code, exchange, start_conversation, wait_until
from tests.hostile_payloads import PAYLOADS
from tests.store.export_world import Told, tell

ORDER = {"tables": ["logs", "reviews"], "form": "jsonl"}


@pytest.fixture
def told(house: House) -> Told:
    return tell(house.database, utc_now(), "甲", "2026-09-10")


def _made(client: TestClient, **changes: object) -> dict:
    started = client.post("/api/console/exports", json={**ORDER, **changes})
    assert started.status_code == 202, started.text
    wait_until(lambda: client.get("/api/console/exports").json()["job"]["state"] != "running", 60)
    found = client.get("/api/console/exports").json()
    assert found["job"]["state"] == "done", found["job"]
    newest: dict = found["exports"][0]
    assert newest["id"] == started.json()["id"]
    return newest


def _deeds(house: House) -> list[str]:
    with house.database.reading() as session:
        return [one.action for one in list_audit(session) if one.action.startswith("export")]


def test_an_export_is_made_listed_fetched_and_deleted(
    house: House, admin: TestClient, told: Told
) -> None:
    made = _made(admin)
    assert made["counts"] == {"logs": 2, "reviews": 2}
    assert (made["ordered_by"], made["consented"], made["pseudonymised"]) == (ADMIN, True, True)
    place = f"/api/console/exports/{made['id']}"
    for file in made["files"]:
        content = admin.get(f"{place}/files/{file['name']}").content
        assert (len(content), sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    lines = [json.loads(line) for line in admin.get(f"{place}/files/logs.jsonl").text.splitlines()]
    name = pseudonyms(house.settings.secrets_folder)(told.owner.visitor_id)
    assert {line["visitor"] for line in lines} == {name}
    answer = admin.get(f"{place}/tar")
    assert (
        answer.headers["content-disposition"] == f'attachment; filename="yogeiko-{made["id"]}.tar"'
    )
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        names = sorted(Path(one).name for one in tar.getnames())
        assert names == ["logs.jsonl", "manifest.json", "reviews.jsonl"]
        manifest = tar.extractfile(f"{made['id']}/manifest.json")
        assert manifest is not None
        assert json.loads(manifest.read())["counts"] == made["counts"]
    assert admin.delete(place).json()["exports"] == []
    assert admin.get(f"{place}/tar").status_code == 404
    assert _deeds(house) == [
        "export.delete", *["export.download"] * 4, "export.write", "export.start",
    ]  # fmt: skip


def test_the_filter_of_the_list_is_kept_without_words(
    house: House, admin: TestClient, told: Told
) -> None:
    wanted = {"range": ["trust:5.5:"], "text": "甲", "visitor": told.owner.visitor_id[:8]}
    made = _made(admin, tables=["logs", "scores"], replies=wanted)
    assert made["counts"] == {"logs": 1, "scores": 1}
    public = {"range": ["trust:5.5:"], "text": True, "visitor": True}
    assert made["replies"] == public
    with house.database.reading() as session:
        (begun,) = [one for one in list_audit(session) if one.action == "export.start"]
    assert begun.detail == {"tables": ["logs", "scores"], "replies": public}
    assert _made(admin, replies={"thumb": "up"})["counts"] == {"logs": 0, "reviews": 0}
    assert _made(admin)["replies"] is None


def test_only_files_of_the_export_are_given(house: House, admin: TestClient, told: Told) -> None:
    made = _made(admin)
    place = f"/api/console/exports/{made['id']}"
    for wrong in ("../../yogeiko.db", "..%2F..%2Fyogeiko.db", "README.md", ".lock", ""):
        assert admin.get(f"{place}/files/{wrong}").status_code in (404, 405), wrong
    assert admin.get("/api/console/exports/visitors/tar").status_code == 404
    assert admin.get("/api/console/exports/..%2F..%2Fsecrets/tar").status_code == 404


def test_one_export_at_a_time_and_a_stop_leaves_nothing(
    house: House, admin: TestClient, told: Told
) -> None:
    assert error_code(admin.post("/api/console/exports/stop")) == "export_none"
    assert admin.post("/api/console/exports", json=ORDER).status_code == 202
    assert error_code(admin.post("/api/console/exports", json=ORDER)) == "export_running"
    assert admin.post("/api/console/exports/stop").status_code == 200
    wait_until(lambda: admin.get("/api/console/exports").json()["job"]["state"] == "stopped", 60)
    exports = house.settings.exports_folder
    assert [path.name for path in exports.iterdir() if path.name != ".lock"] == []
    assert _made(admin)["counts"]["logs"] == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tables": []}, "bad_request"),
        ({"tables": ["visitors"]}, "bad_request"),
        ({"form": "xlsx"}, "bad_request"),
        ({"since": "2026-13-01"}, "bad_day"),
        ({"until": "9999-12-31"}, "bad_day"),
        ({"path": "/etc"}, "bad_request"),
        ({"replies": {"range": ["charm:1:2"]}}, "filter_range"),
        ({"replies": {"visitor": "me"}}, "filter_visitor"),
        ({"replies": {"sort": "newest"}}, "bad_request"),
    ],
)
def test_what_makes_no_sense_is_refused(admin: TestClient, changes: dict, code: str) -> None:
    answer = admin.post("/api/console/exports", json={**ORDER, **changes})
    assert error_code(answer) == code


def test_a_folder_that_cannot_be_written_is_told(
    house: House, admin: TestClient, told: Told
) -> None:
    house.settings.exports_folder.mkdir(parents=True, exist_ok=True)
    (house.settings.home / "yogeiko.toml").write_text("nonsense = true\n")
    admin.post("/api/console/exports", json=ORDER)
    wait_until(lambda: admin.get("/api/console/exports").json()["job"]["state"] == "failed", 60)
    assert "nonsense" in admin.get("/api/console/exports").json()["job"]["reason"]


def test_what_hostile_visitors_say_is_inert_in_every_form(
    house: House, engine: object, admin: TestClient
) -> None:
    client = house.client()
    client.put("/api/consent", json={"allow": True})
    conversation = start_conversation(client)
    said = [one for one in PAYLOADS if len(one) <= house.settings.chat.max_chars]
    for payload in said:
        exchange(client, conversation, payload)
    table = _made(admin, tables=["logs"], form="csv")
    place = f"/api/console/exports/{table['id']}/files"
    raw = admin.get(f"{place}/logs.csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(raw, newline="")))
    assert len(rows) == len(said) > 40
    for row in rows:
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
            assert not any(ord(one) < 32 and one not in "\n\t" for one in cell)
    answer = admin.get(f"{place}/logs.csv")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_reviews_come_back_through_the_console(house: House, admin: TestClient, told: Told) -> None:
    line = {
        "operator": "op3",
        "kind": "metric",
        "reply_id": told.replies[0],
        "metric": "ease",
        "value": 3,
    }
    text = json.dumps(line) + "\n"
    body = {"form": "jsonl", "text": text}
    dry = admin.post("/api/console/reviews/import", json=body).json()
    assert (dry["new"], dry["stored"], dry["bad"]) == (1, 0, 0)
    bad = admin.post(
        "/api/console/reviews/import", json={**body, "text": text + "{}\n", "dry_run": False}
    ).json()
    assert (bad["stored"], bad["faults"]) == (0, [{"line": 2, "reason": "operator is missing"}])
    done = admin.post("/api/console/reviews/import", json={**body, "dry_run": False}).json()
    assert done["stored"] == 1
    with house.database.reading() as session:
        deed = list_audit(session)[0]
    assert (deed.actor, deed.action, deed.detail) == (ADMIN, "reviews.import", {"reviews": 1})


def test_closing_the_server_ends_an_export(house: House, admin: TestClient, told: Told) -> None:
    assert admin.post("/api/console/exports", json=ORDER).status_code == 202
    house.app.state.console.exports.close()
    exports = house.settings.exports_folder
    assert [path for path in exports.iterdir() if path.name.startswith(PARTIAL)] == []
    assert admin.get("/api/console/exports").json()["job"]["state"] in ("stopped", "done")
