"""Who is asking: an id signed by this server in a cookie, never anything a client may choose."""

import os
import secrets
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store.visitors import new_id

VISITOR_COOKIE = "yogeiko_visitor"
VISITOR_STATE = "visitor_id"
_IDENTIFIED = ("/api/", "/chat")
_OPERATORS = "/api/console/"
_KEY_FILE = "cookie.key"
_KEY_BYTES = 32
_YEAR_SECONDS = 365 * 24 * 3600
_ID_DIGITS = 32


class VisitorCookies:
    """Signs and reads visitor cookies."""

    def __init__(self, key: str) -> None:
        self._serializer = URLSafeSerializer(key, salt="yogeiko.visitor")

    def read(self, cookie_header: str) -> str | None:
        """Return the visitor id of a Cookie header, None when it is absent or not ours."""
        try:
            morsel = SimpleCookie(cookie_header).get(VISITOR_COOKIE)
        except CookieError:
            return None
        if morsel is None:
            return None
        try:
            visitor_id = self._serializer.loads(morsel.value)
        except BadSignature:
            return None
        sound = isinstance(visitor_id, str) and len(visitor_id) == _ID_DIGITS
        return visitor_id if sound else None

    def header(self, visitor_id: str, *, secure: bool) -> str:
        """Return the Set-Cookie value that names this visitor for a year."""
        value = self._serializer.dumps(visitor_id)
        return _set_cookie(str(value), max_age=_YEAR_SECONDS, secure=secure)

    @staticmethod
    def forget_header(*, secure: bool) -> str:
        """Return the Set-Cookie value that removes the cookie."""
        return _set_cookie("", max_age=0, secure=secure)


def ensure_key(secrets_folder: Path) -> str:
    """Return this installation's signing key, made on first use, readable by its owner only."""
    secrets_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets_folder.chmod(0o700)
    path = secrets_folder / _KEY_FILE
    if not path.exists():
        fresh = path.with_name(f"{_KEY_FILE}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            # link, not rename: of two processes that start at once the first one's key stays.
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    path.chmod(0o600)
    return path.read_text(encoding="ascii")


def _set_cookie(value: str, *, max_age: int, secure: bool) -> str:
    flags = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
    return f"{VISITOR_COOKIE}={value}; Max-Age={max_age}{flags}"


class IdentityMiddleware:
    """Gives every page and API request a visitor id, and the browser the cookie that keeps it.

    Routes read and may replace `scope["state"][VISITOR_STATE]`; None there forgets the visitor.
    """

    def __init__(self, app: ASGIApp, *, cookies: VisitorCookies, secure: bool) -> None:
        self._app = app
        self._cookies = cookies
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Identify, pass on, and set the cookie if the id is new."""
        path: str = scope.get("path", "")
        identified = path.startswith(_IDENTIFIED) and not path.startswith(_OPERATORS)
        if scope["type"] != "http" or not identified:
            await self._app(scope, receive, send)
            return
        known = self._cookies.read(Headers(scope=scope).get("cookie", ""))
        state: dict[str, object] = scope.setdefault("state", {})
        state[VISITOR_STATE] = known or new_id()
        secure = self._secure or scope["scheme"] == "https"

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                visitor_id = state[VISITOR_STATE]
                if visitor_id is None:
                    cookie = self._cookies.forget_header(secure=secure)
                    MutableHeaders(scope=message).append("set-cookie", cookie)
                elif visitor_id != known:
                    cookie = self._cookies.header(str(visitor_id), secure=secure)
                    MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, send_with_cookie)
