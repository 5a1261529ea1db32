"""Means and rates over visitors, with intervals derived here by hand."""

import math

import pytest
from scipy.stats import t

from rlaif.version_figures import score_figures, signal_figures
from store.version_sums import ScoreSums, SignalSums


def _scores(replies: int, total: float, evaluator: str = "one") -> ScoreSums:
    return ScoreSums(evaluator=evaluator, replies=replies, values=(total,) * 12)


def test_a_mean_counts_replies_and_its_interval_visitors() -> None:
    # Visitor a: two replies of 4 and 6; visitor b: one of 8.
    found = score_figures([_scores(2, 10.0), _scores(1, 8.0)])["one"]["trust"]
    assert found.value == pytest.approx(6.0)
    # Influences: (10 - 6*2)/3 = -2/3 and (8 - 6*1)/3 = 2/3; variance 2/1 * (4/9 + 4/9) = 16/9.
    half = float(t.isf(0.025, 1)) * 4 / 3
    assert half > 10, "two visitors say next to nothing: the interval is the whole scale"
    assert (found.low, found.high) == (0.0, 10.0)
    assert (found.n, found.visitors) == (3, 2)


def test_an_interval_inside_the_scale() -> None:
    sums = [_scores(1, value) for value in (5.0, 6.0, 7.0, 6.0)]
    found = score_figures(sums)["one"]["mean"]
    # As the mean of four: standard error of 5, 6, 7, 6 is sqrt(2/3)/2.
    half = float(t.isf(0.025, 3)) * math.sqrt(2 / 3) / 2
    assert found.low == pytest.approx(6.0 - half)
    assert found.high == pytest.approx(6.0 + half)


def test_one_visitor_has_no_interval_and_evaluators_are_kept_apart() -> None:
    found = score_figures([_scores(3, 9.0), _scores(1, 5.0, "two")])
    assert {name: one["ease"].value for name, one in found.items()} == {"one": 3.0, "two": 5.0}
    assert found["one"]["ease"].low is None
    assert score_figures([]) == {}


def _signals(messages: int, retried: int, up: int = 0) -> SignalSums:
    return SignalSums(messages=messages, retried=retried, replies=messages, up=up, down=0)


def test_rates_of_visitors_who_do_not_agree_are_less_sure() -> None:
    alike = signal_figures([_signals(10, 1)] * 20)["retry"]
    apart = signal_figures([_signals(10, 2), _signals(10, 0)] * 10)["retry"]
    assert alike.value == apart.value == pytest.approx(0.1)
    assert apart.low is not None
    assert apart.high is not None
    assert 0 < apart.low < 0.1 < apart.high < 1
    # Wilson's interval where the effective number of cases is p(1-p)/se^2,
    # se^2 = 20/19 * 20 * (1/200)^2.
    worth = 0.09 / (20 / 19 * 20 / 200**2)
    square = float(t.isf(0.025, 19)) ** 2
    half = math.sqrt(square * (0.09 / worth + square / (4 * worth**2))) / (1 + square / worth)
    centre = (0.1 + square / (2 * worth)) / (1 + square / worth)
    assert apart.high == pytest.approx(centre + half)


def test_what_nobody_did_is_not_known_to_be_impossible() -> None:
    found = signal_figures([_signals(50, 0), _signals(50, 0), _signals(50, 0)])
    assert found["retry"].value == found["retry"].low == 0
    assert found["retry"].high is not None
    # Three visitors: t^2 / (3 + t^2).
    square = float(t.isf(0.025, 2)) ** 2
    assert found["retry"].high == pytest.approx(square / (3 + square))
    assert signal_figures([]) == {}


def test_replies_that_answer_nobody_first_have_no_retry_rate() -> None:
    only_retries = SignalSums(messages=0, retried=0, replies=2, up=1, down=0)
    found = signal_figures([only_retries, only_retries])
    assert set(found) == {"up", "down"}
    assert found["up"].value == 0.5
