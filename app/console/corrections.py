"""From a corrected reply to a proposed fact: what the queue does with a fault of fact."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.console.parts import ConsoleParts
from rlaif.fault_features import FaultCase
from rlaif.fault_router import Route, route_fault
from store.fact_proposals import NewProposal, propose_fact
from store.facts import LONGEST_FACT, current_facts
from store.records import FactProposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A reply, what was said to her, and what an operator wrote about it."""

    user: str
    reply: str
    corrected: str = ""
    note: str = ""
    facts: tuple[str, ...] = ()


def route_correction(
    session: Session, console: ConsoleParts, correction: Correction, *, surely_fact: bool = False
) -> Route:
    """Say whether it is of a fact or of style, by what is known of her now.

    `surely_fact`: the operator said so.
    """
    speaker = console.chat.speaker
    return route_fault(
        FaultCase(
            user=correction.user,
            reply=correction.reply,
            corrected=correction.corrected,
            note=correction.note,
            facts=correction.facts,
            known=current_facts(session, speaker.id, speaker.facts),
            name=short_name(speaker.name),
        ),
        surely_fact=surely_fact,
    )


def propose_correction(
    session: Session, console: ConsoleParts, correction: Correction, *, reply_id: str, by: str
) -> FactProposal | None:
    """Propose the fact behind a correction that an operator called one of fact.

    None when a known fact says so already: she overlooked it, and there is nothing to add. Words
    that the rules do not find are left to whoever decides.
    """
    route = route_correction(session, console, correction, surely_fact=True)
    if route.agrees is not None:
        return None
    words = route.sentence or ""
    usable = len(words) <= LONGEST_FACT and not console.chat.speaker.check_reply(words).flagged
    proposal = NewProposal(
        persona=console.chat.speaker.id,
        kind="missing" if route.replaces is None else "wrong",
        text=words if usable else "",
        replaces=route.replaces,
        reply_id=reply_id,
        by=by,
    )
    return propose_fact(session, proposal, now=console.now())


def short_name(name: str) -> str:
    """Return how facts call her: 小野寺 絢音 is 絢音."""
    return name.split()[-1] if name.split() else name
