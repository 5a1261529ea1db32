"""Agreement per metric out of what operators and the evaluator said of replies."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rlaif.agreement import metric_agreement, metric_agreements
from rlaif.metrics import METRIC_KEYS
from rlaif.trust import weighted_kappa
from store.ratings import RatedReply, Rating

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _reply(
    at: int, own: float | None, given: Mapping[str, float], *, blind: Sequence[str] = ()
) -> RatedReply:
    """One reply rated on trust at hour `at`."""
    ratings = tuple(
        Rating(operator=who, value=value, blind=who in blind, at=BEGIN + at * HOUR)
        for who, value in given.items()
    )
    evaluator = None if own is None else dict.fromkeys(METRIC_KEYS, own)
    return RatedReply(reply_id=f"r{at:03}", evaluator=evaluator, ratings={"trust": ratings})


def _noisy(truth: float, rng: np.random.Generator, noise: float) -> float:
    return float(np.clip(np.round(truth + rng.normal(0, noise)), 0, 10))


def _day(n: int, seed: int, *, people: float = 1.0, evaluator: float = 1.0) -> list[RatedReply]:
    """Replies that two people rated with a scatter of `people`, the evaluator with its own."""
    rng = np.random.default_rng(seed)
    replies = []
    for at in range(n):
        truth = float(rng.uniform(1, 9))
        given = {who: _noisy(truth, rng, people) for who in ("op1", "op2")}
        replies.append(_reply(at, _noisy(truth, rng, evaluator), given, blind=("op2",)))
    return replies


def test_the_evaluator_is_compared_with_each_person_by_itself() -> None:
    replies = _day(30, 0)
    found = metric_agreement("trust", replies).evaluator
    own = [float(reply.evaluator["trust"]) for reply in replies for _ in "12"]  # type: ignore[index]
    people = [one.value for reply in replies for one in reply.ratings["trust"]]
    known = weighted_kappa(people, own)
    assert known is not None
    assert found.kappa is not None
    assert (found.replies, found.ratings) == (30, 60)
    assert found.kappa.value == pytest.approx(known.value)
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert found.offset is not None
    assert found.offset.value == pytest.approx(np.mean(own) - np.mean(people))


def test_people_have_no_order() -> None:
    """Who reviewed first changes nothing."""
    replies = _day(30, 1)
    turned = [
        RatedReply(
            reply_id=one.reply_id,
            evaluator=one.evaluator,
            ratings={"trust": one.ratings["trust"][::-1]},
        )
        for one in replies
    ]
    one, other = (metric_agreement("trust", some).people for some in (replies, turned))
    assert one.kappa is not None
    assert other.kappa is not None
    assert one.kappa.value == pytest.approx(other.kappa.value)
    assert one.offset is None


def test_an_evaluator_as_good_as_a_person_agrees_as_well_as_people_do() -> None:
    """The yardstick is fair: one rating against one rating on both sides."""
    found = metric_agreement("trust", _day(600, 2))
    assert found.evaluator.kappa is not None
    assert found.people.kappa is not None
    assert found.evaluator.kappa.value == pytest.approx(found.people.kappa.value, abs=0.03)


def test_an_evaluator_at_odds_lowers_the_alpha_of_all() -> None:
    found = metric_agreement("trust", _day(200, 3, evaluator=6.0))
    assert found.evaluator.alpha is not None
    assert found.people.alpha is not None
    assert found.evaluator.alpha.high < found.people.alpha.low


def test_few_and_flat_are_told_apart_from_zero() -> None:
    few = metric_agreement("trust", _day(9, 4)).evaluator
    flat = metric_agreement("trust", [_reply(at, 5.0, {"op": 5.0}) for at in range(12)]).evaluator
    none = metric_agreement("ease", _day(9, 4)).people
    assert (few.missing, few.kappa, few.replies) == ("few", None, 9)
    assert (flat.missing, flat.kappa, flat.gap and flat.gap.value) == ("flat", None, 0.0)
    assert (none.missing, none.replies) == ("few", 0)


def test_what_the_evaluator_learnt_from_does_not_speak_for_it() -> None:
    replies = _day(40, 5)
    found = metric_agreement("trust", replies, learnt_until=BEGIN + 19 * HOUR)
    assert found.evaluator.replies == 20
    assert found.people.replies == 40


def test_a_reply_without_a_verdict_still_tells_of_people() -> None:
    replies = [*_day(20, 6), *(_reply(50 + at, None, {"a": 3.0, "b": 8.0}) for at in range(5))]
    found = metric_agreement("trust", replies)
    assert (found.evaluator.replies, found.people.replies) == (20, 25)


def test_blind_reviews_stand_by_themselves() -> None:
    """Reviewers who see the score copy it: only the blind ones show how little it is worth."""
    rng = np.random.default_rng(7)
    replies = []
    for at in range(60):
        own = float(rng.integers(0, 11))
        given = {"sees": own, "blind": float(rng.integers(0, 11))}
        replies.append(_reply(at, own, given, blind=("blind",)))
    found = metric_agreement("trust", replies)
    assert found.evaluator.kappa is not None
    assert found.blind.kappa is not None
    assert (found.blind.replies, found.blind.ratings) == (60, 60)
    assert found.blind.kappa.high < found.evaluator.kappa.value


def test_a_turn_of_the_evaluator_and_one_of_people_are_told_apart() -> None:
    good, odd = _day(80, 8), _day(40, 9, evaluator=8.0)
    later = [_moved(one, 80) for one in odd]
    found = metric_agreement("trust", [*good, *later])
    assert (found.drift.verdict, found.people_drift.verdict) == ("fallen", "steady")
    apart = [_moved(one, 80) for one in _day(40, 10, people=8.0)]
    found = metric_agreement("trust", [*good, *apart])
    assert found.people_drift.verdict == "fallen"


def _moved(reply: RatedReply, hours: int) -> RatedReply:
    given = tuple(
        Rating(operator=one.operator, value=one.value, blind=one.blind, at=one.at + hours * HOUR)
        for one in reply.ratings["trust"]
    )
    return RatedReply(
        reply_id=f"later-{reply.reply_id}", evaluator=reply.evaluator, ratings={"trust": given}
    )


def test_the_order_of_time_decides_not_the_order_given() -> None:
    replies = _day(60, 11)
    one, other = (metric_agreement("trust", some) for some in (replies, replies[::-1]))
    assert one == other
    assert one.history[-1].until == BEGIN + 59 * HOUR


def test_all_twelve_are_there_and_no_other() -> None:
    assert tuple(metric_agreements(_day(12, 12))) == METRIC_KEYS
    with pytest.raises(ValueError, match="charm"):
        metric_agreement("charm", [])
