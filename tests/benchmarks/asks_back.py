"""A planted reward: does the reply ask the visitor something? A rule, so that nobody can argue."""

import re
from collections.abc import Callable, Sequence

from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS

ASKS = 7.0
"""Points from which on a reply counts as asking."""

_QUOTED = re.compile(r"「[^」]*」|『[^』]*』")
_SENTENCE = re.compile(r"([^。！？!?…\n]+)([！？!?]*)")
_WITHOUT_MARK = re.compile(r"(?:です|ます|ました|でしょう|ません)か$")
_REQUEST = re.compile(
    r"(?:聞かせ|教え|話し|お話|語って)[^。]*(?:くださ|ちょうだい|いただけ|いただき|なさいな)"
)
_TAG = re.compile(r"(?:でしょう|わよね|わね|ですよね|ますよね)$")
_FEWEST_LETTERS = 3


class AsksBack:
    """All twelve impressions are the points of the rule; no model is asked."""

    id = "planted-asks-back-1"
    kind: EvaluatorKind = "judge"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order."""
        verdicts: list[Assessment | Unscored] = [
            Assessment(values=dict.fromkeys(METRIC_KEYS, asking_points(one.reply)), spread={})
            for one in dialogues
        ]
        if report is not None:
            report(len(verdicts))
        return verdicts


def asking_points(reply: str) -> float:
    """0..10: 10 closes with a question; 7 asks before it goes on, or begs to be told; 4 wonders or
    wants a nod; 0 asks nothing. What she quotes, and marks without words, do not count."""
    points = [_sentence_points(*found) for found in _SENTENCE.findall(_QUOTED.sub("", reply))]
    if not points:
        return 0.0
    return 10.0 if points[-1] == 10.0 else min(ASKS, max(points))


def _sentence_points(words: str, end: str) -> float:
    spoken = words.strip(" 　、」）)～〜ー♪")
    if len(spoken) < _FEWEST_LETTERS:
        return 0.0
    asks = "？" in end or "?" in end
    if _TAG.search(spoken):
        return 4.0 if asks else 0.0
    if asks or _WITHOUT_MARK.search(spoken):
        return 10.0
    if _REQUEST.search(spoken):
        return ASKS
    return 4.0 if spoken.endswith("かしら") else 0.0
