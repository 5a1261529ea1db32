"""Japanese text with its disguises taken off: what a reader sees, whatever was typed between.

エ・ロ, ｴﾛ, えろ and え ろ read the same; so do ッ and ツ where someone stretches or chops a word.
"""

import re
import unicodedata
from dataclasses import dataclass

MASK = "○"
# Format, combining, control, private, unassigned, surrogate: nothing a reader sees as a letter.
_UNSEEN = frozenset({"Cf", "Mn", "Cc", "Co", "Cn", "Cs"})
_MASKS = re.compile(r"[○〇◯●◎⭕*×✕✖❌□■△▲◇◆]+")
_LONG_VOWELS = re.compile(r"[ー―‐‑–—~〜-]+")
_STRETCHED = re.compile(r"([\u3041-\u30fa])\1{2,}")
_KATAKANA = range(0x30A1, 0x30F7)
_KANA_STEP = 0x60
_SMALL = str.maketrans("ぁぃぅぇぉっゃゅょゎ", "あいうえおつやゆよわ")
# Kanji that pass for katakana, only where a katakana letter stands beside them.
_LOOK_ALIKE = {"工": "エ", "口": "ロ", "力": "カ", "二": "ニ", "夕": "タ", "卜": "ト", "八": "ハ"}
_LOOK_ALIKE_BESIDE_KATAKANA = re.compile(
    "(?<=[ァ-ヶ])[工口力二夕卜八](?![一-龠ぁ-ん])|[工口力二夕卜八](?=[ァ-ヶ])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """One text two ways: `latin` with its spaces, `exact` the letters alone, kana as typed."""

    latin: str
    exact: str


def views(text: str) -> Views:
    """The text without disguises; see the module's first lines."""
    wide = unicodedata.normalize("NFKC", text).lower()
    visible = "".join(letter for letter in wide if unicodedata.category(letter) not in _UNSEEN)
    masked = _MASKS.sub(MASK, visible)
    letters = "".join(letter for letter in masked if letter.isalnum() or letter in "○ー")
    exact = _STRETCHED.sub(r"\1", _LONG_VOWELS.sub("", letters))
    exact = _LOOK_ALIKE_BESIDE_KATAKANA.sub(lambda found: _LOOK_ALIKE[found[0]], exact)
    return Views(latin=masked, exact=exact)


def fold_kana(text: str) -> str:
    """Katakana as hiragana, small letters large; everything else as it is."""
    hiragana = "".join(
        chr(ord(letter) - _KANA_STEP) if ord(letter) in _KATAKANA else letter for letter in text
    )
    return hiragana.translate(_SMALL)


def drop_long_vowels(text: str) -> str:
    """Without ー, as in `Views.exact`."""
    return text.replace("ー?", "").replace("ー", "")
