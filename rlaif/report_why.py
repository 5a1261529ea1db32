"""Why a night ended as it did, in sentences an operator reads before anything else."""

from rlaif.report import NightSummary
from rlaif.report_texts import JAPANESE, number
from rlaif.report_words import ReportWords

_MOST = 6


def reasons(
    summary: NightSummary, words: ReportWords = JAPANESE, *, commands: bool = True
) -> list[str]:
    """Return one to a few sentences, the weightiest first.

    `commands`: whether to name what to type next; a page has buttons for it.
    """
    why = words.why
    match summary.status:
        case "published":
            return [
                why["published"].format(gates=len(summary.gates)),
                why["trained"].format(pairs=summary.trained_pairs),
                *([why["rollback"]] if commands else []),
            ]
        case "refused":
            return _refused(summary, words)
        case "skipped":
            return _skipped(summary, words)
        case "failed":
            resume = why["resume"].format(date=summary.date)
            told = why["failed"].format(step=_last_step(summary, words))
            return [told, *([resume] if commands else [])]
        case "stopped":
            return [why["stopped"].format(step=_last_step(summary, words))]
        case "waiting":
            undecided = summary.counts.pairs_by_status.get("proposed", 0)
            return [why["waiting"].format(pairs=undecided)]
        case "running":
            return [why["running"].format(step=_last_step(summary, words))]


def turns_told(summary: NightSummary, words: ReportWords = JAPANESE) -> str:
    """Return what became of the turns, in words that add up."""
    counts = summary.counts
    rest = counts.unexplained_turns
    return words.why["turns_left" if rest else "turns"].format(
        turns=counts.turns, paired=counts.paired_turns, explained=counts.explained_turns, rest=rest
    )


def _refused(summary: NightSummary, words: ReportWords) -> list[str]:
    why = words.why
    failed = [gate for gate in summary.gates if not gate.passed]
    if not failed:
        return [why["refused_later"]]
    told = [
        why["unmeasured"].format(gate=words.gate(gate.gate), reason=gate.detail.get("reason", "—"))
        if gate.value is None
        else why["gate"].format(
            gate=words.gate(gate.gate), value=number(gate.value), bound=number(gate.bound)
        )
        for gate in failed[:_MOST]
    ]
    rest = len(failed) - _MOST
    more = [why["more_gates"].format(n=rest)] if rest > 0 else []
    whole = why["refused"].format(gates=len(summary.gates), failed=len(failed))
    return [whole, *told, *more]


def _skipped(summary: NightSummary, words: ReportWords) -> list[str]:
    why = words.why
    if not summary.steps:
        return [why["unheld"]]
    if summary.skipped_for == "known":
        return [why["known"]]
    if summary.skipped_for == "bare":
        return [why["bare"]]
    if not summary.turns:
        return [why["silent"]]
    told = [why["few"].format(turns=summary.turns, pairs=summary.pairs)]
    if summary.counts.drops:
        reason, count = next(iter(summary.counts.drops.items()))
        told.append(why["most_drops"].format(reason=words.drops.get(reason, reason), n=count))
    return [*told, why["kept"]]


def _last_step(summary: NightSummary, words: ReportWords) -> str:
    if not summary.steps:
        return words.why["begin"]
    last = summary.steps[-1].step
    return words.steps.get(last, last)
