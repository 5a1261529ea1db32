"""The morning report as Markdown, for terminals and mails."""

from collections.abc import Mapping, Sequence

from rlaif.report import NightSummary
from rlaif.report_reward import Table, health_lines, pair_tables, reward_tables
from rlaif.report_texts import (
    DROPS,
    KINDS,
    PAIR_STATUS,
    SECTION_NOTES,
    SECTIONS,
    SIGNALS,
    SOURCES,
    STATUS,
    STATUS_SENTENCE,
    STEPS,
    TITLE,
    duration,
    gate_name,
    number,
)
from rlaif.report_why import reasons, turns_told


def report_markdown(summary: NightSummary) -> str:
    """Return the whole report."""
    parts = [
        f"# {TITLE} {summary.date} — {STATUS[summary.status]}",
        STATUS_SENTENCE[summary.status],
        "\n".join(f"- {_cell(reason)}" for reason in reasons(summary)),
        _decision(summary),
        _flow(summary),
        _gates(summary),
        _examples(summary),
        _pairs(summary),
        _tables("reward", reward_tables(summary)),
        _tables("parts", pair_tables(summary)),
        _evaluators(summary),
        _training(summary),
        _steps(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decision(summary: NightSummary) -> str:
    rows = [
        ("記録", summary.decision or "—"),
        ("稽古した声", summary.candidate or "—"),
        ("それまでの声", summary.active_before or "—"),
        ("かかった時間", duration(summary.seconds)),
    ]
    return "\n".join(f"- {name}: {_cell(value)}" for name, value in rows)


def _flow(summary: NightSummary) -> str:
    counts = summary.counts
    rows = [
        ("読んだ言葉", str(summary.turns)),
        ("読み直した言葉", _count(summary.read_again)),
        ("話した人", str(summary.visitors)),
        ("採点した返事", str(summary.scored)),
        ("採点できなかった返事", str(summary.unscored)),
        ("作った返事", str(counts.candidates)),
        ("できたペア", str(summary.pairs)),
        ("稽古に使ったペア", str(summary.trained_pairs)),
        ("混ぜた種のペア", _count(summary.replay_pairs)),
    ]
    return _section("flow") + _table(("", "件"), rows)


def _pairs(summary: NightSummary) -> str:
    counts = summary.counts
    groups: tuple[tuple[str, Mapping[str, int], Mapping[str, str]], ...] = (
        ("出どころ", counts.pairs_by_source, SOURCES),
        ("承認", counts.pairs_by_status, PAIR_STATUS),
        ("ペアにならず", counts.drops, DROPS),
        ("稽古に使わず", summary.left_out, DROPS),
        ("食い違い", counts.conflicts, SIGNALS),
    )
    rows = [
        (title, names.get(key, key), str(count))
        for title, found, names in groups
        for key, count in found.items()
    ]
    if not rows:
        return ""
    return f"{_section('pairs')}{turns_told(summary)}\n\n{_table(('', '', '件'), rows)}"


def _tables(section: str, tables: Sequence[Table]) -> str:
    blocks = [
        f"**{_cell(one.title)}** {_cell(one.note)}\n\n{_table(one.head, one.rows)}"
        for one in tables
    ]
    return _section(section) + "\n\n".join(blocks) if blocks else ""


def _evaluators(summary: NightSummary) -> str:
    lines = []
    for one in summary.counts.evaluators:
        lines.append(
            f"**{_cell(one.evaluator)}** 返事 {one.replies}、作った返事 {one.candidates}、"
            f"ばらつき {number(one.spread)}"
        )
        lines += [f"- 採点できず {count}: {_cell(why)}" for why, count in one.failures.items()]
    lines += [f"- {_cell(line)}" for line in health_lines(summary)]
    return _section("evaluators") + "\n".join(lines) if lines else ""


def _training(summary: NightSummary) -> str:
    if not summary.curve:
        return ""
    first, last = summary.curve[0], summary.curve[-1]
    rows = [
        ("損失", number(first.loss), number(last.loss)),
        ("差（暗黙の報酬）", number(first.margin), number(last.margin)),
        ("原点からの隔たり（KL）", number(first.kl), number(last.kl)),
        ("見分けた割合", number(first.accuracy), number(last.accuracy)),
    ]
    return _section("training") + _table(("", "最初", f"{last.step} 歩目"), rows)


def _gates(summary: NightSummary) -> str:
    rows = [
        (
            "通過" if gate.passed else "**不通過**",
            gate_name(gate.gate),
            number(gate.value),
            f"{number(gate.low)} – {number(gate.high)}",
            number(gate.bound),
            str(gate.detail.get("reason", "")),
        )
        for gate in sorted(summary.gates, key=lambda gate: gate.passed)
    ]
    head = ("", "関門", "値", "区間", "境", "わけ")
    return _section("gates") + _table(head, rows) if rows else ""


def _examples(summary: NightSummary) -> str:
    rows = [
        (KINDS.get(one.kind, one.kind), one.question, one.before, one.after)
        for one in summary.examples
    ]
    head = ("", "問い", "これまで", "稽古のあと")
    return _section("examples") + _table(head, rows) if rows else ""


def _steps(summary: NightSummary) -> str:
    rows = [
        (
            STEPS.get(step.step, step.step),
            duration(step.seconds),
            "" if step.total is None else f"{step.done} / {step.total}",
        )
        for step in summary.steps
    ]
    return _section("steps") + _table(("", "時間", "進み"), rows) if rows else ""


def _section(key: str) -> str:
    return f"## {SECTIONS[key][0]}\n\n{SECTION_NOTES[key]}\n\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    """Texts stay inside their cell and are no markup."""
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _count(value: int | None) -> str:
    return "—" if value is None else str(value)
