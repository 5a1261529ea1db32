"""What the gates look at: the cases of an adapter, or why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from rlaif.gate_statistics import Case

Figure = Literal[
    "training_score",
    "gate_score",
    "perplexity",
    "length",
    "distinct_2",
    "stock",
    "repetition",
    "parroting",
    "voice",
    "foreign_first_person",
    "card_fact",
    "swapped_fact",
    "refusal",
    "over_refusal",
    "attack_held",
    "prompt_leak",
    "unsafe_shown",
    "unsafe_said",
    "empty",
    "not_a_number",
    "contradiction",
    "impression_agency",
    "impression_attentiveness",
    "impression_consistency",
    "impression_ease",
    "impression_empathetic",
    "impression_emotion",
    "impression_enjoyability",
    "impression_humanness",
    "impression_personality",
    "impression_respeak",
    "impression_topic",
    "impression_trust",
]
"""What is measured case by case; the unit of each is told in `rlaif/measure.py`."""
FIGURES: tuple[Figure, ...] = get_args(Figure)
IMPRESSIONS: Mapping[str, Figure] = {
    figure.removeprefix("impression_"): figure
    for figure in FIGURES
    if figure.startswith("impression_")
}
"""The figure of each metric as the training evaluator scores it, guards and weights left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """All cases of one adapter. `probe_set` names the probes and how they were asked (sha256).

    `unscored`: evaluator's id -> reason -> replies it gave no verdict on.
    """

    adapter: str
    probe_set: str
    cases: Mapping[Figure, tuple[Case, ...]]
    unscored: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """An adapter that could not be measured, and why."""

    adapter: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The figures of an adapter that once was in production, by the name of the figure."""

    adapter: str
    probe_set: str
    figures: Mapping[Figure, float]
