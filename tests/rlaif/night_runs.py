"""Several nights over one bench: run them, and read what each left."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from rlaif.night import Rehearsal, rehearse, run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from rlaif.night_work import NightSettings
from rlaif.pairs import Pairing
from store.night_records import NewReview, Night, StoredPair
from store.nights import load_night
from store.pair_queue import list_drops
from store.pairs import list_pairs, list_trainable_pairs
from store.reviews import append_review
from store.tables import ReplyRow, TurnRow
from store.turns import set_feedback
from store.visitors import Owner
from tests.rlaif import night_kit
from tests.rlaif.night_kit import Bench, without

FIRST, SECOND, THIRD = "2026-09-25", "2026-09-26", "2026-09-27"
DAY = timedelta(days=1)
EDIT = "まあ、それはまことに楽しそうですわね。"


def untrained(**changes: object) -> NightSettings:
    return without(night_kit.settings(), min_pairs=1000, **changes)


def run(bench: Bench, date: str, settings: NightSettings | None = None) -> NightOutcome:
    return run_night(
        bench.parts(), settings or untrained(), NightOrder(date=date, owner="test"), {}
    )


def dry_run(bench: Bench, date: str, settings: NightSettings | None = None) -> Pairing:
    found = rehearse(bench.parts(), settings or untrained(), NightOrder(date=date, owner="test"))
    assert isinstance(found, Rehearsal), found
    return found.pairing


def pairs_of(bench: Bench, date: str) -> list[StoredPair]:
    with bench.database.reading() as session:
        return list_pairs(session, date)


def trainable_pairs(bench: Bench) -> list[StoredPair]:
    with bench.database.reading() as session:
        return list_trainable_pairs(session, now=bench.now, retention=timedelta(days=90))


def detail_of(bench: Bench, date: str, step: str) -> dict[str, object]:
    with bench.database.reading() as session:
        night: Night | None = load_night(session, date)
    assert night is not None
    return dict(next(one.detail for one in night.steps if one.step == step))


def drops_of(bench: Bench, date: str) -> Counter[str]:
    with bench.database.reading() as session:
        return Counter(drop.reason for drop in list_drops(session, date))


def edit_reply(bench: Bench, reply_id: str, text: str) -> None:
    review = NewReview(operator="op", kind="edit", reply_id=reply_id, text=text)
    with bench.database.session() as session:
        append_review(session, review, now=bench.now - timedelta(hours=1))


def shown_replies(bench: Bench) -> dict[str, str]:
    """The only reply of each turn, by turn."""
    with bench.database.reading() as session:
        return {
            turn: reply for reply, turn in session.execute(select(ReplyRow.id, ReplyRow.turn_id))
        }


def thumb_down_all(bench: Bench) -> None:
    with bench.database.session() as session:
        for turn in session.scalars(select(TurnRow)).all():
            owner = Owner(visitor_id=turn.conversation.visitor_id)
            reply = turn.replies[0].id
            set_feedback(session, owner, reply, "down", None, now=bench.now - timedelta(hours=1))


def options(pairs: Sequence[StoredPair]) -> set[tuple[str, str]]:
    return {(pair.chosen_id, pair.rejected_id) for pair in pairs}
