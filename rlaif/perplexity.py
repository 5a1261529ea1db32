"""How likely an adapter finds replies that people wrote: the figure that breaks before the voice does.

Perplexity is exp of nats over tokens. Rows are given as cases so that the gates can compare two
adapters row by row; the first column every row shares is read once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from persona.base_model import LoadedModel
from persona.card import Card
from persona.dialogues import DialogueRow
from persona.lora_bank import LoraBank
from persona.prompt import build_messages
from persona.sft_batch import IGNORED, EncodedRow, SharedPrefixCollator, encode_row
from persona.sft_trainer import reply_states
from rlaif.gate_statistics import Case
from rlaif.preference_head import head_log_probs

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerplexitySettings:
    """batch_size rows go together, 1 or more; a row of more than max_tokens is refused."""

    batch_size: int = 32
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; expected 1 or more")
        if self.max_tokens < 2:
            raise ValueError(f"max_tokens is {self.max_tokens}; expected 2 or more")


def reply_nats(
    loaded: LoadedModel,
    adapter: Path | None,
    card: Card,
    rows: Sequence[DialogueRow],
    *,
    settings: PerplexitySettings | None = None,
    report: Report | None = None,
) -> list[Case]:
    """Per row its reply's negative log-likelihood (value, nats) and tokens (weight), in order.

    The prompt is the one of the chat, the tokens of a reply include the end of its turn. `adapter`
    is a folder, None the bare base model. Nobody else may use the model meanwhile; it is given
    back as it was. A broken adapter may give values that are no numbers. Raises AdapterError when
    the folder is refused, TrainingError when a row is too long.
    """
    settings = settings or PerplexitySettings()
    encoded = [
        encode_row(
            loaded.tokenizer,
            build_messages(card, row.history, row.user, row.facts),
            row.reply,
            settings.max_tokens,
        )
        for row in rows
    ]
    # The collator sorts by length; sorted beforehand its order is known.
    order = sorted(range(len(rows)), key=lambda at: len(encoded[at].input_ids))
    nats: dict[int, tuple[float, int]] = {}
    with _speaking(loaded, adapter), torch.inference_mode():
        for start in range(0, len(order), settings.batch_size):
            batch = order[start : start + settings.batch_size]
            found = _batch_nats(loaded, [encoded[at] for at in batch])
            nats.update(zip(batch, found, strict=True))
            if report is not None:
                report(len(nats), len(rows))
    return [
        Case(id=row.id, topic=row.topic, value=nats[at][0], weight=float(nats[at][1]))
        for at, row in enumerate(rows)
    ]


@contextmanager
def _speaking(loaded: LoadedModel, adapter: Path | None) -> Iterator[None]:
    """The model with the adapter's update added to every Linear, and without it afterwards."""
    bank = LoraBank(loaded.model, base_sha256=loaded.sha256, max_resident=1)
    try:
        if adapter is not None:
            bank.register(adapter.name, adapter)
            bank.acquire(adapter.name)
            bank.select(adapter.name)
        yield
    finally:
        bank.unwrap()


def _batch_nats(loaded: LoadedModel, rows: Sequence[EncodedRow]) -> list[tuple[float, int]]:
    model = loaded.model
    collate = SharedPrefixCollator(pad_token_id=0)
    inputs = {name: tensor.to(model.device) for name, tensor in collate(rows).items()}
    hidden, targets = reply_states(model, inputs)
    cap = model.config.get_text_config().to_dict().get("final_logit_softcapping")
    scores = head_log_probs(hidden, model.get_output_embeddings().weight, targets, cap)
    counts = [sum(label != IGNORED for label in row.labels()) for row in rows]
    return [
        (-float(part.sum()), count)
        for part, count in zip(torch.split(scores, counts), counts, strict=True)
    ]
