"""The exported tables, read in pages by key: memory does not grow with the number of rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from store.database import Database
from store.export_records import Column, ColumnKind, ExportFilter, ExportOrder, Row, TableName
from store.night_tables import CandidateRow, PairRow, ReviewRow, ScoreRow
from store.reply_filter import ReplyFilter, fitting
from store.scores import METRIC_COLUMNS
from store.tables import ConversationRow, FeedbackRow, ReplyRow, TurnRow, VisitorRow

PAGE_ROWS = 1_000
_SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens")
_TURN_ID = "turn_id"
_VISITOR = "visitor"

Key = str | int
Pseudonym = Callable[[str], str]


def columns_of(table: TableName) -> tuple[Column, ...]:
    """Return the columns of an exported table, in their order."""
    kinds: Mapping[TableName, Mapping[str, ColumnKind]] = {
        "logs": _LOGS,
        "scores": _SCORES,
        "reviews": _REVIEWS,
        "pairs": _PAIRS,
    }
    return tuple(Column(name=name, kind=kind) for name, kind in kinds[table].items())


def count_rows(session: Session, table: TableName) -> int:
    """Return how many rows a table has before any filter."""
    return session.scalar(select(func.count(_key(table)))) or 0


def pages(
    database: Database, table: TableName, order: ExportOrder, pseudonym: Pseudonym
) -> Iterator[tuple[int, list[Row]]]:
    """Yield (rows looked at, rows wanted) until the table ends, ordered by id.

    Every page is a transaction of its own: a long one would keep the log from being emptied, and
    with it an erasure from being finished.
    """
    after: Key | None = None
    while True:
        with database.reading() as session:
            keys = _next_keys(session, table, after)
            rows = _page(session, table, order, keys) if keys else []
        if not keys:
            return
        after = keys[-1]
        place = [column.name for column in columns_of(table)].index(_VISITOR)
        yield (
            len(keys),
            [(*row[:place], pseudonym(str(row[place])), *row[place + 1 :]) for row in rows],
        )


def _next_keys(session: Session, table: TableName, after: Key | None) -> list[Key]:
    key = _key(table)
    wanted = select(key).order_by(key).limit(PAGE_ROWS)
    return list(session.scalars(wanted if after is None else wanted.where(key > after)))


def _key(table: TableName) -> InstrumentedAttribute[str] | InstrumentedAttribute[int]:
    match table:
        case "logs":
            return ReplyRow.id
        case "scores":
            return ScoreRow.id
        case "reviews":
            return ReviewRow.id
        case "pairs":
            return PairRow.id


def _page(session: Session, table: TableName, order: ExportOrder, keys: Sequence[Key]) -> list[Row]:
    match table:
        case "logs":
            readable = _logs()
        case "scores":
            readable = _scores()
        case "reviews":
            readable = _reviews()
        case "pairs":
            readable = _pairs()
    # Named one by one: with a range the planner may begin with the visitors, and read them all
    # again for every page.
    conditions = [_key(table).in_(keys), *_conditions(table, order.filter)]
    if order.replies is not None:
        conditions.append(_about_fitting(session, table, order.replies, keys))
    rows = session.execute(readable.where(*conditions))
    shape = _SHAPES[table]
    found_by_key = {row[0]: shape(tuple(row)) for row in rows}
    return [found_by_key[key] for key in keys if key in found_by_key]


def _conditions(table: TableName, wanted: ExportFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [ConversationRow.deleted_at.is_(None)]
    if wanted.since is not None:
        conditions.append(TurnRow.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(TurnRow.created_at < wanted.until)
    if wanted.adapter is not None:
        conditions.append(_spoken_by(table, wanted.adapter))
    if wanted.consented:
        conditions += [
            VisitorRow.consent.is_(True),
            TurnRow.created_at >= VisitorRow.consent_at,
            TurnRow.learn.is_(True),
        ]
    return conditions


def _about_fitting(
    session: Session, table: TableName, wanted: ReplyFilter, keys: Sequence[Key]
) -> ColumnElement[bool]:
    """Whether a row is about a reply that matches, or about a pair of a turn that has one."""
    of_turn = aliased(ReplyRow)
    match table:
        case "logs":
            among = select(ReplyRow.id).where(ReplyRow.id.in_(keys))
        case "scores":
            among = (
                select(ReplyRow.id)
                .join(ScoreRow, ScoreRow.reply_id == ReplyRow.id)
                .where(ScoreRow.id.in_(keys))
            )
        case "reviews":
            among = (
                select(of_turn.id)
                .select_from(ReviewRow)
                .outerjoin(PairRow, PairRow.id == ReviewRow.pair_id)
                .join(
                    of_turn,
                    or_(of_turn.id == ReviewRow.reply_id, of_turn.turn_id == PairRow.turn_id),
                )
                .where(ReviewRow.id.in_(keys))
            )
        case "pairs":
            among = (
                select(of_turn.id)
                .join(PairRow, PairRow.turn_id == of_turn.turn_id)
                .where(PairRow.id.in_(keys))
            )
    fits = fitting(session, wanted, among)
    answered = PairRow.turn_id.in_(select(of_turn.turn_id).where(of_turn.id.in_(fits)))
    match table:
        case "logs" | "scores":
            return ReplyRow.id.in_(fits)
        case "reviews":
            return or_(ReviewRow.reply_id.in_(fits), answered)
        case "pairs":
            return answered


def _spoken_by(table: TableName, adapter: str) -> ColumnElement[bool]:
    answered = exists().where(ReplyRow.turn_id == PairRow.turn_id, ReplyRow.adapter_id == adapter)
    match table:
        case "logs":
            return ReplyRow.adapter_id == adapter
        case "scores":
            return or_(ReplyRow.adapter_id == adapter, CandidateRow.adapter_id == adapter)
        case "reviews":
            return or_(
                ReplyRow.adapter_id == adapter,
                and_(
                    ReviewRow.pair_id.is_not(None),
                    ReviewRow.pair_id.in_(
                        select(PairRow.id)
                        .join(ReplyRow, ReplyRow.turn_id == PairRow.turn_id)
                        .where(ReplyRow.adapter_id == adapter)
                    ),
                ),
            )
        case "pairs":
            return answered


_LOGS: Mapping[str, ColumnKind] = {
    "reply_id": "text",
    _TURN_ID: "text",
    "conversation_id": "text",
    _VISITOR: "text",
    "persona": "text",
    "position": "integer",
    "variant": "integer",
    "shown": "truth",
    "edited_away": "truth",
    "user_text": "text",
    "reply_text": "text",
    "status": "text",
    "origin": "text",
    "adapter": "text",
    "facts": "texts",
    "seed": "integer",
    **dict.fromkeys(_SAMPLING, "number"),
    "user_flagged": "truth",
    "deflected": "truth",
    "learn": "truth",
    "thumb": "text",
    "thumb_reason": "text",
    "said_at": "text",
    "finished_at": "text",
}


def _logs() -> Select[*tuple[object, ...]]:
    return (
        select(
            ReplyRow.id, ReplyRow.turn_id, TurnRow.conversation_id, ConversationRow.visitor_id,
            ConversationRow.persona, TurnRow.position, ReplyRow.variant,
            ReplyRow.variant == TurnRow.shown, TurnRow.superseded_at.is_not(None), TurnRow.text,
            ReplyRow.text, ReplyRow.status, ReplyRow.origin, ReplyRow.adapter_id, ReplyRow.facts,
            ReplyRow.seed, ReplyRow.sampling, TurnRow.flagged, ReplyRow.safety, TurnRow.learn,
            FeedbackRow.thumb, FeedbackRow.reason, TurnRow.created_at, ReplyRow.finished_at,
        )
        .join(TurnRow, ReplyRow.turn_id == TurnRow.id)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
        .outerjoin(FeedbackRow, FeedbackRow.reply_id == ReplyRow.id)
    )  # fmt: skip


_SCORES: Mapping[str, ColumnKind] = {
    "score_id": "integer",
    "subject_id": "text",
    "subject": "text",
    _TURN_ID: "text",
    _VISITOR: "text",
    "adapter": "text",
    "evaluator": "text",
    "at": "text",
    **dict.fromkeys(METRIC_COLUMNS, "number"),
    **dict.fromkeys([f"{metric}_spread" for metric in METRIC_COLUMNS], "number"),
    "reasons": "texts",
}


def _scores() -> Select[*tuple[object, ...]]:
    turn = func.coalesce(ReplyRow.turn_id, CandidateRow.turn_id)
    adapter = func.coalesce(ReplyRow.adapter_id, CandidateRow.adapter_id)
    values = [ScoreRow.__table__.c[metric] for metric in METRIC_COLUMNS]
    return (
        select(
            ScoreRow.id, ScoreRow.subject_id, ScoreRow.reply_id.is_not(None), TurnRow.id,
            ConversationRow.visitor_id, adapter, ScoreRow.evaluator, ScoreRow.at, *values,
            ScoreRow.spread, ScoreRow.reasons,
        )
        .select_from(ScoreRow)
        .outerjoin(ReplyRow, ScoreRow.reply_id == ReplyRow.id)
        .outerjoin(CandidateRow, ScoreRow.candidate_id == CandidateRow.id)
        .join(TurnRow, TurnRow.id == turn)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
    )  # fmt: skip


_REVIEWS: Mapping[str, ColumnKind] = {
    "review_id": "integer",
    "operator": "text",
    "kind": "text",
    "reply_id": "text",
    "pair_id": "text",
    _TURN_ID: "text",
    _VISITOR: "text",
    "metric": "text",
    "value": "number",
    "text": "text",
    "note": "text",
    "route": "text",
    "blind": "truth",
    "target_id": "integer",
    "at": "text",
}


def _reviews() -> Select[*tuple[object, ...]]:
    turn = func.coalesce(ReplyRow.turn_id, PairRow.turn_id)
    return (
        select(
            ReviewRow.id, ReviewRow.operator, ReviewRow.kind, ReviewRow.reply_id,
            ReviewRow.pair_id, TurnRow.id, ConversationRow.visitor_id, ReviewRow.metric,
            ReviewRow.value, ReviewRow.text, ReviewRow.note, ReviewRow.route, ReviewRow.blind,
            ReviewRow.target_id, ReviewRow.at,
        )
        .select_from(ReviewRow)
        .outerjoin(ReplyRow, ReviewRow.reply_id == ReplyRow.id)
        .outerjoin(PairRow, ReviewRow.pair_id == PairRow.id)
        .join(TurnRow, TurnRow.id == turn)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
    )  # fmt: skip


_PAIRS: Mapping[str, ColumnKind] = {
    "pair_id": "text",
    "night": "text",
    _TURN_ID: "text",
    _VISITOR: "text",
    "turns": "turns",
    "facts": "texts",
    "chosen_id": "text",
    "chosen": "text",
    "rejected_id": "text",
    "rejected": "text",
    "source": "text",
    "margin": "number",
    "disagreement": "number",
    "status": "text",
    "decided_by": "text",
    "decided_at": "text",
    "created_at": "text",
}


def _pairs() -> Select[*tuple[object, ...]]:
    return (
        select(
            PairRow.id, PairRow.night_date, PairRow.turn_id, PairRow.visitor_id, PairRow.turns,
            PairRow.facts, PairRow.chosen_id, PairRow.chosen, PairRow.rejected_id,
            PairRow.rejected, PairRow.source, PairRow.margin, PairRow.disagreement,
            PairRow.status, PairRow.decided_by, PairRow.decided_at, PairRow.created_at,
        )
        .join(TurnRow, PairRow.turn_id == TurnRow.id)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
    )  # fmt: skip


def _plain(row: Row) -> Row:
    return tuple(one.isoformat() if isinstance(one, datetime) else one for one in row)


def _shaped_log(row: Row) -> Row:
    """Spread the settings of sampling over columns of their own."""
    at = list(_LOGS).index(_SAMPLING[0])
    return _plain((*row[:at], *_picked(row[at], _SAMPLING), *row[at + 1 :]))


def _shaped_score(row: Row) -> Row:
    """Say what was scored, and spread the spreads over columns of their own."""
    at = list(_SCORES).index(f"{METRIC_COLUMNS[0]}_spread")
    subject = "reply" if row[2] else "candidate"
    spread, reasons = _picked(row[at], METRIC_COLUMNS), row[at + 1]
    return _plain((*row[:2], subject, *row[3:at], *spread, reasons or []))


def _picked(values: object, names: Sequence[str]) -> list[object]:
    found = values if isinstance(values, dict) else {}
    return [None if found.get(name) is None else float(found[name]) for name in names]


_SHAPES: Mapping[TableName, Callable[[Row], Row]] = {
    "logs": _shaped_log,
    "scores": _shaped_score,
    "reviews": _plain,
    "pairs": _plain,
}
