"""RELIABILITY 1-3, 5, 6: who reaches what, asked of every route there is."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from app.clock import utc_now
from app.console.door import admin as admin_only
from app.console.door import reviewer as logged_in
from app.console.login_cookies import OPERATOR_COOKIE, LoginCookies
from app.identity import ensure_key
from app.server import tell_first_operator
from store.audit import list_audit
from store.operators import begin_login, disable_operator
from tests.app.console.conftest import enter
from tests.app.console.seed_console import ADMIN, PASSWORD, REVIEWER, seed_operators
from tests.app.house import ORIGIN, House, error_code, open_house
from tests.fakes import FakeEngine

PUBLIC = {
    ("GET", "/api/console/doors"),
    ("POST", "/api/console/login"),
    ("POST", "/api/console/invitation"),
}
FOR_ADMINS = {
    ("POST", "/api/console/facts"),
    ("PUT", "/api/console/facts/{fact_id}"),
    ("POST", "/api/console/facts/{fact_id}/retire"),
    ("POST", "/api/console/facts/{fact_id}/restore"),
    ("POST", "/api/console/proposals/{proposal_id}/accept"),
    ("POST", "/api/console/proposals/{proposal_id}/decline"),
    ("GET", "/api/console/operators"),
    ("PUT", "/api/console/operators"),
    ("POST", "/api/console/operators/disable"),
    ("GET", "/api/console/audit"),
    ("GET", "/api/console/exports"),
    ("POST", "/api/console/exports"),
    ("POST", "/api/console/exports/stop"),
    ("DELETE", "/api/console/exports/{export_id}"),
    ("GET", "/api/console/exports/{export_id}/tar"),
    ("GET", "/api/console/exports/{export_id}/files/{name:path}"),
    ("POST", "/api/console/reviews/import"),
    ("POST", "/api/console/nights/run"),
    ("POST", "/api/console/nights/stop"),
    ("POST", "/api/console/versions/{adapter}/activate"),
    ("POST", "/api/console/versions/rollback"),
    ("GET", "/api/console/sheets/choices"),
    ("POST", "/api/console/sheets"),
    ("POST", "/api/console/sheets/{sheet_id}/stop"),
    ("POST", "/api/console/sheets/{sheet_id}/resume"),
    ("POST", "/api/console/sheets/{sheet_id}/close"),
    ("GET", "/api/console/sheets/{sheet_id}/export"),
}
FOR_REVIEWERS = {
    ("GET", "/api/console/agreement"),
    ("GET", "/api/console/agreement/{metric}"),
    ("GET", "/api/console/facts"),
    ("GET", "/api/console/facts/{fact_id}/history"),
    ("POST", "/api/console/facts/try"),
    ("POST", "/api/console/route-fault"),
    ("GET", "/api/console/proposals"),
    ("POST", "/api/console/proposals"),
    ("GET", "/api/console/me"),
    ("GET", "/api/console/home"),
    ("GET", "/api/console/home/agreement"),
    ("GET", "/api/console/nights"),
    ("GET", "/api/console/nights/running"),
    ("GET", "/api/console/nights/{date}"),
    ("GET", "/api/console/replies/{reply_id}"),
    ("GET", "/api/console/adapters"),
    ("GET", "/api/console/versions"),
    ("GET", "/api/console/versions/figures"),
    ("POST", "/api/console/logout"),
    ("GET", "/api/console/replies"),
    ("GET", "/api/console/views"),
    ("POST", "/api/console/views"),
    ("DELETE", "/api/console/views/{view_id}"),
    ("GET", "/api/console/replies/{reply_id}/replay"),
    ("POST", "/api/console/replies/{reply_id}/replay"),
    ("GET", "/api/console/replies/{reply_id}/attribution"),
    ("POST", "/api/console/replies/{reply_id}/attribution"),
    ("POST", "/api/console/attribution/stop"),
    ("GET", "/api/console/replays/{job_id}"),
    ("POST", "/api/console/replays/{job_id}/stop"),
    ("GET", "/api/console/pairs"),
    ("GET", "/api/console/pairs/inbox"),
    ("POST", "/api/console/pairs/undo"),
    ("POST", "/api/console/pairs/approve-found"),
    ("POST", "/api/console/pairs/bulk/{bulk_id}/undo"),
    ("POST", "/api/console/pairs/{pair_id}/verdict"),
    ("POST", "/api/console/pairs/{pair_id}/edit"),
    ("POST", "/api/console/pairs/{pair_id}/note"),
    ("GET", "/api/console/conflicts"),
    ("POST", "/api/console/conflicts/{conflict_id}/resolve"),
    ("POST", "/api/console/conflicts/{conflict_id}/reopen"),
    ("GET", "/api/console/rehearsal"),
    ("POST", "/api/console/rehearsal"),
    ("POST", "/api/console/rehearsal/stop"),
    ("GET", "/api/console/metrics"),
    ("GET", "/api/console/queue"),
    ("POST", "/api/console/queue/next"),
    ("POST", "/api/console/queue/undo"),
    ("GET", "/api/console/queue/{reply_id}"),
    ("GET", "/api/console/queue/{reply_id}/scores"),
    ("GET", "/api/console/replies/{reply_id}/reviews"),
    ("POST", "/api/console/replies/{reply_id}/reviews"),
    ("POST", "/api/console/replies/{reply_id}/skip"),
    ("POST", "/api/console/reviews/{review_id}/retract"),
    ("POST", "/api/console/reviews/{review_id}/restore"),
    ("GET", "/api/console/bulk"),
    ("POST", "/api/console/bulk"),
    ("POST", "/api/console/bulk/{bulk_id}/undo"),
    ("GET", "/api/console/sheets"),
    ("GET", "/api/console/sheets/{sheet_id}"),
    ("GET", "/api/console/sheets/{sheet_id}/items/{number}"),
    ("PUT", "/api/console/sheets/{sheet_id}/items/{number}"),
    ("GET", "/api/console/sheets/{sheet_id}/results"),
    ("GET", "/api/console/duels"),
}
WRONG = {"name": ADMIN, "password": "machigai-darake"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One application for this file; tests that lock somebody out have their own."""
    with open_house(tmp_path_factory.mktemp("doors") / "home", FakeEngine()) as opened:
        seed_operators(opened.database)
        yield opened


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path / "home", FakeEngine()) as opened:
        yield opened


def _flat(routes: list) -> list:
    """Return routes with those of included routers in place of the router."""
    found = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        found += [route] if inner is None else _flat(inner.routes)
    return found


def _routes(house: House) -> dict[tuple[str, str], APIRoute]:
    return {
        (method, route.path): route
        for route in _flat(house.app.routes)
        if isinstance(route, APIRoute) and route.path.startswith("/api/console")
        for method in route.methods
    }


def _gradio_routes(house: House, prefix: str) -> list[tuple[str, str]]:
    mounted = next(one for one in house.app.routes if getattr(one, "path", "") == prefix)
    found = []
    for route in _flat(mounted.app.routes):  # type: ignore[attr-defined]
        methods = getattr(route, "methods", None) or {"GET"}
        found += [(method, prefix + route.path) for method in methods]
    return found


def _calls(dependant: Dependant) -> set:
    found = {dependant.call}
    for one in dependant.dependencies:
        found |= _calls(one)
    return found


def _filled(path: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", "0" * 32, path)


def _expired(house: House) -> TestClient:
    """Return the browser of an operator whose login ran out a moment ago."""
    client, token = house.client(), "t" * 43
    long_ago = utc_now() - timedelta(hours=13)
    with house.database.session() as session:
        begin_login(session, ADMIN, token, now=long_ago, lasts=timedelta(hours=12))
    cookie = LoginCookies(ensure_key(house.settings.secrets_folder)).header(token, secure=False)
    client.cookies.set(OPERATOR_COOKIE, cookie.split("=", 1)[1].split(";")[0])
    return client


def test_every_route_has_a_rule_and_keeps_it(house: House) -> None:
    routes = _routes(house)
    assert set(routes) == PUBLIC | FOR_REVIEWERS | FOR_ADMINS
    for rule, route in routes.items():
        calls = _calls(route.dependant)
        assert (logged_in in calls) == (rule not in PUBLIC), rule
        assert (admin_only in calls) == (rule in FOR_ADMINS), rule


@pytest.mark.parametrize("who", ["nobody", "visitor", "expired", "forged"])
def test_who_is_not_logged_in_gets_nothing(house: House, who: str) -> None:
    client = _expired(house) if who == "expired" else house.client()
    if who == "visitor":
        client.post("/api/conversations")
        assert "yogeiko_visitor" in client.cookies
    if who == "forged":
        client.cookies.set(OPERATOR_COOKIE, LoginCookies("another key")._serializer.dumps("t" * 43))
    for method, path in set(_routes(house)) - PUBLIC:
        answer = client.request(method, _filled(path), json={})
        assert (answer.status_code, error_code(answer)) == (401, "login_needed"), (method, path)
    for method, path in _gradio_routes(house, "/console"):
        answer = client.request(method, _filled(path), json={}, follow_redirects=False)
        assert answer.status_code in (303, 401, 404), (method, path, answer.status_code)
        assert b"yogeiko-surface" not in answer.content, (method, path)


def test_a_reviewer_gets_nothing_of_an_admin(house: House) -> None:
    client = enter(house, REVIEWER)
    for method, path in FOR_ADMINS:
        answer = client.request(method, _filled(path), json={})
        assert (answer.status_code, error_code(answer)) == (403, "not_admin"), (method, path)


def test_even_an_operator_can_call_no_function_of_gradio(house: House) -> None:
    client = enter(house, ADMIN)
    assert b"yogeiko-surface" in client.get("/console/").content
    opened = set()
    for prefix in ("/chat", "/console"):
        for method, path in _gradio_routes(house, prefix):
            answer = client.request(method, _filled(path), json={}, follow_redirects=False)
            if answer.status_code == 200 and method != "OPTIONS":
                opened.add((method, path.removeprefix(prefix)))
        config = client.get(f"{prefix}/config").json()
        assert config["dependencies"] == []
    assert {method for method, _ in opened} <= {"GET", "HEAD"}
    assert {path for _, path in opened} <= {
        "", "/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/svelte/{path:path}",
    }  # fmt: skip


def test_the_chat_holds_nothing_of_the_console(house: House) -> None:
    client = house.client()
    page = client.get("/chat/").text + client.get("/chat/config").text
    assert "/static/chat/boot.js" in page
    assert "/static/console" not in page
    assert "api/console" not in page


def test_other_sites_cannot_act_as_an_operator(house: House) -> None:
    client = enter(house, ADMIN)
    body = {"name": "nusutto", "password": PASSWORD, "role": "admin"}
    for origin in ("https://evil.example", "null", "http://localhost"):
        answer = client.put("/api/console/operators", json=body, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    without_intent = client.put("/api/console/operators", json=body, headers={"X-Yogeiko": ""})
    assert without_intent.status_code == 403
    names = [one["name"] for one in client.get("/api/console/operators").json()["operators"]]
    assert "nusutto" not in names


def test_cookie_is_kept_from_scripts_and_other_sites_and_is_secure_behind_tls(
    tmp_path: Path,
) -> None:
    flags = {"server": {"public_url": "https://127.0.0.1", "changes_per_minute": 9999}}
    with open_house(tmp_path / "home", FakeEngine(), flags) as opened:
        seed_operators(opened.database)
        answer = enter(opened, ADMIN).post(
            "/api/console/login", json={"name": ADMIN, "password": PASSWORD}
        )
    cookie = answer.headers["set-cookie"]
    assert re.search(r"; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict; Secure$", cookie)


def test_a_login_that_ended_cannot_be_replayed(house: House) -> None:
    client = enter(house, REVIEWER)
    stolen = client.cookies[OPERATOR_COOKIE]
    assert client.post("/api/console/logout").status_code == 200
    thief = house.client()
    thief.cookies.set(OPERATOR_COOKIE, stolen)
    assert thief.get("/api/console/me").status_code == 401


def test_a_locked_out_operator_is_out_at_once(own_house: House) -> None:
    seed_operators(own_house.database)
    client = enter(own_house, REVIEWER)
    assert client.get("/api/console/me").status_code == 200
    with own_house.database.session() as session:
        disable_operator(session, REVIEWER, now=utc_now())
    assert client.get("/api/console/me").status_code == 401
    again = client.post("/api/console/login", json={"name": REVIEWER, "password": PASSWORD})
    assert error_code(again) == "login_wrong"


def test_a_hundred_guesses_get_ten_tries(own_house: House) -> None:
    seed_operators(own_house.database)
    client = own_house.client()
    codes = [error_code(client.post("/api/console/login", json=WRONG)) for _ in range(100)]
    assert codes.count("login_wrong") <= 10
    assert set(codes) == {"login_wrong", "login_often"}
    right = client.post("/api/console/login", json={"name": ADMIN, "password": PASSWORD})
    assert error_code(right) == "login_often"
    with own_house.database.reading() as session:
        refused = [one for one in list_audit(session) if one.action == "login.refused"]
    assert len(refused) == codes.count("login_wrong")


def test_an_unknown_name_is_told_apart_from_a_wrong_password_by_nothing(house: House) -> None:
    unknown = house.client().post("/api/console/login", json={**WRONG, "name": "dareka"})
    wrong = house.client().post("/api/console/login", json={**WRONG, "name": REVIEWER})
    assert unknown.json() == wrong.json()
    assert unknown.status_code == wrong.status_code == 401


def test_first_start_prints_a_link_that_works_once(
    own_house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_first_operator(own_house.settings.server, own_house.database)
    found = re.search(r"http://localhost:\d+/login#(\S+)", capsys.readouterr().out)
    assert found
    body = {"name": "zachou", "password": "hajimari-no-yoru", "token": found[1]}
    client = own_house.client()
    weak = client.post("/api/console/invitation", json={**body, "password": "short"})
    assert error_code(weak) == "password_weak"
    assert client.post("/api/console/invitation", json=body).status_code == 201
    assert client.get("/api/console/me").json()["operator"]["role"] == "admin"
    again = own_house.client().post("/api/console/invitation", json={**body, "name": "nidome"})
    assert error_code(again) == "invitation_over"
    tell_first_operator(own_house.settings.server, own_house.database)
    assert capsys.readouterr().out == ""


def test_a_later_start_ends_the_earlier_link(
    own_house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    links = []
    for _ in range(2):
        tell_first_operator(own_house.settings.server, own_house.database)
        links.append(capsys.readouterr().out.split("#")[1].split()[0])
    body = {"name": "zachou", "password": "hajimari-no-yoru"}
    client = own_house.client()
    assert (
        client.post("/api/console/invitation", json={**body, "token": links[0]}).status_code == 403
    )
    assert (
        client.post("/api/console/invitation", json={**body, "token": links[1]}).status_code == 201
    )


def test_deeds_of_admins_are_in_the_log(own_house: House) -> None:
    seed_operators(own_house.database)
    client = enter(own_house, ADMIN)
    body = {"name": "atarashii", "password": "nagai-himitsu", "role": "reviewer"}
    assert client.put("/api/console/operators", json=body).status_code == 200
    assert client.post("/api/console/operators/disable", json={"name": REVIEWER}).status_code == 200
    own = client.post("/api/console/operators/disable", json={"name": ADMIN})
    assert error_code(own) == "operator_self"
    deeds = client.get("/api/console/audit").json()["deeds"]
    assert [one["action"] for one in deeds][:3] == ["operator.disable", "operator.add", "login"]
    assert all("himitsu" not in str(one) for one in deeds)
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert ORIGIN in str(client.base_url)
