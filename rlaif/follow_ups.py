"""What a visitor might say next: good and bad follow-up utterances of every metric.

The lines live in follow_ups.toml, the constants that bring their likelihoods to 0..10 in
fed_calibration.json beside it; both are data of the evaluator `fed`.
"""

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rlaif.errors import EvaluatorError
from rlaif.metrics import METRIC_KEYS

SHIPPED_FOLLOW_UPS: Path = Path(__file__).parent / "follow_ups.toml"
SHIPPED_CALIBRATION: Path = Path(__file__).parent / "fed_calibration.json"

_FEWEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUps:
    """Lines by metric, `good[m][n]` and `bad[m][n]` a pair. sha256 is of the file they came from."""

    good: Mapping[str, tuple[str, ...]]
    bad: Mapping[str, tuple[str, ...]]
    sha256: str

    def lines(self) -> list[str]:
        """Every line: metric by metric in the order of METRICS, its good ones, then its bad ones."""
        return [line for key in METRIC_KEYS for line in (*self.good[key], *self.bad[key])]


@dataclass(frozen=True, slots=True, kw_only=True)
class FedCalibration:
    """Constants that belong to one base model and one set of lines.

    centre: by metric, one figure per pair of lines: the median over real dialogues of the good
    line's mean log-likelihood minus the bad one's, in nats per token. width: by metric, how far
    the mean over pairs of (difference - centre) strays among real dialogues, in nats per token
    (1.4826 times the median absolute deviation).
    `source` says which dialogues were read, `count` how many.
    """

    centre: Mapping[str, tuple[float, ...]]
    width: Mapping[str, float]
    base_sha256: str
    follow_ups_sha256: str
    source: str
    count: int


class _Lines(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    good: list[str]
    bad: list[str]


class _CalibrationFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    centre: dict[str, list[float]]
    width: dict[str, float]
    base_sha256: str
    follow_ups_sha256: str
    source: str
    count: int


def load_follow_ups(path: Path = SHIPPED_FOLLOW_UPS) -> FollowUps:
    """Read and check the lines of all twelve metrics.

    Raises EvaluatorError naming the metric when one is missing, has fewer than four lines of a
    kind, unequal numbers, an empty line or the same line twice.
    """
    try:
        raw = path.read_bytes()
        tables = {
            key: _Lines.model_validate(table)
            for key, table in tomllib.loads(raw.decode("utf-8")).items()
        }
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise EvaluatorError(
            f"{path} cannot be read as follow-ups ({_first_line(error)}); expected a table per "
            "metric with lists good and bad, as in the shipped file"
        ) from error
    if set(tables) != set(METRIC_KEYS):
        strange = sorted(set(tables) ^ set(METRIC_KEYS))
        raise EvaluatorError(
            f"{path}: metrics {strange} are missing or unknown; expected the twelve of metrics.py"
        )
    for key, table in tables.items():
        _check_lines(path, key, table)
    return FollowUps(
        good={key: tuple(table.good) for key, table in tables.items()},
        bad={key: tuple(table.bad) for key, table in tables.items()},
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _check_lines(path: Path, key: str, table: _Lines) -> None:
    good, bad = len(table.good), len(table.bad)
    if good != bad or good < _FEWEST:
        raise EvaluatorError(
            f"{path}: {key} has {good} good and {bad} bad lines; expected equally many, "
            f"at least {_FEWEST}"
        )
    lines = [*table.good, *table.bad]
    if any(not line.strip() for line in lines) or len(set(lines)) != len(lines):
        raise EvaluatorError(
            f"{path}: {key} has an empty or repeated line; expected {2 * good} own"
        )


def load_calibration(path: Path = SHIPPED_CALIBRATION) -> FedCalibration:
    """Read constants written by `save_calibration`. Raises EvaluatorError."""
    try:
        parsed = _CalibrationFile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvaluatorError(
            f"{path} cannot be read as constants of the evaluator 'fed' ({_first_line(error)}); "
            "expected the file that `python -m tests.benchmarks.bench_fed --calibrate` writes"
        ) from error
    calibration = FedCalibration(
        centre={key: tuple(values) for key, values in parsed.centre.items()},
        width=parsed.width,
        base_sha256=parsed.base_sha256,
        follow_ups_sha256=parsed.follow_ups_sha256,
        source=parsed.source,
        count=parsed.count,
    )
    bad = [
        key
        for key in METRIC_KEYS
        if key not in calibration.centre
        or not all(map(math.isfinite, calibration.centre[key]))
        or not 0 < calibration.width.get(key, 0) < math.inf
    ]
    if bad:
        raise EvaluatorError(
            f"{path}: the constants of {bad} are missing or no positive finite widths; "
            "expected all twelve metrics"
        )
    return calibration


def save_calibration(calibration: FedCalibration, path: Path) -> None:
    """Write the constants as JSON, figures to four places."""
    document = {
        "source": calibration.source,
        "count": calibration.count,
        "base_sha256": calibration.base_sha256,
        "follow_ups_sha256": calibration.follow_ups_sha256,
        "width": {key: round(calibration.width[key], 4) for key in METRIC_KEYS},
        "centre": {
            key: [round(value, 4) for value in calibration.centre[key]] for key in METRIC_KEYS
        },
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
