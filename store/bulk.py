"""One deed on everything that a filter finds, and its undoing.

A transaction holds a thousand replies, so that the chat can write in between and memory stays
constant however many there are. A process that dies in the middle leaves an action without
`finished_at`: what it did so far counts, and can be undone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.batches import existing_turns
from store.console_tables import BulkActionRow
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.night_records import NewReview, ReviewKind
from store.night_tables import ReviewRow
from store.reply_filter import public_filter
from store.reviews import review_row
from store.standing import standing
from store.tables import ReplyRow
from store.turns import one_of
from store.visitors import new_id

BulkDeed = Literal["verdict_good", "verdict_bad", "exclude", "include"]
BULK_DEEDS: tuple[BulkDeed, ...] = get_args(BulkDeed)
_BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """A bulk action. `count`: reviews written so far; `finished_at` None while it runs, or where it
    broke off."""

    id: str
    operator: str
    action: BulkDeed
    filter: Mapping[str, object]
    count: int
    at: datetime
    finished_at: datetime | None
    undone_at: datetime | None
    undone_by: str | None


def open_bulk(
    session: Session,
    action: BulkDeed,
    *,
    operator: str,
    filter_json: Mapping[str, object],
    now: datetime,
) -> Bulk:
    """Note that a bulk action begins; `apply_bulk` does it.

    Of what the filter says of a visitor only that it did is kept. Raises ConflictError for an
    unknown action.
    """
    if action not in BULK_DEEDS:
        raise ConflictError(f"the bulk action is {action!r}; expected {', '.join(BULK_DEEDS)}")
    row = BulkActionRow(
        id=new_id(),
        operator=operator,
        action=action,
        filter=public_filter(filter_json),
        count=0,
        at=now,
        finished_at=None,
        undone_at=None,
        undone_by=None,
    )
    session.add(row)
    session.flush()
    _audit(session, row, "begin", operator, now)
    return _record(row)


def apply_bulk(
    database: Database, bulk_id: str, reply_ids: Iterable[str], *, now: datetime
) -> Bulk:
    """Write a review of every reply, or take back what kept it from being learnt from.

    It stops at the next thousand when somebody undoes it meanwhile. Replies that are gone are
    passed over. Raises NotFoundError.
    """
    left = iter(reply_ids)
    while some := list(islice(left, _BATCH)):
        with database.session() as session:
            row = _get_row(session, bulk_id)
            if row.undone_at is not None:
                break
            if row.action == "include":
                row.count += _include(session, row, some, now)
            else:
                row.count += _review(session, row, some, now)
    with database.session() as session:
        row = _get_row(session, bulk_id)
        row.finished_at = now
        _audit(session, row, "finish", row.operator, now)
        return _record(row)


def undo_bulk(database: Database, bulk_id: str, *, operator: str, now: datetime) -> int:
    """Take back what a bulk action wrote and nobody has taken back since; return how many reviews.

    Repeating it does what an undoing that broke off has left. Raises NotFoundError.
    """
    with database.session() as session:
        row = _get_row(session, bulk_id)
        row.undone_at, row.undone_by = now, operator
        _audit(session, row, "undo", operator, now)
    undone = last = 0
    while True:
        with database.session() as session:
            rows = _written(session, bulk_id, after=last)
            if not rows:
                return undone
            last = rows[-1].id
            there = set(_there(session, [str(row.reply_id) for row in rows]))
            rows = [row for row in rows if row.reply_id in there]
            words = [
                *_words(operator, "retract", _standing(session, rows), now),
                *_words(operator, "restore", _taken_back(session, rows), now),
            ]
            _write(session, words)
            undone += len(words)


def load_bulk(session: Session, bulk_id: str) -> Bulk:
    """Return a bulk action. Raises NotFoundError."""
    row = session.get(BulkActionRow, bulk_id)
    return _record(_known(row, bulk_id))


def list_bulk(session: Session, *, limit: int = 50) -> list[Bulk]:
    """Return the newest bulk actions on replies, newest first."""
    wanted = (
        select(BulkActionRow)
        .where(BulkActionRow.action.in_(BULK_DEEDS))
        .order_by(BulkActionRow.at.desc(), BulkActionRow.id)
        .limit(limit)
    )
    return [_record(row) for row in session.scalars(wanted)]


def _review(session: Session, bulk: BulkActionRow, ids: Sequence[str], now: datetime) -> int:
    kind: ReviewKind = "exclude" if bulk.action == "exclude" else "verdict"
    text = bulk.action.removeprefix("verdict_") if kind == "verdict" else None
    return _write(
        session,
        [
            review_row(
                NewReview(
                    operator=bulk.operator, kind=kind, reply_id=reply, text=text, bulk_id=bulk.id
                ),
                now,
            )
            for reply in _there(session, ids)
        ],
    )


def _include(session: Session, bulk: BulkActionRow, ids: Sequence[str], now: datetime) -> int:
    wanted = select(ReviewRow).where(
        ReviewRow.reply_id.in_(_there(session, ids)), ReviewRow.kind == "exclude", standing()
    )
    rows = session.scalars(wanted.order_by(ReviewRow.id)).all()
    return _write(session, list(_words(bulk.operator, "retract", rows, now, bulk_id=bulk.id)))


def _words(
    operator: str,
    kind: ReviewKind,
    targets: Iterable[ReviewRow],
    now: datetime,
    *,
    bulk_id: str | None = None,
) -> Iterator[ReviewRow]:
    for target in targets:
        word = NewReview(
            operator=operator,
            kind=kind,
            reply_id=target.reply_id,
            target_id=target.id,
            bulk_id=bulk_id,
        )
        yield review_row(word, now)


def _write(session: Session, rows: list[ReviewRow]) -> int:
    session.add_all(rows)
    session.flush()
    return len(rows)


def _there(session: Session, ids: Sequence[str]) -> list[str]:
    """Return which replies exist; they then do until the transaction ends."""
    turns = select(ReplyRow.turn_id).where(ReplyRow.id.in_(ids))
    kept = existing_turns(session, session.scalars(turns))
    wanted = select(ReplyRow.id).where(ReplyRow.id.in_(ids), ReplyRow.turn_id.in_(kept))
    there = set(session.scalars(wanted))
    return [one for one in dict.fromkeys(ids) if one in there]


def _written(session: Session, bulk_id: str, *, after: int) -> list[ReviewRow]:
    wanted = (
        select(ReviewRow)
        .where(ReviewRow.bulk_id == bulk_id, ReviewRow.id > after)
        .order_by(ReviewRow.id)
        .limit(_BATCH)
    )
    return list(session.scalars(wanted))


def _standing(session: Session, rows: Iterable[ReviewRow]) -> list[ReviewRow]:
    """Return those of the rows that say something themselves and still count."""
    said = [row for row in rows if row.target_id is None]
    wanted = select(ReviewRow.id).where(ReviewRow.id.in_([row.id for row in said]), standing())
    stand = set(session.scalars(wanted))
    return [row for row in said if row.id in stand]


def _taken_back(session: Session, rows: Iterable[ReviewRow]) -> list[ReviewRow]:
    """Return the reviews that the rows took back, where theirs is still the last word."""
    words = {row.target_id: row.id for row in rows if row.target_id is not None}
    last = dict(
        session.execute(
            select(ReviewRow.target_id, ReviewRow.id)
            .where(ReviewRow.target_id.in_(list(words)))
            .order_by(ReviewRow.id)
        ).all()
    )
    mine = [target for target, word in words.items() if last.get(target) == word]
    wanted = select(ReviewRow).where(ReviewRow.id.in_(mine)).order_by(ReviewRow.id)
    return list(session.scalars(wanted))


def _get_row(session: Session, bulk_id: str) -> BulkActionRow:
    row = session.get(BulkActionRow, bulk_id, with_for_update=True, populate_existing=True)
    return _known(row, bulk_id)


def _known(row: BulkActionRow | None, bulk_id: str) -> BulkActionRow:
    if row is None or row.action not in BULK_DEEDS:
        raise NotFoundError(f"no bulk action on replies has the id {bulk_id}")
    return row


def _audit(session: Session, row: BulkActionRow, step: str, operator: str, now: datetime) -> None:
    detail: dict[str, object] = {"bulk": row.id, "action": row.action, "count": row.count}
    append_audit(session, actor=operator, action=f"reply.bulk.{step}", detail=detail, now=now)


def _record(row: BulkActionRow) -> Bulk:
    return Bulk(
        id=row.id,
        operator=row.operator,
        action=one_of(row.action, BULK_DEEDS),
        filter=dict(row.filter),
        count=row.count,
        at=row.at,
        finished_at=row.finished_at,
        undone_at=row.undone_at,
        undone_by=row.undone_by,
    )
