"""The routes by which visitors take their data with them."""

import json
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response

from app.chat_api import Id, Service, Spoken, Who
from app.clock import utc_now
from app.messages import EXPORT_NAMES
from store.conversations import load_conversation
from store.export import conversation_markdown, export_conversation, export_visitor
from store.turns import list_turns
from store.visitors import ensure_visitor

router = APIRouter(prefix="/api")
_MEDIA = {"json": "application/json", "markdown": "text/markdown"}
_SUFFIX = {"json": "json", "markdown": "md"}


@router.get("/conversations/{conversation_id}/export")
def export_one(
    service: Service,
    who: Who,
    spoken: Spoken,
    conversation_id: Id,
    format: Literal["json", "markdown"] = "json",
) -> Response:
    """One conversation as a file."""
    with service.database.reading() as session:
        if format == "json":
            content = _json(export_conversation(session, who, conversation_id))
        else:
            content = conversation_markdown(
                load_conversation(session, who, conversation_id),
                list_turns(session, who, conversation_id),
                speaker=service.speaker.name,
                visitor=EXPORT_NAMES[spoken],
            )
    return _file(content, f"yogeiko-{conversation_id[:8]}", format)


@router.get("/export")
def export_all(service: Service, who: Who, format: Literal["json"] = "json") -> Response:
    """Everything of the visitor as a file."""
    now = utc_now()
    with service.database.session() as session:
        ensure_visitor(session, who.visitor_id, now=now)
        content = _json(export_visitor(session, who, now=now))
    return _file(content, f"yogeiko-{now:%Y%m%d}", format)


def _json(content: dict[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


def _file(content: str, name: str, form: Literal["json", "markdown"]) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}.{_SUFFIX[form]}"'}
    return Response(content, media_type=f"{_MEDIA[form]}; charset=utf-8", headers=headers)
