"""Whether a judge prefers a reply for where it stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from persona.estimates import Estimate, mean, rate
from rlaif.evaluator import Comparison, PairJudge, Pick, Unscored
from rlaif.known_pairs import KnownPair

_FIRST: Mapping[Pick, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBias:
    """Over pairs judged in both orders; None where there is no case.

    flipped: share of pairs whose verdict changed with the order. first: how often the first of two
    was chosen, a tie counting half; over both orders of a pair this is 0.5 for a judge that looks at
    the replies alone. tied: share of pairs without a winner, flipped ones among them. right: of
    the pairs with a winner, the share in which it is the better one; right_of_all: the same of all
    judged pairs, ties counting as wrong. unscored: pairs without a verdict, in no other figure.
    """

    flipped: Estimate | None
    first: Estimate | None
    tied: Estimate | None
    right: Estimate | None
    right_of_all: Estimate | None
    unscored: int


def measure_position_bias(
    judge: PairJudge, pairs: Sequence[KnownPair], report: Callable[[int], None] | None = None
) -> PositionBias:
    """Have every pair judged in both orders. Raises EvaluatorError as the judge does."""
    verdicts: list[Comparison | Unscored] = []
    for done, pair in enumerate(pairs, start=1):
        verdicts.append(judge.compare(pair.dialogue, pair.dialogue.reply, pair.worse))
        if report is not None:
            report(done)
    return position_bias(verdicts)


def position_bias(verdicts: Sequence[Comparison | Unscored]) -> PositionBias:
    """The figures of verdicts in which reply a is known to be the better one."""
    judged = [one for one in verdicts if isinstance(one, Comparison)]
    decided = [one for one in judged if one.preferred != "tie"]
    return PositionBias(
        flipped=rate([one.flipped for one in judged]),
        # One figure a pair: its two orders are no independent cases.
        first=mean([_first(one.picks) for one in judged if one.picks is not None]),
        tied=rate([one.preferred == "tie" for one in judged]),
        right=rate([one.preferred == "a" for one in decided]),
        right_of_all=rate([one.preferred == "a" for one in judged]),
        unscored=len(verdicts) - len(judged),
    )


def _first(picks: tuple[Pick, Pick]) -> float:
    return (_FIRST[picks[0]] + _FIRST[picks[1]]) / 2
