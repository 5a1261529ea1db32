"""How often a judge prefers the reply that people prefer, beside how often people do.

Two ways with ties. *Decided*: only where both sides prefer one reply, so that chance is one half.
*Strict*: a tie is an answer like the others, and only the same answer agrees; a judge that calls
much a tie looks better in the first and worse in the second.

One person is always compared with one other opinion, never with a majority, which is steadier than
anybody in it. Intervals redraw clusters: the choices about one prompt or of one visitor are alike.

Source: the comparison is that of "Direct Preference Optimization" (2023), section 6.4: a judge and
people agree on 67 to 70 % of the pairs, people among themselves on 65 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from persona.estimates import Estimate
from rlaif.agreement_drift import FEWEST
from rlaif.clustered_share import Case, clustered_share
from rlaif.evaluator import Preferred

ChoiceSource = Literal["sheets", "inbox", "duels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One person's answer to one question: which of two replies. `item` names the question."""

    item: str
    cluster: str
    person: str
    preferred: Preferred


@dataclass(frozen=True, slots=True, kw_only=True)
class PairShares:
    """`compared`: pairs of opinions; `ties`: those with a tie on either side. A share is None below
    ten questions that it is about."""

    questions: int
    compared: int
    ties: int
    decided: Estimate | None
    strict: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAgreement:
    """One source of choices. `unjudged`: questions on which the judge has no verdict."""

    source: ChoiceSource
    judge: PairShares
    people: PairShares
    unjudged: int


def pair_agreement(
    source: ChoiceSource, choices: Sequence[Choice], judged: Mapping[str, Preferred]
) -> PairAgreement:
    """The judge against each person, and the people of each question against each other.

    `judged`: question -> what the judge prefers; questions it has no verdict on are missing.
    """
    by_item: dict[str, list[Choice]] = {}
    for one in choices:
        by_item.setdefault(one.item, []).append(one)
    return PairAgreement(
        source=source,
        judge=_shares(
            [(one, judged[one.item], one.preferred) for one in choices if one.item in judged]
        ),
        people=_shares(
            [
                (one, one.preferred, other.preferred)
                for several in by_item.values()
                for one, other in combinations(several, 2)
                if one.person != other.person
            ]
        ),
        unjudged=sum(item not in judged for item in by_item),
    )


def _shares(compared: Sequence[tuple[Choice, Preferred, Preferred]]) -> PairShares:
    decided = [one for one in compared if "tie" not in one[1:]]
    return PairShares(
        questions=len({choice.item for choice, _, _ in compared}),
        compared=len(compared),
        ties=len(compared) - len(decided),
        decided=_share(decided),
        strict=_share(compared),
    )


def _share(compared: Sequence[tuple[Choice, Preferred, Preferred]]) -> Estimate | None:
    if len({choice.item for choice, _, _ in compared}) < FEWEST:
        return None
    return clustered_share(
        [Case(cluster=choice.cluster, value=float(one == other)) for choice, one, other in compared]
    )
