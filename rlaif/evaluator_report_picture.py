"""The report at a glance: Table 1 with intervals, calibration, dimensions."""

import io

import matplotlib
import matplotlib.axes
import matplotlib.figure

from persona.estimates import Estimate
from rlaif.evaluator_report import EvaluatorReport
from rlaif.evaluator_report_markdown import BASELINE_TITLES, SPLIT_TITLES, row_title
from rlaif.evaluator_report_split import SplitReport
from rlaif.rating_figures import Dimensions
from rlaif.trivial_baselines import BASELINES

_INK, _SOFT, _LINE, _PAPER, _FAINT = "#1c2242", "#5b5f79", "#e0d3ba", "#fffcf5", "#a9a9b4"
_COLOURS = ("#c9b48a", "#a5731a", "#6f9a86", "#9aa3cf", "#3a4a8c")
_MARKERS = ("o", "D", "s", "^", "v")
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.titlecolor": _INK,
    "axes.facecolor": _PAPER,
    "figure.facecolor": "white",
    "xtick.color": _SOFT,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def report_picture(report: EvaluatorReport) -> bytes:
    """A PNG of all that has figures."""
    height = max(7.4, 2.2 + 0.62 * (len(report.names) + 1))
    with matplotlib.rc_context(_STYLE):
        figure = matplotlib.figure.Figure(figsize=(13.5, height))
        grid = figure.add_gridspec(
            3,
            4,
            width_ratios=(1.5, 0.38, 0.44, 1),
            height_ratios=(1.25, 1, 0.8),
            left=0.15,
            right=0.97,
            top=1 - 1.55 / height,
            bottom=0.55 / height,
            wspace=0.06,
            hspace=0.62,
        )
        figure.text(
            0.012, 1 - 0.36 / height, f"Evaluator {report.evaluator}", size=14, weight="bold"
        )
        figure.text(0.012, 1 - 0.62 / height, _subtitle(report), color=_SOFT)
        table = figure.add_subplot(grid[:, 0])
        _table1(table, report)
        if _has_published(report):
            _published(figure.add_subplot(grid[:, 1], sharey=table), report)
        _calibration(figure.add_subplot(grid[0, 3]), report)
        _baselines(figure.add_subplot(grid[1, 3]), report)
        _dimensions(figure.add_subplot(grid[2, 3]), report)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _subtitle(report: EvaluatorReport) -> str:
    way = "fitted anew for each split" if report.learns else "looks at no rating"
    return (
        f"{way}; {report.used} dialogues; points: Spearman with people's ratings, "
        "lines: 95 % interval over redrawn dialogues"
    )


def _has_published(report: EvaluatorReport) -> bool:
    return any(row.published for row in report.splits[0].ratings)


def _table1(axes: matplotlib.axes.Axes, report: EvaluatorReport) -> None:
    count, splits = len(report.names), report.splits
    step = 0.76 / max(len(splits), 1)
    axes.axhspan(count - 0.5, count + 0.5, color="#f3e7cc", zorder=0)
    axes.axvline(0, color=_SOFT, linewidth=0.8, zorder=1)
    for at, split in enumerate(splits):
        figures = [row.figures.rho for row in split.ratings] + [split.mean.rho]
        places = [n - 0.38 + step * (at + 0.5) for n in range(count + 1)]
        known = [(one, y) for one, y in zip(figures, places, strict=True) if one is not None]
        axes.errorbar(
            [one.value for one, _ in known],
            [y for _, y in known],
            xerr=_bars([one for one, _ in known]),
            fmt=_MARKERS[at],
            color=_COLOURS[at],
            markersize=5.5,
            linewidth=1.6,
            label=f"{SPLIT_TITLES[split.name]} (n = {split.dialogues})",
            zorder=3,
        )
    for n in range(count):
        axes.axhline(n + 0.5, color=_LINE, linewidth=0.6, zorder=0)
    titles = [row_title(row).replace(" (", "\n(") for row in splits[0].ratings]
    axes.set_yticks(range(count + 1), [*titles, "Mean"])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.set_ylim(count + 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Spearman")
    axes.set_title("Table 1: agreement with people", loc="left", pad=44, weight="bold")
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 0.997), ncols=2, fontsize=7.5,
        handletextpad=0.2, columnspacing=1.0, borderaxespad=0.1,
    )  # fmt: skip


def _published(axes: matplotlib.axes.Axes, report: EvaluatorReport) -> None:
    """The founding paper's figures in grey, beside the rows they belong to."""
    axes.set_axis_off()
    axes.set_xlim(0, 3)
    place = axes.get_xaxis_transform()
    axes.text(
        1.5, 1.045, "founding paper,\nother data", transform=place, color=_FAINT, ha="center",
        va="bottom", fontsize=8,
    )  # fmt: skip
    for x, title in enumerate(("no SFT", "GPT-3.5", "SFT")):
        axes.text(
            x + 0.5, 1.012, title, transform=place, color=_FAINT, ha="center", va="bottom",
            fontsize=8,
        )  # fmt: skip
    for n, row in enumerate(report.splits[0].ratings):
        if row.published is None:
            continue
        own = (row.published.no_sft, row.published.gpt35, row.published.sft)
        for x, value in enumerate(own):
            text = "–" if value is None else f"{value:.2f}"
            axes.text(x + 0.5, n, text, color=_FAINT, ha="center", va="center")


def _calibration(axes: matplotlib.axes.Axes, report: EvaluatorReport) -> None:
    split = _most_honest(report)
    axes.set_title("Calibration", loc="left", weight="bold")
    if split is None or split.calibration is None:
        _nothing(axes, "too few dialogues")
        return
    one = split.calibration
    tenths = one.tenths
    if one.error_as_given is not None:
        spots = [p for tenth in tenths for p in (tenth.predicted, tenth.rated.value)]
        ends = [min(spots), max(spots)]
        axes.plot(ends, ends, color=_LINE, linewidth=1.2, linestyle="--", label="as promised")
    xs, ys = zip(*one.isotonic, strict=True)
    axes.plot(xs, ys, color=_COLOURS[1], linewidth=1.6, label="rising line")
    axes.errorbar(
        [tenth.predicted for tenth in tenths],
        [tenth.rated.value for tenth in tenths],
        yerr=_bars([tenth.rated for tenth in tenths]),
        fmt="o",
        color=_COLOURS[4],
        markersize=4.5,
        linewidth=1.3,
        label="tenths of the predictions",
    )
    axes.set_xlabel(f"predicted ({SPLIT_TITLES[split.name]}, all ratings)")
    axes.set_ylabel("rated by people")
    axes.legend(frameon=False, fontsize=7.5)
    if one.explained is not None:
        axes.text(
            1, 1.03, f"variance foretold {one.explained.value:.1%}", transform=axes.transAxes,
            ha="right", color=_SOFT, fontsize=8,
        )  # fmt: skip


def _baselines(axes: matplotlib.axes.Axes, report: EvaluatorReport) -> None:
    """The mean over the ratings beside what looks at no meaning."""
    split = _most_honest(report)
    axes.set_title("Beside trivial baselines", loc="left", weight="bold")
    mean = None if split is None else split.mean
    if split is None or mean is None or mean.rho is None:
        _nothing(axes, "too few dialogues")
        return
    rows = [("this evaluator", mean.rho), ("the same, given length", mean.given_length)]
    rows += [(BASELINE_TITLES[name], mean.baselines[name]) for name in BASELINES]
    known = [(title, one) for title, one in rows if one is not None]
    colours = [_COLOURS[1] if n < 2 else _FAINT for n in range(len(known))]
    figures = [one for _, one in known]
    axes.axvline(0, color=_SOFT, linewidth=0.8, zorder=1)
    for n, (one, colour) in enumerate(zip(figures, colours, strict=True)):
        axes.errorbar(
            one.value, n, xerr=_bars([one]), fmt="o", color=colour, markersize=4.5, linewidth=1.4
        )
    axes.set_yticks(range(len(known)), [title for title, _ in known], fontsize=8)
    axes.set_ylim(len(known) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"Spearman, mean over ratings ({SPLIT_TITLES[split.name]})")


def _dimensions(axes: matplotlib.axes.Axes, report: EvaluatorReport) -> None:
    split = _most_honest(report)
    rows: list[tuple[str, Dimensions, str]] = []
    if split is not None and split.people is not None:
        rows.append(("people's ratings", split.people, _COLOURS[1]))
    if split is not None and split.ours is not None:
        rows.append(("predicted ratings", split.ours, _COLOURS[3]))
    if report.impressions is not None:
        rows.append(("its impressions", report.impressions, _COLOURS[4]))
    axes.set_title("Effective number of dimensions", loc="left", weight="bold")
    if not rows:
        _nothing(axes, "too few dialogues")
        return
    values = [one.participation for _, one, _ in rows]
    axes.barh(
        range(len(rows)),
        [one.columns for _, one, _ in rows],
        height=0.56,
        color="#f1eee6",
        label="columns",
    )
    axes.barh(
        range(len(rows)),
        [one.value for one in values],
        height=0.56,
        color=[colour for _, _, colour in rows],
    )
    axes.errorbar(
        [one.value for one in values],
        range(len(rows)),
        xerr=_bars(values),
        fmt="none",
        ecolor=_INK,
        linewidth=1.2,
    )
    for n, (_, one, _) in enumerate(rows):
        axes.text(
            max(one.columns, 1) + 0.15, n, f"{one.participation.value:.1f} of {one.columns}",
            va="center", fontsize=8.5,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [title for title, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, max(one.columns for _, one, _ in rows) * 1.2)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("participation ratio (pale: columns)")


def _most_honest(report: EvaluatorReport) -> SplitReport | None:
    """Unseen raters where the data allow them, else the first split."""
    by_name = {split.name: split for split in report.splits}
    return by_name.get("unseen_raters") or next(iter(report.splits), None)


def _bars(figures: list[Estimate]) -> list[list[float]]:
    return [
        [one.value - one.low for one in figures],
        [one.high - one.value for one in figures],
    ]


def _nothing(axes: matplotlib.axes.Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=_SOFT)
    axes.set_xticks([])
    axes.set_yticks([])
