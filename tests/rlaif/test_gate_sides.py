"""The side on which a gate passes is the side on which its rule lets it pass."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rlaif.gate_measurements import FIGURES, Figure, Measurements
from rlaif.gate_settings import GateSettings
from rlaif.gate_sides import GROUPS, gate_group, gate_neutral, gate_side
from rlaif.gate_statistics import Case
from rlaif.gates import gate_names, judge_gates
from tests.rlaif.gate_fakes import better, sound, spoiled


def _changes(factor: float) -> Callable[[int, Case], float]:
    return lambda _, case: case.value * factor


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.6])
def test_sides_agree_with_the_verdicts(factor: float) -> None:
    anchor = sound("anchor", 1)
    candidate: Measurements = replace(better(anchor), adapter="new")
    for figure in FIGURES:
        if figure != "contradiction" and candidate.cases[figure]:
            candidate = spoiled(candidate, figure, _changes(factor))
    told = 0
    for result in judge_gates(candidate, anchor, anchor, (), GateSettings()):
        if result.value is None or result.bound is None:
            continue
        side = gate_side(result.gate, result.bound)
        decides = result.low if result.gate.split(".")[0] in ("training_score", "gate_score") else 0
        value = result.value if decides == 0 or decides is None else decides
        inside = value >= result.bound if side == "above" else value <= result.bound
        assert inside == result.passed, result
        told += 1
    assert told > 20


def test_every_gate_has_a_group_and_every_group_a_gate() -> None:
    assert {gate_group(name) for name in gate_names()} == set(GROUPS)
    assert gate_side("voice.active", None) is None


def test_figures_without_a_group_of_their_own_are_the_personas() -> None:
    persona: set[Figure] = {"voice", "foreign_first_person", "card_fact", "contradiction"}
    assert {gate_group(one) for one in persona} == {"persona"}


def test_a_copy_lies_at_the_neutral_value() -> None:
    anchor = sound("anchor", 1)
    copy = replace(anchor, adapter="copy")
    compared = 0
    for result in judge_gates(copy, anchor, anchor, (), GateSettings()):
        if "." in result.gate:
            assert result.value == pytest.approx(gate_neutral(result.gate)), result.gate
            compared += 1
    assert compared > 20
