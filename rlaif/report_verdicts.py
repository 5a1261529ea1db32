"""Everything that is known of what one reply or candidate was worth, as text and as JSON."""

from collections.abc import Sequence

from rlaif.metrics import METRICS
from store.night_records import RewardRecord, ScoreFailure, StoredVerdict


def verdicts_text(
    subject: str, text: str, verdicts: Sequence[StoredVerdict], failures: Sequence[ScoreFailure]
) -> str:
    """Return every verdict with its parts, for a terminal."""
    lines = [f"{subject}: {text}"]
    for one in verdicts:
        lines += ["", f"{one.evaluator}, {one.at.isoformat(timespec='minutes')}"]
        lines += [f"  reason: {reason}" for reason in one.reasons]
        if one.reward is None:
            lines.append("  no night has used this verdict")
        else:
            lines.append(f"  night {one.night_date}, settings {one.reward.settings}")
        lines += _metric_lines(one)
        if one.reward is not None:
            lines += _guard_lines(one.reward)
            lines.append(f"  {'total':<16}{one.reward.total:>+8.3f}")
    lines += [
        f"\n{one.evaluator}, {one.at.isoformat(timespec='minutes')}: not scored: {one.reason}"
        for one in failures
    ]
    if not verdicts and not failures:
        lines.append("no evaluator has looked at it yet")
    return "\n".join(lines)


def verdicts_json(
    subject: str, text: str, verdicts: Sequence[StoredVerdict], failures: Sequence[ScoreFailure]
) -> dict[str, object]:
    """Return the same as plain JSON values."""
    return {
        "id": subject,
        "text": text,
        "verdicts": [
            {
                "evaluator": one.evaluator,
                "at": one.at.isoformat(),
                "values": dict(one.values),
                "spread": dict(one.spread),
                "reasons": list(one.reasons),
                "night": one.night_date,
                "reward": None if one.reward is None else _reward_json(one.reward),
            }
            for one in verdicts
        ],
        "failures": [
            {"evaluator": one.evaluator, "at": one.at.isoformat(), "reason": one.reason}
            for one in failures
        ],
    }


def _reward_json(reward: RewardRecord) -> dict[str, object]:
    return {
        "total": reward.total,
        "settings": reward.settings,
        "metrics": {key: dict(part) for key, part in reward.metrics.items()},
        "guards": {key: dict(part) for key, part in reward.guards.items()},
    }


def _metric_lines(verdict: StoredVerdict) -> list[str]:
    """A line per impression; one that is not rewarded has its value only."""
    lines = []
    for metric in METRICS:
        spread = verdict.spread.get(metric.key)
        value = f"{verdict.values[metric.key]:.2f}" + ("" if spread is None else f" ±{spread:.2f}")
        part = None if verdict.reward is None else verdict.reward.metrics.get(metric.key)
        if part is None:
            lines.append(f"  {metric.key:<16}{'':>8}  {value} ({metric.japanese})")
        else:
            lines.append(
                f"  {metric.key:<16}{part['part']:>+8.3f}  = weight {part['weight']:.3f} x trust "
                f"{part['trust']:.2f} x value {value} ({metric.japanese})"
            )
    return lines


def _guard_lines(reward: RewardRecord) -> list[str]:
    return [
        f"  {guard:<16}{-float(part['points']):>+8.3f}  severity {float(part['severity']):.2f}"
        + (f": {part['note']}" if part["note"] else "")
        for guard, part in reward.guards.items()
    ]
