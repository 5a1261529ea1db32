"""Facts of the persona: reading, changing, and trying which of them a question brings up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from app.api_json import Json
from app.brain_slot import BrainMissingError
from app.console.bodies import Body
from app.console.corrections import Correction, route_correction
from app.console.door import Admin, Reviewer
from app.console.errors import ConsoleError
from app.console.parts import Console, ConsoleParts
from app.text_rules import clean_text
from persona.engine import Message
from store.errors import FactError
from store.facts import (
    LONGEST_FACT,
    Deed,
    FactEdit,
    add_fact,
    count_fact_changes,
    edit_fact,
    list_fact_changes,
    list_facts,
    load_fact,
    restore_fact,
    retire_fact,
)
from store.japanese_search import fold
from store.records import Fact

router = APIRouter(prefix="/api/console")

FactText = Annotated[str, Field(max_length=1_000)]
Why = Annotated[str, Field(max_length=500)]
Said = Annotated[str, Field(max_length=4_000)]


class NewFactBody(Body):
    """A fact to add."""

    text: FactText
    why: Why = ""


class EditBody(Body):
    """Another sentence for a fact; `before` is the one that the operator saw."""

    before: FactText
    after: FactText
    why: Why = ""


class WhyBody(Body):
    """Why something is done."""

    why: Why = ""


class SpokenTurn(Body):
    """A turn before the question."""

    role: Literal["user", "assistant"]
    content: Said


class TryBody(Body):
    """A question, and what was said before it, oldest first."""

    question: Said
    history: Annotated[list[SpokenTurn], Field(max_length=40, default_factory=list)]


class FaultBody(Body):
    """A reply, what was said to her, and what the operator wrote about it."""

    user: Said
    reply: Said
    corrected: Said = ""
    note: Said = ""
    facts: Annotated[list[FactText], Field(max_length=20, default_factory=list)]


@contextmanager
def plain_refusals() -> Iterator[None]:
    """Turn what the store refuses about facts into sentences for operators."""
    try:
        yield
    except FactError as error:
        raise ConsoleError(f"fact_{error.fault}", status=409, longest=LONGEST_FACT) from error


def own_facts(console: ConsoleParts) -> tuple[str, tuple[str, ...]]:
    """Return the persona's id and the card's sentences."""
    speaker = console.chat.speaker
    return speaker.id, speaker.facts


def safe_sentence(console: ConsoleParts, text: str) -> str:
    """Return a fact without controls. Raises ConsoleError when she may not say such a thing."""
    sentence = clean_text(text)
    if console.chat.speaker.check_reply(sentence).flagged:
        raise ConsoleError("fact_unsafe")
    return sentence


@router.get("/facts")
def read_facts(
    console: Console,
    who: Reviewer,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Literal["all", "known", "retired", "added", "edited"] = "all",
) -> Json:
    """All facts in one state, the card's first; `q` finds part of their words."""
    persona, card = own_facts(console)
    with console.database.reading() as session:
        facts = list_facts(session, persona, card)
        changes = count_fact_changes(session, persona)
    lines = [_fact_json(fact, card, changes.get(fact.id, 0)) for fact in facts]
    wanted = fold(q.strip())
    return {
        "facts": [
            line
            for line in lines
            if _is(line, state) and (not wanted or wanted in fold(f"{line['text']}"))
        ],
        "counts": {
            one: sum(_is(line, one) for line in lines)
            for one in ("all", "known", "retired", "added", "edited")
        },
        "shown_per_reply": console.settings.chat.facts_per_reply,
    }


@router.post("/facts", status_code=201)
def post_fact(console: Console, who: Admin, body: NewFactBody) -> Json:
    """Add a fact; she knows it from the next reply on."""
    persona, card = own_facts(console)
    text = safe_sentence(console, body.text)
    deed = Deed(by=who.name, why=body.why, now=console.now())
    with console.database.session() as session, plain_refusals():
        return _fact_json(add_fact(session, persona, card, text, deed), card, 1)


@router.put("/facts/{fact_id}")
def put_fact(console: Console, who: Admin, fact_id: str, body: EditBody) -> Json:
    """Put another sentence in its place, unless it was changed meanwhile."""
    persona, card = own_facts(console)
    edit = FactEdit(fact_id=fact_id, before=body.before, after=safe_sentence(console, body.after))
    deed = Deed(by=who.name, why=body.why, now=console.now())
    with console.database.session() as session, plain_refusals():
        edit_fact(session, persona, card, edit, deed)
    return read_history(console, who, fact_id)


@router.post("/facts/{fact_id}/retire")
def post_retirement(console: Console, who: Admin, fact_id: str, body: WhyBody) -> Json:
    """Let her not know it any more."""
    persona, card = own_facts(console)
    deed = Deed(by=who.name, why=body.why, now=console.now())
    with console.database.session() as session, plain_refusals():
        retire_fact(session, persona, card, fact_id, deed)
    return read_history(console, who, fact_id)


@router.post("/facts/{fact_id}/restore")
def post_restoration(console: Console, who: Admin, fact_id: str, body: WhyBody) -> Json:
    """Let her know it again."""
    persona, card = own_facts(console)
    deed = Deed(by=who.name, why=body.why, now=console.now())
    with console.database.session() as session, plain_refusals():
        restore_fact(session, persona, card, fact_id, deed)
    return read_history(console, who, fact_id)


@router.get("/facts/{fact_id}/history")
def read_history(console: Console, who: Reviewer, fact_id: str) -> Json:
    """A fact with all that was done to it, newest first."""
    persona, card = own_facts(console)
    with console.database.reading() as session:
        fact = load_fact(session, persona, card, fact_id)
        changes = list_fact_changes(session, persona, fact_id)
    return {
        "fact": _fact_json(fact, card, len(changes)),
        "changes": [
            {
                "action": one.action,
                "before": one.before,
                "after": one.after,
                "who": one.who,
                "why": one.why,
                "at": one.at.isoformat(),
            }
            for one in changes
        ],
    }


@router.post("/facts/try")
def try_question(console: Console, who: Reviewer, body: TryBody) -> Json:
    """The facts that the prompt of this question would hold, best first."""
    history = [Message(role=turn.role, content=turn.content) for turn in body.history]
    try:
        found = console.chat.find_facts(clean_text(body.question), history)
    except BrainMissingError as error:
        raise ConsoleError("facts_model", status=503) from error
    persona, card = own_facts(console)
    with console.database.reading() as session:
        ids = {fact.text: fact.id for fact in list_facts(session, persona, card)}
    return {
        "facts": [
            {"rank": rank, "id": ids.get(one.text), "text": one.text, "score": one.score}
            for rank, one in enumerate(found, start=1)
        ]
    }


@router.post("/route-fault")
def preview_route(console: Console, who: Reviewer, body: FaultBody) -> Json:
    """Whether a correction is of a fact or of style, and which fact it would propose."""
    correction = Correction(
        user=body.user,
        reply=body.reply,
        corrected=body.corrected,
        note=body.note,
        facts=tuple(body.facts),
    )
    with console.database.reading() as session:
        route = route_correction(session, console, correction)
    return {
        "kind": route.kind,
        "certainty": route.certainty,
        "text": route.sentence or "",
        "agrees": route.agrees,
        "replaces": route.replaces,
    }


def _fact_json(fact: Fact, card: tuple[str, ...], changes: int) -> Json:
    origin = "card" if fact.replaces in card else "added"
    return {
        "id": fact.id,
        "text": fact.text,
        "origin": origin,
        "original": fact.replaces if origin == "card" and fact.replaces != fact.text else None,
        "state": "known" if fact.retired_at is None else "retired",
        "retired_at": fact.retired_at.isoformat() if fact.retired_at else None,
        "added_by": fact.added_by if origin == "added" else None,
        "added_at": fact.created_at.isoformat() if origin == "added" and fact.created_at else None,
        "changes": changes,
    }


def _is(line: Json, state: str) -> bool:
    if state == "all":
        return True
    if state == "added":
        return line["origin"] == "added"
    if state == "edited":
        return line["original"] is not None
    return line["state"] == state
