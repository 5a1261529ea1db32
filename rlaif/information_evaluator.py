"""The evaluator `information`: how much more likely does the conversation make this reply?

Pointwise mutual information between reply and context under the frozen base model, in nats per token.
A reply that fits any turn is as likely without the turn, and gets little; one about something else
gets less than nothing. Nothing is fitted: the place and width of the scale come from replies of the
card that are known to be good.

One number stands for all twelve impressions, so this evaluator cannot tell them apart. It is meant
for the gates, beside rules: copying the visitor's words is informative too.

Source: Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models" (NAACL
2016), arXiv 1510.03055.
"""

import hashlib
import math
import statistics
from collections.abc import Callable, Sequence

from persona.dialogues import DialogueRow
from persona.engine import Message
from rlaif.base_pass import BasePass, ReplyReading
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS, SCALE

_BATCH = 32
_FEWEST_ROWS = 8
_CALIBRATION_ROWS = 64
_NORMAL_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


class InformationEvaluator:
    """10 * sigmoid(z), z = (information - median of good replies) / their deviation: an average
    good reply gets 5 points. Deterministic."""

    kind: EvaluatorKind = "information"

    def __init__(self, base: BasePass, rows: Sequence[DialogueRow]) -> None:
        """`rows`: good replies in their contexts. Raises EvaluatorError for fewer than eight."""
        self._base = base
        chosen = sorted(
            (row for row in rows if row.kind in ("style", "multi", "fact")), key=lambda row: row.id
        )[:_CALIBRATION_ROWS]
        if len(chosen) < _FEWEST_ROWS:
            raise EvaluatorError(
                f"the card has {len(chosen)} rows to find the scale on; expected {_FEWEST_ROWS} "
                "or more everyday ones among its validation dialogues"
            )
        found = [
            information(reading) for reading in base.read([_dialogue_of(row) for row in chosen])
        ]
        self._centre = statistics.median(found)
        width = _NORMAL_DEVIATION * statistics.median(
            [abs(value - self._centre) for value in found]
        )
        if not width > 0 or not math.isfinite(self._centre):
            raise EvaluatorError(
                "the card's rows are all equally likely to this base model; expected various ones"
            )
        self._width = width
        scale = f"{base.identity} {self._centre:.4f} {self._width:.4f}"
        self.id = f"information-{hashlib.sha256(scale.encode()).hexdigest()[:12]}"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order; a blank reply is unscored."""
        verdicts: list[Assessment | Unscored] = []
        for start in range(0, len(dialogues), _BATCH):
            some = dialogues[start : start + _BATCH]
            readable = [one for one in some if one.reply.strip()]
            readings = iter(self._base.read(readable) if readable else ())
            verdicts.extend(
                self._verdict(next(readings))
                if one.reply.strip()
                else Unscored(reason="the reply is blank")
                for one in some
            )
            if report is not None:
                report(len(verdicts))
        return verdicts

    def _verdict(self, reading: ReplyReading) -> Assessment | Unscored:
        found = information(reading)
        if not math.isfinite(found):
            return Unscored(reason="the base model gave no finite likelihood")
        value = SCALE[1] / (1 + math.exp(-(found - self._centre) / self._width))
        return Assessment(values=dict.fromkeys(METRIC_KEYS, value), spread={})


def information(reading: ReplyReading) -> float:
    """Mean over the reply's tokens of log p(token | context) - log p(token), in nats."""
    return float((reading.known - reading.alone).mean())


def _dialogue_of(row: DialogueRow) -> Dialogue:
    return Dialogue(
        turns=(*row.history, Message(role="user", content=row.user)),
        reply=row.reply,
        facts=row.facts,
    )
