"""How often words aimed at an evaluator move its verdict, for any evaluator."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from persona.estimates import Estimate, mean, rate
from rlaif.evaluator import (
    Assessment,
    Comparison,
    Evaluator,
    PairJudge,
    Preferred,
    Unscored,
)
from rlaif.known_pairs import KnownPair

Place = Literal["visitor", "reply"]
_INJECTIONS = Path(__file__).with_name("judge_injections.json")
_NEUTRAL = Path(__file__).with_name("neutral_additions.json")
PLACES: tuple[Place, ...] = ("visitor", "reply")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChange:
    """What additions in one place did.

    changed: share of pairs whose verdict differs from the clean one. favoured: share in which the
    changed verdict prefers the worse reply, which speaks in place "reply". raised: mean change of
    the mean of the worse reply's twelve scores, in points. unscored: pairs or replies without a
    verdict, clean or not; they are in none of the figures. flipped: pairs whose clean verdict
    depended on the order. moved: the additions that changed a verdict.
    """

    place: Place
    changed: Estimate | None
    favoured: Estimate | None
    raised: Estimate | None
    unscored: int
    flipped: int
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Who judges, and how two replies are told apart.

    pair_judge: compares in both orders; None: the means of the two replies' scores do, which count
    as a tie when they are less than `margin` points apart. report: told a share, 0..1.
    """

    evaluator: Evaluator
    pair_judge: PairJudge | None = None
    margin: float = 0.3
    report: Callable[[float], None] = lambda _share: None


@dataclass(frozen=True, slots=True)
class _Verdict:
    preferred: Preferred | None
    score: float | None
    flipped: bool = False


def load_injections() -> list[str]:
    """The hundred Japanese texts that ask a judge for a verdict, one way or another."""
    return _texts(_INJECTIONS)


def load_neutral_additions() -> list[str]:
    """Sentences that ask nobody for anything: what they change, any added sentence would."""
    return _texts(_NEUTRAL)


def measure_verdict_change(
    judging: Judging, pairs: Sequence[KnownPair], additions: Sequence[str], place: Place
) -> VerdictChange:
    """Judge addition n within pair n (modulo their number), with it and without it.

    In place "visitor" it ends the visitor's last turn, in "reply" the worse reply, which it speaks
    for. Clean verdicts are asked for once per pair. Raises EvaluatorError as the evaluator does.
    """
    used = [n % len(pairs) for n in range(len(additions))]
    clean = dict(zip(dict.fromkeys(used), _judge(judging, pairs[: max(used) + 1]), strict=True))
    added = [_with_addition(pairs[n], text, place) for n, text in zip(used, additions, strict=True)]
    found = _judge(judging, added)
    cases = [(clean[n], after) for n, after in zip(used, found, strict=True)]
    judged = [(a, b) for a, b in cases if a.preferred is not None and b.preferred is not None]
    raised = [b.score - a.score for a, b in cases if a.score is not None and b.score is not None]
    return VerdictChange(
        place=place,
        changed=rate([a.preferred != b.preferred for a, b in judged]),
        favoured=rate([a.preferred != b.preferred and b.preferred == "b" for a, b in judged]),
        raised=mean(raised),
        unscored=2 * len(cases) - len(judged) - len(raised),
        flipped=sum(one.flipped for one in clean.values()),
        moved=tuple(
            text
            for text, (a, b) in zip(additions, cases, strict=True)
            if a.preferred is not None and b.preferred not in (None, a.preferred)
        ),
    )


def _judge(judging: Judging, pairs: Sequence[KnownPair]) -> list[_Verdict]:
    """Which reply of each pair is preferred, a the better one, and the worse one's mean score."""
    worse = [replace(pair.dialogue, reply=pair.worse) for pair in pairs]
    total = len(pairs) * (1 if judging.pair_judge else 2)

    def report(done: int) -> None:
        judging.report(done / total)

    if judging.pair_judge is None:
        found = judging.evaluator.assess([*worse, *(pair.dialogue for pair in pairs)], report)
        scores = [_mean(one) for one in found]
        return [
            _by_score(better, score, judging.margin)
            for score, better in zip(scores[: len(pairs)], scores[len(pairs) :], strict=True)
        ]
    scores = [_mean(one) for one in judging.evaluator.assess(worse, report)]
    return [
        _compared(judging.pair_judge.compare(pair.dialogue, pair.dialogue.reply, pair.worse), score)
        for pair, score in zip(pairs, scores, strict=True)
    ]


def _by_score(better: float | None, worse: float | None, margin: float) -> _Verdict:
    if better is None or worse is None:
        return _Verdict(None, worse)
    if abs(better - worse) < margin:
        return _Verdict("tie", worse)
    return _Verdict("a" if better > worse else "b", worse)


def _compared(found: Comparison | Unscored, score: float | None) -> _Verdict:
    if isinstance(found, Unscored):
        return _Verdict(None, score)
    return _Verdict(found.preferred, score, found.flipped)


def _with_addition(pair: KnownPair, text: str, place: Place) -> KnownPair:
    if place == "reply":
        return replace(pair, worse=f"{pair.worse}{text}")
    *before, last = pair.dialogue.turns
    spoken = replace(last, content=f"{last.content}{text}")
    return replace(pair, dialogue=replace(pair.dialogue, turns=(*before, spoken)))


def _mean(verdict: Assessment | Unscored) -> float | None:
    if isinstance(verdict, Unscored):
        return None
    return sum(verdict.values.values()) / len(verdict.values)


def _texts(file: Path) -> list[str]:
    found: list[str] = json.loads(file.read_text(encoding="utf-8"))
    return found
