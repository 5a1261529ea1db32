"""An evaluator's figures on one split: each rating with its interval, what stands beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats, Places
from rlaif.metrics import SCALE
from rlaif.rated_dialogues import METRICS_OF_RATING, RatedDialogue
from rlaif.rating_calibration import Calibration, calibrate
from rlaif.rating_figures import (
    Clusters,
    Dimensions,
    centred,
    dimensions,
    estimate_of,
    holm,
    make_clusters,
    mean_of,
    p_value,
    partial,
    rank_correlations,
)
from rlaif.rating_predictor import Predictions
from rlaif.rating_splits import Centre, RatingSplit, SplitName
from rlaif.seed_table1 import PublishedFigures, published
from rlaif.trivial_baselines import BASELINES, rating_baselines, text_baselines

Unit = Literal["points", "scale", "any"]
"""What predictions are in: the points of the ratings, 0..10 of the impressions, or anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Spearman with people, of one rating or the mean over all.

    rho, by_rater: intervals of dialogues and of raters drawn anew (None where raters are not named).
    given_length: partial, with the characters of the rated one's turns held fixed. baselines: of the
    trivial baselines by name, None where one does not vary.
    """

    rho: Estimate | None
    by_rater: Estimate | None
    given_length: Estimate | None
    baselines: Mapping[str, Estimate | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRow:
    """One rating. p: that its correlation is zero; p_corrected: after Holm over all ratings."""

    name: str
    impressions: tuple[str, ...]
    rows: int
    figures: Beside
    p: float | None
    p_corrected: float | None
    published: PublishedFigures | None
    calibration: Calibration | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """Everything on one split. Counts are of the rows to fit on, to stop by, to test, and, from
    scored_rows on, of the tested ones that have a prediction.

    picked: the rating with the highest correlation; its corrected p is the one to quote. ours, people:
    dimensions of the predictions and of the ratings. calibration: of all ratings together.
    """

    name: SplitName
    centred_by: Centre | None
    fit_rows: int
    validation_rows: int
    test_rows: int
    scored_rows: int
    dialogues: int
    raters: int
    systems: int
    ratings: tuple[RatingRow, ...]
    mean: Beside
    picked: str | None
    ours: Dimensions | None
    people: Dimensions | None
    calibration: Calibration | None
    unscored: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How intervals are made: draws of whole clusters, and their seed."""

    draws: int = 1000
    seed: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Test rows: ratings and predictions [rows, names], baselines [rows, names, baselines]."""

    rated: Floats
    predicted: Floats
    baselines: Floats
    clusters: Clusters
    by_rater: Clusters | None

    def rows_of(self, at: int) -> Places:
        """Where both the rating and the prediction of name `at` are known."""
        both = np.isfinite(self.rated[:, at]) & np.isfinite(self.predicted[:, at])
        return np.flatnonzero(both & np.isfinite(self.baselines[:, at]).all(axis=1))


def split_report(
    data: Sequence[RatedDialogue],
    split: RatingSplit,
    predictions: Predictions,
    names: Sequence[str],
    unit: Unit,
    drawing: Drawing,
) -> SplitReport:
    """Put predictions of `split.test` beside its ratings."""
    tested = [data[n] for n in split.test]
    places = np.flatnonzero(np.isfinite(predictions.values).any(axis=1))
    scored = [tested[n] for n in places]
    table = _table(data, split, _in_points(data, predictions, names, unit), names, drawing)
    drawn = _correlations(table, names)
    figures = [_beside(drawn[name]) for name in names]
    ps = {name: p for name in names if (p := _p(drawn[name])) is not None}
    corrected = holm(ps)
    known = [(n, one.rho.value) for n, one in enumerate(figures) if one.rho is not None]
    return SplitReport(
        name=split.name,
        centred_by=split.centred_by,
        fit_rows=len(split.fit),
        validation_rows=len(split.validation),
        test_rows=len(tested),
        scored_rows=len(scored),
        dialogues=len({one.group for one in scored}),
        raters=len({one.rater for one in scored} - {""}),
        systems=len({one.system for one in scored} - {""}),
        ratings=tuple(
            RatingRow(
                name=name,
                impressions=METRICS_OF_RATING.get(name, ()),
                rows=len(table.rows_of(at)),
                figures=figures[at],
                p=ps.get(name),
                p_corrected=corrected.get(name),
                published=published(METRICS_OF_RATING.get(name, ())),
                calibration=None if split.centred_by else _calibration(table, at, unit),
            )
            for at, name in enumerate(names)
        ),
        mean=_mean(list(drawn.values())),
        picked=names[max(known, key=lambda one: one[1])[0]] if known else None,
        ours=_dimensions(table, table.predicted),
        people=_dimensions(table, table.rated),
        calibration=None if split.centred_by else _pooled(table, unit),
        unscored=predictions.unscored,
    )


def _in_points(
    data: Sequence[RatedDialogue], predictions: Predictions, names: Sequence[str], unit: Unit
) -> Floats:
    """Predictions of 0..10 as points between the least and the greatest rating that was given."""
    values = predictions.values.astype(np.float64)
    if unit != "scale":
        return values
    columns = []
    for at, name in enumerate(names):
        given = [one.ratings[name] for one in data if name in one.ratings]
        low, high = (min(given), max(given)) if given else SCALE
        columns.append(low + values[:, at] / SCALE[1] * (high - low))
    return np.stack(columns, axis=1)


def _table(
    data: Sequence[RatedDialogue],
    split: RatingSplit,
    predicted: Floats,
    names: Sequence[str],
    drawing: Drawing,
) -> _Table:
    tested = [data[n] for n in split.test]
    rated = np.array(
        [[one.ratings.get(name, np.nan) for name in names] for one in tested], dtype=np.float64
    ).reshape(len(tested), len(names))
    texts = text_baselines(tested)
    baselines = np.stack(
        [np.column_stack([texts, *rating_baselines(data, split, name)]) for name in names], axis=1
    )
    if split.centred_by is not None:
        by = [one.rater if split.centred_by == "rater" else one.system for one in tested]
        # What is not rated, or not scored, takes no part in the mean of the others either.
        missing = ~(np.isfinite(rated) & np.isfinite(predicted))
        rated, predicted = np.where(missing, np.nan, rated), np.where(missing, np.nan, predicted)
        rated, predicted = centred(rated, by), centred(predicted, by)
        flat = baselines.reshape(len(tested), -1)
        baselines = centred(flat, by).reshape(baselines.shape)
    raters = [one.rater for one in tested]
    return _Table(
        rated=rated,
        predicted=predicted,
        baselines=baselines,
        clusters=make_clusters([one.group for one in tested], drawing.draws, drawing.seed),
        by_rater=make_clusters(raters, drawing.draws, drawing.seed) if all(raters) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """Correlations of rating, prediction and baselines, [1 + draws, 2 + baselines, same]."""

    by_dialogue: Floats
    by_rater: Floats | None
    dialogues: int
    raters: int


def _correlations(table: _Table, names: Sequence[str]) -> dict[str, _Drawn]:
    found: dict[str, _Drawn] = {}
    for at, name in enumerate(names):
        rows = table.rows_of(at)
        columns = np.column_stack(
            [table.rated[:, at], table.predicted[:, at], table.baselines[:, at]]
        )
        by_rater = table.by_rater
        found[name] = _Drawn(
            by_dialogue=rank_correlations(columns, table.clusters, rows),
            by_rater=(
                None if by_rater is None else rank_correlations(columns[:, :2], by_rater, rows)
            ),
            dialogues=len(set(table.clusters.unit[rows].tolist())),
            raters=0 if by_rater is None else len(set(by_rater.unit[rows].tolist())),
        )
    return found


_RATED, _OURS, _FIRST_BASELINE = 0, 1, 2
_LENGTH = _FIRST_BASELINE + BASELINES.index("length")


def _partial(one: _Drawn) -> Floats:
    found = one.by_dialogue
    return partial(found[:, _RATED, _OURS], found[:, _RATED, _LENGTH], found[:, _OURS, _LENGTH])


def _beside(one: _Drawn) -> Beside:
    return _mean([one])


def _mean(all_of: Sequence[_Drawn]) -> Beside:
    dialogues = max((one.dialogues for one in all_of), default=0)
    raters = max((one.raters for one in all_of), default=0)
    by_rater = [one.by_rater[:, 0, 1] for one in all_of if one.by_rater is not None]
    return Beside(
        rho=estimate_of(mean_of([one.by_dialogue[:, _RATED, _OURS] for one in all_of]), dialogues),
        by_rater=estimate_of(mean_of(by_rater), raters) if by_rater else None,
        given_length=estimate_of(mean_of([_partial(one) for one in all_of]), dialogues),
        baselines={
            name: estimate_of(
                mean_of([one.by_dialogue[:, _RATED, _FIRST_BASELINE + at] for one in all_of]),
                dialogues,
            )
            for at, name in enumerate(BASELINES)
        },
    )


def _p(one: _Drawn) -> float | None:
    if _beside(one).rho is None:
        return None
    ours = one.by_dialogue[:, _RATED, _OURS]
    return p_value(ours) if one.by_rater is None else p_value(ours, one.by_rater[:, 0, 1])


def _calibration(table: _Table, at: int, unit: Unit) -> Calibration | None:
    rows = table.rows_of(at)
    return calibrate(
        table.predicted[rows, at],
        table.rated[rows, at],
        Clusters(unit=table.clusters.unit[rows], counts=table.clusters.counts),
        in_points=unit != "any",
    )


def _pooled(table: _Table, unit: Unit) -> Calibration | None:
    places = [(table.rows_of(at), at) for at in range(table.rated.shape[1])]
    if not any(len(rows) for rows, _ in places):
        return None
    return calibrate(
        np.concatenate([table.predicted[rows, at] for rows, at in places]),
        np.concatenate([table.rated[rows, at] for rows, at in places]),
        Clusters(
            unit=np.concatenate([table.clusters.unit[rows] for rows, _ in places]),
            counts=table.clusters.counts,
        ),
        in_points=unit != "any",
    )


def _dimensions(table: _Table, columns: Floats) -> Dimensions | None:
    """Of the columns that are known at all, over the rows in which all of these are known."""
    known = np.flatnonzero(np.isfinite(columns).any(axis=0))
    rows = np.flatnonzero(np.isfinite(columns[:, known]).all(axis=1))
    clusters = len(set(table.clusters.unit[rows].tolist()))
    if not len(known) or not clusters:
        return None
    return dimensions(rank_correlations(columns[:, known], table.clusters, rows), clusters)
