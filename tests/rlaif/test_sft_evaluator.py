"""Calibrated points that rise with the figures, a folder that cannot be altered, verdicts or reasons."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from persona.engine import Message
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import FitMark
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.metrics import METRIC_KEYS, SCALE
from rlaif.sft_calibration import Curve, apply_curves, fit_curve, fit_curves
from rlaif.sft_evaluator import SftEvaluator, load_sft_evaluator
from rlaif.sft_folder import (
    MANIFEST,
    TENSORS,
    load_regressor,
    regressor_id,
    regressor_id_on_disk,
    save_regressor,
)
from rlaif.sft_model import Regressor
from rlaif.sft_targets import RatingScale, Targets
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded
from tests.rlaif.regressor_rows import QUICK

TALK = (Message(role="user", content="すきなほんは？"),)
SCALE_OF_TEN = RatingScale(bounds={}, centre=np.full(12, 6.0), width=np.full(12, 2.0))


def _miscalibrated(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Figures whose points are a third of what they claim, bent, and noisy."""
    rng = np.random.default_rng(seed)
    figures = rng.normal(size=rows)
    points = 5 + np.where(figures > 0, 0.2, 1.0) * figures + rng.normal(scale=0.3, size=rows)
    return figures, points


# --- calibration ----------------------------------------------------------------------------------


def test_a_curve_rises_everywhere_and_stays_on_the_scale() -> None:
    figures, points = _miscalibrated(300, 1)
    curve = fit_curve(figures, points, np.ones(300))
    grid = np.linspace(-5, 5, 400)
    assert np.all(np.diff(curve(grid)) > 0)
    steep = Curve(figures=np.array([0.0]), points=np.array([9.95]))
    assert steep(np.array([-200.0, 0.0, 200.0])).tolist() == pytest.approx(
        [SCALE[0], 9.95, SCALE[1]]
    )


def test_a_curve_lowers_the_error_on_rows_it_never_saw() -> None:
    figures, points = _miscalibrated(300, 1)
    curve = fit_curve(figures, points, np.ones(300))
    others, wanted = _miscalibrated(300, 2)
    claimed = 6 + 2 * others
    before = np.abs(claimed - wanted).mean()
    after = np.abs(curve(others) - wanted).mean()
    assert after < 0.3 < before
    # The noise itself is 0.3 * sqrt(2 / pi) = 0.24 on average.
    assert after > 0.2


def test_validation_without_any_rise_keeps_the_order() -> None:
    figures = np.linspace(-1, 1, 60)
    curve = fit_curve(figures, 5 - figures, np.ones(60))
    assert np.all(np.diff(curve(figures)) > 0)


def test_weights_count_as_repetitions() -> None:
    figures, points = _miscalibrated(40, 3)
    weight = np.array([1.0, 3.0] * 20)
    repeated = np.repeat(np.arange(40), weight.astype(int))
    one = fit_curve(figures, points, weight)
    other = fit_curve(figures[repeated], points[repeated], np.ones(80))
    grid = np.linspace(-2, 2, 50)
    np.testing.assert_allclose(one(grid), other(grid))


def test_few_rows_leave_a_line_through_the_scale() -> None:
    predicted = np.zeros((5, 12))
    nothing = Targets(value=np.zeros((5, 12)), weight=np.ones((5, 12)))
    curves = fit_curves(predicted, nothing, SCALE_OF_TEN)
    points = apply_curves(curves, np.array([[-1.0] * 12, [0.0] * 12, [1.0] * 12]))
    assert points[:, 0].tolist() == pytest.approx([4.0, 6.0, 8.0])


# --- the folder -----------------------------------------------------------------------------------


def _drawn_regressor() -> Regressor:
    regressor = Regressor(tiny_loaded(), QUICK)
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in regressor.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.2)
    return regressor.eval()


def _curves() -> tuple[Curve, ...]:
    ends = np.array([-9.0, 9.0])
    return tuple(Curve(figures=ends, points=np.array([0.5 + 0.1 * n, 9.0])) for n in range(12))


def save_drawn(folder: Path, **about: object) -> dict[str, object]:
    known = {"base_sha256": BASE_SHA256, **FitMark().in_manifest(), **about}
    return save_regressor(folder, _drawn_regressor(), _curves(), QUICK, known)


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> SftEvaluator:
    folder = tmp_path_factory.mktemp("home") / "sft"
    save_drawn(folder)
    return load_sft_evaluator(folder, tiny_loaded())


def test_a_folder_gives_the_same_figures_again(tmp_path: Path) -> None:
    manifest = save_drawn(tmp_path / "sft")
    assert {path.name for path in (tmp_path / "sft").iterdir()} == {TENSORS, MANIFEST}
    fitted = load_regressor(tmp_path / "sft", tiny_loaded())
    own = _drawn_regressor().learnt()
    assert all(torch.equal(own[n], tensor) for n, tensor in fitted.regressor.learnt().items())
    for curve, known in zip(fitted.curves, _curves(), strict=True):
        assert curve.points.tolist() == known.points.tolist()
    assert fitted.id == regressor_id(manifest) == regressor_id_on_disk(tmp_path / "sft")


def test_a_mark_for_evaluation_only_stands_in_the_id(tmp_path: Path) -> None:
    mark = FitMark(licences=("own",))
    save_drawn(tmp_path / "sft", **mark.in_manifest())
    assert regressor_id_on_disk(tmp_path / "sft").endswith("-evaluation-only")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base_sha256": "c" * 64}, "another base model"),
        ({"sha256": "0" * 64}, "another sha256"),
        ({"settings": {"rank": 3}}, "another settings"),
        ({"metrics": ["trust"]}, "another metrics"),
    ],
)
def test_an_altered_or_foreign_folder_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    manifest = save_drawn(tmp_path / "sft")
    (tmp_path / "sft" / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(EvaluatorError, match=words):
        load_sft_evaluator(tmp_path / "sft", tiny_loaded())


def test_altered_tensors_and_missing_folders_are_refused(tmp_path: Path) -> None:
    save_drawn(tmp_path / "sft")
    raw = bytearray((tmp_path / "sft" / TENSORS).read_bytes())
    raw[-1] ^= 1
    (tmp_path / "sft" / TENSORS).write_bytes(raw)
    with pytest.raises(EvaluatorError, match="another sha256"):
        load_sft_evaluator(tmp_path / "sft", tiny_loaded())
    for call in (
        lambda: load_sft_evaluator(tmp_path / "none", tiny_loaded()),
        lambda: regressor_id_on_disk(tmp_path / "none"),
    ):
        with pytest.raises(EvaluatorError, match="evaluator fit --kind sft"):
            call()


# --- verdicts -------------------------------------------------------------------------------------


def test_verdicts_are_complete_deterministic_and_alone(evaluator: SftEvaluator) -> None:
    replies = ["ほんですわ。", "ねこ", "ほんがすきですわ、とても。"]
    dialogues = [Dialogue(turns=TALK, reply=reply) for reply in replies]
    told: list[int] = []
    first = evaluator.assess(dialogues, told.append)
    assert told == [1, 2, 3]
    assert evaluator.assess(dialogues[::-1])[::-1] == first
    assert evaluator.kind == "sft"
    assert evaluator.id.startswith("sft-")
    for verdict in first:
        assert isinstance(verdict, Assessment)
        assert set(verdict.spread) == set(METRIC_KEYS)
        assert max(verdict.spread.values()) > 0
    assert first[0] != first[1]


def test_what_cannot_be_scored_has_a_reason(evaluator: SftEvaluator) -> None:
    silent, open_end = evaluator.assess(
        [
            Dialogue(turns=TALK, reply=" "),
            Dialogue(turns=(*TALK, Message(role="assistant", content="はい")), reply="ねこ"),
        ]
    )
    assert isinstance(silent, Unscored)
    assert "empty" in silent.reason
    assert isinstance(open_end, Unscored)
    assert "visitor" in open_end.reason


def test_settings_that_contradict_each_other_are_said() -> None:
    with pytest.raises(ValueError, match="layers_trained is 5"):
        replace(QUICK, layers_trained=5)
    with pytest.raises(ValueError, match="expected 1 or more each"):
        replace(QUICK, members=0)
