"""The pictures of the morning report, as SVG that takes its colours and fonts from the page."""

import io
import re
from collections.abc import Sequence

import matplotlib
import matplotlib.axes
import matplotlib.figure

from rlaif.report import TrainingPoint
from store.night_counts import REWARD_BINS

# Matplotlib knows no CSS: colours nobody would choose are replaced by the page's variables.
_INK, _SOFT, _GOLD, _NAVY, _LINE = "#010203", "#010204", "#010205", "#010206", "#010207"
_VARIABLES = {
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    _GOLD: "var(--gold)",
    _NAVY: "var(--navy)",
    _LINE: "var(--line)",
}
# Its own fonts have no Japanese: the words are put in afterwards and drawn by the page.
_WORDS = {
    "loss": "損失",
    "margin": "差（暗黙の報酬）",
    "kl": "原点からの隔たり（KL）",
    "candidates": "作った返事",
    "replies": "見せた返事",
    "reward": "報酬（0–10）",
}
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.titlecolor": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
}


def training_picture(curve: Sequence[TrainingPoint]) -> str:
    """Loss, margin and distance from the anchor over the optimiser steps."""
    panels: tuple[tuple[str, list[float | None]], ...] = (
        ("loss", [one.loss for one in curve]),
        ("margin", [one.margin for one in curve]),
        ("kl", [one.kl for one in curve]),
    )
    with matplotlib.rc_context(_STYLE):
        figure = matplotlib.figure.Figure(figsize=(9, 2.5), layout="constrained")
        for axes, (title, values) in zip(figure.subplots(1, 3), panels, strict=True):
            points = [
                (one.step, value)
                for one, value in zip(curve, values, strict=True)
                if value is not None
            ]
            axes.set_title(title, loc="left", fontsize=9)
            if points:
                marker = "o" if len(points) < 3 else None
                steps, numbers = [one for one, _ in points], [one for _, one in points]
                axes.plot(steps, numbers, color=_GOLD, linewidth=1.8, marker=marker)
            axes.margins(x=0.02)
        return _svg(figure, "training")


def rewards_picture(replies: Sequence[int], candidates: Sequence[int], name: str) -> str:
    """How the rewards of shown replies and of candidates are spread over 0..10.

    `name` differs for each such picture in one page.
    """
    with matplotlib.rc_context(_STYLE):
        figure = matplotlib.figure.Figure(figsize=(5, 3.6), layout="constrained")
        axes: matplotlib.axes.Axes = figure.subplots()
        width = 10 / REWARD_BINS
        places = [(at + 0.5) * width for at in range(REWARD_BINS)]
        for counts, colour, label in (
            (candidates, _GOLD, "candidates"),
            (replies, _NAVY, "replies"),
        ):
            total = sum(counts) or 1
            shares = [100 * count / total for count in counts]
            axes.bar(places, shares, width * 0.92, color=colour, alpha=0.6, label=label)
        axes.set_xlim(0, 10)
        axes.set_xlabel("reward")
        axes.set_ylabel("%")
        axes.legend(frameon=False, loc="upper left")
        return _svg(figure, f"rewards {name}")


def _svg(figure: matplotlib.figure.Figure, salt: str) -> str:
    buffer = io.StringIO()
    # One salt per picture: all stand in one page, where their ids must differ.
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    for word, japanese in _WORDS.items():
        text = text.replace(f">{word}</text>", f">{japanese}</text>")
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", text))
    return re.sub(
        r' id="([^"]+)"', lambda found: found.group(0) if found.group(1) in used else "", text
    )
