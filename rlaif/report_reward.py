"""The reward in the morning report, part by part, as tables that Markdown and HTML both print."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.report import EvaluatorHealth, NightSummary
from rlaif.report_texts import GUARDS, HEALTH, METRIC_NAMES, SOURCES
from store.night_counts import EvaluatorCounts
from store.night_records import RewardPair, RewardRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A titled table; `note` explains its terms in one line. The first column is text."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def reward_tables(summary: NightSummary) -> list[Table]:
    """Return trust, means of the metrics and of the guards; empty ones are left out."""
    tables = [_trust(summary)]
    for one in summary.counts.evaluators:
        tables += [_metrics(one), _guards(one)]
    return [table for table in tables if table.rows]


def pair_tables(summary: NightSummary) -> list[Table]:
    """Return a table per pair shown: every part of the chosen and of the rejected reply."""
    return [_pair(pair) for pair in summary.reward_pairs]


def health_lines(summary: NightSummary) -> list[str]:
    """Return what the gate's probes said about the two evaluators."""
    return [line for one in summary.health for line in _health(one)]


def _trust(summary: NightSummary) -> Table:
    return Table(
        title="信頼",
        note="κ は管理者の評価との一致（1 で同じ、0 で偶然並み）。評価が 20 に足りない間の信頼は 0.5。",
        head=("印象", "信頼", "κ（95 % 区間）", "評価の数"),
        rows=tuple(
            (
                METRIC_NAMES.get(one.metric, one.metric),
                f"{one.weight:.2f}",
                "—" if one.kappa is None else f"{one.kappa:.2f}（{_span(one.low, one.high)}）",
                str(one.reviews),
            )
            for one in summary.trust
        ),
    )


def _metrics(one: EvaluatorCounts) -> Table:
    return Table(
        title=f"印象の平均（{one.evaluator}）",
        note="点は 0–10。括弧は報酬に足した点。",
        head=("印象", f"見せた返事 {one.shown.count}", f"作った返事 {one.made.count}"),
        rows=tuple(
            (
                METRIC_NAMES.get(metric, metric),
                _valued(one.shown.means.get(metric), one.shown.parts.get(metric)),
                _valued(one.made.means.get(metric), one.made.parts.get(metric)),
            )
            for metric in one.made.means or one.shown.means
        ),
    )


def _guards(one: EvaluatorCounts) -> Table:
    names = one.made.guards or one.shown.guards
    guards = [
        (
            GUARDS.get(guard, guard),
            _taken(one.shown.guards.get(guard), one.shown.objected.get(guard)),
            _taken(one.made.guards.get(guard), one.made.objected.get(guard)),
        )
        for guard in names
    ]
    total = ("報酬（平均）", _mean(one.shown.total), _mean(one.made.total))
    return Table(
        title="守りの平均",
        note="規則が引いた点の平均。括弧は、引かれた返事の数。",
        head=("守り", "見せた返事", "作った返事"),
        rows=(*guards, total) if guards else (),
    )


def _pair(pair: RewardPair) -> Table:
    chosen, rejected = pair.chosen, pair.rejected
    metrics = [
        (
            f"{METRIC_NAMES.get(key, key)}（{one['weight']:.2f} × {one['trust']:.2f}）",
            _product(chosen, key),
            _product(rejected, key),
        )
        for key, one in chosen.metrics.items()
    ]
    guards = [
        (_guard_name(key, chosen, rejected), _cost(chosen, key), _cost(rejected, key))
        for key in chosen.guards
        if _points(chosen, key) or _points(rejected, key)
    ]
    return Table(
        title=f"差 {chosen.total - rejected.total:+.2f}（{SOURCES.get(pair.source, pair.source)}）",
        note="足した点。括弧は印象の点。"
        f"選んだ返事 {pair.chosen_id}、選ばなかった返事 {pair.rejected_id}",
        head=("印象（重み × 信頼）", "選んだ返事", "選ばなかった返事"),
        rows=(
            *metrics,
            *guards,
            ("合計", f"{chosen.total:.2f}", f"{rejected.total:.2f}"),
        ),
    )


def _health(one: EvaluatorHealth) -> Sequence[str]:
    who = HEALTH.get(one.adapter, one.adapter)
    found = one.correlation
    told = (
        f"{who}：二人の審査役の順位の相関は測れません。"
        if found is None
        else f"{who}：二人の審査役の順位の相関 {found.value:.2f}"
        f"（95 % 区間 {_span(found.low, found.high)}、返事 {found.n}）"
    )
    missed = [
        f"{who}：{evaluator} が採点できなかった返事 {count}：{reason}"
        for evaluator, reasons in one.unscored.items()
        for reason, count in reasons.items()
    ]
    return [told, *missed]


def _product(reward: RewardRecord, metric: str) -> str:
    part = reward.metrics.get(metric)
    if part is None:
        return "—"
    return f"{part['part']:.2f}（{part['value']:.1f}）"


def _guard_name(guard: str, chosen: RewardRecord, rejected: RewardRecord) -> str:
    """What it is called and what it objected to, in either reply."""
    found = [str(one.guards.get(guard, {}).get("note", "")) for one in (chosen, rejected)]
    notes = "、".join(dict.fromkeys(note for note in found if note))
    return f"守り：{GUARDS.get(guard, guard)} {notes}".rstrip()


def _cost(reward: RewardRecord, guard: str) -> str:
    part = reward.guards.get(guard)
    if part is None or not float(part["points"]):
        return "0.00"
    return f"－{float(part['points']):.2f}"


def _points(reward: RewardRecord, guard: str) -> float:
    return float(reward.guards.get(guard, {}).get("points", 0.0))


def _valued(mean: float | None, part: float | None) -> str:
    if mean is None:
        return "—"
    return f"{mean:.2f}" if part is None else f"{mean:.2f}（{part:+.2f}）"


def _mean(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _taken(points: float | None, objected: int | None) -> str:
    return "—" if points is None else f"－{points:.2f}（{objected or 0}）"


def _span(low: float | None, high: float | None) -> str:
    return "—" if low is None or high is None else f"{low:.2f} – {high:.2f}"
