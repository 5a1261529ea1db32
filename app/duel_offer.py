"""When two versions answer one turn: now and then, for visitors who said yes."""

import random
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.settings import ChatSettings
from store.duels import add_duel, duel_opponents, new_duel
from store.records import NewReply, Turn
from store.turns import append_variant
from store.visitors import Owner, load_visitor


def offer_duel(
    session: Session, owner: Owner, turn: Turn, *, settings: ChatSettings, now: datetime
) -> Turn:
    """Return the turn, with a second queued reply when the draw falls on it.

    The draw comes from the secret seed of the first reply, and so does the side on which each will
    stand: both can be told again from the store. Only while the reply is of the version in
    production: a conversation that still speaks with an older one has nothing newer to compare.
    """
    first = turn.replies[0]
    draw = random.Random(first.seed)
    if draw.random() >= settings.duel_share:
        return turn
    visitor = load_visitor(session, owner.visitor_id)
    if visitor is None or visitor.duel_at is None:
        return turn
    opponents = duel_opponents(session, within=timedelta(days=settings.duel_days), now=now)
    if opponents is None or first.adapter != opponents.newer:
        return turn
    second = NewReply(
        origin="duel",
        adapter=opponents.older,
        seed=first.seed,
        sampling=dict(first.sampling),
    )
    turn = append_variant(session, turn.id, second, now=now)
    newer_left = draw.random() < 0.5
    replies = (turn.replies[0].id, turn.replies[1].id)
    duel = new_duel(opponents, turn.id, replies=replies, newer_left=newer_left, now=now)
    add_duel(session, owner, duel)
    return turn
