"""The report as Markdown: Table 1 in the founding paper's layout, then what it is to be read with."""

from collections.abc import Mapping, Sequence

from persona.estimates import Estimate
from rlaif.evaluator_report import EvaluatorReport
from rlaif.evaluator_report_split import RatingRow, SplitReport
from rlaif.metrics import METRIC_KEYS, metric_of
from rlaif.rating_figures import Dimensions
from rlaif.rating_splits import SplitName
from rlaif.trivial_baselines import BASELINES, BaselineName

SPLIT_TITLES: Mapping[SplitName, str] = {
    "random": "random",
    "unseen_raters": "unseen raters",
    "unseen_systems": "unseen systems",
    "within_system": "within system",
    "unseen_raters_within": "unseen raters, within",
}
BASELINE_TITLES: Mapping[BaselineName, str] = {
    "length": "characters of all turns",
    "last_length": "characters of the last reply",
    "distinct_2": "distinct-2",
    "rater_habit": "rater's mean elsewhere",
    "system_fame": "system's mean elsewhere",
}
_SPLIT_NOTES: Mapping[SplitName, str] = {
    "random": "dialogues 8:1:1; raters and systems are on both sides, so their habits leak",
    "unseen_raters": "nobody who rated a tested dialogue took part in one that was fitted on",
    "unseen_systems": "no system that is tested took part in a dialogue that was fitted on",
    "within_system": "random, as deviations from each system's mean: its fame does not count",
    "unseen_raters_within": "unseen raters, as deviations from each rater's mean: no habit counts",
}

_COUNTS = ("dialogues / rows", "raters / systems", "fitted on (rows)")


def as_markdown(report: EvaluatorReport, manifest: Mapping[str, object]) -> str:
    """All parts that the report has, each with its intervals and counts."""
    parts = [
        *_head(report, manifest),
        *_table1(report),
        *_beside(report),
        *_picked(report),
        *_calibration(report),
        *_dimensions(report),
        *_agreement(report),
        *_faults(report),
        *_order(report),
        *_limits(report),
    ]
    return "\n".join(parts) + "\n"


def figure(one: Estimate | None) -> str:
    """A figure with its interval, a dash where there is none."""
    if one is None:
        return "–"
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def row_title(row: RatingRow) -> str:
    """The impression's name; for other ratings theirs, with the impressions they stand for."""
    if row.name in METRIC_KEYS:
        return metric_of(row.name).english
    names = ", ".join(metric_of(key).english for key in row.impressions) or "no impression"
    return f"{row.name} ({names})"


def _head(report: EvaluatorReport, manifest: Mapping[str, object]) -> list[str]:
    lines = [f"# Report on {_cell(report.evaluator)}", ""]
    lines += [f"- {key}: {_cell(str(value))}" for key, value in manifest.items()]
    return [*lines, ""]


def _table1(report: EvaluatorReport) -> list[str]:
    known = any(row.published for split in report.splits for row in split.ratings)
    seed = ["*no SFT*", "*GPT-3.5*", "*SFT*"] if known else []
    head = ["Spearman", *seed, *(SPLIT_TITLES[split.name] for split in report.splits)]
    lines = ["## Table 1", "", *_headed(head)]
    for at, row in enumerate(report.splits[0].ratings):
        cells = [row_title(row)]
        if known:
            own = row.published
            figures = (own.no_sft, own.gpt35, own.sft) if own else (None, None, None)
            cells += ["–" if one is None else f"*{one:.2f}*" for one in figures]
        cells += [figure(split.ratings[at].figures.rho) for split in report.splits]
        lines.append(_line(cells))
    blank = [""] * len(seed)
    lines.append(_line(["**Mean**", *blank, *(f"**{figure(s.mean.rho)}**" for s in report.splits)]))
    lines.append(
        _line(["Mean, raters redrawn", *blank, *(figure(s.mean.by_rater) for s in report.splits)])
    )
    counts = (_counts(split, learns=report.learns) for split in report.splits)
    for title, *cells in zip(_COUNTS, *counts, strict=True):
        lines.append(_line([title, *blank, *cells]))
    notes = [f"- {SPLIT_TITLES[s.name]}: {_SPLIT_NOTES[s.name]}." for s in report.splits]
    if known:
        notes.append(
            "- *In italics* the founding paper's own figures: other data (people with dialogue systems, "
            "not public) and a random split, so a landmark and no bar. Where a rating stands for several "
            "impressions, their mean."
        )
    return [
        *lines,
        "",
        "In brackets 95 % intervals over redrawn dialogues; redrawing raters instead tells how far the "
        "figure hangs on who happened to rate.",
        "",
        *notes,
        "",
    ]


def _counts(split: SplitReport, *, learns: bool) -> tuple[str, ...]:
    return (
        f"{split.dialogues} / {split.scored_rows}",
        f"{split.raters} / {split.systems}",
        f"{split.fit_rows}" if learns else "nothing",
    )


def _beside(report: EvaluatorReport) -> list[str]:
    lines = ["## Trivial baselines on the same rows (mean over the ratings)", ""]
    lines += _headed(["Spearman", *(SPLIT_TITLES[split.name] for split in report.splits)])
    lines.append(_line(["**this evaluator**", *(figure(s.mean.rho) for s in report.splits)]))
    lines.append(
        _line(["the same, given length", *(figure(s.mean.given_length) for s in report.splits)])
    )
    for name in BASELINES:
        cells = [figure(split.mean.baselines[name]) for split in report.splits]
        lines.append(_line([BASELINE_TITLES[name], *cells]))
    lines += [
        "",
        '"Given length" is the partial correlation with the characters of the rated one\'s turns held '
        "fixed. The last two look at ratings of other dialogues and never at the tested one: what they "
        "reach on a split is habit, not dialogue.",
        "",
    ]
    return lines


def _picked(report: EvaluatorReport) -> list[str]:
    lines = ["## If one rating is picked", ""]
    lines += _headed(["split", "highest", "Spearman", "p", "p after Holm", "given length"])
    for split in report.splits:
        row = next((row for row in split.ratings if row.name == split.picked), None)
        if row is None:
            continue
        lines.append(
            _line(
                [
                    SPLIT_TITLES[split.name],
                    row_title(row),
                    figure(row.figures.rho),
                    _p(row.p),
                    _p(row.p_corrected),
                    figure(row.figures.given_length),
                ]
            )
        )
    return [
        *lines,
        "",
        f"The highest of {len(report.names)} is high by luck too: quote it with the corrected p.",
        "",
    ]


def _calibration(report: EvaluatorReport) -> list[str]:
    lines = ["## Calibration (all ratings together)", ""]
    lines += _headed(
        ["split", "error as given", "after a line", "after a rising line", "variance foretold"]
    )
    for split in report.splits:
        if split.calibration is not None:
            one = split.calibration
            cells = [
                figure(one.error_as_given),
                figure(one.error_after_line),
                figure(one.error_after_isotonic),
                figure(one.explained),
            ]
            lines.append(_line([SPLIT_TITLES[split.name], *cells]))
    return [
        *lines,
        "",
        "Expected calibration error over tenths of the predictions, in the ratings' points; lines are "
        "fitted on other dialogues than they are tested on. Whoever always predicts the mean has no "
        "error and foretells nothing: read the last column beside it.",
        "",
    ]


def _dimensions(report: EvaluatorReport) -> list[str]:
    lines = ["## Effective number of dimensions", ""]
    lines += _headed(["columns", "how many", "participation ratio", "components for 90 %"])
    rows: list[tuple[str, Dimensions | None]] = [("its twelve impressions", report.impressions)]
    for split in report.splits:
        rows.append((f"predictions, {SPLIT_TITLES[split.name]}", split.ours))
        rows.append((f"people's ratings, {SPLIT_TITLES[split.name]}", split.people))
    for title, one in rows:
        if one is not None:
            cells = [title, f"{one.columns}", figure(one.participation), f"{one.ninety}"]
            lines.append(_line(cells))
    return [
        *lines,
        "",
        "Columns that say the same count once: 1 means that all of them are one opinion.",
        "",
    ]


def _agreement(report: EvaluatorReport) -> list[str]:
    one = report.agreement
    if one is None:
        return ["## Raters beside each other", "", "No dialogue was rated by two people.", ""]
    what = (
        "Two people rated the same speaker: no evaluator can agree with one of them much better."
        if one.seats == "same"
        else "The two partners of one dialogue, each rating the other's part in it: a landmark, no "
        "bound, for they answered about different people."
    )
    lines = ["## Raters beside each other", "", *_headed(["rating", "Spearman", "within raters"])]
    lines += [
        _line([name, figure(one.as_given[name]), figure(one.within_rater[name])])
        for name in report.names
    ]
    lines.append(_line(["**Mean**", figure(one.mean), figure(one.mean_within_rater)]))
    return [*lines, "", what, ""]


def _faults(report: EvaluatorReport) -> list[str]:
    one = report.faults
    if one is None:
        return []
    lines = [f"## Faults ({one.contexts} contexts, none fitted on by heads of ours)", ""]
    lines += _headed(["fault", "AUC", "faults / good", "all twelve"])
    lines += [
        _line([kind, figure(f.caught), f"{f.faults} / {f.good}", f"{f.overall:.2f}"])
        for kind, f in one.figures.items()
    ]
    return [*lines, *_unscored(one.unscored), ""]


def _order(report: EvaluatorReport) -> list[str]:
    lines = ["## Order of two replies", ""]
    one = report.order
    if one is None:
        return [*lines, "Not asked: replies are scored one at a time, so no order can sway it.", ""]
    rows = (
        ("verdict changed with the order", one.flipped),
        ("the first of two was chosen, ties counting half", one.first),
        ("no winner, changed verdicts among them", one.tied),
        ("the card's reply won over the spoilt one, where there is a winner", one.right),
        ("the same of all pairs", one.right_of_all),
    )
    lines += _headed(["share of pairs", "", "n"])
    lines += [_line([title, figure(e), f"{e.n if e else 0}"]) for title, e in rows]
    return [*lines, "", f"{one.unscored} pairs without a verdict.", ""]


def _limits(report: EvaluatorReport) -> list[str]:
    reasons: dict[str, int] = {}
    for split in report.splits:
        for reason, count in split.unscored.items():
            reasons[reason] = max(count, reasons.get(reason, 0))
    return [
        "## What may not be concluded",
        "",
        "- A figure on the random split says how well a dialogue of known raters and systems is guessed, "
        "not how good a new reply is.",
        "- A correlation over whole dialogues is no proof for single replies, which is what is picked "
        "at night.",
        "- An interval that holds 0 is no finding, however high its upper end.",
        *_unscored(reasons),
    ]


def _unscored(reasons: Mapping[str, int]) -> list[str]:
    return [f"- {count} unscored: {_cell(reason)}" for reason, count in reasons.items()]


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _headed(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line(["---", *["---:"] * (len(cells) - 1)])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
