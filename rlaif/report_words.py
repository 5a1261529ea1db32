"""What a report of a night calls the things it names, in one language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Why = Literal[
    "published",
    "trained",
    "rollback",
    "resume",
    "failed",
    "stopped",
    "waiting",
    "running",
    "begin",
    "turns",
    "turns_left",
    "refused",
    "refused_later",
    "unmeasured",
    "gate",
    "more_gates",
    "unheld",
    "known",
    "bare",
    "silent",
    "few",
    "most_drops",
    "kept",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWords:
    """Names by key, and the sentences of why a night ended as it did with their {places}.

    `compared`: what a gate's figure is held against; `joint` stands between the two.
    """

    steps: Mapping[str, str]
    drops: Mapping[str, str]
    guards: Mapping[str, str]
    kinds: Mapping[str, str]
    pair_status: Mapping[str, str]
    signals: Mapping[str, str]
    sources: Mapping[str, str]
    figures: Mapping[str, str]
    compared: Mapping[str, str]
    joint: str
    why: Mapping[Why, str]

    def gate(self, gate: str) -> str:
        """Return what a gate is called; `figure.who`, `drift.figure` or a figure alone."""
        first, _, second = gate.partition(".")
        figure, who = (second, "drift") if first == "drift" else (first, second)
        name = self.figures.get(figure, figure)
        return f"{name}{self.joint}{self.compared.get(who, who)}" if who else name

    def names(self) -> dict[str, str]:
        """Return all that a page looks up by the kind of name and its key; drops by key alone."""
        kinds = {
            "guard": self.guards,
            "kind": self.kinds,
            "pair": self.pair_status,
            "signal": self.signals,
            "source": self.sources,
            "step": self.steps,
        }
        named = {
            f"{kind}_{key}": name for kind, names in kinds.items() for key, name in names.items()
        }
        return {**self.drops, **named}
