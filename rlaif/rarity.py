"""How unlike the others a text is: the rarity that decides among replies above the bar.

Source: DivPO (arXiv 2501.18101): the rarest good reply is chosen, the commonest bad one rejected.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping


def letters(text: str) -> str:
    """Letters and digits alone, widths and case folded."""
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKC", text).lower()
        if unicodedata.category(letter)[0] in "LN"
    )


def grams(text: str, size: int) -> frozenset[str]:
    """Character n-grams of the letters; the letters themselves when they are fewer than `size`."""
    kept = letters(text)
    if len(kept) <= size:
        return frozenset({kept}) if kept else frozenset()
    return frozenset(kept[at : at + size] for at in range(len(kept) - size + 1))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Shared over all members, in 0..1; two empty sets are alike."""
    everything = len(first | second)
    return len(first & second) / everything if everything else 1.0


def rarity_by_grams(texts: Mapping[str, str], *, size: int = 3) -> dict[str, float]:
    """Mean surprise in bits of a text's n-grams over all texts: 0 where all say the same.

    `texts` by id. A text counts as often as it was said, so that a stock reply that fits many
    turns is common even where it is the odd one out within its own turn.
    """
    sets = {key: grams(text, size) for key, text in texts.items()}
    frequency = Counter(gram for members in sets.values() for gram in members)
    return {
        key: sum(-math.log2(frequency[gram] / len(texts)) for gram in members) / len(members)
        if members
        else 0.0
        for key, members in sets.items()
    }
