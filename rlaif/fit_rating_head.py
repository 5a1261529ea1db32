"""Fitting a rating head: ridge on bounded figures, on directions of text pieces and on the base
model's states, each dialogue's ratings taken as deviations from what its rater usually gives.

A rater's habit is about half of a rating, and nothing in the words tells it (docs/evaluators.md);
as a target it only teaches what the raters at hand happen to write like.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD

from rlaif.dialogue_features import SIDES, DialogueFeatures
from rlaif.errors import EvaluatorError
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_head import RatingHead, RatingWeights, standardised, unit_rows

Values = NDArray[np.float64]

_SCARCE_RATER = 2.0
"""Ratings by which a rater's mean is drawn towards everybody's."""
FEWEST_ROWS = 10
"""Rated dialogues without which nothing is fitted to a rating."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingHeadSettings:
    """components: directions of text pieces kept a side. The ridges are penalties in units of a
    block's mean column variance. shares: of the figures, of the rater's and of the rated one's
    pieces, and of the states in a prediction, each brought to spread 1 first.
    """

    members: int = 5
    components: int = 50
    figure_ridge: float = 20.0
    piece_ridge: float = 20.0
    state_ridge: float = 10.0
    shares: tuple[float, float, float, float] = (1.0, 0.5, 0.7, 1.0)
    seed: int = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRows:
    """Ratings to fit on, [rows, names], NaN where there is none, with rater and dialogue."""

    names: tuple[str, ...]
    ratings: Values
    raters: tuple[str, ...]
    groups: tuple[str, ...]


def rating_rows(data: Sequence[RatedDialogue], names: Sequence[str]) -> RatingRows:
    """The ratings of `data` as a table."""
    table = [[one.ratings.get(name, np.nan) for name in names] for one in data]
    return RatingRows(
        names=tuple(names),
        ratings=np.array(table, dtype=np.float64).reshape(len(data), len(names)),
        raters=tuple(one.rater for one in data),
        groups=tuple(one.group for one in data),
    )


def deviations(rows: RatingRows) -> Values:
    """Ratings less what their rater usually gives; less everybody's mean where nobody is named."""
    everybody = np.nanmean(rows.ratings, axis=0)
    result = rows.ratings - everybody
    places: dict[str, list[int]] = {}
    for n, rater in enumerate(rows.raters):
        if rater:
            places.setdefault(rater, []).append(n)
    for own in places.values():
        known = np.isfinite(result[own]).sum(axis=0)
        result[own] -= np.nansum(result[own], axis=0) / (known + _SCARCE_RATER)
    return np.asarray(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """One kind of input, [rows, D], and how its columns are made of the features' own: [B, D], or
    None when they are the same."""

    inputs: Values
    basis: Values | None


def fit_rating_head(
    features: DialogueFeatures,
    rows: RatingRows,
    settings: RatingHeadSettings,
    report: Callable[[float], None] | None = None,
) -> RatingHead:
    """A head fitted on dialogues drawn with replacement, `settings.members` times.

    Raises EvaluatorError when a rating has too few rows.
    """
    for name, count in zip(rows.names, np.isfinite(rows.ratings).sum(axis=0), strict=True):
        if count < FEWEST_ROWS:
            raise EvaluatorError(
                f"{count} dialogues to fit on are rated for {name}; expected at least {FEWEST_ROWS}: "
                "give more data, or leave that rating out"
            )
    target = deviations(rows)
    figure_map, state_map = _spread(features.figures), _spread(features.states)
    piece_scale = np.stack([_rarity(features, side) for side in range(len(SIDES))])
    blocks = [
        _Block(inputs=standardised(features.figures, *figure_map), basis=None),
        *(_directions(features, side, piece_scale[side], settings) for side in range(len(SIDES))),
        _Block(inputs=standardised(features.states, *state_map), basis=None),
    ]
    drawn = _drawn(rows.groups, settings)
    members = []
    for n, counts in enumerate(drawn):
        members.append(_fit_member(blocks, target, counts, settings))
        if report is not None:
            report((n + 1) / len(drawn))
    everybody = np.nanmean(rows.ratings, axis=0)
    return RatingHead(
        names=rows.names,
        reader=features.reader,
        weights=RatingWeights(
            figure_mean=figure_map[0],
            figure_scale=figure_map[1],
            state_mean=state_map[0],
            state_scale=state_map[1],
            piece_scale=piece_scale,
            figures=np.stack([slopes[0] for slopes, _ in members]).astype(np.float32),
            states=np.stack([slopes[3] for slopes, _ in members]).astype(np.float32),
            pieces=np.stack([np.stack(slopes[1:3]) for slopes, _ in members]).astype(np.float16),
            bias=np.stack([everybody + bias for _, bias in members]).astype(np.float32),
        ),
    )


def _spread(columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each column."""
    return columns.mean(axis=0), np.maximum(columns.std(axis=0), np.float32(1e-4))


def _rarity(features: DialogueFeatures, side: int) -> NDArray[np.float32]:
    """Inverse document frequency of every bucket."""
    held = np.bincount(features.pieces[side].indices, minlength=features.pieces[side].shape[1])
    rarity: NDArray[np.float32] = np.log((1 + len(features)) / (1 + held)).astype(np.float32)
    return rarity


def _directions(
    features: DialogueFeatures,
    side: int,
    scale: NDArray[np.float32],
    settings: RatingHeadSettings,
) -> _Block:
    """The main directions of a side's pieces."""
    pieces = unit_rows(features.pieces[side], scale)
    kept = min(settings.components, pieces.shape[0] - 1, pieces.shape[1] - 1)
    found = TruncatedSVD(kept, n_iter=3, random_state=settings.seed).fit(pieces)
    basis = found.components_.T.astype(np.float64)
    return _Block(inputs=np.asarray(pieces @ basis), basis=basis)


def _drawn(groups: Sequence[str], settings: RatingHeadSettings) -> Values:
    """[members, rows]: how often the dialogue of each row was drawn."""
    _, place = np.unique(np.array(groups), return_inverse=True)
    count = int(place.max()) + 1
    rng = np.random.default_rng(settings.seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=settings.members)[
        :, place
    ].astype(np.float64)


def _fit_member(
    blocks: Sequence[_Block], target: Values, counts: Values, settings: RatingHeadSettings
) -> tuple[list[Values], Values]:
    """Slopes of each block in the features' own columns [., R], and the bias [R]."""
    piece = settings.piece_ridge
    ridges = (settings.figure_ridge, piece, piece, settings.state_ridge)
    parts = [
        _ridge(block.inputs, target, counts, ridge)
        for block, ridge in zip(blocks, ridges, strict=True)
    ]
    shares = [
        share / np.maximum((block.inputs @ slopes).std(axis=0), 1e-9)
        for share, block, slopes in zip(settings.shares, blocks, parts, strict=True)
    ]
    scaled = [slopes * share for slopes, share in zip(parts, shares, strict=True)]
    together = sum(
        (block.inputs @ slopes for block, slopes in zip(blocks, scaled, strict=True)),
        np.zeros_like(target),
    )
    gain, bias = _gain(together, target, counts == 0)
    own = [
        slopes * gain if block.basis is None else block.basis @ (slopes * gain)
        for block, slopes in zip(blocks, scaled, strict=True)
    ]
    return own, bias


def _ridge(inputs: Values, target: Values, counts: Values, ridge: float) -> Values:
    """Weighted ridge slopes [D, R]; ratings that are missing in the same rows are solved together."""
    slopes = np.zeros((inputs.shape[1], target.shape[1]))
    if not slopes.size:
        return slopes
    known = np.isfinite(target)
    patterns: dict[bytes, list[int]] = {}
    for column in range(target.shape[1]):
        patterns.setdefault(known[:, column].tobytes(), []).append(column)
    for columns in patterns.values():
        rows = known[:, columns[0]] & (counts > 0)
        x, y, weight = inputs[rows], target[rows][:, columns], counts[rows, None]
        x = x - (weight * x).sum(axis=0) / weight.sum()
        y = y - (weight * y).sum(axis=0) / weight.sum()
        products = x.T @ (weight * x)
        penalty = ridge * np.trace(products) / len(products)
        slopes[:, columns] = np.linalg.solve(
            products + max(penalty, 1e-9) * np.eye(len(products)), x.T @ (weight * y)
        )
    return slopes


def _gain(predicted: Values, target: Values, left_out: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Points per unit of the prediction, told by dialogues that were not drawn; never negative."""
    gain, bias = np.zeros(target.shape[1]), np.zeros(target.shape[1])
    for column in range(target.shape[1]):
        rows = left_out & np.isfinite(target[:, column])
        if int(rows.sum()) < FEWEST_ROWS:
            rows = np.isfinite(target[:, column])
        x, y = predicted[rows, column], target[rows, column]
        slope = float(np.cov(x, y)[0, 1] / max(float(x.var()), 1e-12))
        # A gain of nothing would make every dialogue alike.
        gain[column] = max(slope, 1e-3)
        bias[column] = -gain[column] * float(predicted[:, column].mean())
    return gain, bias


def fit_notes(settings: RatingHeadSettings, rows: RatingRows) -> Mapping[str, object]:
    """What the manifest says of a fit."""
    return {
        "members": settings.members,
        "components": settings.components,
        "figure_ridge": settings.figure_ridge,
        "piece_ridge": settings.piece_ridge,
        "state_ridge": settings.state_ridge,
        "shares": list(settings.shares),
        "seed": settings.seed,
        "fitted_rows": len(rows.groups),
        "fitted_dialogues": len(set(rows.groups)),
        "fitted_raters": len(set(rows.raters) - {""}),
    }
