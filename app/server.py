"""The parent application: guards, identity, the API, static files and the mounted chat page."""

import asyncio
import fcntl
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from app import chat_api, export_api
from app.chat_page import mount_chat_page
from app.chat_service import ChatService
from app.errors import ChatError, ErrorCode, StartError
from app.guards import STATUS, Guards, GuardSettings, error_body
from app.identity import IdentityMiddleware, VisitorCookies, ensure_key
from app.messages import ERRORS, choose_language
from app.night_service import NightService
from app.settings import ServerSettings, Settings
from store.database import Database
from store.errors import ConflictError, NotFoundError, StoreError
from store.operators import has_operator

STATIC_FOLDER = Path(__file__).parent / "static"
_GRACE_SECONDS = 2

logger = logging.getLogger(__name__)


def create_app(settings: Settings, chat: ChatService, night: NightService | None = None) -> FastAPI:
    """Return the application; entering its lifespan starts `chat` and then `night`, leaving closes
    them."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        chat.start()
        if night is not None:
            night.start()
        try:
            yield
        finally:
            if night is not None:
                # It may wait for a process to end.
                await asyncio.to_thread(night.close)
            chat.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.chat = chat
    _add_middleware(app, settings)
    _add_error_answers(app)
    _add_pages(app, chat)
    app.include_router(chat_api.router)
    app.include_router(export_api.router)
    app.mount("/static", StaticFiles(directory=STATIC_FOLDER), name="static")
    mount_chat_page(app, "/chat")
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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add the layers, the innermost first."""
    cookies = VisitorCookies(ensure_key(settings.secrets_folder))
    # Gradio echoes any Origin with credentials unless its parent has a CORS rule of its own.
    app.add_middleware(CORSMiddleware, allow_origins=[])
    app.add_middleware(
        IdentityMiddleware,
        cookies=cookies,
        secure=settings.server.public_url.startswith("https://"),
    )
    app.add_middleware(Guards, settings=guard_settings(settings.server), visitor_of=cookies.read)


def _add_pages(app: FastAPI, chat: ChatService) -> None:
    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/chat/")

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> RedirectResponse:
        return RedirectResponse("/static/chat/favicon.svg")

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
