"""Coming in and going out; the only routes of the console that ask for no login."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.login_cookies import LOGIN_LASTS
from app.console.parts import Console, ConsoleParts
from app.console.passwords import SHORTEST_PASSWORD, hash_password, is_password, password_fault
from store.audit import append_audit
from store.operators import (
    LONGEST_NAME,
    Operator,
    accept_invitation,
    add_operator,
    begin_login,
    end_login,
    has_operator,
    password_hash_of,
)

_LONGEST_PASSWORD = 200
_TOKEN_BYTES = 32

router = APIRouter(prefix="/api/console")

Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Password = Annotated[str, Field(max_length=_LONGEST_PASSWORD)]


class LoginBody(Body):
    """Who comes in."""

    name: Name
    password: Password


class InvitationBody(LoginBody):
    """Who becomes the first operator, by which link."""

    token: Annotated[str, Field(max_length=_LONGEST_PASSWORD)]


@router.get("/doors")
def read_doors(console: Console) -> Json:
    """Whether anybody can log in at all."""
    with console.database.reading() as session:
        return {"operators": has_operator(session)}


@router.post("/login")
def log_in(console: Console, request: Request, response: Response, body: LoginBody) -> Json:
    """Begin a login; a browser's earlier one ends."""
    address = request.client.host if request.client else "unknown"
    clients = (f"name {body.name}", f"from {address}")
    admitted = [console.tries.admit(one) for one in clients]
    if not all(admitted):
        raise ConsoleError("login_often", status=429)
    with console.database.reading() as session:
        known = password_hash_of(session, body.name)
    if not is_password(known, body.password):
        with console.database.session() as session:
            append_audit(
                session,
                actor=body.name if known is not None else "unknown",
                action="login.refused",
                detail={"address": address},
                now=console.now(),
            )
        raise ConsoleError("login_wrong", status=401)
    for one in clients:
        console.tries.forgive(one)
    return operator_json(_enter(console, request, response, body.name))


@router.post("/logout")
def log_out(console: Console, request: Request, response: Response, who: Reviewer) -> Json:
    """End this login for good."""
    token = console.cookies.read(request.headers.get("cookie", ""))
    with console.database.session() as session:
        end_login(session, token or "", now=console.now())
        append_audit(session, actor=who.name, action="logout", detail={}, now=console.now())
    response.headers["set-cookie"] = console.cookies.forget_header(secure=_secure(console, request))
    return {}


@router.post("/invitation", status_code=201)
def accept(console: Console, request: Request, response: Response, body: InvitationBody) -> Json:
    """Become the first operator, an admin, by the link that the server printed."""
    address = request.client.host if request.client else "unknown"
    if not console.tries.admit(f"invitation from {address}"):
        raise ConsoleError("login_often", status=429)
    check_new_operator(body.name, body.password)
    with console.database.session() as session:
        if not accept_invitation(session, body.token, now=console.now()):
            raise ConsoleError("invitation_over", status=403)
        add_operator(session, body.name, hash_password(body.password), now=console.now())
        append_audit(
            session,
            actor=body.name,
            action="operator.add",
            detail={"name": body.name, "role": "admin", "by": "invitation"},
            now=console.now(),
        )
    return operator_json(_enter(console, request, response, body.name))


@router.get("/me")
def read_me(console: Console, who: Reviewer) -> Json:
    """Who is logged in, and whom the console is about."""
    speaker = console.chat.speaker
    return {
        "operator": operator_json(who),
        "persona": {"id": speaker.id, "name": speaker.name},
        "rehearses": console.night is not None,
    }


def operator_json(operator: Operator) -> Json:
    """Return an operator without anything secret."""
    return {
        "name": operator.name,
        "role": operator.role,
        "created_at": operator.created_at.isoformat(),
        "disabled_at": operator.disabled_at.isoformat() if operator.disabled_at else None,
    }


def check_new_operator(name: str, password: str) -> None:
    """Refuse names and passwords that are not good enough. Raises ConsoleError."""
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise ConsoleError("operator_name", longest=LONGEST_NAME)
    if password_fault(password) is not None:
        raise ConsoleError("password_weak", shortest=SHORTEST_PASSWORD, length=len(password))


def _enter(console: ConsoleParts, request: Request, response: Response, name: str) -> Operator:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    before = console.cookies.read(request.headers.get("cookie", ""))
    now = console.now()
    with console.database.session() as session:
        if before is not None:
            end_login(session, before, now=now)
        operator = begin_login(session, name, token, now=now, lasts=LOGIN_LASTS)
        append_audit(session, actor=name, action="login", detail={}, now=now)
    cookie = console.cookies.header(token, secure=_secure(console, request))
    response.headers["set-cookie"] = cookie
    return operator


def _secure(console: ConsoleParts, request: Request) -> bool:
    public = console.settings.server.public_url.startswith("https://")
    return public or request.url.scheme == "https"
