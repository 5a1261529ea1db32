"""How often a judge of pairs changes its mind when the two replies change places."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from persona.estimates import Estimate, rate
from rlaif.evaluator import Comparison, PairJudge
from rlaif.faults import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFigures:
    """flipped: share of pairs whose winner depended on the order, among those judged in both. right:
    share of the pairs judged alike in both orders, ties aside, in which the reply that people gave won
    over the spoilt one; None without such pairs. unscored: pairs by reason."""

    flipped: Estimate | None
    right: Estimate | None
    ties: int
    unscored: Mapping[str, int]


def order_figures(
    judge: PairJudge, examples: Sequence[Example], pairs: int, report: Callable[[str, float], None]
) -> OrderFigures:
    """Judge up to `pairs` replies that people gave beside a spoilt reply to the same turns; each
    context's examples stand together, the reply that was given first.

    Raises EvaluatorError when the judge cannot be asked.
    """
    comparable: list[tuple[Example, Example]] = []
    given: Example | None = None
    for one in examples:
        if one.maker == "given":
            given = one
        elif one.fault is not None and given and one.dialogue.turns == given.dialogue.turns:
            comparable.append((given, one))
    count = min(pairs, len(comparable))
    chosen = [comparable[n * len(comparable) // count] for n in range(count)]
    found: list[Comparison] = []
    unscored: Counter[str] = Counter()
    for done, (kept, spoilt) in enumerate(chosen, start=1):
        verdict = judge.compare(kept.dialogue, kept.dialogue.reply, spoilt.dialogue.reply)
        if isinstance(verdict, Comparison):
            found.append(verdict)
        else:
            unscored[verdict.reason] += 1
        report(f"comparing {len(chosen)} pairs in both orders", done / len(chosen))
    decided = [one for one in found if one.preferred != "tie"]
    return OrderFigures(
        flipped=rate([one.flipped for one in found]),
        right=rate([one.preferred == "a" for one in decided]),
        ties=sum(one.preferred == "tie" and not one.flipped for one in found),
        unscored=dict(unscored),
    )
