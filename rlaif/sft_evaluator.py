"""The `sft` evaluator: the base model taught by people's ratings, one pass for twelve figures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from persona.base_model import LoadedModel
from persona.errors import PersonaError
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored, assess_each
from rlaif.metrics import METRIC_KEYS
from rlaif.sft_calibration import apply_curves
from rlaif.sft_folder import FittedRegressor, load_regressor
from rlaif.sft_texts import read_dialogue


class SftEvaluator:
    """Twelve calibrated points per reply with the spread of the members. Deterministic."""

    kind: EvaluatorKind = "sft"

    def __init__(self, fitted: FittedRegressor, tokenizer: PreTrainedTokenizerBase) -> None:
        self.id = fitted.id
        self._fitted = fitted
        self._tokenizer = tokenizer

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order; `report` is told how many are done."""
        return assess_each(self._assess_one, dialogues, report)

    def _assess_one(self, dialogue: Dialogue) -> Assessment | Unscored:
        if not dialogue.reply.strip():
            return Unscored(reason="the reply is empty")
        if not dialogue.turns or dialogue.turns[-1].role != "user":
            return Unscored(reason="the turns do not end with the visitor's")
        fitted = self._fitted
        try:
            reading = read_dialogue(self._tokenizer, dialogue, fitted.settings.max_tokens)
            with torch.no_grad():
                figures = fitted.regressor([reading])[:, 0].cpu().double().numpy()
        except (PersonaError, RuntimeError) as error:
            return Unscored(reason=f"the base model could not read it: {error}")
        values = apply_curves(fitted.curves, figures.mean(0))
        spread = apply_curves(fitted.curves, figures).std(0)
        return Assessment(
            values=dict(zip(METRIC_KEYS, values.tolist(), strict=True)),
            spread=dict(zip(METRIC_KEYS, spread.tolist(), strict=True)),
        )


def load_sft_evaluator(folder: Path, loaded: LoadedModel) -> SftEvaluator:
    """The evaluator in `folder`; the base is shared and stays as it is.

    Raises EvaluatorError when the folder is missing, altered or made for another base model.
    """
    return SftEvaluator(load_regressor(folder, loaded), loaded.tokenizer)
