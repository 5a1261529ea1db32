"""A night ends once, resumes anywhere, and never leaves anything worse than it was."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text

from rlaif.night import STEPS, Rehearsal, rehearse, run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from rlaif.night_work import TrainingOrder
from rlaif.report import summarise_night
from store.adapters import active_adapter, list_deployments
from store.candidates import list_candidates
from store.database import Database, open_database
from store.erase import erase_visitor
from store.gate_results import list_gate_results
from store.night_tables import (
    AdapterPairRow,
    PairRow,
    ScoreRow,
)
from store.nights import load_night
from store.pair_queue import list_drops
from store.pair_verdicts import decide_pair
from store.pairs import list_pairs
from store.tables import TurnRow
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench, FixedEvaluator, install_anchor, talk_a_day, without

ORDER = NightOrder(date=DATE, owner="test")


def _run(bench: Bench, **changes: object) -> NightOutcome:
    return run_night(bench.parts(), without(night_kit.settings(), **changes), ORDER, {})


def _active(database: Database) -> str | None:
    with database.reading() as session:
        return active_adapter(session)


def _rows(database: Database) -> dict[str, object]:
    """Everything a night leaves behind that must not depend on interruptions."""
    with database.reading() as session:
        scores = session.execute(select(ScoreRow.subject_id, ScoreRow.evaluator)).all()
        pairs = session.scalars(select(PairRow)).all()
        return {
            "scores": sorted(tuple(row) for row in scores),
            "candidates": sorted((c.id, c.text) for c in list_candidates(session, DATE)),
            "pairs": sorted((p.id, p.chosen, p.rejected, p.margin) for p in pairs),
            "drops": sorted((d.turn_id, d.reason) for d in list_drops(session, DATE)),
            "gates": [(g.gate, g.passed, g.value) for g in list_gate_results(session, DATE)],
            "linked": sorted(session.scalars(select(AdapterPairRow.pair_id))),
            "deployed": [one.adapter for one in list_deployments(session)],
        }


def test_a_night_publishes_what_passed_every_gate(bench: Bench) -> None:
    outcome = _run(bench)

    assert outcome.status == "published", outcome.decision
    assert _active(bench.database) == outcome.adapter != "anchor"
    with bench.database.reading() as session:
        night = load_night(session, DATE)
        pairs = list_pairs(session, DATE)
        turns = set(session.scalars(select(TurnRow.id)))
        drops = list_drops(session, DATE)
    assert night is not None
    assert [step.step for step in night.steps] == [name for name, _ in STEPS]
    assert all(step.finished_at is not None for step in night.steps)
    assert {pair.turn_id for pair in pairs} | {drop.turn_id for drop in drops} == turns
    assert Counter(pair.night_date for pair in pairs) == {DATE: night.steps[4].detail["pairs"]}


def test_a_gate_that_fails_keeps_the_old_adapter(bench: Bench) -> None:
    bench.better = False

    outcome = _run(bench)

    assert outcome.status == "refused"
    assert "failed" in outcome.decision
    assert _active(bench.database) == "anchor"
    with bench.database.reading() as session:
        assert list_gate_results(session, DATE)


def test_a_refused_night_done_again_forgets_its_first_attempt(bench: Bench) -> None:
    bench.better = False
    _run(bench)
    again = NightOrder(date=DATE, owner="test", again=True)

    outcome = run_night(bench.parts(), without(night_kit.settings(), min_pairs=1000), again, {})

    assert outcome.status == "skipped"
    with bench.database.reading() as session:
        assert not list_gate_results(session, DATE)
        assert summarise_night(session, DATE).trained_pairs == 0


def test_an_adapter_that_cannot_be_measured_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the probes are gone")

    monkeypatch.setattr(bench, "_measure", broken)

    outcome = _run(bench)

    assert outcome.status == "refused"
    assert _active(bench.database) == "anchor"


def test_too_few_pairs_are_kept_for_later(bench: Bench) -> None:
    outcome = _run(bench, min_pairs=1000)

    assert outcome.status == "skipped"
    assert "1000" in outcome.decision
    assert bench.trainings == 0
    with bench.database.reading() as session:
        assert list_pairs(session, DATE)


def test_a_day_without_talk_is_skipped(house: Database, tmp_path: Path) -> None:
    outcome = _run(Bench(house, tmp_path))

    assert outcome.status == "skipped"


def test_what_cannot_be_scored_is_counted_and_not_paired(bench: Bench) -> None:
    with bench.database.reading() as session:
        unlucky = session.execute(text("select id, text from replies limit 1")).one()
    bench.evaluator = FixedEvaluator(fails_on=frozenset({unlucky.text}))

    _run(bench)

    with bench.database.reading() as session:
        night = load_night(session, DATE)
        used = {p.chosen_id for p in list_pairs(session, DATE)}
        used |= {p.rejected_id for p in list_pairs(session, DATE)}
    assert night is not None
    assert night.steps[1].detail["failures"] == {"no verdict": 1}
    assert unlucky.id not in used


@pytest.mark.parametrize("step", [name for name, _ in STEPS])
def test_a_night_killed_after_any_step_ends_as_an_uninterrupted_one(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(open_database(f"sqlite:///{tmp_path / 'night.db'}"), tmp_path)
    install_anchor(bench.database, tmp_path)
    talk_a_day(bench.database)
    calm = Bench(_copy(tmp_path), bench.home)
    expected = _run(calm)

    class Killed(BaseException):
        pass

    def begin(*arguments: object) -> object:
        # The step before is complete and this one has not begun: a kill at the boundary.
        if arguments[2] == step:
            raise Killed
        return original(*arguments)

    original = _begin_step()
    monkeypatch.setattr("rlaif.night.begin_step", begin)
    with pytest.raises(Killed):
        _run(bench)
    monkeypatch.setattr("rlaif.night.begin_step", original)
    bench.now += night_kit.settings().lease * 2
    outcome = _run(bench)

    assert outcome == expected
    assert _rows(bench.database) == _rows(calm.database)


def test_a_stopped_night_goes_on_where_it_was(bench: Bench) -> None:
    bench.stop_after = "score_candidates"
    stopped = _run(bench)
    scored = len(bench.evaluator.asked)  # type: ignore[attr-defined]
    bench.stop_after = None

    outcome = _run(bench)

    assert stopped.status == "stopped"
    assert outcome.status == "published"
    repeated = Counter(
        (one.turns, one.reply)
        for one in bench.evaluator.asked  # type: ignore[attr-defined]
    )
    assert scored > 0
    assert max(repeated.values()) == 1, "a finished score was paid for twice"


def test_a_dry_run_says_what_the_night_then_does(bench: Bench) -> None:
    dry = rehearse(bench.parts(), night_kit.settings(), ORDER)
    assert isinstance(dry, Rehearsal)
    with bench.database.reading() as session:
        assert not list_pairs(session, DATE)

    _run(bench)

    with bench.database.reading() as session:
        real = {(pair.chosen_id, pair.rejected_id) for pair in list_pairs(session, DATE)}
        drops = Counter(drop.reason for drop in list_drops(session, DATE))
    assert {(pair.chosen_id, pair.rejected_id) for pair in dry.pairing.pairs} == real
    assert Counter(drop.reason for drop in dry.pairing.drops) == drops


def test_operators_are_waited_for_and_their_vetoes_kept(bench: Bench) -> None:
    waiting = _run(bench, approval="required")
    with bench.database.session() as session:
        pairs = list_pairs(session, DATE)
        decide_pair(session, pairs[0].id, "vetoed", "op", bench.now)
        decide_pair(session, pairs[1].id, "flipped", "op", bench.now)
        for pair in pairs[2:]:
            decide_pair(session, pair.id, "approved", "op", bench.now)

    outcome = _run(bench, approval="required")

    assert waiting.status == "waiting"
    assert outcome.status == "published", outcome.decision
    linked = _rows(bench.database)["linked"]
    assert isinstance(linked, list)
    assert pairs[0].id not in linked
    assert pairs[1].id in linked


def test_a_refused_night_keeps_what_its_gates_saw_of_the_evaluators(bench: Bench) -> None:
    bench.better = False
    _run(bench)
    with bench.database.reading() as session:
        summary = summarise_night(session, DATE)
    assert summary.status == "refused"
    assert [one.adapter for one in summary.health] == ["candidate", "active"]
    assert summary.trained_pairs > 0


def test_a_finished_night_is_not_run_again(bench: Bench) -> None:
    first = _run(bench)

    again = _run(bench)

    assert first.status == "published"
    assert again.status is None
    assert "published" in again.decision
    assert bench.trainings == 1


def test_the_next_night_reads_only_what_was_said_since(bench: Bench) -> None:
    _run(bench, min_pairs=1000)
    bench.now += night_kit.timedelta(days=1)
    talk_a_day(bench.database, people=2, start=bench.now - night_kit.timedelta(hours=3))

    run_night(bench.parts(), night_kit.settings(), NightOrder(date="2026-09-26", owner="test"), {})

    with bench.database.reading() as session:
        second = load_night(session, "2026-09-26")
    assert second is not None
    assert second.steps[0].detail["turns"] == 4
    assert second.adapter is not None, "the pairs of the skipped night count"


def test_erasing_a_visitor_takes_their_adapter_out_of_service(bench: Bench, tmp_path: Path) -> None:
    published = _run(bench)
    with bench.database.reading() as session:
        taught = session.scalars(select(PairRow.visitor_id)).first()
    assert taught is not None

    erase_visitor(bench.database, taught, exports=tmp_path / "exports", actor="test", now=bench.now)

    assert published.adapter is not None
    assert _active(bench.database) == "anchor"


@pytest.mark.parametrize("passes", [True, False])
def test_a_night_that_is_over_keeps_the_curve_and_no_weights_it_worked_with(
    bench: Bench, passes: bool
) -> None:
    bench.better = passes
    outcome = _run(bench)
    assert outcome.status == ("published" if passes else "refused")
    training = bench.home / "nights" / DATE / "training"
    assert [one.name for one in training.rglob("*") if one.is_file()] == ["steps.jsonl"]


def test_an_erasure_during_training_stops_it_and_the_night_goes_on_without_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train = bench._train
    gone: list[str] = []

    def interrupted(order: TrainingOrder, progress: Callable[[int, int | None], None]) -> object:
        def erasing(done: int, total: int | None) -> None:
            if not gone:
                gone.append(order.pairs[0].preference.visitor_id)
                exports = tmp_path / "exports"
                erase_visitor(bench.database, gone[0], exports=exports, actor="test", now=bench.now)
            progress(done, total)

        return train(order, erasing)

    monkeypatch.setattr(bench, "_train", interrupted)
    stopped = _run(bench)
    assert stopped.status == "stopped"
    assert "were erased while they were trained on" in stopped.decision
    assert not list((bench.home / "nights" / DATE / "training").rglob("*.safetensors"))

    outcome = _run(bench)

    assert outcome.status == "published", outcome.decision
    with bench.database.reading() as session:
        owners = session.scalars(select(PairRow.visitor_id)).all()
    assert owners
    assert gone[0] not in owners


def _begin_step() -> object:
    from rlaif import night  # noqa: PLC0415 - the name that the night looks up

    return night.begin_step


def _copy(folder: Path) -> Database:
    """The same store under another name."""
    target = folder / "calm.db"
    with closing(sqlite3.connect(folder / "night.db")) as connection:
        connection.execute("vacuum into ?", (str(target),))
    return open_database(f"sqlite:///{target}")
