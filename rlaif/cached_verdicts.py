"""Asking an evaluator only for what it has not said before."""

from collections.abc import Callable, Sequence

from rlaif.evaluator import Assessment, Dialogue, Evaluator, Unscored
from rlaif.measurement_cache import MeasurementCache, digest

_BATCH = 64


def cached_verdicts(
    evaluator: Evaluator,
    dialogues: Sequence[Dialogue],
    cache: MeasurementCache,
    report: Callable[[int, int], None] | None = None,
) -> list[Assessment | Unscored]:
    """One verdict per dialogue, in order; every batch is kept in `cache` as soon as it is done.

    What could not be scored is asked again next time. `report` is told how many of the open ones
    are done and how many there are. Raises EvaluatorError as the evaluator does.
    """
    keys = [verdict_key(evaluator.id, dialogue) for dialogue in dialogues]
    # Several may say the same.
    open_ones = {
        key: dialogue
        for key, dialogue in zip(keys, dialogues, strict=True)
        if cache.verdict(key) is None
    }
    pending = list(open_ones)
    failed: dict[str, Unscored] = {}
    for start in range(0, len(pending), _BATCH):
        batch = pending[start : start + _BATCH]
        made = dict(zip(batch, evaluator.assess([open_ones[key] for key in batch]), strict=True))
        failed |= {key: one for key, one in made.items() if isinstance(one, Unscored)}
        cache.add_verdicts({key: one for key, one in made.items() if isinstance(one, Assessment)})
        if report is not None:
            report(start + len(batch), len(pending))
    return [cache.verdict(key) or failed[key] for key in keys]


def verdict_key(evaluator: str, dialogue: Dialogue) -> str:
    """What a verdict is kept under: all that it depends on."""
    turns = [[turn.role, turn.content] for turn in dialogue.turns]
    return digest(evaluator, turns, dialogue.reply, list(dialogue.facts))
