"""The rating head that is kept beside the heads: fitted on some raters, measured on the others."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from persona.estimates import Estimate
from rlaif.agreement_statistics import Places, RatingPairs, interval, redraw, spearmans
from rlaif.dialogue_features import dialogue_features
from rlaif.evaluation_only import FitMark
from rlaif.fit_rating_head import (
    FEWEST_ROWS,
    RatingHeadSettings,
    deviations,
    fit_notes,
    fit_rating_head,
    rating_rows,
)
from rlaif.rated_dialogues import RatedDialogue, rating_names
from rlaif.rating_head import RATING_MANIFEST, Values, save_rating_head
from rlaif.rating_splits import RatingSplit, SplitPlan, make_splits
from rlaif.token_means import TokenMeans

_DRAWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingHeadRun:
    """What a fit needs. `out` receives the head; `about` is said in its manifest besides what the fit
    itself says; `report` is told the stage and its share, 0 to 1."""

    data: Sequence[RatedDialogue]
    reader: TokenMeans | None
    out: Path
    mark: FitMark
    about: Mapping[str, object]
    settings: RatingHeadSettings
    report: Callable[[str, float], None]


def fit_kept_rating_head(run: RatingHeadRun) -> dict[str, object] | None:
    """Fit on the raters of the split `unseen_raters`, measure on those put aside, write; return what
    the manifest says.

    None, and no head in the folder, when the data name too few raters to put some aside, or too few
    of their dialogues are left. Ratings that too few of these carry are left out.
    """
    (run.out / RATING_MANIFEST).unlink(missing_ok=True)
    splits = {split.name: split for split in make_splits(run.data, SplitPlan())}
    split = splits.get("unseen_raters")
    if split is None:
        return None
    known = [*split.fit, *split.validation]
    counts = Counter(name for n in known for name in run.data[n].ratings)
    names = [name for name in rating_names(run.data) if counts[name] >= FEWEST_ROWS]
    if not names:
        return None
    features = dialogue_features(run.data, run.reader, run.report)
    rows = rating_rows([run.data[n] for n in known], names)
    head = fit_rating_head(
        features.rows(known), rows, run.settings, lambda share: run.report("rating head", share)
    )
    values, _ = head.predict(features.rows(split.test))
    about: dict[str, object] = {
        **run.about,
        **fit_notes(run.settings, rows),
        **run.mark.in_manifest(),
        "held_out": held_out_figures(run.data, split, names, values),
    }
    save_rating_head(run.out, head, about)
    return about


def held_out_figures(
    data: Sequence[RatedDialogue], split: RatingSplit, names: Sequence[str], values: Values
) -> dict[str, object]:
    """Spearman's correlation of predictions [test rows, names] and ratings, by rating: as they are,
    and as deviations from each rater's mean of both; 95 % intervals by drawing dialogues."""
    rows = rating_rows([data[n] for n in split.test], names)
    predicted = deviations(replace(rows, ratings=values))
    _, unit = np.unique(np.array(rows.groups), return_inverse=True)
    draws = redraw(int(unit.max()) + 1, _DRAWS, seed=0)
    figures: dict[str, object] = {"rows": len(rows.groups), "raters": len(set(rows.raters))}
    for key, ours, theirs in (
        ("spearman", values, rows.ratings),
        ("spearman_within_rater", predicted, deviations(rows)),
    ):
        figures[key] = {
            name: _rounded(_correlation(ours[:, n], theirs[:, n], unit, draws))
            for n, name in enumerate(names)
        }
    return figures


def _correlation(ours: Values, theirs: Values, unit: Places, draws: Values) -> Estimate | None:
    known = np.isfinite(theirs)
    pairs = RatingPairs(
        first=ours[known], second=theirs[known], unit=unit[known], units=draws.shape[1]
    )
    return interval(lambda weights: spearmans(pairs, pairs.taken(weights)), draws)


def _rounded(estimate: Estimate | None) -> list[float] | None:
    if estimate is None:
        return None
    return [round(value, 3) for value in (estimate.value, estimate.low, estimate.high)]
