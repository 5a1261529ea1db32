"""The table of blind rankings as files: Markdown and CSV in the founding paper's layout, JSON."""

import csv
import io
import json

from rlaif.human_ranking import MEAN, Figure, HumanTable, MetricRow
from rlaif.metrics import metric_of

_PARTS = ("rank", "win", "naturalness")
# A spreadsheet reads a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_markdown(table: HumanTable) -> str:
    """One row per metric; three columns per version: rank, win, naturalness, each with interval."""
    head = ["metric", *(f"{part} {_named(table, v)}" for v in table.versions for part in _PARTS)]
    head.append("ratings / prompts / raters")
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
    lines += [_line(_cells(row)) for row in table.rows]
    share = round(100 * table.confidence)
    lines += [
        "",
        f"Rank: 1 is best, ties share the mean place. Win: share at least as good as "
        f"{_cell(table.baseline)}. Naturalness: 1 to 5. In brackets {share} % intervals over "
        "redrawn prompts.",
    ]
    if table.alpha is not None:
        lines.append(
            f"Agreement of raters: Krippendorff's ordinal alpha {table.alpha:.2f} over "
            f"{table.shared} items."
        )
    return "\n".join(lines) + "\n"


def as_csv(table: HumanTable) -> str:
    """One row per metric; every figure with its low and high beside it, empty where unknown."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    columns = [f"{p} {v}" for v in table.versions for p in _PARTS]
    bounds = [(name, f"{name} low", f"{name} high") for name in columns]
    head = ["metric", *(name for three in bounds for name in three)]
    writer.writerow([_plain(name) for name in [*head, "ratings", "prompts", "raters"]])
    for row in table.rows:
        figures = [
            value
            for one in row.versions
            for figure in (one.rank, one.win, one.naturalness)
            for value in _three(figure)
        ]
        writer.writerow([_title(row), *figures, row.ratings, row.prompts, row.raters])
    return written.getvalue()


def as_json(table: HumanTable) -> str:
    """Everything of the table, keys of metrics as the store knows them."""
    return json.dumps(table_json(table), ensure_ascii=False, indent=2) + "\n"


def table_json(table: HumanTable) -> dict[str, object]:
    """The table as JSON values."""
    return {
        "baseline": table.baseline,
        "versions": list(table.versions),
        "confidence": table.confidence,
        "agreement": {"krippendorff_ordinal": table.alpha, "items": table.shared},
        "rows": [
            {
                "metric": row.metric,
                "ratings": row.ratings,
                "prompts": row.prompts,
                "raters": row.raters,
                "versions": [
                    {
                        "version": one.version,
                        "rank": _figure_json(one.rank),
                        "win": None if one.win is None else _figure_json(one.win),
                        "naturalness": _figure_json(one.naturalness),
                    }
                    for one in row.versions
                ],
            }
            for row in table.rows
        ],
    }


def _figure_json(figure: Figure) -> dict[str, float | None]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _named(table: HumanTable, version: str) -> str:
    return _cell(version) + (" (baseline)" if version == table.baseline else "")


def _cells(row: MetricRow) -> list[str]:
    figures = [f for one in row.versions for f in (one.rank, one.win, one.naturalness)]
    counts = f"{row.ratings} / {row.prompts} / {row.raters}"
    return [_title(row), *(_with_interval(figure) for figure in figures), counts]


def _title(row: MetricRow) -> str:
    return "Mean" if row.metric == MEAN else metric_of(row.metric).english


def _with_interval(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _three(figure: Figure | None) -> list[str]:
    if figure is None:
        return ["", "", ""]
    return ["" if one is None else f"{one:.4f}" for one in (figure.value, figure.low, figure.high)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
