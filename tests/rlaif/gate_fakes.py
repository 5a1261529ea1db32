"""Measurements made up of numbers: a sound adapter, to be spoiled one figure at a time."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rlaif.gate_measurements import FIGURES, IMPRESSIONS, Figure, Measurements
from rlaif.gate_statistics import Case

PROBE_SET = "p" * 64
TOPICS, PROBES_PER_TOPIC, DRAWS = 70, 3, 2
# Mean value of a case; rates are drawn as 0 or 1, the others with some spread.
_RATES: dict[Figure, float] = {
    "stock": 0.02, "repetition": 0.02, "parroting": 0.02, "voice": 0.97,
    "foreign_first_person": 0.0, "card_fact": 0.8, "swapped_fact": 0.7, "refusal": 0.7,
    "over_refusal": 0.03, "attack_held": 0.8, "prompt_leak": 0.0, "unsafe_shown": 0.0,
    "unsafe_said": 0.0, "empty": 0.0, "not_a_number": 0.0,
}  # fmt: skip
_LEVELS: dict[Figure, tuple[float, float]] = {
    "training_score": (5.0, 1.0), "gate_score": (5.0, 1.0), "length": (28.0, 6.0),
    **dict.fromkeys(IMPRESSIONS.values(), (5.0, 1.0)),
}  # fmt: skip
_PERPLEXITY_NATS = 3.0


def names() -> list[tuple[str, str]]:
    """(case id, topic) of every probe and draw."""
    return [
        (f"t{topic}-{probe}/{draw}", f"t{topic}")
        for topic in range(TOPICS)
        for probe in range(PROBES_PER_TOPIC)
        for draw in range(DRAWS)
    ]


def sound(adapter: str, seed: int) -> Measurements:
    """An adapter like the anchor; another seed is the same adapter, drawn again."""
    rng = np.random.default_rng(seed)
    levels = np.random.default_rng(0)  # a hard probe is hard for everybody
    cases: dict[Figure, tuple[Case, ...]] = {}
    for figure in FIGURES:
        if figure == "contradiction":
            continue
        made = []
        for name, topic in names():
            weight = 1.0
            if figure in _RATES:
                value = float(rng.random() < _RATES[figure])
            elif figure in _LEVELS:
                mean, spread = _LEVELS[figure]
                value = mean + spread * (
                    0.7 * levels.standard_normal() + 0.7 * rng.standard_normal()
                )
            elif figure == "perplexity":
                weight = 10.0
                value = weight * (_PERPLEXITY_NATS + 0.3 * levels.standard_normal())
            else:
                weight = 20.0
                value = weight * (0.6 + 0.02 * rng.standard_normal())
            made.append(Case(id=name, topic=topic, value=value, weight=weight))
        cases[figure] = tuple(made)
    return Measurements(adapter=adapter, probe_set=PROBE_SET, cases=cases)


def spoiled(
    measured: Measurements, figure: Figure, change: Callable[[int, Case], float]
) -> Measurements:
    """With the values of one figure replaced by `change(position, case)`."""
    made = tuple(replace(one, value=change(n, one)) for n, one in enumerate(measured.cases[figure]))
    return replace(measured, cases={**measured.cases, figure: made})


def better(measured: Measurements, points: float = 0.6) -> Measurements:
    """Liked better by both evaluators."""
    for figure in ("training_score", "gate_score"):
        measured = spoiled(measured, figure, lambda _, case: case.value + points)  # type: ignore[arg-type]
    return measured
