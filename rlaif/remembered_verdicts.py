"""Evaluators and judges that are asked about nothing twice while they are measured."""

from collections.abc import Callable, Sequence

from rlaif.evaluator import (
    Assessment,
    Comparison,
    Dialogue,
    Evaluator,
    EvaluatorKind,
    PairJudge,
    Unscored,
)

_BATCH = 32


class RememberedVerdicts:
    """An evaluator whose verdicts are kept in memory."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._known: dict[Dialogue, Assessment | Unscored] = {}

    @property
    def id(self) -> str:
        """The evaluator's own."""
        return self._evaluator.id

    @property
    def kind(self) -> EvaluatorKind:
        """The evaluator's own."""
        return self._evaluator.kind

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order, asking only for new ones."""
        new = [one for one in dict.fromkeys(dialogues) if one not in self._known]
        before = len(dialogues) - len(new)
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known.update(zip(batch, self._evaluator.assess(batch), strict=True))
            if report is not None:
                report(before + start + len(batch))
        return [self._known[one] for one in dialogues]


class RememberedComparisons:
    """A judge whose comparisons are kept in memory."""

    def __init__(self, judge: PairJudge) -> None:
        self._judge = judge
        self._known: dict[tuple[Dialogue, str, str], Comparison | Unscored] = {}

    @property
    def id(self) -> str:
        """The judge's own."""
        return self._judge.id

    def compare(self, context: Dialogue, reply_a: str, reply_b: str) -> Comparison | Unscored:
        """Judge two replies to `context` in both orders, once."""
        key = (context, reply_a, reply_b)
        if key not in self._known:
            self._known[key] = self._judge.compare(context, reply_a, reply_b)
        return self._known[key]
