"""Fitting the `sft` evaluator: people's ratings and spoilt replies, held-out figures, a folder."""

import datetime
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from persona.base_model import LoadedModel
from persona.card import Card
from persona.dialogues import read_card_rows
from persona.importers.report import ImportedRow
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import FitMark, require_fitting
from rlaif.faults import Example
from rlaif.fit_data import DataPlan, make_sides
from rlaif.fit_evaluator import fault_json
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_splits import RatingSplit, SplitPlan, make_splits
from rlaif.sft_calibration import apply_curves, fit_curves
from rlaif.sft_checkpoint import Progress
from rlaif.sft_figures import estimates_json, rating_estimates
from rlaif.sft_folder import save_regressor
from rlaif.sft_model import Regressor
from rlaif.sft_plan import RowBudget, drawn_rows, fingerprint, made_rows, rated_rows
from rlaif.sft_rows import FitRows, joined
from rlaif.sft_settings import RegressorSettings, TrainingBounds
from rlaif.sft_targets import RatingScale, Table, scale_of
from rlaif.sft_training import RegressorRun, predict_rows, train_regressor

FAULT_PLAN = DataPlan(
    chat_contexts=80, card_contexts=140, rated_extra=0, held_out_chats=30, held_out_card=50
)
"""Spoilt replies are short: these cost about as much as 200 rated dialogues."""
_STOPPED_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SftFit:
    """What a fit needs. rated: people's ratings; chats: of the same data, where people accepted
    each other's replies, to spoil some, may be empty. work_folder keeps what an interrupted fit
    needs; `out` receives the evaluator; `report` is told the stage and its share, 0..1.
    evaluation_only: the holder lets it be fitted on data that came for evaluation only."""

    card: Card
    rated: Sequence[RatedDialogue]
    chats: Sequence[ImportedRow]
    work_folder: Path
    out: Path
    today: datetime.date
    report: Callable[[str, float], None]
    settings: RegressorSettings = field(default_factory=RegressorSettings)
    rows: RowBudget = field(default_factory=RowBudget)
    bounds: TrainingBounds = field(default_factory=TrainingBounds)
    faults: DataPlan = FAULT_PLAN
    evaluation_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Rated dialogues and made examples to fit on, to stop by and to report."""

    fit: list[RatedDialogue]
    stop: list[RatedDialogue]
    test: list[RatedDialogue]
    made_fit: list[Example]
    made_stop: list[Example]
    made_test: list[Example]


def fit_sft_evaluator(loaded: LoadedModel, fit: SftFit) -> dict[str, object]:
    """Train, calibrate, measure on what was held out, publish the folder; return its manifest.

    Called again it goes on where it was interrupted. Raises DataError when data may not be trained
    on, EvaluatorError when there is too little of them.
    """
    mark = require_fitting((one.licence for one in fit.rated), allowed=fit.evaluation_only)
    split = _split(fit.rated)
    sides = _sides(fit, split)
    settings = fit.settings
    scale = scale_of(sides.fit, settings.target)
    rows = _rows(sides.fit, sides.made_fit, scale, settings, loaded)
    validation = _rows(sides.stop, sides.made_stop, scale, settings, loaded)
    missing = set(METRIC_KEYS) - set(rows.targets.taught())
    if missing:
        raise EvaluatorError(
            f"nothing is known of {', '.join(sorted(missing))}; expected ratings or spoilt replies "
            "of all twelve impressions: give the shipped card or ratings of them"
        )
    regressor = Regressor(loaded, settings)
    progress = train_regressor(
        regressor,
        RegressorRun(
            rows=rows,
            validation=validation,
            settings=settings,
            work_folder=fit.work_folder / fingerprint(loaded.sha256, settings, [rows, validation]),
            report=fit.report,
            bounds=fit.bounds,
        ),
    )
    known = predict_rows(regressor, validation).mean(0).double().numpy()
    curves = fit_curves(known, validation.targets, scale)
    tested = _rows(sides.test, sides.made_test, scale, settings, loaded)
    members = predict_rows(regressor, tested, lambda share: fit.report("held-out rows", share))
    points = apply_curves(curves, members.double().numpy())
    about = {
        **_about(loaded, fit, mark, split, sides),
        "scale": {name: list(bounds) for name, bounds in scale.bounds.items()},
        "training": _training(progress),
        "held_out": _held_out(sides, points.mean(0), float(points.std(0).mean())),
    }
    return save_regressor(fit.out, regressor, curves, settings, about)


def _split(rated: Sequence[RatedDialogue]) -> RatingSplit:
    """Raters that the fit never saw where the data name enough of them, else chance."""
    splits = {split.name: split for split in make_splits(rated, SplitPlan())}
    return splits.get("unseen_raters", splits["random"])


def _sides(fit: SftFit, split: RatingSplit) -> _Sides:
    """Both sides of ratings and of faults; a chat that is rated in a test spoils no fit."""
    drawn = {
        name: [fit.rated[n] for n in drawn_rows(fit.rated, places, count, fit.rows.seed)]
        for name, places, count in (
            ("fit", split.fit, fit.rows.fit),
            ("stop", split.validation, fit.rows.validation),
            ("test", split.test, fit.rows.test),
        )
    }
    inside, outside = ({fit.rated[n].group for n in places} for places in (split.fit, split.test))
    card_fit = read_card_rows(fit.card.folder, "train")
    card_other = read_card_rows(fit.card.folder, "validation", "test")
    made = make_sides(
        [row for row in fit.chats if row.id in inside],
        card_fit,
        [],
        replace(fit.faults, rater_share_held_out=0.0),
    ).fit
    held_out = make_sides(
        [row for row in fit.chats if row.id in outside],
        [],
        card_other,
        replace(fit.faults, rater_share_held_out=1.0),
    ).held_out
    groups = sorted({one.context.group for one in made})
    random.Random(fit.rows.seed).shuffle(groups)
    stopped = frozenset(groups[: round(len(groups) * _STOPPED_SHARE)])
    return _Sides(
        fit=drawn["fit"],
        stop=drawn["stop"],
        test=drawn["test"],
        made_fit=[one for one in made if one.context.group not in stopped],
        made_stop=[one for one in made if one.context.group in stopped],
        made_test=list(held_out),
    )


def _rows(
    rated: Sequence[RatedDialogue],
    made: Sequence[Example],
    scale: RatingScale,
    settings: RegressorSettings,
    loaded: LoadedModel,
) -> FitRows:
    own = rated_rows(rated, scale, settings, loaded.tokenizer)
    return joined([own, made_rows(made, scale, own.targets, settings, loaded.tokenizer)])


def _about(
    loaded: LoadedModel, fit: SftFit, mark: FitMark, split: RatingSplit, sides: _Sides
) -> dict[str, object]:
    licences = {one.licence for one in fit.rated}
    return {
        "licence": "; ".join(sorted(one.name for one in licences)),
        "notice": " ".join(sorted(one.notice for one in licences if one.notice)),
        "base_sha256": loaded.sha256,
        "quantization": loaded.quantization,
        "fitted_on": fit.today.isoformat(),
        "card": fit.card.id,
        "split": split.name,
        "rows": {
            "fit": len(sides.fit),
            "validation": len(sides.stop),
            "test": len(sides.test),
            "made_fit": len(sides.made_fit),
            "made_validation": len(sides.made_stop),
            "made_test": len(sides.made_test),
        },
        "budget": asdict(fit.rows),
        "faults": asdict(fit.faults),
        **mark.in_manifest(),
    }


def _training(progress: Progress) -> dict[str, object]:
    return {
        "steps": progress.step,
        "best_step": progress.best.step,
        "minutes": round(progress.minutes, 1),
        "ridge": progress.ridge,
        "validation_rho": [[one.step, round(one.rho, 3)] for one in progress.history],
    }


def _held_out(sides: _Sides, points: Table, spread: float) -> dict[str, object]:
    rated = len(sides.test)
    return {
        "rating_spearman": estimates_json(rating_estimates(sides.test, points[:rated])),
        "faults": fault_json(sides.made_test, points[rated:]),
        "mean_spread": round(spread, 2),
    }
