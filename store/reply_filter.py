"""What a list of replies is narrowed to, as conditions on the narrow table of figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import (
    BinaryExpression,
    ColumnElement,
    FromClause,
    Select,
    cast,
    column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from store.console_tables import ReplyFiguresRow, ReplyIndexRow, ReplyWordsRow
from store.errors import ConflictError
from store.reply_index import number_at
from store.reply_words import postgres_query, sqlite_query
from store.scores import METRIC_COLUMNS

MEASURES = (*METRIC_COLUMNS, "mean")
NO_ADAPTER = "none"
SHORTEST_VISITOR = 8
LONGEST_TEXT = 200
LOOKED_UP = 250
FIGURES = ReplyFiguresRow.__table__.c

_HEXADECIMAL = frozenset("0123456789abcdef")
_AFTER_HEXADECIMAL = "g"
_SCALE = 100
_PRIVATE = ("visitor", "text")
_THUMBS = {"up": 1, "down": -1, "none": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRange:
    """Bounds (0..10, inclusive) of a metric or of `mean`; None: open. Unscored replies are out."""

    metric: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFilter:
    """Which shown replies are wanted; everything that is None is not asked about.

    `until` is exclusive. `adapter`: an id, or `none` for the bare model. `visitor`: the first 8 or
    more digits of an id. `personal`: whether personal data was found. `text`: words that its text
    or the visitor's holds, all of them. `on_screen`: only what a visitor sees on returning, not
    variants put aside and turns edited away.
    """

    ranges: tuple[MetricRange, ...] = ()
    adapter: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    visitor: str | None = None
    thumb: Literal["up", "down", "none"] | None = None
    regenerated: bool | None = None
    unscored: bool | None = None
    conflict: bool | None = None
    personal: bool | None = None
    safety: bool | None = None
    reviewed: bool | None = None
    text: str = ""
    on_screen: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """Where the numbers of replies that hold a text come from.

    `number` of `source` is a reply's where `match` holds; `join` adds the figures to it.
    """

    source: FromClause
    number: ColumnElement[int]
    match: ColumnElement[bool]
    join: ColumnElement[bool]


def check_filter(wanted: ReplyFilter) -> None:
    """Raise ConflictError when something in it cannot be searched for."""
    for one in wanted.ranges:
        if one.metric not in MEASURES:
            known = ", ".join(MEASURES)
            raise ConflictError(f"metric is {one.metric!r}; expected one of {known}")
    if wanted.visitor is not None and not is_visitor_prefix(wanted.visitor):
        raise ConflictError(
            f"visitor is {wanted.visitor!r}; expected {SHORTEST_VISITOR} or more hexadecimal digits"
        )
    if len(wanted.text) > LONGEST_TEXT:
        raise ConflictError(
            f"the text to find has {len(wanted.text)} characters; expected {LONGEST_TEXT} at most"
        )


def filter_json(wanted: ReplyFilter) -> dict[str, object]:
    """Return what is asked for as JSON; `range` is a list of `measure:low:high`."""
    found: dict[str, object] = {}
    if wanted.ranges:
        found["range"] = [_range_words(one) for one in wanted.ranges]
    usual = asdict(ReplyFilter())
    for name, value in asdict(wanted).items():
        if name != "ranges" and value != usual[name]:
            found[name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def public_filter(asked: Mapping[str, object]) -> dict[str, object]:
    """Return the JSON of a filter without what would outlive an erasure: of a visitor and of words
    it only says that they were asked for."""
    return {key: bool(value) if key in _PRIVATE else value for key, value in asked.items()}


def _range_words(one: MetricRange) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in (one.low, one.high))
    return f"{one.metric}:{low}:{high}"


def is_visitor_prefix(text: str) -> bool:
    """Return whether it is enough of a visitor's id to look for."""
    return len(text) >= SHORTEST_VISITOR and _HEXADECIMAL.issuperset(text)


def figure_conditions(wanted: ReplyFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on the figures, all but those of the text."""
    found = [*_of_time(wanted, FIGURES.number), *_of_flags(wanted)]
    if wanted.on_screen:
        found.append(FIGURES.on_screen.is_(True))
    for one in wanted.ranges:
        values = FIGURES[one.metric]
        if one.low is not None:
            found.append(values >= round(one.low * _SCALE))
        if one.high is not None:
            found.append(values <= round(one.high * _SCALE))
        if one.low is None and one.high is None:
            found.append(values.is_not(None))
    if wanted.thumb is not None:
        found.append(FIGURES.thumb == _THUMBS[wanted.thumb])
    if wanted.adapter is not None:
        # Reading its span of time is faster than looking each of its rows up by the index.
        found.append(_of_adapter(wanted.adapter).is_(True))
    if wanted.visitor is not None:
        theirs = select(ReplyIndexRow.number).where(
            ReplyIndexRow.visitor_id >= wanted.visitor,
            ReplyIndexRow.visitor_id < wanted.visitor + _AFTER_HEXADECIMAL,
        )
        found.append(FIGURES.number.in_(theirs))
    return found


def span_of_adapter(session: Session, adapter: str) -> tuple[int, int]:
    """Return the lowest and the highest number of an adapter's replies; nothing lies in (0, -1)."""
    theirs = select(FIGURES.number).where(_of_adapter(adapter)).limit(1)
    lowest = session.scalar(theirs.order_by(FIGURES.adapter, FIGURES.number))
    highest = session.scalar(theirs.order_by(FIGURES.adapter.desc(), FIGURES.number.desc()))
    return (0, -1) if lowest is None or highest is None else (lowest, highest)


def _of_adapter(adapter: str) -> ColumnElement[bool]:
    return FIGURES.adapter.is_(None) if adapter == NO_ADAPTER else FIGURES.adapter == adapter


def text_source(session: Session, wanted: ReplyFilter) -> TextSource | None:
    """Return where its text is found, within its time; None when it asks for no text."""
    if session.get_bind().dialect.name == "sqlite":
        query = sqlite_query(wanted.text)
        search = table("reply_search", column("rowid"), column("reply_search"))
        number: ColumnElement[int] = search.c.rowid
        match: ColumnElement[bool] = BinaryExpression.op(search.c.reply_search, "MATCH")(query)
        # The sum keeps SQLite from searching the text once for every row of figures.
        join = FIGURES.number == number + 0
        source: FromClause = search
    else:
        query = postgres_query(wanted.text)
        words = ReplyWordsRow.__table__
        number, source = words.c.number, words
        match = words.c.words.op("@@", is_comparison=True)(cast(query, TSQUERY))
        join = FIGURES.number == number
    if not query:
        return None
    for bound in _of_time(wanted, number):
        match = match & bound
    return TextSource(source=source, number=number, match=match, join=join)


def numbers_holding(session: Session, words: TextSource, numbers: Sequence[int]) -> set[int]:
    """Return those of the numbers whose reply holds the text."""
    found: set[int] = set()
    for start in range(0, len(numbers), LOOKED_UP):
        some = words.number.in_(numbers[start : start + LOOKED_UP])
        query = select(words.number).select_from(words.source).where(words.match, some)
        found.update(session.scalars(query))
    return found


def fitting(session: Session, wanted: ReplyFilter, among: Select[str]) -> set[str]:
    """Return those of the replies that match; `among` selects their ids."""
    query = (
        select(ReplyIndexRow.number, ReplyIndexRow.reply_id)
        .join(ReplyFiguresRow, ReplyFiguresRow.number == ReplyIndexRow.number)
        .where(ReplyIndexRow.reply_id.in_(among), *figure_conditions(wanted))
    )
    found = {row.number: row.reply_id for row in session.execute(query)}
    words = text_source(session, wanted)
    if words is None:
        return set(found.values())
    return {found[number] for number in numbers_holding(session, words, list(found))}


def _of_time(wanted: ReplyFilter, number: ColumnElement[int]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(number >= number_at(wanted.since))
    if wanted.until is not None:
        found.append(number < number_at(wanted.until))
    return found


def _of_flags(wanted: ReplyFilter) -> Sequence[ColumnElement[bool]]:
    asked: tuple[tuple[bool | None, ColumnElement[bool]], ...] = (
        (wanted.safety, FIGURES.safety.is_(True)),
        (wanted.conflict, FIGURES.conflict.is_(True)),
        (wanted.personal, FIGURES.personal.is_(True)),
        (wanted.regenerated, FIGURES.variants > 1),
        (wanted.unscored, FIGURES.mean.is_(None)),
        (wanted.reviewed, FIGURES.reviewed > 0),
    )
    opposites: tuple[ColumnElement[bool], ...] = (
        FIGURES.safety.is_(False),
        FIGURES.conflict.is_(False),
        FIGURES.personal.is_(False),
        FIGURES.variants == 1,
        FIGURES.mean.is_not(None),
        FIGURES.reviewed == 0,
    )
    return [
        condition if answer else opposite
        for (answer, condition), opposite in zip(asked, opposites, strict=True)
        if answer is not None
    ]
