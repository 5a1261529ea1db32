"""Linear heads from features of whole dialogues to people's ratings, kept without pickle.

A folder holds `rating_head.safetensors` and `rating_head.json`; the manifest is written last and
carries the SHA-256 of the tensors.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_array

from persona.durable import file_sha256, write_file
from rlaif.dialogue_features import (
    BUCKETS,
    DIALOGUE_FEATURE_VERSION,
    DIALOGUE_FIGURE_NAMES,
    SIDES,
    DialogueFeatures,
)
from rlaif.errors import EvaluatorError

RATING_TENSORS, RATING_MANIFEST = "rating_head.safetensors", "rating_head.json"

BOUND = 3.0
"""Standardised columns beyond this many deviations say no more than this one."""

Values = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingWeights:
    """An ensemble of M members over F figures, S states and B buckets a side, for R ratings.

    figure_mean, figure_scale: [F]; state_mean, state_scale: [S]. piece_scale: [sides, B], what a bucket counts before rows are
    brought to length 1. figures: [M, F, R], states: [M, S, R], pieces: [M, sides, B, R], bias: [M, R],
    all in points of the ratings' own scale.
    """

    figure_mean: Floats
    figure_scale: Floats
    state_mean: Floats
    state_scale: Floats
    piece_scale: Floats
    figures: Floats
    states: Floats
    pieces: NDArray[np.float16]
    bias: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingHead:
    """Weights with the names of what they predict, and which reader's states they were fitted on."""

    names: tuple[str, ...]
    reader: str
    weights: RatingWeights

    def predict(self, features: DialogueFeatures) -> tuple[Values, Values]:
        """What a usual rater would give, and its spread over the ensemble; each [rows, ratings].

        Raises EvaluatorError when the features were read by another base model.
        """
        if features.reader != self.reader:
            raise EvaluatorError(
                f"the rating head was fitted on states of {self.reader!r}, and these are of "
                f"{features.reader!r}; run `yogeiko evaluator fit` with the base model in use"
            )
        own = self.weights
        figures = standardised(features.figures, own.figure_mean, own.figure_scale)
        states = standardised(features.states, own.state_mean, own.state_scale)
        each = np.einsum("rf,mfn->mrn", figures, own.figures.astype(np.float64))
        each += np.einsum("rs,msn->mrn", states, own.states.astype(np.float64))
        for side in range(len(SIDES)):
            pieces = unit_rows(features.pieces[side], own.piece_scale[side])
            each += np.stack([pieces @ one.astype(np.float64) for one in own.pieces[:, side]])
        each += own.bias[:, None].astype(np.float64)
        return each.mean(axis=0), each.std(axis=0)


def standardised(columns: Floats, mean: Floats, scale: Floats) -> Values:
    """Columns in standard deviations, bounded."""
    standard = (columns.astype(np.float64) - mean) / scale
    return np.clip(standard, -BOUND, BOUND)


def unit_rows(pieces: csr_array, scale: Floats) -> csr_array:
    """Buckets scaled, each row of length 1 (an empty one stays empty)."""
    scaled = csr_array(pieces.multiply(scale[None]))
    lengths = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    return csr_array(scaled.multiply((1 / np.maximum(lengths, 1e-9))[:, None]))


def save_rating_head(folder: Path, head: RatingHead, about: Mapping[str, object]) -> None:
    """Write tensors and then the manifest; `about` says what it was fitted on."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: np.ascontiguousarray(getattr(head.weights, name)) for name in RatingWeights.__slots__
    }
    save_file(tensors, str(folder / RATING_TENSORS))
    manifest = {
        **about,
        **_expected(),
        "ratings": list(head.names),
        "reader": head.reader,
        "sha256": file_sha256(folder / RATING_TENSORS),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    write_file(folder / RATING_MANIFEST, text.encode())


def load_rating_head(folder: Path) -> tuple[RatingHead, dict[str, object]]:
    """Head and manifest of a folder.

    Raises EvaluatorError when they are missing, altered, or made for other features.
    """
    try:
        manifest = json.loads((folder / RATING_MANIFEST).read_text(encoding="utf-8"))
        found = file_sha256(folder / RATING_TENSORS)
        names = tuple(str(name) for name in manifest["ratings"])
        expected = {**_expected(), "sha256": found}
        wrong = [key for key, value in expected.items() if manifest.get(key) != value]
        if not wrong:
            tensors = load_file(str(folder / RATING_TENSORS))
            weights = _checked(tensors, names)
            return RatingHead(
                names=names, reader=str(manifest["reader"]), weights=weights
            ), manifest
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise EvaluatorError(
            f"{folder} holds no rating head ({error}); expected {RATING_TENSORS} and "
            f"{RATING_MANIFEST}: run `yogeiko evaluator fit`"
        ) from error
    raise EvaluatorError(
        f"the rating head in {folder} was altered or made for another {', '.join(wrong)}; "
        "run `yogeiko evaluator fit`"
    )


def _expected() -> dict[str, object]:
    return {
        "feature_version": DIALOGUE_FEATURE_VERSION,
        "figures": list(DIALOGUE_FIGURE_NAMES),
        "buckets": BUCKETS,
    }


def _checked(tensors: Mapping[str, Floats], names: Sequence[str]) -> RatingWeights:
    """Raises ValueError when a tensor is missing or has another shape."""
    members, states = len(tensors["bias"]), len(tensors["state_mean"])
    figures, ratings = len(DIALOGUE_FIGURE_NAMES), len(names)
    shapes = {
        "figure_mean": (figures,),
        "figure_scale": (figures,),
        "state_mean": (states,),
        "state_scale": (states,),
        "piece_scale": (len(SIDES), BUCKETS),
        "figures": (members, figures, ratings),
        "states": (members, states, ratings),
        "pieces": (members, len(SIDES), BUCKETS, ratings),
        "bias": (members, ratings),
    }
    if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
        raise ValueError(f"{RATING_TENSORS} holds other tensors")
    return RatingWeights(
        figure_mean=tensors["figure_mean"],
        figure_scale=tensors["figure_scale"],
        state_mean=tensors["state_mean"],
        state_scale=tensors["state_scale"],
        piece_scale=tensors["piece_scale"],
        figures=tensors["figures"],
        states=tensors["states"],
        pieces=tensors["pieces"].astype(np.float16),
        bias=tensors["bias"],
    )
