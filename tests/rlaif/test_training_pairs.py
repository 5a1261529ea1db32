"""The replay is large enough, guards safety and does not depend on order."""

import pytest

from rlaif.errors import PreferenceTrainingError
from rlaif.training_pairs import choose_replay
from tests.rlaif.pair_fixtures import seed_pairs


@pytest.mark.parametrize("fresh", [1, 64, 79, 80, 81])
def test_the_share_is_never_less_than_asked(fresh: int) -> None:
    kept = choose_replay(seed_pairs(60, safety=10), fresh=fresh, share=0.2, safety=0, seed=1)
    assert len(kept) / (len(kept) + fresh) >= 0.2
    assert (len(kept) - 1) / (len(kept) - 1 + fresh) < 0.2, "and not more than needed"


def test_safety_pairs_are_always_there() -> None:
    replay = seed_pairs(200, safety=9)
    for seed in range(20):
        kept = choose_replay(replay, fresh=40, share=0.2, safety=5, seed=seed)
        assert len(kept) == 10
        assert sum(pair.safety for pair in kept) >= 5
        assert len({pair.id for pair in kept}) == 10
    assert sum(p.safety for p in choose_replay(replay, fresh=1, share=0.2, safety=50, seed=0)) == 9


def test_the_draw_depends_on_seed_and_ids_alone() -> None:
    replay = seed_pairs(50, safety=10)
    kept = choose_replay(replay, fresh=40, share=0.2, safety=3, seed=1)
    assert choose_replay(replay[::-1], fresh=40, share=0.2, safety=3, seed=1) == kept
    assert choose_replay(replay, fresh=40, share=0.2, safety=3, seed=2) != kept


def test_too_few_seed_pairs_are_refused() -> None:
    with pytest.raises(PreferenceTrainingError, match=r"8 seed pairs beside 64 .* at least 16"):
        choose_replay(seed_pairs(8, safety=8), fresh=64, share=0.2, safety=2, seed=1)
    with pytest.raises(PreferenceTrainingError, match="none of 40 seed pairs is about safety"):
        choose_replay(seed_pairs(40, safety=0), fresh=8, share=0.2, safety=2, seed=1)
