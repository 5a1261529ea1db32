"""Proposed facts: reviewers find a reply wrong or silent about her, admins decide."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from app.api_json import Json
from app.console.bodies import Body
from app.console.door import Admin, Reviewer
from app.console.facts_api import (
    FactText,
    Why,
    WhyBody,
    own_facts,
    plain_refusals,
    safe_sentence,
)
from app.console.parts import Console
from store.fact_proposals import (
    Acceptance,
    NewProposal,
    accept_proposal,
    decline_proposal,
    list_proposals,
    propose_fact,
)
from store.facts import Deed
from store.records import FactProposal

router = APIRouter(prefix="/api/console")


class ProposalBody(Body):
    """What is wrong or missing. `text` "": the words are still to be found."""

    kind: Literal["wrong", "missing"]
    text: FactText = ""
    replaces: FactText | None = None
    reply_id: Annotated[str, Field(max_length=100)] | None = None


class AcceptBody(Body):
    """The fact in its final words."""

    text: FactText
    why: Why = ""


@router.get("/proposals")
def read_proposals(
    console: Console,
    who: Reviewer,
    status: Annotated[Literal["proposed", "accepted", "declined"], Query()] = "proposed",
) -> Json:
    """Proposals in one state, with the reply that they are about; the oldest first."""
    persona, _card = own_facts(console)
    with console.database.reading() as session:
        found = list_proposals(session, persona, status)
    return {"proposals": [_json(one) for one in found]}


@router.post("/proposals", status_code=201)
def post_proposal(console: Console, who: Reviewer, body: ProposalBody) -> Json:
    """Propose a fact; it changes nothing until an admin accepts it."""
    persona, _card = own_facts(console)
    proposal = NewProposal(
        persona=persona,
        kind=body.kind,
        text=safe_sentence(console, body.text),
        replaces=body.replaces,
        reply_id=body.reply_id,
        by=who.name,
    )
    with console.database.session() as session, plain_refusals():
        return _json(propose_fact(session, proposal, now=console.now()))


@router.post("/proposals/{proposal_id}/accept")
def post_acceptance(console: Console, who: Admin, proposal_id: str, body: AcceptBody) -> Json:
    """Make it a fact: an addition, or an edit of the one that it corrects."""
    persona, card = own_facts(console)
    accepted = Acceptance(proposal_id=proposal_id, text=safe_sentence(console, body.text))
    deed = Deed(by=who.name, why=body.why, now=console.now())
    with console.database.session() as session, plain_refusals():
        fact = accept_proposal(session, persona, card, accepted, deed)
    return {"fact": {"id": fact.id, "text": fact.text}}


@router.post("/proposals/{proposal_id}/decline")
def post_refusal(console: Console, who: Admin, proposal_id: str, body: WhyBody) -> Json:
    """Decline it, with a reason."""
    persona, _card = own_facts(console)
    deed = Deed(by=who.name, why=body.why, now=console.now())
    with console.database.session() as session, plain_refusals():
        return _json(decline_proposal(session, persona, proposal_id, deed))


def _json(one: FactProposal) -> Json:
    return {
        "id": one.id,
        "kind": one.kind,
        "text": one.text,
        "replaces": one.replaces,
        "reply_id": one.reply_id,
        "asked": one.asked,
        "said": one.said,
        "proposed_by": one.proposed_by,
        "at": one.at.isoformat(),
        "status": one.status,
        "decided_by": one.decided_by,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "reason": one.reason,
    }
