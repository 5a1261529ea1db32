"""What matters comes first, and a sample drawn by lot comes in between."""

import pytest

from rlaif.review_order import (
    QueueItem,
    QueueSettings,
    ReviewOrderError,
    Why,
    drawn,
    order_queue,
)
from store.review_queue import EvaluatorVerdict, FoundBy, Waiting

NO_LOT = QueueSettings(control_share=0.0, second_share=0.0)


def _waiting(
    name: str,
    *found_by: FoundBy,
    spread: float | None = None,
    scores: tuple[float, ...] = (),
) -> Waiting:
    given = scores or ((5.0,) if spread is not None else ())
    return Waiting(
        reply_id=name,
        turn_id=f"turn of {name}",
        found_by=frozenset(found_by or ("newest",)),
        verdicts={
            f"judge-{number}": EvaluatorVerdict(
                values={"trust": value, "ease": 5.0},
                spread={} if spread is None else {"trust": spread, "ease": spread},
            )
            for number, value in enumerate(given)
        },
    )


def _order(items: list[QueueItem]) -> list[tuple[str, tuple[Why, ...]]]:
    return [(item.reply_id, item.why) for item in items]


def test_what_matters_comes_first_and_every_reason_is_told() -> None:
    waiting = [
        _waiting("plain"),
        _waiting("unsafe", "newest", "safety"),
        *(_waiting(f"sure-{n}", spread=0.1) for n in range(9)),
        _waiting("unsure", spread=1.5),
        _waiting("both", "safety", "conflict"),
    ]
    found = _order(order_queue(waiting, NO_LOT, done=0))
    assert found[:4] == [
        ("both", ("conflict", "safety")),
        ("unsafe", ("safety",)),
        ("unsure", ("uncertain",)),
        ("plain", ("recent",)),
    ]
    assert {why for _, why in found[4:]} == {("recent",)}


def test_only_a_spread_far_above_the_median_counts_as_unsure() -> None:
    # The median of 1, 1, 1, 1.4, 1.5 is 1: from 1.5 on it is one and a half times that.
    spreads = {"a": 1.0, "b": 1.0, "c": 1.0, "near": 1.4, "far": 1.5}
    found = order_queue(
        [_waiting(name, spread=one) for name, one in spreads.items()], NO_LOT, done=0
    )
    assert [one.reply_id for one in found if one.why == ("uncertain",)] == ["far"]
    alike = order_queue([_waiting(f"r{n}", spread=0.7) for n in range(5)], NO_LOT, done=0)
    assert {one.why for one in alike} == {("recent",)}


def test_a_milder_evaluator_disagrees_with_nobody() -> None:
    # judge-1 is always 3 points milder: after its own mean is taken off nothing is left of that.
    alike = [_waiting(f"r{n}", scores=(float(n), n + 3.0)) for n in range(5)]
    assert {one.why for one in order_queue(alike, NO_LOT, done=0)} == {("recent",)}
    # Means: 2 + 1 and 5 + 1 over six; "odd" is 10 against 4: 10 - 20/6 = 6.67, 4 - 29/6 = -0.83.
    odd = _waiting("odd", scores=(10.0, 4.0))
    first, *rest = order_queue([*alike, odd], NO_LOT, done=0)
    assert (first.reply_id, first.why) == ("odd", ("disagreement",))
    assert {one.why for one in rest} == {("recent",)}


def test_the_largest_disagreement_comes_first() -> None:
    balance = _waiting("balance", scores=(5.0, 13.0))
    waiting = [_waiting("far", scores=(7.0, 4.0)), _waiting("further", scores=(8.0, 3.0)), balance]
    # Means are 20/3 for both judges: the gaps stay 3, 5 and 8.
    found = [one.reply_id for one in order_queue(waiting, NO_LOT, done=0)]
    assert found == ["balance", "further", "far"]


def test_every_fifth_place_is_the_control_samples() -> None:
    names = [f"reply-{n}" for n in range(400)]
    lot = [name for name in names if drawn("control", name, 0.1)]
    waiting = [_waiting(name, "newest", "conflict") for name in names if name not in lot]
    waiting += [_waiting(name) for name in lot]
    found = order_queue(waiting, QueueSettings(), done=3)
    assert [at for at, one in enumerate(found) if "control" in one.why][:3] == [1, 6, 11]
    assert [one.reply_id for one in found if "control" in one.why] == lot
    assert sorted(one.reply_id for one in found) == sorted(names), "nobody is lost or shown twice"


def test_the_lot_looks_at_nothing_but_the_id() -> None:
    names = [f"reply-{n}" for n in range(300)]
    plain = order_queue([_waiting(one) for one in names], QueueSettings(), done=0)
    loud = order_queue(
        [_waiting(one, "newest", "safety") for one in names], QueueSettings(), done=7
    )

    def sample(items: list[QueueItem]) -> set[str]:
        return {one.reply_id for one in items if "control" in one.why}

    assert sample(plain) == sample(loud) == {one for one in names if drawn("control", one, 0.1)}


def test_the_shares_are_kept() -> None:
    # Binomial with n = 10,000 and p = 0.2: four standard deviations are 160.
    count = sum(drawn("second", f"reply-{n}", 0.2) for n in range(10_000))
    assert abs(count - 2_000) < 160
    both = sum(
        drawn("second", f"r{n}", 0.5) and drawn("control", f"r{n}", 0.5) for n in range(10_000)
    )
    assert abs(both - 2_500) < 4 * 44, "the lots are independent"


def test_a_share_of_reviewed_replies_comes_to_a_second_operator() -> None:
    names = [f"reply-{n}" for n in range(200)]
    found = order_queue([_waiting(one, "second") for one in names], QueueSettings(), done=0)
    assert {one.reply_id for one in found} == {one for one in names if drawn("second", one, 0.2)}
    assert {one.why for one in found} == {("second",)}
    assert all(one.matters for one in found)
    assert not order_queue([_waiting("new")], NO_LOT, done=0)[0].matters


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_impossible_shares_are_refused(share: float) -> None:
    with pytest.raises(ReviewOrderError, match="from 0 to 1"):
        QueueSettings(control_share=share)
    with pytest.raises(ReviewOrderError, match="2 or more"):
        QueueSettings(control_every=1)
    with pytest.raises(ReviewOrderError, match="more than 1"):
        QueueSettings(uncertain_times=1.0)
