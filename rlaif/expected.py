"""How long tonight's training may take, from what training took in earlier nights."""

import math
import statistics
from dataclasses import dataclass

from rlaif.night_work import NightSettings
from store.night_records import Night

SECONDS_PER_PAIR = 1.0
"""Where no night has trained yet: one epoch of the embedded model on two processor cores took 0.7."""

_NIGHTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTraining:
    """What training would take. pairs: from visitors. replay_pairs: from the card.

    measured_nights: how many nights `seconds_per_pair` comes from, 0: SECONDS_PER_PAIR was taken.
    enough: whether there are pairs enough to train at all.
    """

    pairs: int
    replay_pairs: int
    seconds_per_pair: float
    measured_nights: int
    enough: bool

    @property
    def minutes(self) -> float:
        """Of training; 0 when there is none."""
        if not self.enough:
            return 0.0
        return (self.pairs + self.replay_pairs) * self.seconds_per_pair / 60


def expected_training(
    pairs: int, settings: NightSettings, earlier: list[Night]
) -> ExpectedTraining:
    """Estimate from the newest of the `earlier` nights (newest first) that trained."""
    measured = [speed for night in earlier if (speed := _seconds_per_pair(night)) is not None]
    newest = measured[:_NIGHTS]
    share = settings.training.replay_share
    return ExpectedTraining(
        pairs=pairs,
        replay_pairs=math.ceil(pairs * share / (1 - share)),
        seconds_per_pair=statistics.median(newest) if newest else SECONDS_PER_PAIR,
        measured_nights=len(newest),
        enough=pairs >= settings.min_pairs,
    )


def _seconds_per_pair(night: Night) -> float | None:
    for step in night.steps:
        fresh, replay = step.detail.get("pairs"), step.detail.get("replay")
        if step.step != "train" or step.finished_at is None:
            continue
        if isinstance(fresh, int) and isinstance(replay, int) and fresh + replay:
            return (step.finished_at - step.started_at).total_seconds() / (fresh + replay)
    return None
