"""Whether a candidate may replace the active adapter. Pure: measurements in, verdicts out.

Every gate is judged and reported with its number, its interval and its bound, also after another
one has failed. What was not measured, cannot be computed or is no number fails its gate, and one
failed gate keeps the old adapter.

Three kinds of comparison: the win rates, whose interval must lie above a floor; the figures of
manner and knowledge, whose value must stay inside a margin of the active adapter's and of the
anchor's; and the drift budget, which compares with the anchor and the best ever published, so that
many small steps down, each inside its margin, end too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.errors import GateError
from rlaif.gate_measurements import Measurements, Published, Unmeasured
from rlaif.gate_rules import DRIFTING, Gate, GateInputs, gates_of, level
from rlaif.gate_settings import GateSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate's verdict. `value` with its interval against `bound`; None where nothing is known.

    detail holds the figures compared, the number of cases and topics, or the reason of a failure.
    """

    gate: str
    passed: bool
    value: float | None
    low: float | None
    high: float | None
    bound: float | None
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to publish, and one sentence that says why or why not."""

    publish: bool
    reason: str


def judge_gates(
    candidate: Measurements | Unmeasured,
    active: Measurements | Unmeasured,
    anchor: Measurements | Unmeasured,
    history: Sequence[Published],
    settings: GateSettings,
) -> list[GateResult]:
    """Every gate's verdict, in a fixed order. Raises nothing: what goes wrong fails its gate.

    `history` holds the adapters published before, in any order; those measured on other probes are
    passed over.
    """
    case = GateInputs(
        candidate=candidate, active=active, anchor=anchor, history=history, settings=settings
    )
    return [_judged(name, gate, case) for name, gate in gates_of(settings).items()]


def decide(results: Sequence[GateResult]) -> Decision:
    """Publish when every gate there is was reported once and passed."""
    names = [result.gate for result in results]
    missing = [name for name in gate_names() if name not in names]
    if missing or len(names) != len(set(names)):
        what = f"{missing[0]} was not judged" if missing else "a gate was judged twice"
        return Decision(publish=False, reason=f"The old adapter stays: {what}.")
    failed = [result for result in results if not result.passed]
    if not failed:
        return Decision(publish=True, reason=f"All {len(results)} gates passed.")
    faults = "; ".join(_fault(result) for result in failed)
    return Decision(
        publish=False,
        reason=f"The old adapter stays: {len(failed)} of {len(results)} gates failed: {faults}.",
    )


def gate_names() -> tuple[str, ...]:
    """Names of all gates in the order of the report."""
    return tuple(gates_of(GateSettings()))


def published_figures(measured: Measurements) -> Published:
    """What the drift budget of later nights needs of an adapter that is published now."""
    return Published(
        adapter=measured.adapter,
        probe_set=measured.probe_set,
        figures={
            name: level(name, measured.cases[name], alpha=GateSettings().alpha).value
            for name in DRIFTING
            if measured.cases.get(name)
        },
    )


def _judged(name: str, gate: Gate, case: GateInputs) -> GateResult:
    try:
        one = gate(case)
    except GateError as error:
        return _failed(name, str(error))
    # A gate that breaks must not let an adapter through, whatever broke it.
    except Exception as error:
        return _failed(name, f"{type(error).__name__}: {error}")
    numbers = (one.found.value, one.found.low, one.found.high)
    if not all(map(math.isfinite, numbers)):
        return _failed(name, f"the figure is {numbers[0]}, {numbers[1]} to {numbers[2]}")
    return GateResult(
        gate=name,
        passed=one.passed,
        value=one.found.value,
        low=one.found.low,
        high=one.found.high,
        bound=one.bound,
        detail={"cases": one.found.n, "topics": one.found.clusters, **one.detail},
    )


def _failed(name: str, reason: str) -> GateResult:
    return GateResult(
        gate=name, passed=False, value=None, low=None, high=None, bound=None,
        detail={"reason": reason},
    )  # fmt: skip


def _fault(result: GateResult) -> str:
    if result.value is None:
        return f"{result.gate} ({result.detail.get('reason', 'no figure')})"
    bound = "" if result.bound is None else f" against {result.bound:.4g}"
    return f"{result.gate} is {result.value:.4g}{bound}"
