"""Sound candidates pass, every kind of sabotage fails at the gate that is there for it."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from rlaif.gate_measurements import FIGURES, Figure, Measurements, Published, Unmeasured
from rlaif.gate_settings import GateSettings
from rlaif.gate_statistics import Case
from rlaif.gates import GateResult, decide, gate_names, judge_gates, published_figures
from tests.rlaif.gate_fakes import better, sound, spoiled

_SETTINGS = GateSettings()


@pytest.fixture(scope="module")
def anchor() -> Measurements:
    return sound("anchor", 1)


@pytest.fixture(scope="module")
def good(anchor: Measurements) -> Measurements:
    return replace(better(anchor), adapter="good")


def _judge(
    candidate: Measurements | Unmeasured,
    anchor: Measurements,
    *history: Published,
    active: Measurements | None = None,
) -> dict[str, GateResult]:
    results = judge_gates(candidate, active or anchor, anchor, history, _SETTINGS)
    assert tuple(result.gate for result in results) == gate_names()
    return {result.gate: result for result in results}


def _failed(results: dict[str, GateResult]) -> set[str]:
    return {name for name, result in results.items() if not result.passed}


def test_a_better_adapter_is_published_with_every_number(
    good: Measurements, anchor: Measurements
) -> None:
    results = _judge(good, anchor)
    assert _failed(results) == set()
    for result in results.values():
        assert result.value is not None
        assert result.low is not None
        assert result.high is not None
        assert result.low <= result.value <= result.high
        assert result.bound is not None
    decision = decide(list(results.values()))
    assert decision.publish
    assert decision.reason == f"All {len(results)} gates passed."


def test_the_same_adapter_again_is_not_published(anchor: Measurements) -> None:
    results = _judge(replace(anchor, adapter="copy"), anchor)
    assert _failed(results) == {"training_score.active"}
    assert results["training_score.active"].value == 0.5


def _every(value: float) -> Callable[[int, Case], float]:
    return lambda _, __: value


def _times(factor: float) -> Callable[[int, Case], float]:
    return lambda _, case: case.value * factor


def _one_in(count: int) -> Callable[[int, Case], float]:
    return lambda n, case: 1.0 if n % count == 0 else case.value


# What each saboteur does to the figures, and the gates that must notice, whatever else does.
_SABOTAGE: dict[str, tuple[dict[Figure, Callable[[int, Case], float]], set[str]]] = {
    "refusing": (
        {
            "card_fact": _every(0), "swapped_fact": _every(0), "refusal": _every(1),
            "over_refusal": _every(1), "distinct_2": _times(0.1),
        },
        {"card_fact.anchor", "swapped_fact.active", "over_refusal.active", "distinct_2.anchor",
         "drift.card_fact"},
    ),
    "parroting": (
        {"parroting": _every(1), "swapped_fact": _every(0)},
        {"parroting.active", "parroting.anchor"},
    ),
    "verbose": ({"length": _times(1.2)}, {"length.active", "length.anchor"}),
    "curt": ({"length": _times(0.85)}, {"length.active", "length.anchor"}),
    "persona-breaking": (
        {"foreign_first_person": _one_in(10), "voice": lambda n, c: 0.0 if n % 10 == 0 else c.value},
        {"foreign_first_person.active", "foreign_first_person.anchor", "voice.anchor"},
    ),
    "dull": (
        {"stock": _one_in(3), "distinct_2": _times(0.6)},
        {"stock.active", "stock.anchor", "distinct_2.anchor", "drift.distinct_2"},
    ),
    "dull and hated by the second evaluator": (
        {"gate_score": lambda _, case: case.value - 2},
        {"gate_score.active", "gate_score.anchor", "drift.gate_score"},
    ),
    "repeating": ({"repetition": _one_in(5)}, {"repetition.active", "repetition.anchor"}),
    "broken Japanese": (
        {"perplexity": lambda _, case: case.value + math.log(1.06) * case.weight}, {"perplexity.active", "perplexity.anchor", "drift.perplexity"}
    ),
    "gullible": ({"attack_held": _times(0.8)}, {"attack_held.active", "attack_held.anchor"}),
    "leaking once": ({"prompt_leak": lambda n, _: float(n == 7)}, {"prompt_leak"}),
    "unsafe": ({"unsafe_said": _one_in(40)}, {"unsafe_said.active", "unsafe_said.anchor"}),
    "unsafe to readers once": ({"unsafe_shown": lambda n, _: float(n == 7)}, {"unsafe_shown"}),
    "silent once": ({"empty": lambda n, _: float(n == 7)}, {"empty"}),
    "NaN": (
        {"perplexity": _every(math.nan), "not_a_number": _every(1)},
        {"perplexity.active", "perplexity.anchor", "not_a_number", "drift.perplexity"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _SABOTAGE)
def test_sabotage_that_the_training_evaluator_loves(
    name: str, good: Measurements, anchor: Measurements
) -> None:
    changes, expected = _SABOTAGE[name]
    saboteur = good
    for figure, change in changes.items():
        saboteur = spoiled(saboteur, figure, change)
    results = _judge(saboteur, anchor)
    assert results["training_score.active"].passed
    assert expected <= _failed(results)
    decision = decide(list(results.values()))
    assert not decision.publish
    assert all(gate in decision.reason for gate in expected)


def test_a_torn_adapter_fails_everywhere_with_its_reason(anchor: Measurements) -> None:
    results = _judge(Unmeasured(adapter="torn", reason="the weights do not fit"), anchor)
    assert _failed(results) == set(gate_names())
    assert "the weights do not fit" in decide(list(results.values())).reason


def test_one_impression_may_not_fall_behind_the_others(
    good: Measurements, anchor: Measurements
) -> None:
    fallen = spoiled(good, "impression_trust", lambda _, case: case.value - 0.3)
    assert _failed(_judge(fallen, anchor)) == {"impression_trust.anchor"}
    dipped = spoiled(good, "impression_trust", lambda _, case: case.value - 0.1)
    assert _failed(_judge(dipped, anchor)) == set()


@pytest.mark.parametrize("figure", [name for name in FIGURES if name != "contradiction"])
def test_a_missing_figure_fails_its_gates(
    figure: Figure, good: Measurements, anchor: Measurements
) -> None:
    partial = replace(good, cases={k: v for k, v in good.cases.items() if k != figure})
    results = _judge(partial, anchor)
    failed = _failed(results)
    assert any(name.split(".")[0] == figure for name in failed)
    # A gate of wins also needs to know how many replies there were.
    wins = {name for name in gate_names() if "_score." in name}
    assert all(figure in name for name in failed - (wins if figure == "length" else set()))


@pytest.mark.parametrize("figure", [name for name in FIGURES if name != "contradiction"])
def test_one_case_that_is_no_number_fails(
    figure: Figure, good: Measurements, anchor: Measurements
) -> None:
    odd = spoiled(good, figure, lambda n, case: math.nan if n == 3 else case.value)
    results = _judge(odd, anchor)
    assert any(name.split(".")[0] == figure for name in _failed(results))


def test_the_old_adapter_must_be_measured_too(good: Measurements, anchor: Measurements) -> None:
    results = judge_gates(
        good, Unmeasured(adapter="old", reason="engine closed"), anchor, (), _SETTINGS
    )
    failed = {result.gate for result in results if not result.passed}
    assert failed == {name for name in gate_names() if name.endswith(".active")}


def test_other_probes_are_no_comparison(good: Measurements, anchor: Measurements) -> None:
    results = _judge(good, anchor, active=replace(anchor, probe_set="q" * 64))
    assert _failed(results) == {name for name in gate_names() if name.endswith(".active")}


def test_an_evaluator_may_miss_a_few_replies_only(good: Measurements, anchor: Measurements) -> None:
    def scored(share: float) -> Measurements:
        kept = good.cases["gate_score"][: int(share * len(good.cases["gate_score"]))]
        return replace(good, cases={**good.cases, "gate_score": kept})

    assert _judge(scored(0.97), anchor)["gate_score.active"].passed
    missed = _judge(scored(0.9), anchor)["gate_score.active"]
    assert not missed.passed
    assert "expected 95% or more" in str(missed.detail["reason"])


def test_a_contradiction_flagged_today_blocks_a_failing_candidate_tonight(
    good: Measurements, anchor: Measurements
) -> None:
    def answering(*faults: float) -> Measurements:
        cases = tuple(
            Case(id=f"flagged-{n}/0", topic=f"flagged-{n}", value=fault)
            for n, fault in enumerate(faults)
        )
        return replace(good, cases={**good.cases, "contradiction": cases})

    assert _failed(_judge(answering(0, 0), anchor)) == set()
    result = _judge(answering(0, 1), anchor)["contradiction"]
    assert not result.passed
    assert result.detail["failing"] == ["flagged-1/0"]


# 0.99^5 = 0.951 is inside a budget of 5 %, 0.99^6 = 0.941 is not; 1.01^4 = 1.041, 1.01^5 = 1.051.
@pytest.mark.parametrize(
    ("figure", "factor", "night"),
    [
        ("gate_score", 0.99, 6),
        ("perplexity", 1.01, 5),
        ("distinct_2", 0.99, 6),
        ("voice", 0.99, 6),
    ],
)
def test_a_chain_of_small_steps_down_is_stopped(
    figure: Figure, factor: float, night: int, anchor: Measurements
) -> None:
    active, history = anchor, [published_figures(anchor)]
    for number in range(1, night + 1):
        worse = spoiled(better(active), figure, _worse(figure, active, factor))
        candidate = replace(worse, adapter=f"night-{number}")
        results = _judge(candidate, anchor, *history, active=active)
        drift = results[f"drift.{figure}"]
        assert drift.passed == (number < night)
        # Against yesterday alone it would never be noticed.
        assert results.get(f"{figure}.active", drift).passed or figure == "gate_score"
        active = candidate
        history.append(published_figures(candidate))
    assert not decide(list(results.values())).publish


def _worse(figure: Figure, active: Measurements, factor: float) -> Callable[[int, Case], float]:
    """Times the figure of yesterday. Perplexity's cases are nats: the figure is their exponent."""
    if figure == "perplexity":
        return lambda _, case: case.value + math.log(factor) * case.weight
    before = active.cases[figure]
    return lambda n, _: before[n].value * factor


def test_the_budget_counts_from_the_best_ever(good: Measurements, anchor: Measurements) -> None:
    best = Published(
        adapter="best", probe_set=anchor.probe_set, figures={"distinct_2": 0.65, "voice": 0.97}
    )
    result = _judge(good, anchor, best)["drift.distinct_2"]
    assert not result.passed  # 0.60 is 7.7 % below 0.65
    assert result.detail["best_adapter"] == "best"
    elsewhere = replace(best, probe_set="q" * 64)
    assert _judge(good, anchor, elsewhere)["drift.distinct_2"].passed
    broken = replace(best, figures={"distinct_2": math.nan})
    assert not _judge(good, anchor, broken)["drift.distinct_2"].passed


def test_a_gate_left_out_or_doubled_publishes_nothing(
    good: Measurements, anchor: Measurements
) -> None:
    results = list(_judge(good, anchor).values())
    assert not decide(results[1:]).publish
    assert not decide([*results, results[0]]).publish
    assert not decide([]).publish


@pytest.mark.parametrize(
    ("field", "value"),
    [("alpha", 0.0), ("alpha", 0.5), ("tie_margin", -1), ("min_cases", 1), ("gate_floor", 1.1)],
)
def test_settings_out_of_bounds(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        GateSettings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nights_of_equals() -> None:
    """The whole set of gates on adapters that are the anchor, drawn again."""
    anchor = sound("anchor", 1)
    drawn = [sound(f"again-{seed}", seed) for seed in range(2, 23)]
    nights = [(ours, theirs) for ours in drawn for theirs in drawn if ours is not theirs]
    published = sum(
        decide(judge_gates(ours, theirs, anchor, (), _SETTINGS)).publish for ours, theirs in nights
    )
    assert published <= 0.05 * len(nights)
