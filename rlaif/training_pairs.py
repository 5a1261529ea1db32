"""Which pairs a night trains on: its own, and a replay of what the card teaches."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.errors import PreferenceTrainingError
from rlaif.preference import Preference


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPair:
    """A preference under the id that the manifest names. safety: it teaches to turn down."""

    id: str
    preference: Preference
    safety: bool = False


def choose_replay(
    replay: Sequence[TrainingPair], *, fresh: int, share: float, safety: int, seed: int
) -> tuple[TrainingPair, ...]:
    """Seed pairs to train beside `fresh` pairs of chats, so that they are at least `share` of all.

    `safety` of them are about safety, or all there are when they are fewer. The draw depends on
    seed and ids alone. Raises PreferenceTrainingError when the seed pairs do not suffice.
    """
    ordered = sorted(replay, key=lambda pair: pair.id)
    guarding = [pair for pair in ordered if pair.safety]
    if safety and not guarding:
        raise PreferenceTrainingError(
            f"none of {len(ordered)} seed pairs is about safety; expected {safety}: "
            "add safety rows to the card's dialogues"
        )
    wanted = math.ceil(share * fresh / (1 - share))
    if wanted > len(ordered):
        raise PreferenceTrainingError(
            f"there are {len(ordered)} seed pairs beside {fresh} of chats; expected at least "
            f"{wanted} for a replay share of {share:.0%}: add dialogues to the card"
        )
    rng = random.Random(seed)
    kept = rng.sample(guarding, min(safety, len(guarding)))
    names = {pair.id for pair in kept}
    others = [pair for pair in ordered if pair.id not in names]
    kept += rng.sample(others, max(0, wanted - len(kept)))
    return tuple(sorted(kept, key=lambda pair: pair.id))
