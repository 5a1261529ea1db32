"""The same-day watch: is what visitors do with the new adapter's replies worse than before?

A test by betting. The null hypothesis of a signal is that each reply fails with at most the
probability that its visitor's past makes us expect; a bet against it multiplies by a likelihood
ratio per reply and cannot be expected to grow while the hypothesis holds, so that reaching
1 / alpha at any time has probability at most alpha, however often one looks.

Source: Ville 1939; Robbins 1970 (mixtures over alternatives); Ramdas et al. 2023, "Game-theoretic
statistics and safe anytime-valid inference", https://arxiv.org/abs/2210.01948.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import beta, t

WatchSignal = Literal["retry", "thumb_down", "reward"]
SIGNALS: tuple[WatchSignal, ...] = ("retry", "thumb_down", "reward")
_ODDS_RATIOS = (2.0, 4.0, 8.0)
_STAKES = (0.25, 0.5, 1.0)
_NOBODY = ""
_MEMORY = (12.0, 200.0)
_SHARES: dict[WatchSignal, float] = {"retry": 0.6, "thumb_down": 0.2, "reward": 0.2}
_LEAST_SCORES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How sure the watch must be, and how much worse is worth a rollback.

    `alpha`: bound on the probability of a false rollback per deployment, in 0..1. Half of it pays
    for not knowing the old rates exactly, half for the bets; the signals share both.
    `tolerance`: rise of a rate, or fall of the reward on 0..1, that is nobody's worry.
    """

    alpha: float = 0.05
    tolerance: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; expected a number between 0 and 1")
        if not 0 <= self.tolerance < 0.5:
            raise ValueError(f"tolerance is {self.tolerance}; expected 0 to 0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What became of one shown reply, once that is settled.

    `retried`: None for a reply that was itself a retry, so that a message has one vote. `reward`
    on 0..1, None if unscored.
    """

    visitor: str
    retried: bool | None
    thumb_down: bool = False
    thumb_up: bool = False
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEvidence:
    """One signal: what was usual, what is seen, and how much the bets have won.

    `usual` is the mean of the previous adapter, `allowed` its bound with the tolerance, `seen` the
    mean since the swap; None without cases. `e_value` is the most that the bets had won at any
    time, least over leaving out any one visitor; the signal alarms at `threshold`.
    """

    signal: WatchSignal
    usual: float | None
    allowed: float | None
    seen: float | None
    before: int
    after: int
    e_value: float
    threshold: float

    @property
    def alarms(self) -> bool:
        """Whether the bets have won enough."""
        return self.e_value >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether to go back, and why. `adapter` is in production, `previous` was before it."""

    revert: bool
    evidence: tuple[SignalEvidence, ...]
    thumbs_up: int
    adapter: str | None = None
    previous: str | None = None


def watch(
    before: Sequence[Observation], after: Sequence[Observation], settings: WatchSettings
) -> Verdict:
    """Judge the settled replies since a swap, in order, against those of the adapter before it.

    No single visitor can force a rollback: it must also hold with any one of them left out, except
    one who made at least half of the earlier replies, who is the site's own user. Without earlier
    replies there is nothing to compare with and no rollback.
    """
    own = _own_user(before)
    evidence = (
        _rate_evidence("retry", before, after, settings, own),
        _rate_evidence("thumb_down", before, after, settings, own),
        _reward_evidence(before, after, settings, own),
    )
    return Verdict(
        revert=any(one.alarms for one in evidence),
        evidence=evidence,
        thumbs_up=sum(one.thumb_up for one in after),
    )


class _Bets:
    """Bets of several boldnesses at once, kept apart by visitor; `best` is the most ever won."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._totals: list[float] = []
        self._by_visitor: dict[str, list[float]] = {}
        self.best = 1.0

    def settle(self, visitor: str, gains: Sequence[float]) -> None:
        """Book the log-gains of one reply, one per boldness."""
        mine = self._by_visitor.setdefault(visitor, [0.0] * len(gains))
        self._totals = self._totals or [0.0] * len(gains)
        for at, gain in enumerate(gains):
            mine[at] += gain
            self._totals[at] += gain
        if _mean_exp(self._totals) > self.best:
            self.best = max(self.best, self._least())

    def _least(self) -> float:
        """Mean wealth, the least over leaving out any visitor but the site's own.

        The mean of processes that cannot be expected to grow is one, and so is the least of them.
        """
        rests = [
            _mean_exp([a - b for a, b in zip(self._totals, gains, strict=True)])
            for visitor, gains in self._by_visitor.items()
            if visitor != self._own
        ]
        return min([_mean_exp(self._totals), *rests])


def _rate_evidence(
    signal: Literal["retry", "thumb_down"],
    before: Sequence[Observation],
    after: Sequence[Observation],
    settings: WatchSettings,
    own: str,
) -> SignalEvidence:
    past, now = _cases(signal, before), _cases(signal, after)
    failures = sum(failed for _, failed in past)
    allowed = _upper_bound(failures, len(past), _alpha(signal, settings)) + settings.tolerance
    memory = _memory(past)
    count = Counter(visitor for visitor, _ in past)
    bad = Counter(visitor for visitor, failed in past if failed)
    bets = _Bets(own)
    for visitor, failed in now if past else ():
        habit = (allowed * memory + bad[visitor]) / (memory + count[visitor])
        # At least the average: else the first retry of one who never did would be a disaster.
        expected = min(max(allowed, habit), 0.95)
        bets.settle(visitor, [_log_ratio(failed, expected, ratio) for ratio in _ODDS_RATIOS])
        count[visitor] += 1
        bad[visitor] += failed
    return SignalEvidence(
        signal=signal,
        usual=failures / len(past) if past else None,
        allowed=min(allowed, 1.0) if past else None,
        seen=sum(failed for _, failed in now) / len(now) if now else None,
        before=len(past),
        after=len(now),
        e_value=bets.best,
        threshold=1 / _alpha(signal, settings),
    )


def _reward_evidence(
    before: Sequence[Observation],
    after: Sequence[Observation],
    settings: WatchSettings,
    own: str,
) -> SignalEvidence:
    past = [one.reward for one in before if one.reward is not None]
    now = [(one.visitor, one.reward) for one in after if one.reward is not None]
    usual = sum(past) / len(past) if past else None
    allowed = _lower_bound(past, _alpha("reward", settings)) - settings.tolerance
    bets = _Bets(own)
    for visitor, reward in now if allowed > 0 else ():
        # With stake 1 a perfect reward halves the wealth: a bet can lose but not ruin.
        fair = 2 * max(1 - allowed, 0.25)
        gains = [math.log1p(stake / fair * (allowed - reward)) for stake in _STAKES]
        bets.settle(visitor, gains)
    return SignalEvidence(
        signal="reward",
        usual=usual,
        allowed=allowed if allowed > 0 else None,
        seen=sum(reward for _, reward in now) / len(now) if now else None,
        before=len(past),
        after=len(now),
        e_value=bets.best,
        threshold=1 / _alpha("reward", settings),
    )


def _cases(
    signal: Literal["retry", "thumb_down"], replies: Sequence[Observation]
) -> list[tuple[str, bool]]:
    if signal == "thumb_down":
        return [(one.visitor, one.thumb_down) for one in replies]
    return [(one.visitor, one.retried) for one in replies if one.retried is not None]


def _alpha(signal: WatchSignal, settings: WatchSettings) -> float:
    """What a signal's bets may spend, and as much again its bound on the old rate."""
    return settings.alpha * _SHARES[signal] / 2


def _upper_bound(failures: int, cases: int, alpha: float) -> float:
    """Clopper and Pearson's one-sided upper bound of a rate; 1 without cases."""
    if failures >= cases:
        return 1.0
    return float(beta.ppf(1 - alpha, failures + 1, cases - failures))


def _lower_bound(values: Sequence[float], alpha: float) -> float:
    """Student's one-sided lower bound of a mean; 0 when there are too few to say."""
    n = len(values)
    if n < _LEAST_SCORES:
        return 0.0
    centre = sum(values) / n
    variance = sum((value - centre) ** 2 for value in values) / (n - 1)
    return centre - float(t.ppf(1 - alpha, n - 1)) * math.sqrt(variance / n)


def _memory(past: Sequence[tuple[str, bool]]) -> float:
    """After how many replies a visitor's habit and the average count the same.

    It follows from the correlation within visitors, estimated from the analysis of variance.
    Source: Ridout, Demétrio and Firth 1999, "Estimating intraclass correlation for binary data".
    """
    count = Counter(visitor for visitor, _ in past)
    bad = Counter(visitor for visitor, failed in past if failed)
    n, groups = len(past), len(count)
    if groups < 2 or n <= groups:
        return _MEMORY[1]
    overall = sum(bad.values()) / n
    between = sum(count[one] * (bad[one] / count[one] - overall) ** 2 for one in count)
    within = sum(bad[one] * (1 - bad[one] / count[one]) for one in count)
    between, within = between / (groups - 1), within / (n - groups)
    size = (n - sum(number**2 for number in count.values()) / n) / (groups - 1)
    spread = between + (size - 1) * within
    correlation = (between - within) / spread if spread > 0 else 0.0
    return min(max(1 / correlation - 1, _MEMORY[0]), _MEMORY[1]) if correlation > 0 else _MEMORY[1]


def _log_ratio(failed: bool, expected: float, ratio: float) -> float:
    """Log-likelihood ratio of odds `ratio` times the expected against the expected ones."""
    odds = ratio * expected / (1 - expected)
    if failed:
        return math.log(odds / (1 + odds) / expected)
    return -math.log1p(odds) - math.log1p(-expected)


def _own_user(before: Sequence[Observation]) -> str:
    for visitor, replies in Counter(one.visitor for one in before).most_common(1):
        if 2 * replies >= len(before):
            return visitor
    return _NOBODY


def _mean_exp(logs: Sequence[float]) -> float:
    # The cap keeps the number printable; it is far beyond any threshold.
    return sum(math.exp(min(log, 300.0)) for log in logs) / len(logs)
