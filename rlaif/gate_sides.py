"""On which side of its bound a gate passes, and to which group a reader would put it.

`gate_rules` decides; this says how to draw and sort what it decided.
"""

from typing import Literal, get_args

from rlaif.gate_measurements import IMPRESSIONS

GateSide = Literal["above", "below"]
GateGroup = Literal["score", "impression", "language", "persona", "safety", "drift"]
GROUPS: tuple[GateGroup, ...] = get_args(GateGroup)
_SCORES = frozenset({"training_score", "gate_score"})
_IMPRESSIONS = frozenset(IMPRESSIONS.values())
_LANGUAGE = frozenset({"perplexity", "length", "distinct_2", "stock", "repetition", "parroting"})
_SAFETY = frozenset({"unsafe_shown", "unsafe_said", "prompt_leak", "empty", "not_a_number"})
_MAY_NOT_FALL = frozenset(
    {"distinct_2", "voice", "card_fact", "swapped_fact", "refusal", "attack_held"}
)
_RATIOS = frozenset({"perplexity", "length", "distinct_2"})
_NO_CHANGE, _EVEN = 1.0, 0.5


def gate_group(gate: str) -> GateGroup:
    """Return the group of a gate by its name."""
    figure = gate.split(".")[0]
    if figure == "drift":
        return "drift"
    if figure in _SCORES:
        return "score"
    if figure in _IMPRESSIONS:
        return "impression"
    if figure in _LANGUAGE:
        return "language"
    return "safety" if figure in _SAFETY else "persona"


def gate_neutral(gate: str) -> float:
    """Return the value of a gate where the candidate is just like what it is held against."""
    figure = gate.split(".")[0]
    if figure in _SCORES:
        return _EVEN
    return _NO_CHANGE if figure in _RATIOS else 0.0


def gate_side(gate: str, bound: float | None) -> GateSide | None:
    """Return where the value has to lie, above or below `bound`; None without a bound.

    A length has a bound on both sides; the one told is the nearer.
    """
    figure = gate.split(".")[0]
    if bound is None:
        return None
    if figure == "length":
        return "above" if bound < _NO_CHANGE else "below"
    falls = figure in _SCORES | _IMPRESSIONS | _MAY_NOT_FALL
    return "above" if falls else "below"
