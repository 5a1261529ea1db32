"""The review queue: what to look at next, what the evaluator thought, how far one has come."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import Field

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.parts import Console, ConsoleParts, Spoken
from rlaif.metrics import METRICS
from rlaif.review_order import QueueSettings, Why, order_queue
from store.review_claims import Subject, claim_replies, review_progress
from store.review_queue import JUDGED, list_waiting
from store.review_subject import ReviewSubject, list_given_scores, load_subject
from store.reviews import list_reviews

_MOST_AT_ONCE = 20

router = APIRouter(prefix="/api/console")


class NextBody(Body):
    """How many replies are wanted; those one has already are among them."""

    count: Annotated[int, Field(ge=1, le=_MOST_AT_ONCE)] = 5


@router.get("/metrics")
def read_metrics(who: Reviewer, spoken: Spoken) -> Json:
    """The twelve impressions with the sentence that a score agrees with."""
    japanese = spoken == "ja"
    return {
        "metrics": [
            {
                "key": one.key,
                "name": one.japanese if japanese else one.english,
                "item": one.item if japanese else one.english_item,
            }
            for one in METRICS
        ]
    }


@router.get("/queue")
def read_queue(console: Console, who: Reviewer) -> Json:
    """How much waits for this operator, and how far they have come."""
    with console.database.reading() as session:
        waiting = list_waiting(session, who.name, now=console.now())
        progress = review_progress(session, who.name, since=_midnight(console))
    items = order_queue(waiting, QueueSettings(), done=progress.today)
    return {
        "today": progress.today,
        "in_all": progress.in_all,
        "left": sum(item.matters for item in items),
        "more": sum(not item.matters for item in items),
    }


@router.post("/queue/next")
def take_next(console: Console, who: Reviewer, body: NextBody) -> Json:
    """Replies to review in their order, kept for this operator for a while."""
    now = console.now()
    with console.database.reading() as session:
        waiting = list_waiting(session, who.name, now=now)
        progress = review_progress(session, who.name, since=_midnight(console))
    items = order_queue(waiting, QueueSettings(), done=progress.today)
    with console.database.session() as session:
        wanted = [Subject(reply_id=one.reply_id, turn_id=one.turn_id) for one in items]
        given = set(claim_replies(session, who.name, wanted, most=body.count, now=now))
        mine = [item for item in items if item.reply_id in given]
        found = [subject_json(load_subject(session, one.reply_id), one.why) for one in mine]
    return {
        "items": found,
        "today": progress.today,
        "in_all": progress.in_all,
        "left": sum(item.matters for item in items),
        "more": sum(not item.matters for item in items),
    }


@router.get("/queue/{reply_id}")
def read_subject(console: Console, who: Reviewer, reply_id: str) -> Json:
    """One reply as the queue shows it, for who comes back to it or from a list."""
    with console.database.reading() as session:
        subject = load_subject(session, reply_id)
        reviews = list_reviews(session, reply_id=reply_id)
    reviewed = any(
        one.operator == who.name and one.stands and one.kind in JUDGED for one in reviews
    )
    return {"item": subject_json(subject, ()), "reviewed": reviewed}


@router.get("/queue/{reply_id}/scores")
def read_scores(console: Console, who: Reviewer, reply_id: str) -> Json:
    """What stays hidden until one has judged: the evaluators' verdicts and the visitor's thumb."""
    with console.database.reading() as session:
        subject = load_subject(session, reply_id)
        scores = list_given_scores(session, reply_id)
    return {
        "thumb": subject.reply.thumb,
        "reason": subject.reply.reason,
        "scores": [
            {
                "evaluator": one.evaluator,
                "at": one.at.isoformat(),
                "values": one.values,
                "spread": one.spread,
            }
            for one in scores
        ],
    }


def subject_json(subject: ReviewSubject, why: tuple[Why, ...]) -> Json:
    """Return a reply with what an operator may know before judging it."""
    reply = subject.reply
    return {
        "reply": reply.id,
        "turn": reply.turn_id,
        "conversation": subject.conversation_id,
        "why": list(why),
        "at": subject.said_at.isoformat(),
        "adapter": reply.adapter,
        "variant": reply.variant,
        "user_text": subject.user_text,
        "text": reply.text,
        "before": [{"role": role, "text": text} for role, text in subject.before],
        "facts": list(reply.facts),
        "caught": [
            {"source": one.source, "category": one.category, "text": one.text}
            for one in subject.caught
        ],
        "conflicts": list(subject.conflicts),
    }


def _midnight(console: ConsoleParts) -> datetime:
    """Return when the day began where the nights are."""
    here = console.now().astimezone(ZoneInfo(console.settings.night.zone))
    return here.replace(hour=0, minute=0, second=0, microsecond=0)
