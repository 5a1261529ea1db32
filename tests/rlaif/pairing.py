"""Turns and options for tests of pairing."""

from collections.abc import Sequence

from persona.engine import Message
from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS
from rlaif.preference import MetricPart, Option, OptionKind, PromptGroup, Reward, Signal


def option(
    id: str,
    text: str,
    reward: float | None,
    *signals: Signal,
    kind: OptionKind = "candidate",
    spread: float = 0.0,
) -> Option:
    """An option with all its reward in one metric."""
    assessment = None
    if reward is not None:
        values = dict.fromkeys(METRIC_KEYS, 5.0) | {"topic": max(0.0, min(10.0, reward))}
        assessment = Assessment(values=values, spread=dict.fromkeys(METRIC_KEYS, spread))
    return Option(
        id=id,
        kind=kind,
        text=text,
        assessment=assessment,
        reward=None
        if reward is None
        else Reward(
            total=reward,
            metrics={"topic": MetricPart(value=reward, weight=1.0, trust=1.0)},
            guards={},
        ),
        signals=frozenset(signals),
    )


def group(
    turn: str,
    options: Sequence[Option],
    *,
    visitor: str = "visitor",
    asked: str = "今日は何をして過ごそうかな",
    flagged: bool = False,
) -> PromptGroup:
    """A turn without history or facts."""
    return PromptGroup(
        turn_id=turn,
        visitor_id=visitor,
        turns=(Message(role="user", content=asked),),
        facts=(),
        options=tuple(options),
        flagged=flagged,
    )
