"""The evaluator that comes with the product: heads on the frozen base model's features."""

from collections.abc import Callable, Sequence
from pathlib import Path

from persona.base_model import LoadedModel
from persona.card import Card
from persona.embedding import Embedder
from persona.errors import PersonaError
from rlaif.base_pass import BasePass, PassSettings
from rlaif.embedded_heads import SHIPPED_HEADS, HeadWeights, estimate, evaluator_id, load_heads
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.features import FeatureExtractor
from rlaif.metrics import METRIC_KEYS

_BATCH = 32


class EmbeddedEvaluator:
    """Twelve estimates per reply with the spread of the ensemble. Deterministic."""

    kind: EvaluatorKind = "embedded"

    def __init__(
        self, extractor: FeatureExtractor, weights: HeadWeights, card: Card, name: str
    ) -> None:
        self.id = name
        self._extractor = extractor
        self._weights = weights
        self._card = card

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order; `report` is told how many are done."""
        verdicts: list[Assessment | Unscored] = []
        for start in range(0, len(dialogues), _BATCH):
            verdicts.extend(self._assess_some(dialogues[start : start + _BATCH]))
            if report is not None:
                report(len(verdicts))
        return verdicts

    def _assess_some(self, dialogues: Sequence[Dialogue]) -> list[Assessment | Unscored]:
        verdicts: list[Assessment | Unscored] = [
            Unscored(reason=reason) if (reason := _fault(dialogue)) else Unscored(reason="")
            for dialogue in dialogues
        ]
        places = [n for n, dialogue in enumerate(dialogues) if not _fault(dialogue)]
        if not places:
            return verdicts
        chosen = [dialogues[n] for n in places]
        try:
            features = self._extractor.extract(chosen, [self._card] * len(chosen))
            values, spread = estimate(self._weights, features)
        except (PersonaError, RuntimeError) as error:
            if len(dialogues) > 1:
                # One reply that cannot be read must not take its neighbours along.
                return [verdict for one in dialogues for verdict in self._assess_some([one])]
            return [Unscored(reason=f"the base model could not read it: {error}")]
        for n, own, wide in zip(places, values.tolist(), spread.tolist(), strict=True):
            verdicts[n] = Assessment(
                values=dict(zip(METRIC_KEYS, own, strict=True)),
                spread=dict(zip(METRIC_KEYS, wide, strict=True)),
            )
        return verdicts


def load_embedded_evaluator(
    loaded: LoadedModel, embedder: Embedder, card: Card, heads: Path = SHIPPED_HEADS
) -> EmbeddedEvaluator:
    """An evaluator of `heads` for replies of `card`; `loaded` must serve nothing else.

    Raises EvaluatorError when the heads are missing, altered or made for another base model.
    """
    weights, manifest = load_heads(heads, loaded.sha256)
    extractor = FeatureExtractor(BasePass(loaded, PassSettings()), embedder)
    return EmbeddedEvaluator(extractor, weights, card, evaluator_id(manifest))


def _fault(dialogue: Dialogue) -> str:
    """Why a dialogue cannot be scored, empty when it can."""
    if not dialogue.reply.strip():
        return "the reply is empty"
    if not dialogue.turns or dialogue.turns[-1].role != "user":
        return "the turns do not end with the visitor's"
    return ""
