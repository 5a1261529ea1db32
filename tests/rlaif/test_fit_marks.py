"""A whole fit, in miniature, on data that came for evaluation only."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.errors import DataError
from persona.importers.jtransformer_eval import LICENCE
from persona.importers.report import ImportedRow
from rlaif.embedded_heads import MANIFEST, evaluator_id_on_disk
from rlaif.evaluation_only import is_marked
from rlaif.fit_data import DataPlan
from rlaif.fit_evaluator import FitRun, fit_evaluator
from rlaif.fit_heads import HeadSettings
from tests.persona.tiny_model import BASE_SHA256
from tests.rlaif.test_embedded_evaluator import _extractor
from tests.rlaif.test_faults import _rated


def _run(folder: Path, rated: list[ImportedRow]) -> FitRun:
    return FitRun(
        card=load_card(SHIPPED_CARD),
        rated=rated,
        cache=folder / "cache",
        out=folder / "heads",
        base_sha256=BASE_SHA256,
        today=date(2026, 11, 1),
        plan=DataPlan(
            chat_contexts=4,
            card_contexts=4,
            rated_extra=0,
            faults_per_context=2,
            held_out_chats=2,
            held_out_card=2,
        ),
        settings=HeadSettings(members=2, components=4, hidden=4, steps=5, batch=8),
        report=lambda _stage, _share: None,
    )


def test_the_holders_word_is_needed_and_every_product_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Held-out figures draw every AUC hundreds of times; here only the terms are looked at.
    monkeypatch.setattr("rlaif.fit_evaluator.measure", lambda *_: {})
    free = [_rated(f"chat-{n}", f"r{n}", f"s{n}") for n in range(20)]
    mixed = [*free[:-1], replace(free[-1], licence=LICENCE)]
    run = _run(tmp_path / "mixed", mixed)
    with pytest.raises(DataError, match=r"1 of 20 rows .*'JTransformer-Eval, not public'"):
        fit_evaluator(_extractor(), run)
    assert not run.out.exists()
    about = fit_evaluator(_extractor(), replace(run, evaluation_only=True))
    assert about["evaluation_only"] == ["JTransformer-Eval, not public"]
    assert json.loads((run.out / MANIFEST).read_text(encoding="utf-8"))["evaluation_only"]
    assert is_marked(evaluator_id_on_disk(run.out))
