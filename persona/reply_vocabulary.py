"""The tokens a Japanese persona can say.

The output head of a multilingual model is most of the work of a token: 262,144 rows for Gemma 3,
of which a Japanese reply uses a small part. Keeping only those rows makes each token cheaper and
keeps other scripts out of the reply.
"""

import re
from dataclasses import dataclass
from typing import Literal

import torch
from transformers import PreTrainedTokenizerBase

VocabularyKind = Literal["japanese", "full"]

# A tokenizer numbers its pieces roughly by merge rank: the first 1/32 holds the common words.
_COMMON_SHARE = 32
_PUNCTUATION = "々〆〇、。「」『』（）【】〈〉《》！？…‥〜～―—ー・：；♪♡♥☆★※＆％＋－＝／゛゜’“”"
_SPACES = {" ", "\n", "\n\n", "　"}
# Byte fallback (<0x0A>), <unk> and the HTML tags that some vocabularies hold as one piece.
_MARKUP_PIECE = re.compile(r"</?\w+>")
_COVERAGE = "こんにちは、わたしの名前は日本です。カメラも好き！そうですか？ありがとうございました。"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyVocabulary:
    """Which rows of the output head may be drawn.

    ids: [rows] int64 ascending, the token id of every kept row. total_rows: rows of the whole head.
    """

    ids: torch.Tensor
    total_rows: int

    @property
    def rows(self) -> int:
        """How many rows remain."""
        return int(self.ids.shape[0])


def reply_vocabulary(
    tokenizer: PreTrainedTokenizerBase,
    kind: VocabularyKind,
    *,
    stop_ids: frozenset[int],
    head_rows: int,
) -> ReplyVocabulary:
    """Choose the rows of the head; `stop_ids` are always kept.

    A tokenizer whose pieces cannot spell plain Japanese after the restriction keeps all its rows.
    """
    known = min(head_rows, len(tokenizer))
    if kind == "japanese":
        allowed = _japanese_ids(tokenizer, known) | {i for i in stop_ids if i < known}
        sample = tokenizer.encode(_COVERAGE, add_special_tokens=False)
        if allowed.issuperset(sample):
            return ReplyVocabulary(ids=torch.tensor(sorted(allowed)), total_rows=head_rows)
    return ReplyVocabulary(ids=torch.arange(known), total_rows=head_rows)


def _japanese_ids(tokenizer: PreTrainedTokenizerBase, known: int) -> set[int]:
    pieces: dict[str, int] = tokenizer.get_vocab()
    added = set(tokenizer.get_added_vocab().values())
    # Line breaks are added tokens in some tokenizers; every other added token marks structure.
    byte_level = "<0x0A>" not in pieces and "Ġ" in pieces
    characters = _allowed_characters()
    byte_of = _byte_of_character() if byte_level else {}
    common = len(pieces) // _COMMON_SHARE
    allowed: set[int] = set()
    for piece, token in pieces.items():
        if token >= known or _MARKUP_PIECE.fullmatch(piece):
            continue
        is_added = token in added
        text = (
            _byte_level_text(piece, byte_of)
            if byte_level and not is_added
            else piece.replace("▁", " ")
        )
        if text is None:
            # Part of a character: only such pieces spell the rarer kanji in a byte-level tokenizer.
            allowed.add(token)
        elif is_added:
            if text in _SPACES:
                allowed.add(token)
        elif _is_sayable(text, characters, is_common=token < common):
            allowed.add(token)
    return allowed


def _is_sayable(text: str, characters: frozenset[str], *, is_common: bool) -> bool:
    if not text or not characters.issuperset(text):
        return False
    if not text.strip():
        return text in _SPACES
    if any(c.isascii() and c.isalpha() for c in text):
        return is_common or len(text.strip()) == 1
    return True


def _allowed_characters() -> frozenset[str]:
    kana = {chr(c) for c in (*range(0x3041, 0x3097), *range(0x309D, 0x30FF))}
    ascii_printable = {chr(c) for c in range(0x20, 0x7F)}
    fullwidth = {chr(c) for c in range(0xFF01, 0xFF5F)}
    kanji = {chr(c) for c in range(0x4E00, 0xA000) if _in_cp932(chr(c))}
    return frozenset(kana | ascii_printable | fullwidth | kanji | set(_PUNCTUATION) | set("\n　"))


def _in_cp932(character: str) -> bool:
    try:
        character.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


def _byte_level_text(piece: str, byte_of: dict[str, int]) -> str | None:
    """The text of a byte-level piece; None when it holds part of a character."""
    try:
        return bytes(byte_of[c] for c in piece).decode()
    except UnicodeDecodeError:
        return None
    except KeyError:
        return ""


def _byte_of_character() -> dict[str, int]:
    """The printable character that stands for each byte. Source: GPT-2, `bytes_to_unicode`."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(b): b for b in printable}
    others = (b for b in range(256) if b not in set(printable))
    return table | {chr(256 + n): b for n, b in enumerate(others)}
