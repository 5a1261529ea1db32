"""No visitor reaches another's rows, on any route, by any id."""

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.app.house import (
    ORIGIN,
    PAGE_HEADERS,
    House,
    exchange,
    follow,
    open_house,
    start_conversation,
)
from tests.fakes import FakeEngine

SECRET = "カナリア"
NOT_FOUND = "the other's id is answered like an id of nobody"
OWN_ONLY = "the answer holds nothing of the other"

# Every route of the API has a rule. A route that is missing here fails the test below.
RULES: dict[tuple[str, str], tuple[str, object]] = {
    ("GET", "/api/me"): (OWN_ONLY, None),
    ("DELETE", "/api/me"): (OWN_ONLY, None),
    ("PUT", "/api/consent"): (OWN_ONLY, {"allow": True}),
    ("PUT", "/api/duel"): (OWN_ONLY, {"allow": True}),
    ("GET", "/api/conversations"): (OWN_ONLY, None),
    ("POST", "/api/conversations"): (OWN_ONLY, None),
    ("GET", "/api/export"): (OWN_ONLY, None),
    ("GET", "/api/conversations/{conversation_id}"): (NOT_FOUND, None),
    ("PATCH", "/api/conversations/{conversation_id}"): (NOT_FOUND, {"title": "奪う"}),
    ("DELETE", "/api/conversations/{conversation_id}"): (NOT_FOUND, None),
    ("POST", "/api/conversations/{conversation_id}/turns"): (NOT_FOUND, {"text": "奪う"}),
    ("GET", "/api/conversations/{conversation_id}/export"): (NOT_FOUND, None),
    ("POST", "/api/turns/{turn_id}/edit"): (NOT_FOUND, {"text": "奪う"}),
    ("POST", "/api/turns/{turn_id}/regenerate"): (NOT_FOUND, None),
    ("PUT", "/api/turns/{turn_id}/shown"): (NOT_FOUND, {"index": 0}),
    ("PUT", "/api/turns/{turn_id}/duel"): (NOT_FOUND, {"choice": "left"}),
    ("PUT", "/api/turns/{turn_id}/learn"): (NOT_FOUND, {"learn": False}),
    ("GET", "/api/replies/{reply_id}/events"): (NOT_FOUND, None),
    ("POST", "/api/replies/{reply_id}/stop"): (NOT_FOUND, None),
    ("PUT", "/api/replies/{reply_id}/feedback"): (NOT_FOUND, {"thumb": "up"}),
}
OUTSIDE_THE_API = {"/", "/favicon.ico", "/healthz", "/static", "/chat", "/login", "/console"}
OPERATORS = "/api/console/"  # tests/app/console/test_doors.py holds their rules


def _routes(house: House) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for route in _flat(house.app.routes):
        path = getattr(route, "path", None)
        assert isinstance(path, str), f"a route of kind {type(route)} has no path"
        if path in OUTSIDE_THE_API or path.startswith(OPERATORS):
            continue
        assert isinstance(route, APIRoute), f"{path} has no rule"
        found |= {(method, path) for method in route.methods}
    return found


def _flat(routes: list) -> list:
    """Return routes with those of included routers in place of the router."""
    found = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        found += [route] if inner is None else _flat(inner.routes)
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One application for this file: every test brings visitors of its own."""
    engine = FakeEngine(lines=("ごきげんよう。",))
    with open_house(tmp_path_factory.mktemp("isolation") / "home", engine) as opened:
        yield opened


def test_every_route_has_a_rule(house: House) -> None:
    assert _routes(house) == set(RULES)


@pytest.fixture
def other(house: House) -> dict[str, str]:
    """Return the ids of somebody else's things."""
    client = house.client()
    conversation = start_conversation(client)
    turn = exchange(client, conversation, f"{SECRET}のこと")
    return {
        "conversation_id": conversation,
        "turn_id": turn["id"],
        "reply_id": turn["replies"][0]["id"],
        "client": client,  # type: ignore[dict-item]
    }


@pytest.mark.parametrize("rule", [rule for rule, (kind, _) in RULES.items() if kind == NOT_FOUND])
def test_an_id_of_another_is_an_id_of_nobody(
    client: TestClient, other: dict[str, str], rule: tuple[str, str]
) -> None:
    start_conversation(client)
    owner: TestClient = other["client"]  # type: ignore[assignment]
    before = owner.get(f"/api/conversations/{other['conversation_id']}").json()
    for one in ("conversation_id", "turn_id", "reply_id"):
        for parameter in ("conversation_id", "turn_id", "reply_id"):
            path = rule[1].replace("{" + parameter + "}", other[one])
            if "{" in path:
                continue
            nobody = rule[1].replace("{" + parameter + "}", "0" * 32)
            theirs = client.request(rule[0], path, json=RULES[rule][1])
            nobodys = client.request(rule[0], nobody, json=RULES[rule][1])
            assert theirs.status_code == 404, path
            assert theirs.content == nobodys.content
            assert SECRET not in theirs.text
    assert owner.get(f"/api/conversations/{other['conversation_id']}").json() == before


@pytest.mark.parametrize("rule", [rule for rule, (kind, _) in RULES.items() if kind == OWN_ONLY])
def test_answers_hold_nothing_of_another(
    client: TestClient, other: dict[str, str], rule: tuple[str, str]
) -> None:
    start_conversation(client)
    answer = client.request(rule[0], rule[1], json=RULES[rule][1])
    assert answer.status_code in (200, 201)
    searched = client.get("/api/conversations", params={"q": SECRET})
    for held in (answer.text, searched.text):
        assert SECRET not in held
        assert not [one for one in ("turn_id", "reply_id") if other[one] in held]
    owner: TestClient = other["client"]  # type: ignore[assignment]
    kept = owner.get(f"/api/conversations/{other['conversation_id']}").json()
    assert SECRET in json.dumps(kept, ensure_ascii=False)


def test_a_forged_cookie_is_somebody_new(house: House, other: dict[str, str]) -> None:
    owner: TestClient = other["client"]  # type: ignore[assignment]
    value = owner.cookies["yogeiko_visitor"]
    payload, signature = value.split(".")
    middle = "A" if signature[5] != "A" else "B"
    forged = [
        "",
        payload,
        f"{payload}.",
        f"{payload}.{signature[:5]}{middle}{signature[6:]}",
        f"{payload[:-2]}AA.{signature}",
        f"{value}.{signature}",
        other["conversation_id"],
    ]
    for cookie in forged:
        client = house.client()
        client.cookies.set("yogeiko_visitor", cookie)
        response = client.get(f"/api/conversations/{other['conversation_id']}")
        assert response.status_code == 404, cookie
        assert "set-cookie" in response.headers


def test_talking_at_the_same_time_crosses_nothing(house: House) -> None:
    """Four visitors at once; each sees its own canary and no other's, streams included."""
    crossings: list[str] = []
    done: list[int] = []

    def talk(number: int) -> None:
        client = house.client()
        conversation = start_conversation(client)
        for round_ in range(5):
            turn = exchange(client, conversation, f"canary-{number}- {round_}")
            stream = str(follow(client, turn["replies"][0]["id"]))
            seen = client.get(f"/api/conversations/{conversation}").text + stream
            seen += client.get("/api/conversations", params={"q": "canary"}).text
            others = (f"canary-{one}-" for one in range(4) if one != number)
            crossings.extend(one for one in others if one in seen)
            assert f"canary-{number}-" in seen
        done.append(number)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [0, 1, 2, 3]
    assert crossings == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_swapped_requests_cross_nothing(house: House, other: dict[str, str]) -> None:
    rules = [rule for rule, (kind, _) in RULES.items() if kind == NOT_FOUND]

    async def swap() -> None:
        # One event loop for all: the test client would start a thread for each request.
        transport = httpx.ASGITransport(app=house.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=ORIGIN, headers=PAGE_HEADERS
        ) as client:
            assert (await client.post("/api/conversations")).status_code == 201
            for _, rule in zip(range(10_000), itertools.cycle(rules), strict=False):
                path = rule[1].format(**other)
                answer = await client.request(rule[0], path, json=RULES[rule][1])
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")

    asyncio.run(swap())
