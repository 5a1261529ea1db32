"""What operators say of replies: append-only, with undo and restore."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from app.api_json import Json
from app.console.bodies import Body
from app.console.corrections import Correction, propose_correction, route_correction
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.text_rules import clean_text
from persona.safety import check_reply
from store.night_records import FaultKind, NewReview, Review, ReviewKind
from store.operators import Operator
from store.review_subject import ReviewSubject, load_subject
from store.reviews import (
    append_reviews,
    list_reviews,
    load_review,
    restore_review,
    retract_review,
    undo_last,
)

_LONGEST = 2_000
_SAID: tuple[ReviewKind, ...] = ("metric", "verdict", "edit", "contradiction", "note", "exclude")

router = APIRouter(prefix="/api/console")

Words = Annotated[str, Field(max_length=_LONGEST)]


class ReviewBody(Body):
    """One thing that is said of a reply; see `store.night_records.NewReview`."""

    kind: ReviewKind
    metric: Annotated[str, Field(max_length=40)] | None = None
    value: float | int | None = None
    text: Words | None = None
    note: Words | None = None
    route: FaultKind | None = None


class ReviewsBody(Body):
    """All that is said of a reply at once. `blind`: the evaluator's scores were not looked at."""

    reviews: Annotated[list[ReviewBody], Field(min_length=1, max_length=40)]
    blind: bool


class ReasonBody(Body):
    """Why a reply is passed over."""

    reason: Words


class NoteBody(Body):
    """Why a review is taken back or restored; may be empty."""

    note: Words = ""


@router.get("/replies/{reply_id}/reviews")
def read_reviews(console: Console, who: Reviewer, reply_id: str) -> Json:
    """Everything that was ever said of a reply, oldest first."""
    with console.database.reading() as session:
        load_subject(session, reply_id)
        return _reviews_json(list_reviews(session, reply_id=reply_id), who)


@router.post("/replies/{reply_id}/reviews", status_code=201)
def add_reviews(console: Console, who: Reviewer, reply_id: str, body: ReviewsBody) -> Json:
    """Say something of a reply; all of it or nothing is kept."""
    with console.database.session() as session:
        subject = load_subject(session, reply_id)
        said = [_new_review(one, who.name, reply_id, body.blind) for one in body.reviews]
        for one in said:
            _check_words(one, subject.reply.text)
        routed = [_routed(session, console, one, subject) for one in said]
        append_reviews(session, routed, now=console.now())
        return _reviews_json(list_reviews(session, reply_id=reply_id), who)


@router.post("/replies/{reply_id}/skip", status_code=201)
def skip(console: Console, who: Reviewer, reply_id: str, body: ReasonBody) -> Json:
    """Pass a reply over; it does not come back to this operator."""
    reason = clean_text(body.reason).strip()
    if not reason:
        raise ConsoleError("skip_reason")
    review = NewReview(operator=who.name, kind="skip", reply_id=reply_id, note=reason)
    with console.database.session() as session:
        append_reviews(session, [review], now=console.now())
    return {}


@router.post("/queue/undo")
def undo(console: Console, who: Reviewer) -> Json:
    """Take back what this operator saved last; the answer names the reply."""
    with console.database.session() as session:
        return {"reply": undo_last(session, who.name, now=console.now())}


@router.post("/reviews/{review_id}/retract")
def retract(console: Console, who: Reviewer, review_id: int, body: NoteBody) -> Json:
    """Take a review back: one's own, or as an admin anybody's."""
    with console.database.session() as session:
        reply_id = _reply_of(session, who, review_id)
        note = clean_text(body.note).strip() or None
        retract_review(session, review_id, who.name, note=note, now=console.now())
        return _reviews_json(list_reviews(session, reply_id=reply_id), who)


@router.post("/reviews/{review_id}/restore")
def restore(console: Console, who: Reviewer, review_id: int, body: NoteBody) -> Json:
    """Let a review count again: one's own, or as an admin anybody's."""
    with console.database.session() as session:
        reply_id = _reply_of(session, who, review_id)
        note = clean_text(body.note).strip() or None
        restore_review(session, review_id, who.name, note=note, now=console.now())
        return _reviews_json(list_reviews(session, reply_id=reply_id), who)


def _reply_of(session: Session, who: Operator, review_id: int) -> str | None:
    review = load_review(session, review_id)
    if not _may_change(review, who):
        raise ConsoleError("review_of_another", status=403, operator=review.operator)
    return review.reply_id


def _may_change(review: Review, who: Operator) -> bool:
    return review.operator == who.name or who.role == "admin"


def _new_review(body: ReviewBody, operator: str, reply_id: str, blind: bool) -> NewReview:
    if body.kind not in _SAID:
        raise ConsoleError("review_kind", kind=body.kind, expected="、".join(_SAID))
    return NewReview(
        operator=operator,
        kind=body.kind,
        reply_id=reply_id,
        metric=body.metric,
        value=None if body.value is None else float(body.value),
        text=None if body.text is None else clean_text(body.text).strip(),
        note=None if body.note is None else clean_text(body.note).strip() or None,
        route=body.route if body.kind == "edit" else None,
        blind=blind,
    )


def _routed(
    session: Session, console: ConsoleParts, review: NewReview, subject: ReviewSubject
) -> NewReview:
    """Return a correction with its route, the operator's or else the router's; one of a fact is
    also proposed as a fact."""
    if review.kind != "edit":
        return review
    correction = Correction(
        user=subject.user_text,
        reply=subject.reply.text,
        corrected=review.text or "",
        facts=subject.reply.facts,
    )
    route = review.route or route_correction(session, console, correction).kind
    if route == "fact":
        propose_correction(
            session,
            console,
            correction,
            reply_id=subject.reply.id,
            by=review.operator,
        )
    return replace(review, route=route)


def _check_words(review: NewReview, reply: str) -> None:
    """Refuse a correction that she may not say, and a contradiction of words she did not say."""
    words = review.text or ""
    if review.kind == "edit":
        if check_reply(words).flagged:
            raise ConsoleError("edit_unsuitable")
        if words == reply.strip():
            raise ConsoleError("edit_same")
    if review.kind == "contradiction" and words and words not in reply:
        raise ConsoleError("words_not_said", words=words)


def _reviews_json(reviews: Sequence[Review], who: Operator) -> Json:
    return {
        "reviews": [
            {
                "id": one.id,
                "operator": one.operator,
                "kind": one.kind,
                "metric": one.metric,
                "value": one.value,
                "text": one.text,
                "note": one.note,
                "at": one.at.isoformat(),
                "target": one.target_id,
                "bulk": one.bulk_id,
                "route": one.route,
                "blind": one.blind,
                "stands": one.stands,
                "changeable": _may_change(one, who) and one.target_id is None,
            }
            for one in reviews
        ]
    }
