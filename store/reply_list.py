"""Pages of shown replies that come fast out of a million, whatever is asked.

The figures are read in one go and no further than needed: up to COUNTED matches are gathered, so
that a rare combination is counted, sorted and cut from one reading, and a common one is known to
be common, which makes the page itself cheap.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Select, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, Integer

from store.console_tables import ReplyIndexRow
from store.errors import ConflictError
from store.reply_filter import (
    FIGURES,
    LOOKED_UP,
    MEASURES,
    ReplyFilter,
    TextSource,
    check_filter,
    figure_conditions,
    numbers_holding,
    span_of_adapter,
    text_source,
)

PAGE = 50
COUNTED = 10_000
SORTS = (
    "newest",
    "oldest",
    *(f"{measure}_{way}" for measure in (*MEASURES, "spread") for way in ("up", "down")),
)

_RARE = 20_000
_FEW = 5_000
_WALKED = 5_000
_LAST_UP, _LAST_DOWN = 32_767, -1  # unscored replies end every list


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCount:
    """How many match; `more`: at least one besides `value`."""

    value: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPage:
    """The numbers of a page in order, where the next one begins, and how many match in all."""

    numbers: tuple[int, ...]
    next: str | None
    count: ReplyCount


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """`key`, made of `measure`, and then the number decide; both rise or both fall."""

    sort: str
    measure: ColumnElement[int] | None
    key: ColumnElement[int] | None
    rising: bool

    @property
    def columns(self) -> tuple[ColumnElement[int], ...]:
        return (FIGURES.number,) if self.key is None else (self.key, FIGURES.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """`words`: where a common text is looked for; `hits`: all that hold a rare one. `span`: the
    lowest and highest numbers of its adapter."""

    wanted: ReplyFilter
    order: _Order
    span: tuple[int, int] | None = None
    words: TextSource | None = None
    hits: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    key: int
    number: int


_Found = list[_Place]


def find_replies(
    session: Session, wanted: ReplyFilter, *, sort: str = "newest", cursor: str | None = None
) -> ReplyPage:
    """Return the page that begins after `cursor`, at most PAGE replies.

    Raises ConflictError for a filter, sort or cursor that is none.
    """
    check_filter(wanted)
    order = _order(sort)
    after = None if cursor is None else _read_cursor(cursor, sort)
    search = _search(session, wanted, order)
    some = _places(session, _query(session, search).limit(COUNTED + 1))
    if len(some) <= COUNTED:
        found = _cut(some, order, after)
    elif search.words is None or order.key is None:
        found = _page(session, search, after, bound=_bound(some, order, after))
    else:
        found = _walk(session, search, search.words, after, _bound(some, order, after))
    page = found[:PAGE]
    return ReplyPage(
        numbers=tuple(place.number for place in page),
        next=_write_cursor(page[-1], sort) if len(found) > PAGE else None,
        count=ReplyCount(value=min(len(some), COUNTED), more=len(some) > COUNTED),
    )


def iter_filtered(
    session: Session, wanted: ReplyFilter, *, size: int = 500
) -> Iterator[tuple[str, ...]]:
    """Yield the ids of all replies that match, newest first, `size` at a time.

    Each batch is a query of its own, so that what was yielded may be changed before the next.
    Raises ConflictError.
    """
    check_filter(wanted)
    figures = _Search(wanted=wanted, order=_order("newest"))
    search = replace(figures, words=text_source(session, wanted))
    after: _Place | None = None
    while found := _page(session, search, after, size):
        numbers = [place.number for place in found]
        wanted_ids = select(ReplyIndexRow.number, ReplyIndexRow.reply_id).where(
            ReplyIndexRow.number.in_(numbers)
        )
        ids = {row.number: row.reply_id for row in session.execute(wanted_ids)}
        yield tuple(ids[number] for number in numbers)
        after = found[-1]


def _order(sort: str) -> _Order:
    if sort not in SORTS:
        raise ConflictError(f"sort is {sort!r}; expected one of {', '.join(SORTS)}")
    if sort in ("newest", "oldest"):
        return _Order(sort=sort, measure=None, key=None, rising=sort == "oldest")
    name, way = sort.rsplit("_", 1)
    measure = FIGURES[name]
    key = func.coalesce(measure, _LAST_UP if way == "up" else _LAST_DOWN)
    return _Order(sort=sort, measure=measure, key=key, rising=way == "up")


def _search(session: Session, wanted: ReplyFilter, order: _Order) -> _Search:
    """Return how to search: from the text when few hold it, from the figures when few of them fit,
    else from both at once."""
    adapter = wanted.adapter
    span = None if adapter is None else span_of_adapter(session, adapter)
    figures = _Search(wanted=wanted, order=order, span=span)
    words = text_source(session, wanted)
    if words is None:
        return figures
    holding = select(words.number).select_from(words.source).where(words.match)
    if span is not None:
        holding = holding.where(words.number.between(*span))
    hits = tuple(session.scalars(holding.limit(_RARE + 1)))
    if len(hits) > _RARE:
        fitting = _places(session, _query(session, figures).limit(_FEW + 1))
        if len(fitting) > _FEW:
            return replace(figures, words=words)
        hits = tuple(numbers_holding(session, words, [place.number for place in fitting]))
    return replace(figures, hits=hits)


def _page(
    session: Session,
    search: _Search,
    after: _Place | None,
    size: int = PAGE + 1,
    bound: ColumnElement[bool] | None = None,
) -> _Found:
    """Return the next matches in order, of those within `bound`."""
    query, order, words = _query(session, search, bound), search.order, search.words
    if after is not None:
        query = query.where(_beyond(order, after))
        if words is not None and order.key is None:
            near = words.number > after.number if order.rising else words.number < after.number
            query = query.where(near)
    columns = order.columns
    if words is not None and order.key is None:
        columns = (words.number,)  # the full-text table hands its rows out in this order
    ordered = (one.asc() if order.rising else one.desc() for one in columns)
    return _places(session, query.order_by(*ordered).limit(size))


def _bound(some: _Found, order: _Order, after: _Place | None) -> ColumnElement[bool] | None:
    """Return what the page's keys cannot exceed, because enough of `some` are as good: far fewer
    rows have to be sorted then. None where nothing is known."""
    page = _cut(some, order, after)
    if order.measure is None or len(page) <= PAGE or page[-1].key in (_LAST_UP, _LAST_DOWN):
        return None
    last = page[-1].key
    return order.measure <= last if order.rising else order.measure >= last


def _walk(
    session: Session,
    search: _Search,
    words: TextSource,
    after: _Place | None,
    bound: ColumnElement[bool] | None,
) -> _Found:
    """Return the next matches in order where many hold the text: the figures are walked in order
    and their text is looked up, because every other way reads all that hold it."""
    found: _Found = []
    figures = replace(search, words=None)
    while True:
        walked = _page(session, figures, after, _WALKED, bound)
        for start in range(0, len(walked), LOOKED_UP):
            some = walked[start : start + LOOKED_UP]
            holding = numbers_holding(session, words, [place.number for place in some])
            found.extend(place for place in some if place.number in holding)
            if len(found) > PAGE:
                return found
        if len(walked) < _WALKED:
            return found
        after = walked[-1]


def _query(
    session: Session, search: _Search, bound: ColumnElement[bool] | None = None
) -> Select[int, int]:
    key = FIGURES.number if search.order.key is None else search.order.key
    # The bound comes first, because it lets the fewest rows pass on to the other conditions.
    first = () if bound is None else (bound,)
    query = select(key, FIGURES.number).where(*first, *figure_conditions(search.wanted))
    number = FIGURES.number if search.words is None else search.words.number
    if search.span is not None:
        query = query.where(number.between(*search.span))
    if search.hits is not None:
        query = query.where(_among(session, FIGURES.number, search.hits))
    if search.words is None:
        return query
    words = search.words
    return query.select_from(words.source).join(FIGURES.number.table, words.join).where(words.match)


def _places(session: Session, query: Select[int, int]) -> _Found:
    return [_Place(key=key, number=number) for key, number in session.execute(query)]


def _beyond(order: _Order, after: _Place) -> ColumnElement[bool]:
    if order.key is None:
        number = FIGURES.number
        return number > after.number if order.rising else number < after.number
    here, there = tuple_(*order.columns), tuple_(after.key, after.number)
    return here > there if order.rising else here < there


def _among(
    session: Session, number: ColumnElement[int], numbers: Sequence[int]
) -> ColumnElement[bool]:
    """Whether the number is one of many more than a query has parameters."""
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(json.dumps(list(numbers))).table_valued("value")
        return number.in_(select(listed.c.value.cast(Integer)))
    return number == func.any(bindparam("numbers", list(numbers), type_=ARRAY(BigInteger)))


def _cut(some: _Found, order: _Order, after: _Place | None) -> _Found:
    """Return the page out of all matches."""

    def rank(place: _Place) -> tuple[int, int]:
        return place.key, place.number

    ordered = sorted(some, key=rank, reverse=not order.rising)
    if after is not None:
        at = (after.number if order.key is None else after.key, after.number)
        ordered = [
            place for place in ordered if (rank(place) > at if order.rising else rank(place) < at)
        ]
    return ordered[: PAGE + 1]


def _write_cursor(place: _Place, sort: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, place.key, place.number]).encode()).decode()


def _read_cursor(cursor: str, sort: str) -> _Place:
    try:
        of, key, number = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if of != sort or type(key) is not int or type(number) is not int:
            raise ValueError(of)
    except (ValueError, TypeError) as error:
        raise ConflictError(
            "the place to go on from is not of this list; begin at its first page"
        ) from error
    return _Place(key=key, number=number)
