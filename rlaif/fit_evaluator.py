"""From data to heads on disk: examples, cached features, fit, held-out figures, manifest."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from persona.card import Card
from persona.dialogues import read_card_rows
from persona.importers.report import ImportedRow
from rlaif.embedded_heads import HeadWeights, estimate, save_heads
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import require_fitting
from rlaif.faults import LOWERED, Example
from rlaif.feature_cache import cached_features
from rlaif.features import FeatureExtractor, Features
from rlaif.fit_data import DataPlan, make_sides
from rlaif.fit_heads import RATED, HeadSettings, fit_heads, make_targets
from rlaif.fit_rating_head import RatingHeadSettings
from rlaif.head_figures import Values, fault_figures, rating_figures
from rlaif.rated_dialogues import seat_raters
from rlaif.rating_head_run import RatingHeadRun, fit_kept_rating_head
from rlaif.reviewed_replies import Reviews, with_reviews
from rlaif.token_means import TokenMeans

LICENCE = "CC BY-SA 4.0"
NOTICE = (
    "These heads were fitted on RealPersonaChat (Yamashita et al. 2023, "
    "https://github.com/nu-dialogue/real-persona-chat), licensed CC BY-SA 4.0 "
    "(https://creativecommons.org/licenses/by-sa/4.0/), on the dialogues of the persona's card and "
    "on faults made from both. The heads are shared under CC BY-SA 4.0 too. They hold no text of "
    "the data."
)

RATING_NOTICE = (
    "This rating head was fitted on RealPersonaChat (Yamashita et al. 2023, "
    "https://github.com/nu-dialogue/real-persona-chat), licensed CC BY-SA 4.0 "
    "(https://creativecommons.org/licenses/by-sa/4.0/), and is shared under CC BY-SA 4.0 too. It holds "
    "no text of the data."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRun:
    """What a fit needs. `cache` keeps features between runs, those of visitors' replies excepted;
    `out` receives the heads; `report` is told the stage and its share, 0 to 1. `evaluation_only`:
    the holder lets it be fitted on data that came for evaluation only, and it is marked. `reader`: what
    the rating head is given of the base model."""

    card: Card
    rated: Sequence[ImportedRow]
    cache: Path
    out: Path
    base_sha256: str
    today: datetime.date
    plan: DataPlan
    settings: HeadSettings
    report: Callable[[str, float], None]
    reviews: Reviews = field(default_factory=Reviews)
    evaluation_only: bool = False
    reader: TokenMeans | None = None


def fit_evaluator(extractor: FeatureExtractor, run: FitRun) -> dict[str, object]:
    """Fit, measure on what was held out, write the heads; return the figures.

    Raises DataError when data may not be trained on, EvaluatorError when there is too little.
    """
    mark = require_fitting((row.licence for row in run.rated), allowed=run.evaluation_only)
    sides = make_sides(
        run.rated,
        read_card_rows(run.card.folder, "train"),
        read_card_rows(run.card.folder, "validation", "test"),
        run.plan,
    )
    if not sides.fit or not sides.held_out:
        raise EvaluatorError(
            f"{len(run.rated)} rated dialogues give {len(sides.fit)} examples to fit on and "
            f"{len(sides.held_out)} to test on; expected both: give the whole data"
        )
    fitting = _features(extractor, sides.fit, run, "fitting examples")
    held_out = _features(extractor, sides.held_out, run, "held-out examples")
    run.report("heads", 0.0)
    targets = with_reviews(make_targets(sides.fit, run.settings), run.reviews.replies)
    weights = fit_heads(_with_reviewed(extractor, fitting, run), targets, run.settings)
    run.report("heads", 1.0)
    figures = measure(weights, sides.held_out, held_out)
    about: dict[str, object] = {
        "kind": "embedded",
        "notice": NOTICE,
        "licence": LICENCE,
        "base_sha256": run.base_sha256,
        "fitted_on": run.today.isoformat(),
        "card": run.card.id,
        "examples": {"fit": len(sides.fit), "held_out": len(sides.held_out)},
        "reviews": len(run.reviews.replies),
        "reviews_until": None if run.reviews.until is None else run.reviews.until.isoformat(),
        "plan": asdict(run.plan),
        "settings": asdict(run.settings),
        "lowered": {kind: list(keys) for kind, keys in LOWERED.items()},
        "rated": {key: list(names) for key, names in RATED.items()},
        "held_out": figures,
        **mark.in_manifest(),
    }
    save_heads(run.out, weights, about)
    ratings = fit_kept_rating_head(
        RatingHeadRun(
            data=seat_raters(run.rated),
            reader=run.reader,
            out=run.out,
            mark=mark,
            about={"notice": RATING_NOTICE, "licence": LICENCE, "fitted_on": run.today.isoformat()},
            settings=RatingHeadSettings(),
            report=run.report,
        )
    )
    return about if ratings is None else {**about, "rating_head": ratings}


def measure(
    weights: HeadWeights, examples: Sequence[Example], features: Features
) -> dict[str, object]:
    """Held-out figures as JSON: AUC per fault kind, per voice, and rho against raters."""
    values, spread = estimate(weights, features)
    table = values.double().numpy()
    good = [n for n, example in enumerate(examples) if example.maker == "given"]
    spoilt = [n for n, example in enumerate(examples) if example.fault is not None]
    return {
        "faults": fault_json(examples, table),
        "faults_by_voice": {
            voice: fault_json([examples[n] for n in rows], table[rows])
            for voice in ("person", "persona")
            if (rows := [n for n, e in enumerate(examples) if e.context.voice == voice])
        },
        "rating_spearman": {
            key: round(value, 3) for key, value in rating_figures(examples, table).items()
        },
        "mean_of_real_replies": round(float(table[good].mean()), 2),
        "mean_of_spoilt_replies": round(float(table[spoilt].mean()), 2),
        "mean_spread": round(float(spread.mean()), 2),
    }


def _features(
    extractor: FeatureExtractor, examples: Sequence[Example], run: FitRun, stage: str
) -> Features:
    cards = [run.card if example.context.voice == "persona" else None for example in examples]
    return cached_features(
        extractor,
        [example.dialogue for example in examples],
        cards,
        run.cache,
        lambda done: run.report(stage, done / len(examples)),
    )


def _with_reviewed(extractor: FeatureExtractor, features: Features, run: FitRun) -> Features:
    """The features with those of reviewed replies behind them."""
    dialogues = [one.dialogue for one in run.reviews.replies]
    if not dialogues:
        return features
    own = extractor.extract(
        dialogues,
        [run.card] * len(dialogues),
        lambda done: run.report("reviewed replies", done / len(dialogues)),
    )
    return Features(
        states=np.concatenate([features.states, own.states]),
        figures=np.concatenate([features.figures, own.figures]),
        names=features.names,
    )


def fault_json(examples: Sequence[Example], table: Values) -> Mapping[str, object]:
    """Figures of every fault kind that occurs, as they stand in a manifest. table: [rows, 12]."""
    return {
        kind: {
            "auc": round(found.caught.value, 3),
            "interval": [round(found.caught.low, 3), round(found.caught.high, 3)],
            "faults": found.faults,
            "good": found.good,
            "by_metric": {key: round(value, 3) for key, value in found.by_metric.items()},
            "overall": round(found.overall, 3),
        }
        for kind, found in fault_figures(examples, table).items()
    }
