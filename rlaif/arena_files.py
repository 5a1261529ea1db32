"""An arena's report on disk: arena.json with every bout, arena.md, arena.png."""

import io
import json
from pathlib import Path

import matplotlib
import matplotlib.axes
import matplotlib.figure

from persona.durable import write_file
from rlaif.arena_report import ArenaReport, Judged, arena_json, arena_markdown

_GOLD, _NAVY, _SOFT = "#b8862b", "#22345c", "#8a8f98"


def write_arena(report: ArenaReport, folder: Path) -> list[Path]:
    """Write the three files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(arena_json(report, with_bouts=True), ensure_ascii=False, indent=1)
    files = {
        "arena.json": content.encode() + b"\n",
        "arena.md": arena_markdown(report).encode(),
        "arena.png": arena_picture(report),
    }
    for name, made in files.items():
        write_file(folder / name, made)
    return [folder / name for name in files]


def arena_picture(report: ArenaReport) -> bytes:
    """A PNG: one panel a judge, a line a version with both intervals of its rating."""
    matplotlib.use("Agg")
    count, versions = len(report.judged), len(report.contestants)
    figure = matplotlib.figure.Figure(
        figsize=(1.6 + 4.4 * count, 1.9 + 0.55 * versions), layout="constrained"
    )
    panels = figure.subplots(1, count, squeeze=False, sharex=True)[0]
    for panel, judged in zip(panels, report.judged, strict=True):
        _draw(panel, judged)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png")
    return picture.getvalue()


def _draw(axes: matplotlib.axes.Axes, judged: Judged) -> None:
    ratings = judged.arena.ratings
    # The order of the command line in every panel, the first on top.
    names = list(reversed(judged.arena.versions))
    for at, name in enumerate(names):
        one, redrawn = ratings[name], judged.figures.redrawn[name]
        if redrawn is not None:
            axes.plot(
                redrawn,
                [at, at],
                color=_GOLD,
                linewidth=7,
                alpha=0.45,
                solid_capstyle="butt",
                label="95 %, situations redrawn" if at == 0 else None,
            )
        axes.errorbar(
            one.rating,
            at,
            xerr=2 * one.deviation,
            fmt="o",
            color=_NAVY,
            capsize=4,
            label="rating ± 2 RD" if at == 0 else None,
        )
        sided = " (one-sided)" if name in judged.arena.one_sided else ""
        axes.annotate(
            f"{one.rating:.0f}{sided}",
            (one.rating, at),
            (0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=_NAVY,
        )
    axes.axvline(1500, color=_SOFT, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.3)
    axes.set_xlabel("Glicko-2 rating")
    bouts, rounds = len(judged.arena.played), judged.arena.rounds
    axes.set_title(f"judge: {judged.name} ({bouts} bouts, {rounds} rounds)", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
