"""The evaluator `fed`: is the reply one to which a content visitor would answer?

For each metric the frozen base model weighs follow-ups of a content visitor against those of a
discontented one. Source: Mehri and Eskenazi, "Unsupervised Evaluation of Interactive Dialog with
DialoGPT" (SIGDIAL 2020), arXiv 2006.12719.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from persona.base_model import LoadedModel
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Unscored, assess_each
from rlaif.follow_up_likelihood import FollowUpLikelihood
from rlaif.follow_ups import FedCalibration, FollowUps
from rlaif.metrics import METRIC_KEYS, SCALE

_FEWEST_DIALOGUES = 8
_NORMAL_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


class FedEvaluator:
    """Scores with likelihoods alone: nothing is fitted but the place and width of the scale.

    A value is 10 * sigmoid(z), z = mean over pairs of (good - bad - centre) / width, in nats per
    token: an average real reply gets 5, one that stands a deviation above it 7.3. The spread is
    the standard deviation, in points, of the values that the single pairs would have given.
    """

    kind: Literal["fed"] = "fed"

    def __init__(
        self, loaded: LoadedModel, follow_ups: FollowUps, calibration: FedCalibration
    ) -> None:
        """Raises EvaluatorError when the constants belong to another base model or other lines."""
        _check_fit(loaded, follow_ups, calibration)
        self._follow_ups = follow_ups
        self._calibration = calibration
        self._likelihood = FollowUpLikelihood(loaded, follow_ups.lines())

    @property
    def id(self) -> str:
        """Kind, lines and base model; either changes with the file or model it names."""
        own = self._calibration
        return f"fed:{self._follow_ups.sha256[:12]}:{own.base_sha256[:12]}"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order; a blank reply is unscored."""
        return assess_each(self._assess, dialogues, report)

    def _assess(self, dialogue: Dialogue) -> Assessment | Unscored:
        if not dialogue.reply.strip():
            return Unscored(reason="the reply is blank")
        differences = _differences(self._likelihood, self._follow_ups, dialogue)
        values, spread = {}, {}
        for key in METRIC_KEYS:
            centred = [
                (found - usual) / self._calibration.width[key]
                for found, usual in zip(
                    differences[key], self._calibration.centre[key], strict=True
                )
            ]
            value = _points(statistics.fmean(centred))
            if not math.isfinite(value):
                return Unscored(reason="the base model gave no finite likelihood")
            values[key] = value
            spread[key] = statistics.stdev([_points(one) for one in centred])
        return Assessment(values=values, spread=spread)


def measure_calibration(
    loaded: LoadedModel,
    follow_ups: FollowUps,
    dialogues: Sequence[Dialogue],
    source: str,
    report: Callable[[int], None] | None = None,
) -> FedCalibration:
    """Return constants from real dialogues, whose replies then average 5 points.

    Raises EvaluatorError for fewer than eight dialogues, or ones that do not differ at all.
    """
    if len(dialogues) < _FEWEST_DIALOGUES:
        raise EvaluatorError(
            f"there are {len(dialogues)} dialogues to calibrate on; expected {_FEWEST_DIALOGUES} "
            "or more real ones"
        )
    likelihood = FollowUpLikelihood(loaded, follow_ups.lines())
    found = []
    for done, dialogue in enumerate(dialogues, start=1):
        found.append(_differences(likelihood, follow_ups, dialogue))
        if report is not None:
            report(done)
    centre, width = {}, {}
    for key in METRIC_KEYS:
        pairs = list(zip(*(one[key] for one in found), strict=True))
        centre[key] = tuple(statistics.median(values) for values in pairs)
        strayed = [
            statistics.fmean(d - c for d, c in zip(one[key], centre[key], strict=True))
            for one in found
        ]
        middle = statistics.median(strayed)
        width[key] = _NORMAL_DEVIATION * statistics.median([abs(s - middle) for s in strayed])
        if not width[key] > 0:
            raise EvaluatorError(
                f"the dialogues to calibrate on do not differ in {key}; expected various real ones"
            )
    return FedCalibration(
        centre=centre,
        width=width,
        base_sha256=loaded.sha256,
        follow_ups_sha256=follow_ups.sha256,
        source=source,
        count=len(dialogues),
    )


def _differences(
    likelihood: FollowUpLikelihood, follow_ups: FollowUps, dialogue: Dialogue
) -> Mapping[str, list[float]]:
    """By metric, good minus bad of each pair of lines, in nats per token."""
    figures = iter(likelihood.after(dialogue).tolist())
    result = {}
    for key in METRIC_KEYS:
        good = [next(figures) for _ in follow_ups.good[key]]
        bad = [next(figures) for _ in follow_ups.bad[key]]
        result[key] = [g - b for g, b in zip(good, bad, strict=True)]
    return result


def _points(z: float) -> float:
    """0..10, 5 at z = 0. NaN stays NaN."""
    low, high = SCALE
    # tanh cannot overflow where exp does.
    return low + (high - low) * (0.5 + 0.5 * math.tanh(z / 2))


def _check_fit(loaded: LoadedModel, follow_ups: FollowUps, calibration: FedCalibration) -> None:
    if calibration.base_sha256 != loaded.sha256:
        raise EvaluatorError(
            f"the constants of 'fed' were measured on base model {calibration.base_sha256[:12]}, "
            f"but {loaded.sha256[:12]} is loaded; measure them again with "
            "`python -m tests.benchmarks.bench_fed --calibrate`"
        )
    if calibration.follow_ups_sha256 != follow_ups.sha256:
        raise EvaluatorError(
            f"the constants of 'fed' belong to follow-ups {calibration.follow_ups_sha256[:12]}, "
            f"but these are {follow_ups.sha256[:12]}; measure them again with "
            "`python -m tests.benchmarks.bench_fed --calibrate`"
        )
    for key in METRIC_KEYS:
        if len(calibration.centre[key]) != len(follow_ups.good[key]):
            raise EvaluatorError(
                f"{len(calibration.centre[key])} constants of {key} for "
                f"{len(follow_ups.good[key])} pairs of lines; measure them again"
            )
