"""Operators: who may open the console, their logins, and the link that makes the first of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, get_args

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from store.console_tables import InvitationRow, OperatorSessionRow
from store.errors import ConflictError, NotFoundError
from store.tables import OperatorRow
from store.turns import one_of

Role = Literal["reviewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Someone who may open the console; one with `disabled_at` is locked out."""

    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


def has_operator(session: Session) -> bool:
    """Return whether somebody with a password could log in."""
    usable = OperatorRow.disabled_at.is_(None), OperatorRow.password_hash != ""
    return bool(session.scalar(select(exists().where(*usable))))


def add_operator(
    session: Session, name: str, password_hash: str, *, now: datetime, role: Role = "admin"
) -> None:
    """Add an operator, or give a known one a new password and role and let them in again.

    Logins with the old password end. Raises ConflictError for a name that cannot be shown in a line.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise ConflictError(
            f"the name {name!r} is empty, longer than {LONGEST_NAME} characters or not printable; "
            "expected one short name"
        )
    row = session.get(OperatorRow, name)
    if row is None:
        row = OperatorRow(name=name, created_at=now, disabled_at=None)
        session.add(row)
    row.password_hash, row.role, row.disabled_at = password_hash, role, None
    session.flush()
    end_logins(session, name, now=now)


def disable_operator(session: Session, name: str, *, now: datetime) -> None:
    """Lock an operator out at once. Raises NotFoundError."""
    row = session.get(OperatorRow, name)
    if row is None:
        raise NotFoundError(f"no operator is called {name}; expected one that was added before")
    row.disabled_at = now
    session.flush()
    end_logins(session, name, now=now)


def list_operators(session: Session) -> list[Operator]:
    """Return all operators, also those who are locked out, in order of their names."""
    return [_record(row) for row in session.scalars(select(OperatorRow).order_by(OperatorRow.name))]


def password_hash_of(session: Session, name: str) -> str | None:
    """Return the hash to check a password with; None when nobody of that name may log in."""
    row = session.get(OperatorRow, name)
    return None if row is None or row.disabled_at is not None else row.password_hash or None


def begin_login(
    session: Session, name: str, token: str, *, now: datetime, lasts: timedelta
) -> Operator:
    """Note a login by the hash of its secret `token`. Raises NotFoundError when locked out."""
    row = session.get(OperatorRow, name)
    if row is None or row.disabled_at is not None:
        raise NotFoundError(f"no operator is called {name}")
    session.add(
        OperatorSessionRow(
            token_sha256=_hash(token),
            operator=name,
            created_at=now,
            expires_at=now + lasts,
            ended_at=None,
        )
    )
    session.flush()
    return _record(row)


def load_login(session: Session, token: str, *, now: datetime) -> Operator | None:
    """Return whose login `token` is; None when it ended, expired or they are locked out."""
    wanted = (
        select(OperatorRow)
        .join(OperatorSessionRow, OperatorSessionRow.operator == OperatorRow.name)
        .where(
            OperatorSessionRow.token_sha256 == _hash(token),
            OperatorSessionRow.ended_at.is_(None),
            OperatorSessionRow.expires_at > now,
            OperatorRow.disabled_at.is_(None),
        )
    )
    row = session.scalar(wanted)
    return None if row is None else _record(row)


def end_login(session: Session, token: str, *, now: datetime) -> None:
    """End one login for good; again is harmless."""
    row = session.get(OperatorSessionRow, _hash(token))
    if row is not None and row.ended_at is None:
        row.ended_at = now


def end_logins(session: Session, name: str, *, now: datetime) -> None:
    """End every login of an operator."""
    session.execute(
        update(OperatorSessionRow)
        .where(OperatorSessionRow.operator == name, OperatorSessionRow.ended_at.is_(None))
        .values(ended_at=now)
    )


def invite(session: Session, token: str, *, now: datetime, lasts: timedelta) -> None:
    """Let whoever knows `token` become the first operator; older invitations end."""
    session.execute(
        update(InvitationRow).values(used_at=now).where(InvitationRow.used_at.is_(None))
    )
    session.add(
        InvitationRow(
            token_sha256=_hash(token), created_at=now, expires_at=now + lasts, used_at=None
        )
    )
    session.flush()


def accept_invitation(session: Session, token: str, *, now: datetime) -> bool:
    """Use an invitation up; False when it is unknown, used, too old, or somebody is in charge."""
    row = session.get(InvitationRow, _hash(token), with_for_update=True)
    if row is None or row.used_at is not None or row.expires_at <= now or has_operator(session):
        return False
    row.used_at = now
    session.flush()
    return True


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _record(row: OperatorRow) -> Operator:
    return Operator(
        name=row.name,
        role=one_of(row.role, ROLES),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
