"""How likely every follow-up utterance is after a reply, all of them in one pass."""

from collections.abc import Sequence

import torch
from torch.nn.functional import linear

from persona.base_model import LoadedModel
from persona.repeated_cache import states_after
from persona.reply_vocabulary import reply_vocabulary
from rlaif.evaluator import Dialogue

MAX_CONTEXT_TOKENS = 384
"""What is read before a follow-up; a longer conversation loses its beginning. With the longest
line it stays below the 512 positions that Gemma's sliding layers see."""

SPEAKERS = {"user": "客", "assistant": "相手", "system": "客"}
_SLICE_POSITIONS = 128


class FollowUpLikelihood:
    """Reads one conversation and all follow-ups to it with a frozen base model.

    Changes nothing in the model. The keys and values of the conversation are computed once and
    shared by all lines, which run as one padded batch.
    """

    def __init__(self, loaded: LoadedModel, lines: Sequence[str]) -> None:
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        # A line ends where the visitor's turn ends; the mark costs one token and closes the phrase.
        rows = [self._tokens(f"{line}」") for line in lines]
        width = max(map(len, rows))
        self._ids = torch.zeros((len(rows), width), dtype=torch.long)
        self._spoken = torch.zeros((len(rows), width), dtype=torch.bool)
        for index, row in enumerate(rows):
            self._ids[index, : len(row)] = torch.tensor(row)
            self._spoken[index, : len(row)] = True
        self._take_head(loaded)

    @torch.inference_mode()
    def after(self, dialogue: Dialogue) -> torch.Tensor:
        """[lines] fp32: mean log p per token of each line as what the visitor says to the reply."""
        prefix = self._context_tokens(dialogue)
        before, later = states_after(self._model, prefix, self._ids[:, :-1], self._spoken[:, :-1])
        # The conversation's last position predicts the first token of every line.
        opening = before[:, -1:].expand(len(later), -1, -1)
        states = torch.cat([opening, later], dim=1)[self._spoken.to(later.device)]
        log_p = torch.zeros(self._ids.shape)
        log_p[self._spoken] = self._log_p(states)
        return log_p.sum(1) / self._spoken.sum(1)

    def _take_head(self, loaded: LoadedModel) -> None:
        """Keep the head's rows for Japanese and for what the lines are made of.

        Normalising over what can be said in Japanese changes no comparison between lines and makes
        the head a tenth of the work.
        """
        head: torch.Tensor = self._model.get_output_embeddings().weight.detach()
        vocabulary = reply_vocabulary(
            loaded.tokenizer, "japanese", stop_ids=frozenset(), head_rows=len(head)
        )
        targets = self._ids[self._spoken]
        kept = torch.unique(torch.cat([vocabulary.ids, targets]))
        self._head = head[kept.to(head.device)].contiguous()
        self._targets = torch.searchsorted(kept, targets)
        config = self._model.config.get_text_config().to_dict()
        self._soft_cap: float | None = config.get("final_logit_softcapping")

    def _log_p(self, states: torch.Tensor) -> torch.Tensor:
        """[positions] fp32 log p of the lines' tokens given states [positions, width]."""
        parts = []
        for start in range(0, len(states), _SLICE_POSITIONS):
            own = slice(start, start + _SLICE_POSITIONS)
            logits = linear(states[own].to(self._head.dtype), self._head).float().cpu()
            if self._soft_cap is not None:
                logits = torch.tanh(logits / self._soft_cap) * self._soft_cap
            chosen = logits.gather(1, self._targets[own, None])[:, 0]
            parts.append(chosen - logits.logsumexp(-1))
        return torch.cat(parts)

    def _context_tokens(self, dialogue: Dialogue) -> list[int]:
        # The base model is no chat model: it goes on with a transcript better than with a template.
        turns = "".join(f"{SPEAKERS[t.role]}「{one_line(t.content)}」\n" for t in dialogue.turns)
        text = f"{turns}{SPEAKERS['assistant']}「{one_line(dialogue.reply)}」\n客「"
        first = self._tokenizer.bos_token_id
        tokens = self._tokens(text)[-MAX_CONTEXT_TOKENS:]
        return tokens if first is None else [first, *tokens]

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return tokens


def one_line(text: str) -> str:
    """One line in which nobody closes the speech that is being quoted."""
    return " ".join(text.translate({ord("「"): "『", ord("」"): "』"}).split())
