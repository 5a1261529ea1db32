"""Drawing the next token, and turning tokens into text that never shows half a character."""

import torch
from transformers import PreTrainedTokenizerBase

from persona.engine import Sampling


class Sampler:
    """Draws tokens of one reply with its own random generator."""

    def __init__(self, sampling: Sampling, token_ids: torch.Tensor) -> None:
        """token_ids: [rows] int64, the token id of every row of the logits, on the CPU."""
        self._sampling = sampling
        self._token_ids = token_ids
        self._generator = torch.Generator().manual_seed(sampling.seed)
        self._seen: list[int] = []

    def draw(self, logits: torch.Tensor) -> int:
        """The id of the next token. logits [rows] fp32 on the CPU; changed in place."""
        row = self._draw_row(logits)
        self._seen.append(row)
        return int(self._token_ids[row])

    def _draw_row(self, logits: torch.Tensor) -> int:
        sampling = self._sampling
        if sampling.repetition_penalty != 1 and self._seen:
            seen = torch.tensor(self._seen)
            values = logits[seen]
            penalty = sampling.repetition_penalty
            logits[seen] = torch.where(values > 0, values / penalty, values * penalty)
        if sampling.temperature == 0:
            return int(logits.argmax())
        count = sampling.top_k or logits.shape[0]
        best, rows = torch.topk(logits, min(count, logits.shape[0]))
        probabilities = torch.softmax(best / sampling.temperature, dim=0)
        if sampling.top_p < 1:
            # A token stays while the mass before it is below top_p, so at least one always does.
            before = probabilities.cumsum(0) - probabilities
            probabilities[before >= sampling.top_p] = 0
        choice = torch.multinomial(probabilities, 1, generator=self._generator)
        return int(rows[choice])


class ReplyText:
    """The text of a growing reply.

    White space at either end is no part of it, and neither is a character whose bytes have not all
    arrived.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._text = ""

    @property
    def text(self) -> str:
        """All text that is certain so far."""
        return self._text

    @property
    def tokens(self) -> int:
        """Tokens received."""
        return len(self._tokens)

    def add(self, token: int) -> str:
        """Take one more token; returns the text it makes certain, often empty."""
        self._tokens.append(token)
        decoded: str = self._tokenizer.decode(
            self._tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        certain = decoded.partition("\ufffd")[0].strip()
        if not certain.startswith(self._text):
            return ""  # a tokenizer that rewrites earlier text: wait until it agrees again
        delta = certain[len(self._text) :]
        self._text = certain
        return delta
