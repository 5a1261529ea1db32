"""Traits from scores: means, lean, agreement with the card, and distance between passes."""

import math
from dataclasses import replace

import pytest

from persona.card import TRAITS
from rlaif.interview_big_five import QUESTIONS, big_five, big_five_interviews
from rlaif.interview_estimates import mean_of_few
from tests.rlaif.interview_kit import CARD


def test_every_trait_is_asked_about_both_ways() -> None:
    made = big_five_interviews()
    assert len({one.turns[0].user for one in made}) == len(made)
    for trait in TRAITS:
        own = [one for one in made if one.subject == trait]
        assert 4 <= len(own) <= 5
        assert {one.id.split("-")[1] for one in own} == {"towards", "against"}
    assert all(not one.continued and not one.truths for one in made)
    assert set(QUESTIONS) == set(TRAITS)


def test_a_question_counts_once_with_the_mean_of_its_passes() -> None:
    scores = {"openness-towards-0": [5.0, 3.0], "openness-against-0": [2.0, 2.0]}
    found = big_five(replace(CARD, big_five=()), scores)
    (trait,) = found.traits
    own = found.traits[trait]
    assert trait == "openness"
    assert own.level.value == 3.0  # of 4 and 2
    assert own.level.n == 2
    assert own.lean == 2.0
    assert (own.expected, own.agrees, own.certain) == (None, None, None)


def test_two_passes_are_compared_question_by_question() -> None:
    scores = {"openness-towards-0": [5.0, 3.0], "openness-against-0": [2.0, 2.0], "x": [4.0]}
    found = big_five(CARD, scores)
    assert found.repeated is not None
    assert found.within_one is not None
    assert (found.repeated.value, found.repeated.n) == (1.0, 2)  # of 2 and 0
    assert found.within_one.value == 0.5


def test_one_pass_says_nothing_of_stability() -> None:
    found = big_five(CARD, {"openness-towards-0": [5.0]})
    assert (found.repeated, found.within_one) == (None, None)


@pytest.mark.parametrize(
    ("scores", "expected", "agrees", "certain"),
    [
        ([5, 5, 5, 4], "high", True, True),  # 4.75 ± 0.80
        ([5, 5, 3, 3], "high", True, False),  # 4 ± 1.84 leaves the band
        ([1, 1, 1, 2], "high", False, True),  # 1.25 ± 0.80 stays outside
        ([3, 3, 3, 4], "middle", True, False),  # 3.25 ± 0.80 touches 4.05
        ([2, 2, 2, 2], "low", True, True),
    ],
)
def test_agreement_with_the_card(
    scores: list[float], expected: str, agrees: bool, certain: bool
) -> None:
    card = replace(CARD, big_five=(("openness", expected),))  # type: ignore[arg-type]
    given = {f"openness-towards-{at}": [float(score)] for at, score in enumerate(scores)}
    own = big_five(card, given).traits["openness"]
    assert (own.agrees, own.certain) == (agrees, certain)


def test_interval_of_a_few_scores_is_students() -> None:
    found = mean_of_few([2.0, 4.0, 6.0], (1, 7))
    assert found is not None
    # Standard deviation 2, two degrees of freedom: t is 4.3027.
    half = 4.3027 * 2 / math.sqrt(3)
    assert found.value == 4.0
    assert found.low == max(1.0, 4 - half)
    assert found.high == min(7.0, 4 + half)
    wide = mean_of_few([2.0, 4.0, 6.0], (-99, 99))
    assert wide is not None
    assert wide.high == pytest.approx(4 + half, abs=1e-3)


def test_equal_scores_are_only_equal_up_to_their_rounding() -> None:
    found = mean_of_few([3.0, 3.0], (1, 7))
    assert found is not None
    # One degree of freedom: t is 12.706; a whole figure hides a deviation of 1 / sqrt(12).
    half = 12.706 / math.sqrt(12) / math.sqrt(2)
    assert (found.low, found.high) == (1, pytest.approx(3 + half, abs=1e-3))


def test_one_score_could_be_anything_and_none_is_none() -> None:
    found = mean_of_few([6.0], (1, 7))
    assert found is not None
    assert (found.value, found.low, found.high) == (6.0, 1, 7)
    assert mean_of_few([], (1, 7)) is None
