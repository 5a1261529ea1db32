"""The parent application: guards, identity, the API, static files and the mounted chat page."""

import asyncio
import fcntl
import gc
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from app import chat_api, export_api
from app.chat_page import mount_chat_page
from app.chat_service import ChatService
from app.clock import utc_now
from app.console.door import LOGIN_PAGE, Door
from app.console.errors import ConsoleError
from app.console.messages import refusal
from app.console.page import mount_console_page
from app.console.parts import ConsoleParts, build_console
from app.console.routes import ROUTERS
from app.errors import ChatError, ErrorCode, StartError
from app.guards import STATUS, Guards, GuardSettings, error_body
from app.identity import IdentityMiddleware, VisitorCookies, ensure_key
from app.loopback import is_loopback
from app.messages import ERRORS, choose_language
from app.night_service import NightService
from app.settings import ServerSettings, Settings
from store.database import Database
from store.errors import ConflictError, NotFoundError, StoreError
from store.operators import has_operator, invite

STATIC_FOLDER = Path(__file__).parent / "static"
_GRACE_SECONDS = 2
_INVITATION_LASTS = timedelta(hours=24)

logger = logging.getLogger(__name__)


def create_app(settings: Settings, chat: ChatService, night: NightService | None = None) -> FastAPI:
    """Return the application; entering its lifespan starts `chat`, the console's jobs and then
    `night`, leaving closes them."""
    key = ensure_key(settings.secrets_folder)
    console = build_console(settings, chat, night, key)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        chat.start()
        console.start()
        if night is not None:
            night.start()
        # What is loaded by now stays: collections need not walk over it in the middle of a request.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            # They may wait for a process to end.
            await asyncio.to_thread(console.close)
            if night is not None:
                await asyncio.to_thread(night.close)
            chat.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.chat, app.state.console = chat, console
    _add_middleware(app, console, VisitorCookies(key))
    _add_error_answers(app)
    _add_pages(app, chat)
    for router in (chat_api.router, export_api.router, *ROUTERS):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC_FOLDER), name="static")
    mount_chat_page(app, "/chat")
    mount_console_page(app, "/console")
    return app


def serve(
    settings: Settings,
    make_chat: Callable[[Settings], ChatService],
    make_night: Callable[[Settings, ChatService], NightService] | None = None,
) -> None:
    """Serve until interrupted, with a night clock if one is given.

    Raises StartError when it may not or cannot start.
    """
    with alone(settings.home), bind(settings.server) as listener:
        chat = make_chat(settings)
        check_bind(settings.server, chat.database)
        tell_first_operator(settings.server, chat.database)
        app = create_app(settings, chat, make_night(settings, chat) if make_night else None)
        uvicorn.Server(uvicorn_config(app, settings.server)).run(sockets=[listener])


def uvicorn_config(app: FastAPI, server: ServerSettings) -> uvicorn.Config:
    """Return how the application is run."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Without this, open event streams would keep the server from ever stopping.
        timeout_graceful_shutdown=_GRACE_SECONDS,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=list(server.trusted_proxies),
        ws="none",
    )


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the home for one server, until the block or the process ends. Raises StartError.

    A starting server ends the replies that a dead one left; a living one's must not be touched.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "server.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"another yogeiko already serves {home}; stop it or choose another --home"
            ) from error
        yield


def bind(server: ServerSettings) -> socket.socket:
    """Return a listening socket. Raises StartError when the port is taken."""
    try:
        return socket.create_server((server.host, server.port), reuse_port=False)
    except OSError as error:
        raise StartError(
            f"cannot listen on {server.host} port {server.port}: {error.strerror}; "
            "stop what uses it or choose another with --port"
        ) from error


def check_bind(server: ServerSettings, database: Database) -> None:
    """Refuse to be reachable from outside while nobody is in charge. Raises StartError."""
    if is_loopback(server.host):
        return
    with database.reading() as session:
        if has_operator(session):
            return
    raise StartError(
        f"host is {server.host}, which others can reach, but there is no operator with a "
        "password; run yogeiko operator add NAME first, or serve on 127.0.0.1"
    )


def tell_first_operator(server: ServerSettings, database: Database) -> None:
    """Print a link that makes the first operator, once, as long as there is none."""
    with database.reading() as session:
        if has_operator(session):
            return
    token = secrets.token_urlsafe(32)
    with database.session() as session:
        invite(session, token, now=utc_now(), lasts=_INVITATION_LASTS)
    name = "localhost" if is_loopback(server.host) else server.host
    address = server.public_url or f"http://{name}:{server.port}"
    # Behind #, which browsers keep to themselves: it reaches no log of a proxy.
    print(  # noqa: T201 - for whoever started the server
        f"console: {address}{LOGIN_PAGE}#{token}  (makes you the operator; works once)", flush=True
    )


def guard_settings(server: ServerSettings) -> GuardSettings:
    """Return the names and limits that the guards apply."""
    public = urlsplit(server.public_url)
    names = {"localhost", "127.0.0.1", "::1", server.host, *server.allowed_hosts}
    if public.hostname:
        names.add(public.hostname)
    return GuardSettings(
        hosts=frozenset(name.lower() for name in names),
        public_origin=server.public_url.lower(),
        max_body_bytes=server.max_body_bytes,
        changes_per_minute=server.changes_per_minute,
        requests_per_minute=server.requests_per_minute,
    )


def _add_middleware(app: FastAPI, console: ConsoleParts, visitors: VisitorCookies) -> None:
    """Add the layers, the innermost first."""
    server = console.settings.server
    # Gradio echoes any Origin with credentials unless its parent has a CORS rule of its own.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(
        IdentityMiddleware, cookies=visitors, secure=server.public_url.startswith("https://")
    )
    app.add_middleware(Door, cookies=console.cookies, database=console.database, now=console.now)
    app.add_middleware(Guards, settings=guard_settings(server), visitor_of=visitors.read)


def _add_pages(app: FastAPI, chat: ChatService) -> None:
    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/chat/")

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> RedirectResponse:
        return RedirectResponse("/static/chat/favicon.svg")

    @app.get(LOGIN_PAGE, include_in_schema=False)
    def login_page() -> FileResponse:
        return FileResponse(STATIC_FOLDER / "console" / "login.html")

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok", "model": chat.model_state}


def _add_error_answers(app: FastAPI) -> None:
    """Answer every error with the same shape, in the visitor's language."""

    def answer(request: Request, code: ErrorCode, status: int | None = None) -> JSONResponse:
        language = choose_language(request.query_params, request.headers)
        body = error_body(code, ERRORS[language][code])
        return JSONResponse(body, status_code=status or STATUS[code])

    @app.exception_handler(ChatError)
    def refused(request: Request, error: ChatError) -> JSONResponse:
        return answer(request, error.code)

    @app.exception_handler(ConsoleError)
    def refused_operator(request: Request, error: ConsoleError) -> JSONResponse:
        language = choose_language(request.query_params, request.headers)
        body = {
            "error": {"code": error.code, "message": refusal(language, error.code, error.places)}
        }
        return JSONResponse(body, status_code=error.status)

    @app.exception_handler(NotFoundError)
    def missing(request: Request, error: NotFoundError) -> JSONResponse:
        return answer(request, "not_found")

    @app.exception_handler(ConflictError)
    def conflicting(request: Request, error: ConflictError) -> JSONResponse:
        return answer(request, "bad_request")

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        # An id that cannot be one is answered like an id that is nobody's.
        in_path = any(fault["loc"][0] == "path" for fault in error.errors())
        return answer(request, "not_found" if in_path else "bad_request")

    @app.exception_handler(HTTPException)
    def refused_by_framework(request: Request, error: HTTPException) -> JSONResponse:
        code: ErrorCode = "not_found" if error.status_code == 404 else "bad_request"
        return answer(request, code, error.status_code)

    @app.exception_handler(StoreError)
    @app.exception_handler(SQLAlchemyError)
    def store_failed(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(request, "failed", 503)

    @app.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> JSONResponse:
        return answer(request, "failed")
