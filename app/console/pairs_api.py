"""The pair inbox: what a night proposes, and what operators make of it."""

from typing import Annotated, get_args

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.api_json import Json
from app.approval import inbox_plan
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.pair_text import taught_text
from app.console.pairs_json import inbox_json, pairs_json
from app.console.parts import Console, ConsoleParts
from app.text_rules import clean_text
from rlaif.preference import PairSource
from store.audit import append_audit
from store.errors import ConflictError, DecidedSinceError, NothingToUndoError
from store.night_records import NewReview, PairStatus, StoredPair
from store.nights import load_night
from store.pair_bulk import approve_found, undo_bulk
from store.pair_inbox import (
    PairFilter,
    count_sources,
    count_statuses,
    list_inbox,
    list_inbox_nights,
)
from store.pair_verdicts import MAX_NOTE_CHARS, decide_pair, edit_pair, undo_verdict
from store.pairs import load_pair
from store.reviews import append_review

_MOST = 100
_SOURCES: tuple[PairSource, ...] = get_args(PairSource)

router = APIRouter(prefix="/api/console")

Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Points = Annotated[float, Field(ge=0, le=100)]
Note = Annotated[str, Field(max_length=MAX_NOTE_CHARS)]
Source = Annotated[str, Field(max_length=20)]


class PageQuery(BaseModel):
    """Which page of which pairs; `lang` is read elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    night: Annotated[str, Query(pattern=r"^(newest|all|\d{4}-\d{2}-\d{2})$")] = "newest"
    status: PairStatus | None = None
    source: Annotated[str | None, Query(max_length=20)] = None
    margin_above: Annotated[float | None, Query(ge=0, le=100)] = None
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50
    lang: str | None = None


class VerdictBody(Body):
    """What is decided; `proposed`: undecided again."""

    verdict: PairStatus
    note: Note = ""


class EditBody(Body):
    """A better text."""

    text: Annotated[str, Field(max_length=10_000)]
    note: Note = ""


class NoteBody(Body):
    """A remark that decides nothing."""

    note: Annotated[str, Field(min_length=1, max_length=MAX_NOTE_CHARS)]


class FoundBody(Body):
    """Which undecided pairs are meant."""

    night: Date | None = None
    source: Source | None = None
    margin_above: Points | None = None


@router.get("/pairs")
def read_pairs(console: Console, who: Reviewer, asked: Annotated[PageQuery, Query()]) -> Json:
    """A page of pairs, the most disputed first, and what stands above them."""
    with console.database.reading() as session:
        date = _date_of(session, asked.night)
        wanted = PairFilter(
            night=date,
            status=asked.status,
            source=_source(asked.source),
            margin_above=asked.margin_above,
        )
        page = list_inbox(session, wanted, offset=asked.offset, limit=asked.limit)
        return {
            "inbox": _inbox(console, session, date),
            "total": page.total,
            "pairs": pairs_json(session, page.pairs),
        }


@router.get("/pairs/inbox")
def read_inbox(
    console: Console,
    who: Reviewer,
    night: Annotated[str, Query(pattern=r"^(newest|all|\d{4}-\d{2}-\d{2})$")] = "newest",
) -> Json:
    """What stands above the pairs of a night: how they are asked about, and how many are left."""
    with console.database.reading() as session:
        return _inbox(console, session, _date_of(session, night))


@router.post("/pairs/{pair_id}/verdict")
def decide(console: Console, who: Reviewer, pair_id: str, body: VerdictBody) -> Json:
    """Approve, flip or veto a pair."""
    note = _note(body.note)
    with console.database.session() as session:
        pair = decide_pair(session, pair_id, body.verdict, who.name, console.now(), note)
        return _changed(session, pair)


@router.post("/pairs/{pair_id}/edit")
def edit(console: Console, who: Reviewer, pair_id: str, body: EditBody) -> Json:
    """Put a better text in place of the one that would be taught."""
    with console.database.session() as session:
        text = taught_text(load_pair(session, pair_id), body.text)
        try:
            pair = edit_pair(session, pair_id, text, who.name, console.now(), _note(body.note))
        except ConflictError as error:
            raise ConsoleError("pair_text_same", status=409) from error
        return _changed(session, pair)


@router.post("/pairs/{pair_id}/note", status_code=201)
def remark(console: Console, who: Reviewer, pair_id: str, body: NoteBody) -> Json:
    """Add a remark."""
    note = _note(body.note)
    if note is None:
        raise ConsoleError("pair_note_empty")
    review = NewReview(operator=who.name, kind="note", pair_id=pair_id, note=note)
    with console.database.session() as session:
        stored = append_review(session, review, now=console.now())
        detail: dict[str, object] = {"review": stored.id}
        append_audit(session, actor=who.name, action="pair.note", detail=detail, now=console.now())
        return _changed(session, load_pair(session, pair_id))


@router.post("/pairs/undo")
def undo(console: Console, who: Reviewer) -> Json:
    """Take back one's own last verdict or edit."""
    with console.database.session() as session:
        try:
            pair = undo_verdict(session, who.name, console.now())
        except NothingToUndoError as error:
            raise ConsoleError("pair_undo_nothing", status=409) from error
        except DecidedSinceError as error:
            raise ConsoleError("pair_undo_decided", status=409, name=error.operator) from error
        return _changed(session, pair)


@router.post("/pairs/approve-found", status_code=201)
def approve_all(console: Console, who: Reviewer, body: FoundBody) -> Json:
    """Approve every undecided pair that the filter finds."""
    wanted = PairFilter(
        night=body.night, source=_source(body.source), margin_above=body.margin_above
    )
    with console.database.session() as session:
        try:
            done = approve_found(session, wanted, who.name, console.now())
        except ConflictError as error:
            raise ConsoleError("pair_found_nothing", status=409) from error
        return {"bulk": done.id, "count": done.count}


@router.post("/pairs/bulk/{bulk_id}/undo")
def undo_all(console: Console, who: Reviewer, bulk_id: str) -> Json:
    """Take back what was approved together."""
    with console.database.session() as session:
        try:
            undone = undo_bulk(session, bulk_id, who.name, console.now())
        except ConflictError as error:
            raise ConsoleError("bulk_undone", status=409) from error
        return {"restored": undone.restored, "kept": undone.kept}


def _inbox(console: ConsoleParts, session: Session, date: str | None) -> Json:
    plan = inbox_plan(console.settings, None if date is None else load_night(session, date))
    return inbox_json(
        list_inbox_nights(session),
        date,
        plan,
        count_statuses(session, date),
        count_sources(session, date),
    )


def _date_of(session: Session, night: str) -> str | None:
    if night == "newest":
        return next((one.date for one in list_inbox_nights(session)), None)
    return None if night == "all" else night


def _source(source: str | None) -> str | None:
    if source is not None and source not in _SOURCES:
        raise ConsoleError("pair_source", source=source, known=", ".join(_SOURCES))
    return source


def _note(text: str) -> str | None:
    return clean_text(text).strip() or None


def _changed(session: Session, pair: StoredPair) -> Json:
    """A pair after a deed, and how many of its night are left."""
    (document,) = pairs_json(session, [pair])
    return {"pair": document, "counts": count_statuses(session, pair.night_date)}
