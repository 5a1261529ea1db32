"""RELIABILITY 2-5 and 7-10: what stands before every route."""

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.errors import StartError
from app.loopback import is_loopback
from app.rate_limit import RateLimiter
from app.server import alone, bind, check_bind
from app.settings import ServerSettings
from store.database import Database, open_database
from store.tables import OperatorRow
from tests.app.house import ORIGIN, PAGE_HEADERS, House, error_code, open_house
from tests.fakes import FakeEngine

WRITES = [
    ("POST", "/api/conversations"),
    ("PUT", "/api/consent"),
    ("DELETE", "/api/me"),
    ("POST", "/chat/gradio_api/queue/join"),
    ("POST", "/chat/gradio_api/run/predict"),
    ("POST", "/chat/gradio_api/call/predict"),
    ("POST", "/chat/gradio_api/cancel"),
    ("POST", "/chat/gradio_api/reset"),
    ("POST", "/chat/gradio_api/upload"),
    ("POST", "/chat/login"),
]
FOREIGN_ORIGINS = [
    "null",
    "https://evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1:9999",
    "https://127.0.0.1",
    "http://localhost",
    "",
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One application for this file: no refused request may leave a trace in it."""
    with open_house(tmp_path_factory.mktemp("guards") / "home", FakeEngine()) as opened:
        yield opened


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "localhost.evil.example",
        "evil.example#127.0.0.1",
        "",
        "[::1",
        "0.0.0.0",
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/chat/", "/chat/config", "/api/me", "/healthz", "/static/x"]
)
def test_foreign_hosts_are_refused(client: TestClient, host: str, path: str) -> None:
    response = client.get(path, headers={"Host": host}, follow_redirects=False)
    assert response.status_code == 400
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:7860", "localhost:1", "LOCALHOST", "[::1]:8"]
)
def test_own_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_other_origins_change_nothing(
    client: TestClient, method: str, path: str, origin: str
) -> None:
    response = client.request(method, path, headers={"Origin": origin}, json={"allow": True})
    assert response.status_code == 403
    assert error_code(response) == "forbidden"
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "path", ["/chat/", "/chat/config", "/chat/theme.css", "/api/me", "/healthz"]
)
@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://localhost:3000"])
def test_no_origin_is_echoed(client: TestClient, path: str, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = client.request(method, path, headers=asked)
        assert "access-control-allow-origin" not in response.headers
        assert "access-control-allow-credentials" not in response.headers


def test_a_form_of_another_site_changes_nothing(house: House) -> None:
    plain = TestClient(house.app, base_url=ORIGIN)
    assert plain.post("/api/conversations").status_code == 403
    sent = {"X-Yogeiko": "1", "Sec-Fetch-Site": "cross-site"}
    assert plain.post("/api/conversations", headers=sent).status_code == 403
    sent = {"X-Yogeiko": "1", "Sec-Fetch-Site": "same-origin"}
    assert plain.post("/api/conversations", headers=sent).status_code == 201


def test_the_public_address_is_an_own_origin(tmp_path: Path) -> None:
    flags = {"server": {"public_url": "https://ayane.example.jp"}}
    with open_house(tmp_path / "h", FakeEngine(), flags) as house:
        client = TestClient(house.app, base_url="http://ayane.example.jp")
        sent = {"X-Yogeiko": "1", "Origin": "https://ayane.example.jp"}
        response = client.post("/api/conversations", headers=sent)
        assert response.status_code == 201
        assert "; Secure" in response.headers["set-cookie"]


def test_the_visitor_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    cookie = house.client().get("/api/me").headers["set-cookie"]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Secure" not in cookie
    secure = TestClient(house.app, base_url="https://127.0.0.1").get("/chat/")
    assert "; Secure" in secure.headers["set-cookie"]


def test_bodies_over_the_cap_are_refused_fast(client: TestClient, house: House) -> None:
    cap = house.settings.server.max_body_bytes
    path = "/api/conversations/" + "0" * 32 + "/turns"
    five_million = json.dumps({"text": "あ" * 5_000_000}, ensure_ascii=False).encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    response = client.post(path, content=five_million)
    assert time.monotonic() - began < 1
    assert (response.status_code, error_code(response)) == (413, "too_large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    within = client.post(path, content=b" " * cap, headers={"Content-Type": "application/json"})
    assert within.status_code == 400


def test_chunked_bodies_are_counted(house: House) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 4096
            yield b"x" * 4096

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=house.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=ORIGIN, headers=PAGE_HEADERS
        ) as client:
            return await client.post("/api/conversations", content=endless())

    response = asyncio.run(post())
    assert response.status_code == 413
    assert sent <= house.settings.server.max_body_bytes + 2 * 4096


def test_a_thousand_turns_or_a_deep_body_are_no_trouble(client: TestClient) -> None:
    deep = "[" * 20_000
    response = client.put(
        "/api/consent", content=deep, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 400
    for body in ("{}", '{"allow": "yes"}', '{"allow": 1}', '{"allow": true, "x": 1}', "null"):
        response = client.put(
            "/api/consent", content=body, headers={"Content-Type": "application/json"}
        )
        assert (response.status_code, error_code(response)) == (400, "bad_request"), body


def test_floods_of_a_visitor_are_slowed(tmp_path: Path) -> None:
    flags = {"server": {"changes_per_minute": 5, "requests_per_minute": 1000}}
    with open_house(tmp_path / "h", FakeEngine(), flags) as house:
        one, two = house.client(), house.client()
        for client in (one, two):
            client.get("/api/me")
        statuses = [one.put("/api/consent", json={"allow": True}).status_code for _ in range(8)]
        assert statuses == [200] * 5 + [429] * 3
        refused = one.put("/api/consent", json={"allow": True})
        assert error_code(refused) == "rate"
        assert int(refused.headers["retry-after"]) > 0
        assert one.get("/api/me").status_code == 200
        assert two.put("/api/consent", json={"allow": True}).status_code == 200


def test_dropping_the_cookie_does_not_help_a_flood(tmp_path: Path) -> None:
    flags = {"server": {"changes_per_minute": 5, "requests_per_minute": 1000}}
    with open_house(tmp_path / "h", FakeEngine(), flags) as house:
        statuses = [house.client().post("/api/conversations").status_code for _ in range(7)]
        assert statuses == [201] * 5 + [429] * 2


def test_floods_of_an_address_are_slowed(tmp_path: Path) -> None:
    flags = {"server": {"requests_per_minute": 10}}
    with open_house(tmp_path / "h", FakeEngine(), flags) as house:
        statuses = [house.client().get("/api/me").status_code for _ in range(12)]
        assert statuses == [200] * 10 + [429] * 2
        assert house.client().get("/healthz").status_code == 200


def test_allowance_returns_with_time_and_memory_is_bounded() -> None:
    now = 0.0
    limiter = RateLimiter(times=2, clock=lambda: now)
    assert [limiter.admit("a") for _ in range(3)] == [True, True, False]
    now = 30.0  # two a minute: one more after half a minute
    assert [limiter.admit("a") for _ in range(2)] == [True, False]
    for number in range(30_000):
        limiter.admit(str(number))
    assert len(limiter._buckets) == 20_000


@pytest.mark.parametrize(
    "path",
    [
        "/chat/gradio_api/upload",
        "/chat/gradio_api/file=/etc/passwd",
        "/chat/gradio_api/file={home}/yogeiko.db",
        "/chat/gradio_api/file={home}/secrets/cookie.key",
        "/chat/gradio_api/file/{home}/yogeiko.db",
        "/chat/file={home}/yogeiko.db",
        "/chat/gradio_api/proxy=http://127.0.0.1/",
        "/chat/gradio_api/info",
        "/chat/gradio_api/queue/data?session_hash=x",
        "/chat/gradio_api/heartbeat/x",
        "/chat/gradio_api/startup-events",
        "/chat/monitoring/summary",
        "/chat/custom_component/x/server/y/z.py",
        "/chat/static/../../../../../etc/passwd",
        "/chat/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/chat/assets/..%2f..%2f..%2froutes.py",
        "/static/../app/server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static/chat/..%2f..%2fserver.py",
        "/docs",
        "/openapi.json",
        "/chat/docs",
        "/chat/openapi.json",
    ],
)
def test_files_and_side_doors_are_shut(client: TestClient, house: House, path: str) -> None:
    (house.settings.home / "yogeiko.toml").write_text("# secret\n")
    address = path.replace("{home}", str(house.settings.home))
    for method in ("GET", "POST", "HEAD"):
        response = client.request(method, address, follow_redirects=False)
        assert response.status_code in (400, 404, 405), (method, address)
        assert b"SQLite format" not in response.content
        assert b"root:" not in response.content


def test_uploads_are_shut(client: TestClient) -> None:
    response = client.post("/chat/gradio_api/upload", files={"files": ("a.txt", b"hello")})
    assert response.status_code == 404


def test_the_chat_page_holds_no_callable_function(client: TestClient) -> None:
    config = client.get("/chat/config").json()
    assert config["dependencies"] == []
    assert not [word for word in ("operator", "console", "review") if word in str(config).lower()]


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/chat/", "/api/me", "/healthz", "/api/none", "/static/none", "/chat/none"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "object-src 'none'" in headers["content-security-policy"] or path.startswith("/api")
    assert client.get("/api/me").headers["cache-control"] == "no-store"


def test_websockets_are_closed(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/chat/ws"):
        pass
    assert closed.value.code == 1008


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'y.db'}")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("ayane.example.jp", False),
        ("localhost.evil.example", False),
    ],
)
def test_an_open_bind_needs_an_operator(database: Database, host: str, loopback: bool) -> None:
    server = ServerSettings(host=host)
    assert is_loopback(host) is loopback
    if loopback:
        check_bind(server, database)
        return
    with pytest.raises(StartError, match="yogeiko operator add"):
        check_bind(server, database)
    with database.session() as session:
        now = datetime.now(UTC)
        session.add(OperatorRow(name="op", password_hash="h", created_at=now, disabled_at=None))
    check_bind(server, database)


def test_a_taken_port_is_one_sentence() -> None:
    with bind(ServerSettings(port=18473)), pytest.raises(StartError, match="choose another"):
        bind(ServerSettings(port=18473))


def test_a_home_has_one_server_at_a_time(tmp_path: Path) -> None:
    def serve_again() -> None:
        with alone(tmp_path):
            raise AssertionError("two servers hold one home")

    with alone(tmp_path), pytest.raises(StartError, match="already serves"):
        serve_again()
    with alone(tmp_path):
        pass
