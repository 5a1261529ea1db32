"""The seed-001 report as JSON, Markdown and a picture."""

import json
from dataclasses import asdict
from pathlib import Path

import matplotlib
import matplotlib.figure

from persona.estimates import Estimate
from persona.report import FIGURES, Figure, Report

_LABELS: dict[Figure, str] = {
    "card_fact_accuracy": "card facts answered right",
    "fact_accuracy": "unseen facts answered right",
    "swapped_fact_accuracy": "swapped facts both followed",
    "loss_under_distractors": "lost to distractors (points)",
    "refusal_when_absent": "says it does not know, fact absent",
    "ignored_context": "ignored the fact in front",
    "voice": "in her voice",
    "mean_length": "mean length (characters)",
    "repetition": "repeats itself",
}
_TARGETS: dict[Figure, str] = {
    "swapped_fact_accuracy": "≥ 90 %",
    "refusal_when_absent": "≥ 90 %",
    "voice": "≥ 95 %",
    "mean_length": "about 30",
}
_IN_PICTURE: tuple[Figure, ...] = (
    "card_fact_accuracy",
    "fact_accuracy",
    "swapped_fact_accuracy",
    "refusal_when_absent",
    "ignored_context",
    "voice",
)


def report_json(report: Report, *, with_answers: bool = False) -> dict[str, object]:
    """The report as plain JSON values; answers are long and left out unless wanted."""
    content = asdict(report)
    if not with_answers:
        for cell in content["cells"]:
            del cell["answers"]
    return content


def report_markdown(report: Report) -> str:
    """Two tables: retrieval x fine-tuning, then few against many facts."""
    head = ["figure", *(cell.name for cell in report.cells), "target"]
    lines = [_row(head), _row(["---"] * len(head))]
    for figure in FIGURES:
        values = [_shown(figure, cell.figures[figure]) for cell in report.cells]
        lines.append(_row([_LABELS[figure], *values, _TARGETS.get(figure, "")]))
    lines += ["", _row(["facts in the index", "model", "the seed's questions", "all questions"])]
    lines.append(_row(["---"] * 4))
    lines += [
        _row(
            [
                str(count.facts),
                "fine-tuned" if count.adapter else "base",
                _shown("card_fact_accuracy", count.seed_questions),
                _shown("card_fact_accuracy", count.all_questions),
            ]
        )
        for count in report.fact_counts
    ]
    probes = ", ".join(f"{count} {kind}" for kind, count in sorted(report.probes.items()))
    return "\n".join([*lines, "", f"Probes: {probes}. Brackets are 95 % intervals.", ""])


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write report.json (with every answer), report.md and report.png; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("report.json", "report.md", "report.png")]
    content = report_json(report, with_answers=True)
    paths[0].write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(report_markdown(report), encoding="utf-8")
    _draw(report, paths[2])
    return paths


def _draw(report: Report, path: Path) -> None:
    matplotlib.use("Agg")
    figure = matplotlib.figure.Figure(figsize=(10, 4.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(report.cells)
    for index, cell in enumerate(report.cells):
        estimates = [cell.figures[name] for name in _IN_PICTURE]
        values = [100 * one.value if one else 0 for one in estimates]
        below = [100 * (one.value - one.low) if one else 0 for one in estimates]
        above = [100 * (one.high - one.value) if one else 0 for one in estimates]
        places = [place + (index - 1.5) * width for place in range(len(_IN_PICTURE))]
        axes.bar(places, values, width, yerr=[below, above], label=cell.name, capsize=2)
    axes.set_xticks(range(len(_IN_PICTURE)), [_LABELS[name] for name in _IN_PICTURE], fontsize=8)
    for label in axes.get_xticklabels():
        label.set(rotation=12, ha="right")
    axes.set_ylabel("% of probes, 95 % interval")
    axes.set_ylim(0, 105)
    axes.legend(ncols=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.12), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _shown(figure: Figure, estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    if figure == "mean_length":
        return f"{estimate.value:.1f} [{estimate.low:.1f}, {estimate.high:.1f}]"
    value, low, high = (100 * part for part in (estimate.value, estimate.low, estimate.high))
    unit = "" if figure == "loss_under_distractors" else " %"
    return f"{value:.1f}{unit} [{low:.0f}, {high:.0f}]"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
