"""From a regressor's figures to points: isotonic curves fitted on validation, kept as numbers.

Isotonic regression gives steps, and on a step two replies that the regressor tells apart would
score alike. So the knots are put in the middle of the steps and joined by lines (centred isotonic
regression; Oron & Flournoy 2017, doi:10.1080/19466315.2017.1286256), on top of a slope too small to
matter for the points, which keeps the order where validation saw no rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from rlaif.metrics import SCALE
from rlaif.sft_targets import RatingScale, Table, Targets

FEWEST = 30
"""Rows below which a metric is left as the regressor gives it."""
SLOPE = 0.1
"""Points per standardised step that are added to every curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Knots: figures (rising) and the points there, without the slope; one knot is a constant."""

    figures: Table
    points: Table

    def __call__(self, figures: Table) -> Table:
        """Points within the scale; beyond the last knots only the slope goes on."""
        level = np.interp(figures, self.figures, self.points)
        return np.clip(level + SLOPE * figures, *SCALE)


def fit_curve(figures: Table, points: Table, weight: Table) -> Curve:
    """The curve of one metric: figures and points of rows that count by weight."""
    model = IsotonicRegression(out_of_bounds="clip")
    model.fit(figures, points - SLOPE * figures, sample_weight=weight)
    level = model.predict(figures)
    knots = []
    for step in np.unique(level):
        own = level == step
        knots.append((float(np.average(figures[own], weights=weight[own])), float(step)))
    return Curve(figures=np.array([x for x, _ in knots]), points=np.array([y for _, y in knots]))


def fit_curves(predicted: Table, targets: Targets, scale: RatingScale) -> tuple[Curve, ...]:
    """A curve per metric from standardised predictions [rows, 12]; where few rows tell, a line."""
    wanted = scale.points(targets.value)
    curves = []
    for column in range(predicted.shape[1]):
        known = targets.weight[:, column] > 0
        if known.sum() < FEWEST:
            curves.append(_line(float(scale.centre[column]), float(scale.width[column])))
        else:
            curves.append(
                fit_curve(
                    predicted[known, column],
                    wanted[known, column],
                    targets.weight[known, column],
                )
            )
    return tuple(curves)


def apply_curves(curves: Sequence[Curve], figures: Table) -> Table:
    """Points [..., 12] of standardised figures [..., 12]."""
    return np.stack([curve(figures[..., n]) for n, curve in enumerate(curves)], axis=-1)


def _line(centre: float, width: float) -> Curve:
    ends = np.array([-10.0, 10.0])
    return Curve(figures=ends, points=centre + (width - SLOPE) * ends)
