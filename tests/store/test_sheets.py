"""Blind sheets: made prompt by prompt, rated append-only, closed once."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.console_tables import SheetRatingRow
from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.sheets import (
    NewItem,
    NewSheet,
    Sheet,
    SheetRating,
    append_rating,
    create_sheet,
    interrupt_making,
    list_items,
    list_ratings,
    list_sheets,
    load_sheet,
    missing_answers,
    save_answer,
    set_status,
)

VERSIONS = ("base", "v1")


def _create(session: Session, now: datetime, **changes: object) -> Sheet:
    items = tuple(
        NewItem(metric=metric, prompt=prompt, question=f"{prompt}?", history=("a", "b"))
        for metric, prompt in (("trust", "p1"), ("topic", "p2"), ("ease", "p1"))
    )
    values: dict[str, object] = {
        "name": "秋の評価",
        "versions": VERSIONS,
        "metrics": ("trust", "topic", "ease"),
        "seed": 3,
        "items": items,
        **changes,
    }
    return create_sheet(session, NewSheet(**values), by="op", now=now)  # type: ignore[arg-type]


def _ready(session: Session, now: datetime) -> Sheet:
    sheet = _create(session, now)
    for version, item in missing_answers(sheet, list_items(session, sheet.id)):
        save_answer(session, sheet.id, item.prompt, version, f"{version} {item.prompt}")
    return set_status(session, sheet.id, "ready", among=["making"], now=now)


def _rating(number: int, first: int, *, operator: str = "a", now: datetime) -> SheetRating:
    return SheetRating(
        number=number,
        operator=operator,
        ranks={"base": first, "v1": 1},
        naturalness={"base": 3, "v1": 4},
        at=now,
    )


def test_a_prompt_is_answered_once_for_all_its_items(database: Database, now: datetime) -> None:
    with database.session() as session:
        sheet = _create(session, now)
        assert (sheet.status, sheet.items, sheet.made) == ("making", 3, 0)
        missing = missing_answers(sheet, list_items(session, sheet.id))
        assert [(version, item.prompt) for version, item in missing] == [
            ("base", "p1"),
            ("base", "p2"),
            ("v1", "p1"),
            ("v1", "p2"),
        ]
        save_answer(session, sheet.id, "p1", "base", "はい")
        save_answer(session, sheet.id, "p1", "v1", "ええ")
    with database.session() as session:
        assert load_sheet(session, sheet.id).made == 2
        items = list_items(session, sheet.id)
        assert [item.replies for item in items] == [
            {"base": "はい", "v1": "ええ"},
            {},
            {"base": "はい", "v1": "ええ"},
        ]
        left = missing_answers(sheet, items)
        assert [(version, item.prompt) for version, item in left] == [("base", "p2"), ("v1", "p2")]
        with pytest.raises(ConflictError, match="1 items of the sheet lack replies"):
            set_status(session, sheet.id, "ready", among=["making"], now=now)
        with pytest.raises(NotFoundError):
            save_answer(session, sheet.id, "p9", "base", "?")


def test_the_last_rating_of_an_operator_counts_and_none_is_lost(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        sheet = _ready(session, now)
        for operator, first in (("a", 2), ("b", 1), ("a", 1)):
            append_rating(session, sheet.id, _rating(1, first, operator=operator, now=now), now=now)
        append_rating(session, sheet.id, _rating(3, 2, now=now), now=now)
        found = list_ratings(session, sheet.id)
        assert [(one.number, one.operator, one.ranks["base"]) for one in found] == [
            (1, "a", 1),
            (1, "b", 1),
            (3, "a", 2),
        ]
        assert [one.number for one in list_ratings(session, sheet.id, operator="b")] == [1]
        assert session.scalar(select(func.count()).select_from(SheetRatingRow)) == 4


@pytest.mark.parametrize("case", ["making", "closed", "no item", "rank", "version", "natural"])
def test_a_rating_that_cannot_count_is_refused(
    database: Database, now: datetime, case: str
) -> None:
    with database.session() as session:
        sheet = _create(session, now) if case == "making" else _ready(session, now)
        if case == "closed":
            set_status(session, sheet.id, "closed", among=["ready"], now=now)
        rating = _rating(9 if case == "no item" else 1, 3 if case == "rank" else 2, now=now)
        if case == "version":
            rating = SheetRating(
                number=1, operator="a", ranks={"base": 1}, naturalness={"base": 1}, at=now
            )
        if case == "natural":
            rating = SheetRating(
                number=1,
                operator="a",
                ranks={"base": 1, "v1": 1},
                naturalness={"base": 0, "v1": 5},
                at=now,
            )
        with pytest.raises(NotFoundError if case == "no item" else ConflictError):
            append_rating(session, sheet.id, rating, now=now)
        assert list_ratings(session, sheet.id) == []


def test_a_closed_sheet_stays_closed(database: Database, now: datetime) -> None:
    with database.session() as session:
        sheet = _ready(session, now)
        closed = set_status(session, sheet.id, "closed", among=["ready"], now=now)
        assert closed.closed_at == now
        with pytest.raises(ConflictError, match="the sheet is closed"):
            set_status(session, sheet.id, "making", among=["stopped", "failed"], now=now)


def test_what_a_dead_server_was_making_is_stopped(database: Database, now: datetime) -> None:
    with database.session() as session:
        ready, making = _ready(session, now), _create(session, now + timedelta(minutes=1))
        assert interrupt_making(session) == 1
        assert [(one.id, one.status) for one in list_sheets(session)] == [
            (making.id, "stopped"),
            (ready.id, "ready"),
        ]


@pytest.mark.parametrize(
    "changes", [{"items": ()}, {"versions": ("v1", "v1")}, {"versions": ("v1",)}]
)
def test_a_sheet_that_compares_nothing_is_refused(
    database: Database, now: datetime, changes: dict[str, object]
) -> None:
    with database.session() as session, pytest.raises(ConflictError):
        _create(session, now, **changes)
