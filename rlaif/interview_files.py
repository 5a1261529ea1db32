"""An interview's report on disk: interview.json with every answer, interview.md, interview.png."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import matplotlib.axes
import matplotlib.figure

from persona.durable import write_file
from persona.estimates import Estimate
from rlaif.interview_big_five import BANDS, TRAIT_SCALE, BigFive
from rlaif.interview_report import InterviewReport, interview_json, interview_markdown
from rlaif.persona_judge_rubrics import ASPECT_SCALE

_GOLD, _NAVY, _SOFT = "#b8862b", "#22345c", "#8a8f98"


def write_interview(report: InterviewReport, folder: Path) -> list[Path]:
    """Write the three files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    content = interview_json(report, with_transcripts=True)
    files = {
        "interview.json": json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n",
        "interview.md": interview_markdown(report).encode(),
        "interview.png": interview_picture(report),
    }
    for name, made in files.items():
        write_file(folder / name, made)
    return [folder / name for name in files]


def interview_picture(report: InterviewReport) -> bytes:
    """A PNG: the judge's figures, where there is one, beside the rates that need none."""
    matplotlib.use("Agg")
    rules = {name: one for name, one in report.rules.items() if one is not None}
    judged = report.scores or (report.traits and report.traits.traits)
    figure = matplotlib.figure.Figure(
        figsize=(11 if judged else 6.5, 1.4 + 0.32 * len(rules)), layout="constrained"
    )
    panels = figure.subplots(1, 2 if judged else 1, squeeze=False)[0]
    if report.scores:
        _rows(panels[0], {str(name): one for name, one in report.scores.items()})
        panels[0].set_xlim(ASPECT_SCALE[0] - 0.15, ASPECT_SCALE[1] + 0.15)
        panels[0].set_title("scores of the judge, 1 to 7", loc="left", fontsize=10)
    elif report.traits is not None and judged:
        _traits(panels[0], report.traits)
    _rows(panels[-1], {name.replace("_", " "): one for name, one in rules.items()}, percent=True)
    panels[-1].set_xlim(-2, 102)
    panels[-1].set_title("rules, % of answers, 95 % interval", loc="left", fontsize=10)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png")
    return picture.getvalue()


def _rows(
    axes: matplotlib.axes.Axes, figures: Mapping[str, Estimate], *, percent: bool = False
) -> None:
    factor = 100 if percent else 1
    names = list(figures)
    for at, name in enumerate(names):
        one = figures[name]
        error = [[factor * (one.value - one.low)], [factor * (one.high - one.value)]]
        axes.errorbar(
            factor * one.value, at, xerr=error, fmt="o", color=_NAVY, capsize=3, markersize=5
        )
    axes.set_yticks(range(len(names)), [f"{name} (n {figures[name].n})" for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color=_SOFT, alpha=0.3, linewidth=0.6)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _traits(axes: matplotlib.axes.Axes, found: BigFive) -> None:
    for at, one in enumerate(found.traits.values()):
        if one.expected is not None:
            low, high = BANDS[one.expected]
            axes.barh(at, high - low, 0.7, left=low, color=_GOLD, alpha=0.25)
    _rows(axes, {str(name): one.level for name, one in found.traits.items()})
    axes.set_xlim(TRAIT_SCALE[0] - 0.1, TRAIT_SCALE[1] + 0.1)
    axes.set_title("traits by the judge, 1 to 5; shaded: the card", loc="left", fontsize=10)
