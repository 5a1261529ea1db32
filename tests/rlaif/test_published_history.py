"""The drift budget remembers the best ever, also after the probes or evaluators have changed."""

from dataclasses import replace

import pytest

from persona.engine import Engine
from rlaif.gate_measurements import Measurements
from rlaif.night_work import MeasuredAdapter
from store.adapters import deploy
from store.gate_results import list_gate_results
from tests.rlaif import night_kit
from tests.rlaif.gate_fakes import spoiled
from tests.rlaif.night_kit import Bench, talk_a_day
from tests.rlaif.night_runs import DAY, FIRST, SECOND, run


@pytest.mark.parametrize("changed", [False, True])
def test_the_best_ever_counts_under_new_probes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    first = run(bench, FIRST, night_kit.settings())
    assert first.status == "published", first.decision
    best = str(first.adapter)
    bench.now += DAY
    with bench.database.session() as session:
        deploy(session, "anchor", who="op", why="back", now=bench.now - DAY / 2)
    talk_a_day(bench.database, start=bench.now - DAY / 8)
    asked: list[str] = []
    original = bench._measure

    def measure(engine: Engine, adapter: MeasuredAdapter, progress: object) -> Measurements:
        asked.append(adapter.id)
        measured = original(engine, adapter, progress)  # type: ignore[arg-type]
        if adapter.id not in (best, "anchor"):
            # A little better than the anchor, far behind what was published once.
            measured = spoiled(measured, "gate_score", lambda _, case: case.value - 0.5)
        return replace(measured, probe_set="q" * 64) if changed else measured

    monkeypatch.setattr(bench, "_measure", measure)
    second = run(bench, SECOND, night_kit.settings())

    assert second.status == "refused"
    with bench.database.reading() as session:
        gates = {one.gate: one for one in list_gate_results(session, SECOND)}
    drift = gates["drift.gate_score"]
    assert not drift.passed
    assert drift.detail["best_adapter"] == best
    assert (best in asked) is changed
