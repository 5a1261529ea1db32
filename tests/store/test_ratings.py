"""What operators and an evaluator said of the same replies."""

from datetime import datetime, timedelta

from store.database import Database
from store.night_records import NewReview, RewardRecord, TrustRecord
from store.night_tables import ReviewRow
from store.ratings import (
    Rating,
    list_trust_history,
    newest_rewarded_night,
    paired_ratings,
    rating_evaluators,
)
from store.reviews import append_review
from store.rewards import freeze_trust, save_rewards
from store.scores import append_score
from tests.store.rehearsal import EVALUATOR, claim, talk, verdict

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def _rate(reply_id: str, value: float, *, by: str = "op", metric: str = "trust") -> NewReview:
    return NewReview(operator=by, kind="metric", reply_id=reply_id, metric=metric, value=value)


def test_ratings_by_reply_metric_and_operator(database: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with database.session() as session:
        _, (first, second) = talk(session, now, WORDS, WORDS)
        a, b = first.replies[0].id, second.replies[0].id
        append_score(session, verdict(a, 6.0), now=now)
        append_score(session, verdict(a, 1.0, evaluator="fed-1"), now=now)
        append_review(session, _rate(a, 3.0), now=now)
        append_review(session, _rate(b, 8.0), now=now)
        blind = append_review(session, _rate(a, 7.0, by="op2"), now=now)
        row = session.get(ReviewRow, blind.id)
        assert row is not None
        row.blind = True
        append_review(session, _rate(a, 9.0, metric="ease"), now=now)
        append_review(session, NewReview(operator="op", kind="note", reply_id=a, note="?"), now=now)
        append_review(session, _rate(a, 4.0), now=later)
        session.flush()
        found = paired_ratings(session, EVALUATOR, now)

    assert [one.reply_id for one in found] == [b, a], "in order of the newest rating"
    unscored, rated = found
    assert unscored.evaluator is None
    assert rated.evaluator is not None
    assert rated.evaluator["trust"] == 6.0
    assert rated.ratings["trust"] == (
        Rating(operator="op2", value=7.0, blind=True, at=now),
        Rating(operator="op", value=4.0, blind=False, at=later),
    )
    assert [one.value for one in rated.ratings["ease"]] == [9.0]
    with database.reading() as session:
        (recent,) = paired_ratings(session, "fed-1", later)
        assert recent.evaluator is not None
        assert recent.evaluator["trust"] == 1.0
        assert [one.value for one in recent.ratings["trust"]] == [4.0]
        assert rating_evaluators(session) == {EVALUATOR: 1, "fed-1": 1}


def test_nothing_reviewed(database: Database, now: datetime) -> None:
    with database.reading() as session:
        assert paired_ratings(session, EVALUATOR, now) == []
        assert rating_evaluators(session) == {}
        assert list_trust_history(session, nights=5) == {}
        assert newest_rewarded_night(session) is None


def _trust(weight: float) -> TrustRecord:
    return TrustRecord(metric="trust", weight=weight, kappa=None, low=None, high=None, reviews=0)


def test_trust_of_the_newest_nights(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, WORDS)
        reply = turn.replies[0].id
        append_score(session, verdict(reply), now=now)
        for at in range(1, 4):
            held = claim(session, now, date=f"2026-09-0{at}")
            freeze_trust(session, held, [_trust(at / 10)])
            if at == 2:
                reward = RewardRecord(total=1.0, settings="s", metrics={}, guards={})
                save_rewards(session, held, EVALUATOR, {reply: reward})
        found = list_trust_history(session, nights=2)
        assert {night: [one.weight for one in some] for night, some in found.items()} == {
            "2026-09-02": [0.2],
            "2026-09-03": [0.3],
        }
        assert list(found) == ["2026-09-02", "2026-09-03"]
        assert newest_rewarded_night(session) == "2026-09-02"
