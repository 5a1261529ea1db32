"""An evaluator that falls silent leaves replies unscored; it does not cost the night."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from rlaif import scoring
from rlaif.errors import EvaluatorError, JudgeBudgetError, JudgeUnreachableError
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.night import run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from store.database import Database
from store.nights import holder, load_night
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench, FixedEvaluator, install_anchor, talk_a_day


@dataclass
class Moody:
    """Answers for a number of replies and then raises."""

    answers: int
    error: EvaluatorError = field(default_factory=lambda: JudgeUnreachableError("failed 3 times"))
    during: Callable[[], None] = lambda: None
    id: str = "moody-1"
    kind: EvaluatorKind = "judge"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        if self.answers < len(dialogues):
            raise self.error
        for done, _ in enumerate(dialogues, start=1):
            self.during()
            if report is not None:
                report(done)
        self.answers -= len(dialogues)
        return FixedEvaluator().assess(dialogues)


@pytest.fixture
def bench(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    torch.set_num_threads(1)
    monkeypatch.setattr(scoring, "BATCH", 4)
    install_anchor(database, tmp_path)
    talk_a_day(database)
    return Bench(database, tmp_path)


def _run(bench: Bench) -> NightOutcome:
    return run_night(bench.parts(), night_kit.settings(), NightOrder(date=DATE, owner="test"), {})


def _failures(bench: Bench, step: int) -> object:
    with bench.database.reading() as session:
        night = load_night(session, DATE)
    assert night is not None
    return night.steps[step].detail["failures"]


def test_an_outage_after_the_first_scores_is_counted(bench: Bench) -> None:
    bench.evaluator = Moody(answers=8)

    outcome = _run(bench)

    assert outcome.status != "failed", outcome.decision
    assert _failures(bench, 1) == {"the judge did not answer": 4}, "12 replies, 8 of them scored"
    assert _failures(bench, 3) == {"the judge did not answer": 24}, "two candidates for each turn"


def test_a_spent_budget_is_counted_under_its_own_name(bench: Bench) -> None:
    bench.evaluator = Moody(answers=16, error=JudgeBudgetError("has cost 3.1"))

    outcome = _run(bench)

    assert outcome.status != "failed", outcome.decision
    assert _failures(bench, 1) == {}
    assert _failures(bench, 3) == {"the judge's budget is used up": 20}


def test_a_night_without_any_score_fails(bench: Bench) -> None:
    bench.evaluator = Moody(answers=0)

    outcome = _run(bench)

    assert outcome.status == "failed"
    assert "failed 3 times" in outcome.decision


def test_a_slow_batch_does_not_lose_the_night(bench: Bench) -> None:
    held: list[str | None] = []

    def a_quarter_of_an_hour() -> None:
        bench.now += timedelta(minutes=15)
        with bench.database.reading() as session:
            held.append(holder(session, DATE, bench.now))

    bench.evaluator = Moody(answers=1000, during=a_quarter_of_an_hour)

    outcome = _run(bench)

    assert outcome.status == "published", outcome.decision
    assert set(held) == {"test"}, "a batch of an hour under a lease of half an hour"
