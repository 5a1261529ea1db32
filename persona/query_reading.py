"""How a chat question is read for retrieval: does it stand alone, and which letters does it share.

「それはなぜ？」 means nothing without the turn before; 「好きな季節は？」 must not be dragged
back to it. No Japanese tokenizer is needed for that: kanji and katakana carry the content.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Dependence = Literal["elliptic", "short", "complete", "new_topic"]

NEW_TOPIC = re.compile(
    r"^(ところで|話は?変わ|話変え|話を変え|全然関係ない|関係ないけど|別の話|それはそうと|さて)"
)
DEMONSTRATIVE = re.compile(
    r"そのとき|そういうとき|それ|その|そこ|そっち|そちら|そんな|そう|あれ|あの|あそこ|この|これ"
    r"|彼女|じゃあ|逆に|ほかに|他に|もっと"
)
INTERROGATIVE = re.compile(
    r"いつ|どこ|だれ|誰|なぜ|なんで|何で|どうして|どうやって|どう|どれ|どの|どんな|なに|何"
    r"|いくつ|いくら|名前|理由|結果"
)
# Words that belong to the form of a question, not to its topic.
FORM = re.compile(
    r"ください|教えて|ですか|ますか|でした|ました|です|ます|ある|いる|する|した|って|くらい|ぐらい"
    r"|今|一番|好き|人|方|具体的|言う"
)

# A kanji or katakana letter weighs 1; hiragana words are longer and say less per letter.
HIRAGANA_WEIGHT = 0.34
ELLIPTIC_BELOW = 1.4
SHORT_BELOW = 2.6
DEMONSTRATIVE_BELOW = 3.0

# Chat words and the words of a fact sheet that mean them.
BOOKISH = {
    "いくつ": "年齢",
    "何歳": "年齢",
    "嫌い": "苦手",
    "おじいさん": "祖父",
    "おばあさん": "祖母",
    "お兄さん": "兄の",
    "お父さん": "父は",
    "お母さん": "母は",
    "ご両親": "両親",
    "ペット": "飼って",
    "友達": "親友",
}


def dependence(query: str) -> Dependence:
    """How much a question leans on the turns before it."""
    if NEW_TOPIC.search(query):
        return "new_topic"
    weight = _content_weight(query)
    if weight < ELLIPTIC_BELOW:
        return "elliptic"
    if DEMONSTRATIVE.search(query):
        return "elliptic" if weight < DEMONSTRATIVE_BELOW else "short"
    return "short" if weight < SHORT_BELOW else "complete"


def _content_weight(query: str) -> float:
    rest = FORM.sub("", INTERROGATIVE.sub("", DEMONSTRATIVE.sub("", letters(query))))
    return sum(HIRAGANA_WEIGHT if "\u3040" <= letter <= "\u309f" else 1.0 for letter in rest)


def letters(text: str) -> str:
    """NFKC, lower case, letters and digits only."""
    return re.sub(r"[^\w]", "", unicodedata.normalize("NFKC", text)).lower()


def bigrams(text: str) -> frozenset[str]:
    """Pairs of neighbouring letters."""
    row = letters(text)
    return frozenset(row[start : start + 2] for start in range(len(row) - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalIndex:
    """Shared letter pairs, rare pairs weighing more: finds names and numbers vectors blur.

    `passages` are the pairs of each passage; `weights` are ln(1 + n / passages with the pair) over
    ln(1 + n), so that a pair found in one passage only weighs 1 on a card of any size.
    """

    passages: tuple[frozenset[str], ...]
    weights: dict[str, float]

    def scores(self, query: str) -> NDArray[np.float64]:
        """(n,) scores, 0 where nothing is shared."""
        wanted = bigrams(query)
        for spoken, bookish in BOOKISH.items():
            if spoken in query:
                wanted |= bigrams(bookish)
        return np.array(
            [
                sum(self.weights[pair] for pair in wanted & pairs) / max(len(pairs), 1) ** 0.3
                for pairs in self.passages
            ],
            dtype=np.float64,
        )


def build_lexical_index(passages: Sequence[str]) -> LexicalIndex:
    """The letter pairs of `passages`, in their order."""
    pairs = tuple(bigrams(passage) for passage in passages)
    counts = Counter(pair for passage in pairs for pair in passage)
    unique = math.log(1 + len(pairs))
    weights = {pair: math.log(1 + len(pairs) / count) / unique for pair, count in counts.items()}
    return LexicalIndex(passages=pairs, weights=weights)
