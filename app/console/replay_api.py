"""Saying a logged reply once more, on any kept adapter."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from app.api_json import Json
from app.chat_api import Id
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console
from app.errors import ReplayRefusedError
from app.replay_jobs import ReplayJob, ReplayScores
from rlaif.evaluator import Assessment
from store.adapters import active_adapter, list_adapters
from store.audit import append_audit
from store.records import Adapter
from store.replays import ReplaySource

router = APIRouter(prefix="/api/console")

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class ReplayBody(Body):
    """On which adapter; null is the bare base model."""

    adapter: Annotated[str, Field(max_length=200)] | None


@router.get("/replies/{reply_id}/replay")
def read_replayable(console: Console, who: Reviewer, reply_id: Id) -> Json:
    """What the reply was made of, and the versions it can be said on."""
    source = console.replays.source(reply_id)
    with console.database.reading() as session:
        active = active_adapter(session)
        adapters = list_adapters(session)
    brain = console.chat.ready_brain
    base = None if brain is None else brain.base_sha256
    return {
        "reply": _source_json(source),
        "active": active,
        "versions": [
            {"id": None, "kind": "base", "created_at": None, "refusal": None},
            *(_version_json(one, base) for one in reversed(adapters)),
        ],
    }


@router.post("/replies/{reply_id}/replay", status_code=202)
def start_replay(console: Console, who: Reviewer, reply_id: Id, body: ReplayBody) -> Json:
    """Say it again; look at the job for what came of it."""
    try:
        job = console.replays.start(reply_id, body.adapter)
    except ReplayRefusedError as error:
        raise ConsoleError(error.code, status=409, **error.places) from error
    with console.database.session() as session:
        append_audit(
            session,
            actor=who.name,
            action="reply.replay",
            detail={"adapter": body.adapter},
            now=console.now(),
        )
    return _job_json(job)


@router.get("/replays/{job_id}")
def read_replay(console: Console, who: Reviewer, job_id: JobId) -> Json:
    """A replay as it stands."""
    return _job_json(console.replays.look(job_id))


@router.post("/replays/{job_id}/stop")
def stop_replay(console: Console, who: Reviewer, job_id: JobId) -> Json:
    """End a replay."""
    return _job_json(console.replays.stop(job_id))


def _version_json(adapter: Adapter, base: str | None) -> Json:
    refusal = "adapter_tainted" if adapter.tainted_at is not None else None
    if refusal is None and base is not None and adapter.base != base:
        refusal = "adapter_other_base"
    return {
        "id": adapter.id,
        "kind": adapter.kind,
        "created_at": adapter.created_at.isoformat(),
        "refusal": refusal,
    }


def _source_json(source: ReplaySource) -> Json:
    return {
        "id": source.reply_id,
        "said": source.user_text,
        "text": source.text,
        "status": source.status,
        "deflected": source.deflected,
        "adapter": source.adapter,
        "facts": list(source.facts),
        "history": [{"said": said, "answered": answered} for said, answered in source.history],
        "exact": source.exact,
        "seed": source.seed,
        "sampling": source.sampling,
    }


def _job_json(job: ReplayJob) -> Json:
    return {
        "id": job.id,
        "reply": job.source.reply_id,
        "adapter": job.adapter,
        "state": job.state,
        "refused": None if job.refused is None else _refused_json(job.refused),
        "text": None if job.replayed is None else job.replayed.text,
        "deflected": job.replayed is not None and job.replayed.deflected,
        "likeness": None if job.likening is None else job.likening.likeness,
        "reasons": [] if job.likening is None else list(job.likening.reasons),
        "scores": None if job.scores is None else _scores_json(job.scores),
        "unscored": job.unscored,
    }


def _refused_json(refused: ReplayRefusedError) -> Json:
    return {"code": refused.code, "places": refused.places}


def _scores_json(scores: ReplayScores) -> Json:
    return {
        "evaluator": scores.evaluator,
        "reply": _assessment_json(scores.reply),
        "replay": _assessment_json(scores.replay),
        "differences": {
            key: {"value": one.value, "low": one.low, "high": one.high}
            for key, one in scores.differences.items()
        },
    }


def _assessment_json(assessment: Assessment) -> Json:
    return {"values": dict(assessment.values), "spread": dict(assessment.spread)}
