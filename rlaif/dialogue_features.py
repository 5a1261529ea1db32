"""Whole dialogues as numbers: figures of each side, which short pieces of text each side uses, and
what the base model's token embeddings make of each side's words.

Pieces of one to three characters are counted in hashed buckets: no vocabulary is kept, so heads on
them hold no text of what they were fitted on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack
from sklearn.feature_extraction.text import HashingVectorizer

from persona.engine import Message
from persona.importers.report import Licence
from rlaif.dialogue_figures import dialogue_figures
from rlaif.rated_dialogues import RatedDialogue
from rlaif.token_means import TokenMeans

DIALOGUE_FEATURE_VERSION = 1
"""Counts up with every change of what a column means; heads of another version are refused."""

SIDES = ("user", "assistant")
BUCKETS = 2**13
_BLOCK = 200

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueFeatures:
    """One row per dialogue. figures: [rows, DIALOGUE_FIGURE_NAMES]. pieces: by the order of SIDES,
    sparse [rows, BUCKETS], log(1 + count) of each bucket. states: [rows, S] of the base model, S = 0
    when none was asked; reader: which model and settings they come from, then empty."""

    figures: Floats
    pieces: tuple[csr_array, csr_array]
    states: Floats
    reader: str

    def __len__(self) -> int:
        return len(self.figures)

    def rows(self, places: Sequence[int]) -> "DialogueFeatures":
        """The features of some rows, in that order."""
        index = np.asarray(places, dtype=np.int64)
        rater, rated = self.pieces
        return DialogueFeatures(
            figures=self.figures[index],
            pieces=(rater[index], rated[index]),
            states=self.states[index],
            reader=self.reader,
        )


def dialogue_features(
    data: Sequence[RatedDialogue],
    reader: TokenMeans | None,
    report: Callable[[str, float], None],
) -> DialogueFeatures:
    """Features of all dialogues, deterministic; `report` is told a stage and its share, 0 to 1."""
    figures: list[list[float]] = []
    pieces: tuple[list[csr_array], list[csr_array]] = ([], [])
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        figures += [list(dialogue_figures(one).values()) for one in block]
        for side, parts in zip(SIDES, pieces, strict=True):
            parts.append(_pieces([_text(one, side) for one in block]))
        report("figures of dialogues", len(figures) / len(data))
    states = np.zeros((len(data), 0), dtype=np.float32)
    if reader is not None and data:
        states = reader.read(data, lambda done: report("words of dialogues", done / len(data)))
    width = len(DIALOGUE_FIGURE_NAMES)
    return DialogueFeatures(
        figures=np.array(figures, dtype=np.float32).reshape(-1, width),
        pieces=(_stacked(pieces[0]), _stacked(pieces[1])),
        states=states,
        reader="" if reader is None else reader.identity,
    )


def _pieces(texts: Sequence[str]) -> csr_array:
    hashing = HashingVectorizer(
        analyzer="char",
        ngram_range=(1, 3),
        n_features=BUCKETS,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    counts = csr_array(hashing.transform(texts))
    counts.data = np.log1p(counts.data)
    return counts


def _stacked(parts: Sequence[csr_array]) -> csr_array:
    if not parts:
        return csr_array((0, BUCKETS), dtype=np.float32)
    return csr_array(vstack(parts, format="csr"))


def _text(dialogue: RatedDialogue, role: str) -> str:
    return "\n".join(m.content for m in dialogue.messages if m.role == role)


def _figure_names() -> tuple[str, ...]:
    example = RatedDialogue(
        group="",
        messages=(Message(role="user", content="-"), Message(role="assistant", content="-")),
        rater="",
        system="",
        ratings={},
        licence=Licence(name="", may_train=True, notice=""),
    )
    return tuple(dialogue_figures(example))


DIALOGUE_FIGURE_NAMES: tuple[str, ...] = _figure_names()
"""Names in the order of the columns."""
