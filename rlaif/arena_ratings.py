"""Glicko-2 ratings of versions that do not change while they are compared.

All games of a rating period count at once, from the ratings at its beginning, so their order within
it does not matter. The order of the periods does: the later ones weigh more, because opponents are
better known by then. As versions are the same in every period, no order is the right one. The rating
is the mean over rotations of the periods, in which each comes early and late; how far they lie apart
is reported beside it.

A rating deviation takes games for independent and decided. Several replies to one situation are not
independent: resampling whole situations (`rlaif/arena_statistics.py`) allows for it.

Source: Glickman, "Example of the Glicko-2 system" (2012), http://www.glicko.net/glicko/glicko2.pdf.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glicko2 import Player

START_RATING = 1500.0
START_DEVIATION = 350.0
START_VOLATILITY = 0.06
_SCALE_CENTRE = 1500.0
"""Where the package's own scale is zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """`score` of `first`: 1 won, 0.5 tied, 0 lost."""

    first: str
    second: str
    score: float

    def __post_init__(self) -> None:
        if self.first == self.second or not 0 <= self.score <= 1:
            raise ValueError(
                f"the game {self.first} against {self.second} has the score {self.score}; expected "
                "two versions and 0 to 1"
            )


Period = Sequence[Game]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """A rating with its deviation on Glicko's scale, and its volatility on Glicko-2's own."""

    rating: float = START_RATING
    deviation: float = START_DEVIATION
    volatility: float = START_VOLATILITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one opponent's game says: their strength before the period, and the score against it."""

    opponent: Strength
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """`rating`: mean over the orders of periods; `deviation`: the largest of any order; the interval
    is rating +- 2 deviations. `order_gap`: highest minus lowest rating among the orders."""

    rating: float
    deviation: float
    order_gap: float
    games: int

    @property
    def low(self) -> float:
        """Rating minus two deviations."""
        return self.rating - 2 * self.deviation

    @property
    def high(self) -> float:
        """Rating plus two deviations."""
        return self.rating + 2 * self.deviation


def after_period(before: Strength, results: Sequence[Result]) -> Strength:
    """One player's strength after a rating period; without games only the deviation grows."""
    # The package's volatility step squares the rating where Glickman squares the deviation. Ratings
    # matter only by their differences, so everybody is moved along the scale until the two are one.
    shift = _SCALE_CENTRE + before.deviation - before.rating
    player = Player(rating=before.rating + shift, rd=before.deviation, vol=before.volatility)
    if results:
        player.update_player(
            [one.opponent.rating + shift for one in results],
            [one.opponent.deviation for one in results],
            [one.score for one in results],
        )
    else:
        player.did_not_compete()
    return Strength(
        rating=float(player.rating) - shift,
        deviation=float(player.rd),
        volatility=float(player.vol),
    )


def rate(
    versions: Sequence[str], periods: Sequence[Period], *, orders: int = 12
) -> dict[str, Rating]:
    """Each version's rating after all periods, over `orders` rotations of them, evenly spread."""
    count = max(1, len(periods))
    wanted = min(orders, count)
    starts = [at * count // wanted for at in range(wanted)]
    runs = [_run(versions, [*periods[at:], *periods[:at]]) for at in starts]
    return {name: _rating(name, runs, periods) for name in versions}


def _run(versions: Sequence[str], periods: Sequence[Period]) -> dict[str, Strength]:
    now = {name: Strength() for name in versions}
    for period in periods:
        results: dict[str, list[Result]] = {name: [] for name in versions}
        for game in period:
            results[game.first].append(Result(opponent=now[game.second], score=game.score))
            results[game.second].append(Result(opponent=now[game.first], score=1 - game.score))
        now = {name: after_period(now[name], results[name]) for name in versions}
    return now


def _rating(name: str, runs: Sequence[Mapping[str, Strength]], periods: Sequence[Period]) -> Rating:
    ratings = [run[name].rating for run in runs]
    return Rating(
        rating=sum(ratings) / len(ratings),
        deviation=max(run[name].deviation for run in runs),
        order_gap=max(ratings) - min(ratings),
        games=sum(name in (game.first, game.second) for period in periods for game in period),
    )
