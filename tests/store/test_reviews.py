"""Reviews: whole or refused, and beside the evaluator's verdicts."""

from datetime import datetime, timedelta

import pytest

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.night_records import NewReview
from store.reviews import append_review, list_reviews, paired_reviews
from store.scores import append_score
from tests.store.rehearsal import EVALUATOR, talk, verdict

WORDS = ("今日は疲れた", "お疲れさまですわ。")


def _rate(reply_id: str, value: float, *, by: str = "op", metric: str = "trust") -> NewReview:
    return NewReview(operator=by, kind="metric", reply_id=reply_id, metric=metric, value=value)


def test_operator_and_evaluator_side_by_side(database: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with database.session() as session:
        _, (first, second) = talk(session, now, WORDS, WORDS)
        a, b = first.replies[0].id, second.replies[0].id
        append_score(session, verdict(a, 6.0), now=now)
        append_score(session, verdict(a, 1.0, evaluator="fed-1"), now=now)
        append_review(session, _rate(a, 3.0), now=now)
        append_review(session, _rate(b, 8.0), now=now)  # the evaluator has no verdict on it
        append_review(session, _rate(a, 7.0, by="op2"), now=now)
        append_review(session, _rate(a, 9.0, metric="ease"), now=now)
        append_review(session, _rate(a, 4.0), now=later)
        found = paired_reviews(session, "trust", EVALUATOR, now)
        assert found == [(7.0, 6.0, now), (4.0, 6.0, later)]
        assert paired_reviews(session, "trust", EVALUATOR, later) == [(4.0, 6.0, later)]
        assert paired_reviews(session, "trust", "fed-1", later) == [(4.0, 1.0, later)]
        assert len(list_reviews(session, reply_id=a)) == 4
        assert len(list_reviews(session)) == 5
        with pytest.raises(ValueError, match="expected one of agency"):
            paired_reviews(session, "charm", EVALUATOR, now)


@pytest.mark.parametrize(
    ("review", "words"),
    [
        (_rate("r", 11.0), "from 0 to 10"),
        (_rate("r", -1.0), "from 0 to 10"),
        (_rate("r", float("nan")), "from 0 to 10"),
        (_rate("r", 5.0, metric="charm"), "expected one of agency"),
        (NewReview(operator="op", kind="note", text="?"), "exactly one"),
        (NewReview(operator="op", kind="note", reply_id="r", pair_id="p"), "exactly one"),
        (NewReview(operator="op", kind="edit", reply_id="r", text=" "), "an edit needs"),
        (NewReview(operator="op", kind="song", reply_id="r"), "expected metric"),  # type: ignore[arg-type]
    ],
)
def test_half_a_review_is_refused(
    database: Database, now: datetime, review: NewReview, words: str
) -> None:
    with database.session() as session:
        with pytest.raises(ConflictError, match=words):
            append_review(session, review, now=now)
        assert list_reviews(session) == []


def test_a_review_of_nothing_is_an_error(database: Database, now: datetime) -> None:
    with database.session() as session, pytest.raises(NotFoundError, match="gone"):
        append_review(session, _rate("0" * 32, 5.0), now=now)
