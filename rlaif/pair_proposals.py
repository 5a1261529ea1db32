"""From one turn to the pairs it offers: the visitor's evidence first, else the evaluator's verdict.

Evidence, strongest first: an operator's choice, an edit over its original, an operator's quick
verdicts, the variant kept over the one regenerated away, thumbs. An operator's verdict settles what
a visitor said against it. Where nobody said anything, the rarest reply above the quality
bar is chosen over the commonest below it (or the lowest), as in DivPO (arXiv 2501.18101).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from rlaif.errors import PairingError
from rlaif.preference import Conflict, Drop, Option, PairSource, Preference, PromptGroup, Signal
from rlaif.rarity import letters

_AGAINST: tuple[Signal, ...] = ("thumb_down", "regenerated_away", "edited")
_DISLIKED: frozenset[Signal] = frozenset((*_AGAINST, "operator_bad"))
_UP: frozenset[Signal] = frozenset(("thumb_up", "operator_good"))
_DOWN: frozenset[Signal] = frozenset(("thumb_down", "operator_bad"))
_QUICK: frozenset[Signal] = frozenset(("operator_good", "operator_bad"))
_OVERRULED: Mapping[Signal, frozenset[Signal]] = {
    "operator_good": frozenset(("thumb_down", "regenerated_away")),
    "operator_bad": frozenset(("thumb_up", "kept")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalSettings:
    """Which replies may be chosen and rejected.

    `night_bar`: the chosen one is at or above this quantile (0..1) of tonight's rewards;
    `turn_bar`: and in the upper part of its own turn, from lowest (0) to highest (1) reward;
    `margin`: chosen minus rejected, in points of reward, > 0;
    `length_tolerance`: the longer text has at most (1 + this) times the letters of the shorter;
    `evidence_length_tolerance`: the same where a person made the choice and there is no other text
    to take instead; `conflict_quantile`: a person's signal against a reply at or above it goes to
    the operators; `penalty_limit`: no text with more points of penalties is ever chosen;
    `pairs_per_turn`: 1..4, no reply in two pairs of the same side.
    """

    night_bar: float = 0.5
    turn_bar: float = 0.5
    margin: float = 0.3
    length_tolerance: float = 0.2
    evidence_length_tolerance: float = 0.5
    conflict_quantile: float = 0.8
    penalty_limit: float = 2.0
    pairs_per_turn: int = 1

    def __post_init__(self) -> None:
        shares = {
            "night_bar": self.night_bar,
            "turn_bar": self.turn_bar,
            "conflict_quantile": self.conflict_quantile,
        }
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise PairingError(f"{name} is {value}; expected a share from 0 to 1")
        if self.margin <= 0:
            raise PairingError(f"margin is {self.margin} points; expected more than 0")
        if min(self.length_tolerance, self.evidence_length_tolerance, self.penalty_limit) < 0:
            raise PairingError("a tolerance or limit is negative; expected 0 or more")
        if not 1 <= self.pairs_per_turn <= 4:
            raise PairingError(f"pairs_per_turn is {self.pairs_per_turn}; expected 1 to 4")


@dataclass(frozen=True, slots=True, kw_only=True)
class NightScale:
    """Tonight's rewards, sorted, and how rare each option is (any unit, more is rarer)."""

    rewards: tuple[float, ...]
    rarity: Mapping[str, float]

    def quantile(self, reward: float) -> float:
        """The share of the other rewards below this one, 0..1; 0.5 where all are equal."""
        below = sum(value < reward for value in self.rewards)
        others = sum(value != reward for value in self.rewards)
        return below / others if others else 0.5

    def at(self, quantile: float) -> float:
        """The reward at a quantile; minus infinity on a night without rewards."""
        if not self.rewards:
            return -math.inf
        return self.rewards[min(int(quantile * len(self.rewards)), len(self.rewards) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What one turn gave; a turn without pairs has drops."""

    pairs: tuple[Preference, ...] = ()
    drops: tuple[Drop, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def propose(group: PromptGroup, scale: NightScale, settings: ProposalSettings) -> Proposals:
    """Return the pairs of one turn before any cap, or why there are none."""
    if group.flagged:
        return _nothing(group, "flagged")
    options = [
        _settled(option) for option in group.options if not option.flagged and letters(option.text)
    ]
    found = _of_options(group, options, scale, settings)
    unsafe = any(option.flagged and option.kind == "edit" for option in group.options)
    return replace(found, drops=(_drop(group, "unsafe_edit"), *found.drops)) if unsafe else found


def _settled(option: Option) -> Option:
    """The option without what its visitor said against an operator's verdict."""
    over = frozenset[Signal]().union(*(_OVERRULED.get(one, ()) for one in option.signals))
    return replace(option, signals=option.signals - over)


def _of_options(
    group: PromptGroup, options: Sequence[Option], scale: NightScale, settings: ProposalSettings
) -> Proposals:
    if len(options) < 2:
        return _nothing(group, "one_reply", f"{len(options)} of {len(group.options)} usable")
    if not any("operator" in option.signals for option in options):
        conflicts = _conflicts(group, options, scale, settings)
        if conflicts:
            return Proposals(
                conflicts=conflicts,
                drops=(Drop(turn_id=group.turn_id, reason="conflict", detail=conflicts[0].signal),),
            )
    choices = list(_evidence(options))
    if choices:
        return _from_evidence(group, choices, settings)
    if group.evidence_only and not any(option.signals & (_UP | _DOWN) for option in options):
        return _nothing(group, "read_before")
    return _from_scores(group, options, scale, settings)


def _conflicts(
    group: PromptGroup, options: Sequence[Option], scale: NightScale, settings: ProposalSettings
) -> tuple[Conflict, ...]:
    return tuple(
        Conflict(
            turn_id=group.turn_id,
            reply_id=option.id,
            signal=signal,
            reward_quantile=scale.quantile(option.reward.total),
        )
        for option in options
        for signal in _AGAINST
        if signal in option.signals - option.confirmed
        and not option.signals & _QUICK
        and option.reward is not None
        and scale.quantile(option.reward.total) >= settings.conflict_quantile
    )


def _evidence(options: Sequence[Option]) -> Iterator[tuple[PairSource, Option, Option]]:
    """Every (source, chosen, rejected) that a person decided, strongest first."""
    operator = [option for option in options if "operator" in option.signals]
    shown = [option for option in options if option.kind == "reply"]
    edits = [option for option in options if option.kind == "edit" and option not in operator]
    originals = [option for option in shown if "edited" in option.signals] or (
        shown if len(shown) == 1 else []
    )
    replaced = [option for option in shown if "regenerated_away" in option.signals]
    up = [option for option in shown if "thumb_up" in option.signals]
    down = [option for option in shown if "thumb_down" in option.signals]
    kept = [option for option in shown if "kept" in option.signals and option not in down]
    good = [option for option in shown if "operator_good" in option.signals]
    bad = [option for option in shown if "operator_bad" in option.signals]
    rest = [
        option
        for option in shown
        if option not in operator and (option not in good or "edited" in option.signals)
    ]
    rest.sort(key=lambda option: "edited" not in option.signals)
    sources: tuple[tuple[PairSource, list[Option], list[Option]], ...] = (
        ("operator", operator, rest),
        ("edit", edits, originals),
        ("verdict", good, [*bad, *down]),
        ("verdict", up, bad),
        ("regenerated", kept, replaced),
        ("thumb", up, down),
    )
    for source, better, worse in sources:
        for chosen, rejected in product(better, worse):
            if chosen.id != rejected.id:
                yield source, chosen, rejected


def _from_evidence(
    group: PromptGroup,
    choices: Sequence[tuple[PairSource, Option, Option]],
    settings: ProposalSettings,
) -> Proposals:
    pairs: list[Preference] = []
    drops: list[Drop] = []
    chosen_ids: set[str] = set()
    rejected_ids: set[str] = set()
    for source, chosen, rejected in choices:
        if len(rejected_ids) == settings.pairs_per_turn:
            break
        if rejected.id in rejected_ids or rejected.id in chosen_ids:
            continue
        if _penalty(chosen) > settings.penalty_limit:
            drops.append(_drop(group, "chosen_breaks_guard", source))
        elif not _alike_in_length(chosen, rejected, settings.evidence_length_tolerance):
            drops.append(_drop(group, "length", source))
        else:
            chosen_ids.add(chosen.id)
            rejected_ids.add(rejected.id)
            if (chosen.id, rejected.id) in group.paired:
                drops.append(_drop(group, "paired_before", source))
            else:
                pairs.append(_pair(group, source, chosen, rejected))
    told = [drop for drop in drops if not pairs or drop.detail == "operator"]
    return Proposals(pairs=tuple(pairs), drops=tuple(dict.fromkeys(told)))


def _from_scores(
    group: PromptGroup, options: Sequence[Option], scale: NightScale, settings: ProposalSettings
) -> Proposals:
    """Pairs by reward. A thumb or verdict alone puts its reply first on its side, whatever the
    bar."""
    scored = [(option, option.reward.total) for option in options if option.reward is not None]
    if len(scored) < 2:
        return _nothing(group, "unscored", f"{len(options) - len(scored)} of {len(options)}")
    # The score of a reply that an operator found bad says nothing, not even about the others.
    rewards = [reward for option, reward in scored if not _discredited(option)] or [math.inf]
    lowest, highest = min(rewards), max(rewards)
    bar = max(scale.at(settings.night_bar), lowest + settings.turn_bar * (highest - lowest))
    better = [
        option
        for option, reward in scored
        if (reward >= bar or option.signals & _UP)
        and not option.signals & _DISLIKED
        and _penalty(option) <= settings.penalty_limit
    ]
    if not better:
        return _nothing(group, "below_bar", f"best {highest:.2f}, bar {bar:.2f}")
    worse = [
        option
        for option, reward in scored
        if (reward < bar or reward <= lowest or option.signals & _DOWN) and not option.signals & _UP
    ]
    better.sort(key=lambda option: (_rank(option, _UP), -_rarity(scale, option)))
    worse.sort(key=lambda option: (_rank(option, _DOWN), _rarity(scale, option)))
    return _matched(group, better, worse, settings)


def _matched(
    group: PromptGroup,
    better: Sequence[Option],
    worse: Sequence[Option],
    settings: ProposalSettings,
) -> Proposals:
    """The first pairs of the two sides that have the margin and are alike in length."""
    pairs: list[Preference] = []
    used: set[str] = set()
    reasons: set[str] = set()
    for chosen, rejected in product(better, worse):
        source = _whose(chosen, rejected)
        if chosen.id == rejected.id or used & {chosen.id, rejected.id}:
            continue
        if group.evidence_only and source == "score":
            continue
        if not _discredited(rejected) and _margin(chosen, rejected) < settings.margin:
            reasons.add("margin")
        elif not _alike_in_length(chosen, rejected, settings.length_tolerance):
            reasons.add("length")
        elif len(used) < 2 * settings.pairs_per_turn:
            used |= {chosen.id, rejected.id}
            if (chosen.id, rejected.id) in group.paired:
                reasons.add("paired_before")
            else:
                pairs.append(_pair(group, source, chosen, rejected))
    if pairs:
        return Proposals(pairs=tuple(pairs))
    # Where a pair had the margin, length alone stood in its way.
    first = ("paired_before", "length", "margin")
    return _nothing(group, next((one for one in first if one in reasons), "margin"))


def _whose(chosen: Option, rejected: Option) -> PairSource:
    """Whose word put either on its side; `score` where nobody spoke."""
    said = (chosen.signals & _UP) | (rejected.signals & _DOWN)
    if said & _QUICK:
        return "verdict"
    return "thumb" if said else "score"


def _rank(option: Option, wanted: frozenset[Signal]) -> int:
    """An operator's word first, then a visitor's, then none."""
    said = option.signals & wanted
    return 0 if said & _QUICK else 1 if said else 2


def _discredited(option: Option) -> bool:
    """Whether an operator found it bad, alone or with its visitor, whatever its score."""
    return "operator_bad" in option.signals or bool(option.confirmed & set(_AGAINST))


def _penalty(option: Option) -> float:
    found = option.penalties if option.reward is None else option.reward.penalties
    return sum(found.values())


def _pair(group: PromptGroup, source: PairSource, chosen: Option, rejected: Option) -> Preference:
    scored = chosen.reward is not None and rejected.reward is not None
    return Preference(
        turn_id=group.turn_id,
        visitor_id=group.visitor_id,
        turns=group.turns,
        facts=group.facts,
        chosen_id=chosen.id,
        chosen=chosen.text,
        rejected_id=rejected.id,
        rejected=rejected.text,
        source=source,
        margin=_margin(chosen, rejected) if scored else None,
        disagreement=_disagreement(chosen, rejected),
    )


def _margin(chosen: Option, rejected: Option) -> float:
    if chosen.reward is None or rejected.reward is None:
        return 0.0
    return chosen.reward.total - rejected.reward.total


def _disagreement(chosen: Option, rejected: Option) -> float:
    """How likely the evaluator's own scatter alone makes a margin this small, 0..1.

    1 without scores or where the evaluator had it the other way round: operators see those first.
    """
    margin = _margin(chosen, rejected)
    if margin <= 0:
        return 1.0
    scatter = math.hypot(_spread(chosen), _spread(rejected))
    return math.erfc(margin / (scatter * math.sqrt(2))) if scatter > 0 else 0.0


def _spread(option: Option) -> float:
    """Spread of the reward in points, were all metrics to err together."""
    if option.assessment is None or option.reward is None:
        return 0.0
    values, spread = option.assessment.values, option.assessment.spread
    return sum(
        part / values[key] * spread.get(key, 0.0)
        for key, part in option.reward.parts.items()
        if values.get(key)
    )


def _alike_in_length(first: Option, second: Option, tolerance: float) -> bool:
    sizes = sorted((len(letters(first.text)), len(letters(second.text))))
    return sizes[1] <= (1 + tolerance) * sizes[0]


def _rarity(scale: NightScale, option: Option) -> float:
    return scale.rarity.get(option.id, 0.0)


def _drop(group: PromptGroup, reason: str, detail: str = "") -> Drop:
    return Drop(turn_id=group.turn_id, reason=reason, detail=detail)


def _nothing(group: PromptGroup, reason: str, detail: str = "") -> Proposals:
    return Proposals(drops=(_drop(group, reason, detail),))
