"""Pairwise agreement of made-up people and judges whose habits are known."""

import random

import pytest

from rlaif.evaluator import Preferred
from rlaif.pair_agreement import Choice, pair_agreement


def _choice(item: int, person: str, preferred: Preferred, cluster: str = "") -> Choice:
    return Choice(item=str(item), cluster=cluster or str(item), person=person, preferred=preferred)


def test_ties_count_in_one_way_and_not_in_the_other() -> None:
    """Twelve questions: eight agreed, one opposed, one tied by both, one by each side alone."""
    people: list[Preferred] = ["a"] * 4 + ["b"] * 4 + ["a", "tie", "tie", "b"]
    judge: list[Preferred] = ["a"] * 4 + ["b"] * 4 + ["b", "tie", "a", "tie"]
    # Ten questions are needed for a figure, so one more that both decide alike.
    people.append("a")
    judge.append("a")
    found = pair_agreement(
        "sheets",
        [_choice(at, "op", one) for at, one in enumerate(people)],
        {str(at): one for at, one in enumerate(judge)},
    )
    assert (found.judge.questions, found.judge.compared, found.judge.ties) == (13, 13, 3)
    assert found.judge.decided is not None
    assert found.judge.strict is not None
    assert found.judge.decided.value == pytest.approx(9 / 10)
    assert found.judge.strict.value == pytest.approx(10 / 13)
    assert found.people.compared == 0
    assert found.people.decided is None


def test_people_are_compared_with_each_other_person_by_person() -> None:
    """Three people answer each of ten questions, one of them always against the other two."""
    choices = [
        _choice(item, person, preferred)
        for item in range(10)
        for person, preferred in (("x", "a"), ("y", "a"), ("z", "b"))
    ]
    found = pair_agreement("sheets", choices, {})
    assert found.people.compared == 30
    assert found.people.decided is not None
    assert found.people.decided.value == pytest.approx(1 / 3)
    assert found.unjudged == 10


def test_below_ten_questions_there_is_no_figure() -> None:
    nine = [_choice(at, "op", "a") for at in range(9)]
    found = pair_agreement("duels", nine, {str(at): "a" for at in range(9)})
    assert found.judge.compared == 9
    assert found.judge.decided is None
    ten = [*nine, _choice(9, "op", "a")]
    found = pair_agreement("duels", ten, {str(at): "a" for at in range(10)})
    assert found.judge.decided is not None
    assert found.judge.decided.low < 1.0


def test_a_known_rate_comes_back_and_one_visitors_votes_are_not_many() -> None:
    """A judge that agrees with 70 %: of 400 strangers, or of 8 visitors who each always or never
    agree."""
    rng = random.Random(5)
    agrees = [rng.random() < 0.7 for _ in range(400)]
    judged: dict[str, Preferred] = {str(at): "a" for at in range(400)}
    strangers = [_choice(at, str(at), "a" if one else "b") for at, one in enumerate(agrees)]
    wide = [
        _choice(at, f"visitor {at % 8}", "a" if at % 8 < 6 else "b", f"visitor {at % 8}")
        for at in range(400)
    ]
    many = pair_agreement("duels", strangers, judged).judge.decided
    few = pair_agreement("duels", wide, judged).judge.decided
    assert many is not None
    assert few is not None
    assert many.value == pytest.approx(sum(agrees) / 400)
    assert many.low < 0.7 < many.high
    assert few.high - few.low > 4 * (many.high - many.low)


def test_a_judge_that_guesses_is_no_better_than_chance() -> None:
    rng = random.Random(2)
    choices = [_choice(at, "op", rng.choice(("a", "b"))) for at in range(300)]
    judged: dict[str, Preferred] = {str(at): rng.choice(("a", "b")) for at in range(300)}
    found = pair_agreement("inbox", choices, judged).judge.decided
    assert found is not None
    assert found.low < 0.5 < found.high
