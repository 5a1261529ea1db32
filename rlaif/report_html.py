"""The morning report as one HTML page that needs nothing else: no scripts, fonts or other hosts."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from persona.durable import write_file
from rlaif.report import NightSummary, report_json
from rlaif.report_gates import gates_html
from rlaif.report_markdown import report_markdown
from rlaif.report_pictures import rewards_picture, training_picture
from rlaif.report_reward import health_lines, pair_tables, reward_tables
from rlaif.report_style import MOON, STYLE
from rlaif.report_tables import tables_html
from rlaif.report_texts import (
    DROPS,
    KINDS,
    METRIC_NAMES,
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
    number,
)
from rlaif.report_why import reasons, turns_told
from store.night_counts import EvaluatorCounts


def report_html(summary: NightSummary) -> str:
    """Return the page."""
    sections = (
        ("flow", _flow(summary)),
        ("gates", gates_html(summary.gates)),
        ("examples", _examples(summary)),
        ("pairs", _pairs(summary)),
        ("reward", tables_html(reward_tables(summary))),
        ("parts", tables_html(pair_tables(summary))),
        ("evaluators", _evaluators(summary)),
        ("training", _training(summary)),
        ("steps", _steps(summary)),
    )
    body = "".join(_section(key, content) for key, content in sections if content)
    return (
        '<!doctype html><html lang="ja"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{TITLE} {summary.date}</title><style>{STYLE}</style></head>"
        f'<body class="{summary.status}">{_head(summary)}<main>{body}</main>'
        "<footer>夜稽古 Yogeiko</footer></body></html>\n"
    )


def write_report(summary: NightSummary, folder: Path) -> list[Path]:
    """Write report.json, report.md and report.html; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(report_json(summary), ensure_ascii=False, indent=1) + "\n"
    texts = {
        "report.json": content,
        "report.md": report_markdown(summary),
        "report.html": report_html(summary),
    }
    for name, text in texts.items():
        write_file(folder / name, text.encode())
    return [folder / name for name in texts]


def _head(summary: NightSummary) -> str:
    year, month, day = summary.date.split("-")
    facts = (
        ("稽古した声", summary.candidate),
        ("それまでの声", summary.active_before),
        ("かかった時間", duration(summary.seconds)),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in facts)
    why = _join(f"<li>{escape(reason)}</li>" for reason in reasons(summary))
    decision = (
        f'<details class="decision"><summary>記録の文</summary><p>{escape(summary.decision)}</p>'
        "</details>"
        if summary.decision
        else ""
    )
    return (
        f'<header><div class="inner">{MOON}<p class="title">{TITLE}</p>'
        f"<h1><span>{int(year)} 年</span>{int(month)} 月 {int(day)} 日の夜</h1>"
        f'<p class="seal">{STATUS[summary.status]}</p>'
        f'<p class="lead">{STATUS_SENTENCE[summary.status]}</p><ul class="why">{why}</ul>'
        f"{decision}<dl>{listed}</dl></div></header>"
    )


def _section(key: str, content: str) -> str:
    japanese, english = SECTIONS[key]
    return (
        f'<section id="{key}"><h2>{japanese}<small lang="en">{english}</small></h2>'
        f'<p class="note">{SECTION_NOTES[key]}</p>{content}</section>'
    )


def _flow(summary: NightSummary) -> str:
    people = f"{summary.visitors} 人から"
    unscored = f"{summary.unscored} 件は採点できず" if summary.unscored else "採点もれなし"
    replay = "" if summary.replay_pairs is None else f"ほかに種のペア {summary.replay_pairs}"
    flagged = summary.counts.flagged_candidates
    stations = (
        ("読んだ言葉", summary.turns, people),
        ("作った返事", summary.counts.candidates, f"安全の網に {flagged}" if flagged else ""),
        ("採点", summary.scored, unscored),
        ("できたペア", summary.pairs, f"見送り {sum(summary.counts.drops.values())}"),
        ("稽古したペア", summary.trained_pairs, replay),
    )
    items = "".join(
        f"<li><span>{name}</span><b>{count:,}</b><small>{note}</small></li>"
        for name, count, note in stations
    )
    return f'<ol class="flow">{items}</ol>'


def _pairs(summary: NightSummary) -> str:
    counts = summary.counts
    waiting = f"未解決 {counts.open_conflicts}" if counts.open_conflicts else ""
    groups = (
        ("ペアの出どころ", counts.pairs_by_source, SOURCES, ""),
        ("ペアにならなかった理由", counts.drops, DROPS, ""),
        ("稽古に使わなかったペア", summary.left_out, DROPS, ""),
        ("承認", counts.pairs_by_status, PAIR_STATUS, ""),
        ("本人の印との食い違い", counts.conflicts, SIGNALS, waiting),
    )
    blocks = [
        f"<div><h3>{title}<small>{note}</small></h3>{_bars(found, names)}</div>"
        for title, found, names, note in groups
        if found
    ]
    told = f"<p>{turns_told(summary)}</p>"
    return f'{told}<div class="columns">{"".join(blocks)}</div>' if blocks else ""


def _bars(counts: Mapping[str, int], names: Mapping[str, str]) -> str:
    most = max(counts.values())
    rows = (
        f"<tr><th>{escape(names.get(key, key))}</th><td><i style='width:{100 * count / most:.1f}%'>"
        f"</i></td><td class='n'>{count:,}</td></tr>"
        for key, count in counts.items()
    )
    return f'<table class="bars">{"".join(rows)}</table>'


def _evaluators(summary: NightSummary) -> str:
    lines = _join(f"<li>{escape(line)}</li>" for line in health_lines(summary))
    told = f'<ul class="health">{lines}</ul>' if lines else ""
    return told + _join(_evaluator(one) for one in summary.counts.evaluators)


def _evaluator(one: EvaluatorCounts) -> str:
    failed = sum(one.failures.values())
    facts = (
        f"見せた返事 {one.replies:,}、作った返事 {one.candidates:,}、採点できず {failed:,}、"
        f"自分の中のばらつき {number(one.spread)} 点"
    )
    reasons = "".join(
        f"<li>{escape(why)} <b>{count}</b></li>" for why, count in one.failures.items()
    )
    picture = ""
    if sum(one.reply_rewards) + sum(one.candidate_rewards):
        drawn = rewards_picture(one.reply_rewards, one.candidate_rewards, one.evaluator)
        picture = f'<figure class="picture">{drawn}</figure>'
    return (
        f'<div class="evaluator"><h3>{escape(one.evaluator)}</h3><p>{facts}</p>'
        f"{f'<ul class=reasons>{reasons}</ul>' if reasons else ''}"
        f'<div class="columns">{_metrics(one)}{picture}</div></div>'
    )


def _metrics(one: EvaluatorCounts) -> str:
    """The twelve means of the candidates on a scale of 0..10, one standard deviation to each side;
    those of shown replies where there are no candidates."""
    figures = one.made if one.made.count else one.shown
    rows = []
    for metric, mean in figures.means.items():
        low = max(0.0, mean - figures.deviations[metric]) * 10
        high = min(10.0, mean + figures.deviations[metric]) * 10
        rows.append(
            f"<tr><th>{METRIC_NAMES.get(metric, metric)}</th><td><s><u style='left:{low:.1f}%;"
            f"width:{high - low:.1f}%'></u><b style='left:{10 * mean:.1f}%'></b></s></td>"
            f"<td class='n'>{mean:.2f}</td></tr>"
        )
    if not rows:
        return ""
    name = "作った返事" if one.made.count else "見せた返事"
    note = f"{name}の平均と標準偏差（0–10）"
    return f'<div><p>{note}</p><table class="metrics">{"".join(rows)}</table></div>'


def _training(summary: NightSummary) -> str:
    if not summary.curve:
        return ""
    last = summary.curve[-1]
    told = f"{last.step} 歩。最後の一歩で見分けたペアの割合 {number(last.accuracy)}。"
    return f'<figure class="picture">{training_picture(summary.curve)}</figure><p>{told}</p>'


def _examples(summary: NightSummary) -> str:
    if not summary.examples:
        return ""
    items = _join(
        f'<li><p class="kind">{escape(KINDS.get(one.kind, one.kind))}</p>'
        f'<p class="asked">{escape(one.question)}</p><div class="two">'
        f"<blockquote><cite>これまで</cite>{escape(one.before)}</blockquote>"
        f'<blockquote class="new"><cite>稽古のあと</cite>{escape(one.after)}</blockquote></div></li>'
        for one in summary.examples
    )
    return f'<ol class="examples">{items}</ol>'


def _steps(summary: NightSummary) -> str:
    most = max((step.seconds or 0.0 for step in summary.steps), default=0.0) or 1.0
    rows = _join(
        f"<tr><th>{escape(STEPS.get(step.step, step.step))}</th>"
        f"<td><i style='width:{100 * (step.seconds or 0.0) / most:.1f}%'></i></td>"
        f"<td class='n'>{duration(step.seconds)}</td></tr>"
        for step in summary.steps
    )
    return f'<table class="bars wide">{rows}</table>' if rows else ""


def _text(value: str | None) -> str:
    return "—" if value is None else escape(value)


def _join(parts: Iterable[str]) -> str:
    return "".join(parts)
