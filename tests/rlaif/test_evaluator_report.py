"""The report tells noticing from habit, chance from skill, and counts one opinion once."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from persona.card import SHIPPED_CARD, Card, load_card
from rlaif.errors import EvaluatorError
from rlaif.evaluator_predictor import EvaluatorPredictor
from rlaif.evaluator_report import (
    EvaluatorReport,
    ReportPlan,
    Subject,
    chosen_splits,
    make_report,
)
from rlaif.evaluator_report_files import write_report
from rlaif.evaluator_report_split import Drawing, SplitReport, split_report
from rlaif.measurement_cache import MeasurementCache
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_predictor import Predictions, RatingPredictor
from rlaif.rating_splits import SPLITS, RatingSplit, SplitPlan, make_splits
from rlaif.trivial_baselines import HabitPredictor
from tests.rlaif.night_kit import FixedEvaluator
from tests.rlaif.rated_world import LICENCE, NAMES, Noticing, permuted, rated_world, talk

PLAN = ReportPlan(drawing=Drawing(draws=100), fault_contexts=0, order_pairs=0)


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(SHIPPED_CARD)


def _report(
    data: Sequence[RatedDialogue], predictor: RatingPredictor, card: Card
) -> tuple[EvaluatorReport, dict[str, SplitReport]]:
    subject = Subject(predictor=predictor, unit="any", evaluator=None, pair_judge=None)
    cache = MeasurementCache(None, predictor.id, "replies")
    made = make_report(data, subject, card, cache, PLAN, lambda _stage, _share: None)
    return made, {split.name: split for split in made.splits}


def test_habit_of_raters_shines_on_the_random_split_alone(card: Card) -> None:
    made, splits = _report(rated_world(), HabitPredictor(), card)
    assert tuple(splits) == SPLITS
    for name in ("random", "within_system"):
        leaked = splits[name].mean.rho
        assert leaked is not None
        assert leaked.low > 0.3, name
    # Nothing is known of a new rater, and nothing is left of a known one's deviations.
    assert splits["unseen_raters"].mean.rho is None
    assert splits["unseen_raters_within"].mean.rho is None
    # Every report says by itself what is behind such a figure.
    assert splits["random"].mean.baselines["rater_habit"] == splits["random"].mean.rho
    assert made.learns


@dataclass(frozen=True)
class _Both:
    """Knows the rater's habit, else guesses: what a large model does with names and turns of phrase."""

    id: str = "both-1"
    learns: bool = True

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        known = HabitPredictor().predict(data, split, names, report).values
        guesses = 0.3 * np.random.default_rng(0).normal(size=known.shape)
        return Predictions(values=known + guesses, spread=None, unscored={})


def test_a_leaky_predictor_drops_to_nothing_on_unseen_raters_and_within_them(card: Card) -> None:
    _, splits = _report(rated_world(), _Both(), card)
    leaked = splits["random"].mean.rho
    assert leaked is not None
    assert leaked.low > 0.4
    for name in ("unseen_raters", "unseen_raters_within"):
        honest = splits[name].mean.rho
        assert honest is not None
        assert honest.low < 0 < honest.high, name
        assert honest.high < leaked.low, name


def test_noticing_stands_on_every_split_and_best_within_raters(card: Card) -> None:
    _, splits = _report(rated_world(), Noticing(), card)
    for split in splits.values():
        assert split.mean.rho is not None, split.name
        assert split.mean.rho.low > 0, split.name
        assert 0 < split.mean.rho.n <= split.dialogues
    raw, within = splits["unseen_raters"].mean, splits["unseen_raters_within"].mean
    assert raw.rho is not None
    assert within.rho is not None
    assert within.rho.value > raw.rho.value
    # Marks make texts longer: what is left when length is held fixed is less, and not nothing.
    assert within.given_length is not None
    assert 0 < within.given_length.value < within.rho.value
    best = next(row for row in splits["random"].ratings if row.name == splits["random"].picked)
    assert best.p is not None
    assert best.p_corrected is not None
    assert best.p <= best.p_corrected


def test_dealt_out_ratings_leave_nothing() -> None:
    found = []
    for seed in range(12):
        data = permuted(rated_world(), seed)
        split = next(s for s in make_splits(data, SplitPlan()) if s.name == "unseen_raters_within")
        predictions = Noticing().predict(data, split, NAMES, lambda _stage, _share: None)
        mean = split_report(data, split, predictions, NAMES, "any", Drawing(draws=100)).mean
        assert mean.rho is not None
        found.append(mean.rho)
    # Of 95 % intervals 11.4 of 12 are expected to hold what is true.
    assert sum(one.low <= 0 <= one.high for one in found) >= 9
    assert abs(sum(one.value for one in found) / len(found)) < 0.08


def test_two_columns_of_one_opinion_count_once(card: Card) -> None:
    made, splits = _report(rated_world(), Noticing(), card)
    ours, people = splits["random"].ours, splits["random"].people
    assert ours is not None
    assert people is not None
    assert ours.participation.value == pytest.approx(1.0)
    assert 1.0 < people.participation.value < 2.0
    assert made.agreement is not None
    assert made.agreement.seats == "partners"


def test_few_scored_dialogues_serve_every_split_and_larger_samples_hold_smaller_ones() -> None:
    data = rated_world()
    chosen = []
    for count in (15, 40):
        plan = replace(PLAN, dialogues=count)
        used, splits = chosen_splits(data, False, plan)
        groups = {used[n].group for split in splits for n in split.test}
        assert len(groups) == count
        assert all(split.test for split in splits)
        chosen.append(groups)
    assert chosen[0] < chosen[1]


def test_a_predictor_that_learns_is_fitted_on_the_sample_too() -> None:
    used, splits = chosen_splits(rated_world(), True, replace(PLAN, dialogues=60))
    assert len({one.group for one in used}) == 60
    assert all(split.fit for split in splits)


def test_some_rows_may_lack_a_rating(card: Card) -> None:
    data = [
        replace(one, ratings={"interest": one.ratings["interest"]}) if n % 3 else one
        for n, one in enumerate(rated_world())
    ]
    _, splits = _report(data, Noticing(), card)
    by_name = {row.name: row for row in splits["unseen_raters"].ratings}
    assert (
        by_name["satisfaction"].rows < by_name["interest"].rows == splits["unseen_raters"].test_rows
    )
    assert by_name["satisfaction"].figures.rho is not None


def test_dialogues_without_a_rating_cannot_be_reported_on(card: Card) -> None:
    bare = [replace(one, ratings={}) for one in rated_world(6, 2)]
    with pytest.raises(EvaluatorError, match="none of 24 dialogues carries a rating"):
        _report(bare, Noticing(), card)


def test_faults_are_made_and_the_files_hold_everything(card: Card, tmp_path: Path) -> None:
    evaluator = FixedEvaluator()
    cache = MeasurementCache(None, evaluator.id, "replies")
    subject = Subject(
        predictor=EvaluatorPredictor(evaluator, cache),
        unit="scale",
        evaluator=evaluator,
        pair_judge=None,
    )
    plan = replace(PLAN, fault_contexts=6)
    made = make_report(rated_world(), subject, card, cache, plan, lambda _stage, _share: None)
    assert made.faults is not None
    assert made.faults.contexts == 6
    assert made.faults.figures["dull"].faults == 6
    assert made.impressions is not None
    assert made.impressions.participation.value == pytest.approx(1.0)
    facts = write_report(made, {"evaluator": made.evaluator}, tmp_path / "out")
    assert json.loads((tmp_path / "out/report.json").read_text()) == json.loads(json.dumps(facts))
    assert (tmp_path / "out/report.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "out/report.md").read_text()
    assert "| interest (Enjoyability, Topic) | *-0.06* | *0.29* | *0.78* |" in text
    assert "## Faults (6 contexts" in text


def test_unnamed_raters_leave_the_random_split_and_say_so(card: Card, tmp_path: Path) -> None:
    data = [
        RatedDialogue(
            group=f"{n}",
            messages=talk("ねえ", "はい" + "！" * (n % 5)),
            rater="",
            system="",
            ratings={"trust": float(n % 5)},
            licence=LICENCE,
        )
        for n in range(200)
    ]
    made, splits = _report(data, Noticing(), card)
    assert tuple(splits) == ("random",)
    assert splits["random"].mean.by_rater is None
    assert splits["random"].mean.rho is not None
    assert splits["random"].mean.rho.value == pytest.approx(1.0)
    assert made.agreement is None
    write_report(made, {}, tmp_path)
    assert "No dialogue was rated by two people" in (tmp_path / "report.md").read_text()
