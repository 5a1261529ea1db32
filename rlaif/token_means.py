"""What the base model's token embeddings say of whole dialogues: their mean over each side's words.

No layer is run, so that a dialogue costs milliseconds. Means of hidden states told no more
(docs/evaluators.md).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from persona.base_model import LoadedModel
from rlaif.rated_dialogues import RatedDialogue

Floats = NDArray[np.float32]

_SIDES = ("user", "assistant")


class TokenMeans:
    """Reads dialogues with the embeddings of a base model, which stays as it is. Deterministic; no
    row depends on another."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._tokenizer = loaded.tokenizer
        embeddings: torch.Tensor = loaded.model.get_input_embeddings().weight
        self._embeddings = embeddings.detach()
        self.identity = f"token means {loaded.sha256}"
        self.width = len(_SIDES) * int(self._embeddings.shape[1])

    def read(self, data: Sequence[RatedDialogue], report: Callable[[int], None]) -> Floats:
        """[rows, width], the rater's mean, then the rated one's; zeros for a side that says nothing.
        `report` is told how many rows are done."""
        rows = np.zeros((len(data), self.width), dtype=np.float32)
        for n, one in enumerate(data):
            rows[n] = np.concatenate([self._mean(one, side) for side in _SIDES])
            report(n + 1)
        return rows

    def _mean(self, dialogue: RatedDialogue, role: str) -> Floats:
        ids = [
            token
            for message in dialogue.messages
            if message.role == role
            for token in self._tokenizer.encode(
                message.content.replace("\n", " "), add_special_tokens=False
            )
        ]
        chosen = self._embeddings[torch.tensor(ids, dtype=torch.long)].float()
        mean: Floats = (chosen.sum(0) / max(len(ids), 1)).cpu().numpy()
        return mean
