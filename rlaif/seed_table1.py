"""Table 1 of the founding paper: Spearman with people, as published, to print beside ours.

Its data (1,600 sessions of people with dialogue systems, not public) are other data than ours, and its
split is random over sessions: its figures are a landmark, not a bar.

Source: "RLAIF for dialogue impressions" (NLP2025), table 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigures:
    """Spearman of one impression: no fine-tuning (None: not published), GPT-3.5, fine-tuned."""

    no_sft: float | None
    gpt35: float
    sft: float


def _row(no_sft: float | None, gpt35: float, sft: float) -> PublishedFigures:
    return PublishedFigures(no_sft=no_sft, gpt35=gpt35, sft=sft)


TABLE1: Mapping[str, PublishedFigures] = {
    "agency": _row(0.00, 0.21, 0.79),
    "attentiveness": _row(0.11, 0.30, 0.85),
    "consistency": _row(0.14, 0.40, 0.84),
    "ease": _row(0.07, 0.29, 0.79),
    "empathetic": _row(0.10, 0.41, 0.85),
    "emotion": _row(0.08, 0.26, 0.82),
    "enjoyability": _row(0.03, 0.24, 0.79),
    "humanness": _row(0.08, 0.32, 0.77),
    "personality": _row(-0.06, 0.27, 0.76),
    "respeak": _row(None, 0.25, 0.85),
    "topic": _row(-0.15, 0.33, 0.77),
    "trust": _row(None, 0.18, 0.89),
}
"""By impression, in the order of METRICS."""


def published(impressions: tuple[str, ...]) -> PublishedFigures | None:
    """The published figures of an impression, or the mean over several; None when none is known."""
    rows = [TABLE1[key] for key in impressions if key in TABLE1]
    if not rows:
        return None
    bare = [row.no_sft for row in rows if row.no_sft is not None]
    return PublishedFigures(
        no_sft=sum(bare) / len(bare) if bare else None,
        gpt35=sum(row.gpt35 for row in rows) / len(rows),
        sft=sum(row.sft for row in rows) / len(rows),
    )
