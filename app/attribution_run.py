"""Attributions of one evaluator by its name; models load when they are first asked for."""

from functools import cached_property

from app.composition import chosen_card, existing_heads, load_base
from app.errors import SettingsError
from app.night_models import NightModels
from app.settings import EvaluatorName, Settings
from persona.card import Card
from persona.embedding import load_embedder
from rlaif.attribution import (
    GRADIENT_METHODS,
    Attribution,
    AttributionSettings,
    Differentiable,
    Method,
    Report,
)
from rlaif.attribution_embedded import load_differentiable_embedded
from rlaif.attribution_gradients import attribute_gradients, attribute_integrated
from rlaif.attribution_sft import load_differentiable_sft
from rlaif.attribution_shap import attribute_shap
from rlaif.embedded_heads import evaluator_id_on_disk
from rlaif.evaluator import Dialogue, Evaluator
from rlaif.sft_folder import regressor_id_on_disk
from rlaif.text_spans import piece_spans

OPEN_EVALUATORS: tuple[EvaluatorName, ...] = ("embedded", "sft")
"""Those open to gradients."""


class Attributor:
    """Says which words an evaluator's values come from. For one thread."""

    def __init__(self, settings: Settings, evaluator: EvaluatorName, card: Card | None) -> None:
        self._settings = settings
        self._name = evaluator
        self._card = card or chosen_card(settings)

    def identity(self, method: Method) -> str:
        """The evaluator's id, where it can be told without a model."""
        if self._name == "embedded":
            return evaluator_id_on_disk(existing_heads(self._settings))
        if self._name == "sft":
            return regressor_id_on_disk(self._settings.sft_folder)
        return self._outside.id

    def attribute(
        self,
        dialogue: Dialogue,
        metric: str,
        method: Method,
        settings: AttributionSettings,
        report: Report,
    ) -> Attribution:
        """Raises EvaluatorError or SettingsError when it cannot be told."""
        if method == "gradients":
            return attribute_gradients(self._inside, dialogue, metric, settings, report)
        if method == "integrated":
            return attribute_integrated(self._inside, dialogue, metric, settings, report)
        pieces = piece_spans(
            self._models.frozen_base.tokenizer, dialogue, with_context=settings.with_context
        )
        return attribute_shap(self._outside, dialogue, metric, pieces, settings, report)

    @cached_property
    def _models(self) -> NightModels:
        return NightModels(self._settings, self._card)

    @cached_property
    def _outside(self) -> Evaluator:
        """The evaluator as the night uses it."""
        return self._models.evaluator(self._name)

    @cached_property
    def _inside(self) -> Differentiable:
        """The evaluator open to gradients, over a model of its own: it is turned to fp32."""
        if self._name == "sft":
            return load_differentiable_sft(self._settings.sft_folder, load_base(self._settings))
        if self._name != "embedded":
            raise SettingsError(no_gradients(self._name))
        return load_differentiable_embedded(
            load_base(self._settings),
            load_embedder(self._settings.model.embedder),
            self._card,
            existing_heads(self._settings),
        )


def no_gradients(evaluator: str) -> str:
    """One sentence on an evaluator whose values cannot be differentiated."""
    return (
        f"--evaluator is {evaluator}, whose values cannot be differentiated; expected "
        f"{' or '.join(OPEN_EVALUATORS)} for {' and '.join(GRADIENT_METHODS)}; choose --method shap"
    )
