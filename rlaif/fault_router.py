"""Is a wrong reply wrong about her, or wrongly said? A fact belongs on the card, a tone in a pair.

A model that is trained on a corrected fact learns the fact by heart and not to read it, so what is
a matter of fact must never become a preference pair. The weights are of a logistic regression over
the figures of `fault_features.py`; `tests/benchmarks/fit_fault_router.py` makes them.
"""

import math
from dataclasses import dataclass
from typing import Literal

from persona.engine import Message
from rlaif.contradiction import contradictions
from rlaif.evaluator import Dialogue
from rlaif.fact_sentence import fact_sentence
from rlaif.fault_features import FaultCase, fault_figures, relevance, words

FaultKind = Literal["fact", "style"]

WEIGHTS = {
    "question": 1.04,
    "tells": -1.00,
    "corrected": -1.47,
    "gained_fact": 1.26,
    "anchored": 2.10,
    "lost_foreign": 0.88,
    "lost": 0.42,
    "exchanged": 0.38,
    "kept_fact": -1.64,
    "contradicted": 2.19,
    "numbers": 0.19,
    "likes": 0.37,
    "yes_no": 0.37,
    "never": 1.69,
    "now_known": 3.57,
    "same_frame": 1.35,
    "same_ending": 2.09,
    "addresses": -0.21,
    "grown": -2.45,
    "machine": -2.18,
    "note": 1.14,
    "note_style": -1.37,
    "note_fact": 2.82,
    "note_carries": 1.73,
}
BIAS = -2.01
# A tone taken for a fact costs an operator one key; a fact taken for a tone is trained.
FACT_FROM = 0.4
_NEAR = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a fault belongs. `certainty`: probability of `kind`, 0..1.

    Of a fault of fact: `sentence` is the fact to propose, None where the rules found no words;
    `agrees` the fact that says already what the correction says, so that nothing has to be added;
    `replaces` the fact that the correction speaks against.
    """

    kind: FaultKind
    certainty: float
    sentence: str | None = None
    agrees: str | None = None
    replaces: str | None = None


def route_fault(case: FaultCase, *, surely_fact: bool = False) -> Route:
    """Say of which kind the fault is, and what the card should say. The same case, the same route.

    `surely_fact`: a person said that it is of fact; only the fact behind it is wanted.
    """
    figures = fault_figures(case)
    score = BIAS + sum(WEIGHTS[name] * value for name, value in figures.items())
    chance = 1 / (1 + math.exp(-score))
    if chance < FACT_FROM and not surely_fact:
        return Route(kind="style", certainty=1 - chance)
    near = sorted(case.known, key=lambda fact: -relevance(case, fact))[:_NEAR]
    agrees = _agreeing(case, near)
    return Route(
        kind="fact",
        certainty=1.0 if surely_fact else chance,
        sentence=None if agrees else fact_sentence(case.corrected, case.user, case.name),
        agrees=agrees,
        replaces=None if agrees else _opposing(case, near),
    )


def _agreeing(case: FaultCase, near: list[str]) -> str | None:
    """The fact that holds most of what the correction adds, where that is half of it or more."""
    added = words(case.corrected or case.note) - words(case.reply) - words(case.user)
    if not added or not near:
        return None
    best = max(near, key=lambda fact: len(added & words(fact)))
    return best if 2 * len(added & words(best)) >= len(added) else None


def _opposing(case: FaultCase, near: list[str]) -> str | None:
    if not case.corrected.strip():
        return None
    turns = (Message(role="user", content=case.user),)
    for fact in near:
        if contradictions(Dialogue(turns=turns, reply=case.corrected, facts=(fact,))):
            return fact
    return None
