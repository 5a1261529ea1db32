"""From the night's turns to the pairs it trains on. Pure: the same groups give the same pairs.

`rlaif/pair_proposals.py` decides what one turn says, `rlaif/pair_caps.py` how much of it may be
taken, `rlaif/personal_data.py` what must not be read.

Reasons of drops: flagged, one_reply, unscored, conflict, below_bar, margin, length,
chosen_breaks_guard, unsafe_edit, read_before, paired_before, personal_data, duplicate,
visitor_night_cap, visitor_total_cap, anonymous_cap, phrase_cap. The night adds too_many (turns it
had no room for) and, where a judge compares, tie, reversed and unconfirmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from rlaif.errors import PairingError
from rlaif.pair_caps import CapSettings, PairHistory, apply_caps
from rlaif.pair_proposals import NightScale, ProposalSettings, propose
from rlaif.personal_data import mask, mask_turns
from rlaif.preference import Conflict, Drop, PairSource, Preference, PromptGroup
from rlaif.rarity import rarity_by_grams

__all__ = [
    "CapSettings",
    "PairHistory",
    "PairSettings",
    "Pairing",
    "ProposalSettings",
    "make_pairs",
]

_STRENGTH: Mapping[PairSource, int] = {
    "operator": 0,
    "edit": 1,
    "verdict": 2,
    "regenerated": 3,
    "thumb": 4,
    "score": 5,
    "seed": 6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """Everything pairing can be told."""

    proposal: ProposalSettings = field(default_factory=ProposalSettings)
    caps: CapSettings = field(default_factory=CapSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A night's pairs and why every other turn gave none."""

    pairs: tuple[Preference, ...]
    drops: tuple[Drop, ...]
    conflicts: tuple[Conflict, ...]


def make_pairs(
    groups: Sequence[PromptGroup],
    settings: PairSettings,
    history: PairHistory,
    rng: Random,
) -> Pairing:
    """Return the pairs of a night, in the order of its turns, with drops and conflicts.

    A turn without a pair has at least one drop. Rarity is that of the n-grams of all options of the
    night. `rng` decides who comes first where caps bind and nothing else does. Raises PairingError
    when a turn or an option comes twice.
    """
    _check(groups)
    scale = NightScale(
        rewards=tuple(
            sorted(
                option.reward.total
                for group in groups
                for option in group.options
                if option.reward is not None and not option.flagged
            )
        ),
        rarity=_rarity(groups),
    )
    proposed: list[Preference] = []
    drops: list[Drop] = []
    conflicts: list[Conflict] = []
    for group in groups:
        given = propose(group, scale, settings.proposal)
        drops.extend(given.drops)
        conflicts.extend(given.conflicts)
        for pair in given.pairs:
            clean = without_personal_data(pair)
            if isinstance(clean, Drop):
                drops.append(clean)
            else:
                proposed.append(clean)
    order = {group.turn_id: at for at, group in enumerate(groups)}
    rng.shuffle(proposed)
    proposed.sort(key=lambda pair: (_STRENGTH[pair.source], -(pair.margin or 0.0)))
    taken, refused = apply_caps(proposed, settings.caps, history)
    return Pairing(
        pairs=tuple(sorted(taken, key=lambda pair: order[pair.turn_id])),
        drops=tuple(sorted((*drops, *refused), key=lambda drop: order[drop.turn_id])),
        conflicts=tuple(conflicts),
    )


def without_personal_data(pair: Preference) -> Preference | Drop:
    """The pair with numbers of people masked in its context; a drop when a reply holds one.

    A masked reply would teach her to say the mask.
    """
    turns = mask_turns(pair.turns)
    said = {
        kind
        for text in (pair.chosen, pair.rejected)
        for kind in mask(text, fragments=turns.fragments).kinds
    }
    if said:
        return Drop(turn_id=pair.turn_id, reason="personal_data", detail=", ".join(sorted(said)))
    return replace(pair, turns=turns.turns, facts=tuple(mask(fact).text for fact in pair.facts))


def _rarity(groups: Sequence[PromptGroup]) -> dict[str, float]:
    return rarity_by_grams({option.id: option.text for group in groups for option in group.options})


def _check(groups: Sequence[PromptGroup]) -> None:
    turns = [group.turn_id for group in groups]
    options = [option.id for group in groups for option in group.options]
    for name, ids in (("turn", turns), ("option", options)):
        seen: set[str] = set()
        for each in ids:
            if each in seen:
                raise PairingError(f"{name} {each!r} comes twice; expected every {name} once")
            seen.add(each)
