"""The list of shown replies, and the views that operators keep of it."""

import json
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console
from app.console.reply_query import ReplyQuery
from store.errors import ConflictError
from store.reply_list import SORTS, find_replies
from store.reply_rows import ListedReply, load_listed
from store.saved_views import MOST_VIEWS, SavedView, delete_view, list_views, save_view

router = APIRouter(prefix="/api/console")

_SHORT_ID = 8
_LONGEST_QUERY = 4_000

Screen = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class PageQuery(ReplyQuery):
    """Which page of which replies; `lang` is read elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sort: str = "newest"
    cursor: Annotated[str, Query(max_length=200)] | None = None
    lang: str | None = None


class ViewBody(Body):
    """A view to keep, in place of the one of that name on that screen."""

    screen: Screen
    name: Annotated[str, Field(min_length=1, max_length=60)]
    query: dict[str, object]


@router.get("/replies")
def read_replies(console: Console, who: Reviewer, wanted: Annotated[PageQuery, Query()]) -> Json:
    """A page of the replies that match, where the next begins, and how many there are."""
    if wanted.sort not in SORTS:
        raise ConsoleError("list_sort", value=wanted.sort)
    with console.database.reading() as session:
        try:
            page = find_replies(
                session, wanted.filter(), sort=wanted.sort, cursor=wanted.cursor or None
            )
        except ConflictError as error:
            raise ConsoleError("list_cursor") from error
        replies = load_listed(session, page.numbers)
    return {
        "replies": [_reply_json(reply) for reply in replies],
        "next": page.next,
        "count": {"value": page.count.value, "more": page.count.more},
    }


@router.get("/views")
def read_views(
    console: Console, who: Reviewer, screen: Annotated[Screen | None, Query()] = None
) -> Json:
    """One's own views."""
    with console.database.reading() as session:
        return {"views": [_view_json(one) for one in list_views(session, who.name, screen)]}


@router.post("/views")
def post_view(console: Console, who: Reviewer, body: ViewBody) -> Json:
    """Keep a view."""
    name = " ".join(body.name.split())
    if not name:
        raise ConsoleError("view_name")
    if len(json.dumps(body.query, ensure_ascii=False)) > _LONGEST_QUERY:
        raise ConsoleError("view_long")
    with console.database.session() as session:
        try:
            view = save_view(
                session,
                who.name,
                name,
                screen=body.screen,
                query=body.query,
                now=console.now(),
            )
        except ConflictError as error:
            raise ConsoleError("views_full", most=MOST_VIEWS) from error
    return _view_json(view)


@router.delete("/views/{view_id}")
def remove_view(console: Console, who: Reviewer, view_id: str) -> Json:
    """Forget a view of one's own."""
    with console.database.session() as session:
        delete_view(session, who.name, view_id, now=console.now())
    return {"deleted": view_id}


def _reply_json(reply: ListedReply) -> Json:
    return {
        "id": reply.id,
        "turn": reply.turn_id,
        "conversation": reply.conversation_id,
        "visitor": reply.visitor_id[:_SHORT_ID],
        "at": reply.at.isoformat(),
        "adapter": reply.adapter,
        "user_text": reply.user_text,
        "text": reply.text,
        "facts": list(reply.facts),
        "evaluator": reply.evaluator,
        "scores": None if reply.scores is None else dict(reply.scores),
        "mean": reply.mean,
        "spread": reply.spread,
        "guards": None if reply.guards is None else dict(reply.guards),
        "thumb": reply.thumb,
        "reason": reply.reason,
        "variants": reply.variants,
        "on_screen": reply.on_screen,
        "superseded": reply.superseded,
        "safety": reply.safety,
        "conflict": reply.conflict,
        "personal": reply.personal,
        "reviewed": reply.reviewed,
        "unscored_reason": reply.unscored_reason,
    }


def _view_json(view: SavedView) -> Json:
    return {
        "id": view.id,
        "screen": view.screen,
        "name": view.name,
        "query": dict(view.query),
        "created_at": view.created_at.isoformat(),
    }
