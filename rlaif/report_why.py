"""Why a night ended as it did, in sentences an operator reads before anything else."""

from rlaif.report import NightSummary
from rlaif.report_texts import DROPS, STEPS, gate_name, number

_MOST = 6


def reasons(summary: NightSummary, *, commands: bool = True) -> list[str]:
    """Return one to a few Japanese sentences, the weightiest first.

    `commands`: whether to name what to type next; a page has buttons for it.
    """
    match summary.status:
        case "published":
            return [
                f"{len(summary.gates)} の関門をすべて通りました。",
                f"お客さまのペア {summary.trained_pairs} で稽古しました。",
                *(["戻すには yogeiko adapter rollback。"] if commands else []),
            ]
        case "refused":
            return _refused(summary)
        case "skipped":
            return _skipped(summary)
        case "failed":
            resume = f"続きから試すには yogeiko night run --date {summary.date} --resume。"
            told = f"「{_last_step(summary)}」の途中で倒れました。"
            return [told, *([resume] if commands else [])]
        case "stopped":
            return [f"「{_last_step(summary)}」の途中で、人かサーバーが止めました。"]
        case "waiting":
            undecided = summary.counts.pairs_by_status.get("proposed", 0)
            return [f"決まっていないペアが {undecided} あります。"]
        case "running":
            return [f"いまは「{_last_step(summary)}」です。"]


def turns_told(summary: NightSummary) -> str:
    """Return what became of the turns, in one sentence that adds up."""
    counts = summary.counts
    told = (
        f"読んだ言葉 {counts.turns} のうち、ペアになった {counts.paired_turns}、"
        f"理由があってペアにならなかった {counts.explained_turns}"
    )
    rest = counts.unexplained_turns
    return f"{told}、まだペアを作っていない {rest}。" if rest else f"{told}。"


def _refused(summary: NightSummary) -> list[str]:
    failed = [gate for gate in summary.gates if not gate.passed]
    if not failed:
        return ["関門のあとに取りやめました。記録の文を見てください。"]
    told = [
        f"{gate_name(gate.gate)}：測れませんでした（{gate.detail.get('reason', '—')}）"
        if gate.value is None
        else f"{gate_name(gate.gate)}：{number(gate.value)}（境 {number(gate.bound)}）"
        for gate in failed[:_MOST]
    ]
    more = [f"ほか {len(failed) - _MOST}"] if len(failed) > _MOST else []
    return [f"{len(summary.gates)} の関門のうち {len(failed)} を通りませんでした。", *told, *more]


def _skipped(summary: NightSummary) -> list[str]:
    if not summary.steps:
        return ["この夜の時刻にサーバーが動いていなかったか、夜の稽古が止めてありました。"]
    if summary.skipped_for == "known":
        return ["使えるペアは前に稽古したものと同じで、新しく学ぶことがありませんでした。"]
    if summary.skipped_for == "bare":
        return [
            "舞台にいるのは素のモデルで、稽古する声がありません。yogeiko persona train --activate"
        ]
    if not summary.turns:
        return ["前の夜のあとに、学んでよいと言った人の会話がありませんでした。"]
    told = [f"読んだ言葉 {summary.turns} からペアが {summary.pairs} できましたが、足りません。"]
    if summary.counts.drops:
        reason, count = next(iter(summary.counts.drops.items()))
        told.append(
            f"ペアにならなかった理由でいちばん多いもの：{DROPS.get(reason, reason)}（{count}）"
        )
    return [*told, "できたペアは取っておき、次の夜に使います。"]


def _last_step(summary: NightSummary) -> str:
    return STEPS.get(summary.steps[-1].step, summary.steps[-1].step) if summary.steps else "始まり"
