"""What stands before every route: names, origins, sizes, rates, and headers of every answer."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ErrorCode
from app.messages import ERRORS, choose_language
from app.rate_limit import RateLimiter

API_PREFIX = "/api/"
GRADIO_PREFIXES = ("/chat", "/console")
STATIC_PREFIX = "/static/"
INTENT_HEADER = "x-yogeiko"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_SECONDS = 10.0

STATUS: dict[ErrorCode, int] = {
    "bad_request": 400,
    "bad_host": 400,
    "forbidden": 403,
    "not_found": 404,
    "replying": 409,
    "full": 409,
    "too_long": 413,
    "too_large": 413,
    "rate": 429,
    "failed": 500,
    "busy": 503,
}

# All that our pages load from Gradio. Uploads, file reads, the proxy and every way to call
# a function stay shut, because no page has a function behind it.
GRADIO_ASSETS = "/assets/"
GRADIO_OPEN = (GRADIO_ASSETS, "/static/", "/svelte/")
GRADIO_OPEN_EXACT = frozenset(
    {
        "",
        "/",
        "/config",
        "/theme.css",
        "/favicon.ico",
        "/manifest.json",
        "/robots.txt",
    }
)

API_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Gradio's page starts itself from inline scripts and builds functions from text.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """`hosts` without ports, lower case; `public_origin` such as https://name, or ''."""

    hosts: frozenset[str]
    public_origin: str
    max_body_bytes: int
    changes_per_minute: int
    requests_per_minute: int


class Guards:
    """Pure ASGI, so that streams pass through untouched."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: GuardSettings,
        visitor_of: Callable[[str], str | None],
    ) -> None:
        self._app = app
        self._settings = settings
        self._visitor_of = visitor_of
        self._changes = RateLimiter(times=settings.changes_per_minute)
        self._requests = RateLimiter(times=settings.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with a refusal."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # No page of ours opens a WebSocket.
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _with_headers(send, scope["path"])
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(scope, answer, refusal)
            return
        body = await self._body(scope, receive)
        if not isinstance(body, bytes):
            await _refuse(scope, answer, body)
            return
        await self._app(scope, _replay(body, receive), answer)

    def _refusal(self, scope: Scope) -> ErrorCode | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or _name(headers["host"]) not in self._settings.hosts:
            return "bad_host"
        if self._foreign(scope, headers):
            return "forbidden"
        if not _gradio_allows(scope):
            return "not_found"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return "bad_request"
        if int(length[:20]) > self._settings.max_body_bytes:
            return "too_large"
        return self._too_often(scope, headers)

    def _foreign(self, scope: Scope, headers: Headers) -> bool:
        """Whether another site may be behind a request that could change something."""
        if scope["method"] in _SAFE_METHODS:
            return False
        own = {f"{scope['scheme']}://{headers['host'].lower()}", self._settings.public_origin}
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in own - {""}:
            return True
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return True
        # Another site's page cannot set this header without asking first, and is told no.
        return headers.get(INTENT_HEADER) != "1" and scope["path"].startswith(API_PREFIX)

    def _too_often(self, scope: Scope, headers: Headers) -> ErrorCode | None:
        path: str = scope["path"]
        if not path.startswith(API_PREFIX):
            return None
        client = scope.get("client")
        address = client[0] if client else "unknown"
        if not self._requests.admit(address):
            return "rate"
        if scope["method"] in _SAFE_METHODS:
            return None
        visitor = self._visitor_of(headers.get("cookie", ""))
        # Who sends no cookie shares one allowance with all others of that address.
        return None if self._changes.admit(visitor or f"new from {address}") else "rate"

    async def _body(self, scope: Scope, receive: Receive) -> bytes | ErrorCode:
        """Read the whole body, which is small or refused, before anything is done with it."""
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            return b""
        parts: list[bytes] = []
        size = 0
        more = True
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return "bad_request"
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    more = message.get("more_body", False)
                    if size > self._settings.max_body_bytes:
                        return "too_large"
        except TimeoutError:
            return "bad_request"
        return b"".join(parts)


def error_body(code: ErrorCode, sentence: str) -> dict[str, dict[str, str]]:
    """Return the JSON of every refusal."""
    return {"error": {"code": code, "message": sentence}}


def _gradio_allows(scope: Scope) -> bool:
    path: str = scope["path"]
    prefix = next((one for one in GRADIO_PREFIXES if f"{path}/".startswith(f"{one}/")), None)
    if prefix is None:
        return True
    inner = path.removeprefix(prefix)
    inside = inner in GRADIO_OPEN_EXACT or inner.startswith(GRADIO_OPEN)
    return inside and scope["method"] in _SAFE_METHODS and ".." not in inner


def _name(host: str) -> str:
    """Return a Host header without its port, lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _caching(path: str) -> str:
    if path.startswith(tuple(f"{prefix}{GRADIO_ASSETS}" for prefix in GRADIO_PREFIXES)):
        # Their names hold a hash of their content.
        return "private, max-age=31536000, immutable"
    return "no-store" if path.startswith(API_PREFIX) else "no-cache"


def _policy(path: str) -> str:
    return API_POLICY if path.startswith(API_PREFIX) else PAGE_POLICY


def _with_headers(send: Send, path: str) -> Send:
    policy = _policy(path)

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = policy
            headers["x-content-type-options"] = "nosniff"
            headers["x-frame-options"] = "DENY"
            headers["referrer-policy"] = "same-origin"
            headers["cross-origin-resource-policy"] = "same-origin"
            headers["cross-origin-opener-policy"] = "same-origin"
            headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
            headers.setdefault("cache-control", _caching(path))
        await send(message)

    return send_with_headers


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _refuse(scope: Scope, send: Send, code: ErrorCode) -> None:
    language = choose_language(QueryParams(scope["query_string"]), Headers(scope=scope))
    body = json.dumps(error_body(code, ERRORS[language][code]), ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    if code in ("rate", "busy"):
        headers.append((b"retry-after", b"10"))
    if code == "too_large":
        # The rest of the body is not read: the connection cannot be used again.
        headers.append((b"connection", b"close"))
    start: Message = {"type": "http.response.start", "status": STATUS[code], "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
