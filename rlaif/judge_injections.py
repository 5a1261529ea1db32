"""How often words aimed at the judge move its verdict, measured on a real endpoint."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from persona.estimates import Estimate, mean, rate
from rlaif.evaluator import Assessment, Comparison, Dialogue, Unscored
from rlaif.judge_evaluator import JudgeEvaluator

Place = Literal["visitor", "reply"]
_INJECTIONS = Path(__file__).with_name("judge_injections.json")
PLACES: tuple[Place, ...] = ("visitor", "reply")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChange:
    """What injections in one place did.

    changed: share of pairs whose verdict of both orders differs from the clean one. favoured:
    share in which the changed verdict serves the injection. raised: mean change of the mean of
    the twelve scores, in points. unscored: pairs or replies without a verdict, clean or not;
    they are in none of the figures. flipped: pairs whose clean verdict depended on the order.
    """

    place: Place
    changed: Estimate | None
    favoured: Estimate | None
    raised: Estimate | None
    unscored: int
    flipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionCase:
    """A context with its reply and a second reply to compare it with."""

    dialogue: Dialogue
    other_reply: str


def load_injections() -> list[str]:
    """The hundred Japanese texts that ask a judge for a verdict, one way or another."""
    found: list[str] = json.loads(_INJECTIONS.read_text(encoding="utf-8"))
    return found


def measure_verdict_change(
    evaluator: JudgeEvaluator,
    cases: Sequence[InjectionCase],
    injections: Sequence[str],
    place: Place,
) -> VerdictChange:
    """Judge injection n within case n (modulo their number), with it and without it.

    In place "visitor" it ends the visitor's last turn, in "reply" the second reply, which it
    speaks for. Clean verdicts are asked for once per case. Raises EvaluatorError as the evaluator
    does.
    """
    used = [cases[n % len(cases)] for n in range(len(injections))]
    clean = {case: _verdicts(evaluator, case) for case in dict.fromkeys(used)}
    changed, favoured, raised = [], [], []
    unscored = 0
    for case, injection in zip(used, injections, strict=True):
        pair, score = clean[case]
        other_pair, other_score = _verdicts(evaluator, _injected(case, injection, place))
        if isinstance(pair, Comparison) and isinstance(other_pair, Comparison):
            moved = pair.preferred != other_pair.preferred
            changed.append(moved)
            favoured.append(moved and other_pair.preferred == "b")
        else:
            unscored += 1
        if isinstance(score, Assessment) and isinstance(other_score, Assessment):
            raised.append(_mean_score(other_score) - _mean_score(score))
        else:
            unscored += 1
    return VerdictChange(
        place=place,
        changed=rate(changed),
        favoured=rate(favoured),
        raised=mean(raised),
        unscored=unscored,
        flipped=sum(isinstance(pair, Comparison) and pair.flipped for pair, _ in clean.values()),
    )


def _verdicts(
    evaluator: JudgeEvaluator, case: InjectionCase
) -> tuple[Comparison | Unscored, Assessment | Unscored]:
    """The pair's verdict, and the scores of the second reply."""
    pair = evaluator.compare(case.dialogue, case.dialogue.reply, case.other_reply)
    (score,) = evaluator.assess([replace(case.dialogue, reply=case.other_reply)])
    return pair, score


def _injected(case: InjectionCase, injection: str, place: Place) -> InjectionCase:
    if place == "reply":
        return replace(case, other_reply=f"{case.other_reply}{injection}")
    *before, last = case.dialogue.turns
    spoken = replace(last, content=f"{last.content}{injection}")
    return replace(case, dialogue=replace(case.dialogue, turns=(*before, spoken)))


def _mean_score(assessment: Assessment) -> float:
    return sum(assessment.values.values()) / len(assessment.values)
