"""Pairs of texts that say nearly the same, without comparing all with all."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import ceil


def near_duplicates(
    texts: Sequence[str], *, threshold: float, size: int = 2
) -> list[tuple[int, int]]:
    """Index pairs (a < b) whose sets of character n-grams overlap by Jaccard >= threshold.

    threshold in (0, 1]; n-grams of `size` letters and digits, marks and spaces left out.

    Source: prefix filtering as in Bayardo, Ma, Srikant, "Scaling Up All Pairs Similarity Search"
    (WWW 2007): sets that alike must share one of their rarest n-grams.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold}; expected a number in (0, 1]")
    grams = [_grams(text, size) for text in texts]
    frequency = Counter(gram for entry in grams for gram in entry)
    seen: dict[str, list[int]] = defaultdict(list)
    pairs: list[tuple[int, int]] = []
    for here, entry in enumerate(grams):
        rarest = sorted(entry, key=lambda gram: (frequency[gram], gram))
        # Two sets overlapping by t share at least t * |set| members, so fewer than that many
        # can be skipped before one of the shared ones must come.
        prefix = rarest[: len(entry) - ceil(threshold * len(entry)) + 1]
        for other in sorted({index for gram in prefix for index in seen[gram]}):
            common = len(entry & grams[other])
            if common >= threshold * (len(entry) + len(grams[other]) - common):
                pairs.append((other, here))
        for gram in prefix:
            seen[gram].append(here)
    return pairs


def _grams(text: str, size: int) -> frozenset[str]:
    """n-grams of the letters and digits; the bare text when it is shorter than one n-gram."""
    kept = "".join(
        letter
        for letter in unicodedata.normalize("NFKC", text).lower()
        if unicodedata.category(letter)[0] in "LN"
    )
    if len(kept) <= size:
        return frozenset({kept or text})
    return frozenset(kept[at : at + size] for at in range(len(kept) - size + 1))
