"""How much of an evaluator's value comes from emotion words: the second table of the seed.

A reply is a case; replies are drawn with replacement for the intervals. Means are over pieces
(tokens), so a long reply counts more than a short one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats, interval, redraw
from rlaif.attribution import Attribution, Method
from rlaif.attribution_words import EmotionWords
from rlaif.evaluator import Dialogue
from rlaif.text_spans import TextSpan, text_of

SEED_TABLE2: dict[Method, tuple[float, float]] = {
    "gradients": (0.034, -0.052),
    "integrated": (0.500, 1.462),
    "shap": (0.001, 0.002),
}
"""The seed's Table 2 for Trust, as it is printed there: two figures with an arrow between."""

DRAWS = 2000
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Table2Row:
    """One method. Means of attributions per token, in the attribution's own unit.

    mean_all, mean_emotion: signed, over all tokens and over those that touch an emotion word.
    ratio: the second over the first; size_ratio: the same of absolute values. share: emotion words'
    part of the sum of absolute values; token_share: their part of the tokens. Each None where it
    cannot be told. unsettled: of how many replies completeness failed.
    """

    method: Method
    replies: int
    tokens: int
    emotion_tokens: int
    mean_all: Estimate | None
    mean_emotion: Estimate | None
    ratio: Estimate | None
    size_ratio: Estimate | None
    share: Estimate | None
    token_share: Estimate | None
    unsettled: int


def emotion_pieces(
    words: EmotionWords, dialogue: Dialogue, pieces: Sequence[TextSpan]
) -> tuple[bool, ...]:
    """Which pieces hold a character of an emotion word."""
    marks = {
        place: words.marks(text_of(dialogue, *place))
        for place in dict.fromkeys((piece.part, piece.at) for piece in pieces)
    }
    return tuple(any(marks[one.part, one.at][one.start : one.end]) for one in pieces)


def table2_row(
    method: Method,
    dialogues: Sequence[Dialogue],
    attributions: Sequence[Attribution],
    words: EmotionWords,
    seed: int,
) -> Table2Row:
    """The row of one method over replies; intervals are 95 % percentiles."""
    sums = np.array(
        [
            _sums(one.scores, emotion_pieces(words, dialogue, one.pieces))
            for dialogue, one in zip(dialogues, attributions, strict=True)
        ]
    ).reshape(-1, 6)
    draws = redraw(len(sums), DRAWS, seed) if len(sums) else np.zeros((0, 0))
    tokens, felt, total, felt_total, size, felt_size = range(6)

    def told(top: Sequence[int], bottom: Sequence[int]) -> Estimate | None:
        return interval(_quotient(sums, top, bottom), draws) if len(sums) else None

    return Table2Row(
        method=method,
        replies=len(sums),
        tokens=int(sums[:, tokens].sum()),
        emotion_tokens=int(sums[:, felt].sum()),
        mean_all=told((total,), (tokens,)),
        mean_emotion=told((felt_total,), (felt,)),
        ratio=told((felt_total, tokens), (felt, total)),
        size_ratio=told((felt_size, tokens), (felt, size)),
        share=told((felt_size,), (size,)),
        token_share=told((felt,), (tokens,)),
        unsettled=sum(
            one.completeness is not None and not one.completeness.holds for one in attributions
        ),
    )


def _sums(scores: Sequence[float], felt: Sequence[bool]) -> list[float]:
    """Tokens, emotion tokens, their attributions' sums, and those of absolute values."""
    own = [score for score, one in zip(scores, felt, strict=True) if one]
    return [
        len(scores),
        len(own),
        sum(scores),
        sum(own),
        sum(map(abs, scores)),
        sum(map(abs, own)),
    ]


def _quotient(
    sums: Floats, top: Sequence[int], bottom: Sequence[int]
) -> Callable[[Floats], Floats]:
    """Product of the drawn sums of `top` over that of `bottom`; NaN where that is 0."""

    def statistic(draws: Floats) -> Floats:
        drawn = draws @ sums
        above, below = drawn[:, list(top)].prod(axis=1), drawn[:, list(bottom)].prod(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.abs(below) > _TINY, above / below, np.nan)

    return statistic
