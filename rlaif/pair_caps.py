"""How much of the training set one person, or the same words, may come to be.

Source: 0.5 % of pairs were enough for a DPO backdoor (arXiv 2406.12091), 52 examples for
instruction tuning (arXiv 2307.16888); the caps stay at half of each.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from persona.near_duplicates import near_duplicates
from rlaif.errors import PairingError
from rlaif.phrase_clusters import PhraseCounts
from rlaif.preference import Drop, Preference


@dataclass(frozen=True, slots=True, kw_only=True)
class CapSettings:
    """Limits on whose pairs and which words may be taken.

    `per_night`: pairs of one visitor in one night, >= 1. `in_all`: pairs of one visitor ever,
    >= 1; `share`: and at most this part (0..1) of the training set, whichever is lower.
    `at_least`: what the share is never rounded below: 0 keeps the promise at every size, and
    then nobody can teach anything before the training set (seed rows count) has 1 / share rows.
    `anonymous_share`: part (0..1) of the training set from visitors who could come back under
    another name. `phrase_limit`: pairs ever with the same rare phrase, >= 1.
    `duplicate`: Jaccard likeness in (0, 1] of 2-grams from which two pairs are one.
    `single_user`: the owner talks to her own machine. The caps on visitors and phrases are off
    while all pairs, past and tonight's, are one visitor's, and back on once a second one comes.
    """

    per_night: int = 5
    in_all: int = 10
    share: float = 0.0025
    at_least: int = 0
    anonymous_share: float = 0.2
    phrase_limit: int = 25
    duplicate: float = 0.8
    single_user: bool = False

    def __post_init__(self) -> None:
        if min(self.per_night, self.in_all, self.phrase_limit) < 1 or self.at_least < 0:
            raise PairingError(
                f"caps are {self.per_night} a night, {self.in_all} in all, "
                f"{self.phrase_limit} a phrase, at least {self.at_least}; "
                "expected 1 or more, and 0 or more for at_least"
            )
        if not (0 <= self.share <= 1 and 0 <= self.anonymous_share <= 1):
            raise PairingError(
                f"shares are {self.share} and {self.anonymous_share}; expected 0 to 1"
            )
        if not 0 < self.duplicate <= 1:
            raise PairingError(f"duplicate is {self.duplicate}; expected a number in (0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPair:
    """What is left of a pair of an earlier night: enough to know it and its words again."""

    visitor_id: str
    asked: str
    chosen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHistory:
    """What was taken before tonight.

    `past`: pairs that can still be trained on. `by_visitor`: pairs ever taken per visitor, also
    those no longer in `past`. `seed_rows`: rows of the training set that come from no visitor.
    `anonymous`: visitors whose identity costs nothing to make anew. `common`: phrases of ordinary
    talk (`phrase_clusters.common_phrases` over the seed rows).
    """

    past: tuple[PastPair, ...] = ()
    by_visitor: Mapping[str, int] = field(default_factory=dict)
    seed_rows: int = 0
    anonymous: frozenset[str] = frozenset()
    common: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """Indices of the pairs that may be trained on, and why how many others may not."""

    kept: list[int]
    left_out: Mapping[str, int]


def anonymous_visitors(visitors: Iterable[str], settings: CapSettings) -> frozenset[str]:
    """Those who could come back under another name: all of them, for a cookie is no name. The
    owner of a single-user machine is known."""
    return frozenset() if settings.single_user else frozenset(visitors)


def visitor_limit(training_rows: int, settings: CapSettings) -> int:
    """Pairs that one visitor may have in a training set of `training_rows` rows."""
    share = int(settings.share * training_rows + 1e-9)
    return min(settings.in_all, max(share, settings.at_least))


def apply_caps(
    proposed: Sequence[Preference], settings: CapSettings, history: PairHistory
) -> tuple[list[Preference], list[Drop]]:
    """Take proposed pairs in order as far as the caps allow; the rest come back as drops."""
    taken: list[Preference] = []
    drops: list[Drop] = []
    alike = _alike(proposed, settings, history)
    gate = _Gate(proposed, settings, history)
    taken_at: set[int] = set()
    for here, pair in enumerate(proposed):
        if any(other < 0 or other in taken_at for other in alike.get(here, ())):
            reason: str | None = "duplicate"
        else:
            reason = gate.refuses(pair)
        if reason:
            drops.append(Drop(turn_id=pair.turn_id, reason=reason))
        else:
            gate.take(pair)
            taken.append(pair)
            taken_at.add(here)
    return taken, drops


def trim_to_caps(
    visitors: Sequence[str], seed_rows: int, settings: CapSettings, anonymous: frozenset[str]
) -> Trimmed:
    """Which of the accumulated pairs a training set may hold, given whose each one is.

    Erasure, vetoes and retention make the set smaller after its pairs were taken, so that a share
    that was kept then may be broken now. Earlier pairs go first where some have to.
    """
    owners = set(visitors)
    if settings.single_user and len(owners) <= 1:
        return Trimmed(kept=list(range(len(visitors))), left_out={})
    left_out: Counter[str] = Counter()
    kept = list(range(len(visitors)))
    while True:
        rows = seed_rows + len(kept)
        limit, pool = visitor_limit(rows, settings), int(settings.anonymous_share * rows + 1e-9)
        counts: Counter[str] = Counter()
        unnamed = 0
        newest: list[int] = []
        for at in reversed(kept):
            owner = visitors[at]
            if counts[owner] >= limit:
                left_out["visitor_total_cap"] += 1
                continue
            if owner in anonymous and unnamed >= pool:
                left_out["anonymous_cap"] += 1
                continue
            counts[owner] += 1
            unnamed += owner in anonymous
            newest.append(at)
        if len(newest) == len(kept):
            return Trimmed(kept=kept, left_out=dict(left_out))
        kept = newest[::-1]


class _Gate:
    """Counts while pairs are taken."""

    def __init__(
        self, proposed: Sequence[Preference], settings: CapSettings, history: PairHistory
    ) -> None:
        self._settings = settings
        self._anonymous = history.anonymous
        self._rows = history.seed_rows + len(history.past)
        self._ever = Counter(dict(history.by_visitor))
        in_set = Counter(pair.visitor_id for pair in history.past)
        for visitor, count in in_set.items():
            self._ever[visitor] = max(self._ever[visitor], count)
        self._unnamed = sum(in_set[visitor] for visitor in history.anonymous)
        self._tonight: Counter[str] = Counter()
        self._phrases = PhraseCounts(common=history.common, limit=settings.phrase_limit)
        for past in history.past:
            self._phrases.add(_words(past.asked, past.chosen))
        people = {visitor for visitor, count in self._ever.items() if count}
        people |= {pair.visitor_id for pair in proposed}
        self._alone = settings.single_user and len(people) <= 1

    def refuses(self, pair: Preference) -> str | None:
        """The cap that keeps this pair out, or None."""
        if self._alone:
            return None
        visitor, settings = pair.visitor_id, self._settings
        if self._tonight[visitor] >= settings.per_night:
            return "visitor_night_cap"
        # The pair itself is a row of the set that it is a share of.
        if self._ever[visitor] >= visitor_limit(self._rows + 1, settings):
            return "visitor_total_cap"
        if visitor in self._anonymous and self._unnamed + 1 > settings.anonymous_share * (
            self._rows + 1
        ):
            return "anonymous_cap"
        if self._phrases.full(_words(_asked(pair), pair.chosen)):
            return "phrase_cap"
        return None

    def take(self, pair: Preference) -> None:
        """Count a pair that was taken."""
        self._rows += 1
        self._ever[pair.visitor_id] += 1
        self._tonight[pair.visitor_id] += 1
        self._unnamed += pair.visitor_id in self._anonymous
        self._phrases.add(_words(_asked(pair), pair.chosen))


def _alike(
    proposed: Sequence[Preference], settings: CapSettings, history: PairHistory
) -> dict[int, set[int]]:
    """Near-duplicates of each proposal: earlier proposals by index, past pairs as -1.

    Two pairs are one when turn and chosen reply together are alike, or the chosen reply alone.
    """
    before = len(history.past)
    found: dict[int, set[int]] = {}
    whole = [f"{past.asked}\n{past.chosen}" for past in history.past]
    whole += [f"{_asked(pair)}\n{pair.chosen}" for pair in proposed]
    replies = [past.chosen for past in history.past] + [pair.chosen for pair in proposed]
    for texts in (whole, replies):
        for first, second in near_duplicates(texts, threshold=settings.duplicate):
            if second >= before:
                other = first - before if first >= before else -1
                found.setdefault(second - before, set()).add(other)
    return found


def _asked(pair: Preference) -> str:
    return pair.turns[-1].content if pair.turns else ""


def _words(asked: str, chosen: str) -> str:
    """Both sides of a pair; the mark keeps a phrase from reaching across."""
    return f"{asked} ○ {chosen}"
