"""Heads learn what separates, are kept without pickle, and score every reply or say why not."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.embedding import Vectors
from persona.engine import Message
from rlaif.base_pass import BasePass, PassSettings
from rlaif.embedded_evaluator import EmbeddedEvaluator
from rlaif.embedded_heads import (
    MANIFEST,
    TENSORS,
    estimate,
    evaluator_id,
    evaluator_id_on_disk,
    load_heads,
    save_heads,
)
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.fault_contexts import Context
from rlaif.faults import Example, FaultKind
from rlaif.features import FIGURE_NAMES, FeatureExtractor, Features
from rlaif.fit_heads import HeadSettings, fit_heads, make_targets
from rlaif.head_figures import fault_figures
from rlaif.metrics import METRIC_KEYS
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded

WIDTH = 128  # 2 summaries of 2 layers of the tiny model's 32
QUICK = HeadSettings(members=3, components=8, hidden=8, steps=800, batch=64)


class LetterEmbedder:
    """Vectors from the letters of a text, of length 1."""

    name = "letters"

    def embed_queries(self, texts: list[str]) -> Vectors:
        return self.embed_passages(texts)

    def embed_passages(self, texts: list[str]) -> Vectors:
        rows = np.ones((len(texts), 8), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % 8] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _extractor() -> FeatureExtractor:
    return FeatureExtractor(BasePass(tiny_loaded(), PassSettings(layers=(1, 2))), LetterEmbedder())


def _example(fault: FaultKind | None, number: int, rating: float = 0.0) -> Example:
    turns = (Message(role="user", content="やあ"),)
    context = Context(
        group=f"g{number}",
        voice="persona",
        turns=turns,
        facts=(),
        reply="はい",
        ratings={"proactiveness": rating},
    )
    return Example(
        dialogue=Dialogue(turns=turns, reply="はい"),
        fault=fault,
        maker="given" if fault is None else fault,
        context=context,
    )


def _planted(faults: Sequence[FaultKind | None], seed: int) -> Features:
    """Noise, but the first figure says dull and the first state says rude."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(len(faults), WIDTH)).astype(np.float32)
    figures = rng.normal(size=(len(faults), len(FIGURE_NAMES))).astype(np.float32)
    figures[:, 0] += [6.0 * (fault == "dull") for fault in faults]
    figures[:, 1] += [6.0 * (fault == "rude") for fault in faults]
    return Features(states=states, figures=figures, names=FIGURE_NAMES)


def _kinds(count: int) -> list[FaultKind | None]:
    kinds: list[FaultKind | None] = [None, "dull", "rude"]
    return [kinds[n % 3] for n in range(count)]


def test_heads_catch_a_planted_fault_in_the_impressions_it_lowers() -> None:
    kinds = _kinds(300)
    examples = [_example(kind, n) for n, kind in enumerate(kinds)]
    weights = fit_heads(_planted(kinds, 0), make_targets(examples, QUICK), QUICK)
    values, spread = estimate(weights, _planted(kinds, 1))
    found = fault_figures(examples, values.double().numpy())
    assert found["dull"].by_metric["agency"] > 0.95
    assert found["rude"].by_metric["trust"] > 0.95
    assert float(spread.max()) > 0


def test_opinions_of_raters_move_the_rated_impression() -> None:
    rng = np.random.default_rng(4)
    given = rng.normal(size=200)
    examples = [_example(None, n, float(rating)) for n, rating in enumerate(given)]
    features = _planted([None] * 200, 5)
    features.figures[:, 7] = given
    weights = fit_heads(features, make_targets(examples, QUICK), QUICK)
    slope = weights.opinion[:, METRIC_KEYS.index("agency")]
    assert int(slope.abs().argmax()) == len(slope) - len(FIGURE_NAMES) + 7
    assert not weights.opinion[:, METRIC_KEYS.index("trust")].any()


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """A folder of fitted heads."""
    kinds = _kinds(60)
    examples = [_example(kind, n) for n, kind in enumerate(kinds)]
    weights = fit_heads(_planted(kinds, 0), make_targets(examples, QUICK), QUICK)
    save_heads(tmp_path, weights, {"base_sha256": BASE_SHA256})
    return tmp_path


def test_an_evaluator_scores_or_says_why_not(heads: Path) -> None:
    weights, manifest = load_heads(heads, BASE_SHA256)
    evaluator = EmbeddedEvaluator(
        _extractor(), weights, load_card(SHIPPED_CARD), evaluator_id(manifest)
    )
    assert evaluator.id == evaluator_id_on_disk(heads), (
        "who only reads the manifest finds its scores"
    )
    turns = (Message(role="user", content="やあ"),)
    dialogues = [
        Dialogue(turns=turns, reply="はい、そうですわ。"),
        Dialogue(turns=turns, reply="  "),
        Dialogue(turns=(), reply="はい"),
    ]
    first, empty, headless = evaluator.assess(dialogues)
    assert isinstance(first, Assessment)
    assert set(first.spread) == set(METRIC_KEYS)
    assert isinstance(empty, Unscored)
    assert isinstance(headless, Unscored)
    assert "empty" in empty.reason
    assert evaluator.assess(dialogues)[0] == first
    assert evaluator.kind == "embedded"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"base_sha256": "other"}, "base model"),
        ({"feature_version": 0}, "feature version"),
        ({"sha256": "0"}, "sha256"),
    ],
)
def test_heads_of_something_else_are_refused(
    heads: Path, change: dict[str, object], expected: str
) -> None:
    manifest = json.loads((heads / MANIFEST).read_text())
    (heads / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(EvaluatorError, match=expected):
        load_heads(heads, BASE_SHA256)


def test_torn_heads_are_refused(heads: Path) -> None:
    (heads / TENSORS).write_bytes((heads / TENSORS).read_bytes()[:-10])
    with pytest.raises(EvaluatorError, match="evaluator fit"):
        load_heads(heads, BASE_SHA256)
