"""Verdicts that are asked for once: what was given before comes from the disk."""

from collections.abc import Callable, Sequence

from rlaif.evaluator import Assessment, Dialogue, Evaluator, Unscored
from rlaif.measurement_cache import MeasurementCache, digest

_BATCH = 64


def cached_verdicts(
    evaluator: Evaluator,
    dialogues: Sequence[Dialogue],
    cache: MeasurementCache,
    report: Callable[[int, int], None] | None = None,
    *,
    batch: int = _BATCH,
) -> list[Assessment | Unscored]:
    """One verdict per dialogue, in order; each batch is on disk as soon as it is done.

    Equal dialogues are judged once. Failures are not kept, so they are asked for again next time.
    `report` is told how many of the missing verdicts are there, and how many were missing. Raises
    EvaluatorError as the evaluator does; what was given until then stays.
    """
    keys = [verdict_key(evaluator.id, dialogue) for dialogue in dialogues]
    missing = {
        key: dialogue
        for key, dialogue in zip(keys, dialogues, strict=True)
        if cache.verdict(key) is None
    }
    pending = list(missing)
    failed: dict[str, Unscored] = {}
    for start in range(0, len(pending), batch):
        some = pending[start : start + batch]
        given = evaluator.assess([missing[key] for key in some])
        found = dict(zip(some, given, strict=True))
        failed |= {key: one for key, one in found.items() if isinstance(one, Unscored)}
        cache.add_verdicts({key: one for key, one in found.items() if isinstance(one, Assessment)})
        if report is not None:
            report(start + len(some), len(pending))
    return [cache.verdict(key) or failed[key] for key in keys]


def verdict_key(evaluator: str, dialogue: Dialogue) -> str:
    """Names a verdict: it changes with the evaluator and with everything it was shown."""
    turns = [[turn.role, turn.content] for turn in dialogue.turns]
    return digest(evaluator, turns, dialogue.reply, list(dialogue.facts))
