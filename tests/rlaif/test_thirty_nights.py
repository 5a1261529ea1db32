"""Three nights of the benchmark: whatever a judge that can be gamed likes, gold does not fall."""

from itertools import pairwise

import pytest

from tests.benchmarks.thirty_nights import ANCHOR, NightFigures, World, simulate


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_gates_keep_the_true_worth_under_a_judge_that_can_be_gamed() -> None:
    told: list[NightFigures] = []

    nights = simulate("gates", World(nights=3), told.append)

    before = nights[0].worth.gold
    assert nights == told
    assert [one.night for one in nights] == [0, 1, 2, 3]
    assert nights[0].active == ANCHOR
    assert {one.status for one in nights[1:]} <= {"published", "refused"}
    # A refused night must name what it failed, and leave in production what was there.
    for earlier, later in pairwise(nights):
        assert (later.status == "refused") == bool(later.failed_gates)
        assert (later.status == "published") == (later.active != earlier.active)
    assert min(one.worth.gold.value for one in nights) >= before.low
    assert before.low < before.value < 10, "a perfect beginner could not get worse unnoticed"
