"""Who else may come in, and the log of deeds. For admins."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Admin
from app.console.errors import ConsoleError
from app.console.login_api import Name, Password, check_new_operator, operator_json
from app.console.parts import Console
from app.console.passwords import hash_password
from store.audit import append_audit, list_audit
from store.operators import Role, add_operator, disable_operator, list_operators

router = APIRouter(prefix="/api/console")

_DEEDS = 100


class OperatorBody(Body):
    """A new operator, or a known one's new password and role."""

    name: Name
    password: Password
    role: Role


class NameBody(Body):
    """Whom it is about."""

    name: Name


@router.get("/operators")
def read_operators(console: Console, who: Admin) -> Json:
    """All operators."""
    with console.database.reading() as session:
        return {"operators": [operator_json(one) for one in list_operators(session)]}


@router.put("/operators")
def put_operator(console: Console, who: Admin, body: OperatorBody) -> Json:
    """Add an operator or set a known one's password and role; their logins end."""
    check_new_operator(body.name, body.password)
    hashed = hash_password(body.password)
    detail: dict[str, object] = {"name": body.name, "role": body.role}
    with console.database.session() as session:
        add_operator(session, body.name, hashed, now=console.now(), role=body.role)
        append_audit(
            session, actor=who.name, action="operator.add", detail=detail, now=console.now()
        )
    return read_operators(console, who)


@router.post("/operators/disable")
def disable(console: Console, who: Admin, body: NameBody) -> Json:
    """Lock an operator out at once."""
    if body.name == who.name:
        raise ConsoleError("operator_self")
    with console.database.session() as session:
        disable_operator(session, body.name, now=console.now())
        append_audit(
            session,
            actor=who.name,
            action="operator.disable",
            detail={"name": body.name},
            now=console.now(),
        )
    return read_operators(console, who)


@router.get("/audit")
def read_audit(
    console: Console,
    who: Admin,
    before: Annotated[int | None, Query(ge=1)] = None,
    actor: Annotated[str | None, Query(max_length=100)] = None,
) -> Json:
    """The newest deeds; `before` pages on."""
    with console.database.reading() as session:
        deeds = list_audit(session, before=before, actor=actor, limit=_DEEDS)
    return {
        "deeds": [
            {
                "id": one.id,
                "at": one.at.isoformat(),
                "actor": one.actor,
                "action": one.action,
                "detail": dict(one.detail),
            }
            for one in deeds
        ],
        "next": deeds[-1].id if len(deeds) == _DEEDS else None,
    }
