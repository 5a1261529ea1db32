"""What an erasure still has to do: asked for, rows gone, bytes scrubbed, files removed.

An erasure is asked for in a row of its own before anything is removed, so that a process which
dies on the way leaves word of it. The row goes with the visitor's; what remains, without saying
who, is the tombstone, on which scrubbing and the removal of files are noted.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store.batches import batches
from store.night_tables import NightRow, PairRow
from store.records import MOVING
from store.tables import AdapterRow, AuditRow, ErasureRow, PendingErasureRow, ReplyRow

PAIR_IDS = "pair_ids"
_GONE = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingErasure:
    """Somebody who is to be erased and is still there, at least in part."""

    visitor_id: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What tells which files must go. erased_at: when somebody was erased last.

    `unfinished`: keys of the erasures that were looked at, for `mark_finished`. `speaking`: tainted adapters with a reply under way. `leased`: dates of nights that a process
    holds, living or dead.
    """

    unfinished: frozenset[str]
    erased_at: datetime
    tainted: frozenset[str]
    registered: frozenset[str]
    speaking: frozenset[str]
    leased: frozenset[str]


def ask_for_erasure(session: Session, visitor_id: str, actor: str, now: datetime) -> None:
    """Note that a visitor is to be erased; again is harmless."""
    if session.get(PendingErasureRow, visitor_id) is None:
        session.add(PendingErasureRow(visitor_id=visitor_id, actor=actor, at=now))


def pending_erasures(session: Session) -> list[PendingErasure]:
    """Return who is to be erased, in the order in which it was asked for."""
    rows = session.scalars(select(PendingErasureRow).order_by(PendingErasureRow.at))
    return [PendingErasure(visitor_id=row.visitor_id, actor=row.actor) for row in rows]


def list_unscrubbed(session: Session) -> frozenset[str]:
    """Return the keys of erasures of whose rows bytes may be left in the database's files."""
    return frozenset(
        session.scalars(select(ErasureRow.visitor_sha256).where(ErasureRow.scrubbed_at.is_(None)))
    )


def mark_scrubbed(session: Session, keys: Collection[str], now: datetime) -> None:
    """Note that the database's files were rewritten since `list_unscrubbed` returned `keys`."""
    for some in batches(keys):
        session.execute(
            update(ErasureRow)
            .where(ErasureRow.visitor_sha256.in_(some), ErasureRow.scrubbed_at.is_(None))
            .values(scrubbed_at=now)
        )


def mark_finished(session: Session, keys: Collection[str], now: datetime) -> None:
    """Note that no file is left of the erasures that `Leftovers` named."""
    for some in batches(keys):
        session.execute(
            update(ErasureRow)
            .where(ErasureRow.visitor_sha256.in_(some), ErasureRow.finished_at.is_(None))
            .values(finished_at=now)
        )


def load_leftovers(session: Session, now: datetime) -> Leftovers | None:
    """Return what tells which files must go; None when every erasure is finished."""
    # Before all else: PostgreSQL shows each query what was committed until then, and whoever is
    # among the keys must have been looked at.
    keys = select(ErasureRow.visitor_sha256).where(ErasureRow.finished_at.is_(None))
    unfinished = frozenset(session.scalars(keys))
    if not unfinished:
        return None
    adapters = session.execute(select(AdapterRow.id, AdapterRow.tainted_at)).all()
    tainted = frozenset(name for name, tainted_at in adapters if tainted_at is not None)
    moving = select(ReplyRow.adapter_id).where(ReplyRow.status.in_(MOVING)).distinct()
    leases = select(NightRow.date).where(
        NightRow.lease_owner.is_not(None), NightRow.lease_until > now
    )
    newest = session.scalar(select(func.max(ErasureRow.erased_at)))
    return Leftovers(
        unfinished=unfinished,
        erased_at=newest or now,
        tainted=tainted,
        registered=frozenset(name for name, _ in adapters),
        speaking=frozenset(one for one in session.scalars(moving) if one in tainted),
        leased=frozenset(session.scalars(leases)),
    )


def count_existing_pairs(session: Session, pair_ids: Iterable[str]) -> int:
    """Return how many of the pairs are there."""
    return sum(
        session.scalar(select(func.count()).where(PairRow.id.in_(some))) or 0
        for some in batches(pair_ids)
    )


def blank_tainted_manifests(session: Session) -> None:
    """Forget which pairs the tainted adapters were trained on; the rest is their history."""
    for row in session.scalars(select(AdapterRow).where(AdapterRow.tainted_at.is_not(None))):
        if row.manifest.get(PAIR_IDS):
            row.manifest = {**row.manifest, PAIR_IDS: []}


def blank_audited_pairs(session: Session, pair_ids: Collection[str]) -> None:
    """Take the ids of erased pairs out of the log of deeds; the deeds stay."""
    deeds = select(AuditRow).where(AuditRow.action == "pair.decide")
    for row in session.scalars(deeds) if pair_ids else ():
        if row.detail.get("pair") in pair_ids:
            row.detail = {**row.detail, "pair": _GONE}
