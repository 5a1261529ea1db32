"""Glicko-2: the published example, what the package gets wrong, and orders of periods."""

import math
import random

import pytest
from glicko2 import Player

from rlaif.arena_ratings import Game, Result, Strength, after_period, rate

# Glickman's example: a player of 1500 (deviation 200) meets three opponents, beats the first and
# loses to the others; tau 0.5.
_PLAYER = Strength(rating=1500, deviation=200)
_RESULTS = [
    Result(opponent=Strength(rating=1400, deviation=30), score=1),
    Result(opponent=Strength(rating=1550, deviation=100), score=0),
    Result(opponent=Strength(rating=1700, deviation=300), score=0),
]


def test_the_published_example() -> None:
    after = after_period(_PLAYER, _RESULTS)
    assert after.rating == pytest.approx(1464.06, abs=0.02)
    assert after.deviation == pytest.approx(151.52, abs=0.01)
    assert after.volatility == pytest.approx(0.05999, abs=0.00001)


def test_only_differences_of_ratings_matter() -> None:
    here = after_period(_PLAYER, _RESULTS)
    for shift in (-700.0, 1000.0):
        moved = after_period(
            Strength(rating=_PLAYER.rating + shift, deviation=_PLAYER.deviation),
            [
                Result(
                    opponent=Strength(
                        rating=one.opponent.rating + shift, deviation=one.opponent.deviation
                    ),
                    score=one.score,
                )
                for one in _RESULTS
            ],
        )
        assert moved.rating - shift == pytest.approx(here.rating)
        assert moved.deviation == pytest.approx(here.deviation)
        assert moved.volatility == pytest.approx(here.volatility, abs=1e-12)


def _volatility(before: Strength, results: list[Result], tau: float = 0.5) -> float:
    """Step 5 by plain bisection of the published f, which falls through zero once."""
    phi, mu = before.deviation / 173.7178, (before.rating - 1500) / 173.7178
    precision, gain = 0.0, 0.0
    for one in results:
        other = (one.opponent.rating - 1500) / 173.7178
        weight = 1 / math.sqrt(1 + 3 * (one.opponent.deviation / 173.7178) ** 2 / math.pi**2)
        expected = 1 / (1 + math.exp(-weight * (mu - other)))
        precision += weight**2 * expected * (1 - expected)
        gain += weight * (one.score - expected)
    variance, start = 1 / precision, math.log(before.volatility**2)
    delta = variance * gain

    def f(x: float) -> float:
        ex = math.exp(x)
        spread = phi**2 + variance + ex
        return ex * (delta**2 - spread) / (2 * spread**2) - (x - start) / tau**2

    low, high = start - 20, start + 20
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return math.exp(low / 2)


def test_the_volatility_is_the_published_one_far_from_1500_where_the_package_errs() -> None:
    strong = Strength(rating=1900, deviation=80)
    upset = [Result(opponent=Strength(rating=1850, deviation=40), score=0)] * 12
    right = _volatility(strong, upset)
    assert after_period(strong, upset).volatility == pytest.approx(right, abs=1e-7)
    bare = Player(rating=1900, rd=80, vol=0.06)
    bare.update_player([1850] * 12, [40] * 12, [0] * 12)
    assert abs(bare.vol - right) > 1e-6


def test_without_games_only_the_deviation_grows() -> None:
    after = after_period(_PLAYER, [])
    assert after.rating == _PLAYER.rating
    assert after.deviation == pytest.approx(173.7178 * math.hypot(200 / 173.7178, 0.06), abs=1e-6)


def _season(
    strengths: dict[str, float], periods: int, seed: int, games: int = 30
) -> list[list[Game]]:
    """Round robins whose results follow the strengths."""
    rng = random.Random(seed)
    names = sorted(strengths)
    return [
        [
            Game(
                first=one,
                second=other,
                score=float(
                    rng.random() < 1 / (1 + 10 ** ((strengths[other] - strengths[one]) / 400))
                ),
            )
            for at, one in enumerate(names)
            for other in names[at + 1 :]
            for _ in range(games)
        ]
        for _ in range(periods)
    ]


def test_known_strengths_come_back_within_two_deviations() -> None:
    true = {"weak": 1400.0, "middle": 1500.0, "strong": 1600.0}
    inside, spreads = 0, []
    for seed in range(10):
        found = rate(list(true), _season(true, 10, seed, games=6), orders=4)
        assert found["weak"].rating < found["strong"].rating
        assert all(one.deviation < 50 for one in found.values())
        inside += sum(found[name].low <= true[name] <= found[name].high for name in true)
        spreads.append(found["strong"].rating - found["weak"].rating)
    assert inside >= 0.9 * 30
    assert sum(spreads) / len(spreads) == pytest.approx(200, abs=40)


def test_every_period_comes_early_and_late() -> None:
    """One side wins the first round, the other the second: neither order may decide."""
    won = [Game(first="a", second="b", score=1.0)] * 10
    lost = [Game(first="a", second="b", score=0.0)] * 10
    forth, back = rate(["a", "b"], [won, lost]), rate(["a", "b"], [lost, won])
    assert forth["a"].rating == pytest.approx(1500)
    assert forth["a"].rating == pytest.approx(back["a"].rating)
    assert forth["a"].order_gap > 10
    assert forth["a"].games == 20


def test_order_within_a_period_does_not_matter() -> None:
    season = _season({"x": 1450.0, "y": 1500.0, "z": 1580.0}, 2, seed=1)
    turned = [list(reversed(period)) for period in season]
    first, second = rate(["x", "y", "z"], season), rate(["x", "y", "z"], turned)
    for name in first:
        assert first[name].rating == pytest.approx(second[name].rating)


def test_a_game_needs_two_versions_and_a_score() -> None:
    with pytest.raises(ValueError, match="expected two versions"):
        Game(first="a", second="a", score=1)
    with pytest.raises(ValueError, match="0 to 1"):
        Game(first="a", second="b", score=2)
