"""What may be learnt from: the one place where consent is applied."""

from datetime import datetime, timedelta

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from store.records import LearnableTurn
from store.tables import ConversationRow, ReplyRow, TurnRow, VisitorRow


def list_learnable(session: Session, *, now: datetime, retention: timedelta) -> list[LearnableTurn]:
    """Return finished shown replies, oldest first, that their visitor lets the night use.

    Left out: no consent, said before consent, withdrawn; "do not learn this"; deleted; edited
    away; older than `retention`; caught by the safety filter on either side.
    """
    shown = and_(ReplyRow.turn_id == TurnRow.id, ReplyRow.variant == TurnRow.shown)
    wanted = (
        select(TurnRow, ReplyRow, VisitorRow.id)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
        .join(ReplyRow, shown)
        .where(
            VisitorRow.consent.is_(True),
            TurnRow.created_at >= VisitorRow.consent_at,
            TurnRow.created_at > now - retention,
            TurnRow.learn.is_(True),
            TurnRow.flagged.is_(False),
            TurnRow.superseded_at.is_(None),
            ConversationRow.deleted_at.is_(None),
            ReplyRow.status == "done",
            ReplyRow.safety.is_(False),
        )
        .order_by(TurnRow.created_at, TurnRow.id)
    )
    return [
        LearnableTurn(
            visitor_id=visitor_id,
            conversation_id=turn.conversation_id,
            turn_id=turn.id,
            user_text=turn.text,
            reply_id=reply.id,
            reply_text=reply.text,
            adapter=reply.adapter_id,
        )
        for turn, reply, visitor_id in session.execute(wanted)
    ]
