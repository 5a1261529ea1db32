"""The evaluator `zero-shot`: the frozen base model itself is asked, without any fitting.

For every impression the model reads the talk, the reply and an instruction, and its next token's
probabilities say which number from 0 to 10 it would write. Source: the evaluator without
fine-tuning of "RLAIF for dialogue impressions" (NLP2025), the floor that every other one has to
beat.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from persona.base_model import LoadedModel
from persona.repeated_cache import states_after
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Unscored, assess_each
from rlaif.follow_up_likelihood import MAX_CONTEXT_TOKENS, SPEAKERS, one_line
from rlaif.metrics import METRIC_KEYS, METRICS, SCALE

_NUMBERS = tuple(range(int(SCALE[0]), int(SCALE[1]) + 1))
_INSTRUCTIONS: Mapping[str, str] = {
    m.key: f"\n客の感想。「{m.item}」にどれだけ同意するか、0から10の点数：" for m in METRICS
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numerals:
    """How the tokenizer writes the numbers 0 to 9, and 10: as one token, or as two."""

    digits: tuple[int, ...]
    ten: tuple[int, ...]


class ZeroShotEvaluator:
    """Reads the numbers' probabilities; changes nothing in the model. For one thread.

    A value is the mean of 0..10, each weighed by its probability among the eleven; the spread is
    the deviation of the same distribution, in points.
    """

    kind: Literal["zero-shot"] = "zero-shot"

    def __init__(self, loaded: LoadedModel) -> None:
        """Raises EvaluatorError when the tokenizer does not write digits as single tokens."""
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._base = loaded.sha256
        self._numerals = _numerals(self._tokens)
        rows = [self._tokens(_INSTRUCTIONS[key]) for key in METRIC_KEYS]
        # Behind each instruction stands a 1: what follows it tells 10 from 1.
        one = self._numerals.digits[1]
        width = max(map(len, rows)) + 1
        self._ends = torch.tensor([len(row) - 1 for row in rows])
        self._ids = torch.zeros((len(rows), width), dtype=torch.long)
        self._read = torch.zeros((len(rows), width), dtype=torch.bool)
        for index, row in enumerate(rows):
            self._ids[index, : len(row) + 1] = torch.tensor([*row, one])
            self._read[index, : len(row) + 1] = True

    @property
    def id(self) -> str:
        """Kind, base model, and hash of the instructions."""
        told = json.dumps([_INSTRUCTIONS, SPEAKERS, MAX_CONTEXT_TOKENS], ensure_ascii=False)
        return f"zero-shot:{self._base[:12]}:{hashlib.sha256(told.encode()).hexdigest()[:12]}"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order; a blank reply is unscored."""
        return assess_each(self._assess, dialogues, report)

    def _assess(self, dialogue: Dialogue) -> Assessment | Unscored:
        if not dialogue.reply.strip():
            return Unscored(reason="the reply is blank")
        chances = self._chances(dialogue)
        if not bool(torch.isfinite(chances).all()):
            return Unscored(reason="the base model gave no finite likelihood")
        points = torch.tensor(_NUMBERS, dtype=torch.float64)
        means = chances @ points
        spread = (chances @ points.square() - means.square()).clamp_min(0).sqrt()
        low, high = SCALE
        return Assessment(
            values={
                key: min(max(value, low), high)
                for key, value in zip(METRIC_KEYS, means.tolist(), strict=True)
            },
            spread=dict(zip(METRIC_KEYS, spread.tolist(), strict=True)),
        )

    @torch.inference_mode()
    def _chances(self, dialogue: Dialogue) -> torch.Tensor:
        """[12, 11] fp64: probability of each number as the answer to each instruction."""
        prefix = self._context_tokens(dialogue)
        _, states = states_after(self._model, prefix, self._ids, self._read)
        row = torch.arange(len(states))
        asked = self._log_p(states[row, self._ends])
        after_one = self._log_p(states[row, self._ends + 1])
        return _number_chances(asked, after_one, self._numerals)

    def _log_p(self, states: torch.Tensor) -> torch.Tensor:
        """[rows, vocabulary] fp64 log p given states [rows, width]."""
        head = self._model.get_output_embeddings()
        logits: torch.Tensor = head(states).float().cpu()
        cap = self._model.config.get_text_config().to_dict().get("final_logit_softcapping")
        if cap is not None:
            logits = torch.tanh(logits / cap) * cap
        return logits.double().log_softmax(-1)

    def _context_tokens(self, dialogue: Dialogue) -> list[int]:
        # The base model is no chat model: it goes on with a transcript better than with a template.
        facts = "".join(f"覚え書き「{one_line(fact)}」\n" for fact in dialogue.facts)
        turns = "".join(f"{SPEAKERS[t.role]}「{one_line(t.content)}」\n" for t in dialogue.turns)
        text = f"{facts}{turns}{SPEAKERS['assistant']}「{one_line(dialogue.reply)}」"
        first = self._tokenizer.bos_token_id
        tokens = self._tokens(text)[-MAX_CONTEXT_TOKENS:]
        return tokens if first is None else [first, *tokens]

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return tokens


def _number_chances(
    asked: torch.Tensor, after_one: torch.Tensor, numerals: _Numerals
) -> torch.Tensor:
    """[rows, 11] probabilities of 0..10 among themselves, from log p of the token after the
    instruction and of the token after a 1."""
    digits = asked[:, list(numerals.digits)]
    if len(numerals.ten) == 1:
        numbers = torch.cat([digits, asked[:, list(numerals.ten)]], dim=1)
        return numbers.softmax(-1)
    follows = after_one[:, numerals.ten[1]].exp()
    ten = digits[:, 1] + after_one[:, numerals.ten[1]]
    digits = digits.clone()
    digits[:, 1] += torch.log1p(-follows.clamp_max(1 - 1e-12))
    return torch.cat([digits, ten[:, None]], dim=1).softmax(-1)


def _numerals(tokens: Callable[[str], list[int]]) -> _Numerals:
    # Behind the colon of an instruction, as they will stand there.
    before = tokens("：")
    written = [tokens(f"：{number}")[len(before) :] for number in _NUMBERS]
    digits, ten = written[:10], tuple(written[10])
    chained = len(ten) == 2 and [ten[0]] == digits[1]
    if any(len(one) != 1 for one in digits) or not (chained or len(ten) == 1):
        raise EvaluatorError(
            "the base model's tokenizer does not write the digits 0 to 9 as one token each; "
            "expected that of 'zero-shot': choose another evaluator"
        )
    return _Numerals(digits=tuple(one[0] for one in digits), ten=ten)
