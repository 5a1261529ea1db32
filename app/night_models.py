"""The models of one night: they load when they are first asked for."""

import importlib
import os
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

from app.composition import engine_settings, existing_heads, load_base
from app.settings import EvaluatorName, Settings
from app.settings import NightSettings as NightSection
from persona.base_model import LoadedModel
from persona.card import Card
from persona.dialogues import read_card_rows
from persona.engine import Engine
from persona.local_engine import LocalEngine
from persona.retrieval import load_embedder
from rlaif.base_pass import BasePass, PassSettings
from rlaif.embedded_evaluator import EmbeddedEvaluator, load_embedded_evaluator
from rlaif.embedded_heads import reviews_until
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import require_for_training
from rlaif.evaluator import Evaluator, PairJudge
from rlaif.fed_evaluator import FedEvaluator
from rlaif.follow_ups import load_calibration, load_follow_ups
from rlaif.information_evaluator import InformationEvaluator
from rlaif.judge_client import JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_preset_names import PresetName
from rlaif.zero_shot_evaluator import ZeroShotEvaluator


class NightModels:
    """The models of one night: the one that speaks, and the frozen one that evaluators read."""

    def __init__(self, settings: Settings, card: Card) -> None:
        self._settings = settings
        self._card = card
        self._engine: LocalEngine | None = None
        self._evaluators: dict[str, Evaluator] = {}

    def engine(self) -> Engine:
        """The speaking model, loaded when needed."""
        if self._engine is None:
            self._engine = LocalEngine(load_base(self._settings), engine_settings(self._settings))
        return self._engine

    def close_engine(self) -> None:
        """Free the speaking model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def training_evaluator(self) -> Evaluator:
        """The one that picks pairs. Raises EvaluatorError when what it learnt from forbids that."""
        evaluator = self.evaluator(self._settings.night.training_evaluator)
        allowed = self._settings.night.evaluation_only_evaluator
        require_for_training(evaluator.id, allowed=allowed)
        return evaluator

    def pair_judge(self) -> PairJudge | None:
        """The training evaluator where it can compare two replies."""
        evaluator = self.training_evaluator()
        return evaluator if isinstance(evaluator, JudgeEvaluator) else None

    def gate_evaluator(self) -> Evaluator:
        """The one of another kind that only gates."""
        return self.evaluator(self._settings.night.gate_evaluator)

    def embedded_evaluator(self) -> EmbeddedEvaluator:
        """The heads fitted on this machine, else the shipped ones."""
        embedder = load_embedder(self._settings.model.embedder)
        heads = existing_heads(self._settings)
        return load_embedded_evaluator(self.frozen_base, embedder, self._card, heads)

    def reviews_learnt_until(self) -> datetime | None:
        """When the newest operator's review was written that the training evaluator was fitted on;
        None when it learnt from none. Older ones cannot say how far it is to be trusted."""
        if self._settings.night.training_evaluator != "embedded":
            return None
        return reviews_until(existing_heads(self._settings))

    @cached_property
    def frozen_base(self) -> LoadedModel:
        """The base without any adapter; evaluators only read it, one at a time."""
        return load_base(self._settings)

    def evaluator(self, name: EvaluatorName) -> Evaluator:
        """The one of this name, made when it is first asked for. Raises EvaluatorError."""
        if name not in self._evaluators:
            self._evaluators[name] = self._make(name)
        return self._evaluators[name]

    def _make(self, name: EvaluatorName) -> Evaluator:
        if name == "embedded":
            return self.embedded_evaluator()
        if name == "information":
            base = BasePass(self.frozen_base, PassSettings())
            return InformationEvaluator(base, read_card_rows(self._card.folder, "validation"))
        if name == "fed":
            return FedEvaluator(self.frozen_base, load_follow_ups(), load_calibration())
        if name == "sft":
            return self._sft_evaluator()
        if name == "zero-shot":
            return ZeroShotEvaluator(self.frozen_base)
        return judge_evaluator(self._settings.night, self._card, self._settings.night.judge_preset)

    def _sft_evaluator(self) -> Evaluator:
        # Importing PEFT takes seconds, which no other evaluator should have to wait for.
        module = importlib.import_module("rlaif.sft_evaluator")
        load: Callable[[Path, LoadedModel], Evaluator] = module.load_sft_evaluator
        return load(self._settings.sft_folder, self.frozen_base)


def judge_evaluator(night: NightSection, card: Card, preset: PresetName) -> JudgeEvaluator:
    """A judge at the night's endpoint, within the night's bounds. Raises EvaluatorError."""
    for key, value in (("judge_url", night.judge_url), ("judge_model", night.judge_model)):
        if not value:
            raise EvaluatorError(
                f"night.{key} is empty; expected where and what the judge is: set night.judge_url "
                "(such as http://127.0.0.1:8080/v1) and night.judge_model in yogeiko.toml"
            )
    return JudgeEvaluator(JudgeClient(judge_settings(night)), card, preset=preset)


def judge_settings(night: NightSection) -> JudgeSettings:
    """The judge that the settings name, its key read from the environment."""
    return JudgeSettings(
        base_url=night.judge_url,
        model=night.judge_model,
        api_key=os.environ.get(night.judge_key_env, "") if night.judge_key_env else "",
        timeout_seconds=night.judge_timeout_seconds,
        attempts=night.judge_attempts,
        max_total_tokens=night.judge_max_tokens,
        max_cost=night.judge_max_cost,
        prompt_price=night.judge_prompt_price,
        answer_price=night.judge_answer_price,
    )
