"""Which adapter learnt from whom: receipts for visitors, and what an erasure takes down."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store.batches import batches
from store.errors import ConflictError
from store.night_records import Receipt
from store.night_tables import AdapterPairRow, AdapterVisitorRow, NightRow, PairRow
from store.tables import AdapterRow, DeploymentRow, VisitorRow


def link_pairs(session: Session, adapter_id: str, pair_ids: Sequence[str]) -> None:
    """Note which pairs a registered adapter was trained on; again is harmless.

    Call it in the transaction that deploys: the visitors cannot be erased before it commits.
    Raises ConflictError when some were erased or deleted since training read them: such an adapter
    must not be published.
    """
    visitors: set[str] = set()
    for some in batches(pair_ids):
        owners = select(PairRow.visitor_id).where(PairRow.id.in_(some))
        alive = select(VisitorRow.id).where(VisitorRow.id.in_(owners)).order_by(VisitorRow.id)
        # Visitors first, as an erasure does: see batches.existing_turns.
        visitors.update(session.scalars(alive.with_for_update(read=True, key_share=True)))
    there: set[str] = set()
    linked: set[str] = set()
    for some in batches(pair_ids):
        wanted = select(PairRow.id).where(PairRow.id.in_(some)).order_by(PairRow.id)
        there.update(session.scalars(wanted.with_for_update(read=True, key_share=True)))
        old = select(AdapterPairRow.pair_id).where(
            AdapterPairRow.adapter_id == adapter_id, AdapterPairRow.pair_id.in_(some)
        )
        linked.update(session.scalars(old))
    gone = len(set(pair_ids) - there)
    if gone:
        raise ConflictError(
            f"{gone} of {len(set(pair_ids))} pairs that adapter {adapter_id} was trained on were "
            "erased meanwhile; it must not be published, train again without them"
        )
    known = select(AdapterVisitorRow.visitor_id).where(AdapterVisitorRow.adapter_id == adapter_id)
    fresh = sorted(visitors - set(session.scalars(known)))
    session.add_all(AdapterVisitorRow(adapter_id=adapter_id, visitor_id=one) for one in fresh)
    session.add_all(
        AdapterPairRow(adapter_id=adapter_id, pair_id=one) for one in sorted(there - linked)
    )
    session.flush()


def count_lineage(session: Session, adapter_id: str) -> tuple[int, int]:
    """Return how many pairs still there, and of how many visitors, an adapter was trained on."""
    pairs = select(func.count()).where(AdapterPairRow.adapter_id == adapter_id)
    visitors = select(func.count()).where(AdapterVisitorRow.adapter_id == adapter_id)
    return session.scalar(pairs) or 0, session.scalar(visitors) or 0


def count_lineages(session: Session) -> dict[str, tuple[int, int]]:
    """Return `count_lineage` of every adapter that learnt from anybody, in two passes."""
    pairs = select(AdapterPairRow.adapter_id, func.count()).group_by(AdapterPairRow.adapter_id)
    people = select(AdapterVisitorRow.adapter_id, func.count()).group_by(
        AdapterVisitorRow.adapter_id
    )
    by_pairs = dict(session.execute(pairs).all())
    by_people = dict(session.execute(people).all())
    return {
        name: (by_pairs.get(name, 0), by_people.get(name, 0)) for name in {*by_pairs, *by_people}
    }


def tainted_by_visitor(session: Session, visitor_id: str) -> list[str]:
    """Return the adapters trained on pairs of a visitor, and all that descend from those."""
    direct = select(AdapterVisitorRow.adapter_id).where(AdapterVisitorRow.visitor_id == visitor_id)
    return _with_descendants(session, session.scalars(direct))


def taint(session: Session, adapter_ids: Collection[str], reason: str, now: datetime) -> list[str]:
    """Mark adapters that must never be served again; return those that were not marked yet."""
    marked: list[str] = []
    for some in batches(adapter_ids):
        changes = (
            update(AdapterRow)
            .where(AdapterRow.id.in_(some), AdapterRow.tainted_at.is_(None))
            .values(tainted_at=now, taint_reason=reason)
            .returning(AdapterRow.id)
        )
        marked.extend(session.scalars(changes))
    return sorted(marked)


def clean_fallback(session: Session) -> str | None:
    """Return the clean adapter to serve now; None leaves only the bare base model."""
    return next(iter(clean_fallbacks(session)), None)


def clean_fallbacks(session: Session) -> list[str]:
    """Return the clean adapters that may be served, the best first.

    Rolling back to an adapter discards what was deployed after it: such a one comes back only
    when nothing else is clean.
    """
    wanted = (
        select(DeploymentRow.adapter_id, AdapterRow.tainted_at)
        .join(AdapterRow, DeploymentRow.adapter_id == AdapterRow.id)
        .order_by(DeploymentRow.id)
    )
    history = session.execute(wanted).all()
    standing: list[str] = []
    for adapter_id, _ in history:
        if adapter_id in standing:
            del standing[standing.index(adapter_id) :]
        standing.append(adapter_id)
    clean = {adapter_id for adapter_id, tainted_at in history if tainted_at is None}
    kept = [one for one in standing if one in clean]
    discarded = [adapter_id for adapter_id, _ in history if adapter_id in clean]
    return list(dict.fromkeys(reversed(kept or discarded)))


def learned_receipts(session: Session, turn_ids: Iterable[str]) -> dict[str, list[Receipt]]:
    """Return when and for which versions each turn was learnt from; others are missing.

    In the order of training. The date is that of the night, else the day the adapter was made.
    """
    deployed = set(session.scalars(select(DeploymentRow.adapter_id).distinct()))
    nights = select(NightRow.adapter_id, NightRow.date).where(NightRow.adapter_id.is_not(None))
    dates = {str(row.adapter_id): row.date for row in session.execute(nights)}
    receipts: dict[str, list[Receipt]] = {}
    for some in batches(turn_ids):
        wanted = (
            select(PairRow.turn_id, AdapterRow.id, AdapterRow.created_at)
            .join(AdapterPairRow, AdapterPairRow.pair_id == PairRow.id)
            .join(AdapterRow, AdapterRow.id == AdapterPairRow.adapter_id)
            .where(PairRow.turn_id.in_(some))
            .distinct()
            .order_by(AdapterRow.created_at, AdapterRow.id, PairRow.turn_id)
        )
        for turn_id, adapter, made_at in session.execute(wanted):
            receipt = Receipt(
                date=dates.get(adapter, f"{made_at:%Y-%m-%d}"),
                adapter=adapter,
                deployed=adapter in deployed,
            )
            receipts.setdefault(turn_id, []).append(receipt)
    return receipts


def _with_descendants(session: Session, adapter_ids: Iterable[str]) -> list[str]:
    children: dict[str, list[str]] = {}
    for child, parent in session.execute(select(AdapterRow.id, AdapterRow.parent_id)):
        if parent is not None:
            children.setdefault(parent, []).append(child)
    found: set[str] = set()
    open_ = list(adapter_ids)
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_.extend(children.get(one, []))
    return sorted(found)
