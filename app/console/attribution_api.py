"""Which words of a reply a metric's value comes from: asked for, looked at, stopped."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from app.api_json import Json
from app.attribution_jobs import AttributionJob, AttributionKey
from app.attribution_question import AttributionQuestion
from app.chat_api import Id
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.reply_dialogue import dialogue_of
from rlaif.attribution import Attribution, Method
from rlaif.evaluator import Dialogue
from rlaif.metrics import METRIC_KEYS
from rlaif.text_spans import text_at
from scheduler.errors import ChildError
from store.audit import append_audit
from store.replays import load_replay_source

router = APIRouter(prefix="/api/console")


class AttributionBody(Body):
    """Of which metric, by which method."""

    metric: str
    method: Method


@router.get("/replies/{reply_id}/attribution")
def read_attribution(
    console: Console,
    who: Reviewer,
    reply_id: Id,
    metric: Annotated[str, Query()],
    method: Annotated[Method, Query()],
) -> Json:
    """The attribution as it stands; state `none` before anybody asked for it."""
    key = _key(reply_id, metric, method)
    return _job_json(console.attributions.look(key), _dialogue(console, reply_id))


@router.post("/replies/{reply_id}/attribution", status_code=202)
def start_attribution(console: Console, who: Reviewer, reply_id: Id, body: AttributionBody) -> Json:
    """Begin it; what was told before is not computed again."""
    key = _key(reply_id, body.metric, body.method)
    dialogue = _dialogue(console, reply_id)
    if not dialogue.reply.strip():
        raise ConsoleError("attribution_empty", status=409)
    question = AttributionQuestion(dialogue=dialogue, metric=body.metric, method=body.method)
    try:
        started = console.attributions.start(key, question)
    except ChildError as error:
        raise ConsoleError("attribution_failed", status=503) from error
    if not started:
        raise ConsoleError("attribution_busy", status=409)
    detail = {"metric": body.metric, "method": body.method}
    _note(console, who.name, "reply.attribute", detail)
    return _job_json(console.attributions.look(key), dialogue)


@router.post("/attribution/stop")
def stop_attribution(console: Console, who: Reviewer) -> Json:
    """End what runs."""
    if not console.attributions.stop():
        raise ConsoleError("attribution_none", status=409)
    _note(console, who.name, "reply.attribute.stop", {})
    return {"stopping": True}


def _key(reply_id: str, metric: str, method: Method) -> AttributionKey:
    if metric not in METRIC_KEYS:
        raise ConsoleError("metric_unknown", metric=metric, known=", ".join(METRIC_KEYS))
    return AttributionKey(reply_id=reply_id, metric=metric, method=method)


def _dialogue(console: ConsoleParts, reply_id: str) -> Dialogue:
    """Raises NotFoundError, also for a reply that was erased meanwhile."""
    with console.database.reading() as session:
        source = load_replay_source(
            session, reply_id, history_turns=console.settings.chat.history_turns
        )
    return dialogue_of(source)


def _note(console: ConsoleParts, who: str, action: str, detail: Mapping[str, str]) -> None:
    with console.database.session() as session:
        append_audit(session, actor=who, action=action, detail=dict(detail), now=console.now())


def _job_json(job: AttributionJob, dialogue: Dialogue) -> Json:
    return {
        "state": job.state,
        "done": job.done,
        "planned": job.planned,
        "reason": job.reason,
        "result": None if job.result is None else _result_json(job.result, dialogue),
    }


def _result_json(result: Attribution, dialogue: Dialogue) -> Json:
    return {
        "evaluator": result.evaluator,
        "metric": result.metric,
        "method": result.method,
        "value": result.value,
        "baseline": result.baseline,
        "evaluations": result.evaluations,
        "completeness": None if result.completeness is None else asdict(result.completeness),
        "pieces": [
            {"text": text_at(dialogue, piece), "score": score}
            for piece, score in zip(result.pieces, result.scores, strict=True)
        ],
    }
