"""Two panels: what replies are worth in truth, and what the judge thinks they are worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import matplotlib
import matplotlib.axes
import matplotlib.figure

from persona.estimates import Estimate
from tests.benchmarks.small_exam import Worth

_LABELS = {
    "gates": "with gates (as shipped)",
    "no_gates": "without gates, same training",
    "chain": "without gates, each night on top of the last",
}
_COLOURS = {"gates": "#1b7f5c", "no_gates": "#d08a1d", "chain": "#c0392b"}


class Told(Protocol):
    """What the picture needs of a night."""

    @property
    def night(self) -> int: ...

    @property
    def status(self) -> str: ...

    @property
    def worth(self) -> Worth: ...


def draw(arms: Mapping[str, Sequence[Told]], path: Path) -> None:
    """Write the picture as PNG."""
    matplotlib.use("Agg")
    figure = matplotlib.figure.Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for arm, nights in arms.items():
        _line(left, arm, nights, [one.worth.gold for one in nights])
        _line(right, arm, nights, [one.worth.judge for one in nights])
    start = next(iter(arms.values()))[0].worth.gold
    left.axhspan(start.low, start.high, color="#888888", alpha=0.18, linewidth=0)
    left.axhline(start.value, color="#888888", linewidth=0.8, linestyle="--")
    left.annotate("night 0", (0, start.high), fontsize=8, color="#666666", va="bottom")
    left.set_title("Gold: what the replies are worth", loc="left", fontsize=11)
    right.set_title("Judge: the score that training follows", loc="left", fontsize=11)
    for axes in (left, right):
        axes.set_xlabel("night")
        axes.set_ylim(0, 10)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("points of 10, 95 % interval")
    figure.legend(*left.get_legend_handles_labels(), ncols=3, fontsize=9, frameon=False,
                  loc="outside lower center")  # fmt: skip
    figure.savefig(path, dpi=130)


def _line(
    axes: matplotlib.axes.Axes, arm: str, nights: Sequence[Told], figures: Sequence[Estimate]
) -> None:
    """The morning figures, a band for their interval, a dot where something new was published."""
    at = [one.night for one in nights]
    values = [one.value for one in figures]
    axes.plot(at, values, color=_COLOURS[arm], linewidth=1.8, label=_LABELS[arm])
    axes.fill_between(
        at,
        [one.low for one in figures],
        [one.high for one in figures],
        color=_COLOURS[arm],
        alpha=0.15,
        linewidth=0,
    )
    new = [
        (n, v) for n, v, one in zip(at, values, nights, strict=True) if one.status == "published"
    ]
    axes.scatter([n for n, _ in new], [v for _, v in new], color=_COLOURS[arm], s=14, zorder=3)
