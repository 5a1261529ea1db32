"""Blind sheets: admins make, close and export them; every operator rates."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import Field
from sqlalchemy.orm import Session

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Admin, Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.console.sheet_maker import BASE
from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import DialogueRow, read_card_rows
from rlaif.human_ranking import HumanTable, Ranking, RankingSettings, make_table
from rlaif.human_table import as_csv, as_json, as_markdown, table_json
from rlaif.metrics import METRIC_KEYS, metric_of
from rlaif.sheet_plan import held_out_prompts, plan_items, shown_order
from store.adapters import active_adapter, list_adapters
from store.audit import append_audit
from store.errors import ConflictError
from store.operators import Operator
from store.sheets import (
    NewSheet,
    Sheet,
    SheetItem,
    SheetRating,
    SheetStatus,
    append_rating,
    create_sheet,
    list_items,
    list_ratings,
    list_sheets,
    load_item,
    load_sheet,
    set_status,
)

LETTERS = "ABC"
_MOST_VERSIONS = len(LETTERS)
_MOST_PROMPTS = 200

router = APIRouter(prefix="/api/console")
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Number = Annotated[int, Path(ge=1, le=100_000)]


class SheetBody(Body):
    """A sheet to be made; the first version is the baseline. `prompts`: for each metric."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    versions: Annotated[list[str], Field(min_length=2, max_length=_MOST_VERSIONS)]
    metrics: Annotated[list[str], Field(min_length=1, max_length=len(METRIC_KEYS))]
    prompts: Annotated[int, Field(ge=1, le=_MOST_PROMPTS)]
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class RatingBody(Body):
    """Ranks (1 is best, equal ones are ties) and naturalness (1-5) by letter."""

    ranks: dict[str, Annotated[int, Field(ge=1, le=_MOST_VERSIONS)]]
    naturalness: dict[str, Annotated[int, Field(ge=1, le=5)]]


@router.get("/sheets")
def read_sheets(console: Console, operator: Reviewer) -> Json:
    """All sheets, newest first, with how far the operator has come."""
    with console.database.reading() as session:
        return {"sheets": [_sheet_json(session, one, operator) for one in list_sheets(session)]}


@router.get("/sheets/choices")
def read_choices(console: Console, _: Admin) -> Json:
    """What a sheet can be made of."""
    with console.database.reading() as session:
        active = active_adapter(session)
        adapters = [one for one in list_adapters(session) if one.tainted_at is None]
    versions: list[Json] = [{"id": BASE, "made_at": None, "active": active is None}]
    versions += [
        {"id": one.id, "made_at": one.created_at.isoformat(), "active": one.id == active}
        for one in reversed(adapters)
    ]
    return {
        "versions": versions,
        "metrics": list(METRIC_KEYS),
        "prompts": len(_prompts(console)),
    }


@router.post("/sheets", status_code=201)
def make_sheet(console: Console, operator: Admin, body: SheetBody) -> Json:
    """Store a sheet and begin to make its replies."""
    prompts = _prompts(console)
    _check(console, body, len(prompts))
    seed = secrets.randbelow(2**31) if body.seed is None else body.seed
    sheet = NewSheet(
        name=body.name.strip(),
        versions=tuple(body.versions),
        metrics=tuple(body.metrics),
        seed=seed,
        items=plan_items(prompts, metrics=body.metrics, prompts=body.prompts, seed=seed),
    )
    now = console.now()
    with console.database.session() as session:
        made = create_sheet(session, sheet, by=operator.name, now=now)
        detail: Json = {"sheet": made.id, "versions": list(made.versions), "items": made.items}
        append_audit(session, actor=operator.name, action="sheet.make", detail=detail, now=now)
        answer = _sheet_json(session, made, operator)
    console.sheets.start(made.id)
    return {"sheet": answer}


@router.get("/sheets/{sheet_id}")
def read_sheet(console: Console, operator: Reviewer, sheet_id: Id) -> Json:
    """One sheet and which of its items the operator has rated."""
    with console.database.reading() as session:
        sheet = load_sheet(session, sheet_id)
        mine = list_ratings(session, sheet_id, operator=operator.name)
        answer = _sheet_json(session, sheet, operator)
    return {"sheet": answer, "rated": [one.number for one in mine]}


@router.post("/sheets/{sheet_id}/stop")
def stop_sheet(console: Console, operator: Admin, sheet_id: Id) -> Json:
    """Stop making replies; those that are there stay."""
    with console.database.session() as session:
        load_sheet(session, sheet_id)
        _audit(session, console, operator, "sheet.stop", sheet_id)
    console.sheets.stop(sheet_id)
    with console.database.reading() as session:
        return {"sheet": _sheet_json(session, load_sheet(session, sheet_id), operator)}


@router.post("/sheets/{sheet_id}/resume")
def resume_sheet(console: Console, operator: Admin, sheet_id: Id) -> Json:
    """Go on making what is missing."""
    answer = _move(console, operator, sheet_id, ("making", ("stopped", "failed")), "sheet.resume")
    console.sheets.start(sheet_id)
    return answer


@router.post("/sheets/{sheet_id}/close")
def close_sheet(console: Console, operator: Admin, sheet_id: Id) -> Json:
    """Take no more ratings; from now on everybody sees which version was which."""
    return _move(console, operator, sheet_id, ("closed", ("ready",)), "sheet.close")


@router.get("/sheets/{sheet_id}/items/{number}")
def read_item(console: Console, operator: Reviewer, sheet_id: Id, number: Number) -> Json:
    """One item as the operator sees it: replies under letters, no version named."""
    with console.database.reading() as session:
        sheet = load_sheet(session, sheet_id)
        item = load_item(session, sheet_id, number)
        mine = [
            one
            for one in list_ratings(session, sheet_id, operator=operator.name)
            if one.number == number
        ]
    if sheet.status not in ("ready", "closed"):
        raise ConsoleError("sheet_unmade", status=409, made=sheet.made, items=sheet.items)
    return {"item": _item_json(sheet, item, operator, mine[0] if mine else None)}


@router.put("/sheets/{sheet_id}/items/{number}")
def rate_item(
    console: Console, operator: Reviewer, sheet_id: Id, number: Number, body: RatingBody
) -> Json:
    """Store a verdict; the last one of an operator on an item counts."""
    now = console.now()
    with console.database.session() as session:
        sheet = load_sheet(session, sheet_id)
        order = _order(sheet, number, operator)
        named = dict(zip(LETTERS, order, strict=False))
        if set(body.ranks) != set(named) or set(body.naturalness) != set(named):
            raise ConsoleError("sheet_rating", letters="・".join(named))
        rating = SheetRating(
            number=number,
            operator=operator.name,
            ranks={named[letter]: rank for letter, rank in body.ranks.items()},
            naturalness={named[letter]: value for letter, value in body.naturalness.items()},
            at=now,
        )
        try:
            append_rating(session, sheet_id, rating, now=now)
        except ConflictError as error:
            raise ConsoleError("sheet_shut", status=409) from error
        detail: Json = {"sheet": sheet_id, "item": number}
        append_audit(session, actor=operator.name, action="sheet.rate", detail=detail, now=now)
        mine = list_ratings(session, sheet_id, operator=operator.name)
    return {"rated": [one.number for one in mine]}


@router.get("/sheets/{sheet_id}/results")
def read_results(console: Console, operator: Reviewer, sheet_id: Id) -> Json:
    """The table with intervals; before the sheet is closed for admins only."""
    with console.database.reading() as session:
        sheet = load_sheet(session, sheet_id)
        if sheet.status != "closed" and operator.role != "admin":
            raise ConsoleError("sheet_blind", status=403)
        table = _table(session, sheet)
        return {"sheet": _sheet_json(session, sheet, operator), "table": table_json(table)}


@router.get("/sheets/{sheet_id}/export")
def export_sheet(
    console: Console, operator: Admin, sheet_id: Id, format: Literal["md", "csv", "json"] = "md"
) -> Response:
    """The table as a file."""
    write, kind = {
        "md": (as_markdown, "text/markdown"),
        "csv": (as_csv, "text/csv"),
        "json": (as_json, "application/json"),
    }[format]
    with console.database.session() as session:
        table = _table(session, load_sheet(session, sheet_id))
        _audit(session, console, operator, "sheet.export", sheet_id)
    name = f"sheet-{sheet_id[:8]}.{format}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(write(table), media_type=f"{kind}; charset=utf-8", headers=headers)


def _prompts(console: ConsoleParts) -> tuple[DialogueRow, ...]:
    card = load_card(console.settings.chat.card or SHIPPED_CARD)
    return held_out_prompts(read_card_rows(card.folder, "test"))


def _check(console: ConsoleParts, body: SheetBody, prompts: int) -> None:
    with console.database.reading() as session:
        usable = {one.id for one in list_adapters(session) if one.tainted_at is None} | {BASE}
    if len(set(body.versions)) != len(body.versions) or not set(body.versions) <= usable:
        raise ConsoleError("sheet_versions")
    if len(set(body.metrics)) != len(body.metrics) or not set(body.metrics) <= set(METRIC_KEYS):
        raise ConsoleError("sheet_metrics")
    if body.prompts > prompts:
        raise ConsoleError("sheet_prompts", wanted=body.prompts, most=prompts)
    if not body.name.strip():
        raise ConsoleError("sheet_name")


def _move(
    console: ConsoleParts,
    operator: Operator,
    sheet_id: str,
    change: tuple[SheetStatus, tuple[SheetStatus, ...]],
    action: str,
) -> Json:
    status, among = change
    with console.database.session() as session:
        try:
            sheet = set_status(session, sheet_id, status, among=among, now=console.now())
        except ConflictError as error:
            raise ConsoleError("sheet_moved", status=409) from error
        _audit(session, console, operator, action, sheet_id)
        return {"sheet": _sheet_json(session, sheet, operator)}


def _audit(
    session: Session, console: ConsoleParts, operator: Operator, action: str, sheet_id: str
) -> None:
    detail: Json = {"sheet": sheet_id}
    append_audit(session, actor=operator.name, action=action, detail=detail, now=console.now())


def _order(sheet: Sheet, number: int, operator: Operator) -> tuple[str, ...]:
    return shown_order(
        sheet.versions, sheet=sheet.id, seed=sheet.seed, number=number, operator=operator.name
    )


def _table(session: Session, sheet: Sheet) -> HumanTable:
    items = {item.number: item for item in list_items(session, sheet.id)}
    rankings = [
        Ranking(
            prompt=items[one.number].prompt,
            item=str(one.number),
            metric=items[one.number].metric,
            rater=one.operator,
            ranks=one.ranks,
            naturalness=one.naturalness,
        )
        for one in list_ratings(session, sheet.id)
    ]
    settings = RankingSettings(seed=sheet.seed)
    return make_table(rankings, versions=sheet.versions, metrics=sheet.metrics, settings=settings)


def _sheet_json(session: Session, sheet: Sheet, operator: Operator) -> Json:
    """Names of versions are for admins, who chose them, until the sheet is closed."""
    ratings = list_ratings(session, sheet.id)
    named = sheet.status == "closed" or operator.role == "admin"
    return {
        "id": sheet.id,
        "name": sheet.name,
        "status": sheet.status,
        "error": sheet.error,
        "versions": list(sheet.versions) if named else None,
        "version_count": len(sheet.versions),
        "metrics": list(sheet.metrics),
        "items": sheet.items,
        "made": sheet.made,
        "answers": sheet.answers,
        "mine": sum(one.operator == operator.name for one in ratings),
        "ratings": len(ratings),
        "raters": len({one.operator for one in ratings}),
        "created_by": sheet.created_by,
        "created_at": sheet.created_at.isoformat(),
        "closed_at": None if sheet.closed_at is None else sheet.closed_at.isoformat(),
    }


def _item_json(
    sheet: Sheet, item: SheetItem, operator: Operator, rating: SheetRating | None
) -> Json:
    order = _order(sheet, item.number, operator)
    named = dict(zip(LETTERS, order, strict=False))
    metric = metric_of(item.metric)
    return {
        "number": item.number,
        "items": sheet.items,
        "metric": item.metric,
        "sentence": {"ja": metric.item, "en": metric.english_item},
        "history": list(item.history),
        "question": item.question,
        "replies": [
            {
                "letter": letter,
                "text": item.replies[version],
                "version": version if sheet.status == "closed" else None,
                "rank": None if rating is None else rating.ranks[version],
                "naturalness": None if rating is None else rating.naturalness[version],
            }
            for letter, version in named.items()
        ],
    }
