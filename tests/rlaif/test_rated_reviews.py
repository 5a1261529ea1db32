"""Operators' reviews as rated data: what consent allows, one row per operator, with what lay beside."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from rlaif.rated_dialogues import RatedDialogue
from rlaif.rated_reviews import review_dialogues
from store.database import Database
from store.night_records import NewReview
from store.night_tables import ReviewRow
from store.reviews import append_review, retract_review
from store.tables import ReplyRow
from store.visitors import set_consent
from tests.store.rehearsal import talk

WORDS = ("今日は疲れた", "お疲れさまですわ。")
MORE = ("ありがとう", "どういたしまして。")
HOUR = timedelta(hours=1)
RETENTION = timedelta(days=90)


def rate(
    session: Session, reply: str, value: float, at: datetime, *, by: str = "op", metric: str = "trust"
) -> int:  # fmt: skip
    review = NewReview(operator=by, kind="metric", reply_id=reply, metric=metric, value=value)
    return append_review(session, review, now=at).id


def read(session: Session, now: datetime, **narrowed: object) -> list[RatedDialogue]:
    return review_dialogues(session, now=now + 2 * HOUR, retention=RETENTION, **narrowed)  # type: ignore[arg-type]


def test_a_row_per_reply_and_operator(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (first, second) = talk(session, now, WORDS, MORE)
        reply = second.replies[0].id
        row = session.get(ReplyRow, reply)
        assert row is not None
        row.facts = ["紅茶が好き"]
        rate(session, reply, 3.0, now)
        rate(session, reply, 8.5, now + HOUR)
        rate(session, reply, 6.0, now, metric="ease")
        rate(session, reply, 2.0, now, by="other")
        rate(session, first.replies[0].id, 9.0, now)
        earlier, own, other = read(session, now)
    assert own.ratings == {"trust": 8.5, "ease": 6.0}, "the last verdict counts"
    assert other.ratings == {"trust": 2.0}
    assert (own.rater, other.rater, own.system) == ("op", "other", "v1")
    assert [(m.role, m.content) for m in own.messages] == [
        ("user", WORDS[0]),
        ("assistant", WORDS[1]),
        ("user", MORE[0]),
        ("assistant", MORE[1]),
    ]
    [exchange] = own.exchanges(5)
    assert (exchange.reply, exchange.facts) == (MORE[1], ("紅茶が好き",))
    assert earlier.group == own.group == other.group, "one conversation is on one side of a split"
    assert own.personal
    assert own.licence.may_train


def test_without_consent_or_standing_nothing_is_read(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, WORDS)
        _, (kept,) = talk(session, now, WORDS)
        rate(session, turn.replies[0].id, 3.0, now)
        review = rate(session, kept.replies[0].id, 4.0, now)
        assert len(read(session, now)) == 2
        set_consent(session, owner, allow=False, now=now)
        assert [one.ratings["trust"] for one in read(session, now)] == [4.0]
        retract_review(session, review, "op", note=None, now=now)
        assert read(session, now) == []


def test_what_an_evaluator_learnt_and_what_was_seen_can_be_left_out(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        rate(session, reply, 3.0, now, metric="ease")
        blind = session.get(ReviewRow, rate(session, reply, 4.0, now + HOUR))
        assert blind is not None
        blind.blind = True
        session.flush()
        assert [one.ratings for one in read(session, now)] == [{"ease": 3.0, "trust": 4.0}]
        assert [one.ratings for one in read(session, now, blind_only=True)] == [{"trust": 4.0}]
        assert [one.ratings for one in read(session, now, learnt_until=now)] == [{"trust": 4.0}]
        assert read(session, now, learnt_until=now + HOUR) == []
