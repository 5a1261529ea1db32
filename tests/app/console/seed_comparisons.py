"""Blind sheets with their ratings and a duel with its votes, for the console's screens."""

import random
from datetime import timedelta

from sqlalchemy.orm import Session

from app.clock import utc_now
from store.adapters import list_deployments
from store.database import Database
from store.duels import Opponents, add_duel, decide_duel, new_duel
from store.records import NewReply, ReplyEnd
from store.replies import finish_reply
from store.sheets import (
    NewItem,
    NewSheet,
    SheetRating,
    append_rating,
    create_sheet,
    list_items,
    load_sheet,
    save_answer,
    set_status,
)
from store.turns import append_variant
from store.visitors import set_duel
from tests.app.console.seed_console import ADMIN, REVIEWER, TALK
from tests.store.talk import begin, say


def seed_comparisons(database: Database, *, votes: int = 90) -> None:
    """Add a closed sheet with two raters, one that waits to be rated, and a duel with its votes."""
    now, dice = utc_now(), random.Random(5)
    with database.session() as session:
        newer, older = (one.adapter for one in list_deployments(session)[:2])
        closed = _sheet(session, "十月の三つ巴", ("base", older, newer), dice)
        for operator in (ADMIN, REVIEWER):
            for item in list_items(session, closed):
                _rate(session, closed, item.number, operator, dice)
        set_status(session, closed, "closed", among=["ready"], now=now)
        _sheet(session, "十一月の三つ巴", ("base", older, newer), dice)
        for at in range(votes):
            _vote(session, Opponents(newer=newer, older=older), dice, ago=votes - at)


def _sheet(session: Session, name: str, versions: tuple[str, ...], dice: random.Random) -> str:
    metrics = ("attentiveness", "personality", "respeak", "trust")
    items = tuple(
        NewItem(
            metric=metrics[at % len(metrics)],
            prompt=f"p{at}",
            question=TALK[at % len(TALK)][0],
            history=TALK[(at + 3) % len(TALK)] if at % 3 == 1 else (),
        )
        for at in range(24)
    )
    plan = NewSheet(name=name, versions=versions, metrics=metrics, seed=1, items=items)
    made = create_sheet(session, plan, by=ADMIN, now=utc_now())
    for item in items:
        for version in versions:
            save_answer(session, made.id, item.prompt, version, dice.choice(TALK)[1])
    return set_status(session, made.id, "ready", among=["making"], now=utc_now()).id


def _rate(session: Session, sheet: str, number: int, operator: str, dice: random.Random) -> None:
    versions = load_sheet(session, sheet).versions
    felt = {one: at + dice.gauss(0, 1.1) for at, one in enumerate(versions)}
    best = sorted(versions, key=lambda one: -felt[one])
    rating = SheetRating(
        number=number,
        operator=operator,
        ranks={one: min(best.index(one) + 1, 2 if dice.random() < 0.3 else 3) for one in versions},
        naturalness={one: max(1, min(5, round(2.6 + felt[one] / 2))) for one in versions},
        at=utc_now(),
    )
    append_rating(session, sheet, rating, now=utc_now())


def _vote(session: Session, pair: Opponents, dice: random.Random, *, ago: int) -> None:
    at = utc_now() - timedelta(minutes=20 * ago)
    owner, conversation = begin(session, now=at)
    set_duel(session, owner, allow=True, now=at)
    turn = say(session, owner, conversation, dice.choice(TALK)[0], at)
    second = NewReply(origin="duel", adapter=pair.older, seed=1, sampling={})
    turn = append_variant(session, turn.id, second, now=at)
    for reply, (_, text) in zip(turn.replies, dice.sample(TALK, 2), strict=True):
        finish_reply(session, reply.id, ReplyEnd(status="done", text=text), now=at)
    replies = (turn.replies[0].id, turn.replies[1].id)
    add_duel(session, owner, new_duel(pair, turn.id, replies=replies, newer_left=True, now=at))
    if dice.random() < 0.85:
        left = None if dice.random() < 0.15 else dice.random() < 0.68
        decide_duel(session, owner, turn.id, left=left, now=at)
