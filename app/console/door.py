"""Who may come in: logins in a signed cookie, checked before every page, file and route."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from app.console.errors import ConsoleError
from app.console.login_cookies import LoginCookies
from app.console.messages import refusal
from app.console.parts import Console
from app.messages import choose_language
from store.database import Database
from store.operators import Operator, load_login

LOGIN_PAGE = "/login"
PAGES = "/console"


class Door:
    """Pure ASGI: nothing of the console's page is served without a login, Gradio's files neither."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        cookies: LoginCookies,
        database: Database,
        now: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._cookies = cookies
        self._database = database
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or send its sender to the login page."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == PAGES or path.startswith(f"{PAGES}/")):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = self._cookies.read(headers.get("cookie", ""))
        if token is not None and await run_in_threadpool(self._known, token):
            await self._app(scope, receive, send)
        elif path in (PAGES, f"{PAGES}/"):
            await _answer(send, 303, [(b"location", LOGIN_PAGE.encode())], b"")
        else:
            language = choose_language(QueryParams(scope["query_string"]), headers)
            sentence = refusal(language, "login_needed", {})
            body = {"error": {"code": "login_needed", "message": sentence}}
            content = json.dumps(body, ensure_ascii=False).encode()
            await _answer(send, 401, [(b"content-type", b"application/json")], content)

    def _known(self, token: str) -> bool:
        with self._database.reading() as session:
            return load_login(session, token, now=self._now()) is not None


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def reviewer(request: Request, console: Console) -> Operator:
    """Return who is logged in. Raises ConsoleError."""
    token = console.cookies.read(request.headers.get("cookie", ""))
    if token is not None:
        with console.database.reading() as session:
            operator = load_login(session, token, now=console.now())
        if operator is not None:
            return operator
    raise ConsoleError("login_needed", status=401)


def admin(operator: Annotated[Operator, Depends(reviewer)]) -> Operator:
    """Return who is logged in, if they are an admin. Raises ConsoleError."""
    if operator.role != "admin":
        raise ConsoleError("not_admin", status=403)
    return operator


Reviewer = Annotated[Operator, Depends(reviewer)]
Admin = Annotated[Operator, Depends(admin)]
