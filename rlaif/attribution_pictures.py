"""Heat-maps of attributions: spans of HTML, and PNG.

Blue raises the metric, orange lowers it: a pair that people with any common colour blindness tell
apart. So that colour is not all, what lowers is underlined by dashes, what raises by a line.
"""

import html
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import matplotlib.axes
import matplotlib.figure
import matplotlib.font_manager
import matplotlib.patches

from rlaif.attribution import Attribution
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Dialogue
from rlaif.metrics import metric_of
from rlaif.text_spans import text_at

RAISES, LOWERS = (33, 102, 172), (217, 95, 2)
_STRONGEST = 0.72
"""How much of the full colour the strongest piece gets; dark text stays readable on it."""
_FONTS = (
    "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAGothic", "Hiragino Sans", "Yu Gothic",
    "Meiryo", "TakaoGothic", "VL Gothic", "MS Gothic",
)  # fmt: skip
_INK, _SOFT = "#2b2523", "#6d6461"
_LINE_EMS, _LABEL_EMS = 40.0, 8.5
_EM_INCHES, _ROW_INCHES = 0.18, 0.34
_STYLE = (
    "body{font:16px/2 sans-serif;color:#2b2523;max-width:46em;margin:2em auto;padding:0 1em}"
    ".said{color:#6d6461}.map span{padding:2px 1px;border-bottom:2px solid transparent}"
    ".map .up{border-bottom-color:#2166ac}.map .down{border-bottom:2px dashed #d95f02}"
    "small{color:#6d6461}article{margin-bottom:2.5em}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One reply and its attributions, which are drawn below each other."""

    dialogue: Dialogue
    attributions: tuple[Attribution, ...]


def strength(score: float, attribution: Attribution) -> float:
    """-1..1: the score over the largest absolute score; 0 where all are 0."""
    largest = max(map(abs, attribution.scores), default=0.0)
    return score / largest if largest else 0.0


def colour(strength_of_piece: float) -> str:
    """`#rrggbb` over white for -1..1."""
    full = RAISES if strength_of_piece > 0 else LOWERS
    share = abs(strength_of_piece) * _STRONGEST
    return "#" + "".join(f"{round(255 + (one - 255) * share):02x}" for one in full)


def headline(attribution: Attribution) -> str:
    """Metric, method, value and how far the parts add up."""
    parts = [metric_of(attribution.metric).japanese, attribution.metric, attribution.method]
    parts.append(f"{attribution.value:.2f}")
    if attribution.baseline is not None:
        parts.append(f"(from {attribution.baseline:.2f})")
    if attribution.completeness is not None:
        share = attribution.completeness.share
        told = "-" if share is None else f"{share:.1%}"
        parts.append(f"error {attribution.completeness.error:.3f} = {told}")
    return " ".join(parts)


def html_page(shown: Sequence[Shown]) -> str:
    """A page with all of them; every text is escaped."""
    articles = "".join(_article(one) for one in shown)
    return (
        '<!doctype html><html lang="ja"><meta charset="utf-8"><title>Attribution</title>'
        f"<style>{_STYLE}</style><body><p><small>blue, line: raises; orange, dashes: lowers; the "
        f"strongest piece of each row has the full colour</small></p>{articles}</body></html>\n"
    )


def write_png(shown: Sequence[Shown], path: Path) -> None:
    """Draw all of them into one picture. Raises EvaluatorError without a Japanese font."""
    rows = [row for one in shown for row in _rows(one)]
    height = _ROW_INCHES * (len(rows) + 2)
    width = _EM_INCHES * (_LINE_EMS + _LABEL_EMS + 1)
    with matplotlib.rc_context({"font.family": _font()}):
        figure = matplotlib.figure.Figure(figsize=(width, height))
        axes: matplotlib.axes.Axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, _LINE_EMS + _LABEL_EMS + 1)
        axes.set_ylim(len(rows) + 2, 0)
        axes.axis("off")
        for number, row in enumerate(rows):
            _draw(axes, row, number + 0.5)
        _legend(axes, len(rows) + 1.1)
        metrics = dict.fromkeys(own.metric for one in shown for own in one.attributions)
        named = "、".join(f"{metric_of(key).japanese} {key}" for key in metrics)
        axes.text(0.5, len(rows) + 1.1, named, va="center", fontsize=12, color=_INK)
        figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line: a label, and pieces with their strengths; None: not attributed to."""

    label: str
    pieces: tuple[tuple[str, float | None], ...]


def _article(shown: Shown) -> str:
    said = html.escape(shown.dialogue.turns[-1].content)
    rows = "".join(
        f"<p><small>{html.escape(headline(one))}</small></p><p class=map>{_spans(shown.dialogue, one)}</p>"
        for one in shown.attributions
    )
    return f"<article><p class=said>{said}</p>{rows}</article>"


def _spans(dialogue: Dialogue, attribution: Attribution) -> str:
    found = []
    place = None
    for piece, score in zip(attribution.pieces, attribution.scores, strict=True):
        if place is not None and place != (piece.part, piece.at):
            found.append("<br>")
        place = (piece.part, piece.at)
        own = strength(score, attribution)
        way = "up" if own > 0 else "down" if own < 0 else ""
        found.append(
            f'<span class="{way}" style="background:{colour(own)}" title="{score:+.4f}">'
            f"{html.escape(text_at(dialogue, piece))}</span>"
        )
    return "".join(found)


def _rows(shown: Shown) -> Iterator[_Row]:
    yield _Row(label="", pieces=())
    yield from _wrapped("", [(shown.dialogue.turns[-1].content, None)])
    for one in shown.attributions:
        pieces: list[tuple[str, float | None]] = [
            (text_at(shown.dialogue, piece), strength(score, one))
            for piece, score in zip(one.pieces, one.scores, strict=True)
            if piece.part == "reply"
        ]
        yield from _wrapped(f"{one.method} {one.value:.1f}", pieces)


def _wrapped(label: str, pieces: Sequence[tuple[str, float | None]]) -> Iterator[_Row]:
    line: list[tuple[str, float | None]] = []
    used = 0.0
    for text, own in pieces:
        for part in [text] if _ems(text) <= _LINE_EMS / 2 else list(text):
            if line and used + _ems(part) > _LINE_EMS:
                yield _Row(label=label, pieces=tuple(line))
                label, line, used = "", [], 0.0
            line.append((part, own))
            used += _ems(part)
    yield _Row(label=label, pieces=tuple(line))


def _draw(axes: matplotlib.axes.Axes, row: _Row, at: float) -> None:
    axes.text(0.5, at, row.label, va="center", fontsize=9, color=_SOFT)
    left = _LABEL_EMS
    for text, own in row.pieces:
        wide = _ems(text)
        if own is not None:
            axes.add_patch(
                matplotlib.patches.Rectangle((left, at - 0.4), wide, 0.78, color=colour(own), lw=0)
            )
            style, edge = ("-", _hex(RAISES)) if own > 0 else ((0, (2, 1.5)), _hex(LOWERS))
            if own:
                axes.plot(
                    [left + 0.08, left + wide - 0.08], [at + 0.4] * 2, color=edge, ls=style, lw=1
                )
        side, ink, start = (
            ("left", _SOFT, left) if own is None else ("center", _INK, left + wide / 2)
        )
        axes.text(
            start, at, text.replace("\n", " "), ha=side, va="center", fontsize=12, color=ink,
            parse_math=False,
        )  # fmt: skip
        left += wide


def _legend(axes: matplotlib.axes.Axes, at: float) -> None:
    for n in range(21):
        left = _LABEL_EMS + 7 + n
        patch = matplotlib.patches.Rectangle(
            (left, at - 0.3), 1, 0.6, color=colour(n / 10 - 1), lw=0
        )
        axes.add_patch(patch)
    for place, text, side in ((6.5, "下げる lowers", "right"), (28.5, "raises 上げる", "left")):
        axes.text(_LABEL_EMS + place, at, text, ha=side, va="center", fontsize=10, color=_SOFT)


def _hex(colours: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{one:02x}" for one in colours)


def _ems(text: str) -> float:
    return sum(1.0 if unicodedata.east_asian_width(letter) in "WFA" else 0.55 for letter in text)


def _font() -> str:
    known = {font.name for font in matplotlib.font_manager.fontManager.ttflist}
    for name in _FONTS:
        if name in known:
            return name
    raise EvaluatorError(
        f"no Japanese font was found for the PNG; expected one of {', '.join(_FONTS[:3])}; install "
        "fonts-noto-cjk, or read the HTML page, which needs none"
    )
