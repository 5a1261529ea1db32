"""Two raters of one dialogue: who rated whom, and what of it is habit."""

import numpy as np
import pytest

from rlaif.rated_dialogues import RatedDialogue
from rlaif.rater_agreement import rater_agreement
from tests.rlaif.rated_world import LICENCE, rated_world, talk


def _judged(dialogues: int) -> list[RatedDialogue]:
    """Two people of opposite habits rate the same system and see the same in it."""
    rng = np.random.default_rng(1)
    return [
        RatedDialogue(
            group=f"{n}",
            messages=talk("問い", "答え"),
            rater=rater,
            system="v1",
            ratings={"trust": habit + float(seen)},
            licence=LICENCE,
        )
        for n, seen in enumerate(rng.normal(size=dialogues))
        for rater, habit in (("strict", -4.0), ("kind", 4.0))
    ]


def test_raters_who_see_the_same_agree_once_their_habits_are_taken_off() -> None:
    found = rater_agreement(_judged(40), ("trust",), 100, 1)
    assert found is not None
    assert found.seats == "same"
    raw, within = found.as_given["trust"], found.within_rater["trust"]
    assert raw is not None
    assert within is not None
    # Each pair counts both ways round: habits apart by more than all else turn the figure negative.
    assert raw.value < 0
    assert within.value == pytest.approx(1.0)
    assert within.n == 40


def test_partners_are_told_from_raters_of_one_seat() -> None:
    found = rater_agreement(rated_world(), ("interest", "satisfaction"), 100, 1)
    assert found is not None
    assert found.seats == "partners"
    assert found.mean is not None
    assert found.mean.low < 0 < found.mean.high


def test_one_rater_a_dialogue_agrees_with_nobody() -> None:
    alone = [one for one in _judged(20) if one.rater == "kind"]
    assert rater_agreement(alone, ("trust",), 100, 1) is None
