"""Facts that reviewers found wrong or missing in replies, and what admins made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.console_tables import FactProposalRow
from store.errors import ConflictError, FactError, NotFoundError
from store.facts import Deed, FactEdit, add_fact, checked_sentence, edit_fact, list_facts
from store.records import Fact, FactProposal, ProposalKind, ProposalStatus
from store.tables import ConversationRow, ReplyRow, TurnRow
from store.turns import one_of
from store.visitors import new_id

_KINDS: tuple[ProposalKind, ...] = get_args(ProposalKind)
_STATES: tuple[ProposalStatus, ...] = get_args(ProposalStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProposal:
    """`text` "" leaves the words to whoever decides; `replaces` names a known fact's text."""

    persona: str
    kind: ProposalKind
    text: str
    replaces: str | None
    reply_id: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A proposal is accepted with these words, which may differ from the proposed ones."""

    proposal_id: str
    text: str


def propose_fact(session: Session, proposal: NewProposal, *, now: datetime) -> FactProposal:
    """Store a proposal. Raises NotFoundError when its reply is gone, ConflictError when its kind
    is unknown or its text too long."""
    if proposal.kind not in _KINDS:
        raise ConflictError(f"kind is {proposal.kind!r}; expected one of {', '.join(_KINDS)}")
    if proposal.reply_id is not None and session.get(ReplyRow, proposal.reply_id) is None:
        raise NotFoundError("the reply is gone; its visitor may have been erased")
    row = FactProposalRow(
        id=new_id(),
        persona=proposal.persona,
        kind=proposal.kind,
        text=checked_sentence(proposal.text) if proposal.text.strip() else "",
        replaces=proposal.replaces,
        reply_id=proposal.reply_id,
        proposed_by=proposal.by,
        at=now,
        status="proposed",
        decided_by=None,
        decided_at=None,
        reason=None,
    )
    session.add(row)
    append_audit(
        session, actor=proposal.by, action="fact.propose", detail={"proposal": row.id}, now=now
    )
    session.flush()
    return _record(row)


def list_proposals(
    session: Session, persona: str, status: ProposalStatus | None = "proposed"
) -> list[FactProposal]:
    """Return the proposals in one state, None for all, with what they are about; oldest first."""
    kept = ConversationRow.deleted_at.is_(None)
    wanted = (
        select(
            FactProposalRow,
            case((kept, TurnRow.text)),
            case((kept, ReplyRow.text)),
        )
        .outerjoin(ReplyRow, FactProposalRow.reply_id == ReplyRow.id)
        .outerjoin(TurnRow, ReplyRow.turn_id == TurnRow.id)
        .outerjoin(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .where(FactProposalRow.persona == persona)
    )
    if status is not None:
        wanted = wanted.where(FactProposalRow.status == status)
    ordered = wanted.order_by(FactProposalRow.at, FactProposalRow.id)
    return [
        replace(_record(row), asked=asked, said=said)
        for row, asked, said in session.execute(ordered)
    ]


def accept_proposal(
    session: Session, persona: str, card_facts: Sequence[str], accepted: Acceptance, deed: Deed
) -> Fact:
    """Add the fact, or edit the one that the proposal corrects, with history.

    Raises NotFoundError, and ConflictError when it was decided before, the fact that it corrects
    is not known any more, or the text does not do as a fact.
    """
    row = _open_row(session, persona, accepted.proposal_id)
    if row.replaces is None:
        fact = add_fact(session, persona, card_facts, accepted.text, deed)
    else:
        known = next(
            (
                one
                for one in list_facts(session, persona, card_facts)
                if one.text == row.replaces and one.retired_at is None
            ),
            None,
        )
        if known is None:
            raise FactError(
                "gone",
                f"the fact {row.replaces!r}, which the proposal corrects, is not known any more; "
                "decline it, or add the fact by itself",
            )
        edit = FactEdit(fact_id=known.id, before=known.text, after=accepted.text)
        fact = edit_fact(session, persona, card_facts, edit, deed)
    _decide(session, row, "accepted", deed)
    return fact


def decline_proposal(session: Session, persona: str, proposal_id: str, deed: Deed) -> FactProposal:
    """Decline it with a reason. Raises NotFoundError, ConflictError when it was decided before or
    there is no reason."""
    row = _open_row(session, persona, proposal_id)
    if not deed.why.strip():
        raise FactError("reason", "the reason is empty; expected why the fact is not taken")
    _decide(session, row, "declined", deed)
    return _record(row)


def _open_row(session: Session, persona: str, proposal_id: str) -> FactProposalRow:
    row = session.get(FactProposalRow, proposal_id, with_for_update=True, populate_existing=True)
    if row is None or row.persona != persona:
        raise NotFoundError(f"no proposal has the id {proposal_id}; its visitor may be erased")
    if row.status != "proposed":
        raise FactError(
            "decided", f"the proposal was {row.status} by {row.decided_by}; expected an open one"
        )
    return row


def _decide(session: Session, row: FactProposalRow, status: ProposalStatus, deed: Deed) -> None:
    row.status = status
    row.decided_by = deed.by
    row.decided_at = deed.now
    row.reason = deed.why.strip()
    verb = "accept" if status == "accepted" else "decline"
    append_audit(
        session, actor=deed.by, action=f"fact.{verb}", detail={"proposal": row.id}, now=deed.now
    )
    session.flush()


def _record(row: FactProposalRow) -> FactProposal:
    return FactProposal(
        id=row.id,
        persona=row.persona,
        kind=one_of(row.kind, _KINDS),
        text=row.text,
        replaces=row.replaces,
        reply_id=row.reply_id,
        proposed_by=row.proposed_by,
        at=row.at,
        status=one_of(row.status, _STATES),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
    )
