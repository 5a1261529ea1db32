"""The evidence for an evaluator's number: ratings on every split, baselines, calibration, dimensions,
faults and order, each with its interval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from persona.card import Card
from persona.dialogues import read_card_rows
from rlaif.agreement_statistics import Floats
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Evaluator, PairJudge
from rlaif.evaluator_predictor import EvaluatorPredictor
from rlaif.evaluator_report_faults import FaultReport, fault_examples, fault_report
from rlaif.evaluator_report_split import Drawing, SplitReport, Unit, split_report
from rlaif.known_pairs import fault_pairs
from rlaif.measurement_cache import MeasurementCache
from rlaif.position_bias import PositionBias, measure_position_bias
from rlaif.rated_data import sample_dialogues
from rlaif.rated_dialogues import RatedDialogue, rating_names
from rlaif.rater_agreement import RaterAgreement, rater_agreement
from rlaif.rating_figures import Dimensions, dimensions, make_clusters, rank_correlations
from rlaif.rating_predictor import RatingPredictor
from rlaif.rating_splits import RatingSplit, SplitPlan, make_splits

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is reported on. evaluator: scores the faults; None leaves them out. pair_judge: where the
    evaluator can compare two replies. unit: what the predictions are in."""

    predictor: RatingPredictor
    unit: Unit
    evaluator: Evaluator | None
    pair_judge: PairJudge | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPlan:
    """How much is looked at.

    dialogues: at most so many, drawn by `seed`; None: all. A predictor that learns is fitted and
    tested on them, one that does not is tested on so many of those put aside. fault_contexts,
    order_pairs: 0 leaves the part out.
    """

    dialogues: int | None = None
    fault_contexts: int = 40
    order_pairs: int = 40
    splits: SplitPlan = field(default_factory=SplitPlan)
    drawing: Drawing = field(default_factory=Drawing)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorReport:
    """All parts. impressions: dimensions of the evaluator's twelve impressions, None where it gives
    none. order: None for an evaluator that sees one reply at a time. used: dialogues that were fitted
    or tested on."""

    evaluator: str
    learns: bool
    names: tuple[str, ...]
    used: int
    splits: tuple[SplitReport, ...]
    agreement: RaterAgreement | None
    impressions: Dimensions | None
    faults: FaultReport | None
    order: PositionBias | None


def make_report(
    data: Sequence[RatedDialogue],
    subject: Subject,
    card: Card,
    cache: MeasurementCache,
    plan: ReportPlan,
    progress: Progress,
) -> EvaluatorReport:
    """Report on `subject` over `data`; `progress` is told a stage and its share, 0..1.

    Verdicts go through `cache`. Raises EvaluatorError when nothing can be scored or is rated.
    """
    names = rating_names(data)
    if not names:
        raise EvaluatorError(
            f"none of {len(data)} dialogues carries a rating; give data with ratings, such as a "
            "CSV with a column per impression"
        )
    used, splits = chosen_splits(data, subject.predictor.learns, plan)
    drawing = plan.drawing
    reports = []
    for split in splits:
        told = _within(progress, split.name)
        predictions = subject.predictor.predict(used, split, names, told)
        progress(f"{split.name}: figures", 0.0)
        reports.append(split_report(used, split, predictions, names, subject.unit, drawing))
    progress("agreement of raters", 0.0)
    agreement = rater_agreement(data, names, drawing.draws, drawing.seed)
    faults, order = _without_ratings(data, subject, card, cache, plan, progress)
    return EvaluatorReport(
        evaluator=subject.predictor.id,
        learns=subject.predictor.learns,
        names=names,
        used=len({used[n].group for split in splits for n in _looked_at(split, subject)}),
        splits=tuple(reports),
        agreement=agreement,
        impressions=_impressions(used, splits, subject.predictor, faults, plan),
        faults=faults,
        order=order,
    )


def chosen_splits(
    data: Sequence[RatedDialogue], learns: bool, plan: ReportPlan
) -> tuple[Sequence[RatedDialogue], list[RatingSplit]]:
    """The data that are used and their splits, within `plan.dialogues`.

    A smaller number's dialogues are among a larger one's. For a predictor that does not learn, all
    the data are split, and of what is tested those are kept first that the random split tests, so
    that few scored dialogues serve every split.
    """
    if learns and plan.dialogues is not None:
        data = sample_dialogues(data, plan.dialogues, plan.drawing.seed)
    splits = make_splits(data, plan.splits)
    if learns or plan.dialogues is None:
        return data, splits
    by_chance = {data[n].group for split in splits[:1] for n in split.test}
    kept = _sampled(data, by_chance, plan.dialogues, plan)
    rest = {data[n].group for split in splits for n in split.test} - by_chance
    kept |= _sampled(data, rest, plan.dialogues - len(kept), plan)
    return data, [
        replace(split, test=tuple(n for n in split.test if data[n].group in kept))
        for split in splits
    ]


def _sampled(
    data: Sequence[RatedDialogue], groups: set[str], count: int, plan: ReportPlan
) -> set[str]:
    rows = [one for one in data if one.group in groups]
    return {one.group for one in sample_dialogues(rows, max(count, 0), plan.drawing.seed)}


def _looked_at(split: RatingSplit, subject: Subject) -> tuple[int, ...]:
    fitted = (*split.fit, *split.validation) if subject.predictor.learns else ()
    return (*fitted, *split.test)


def _within(progress: Progress, part: str) -> Progress:
    return lambda stage, share: progress(f"{part}: {stage}", share)


def _without_ratings(
    data: Sequence[RatedDialogue],
    subject: Subject,
    card: Card,
    cache: MeasurementCache,
    plan: ReportPlan,
    progress: Progress,
) -> tuple[FaultReport | None, PositionBias | None]:
    """Faults and order, as far as the evaluator can tell them and the plan asks for them."""
    faults, order = None, None
    if subject.evaluator is not None and plan.fault_contexts > 0:
        progress("making faults", 0.0)
        examples = fault_examples(data, card, plan.fault_contexts)
        faults = fault_report(subject.evaluator, examples, cache, progress)
    if subject.pair_judge is not None and plan.order_pairs > 0:
        pairs = fault_pairs(read_card_rows(card.folder, "validation", "test"), plan.order_pairs)
        stage = f"comparing {len(pairs)} pairs in both orders"
        order = measure_position_bias(
            subject.pair_judge, pairs, lambda done: progress(stage, done / len(pairs))
        )
    return faults, order


def _impressions(
    data: Sequence[RatedDialogue],
    splits: Sequence[RatingSplit],
    predictor: RatingPredictor,
    faults: FaultReport | None,
    plan: ReportPlan,
) -> Dimensions | None:
    """Over the tested dialogues where they were scored, else over the accepted replies."""
    values: Floats
    groups: Sequence[str]
    if isinstance(predictor, EvaluatorPredictor):
        tested = [data[n] for n in sorted({n for split in splits for n in split.test})]
        values, _ = predictor.impressions(tested, lambda _stage, _share: None)
        groups = [one.group for one in tested]
    elif faults is not None:
        values, groups = faults.good, faults.good_groups
    else:
        return None
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    clusters = make_clusters(groups, plan.drawing.draws, plan.drawing.seed)
    units = len(set(clusters.unit[rows].tolist()))
    return dimensions(rank_correlations(values, clusters, rows), units) if units else None
