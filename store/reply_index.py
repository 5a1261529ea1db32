"""The index of the replies that visitors saw, kept equal to what it is made of.

A session of `store.database` notes which turns and replies were changed and has their rows made
anew before it commits. Statements that change rows without loading them (`update()`, `delete()`)
are not seen: tell them to `note_replies`. Foreign keys take the rows of erased replies away.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy import (
    Connection,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session, UOWTransaction, aliased

from store.batches import batches
from store.console_tables import ReplyFiguresRow, ReplyIndexRow, ReplyWordsRow
from store.night_tables import ConflictRow, ReviewRow, ScoreRow
from store.reply_words import postgres_words, sqlite_words
from store.scores import METRIC_COLUMNS
from store.standing import standing
from store.tables import ConversationRow, FeedbackRow, ReplyRow, TurnRow

_SHOWN = ("done", "stopped")
_NO_VERDICTS = ("retract", "restore", "skip")
_ID_BITS = 12
_LOCKS = 64
_LOCK_SPACE = 0x796F67  # any constant: the first key of PostgreSQL's advisory locks
_TURNS, _REPLIES = "changed_turns", "changed_replies"
_TURNS_AT_ONCE = 1_000
_SCALE = 100
_REBUILD_CACHE, _USUAL_CACHE = -262_144, -2_000  # KiB, as SQLite counts with a minus


def follow_changes(session: Session, _: UOWTransaction) -> None:
    """Note what a flush changed; an `after_flush` listener."""
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, ReplyRow) and row.status in _SHOWN:
            _noted(session, _TURNS).add(row.turn_id)
        elif isinstance(row, TurnRow) and row not in session.new:
            _noted(session, _TURNS).add(row.id)
        elif isinstance(row, FeedbackRow | ScoreRow | ConflictRow | ReviewRow):
            if row.reply_id is not None:
                _noted(session, _REPLIES).add(row.reply_id)
        elif isinstance(row, ConversationRow) and _was_deleted(row):
            hidden = select(TurnRow.id).where(TurnRow.conversation_id == row.id)
            _noted(session, _TURNS).update(session.connection().scalars(hidden))


def note_replies(session: Session, reply_ids: Iterable[str]) -> None:
    """Have the rows of these replies made anew when the session commits."""
    _noted(session, _REPLIES).update(reply_ids)


def catch_up(session: Session) -> None:
    """Make the rows of what changed anew; a `before_commit` listener, nested commits aside."""
    if session.in_nested_transaction():
        return
    session.flush()
    turns, replies = _noted(session, _TURNS), _noted(session, _REPLIES)
    if not turns and not replies:
        return
    connection = session.connection()
    for some in batches(replies):
        wanted = select(ReplyRow.turn_id).where(ReplyRow.id.in_(some))
        turns.update(connection.scalars(wanted))
    refresh(connection, turns)
    turns.clear()
    replies.clear()


def rebuild(connection: Connection) -> int:
    """Make the whole index anew; return how many replies it holds."""
    if connection.dialect.name == "sqlite":
        # What one transaction changes is read again and again: it must not leave the memory.
        connection.execute(text(f"PRAGMA cache_size = {_REBUILD_CACHE}"))
    connection.execute(delete(ReplyIndexRow))
    wanted = select(TurnRow.id).join(ConversationRow).order_by(TurnRow.id)
    last, count = "", 0
    while some := connection.scalars(wanted.where(TurnRow.id > last).limit(_TURNS_AT_ONCE)).all():
        count += _refresh_some(connection, some)
        last = some[-1]
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"PRAGMA cache_size = {_USUAL_CACHE}"))
    return count


def refresh(connection: Connection, turn_ids: Iterable[str]) -> None:
    """Make the rows of all replies to these turns anew.

    On PostgreSQL one transaction at a time does this for a turn, until it ends, so that the later
    one sees what the earlier one wrote.
    """
    ordered = sorted(turn_ids)
    if connection.dialect.name == "postgresql":
        for key in sorted({crc32(turn.encode()) % _LOCKS for turn in ordered}):
            lock = text("SELECT pg_advisory_xact_lock(:space, :key)")
            connection.execute(lock, {"space": _LOCK_SPACE, "key": key})
    for start in range(0, len(ordered), _TURNS_AT_ONCE):
        _refresh_some(connection, ordered[start : start + _TURNS_AT_ONCE])


def number_at(at: datetime) -> int:
    """Return the lowest number of a reply asked for at this time or later."""
    return round(at.timestamp() * 1000) << _ID_BITS


def _refresh_some(connection: Connection, turn_ids: Sequence[str]) -> int:
    old = _numbers(connection, turn_ids)
    rows = list(connection.execute(_sources(turn_ids)))
    kept = {row.reply_id for row in rows}
    gone = [number for reply, number in old.items() if reply not in kept]
    if gone:
        connection.execute(delete(ReplyIndexRow).where(ReplyIndexRow.number.in_(gone)))
    _insert(connection, [row for row in rows if row.reply_id not in old])
    _update(connection, [(old[row.reply_id], row) for row in rows if row.reply_id in old])
    return len(rows)


def _numbers(connection: Connection, turn_ids: Sequence[str]) -> dict[str, int]:
    """Return reply -> number of what the index holds of these turns."""
    wanted = (
        select(ReplyIndexRow.reply_id, ReplyIndexRow.number)
        .join(ReplyRow, ReplyRow.id == ReplyIndexRow.reply_id)
        .where(ReplyRow.turn_id.in_(turn_ids))
    )
    return {row.reply_id: row.number for row in connection.execute(wanted)}


def _sources(turn_ids: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Return the query of everything the rows are made of."""
    newest = (
        select(func.max(ScoreRow.id))
        .where(ScoreRow.reply_id == ReplyRow.id)
        .correlate(ReplyRow)
        .scalar_subquery()
    )
    open_conflict = exists().where(
        ConflictRow.reply_id == ReplyRow.id, ConflictRow.resolved_at.is_(None)
    )
    return (
        select(
            ReplyRow.id.label("reply_id"),
            ReplyRow.created_at,
            ReplyRow.text_folded,
            ReplyRow.adapter_id.label("adapter"),
            ReplyRow.safety,
            ReplyRow.personal,
            ReplyRow.variant,
            TurnRow.shown,
            TurnRow.superseded_at,
            TurnRow.text_folded.label("user_text_folded"),
            ConversationRow.visitor_id,
            FeedbackRow.thumb,
            _variants().label("variants"),
            open_conflict.label("conflict"),
            _standing_reviews().label("reviewed"),
            ScoreRow.evaluator,
            ScoreRow.spread.label("spreads"),
            *(ScoreRow.__table__.c[metric] for metric in METRIC_COLUMNS),
        )
        .join(TurnRow, TurnRow.id == ReplyRow.turn_id)
        .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
        .outerjoin(FeedbackRow, FeedbackRow.reply_id == ReplyRow.id)
        .outerjoin(ScoreRow, ScoreRow.id == newest)
        .where(
            ReplyRow.turn_id.in_(turn_ids),
            # An expression, because SQLite would rather read all finished replies by their status.
            func.coalesce(ReplyRow.status, "").in_(_SHOWN),
            ReplyRow.text != "",
            ConversationRow.deleted_at.is_(None),
        )
        .order_by(ReplyRow.created_at, ReplyRow.id)
    )


def _variants() -> ScalarSelect[int]:
    """Return how many replies a turn has; nobody asked for a duel's second answer."""
    sibling = aliased(ReplyRow)
    asked_for = sibling.turn_id == TurnRow.id, sibling.origin != "duel"
    return select(func.count()).where(*asked_for).correlate(TurnRow).scalar_subquery()


def _standing_reviews() -> ScalarSelect[int]:
    """Return how many reviews of a reply nobody took back."""
    counted = select(func.count(ReviewRow.id)).where(
        ReviewRow.reply_id == ReplyRow.id, ReviewRow.kind.not_in(_NO_VERDICTS), standing()
    )
    return counted.correlate(ReplyRow).scalar_subquery()


def _insert(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
    if not rows:
        return
    numbers = _free_numbers(connection, rows)
    words = sqlite_words if connection.dialect.name == "sqlite" else postgres_words
    numbered = list(zip(numbers, rows, strict=True))
    connection.execute(
        insert(ReplyIndexRow),
        [
            {
                "number": number,
                "reply_id": row.reply_id,
                "visitor_id": row.visitor_id,
                "evaluator": row.evaluator,
            }
            for number, row in numbered
        ],
    )
    connection.execute(
        insert(ReplyFiguresRow), [{"number": number} | figures(row) for number, row in numbered]
    )
    connection.execute(
        insert(ReplyWordsRow),
        [
            {"number": number, "words": words(row.user_text_folded, row.text_folded)}
            for number, row in numbered
        ],
    )


def _update(connection: Connection, rows: Sequence[tuple[int, Row[*tuple[Any, ...]]]]) -> None:
    if not rows:
        return
    table = ReplyFiguresRow.__table__
    columns = [column.name for column in table.columns if column.name != "number"]
    changes = (
        update(ReplyFiguresRow)
        .where(ReplyFiguresRow.number == bindparam("at"))
        .values({column: bindparam(column) for column in columns})
    )
    connection.execute(changes, [{"at": number} | figures(row) for number, row in rows])
    judged = (
        update(ReplyIndexRow)
        .where(ReplyIndexRow.number == bindparam("at"))
        .values(evaluator=bindparam("by"))
    )
    connection.execute(judged, [{"at": number, "by": row.evaluator} for number, row in rows])


def _free_numbers(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[int]:
    """Return a number for each row that nothing has yet."""
    mask = (1 << _ID_BITS) - 1
    wanted = [number_at(row.created_at) | crc32(row.reply_id.encode()) & mask for row in rows]
    known = select(ReplyIndexRow.number).where(ReplyIndexRow.number.in_(wanted))
    taken = set(connection.scalars(known))
    numbers: list[int] = []
    for number in wanted:
        while number in taken:
            number += 1
            one = select(ReplyIndexRow.number).where(ReplyIndexRow.number == number)
            if connection.scalar(one) is not None:
                taken.add(number)
        taken.add(number)
        numbers.append(number)
    return numbers


def figures(row: Row[*tuple[Any, ...]]) -> dict[str, object]:
    """Return the values of `reply_figures` for a row of sources."""
    values = [row._mapping[metric] for metric in METRIC_COLUMNS]
    scored = values[0] is not None
    widest = max((row.spreads or {}).values(), default=None) if scored else None
    thumbs = {"up": 1, "down": -1}
    return {
        "on_screen": row.variant == row.shown and row.superseded_at is None,
        "superseded": row.superseded_at is not None,
        "safety": row.safety,
        "conflict": row.conflict,
        "personal": row.personal,
        "thumb": thumbs.get(row.thumb, 0),
        "variants": row.variants,
        "reviewed": row.reviewed,
        "adapter": row.adapter,
        "mean": _hundredths(sum(values) / len(values)) if scored else None,
        "spread": None if widest is None else _hundredths(widest),
        **{
            metric: _hundredths(value) if scored else None
            for metric, value in zip(METRIC_COLUMNS, values, strict=True)
        },
    }


def _hundredths(value: float) -> int:
    return round(value * _SCALE)


def _noted(session: Session, kind: str) -> set[str]:
    noted: set[str] = session.info.setdefault(kind, set())
    return noted


def _was_deleted(row: ConversationRow) -> bool:
    return bool(inspect(row).attrs.deleted_at.history.added)
