"""A Gemma 3 of some 200,000 weights that has learnt the small world's language in a minute."""

import copy
import json
import random
from hashlib import sha256
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, normalizers
from torch.nn.functional import cross_entropy
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from persona.base_model import LoadedModel
from persona.card import Card
from persona.prompt import build_messages, system_text
from persona.sft_batch import IGNORED, EncodedRow, encode_row
from rlaif.publish import ServedBase
from tests.benchmarks.small_world import beginner_line, words
from tests.persona.tiny_model import TARGETS, tiny_tokenizer

BASE_SHA256 = sha256(b"small world").hexdigest()
MAX_TOKENS = 256
_RANK = 8
_LINES = 5000
_RATE = 6e-3


def tokenizer_of(card: Card) -> PreTrainedTokenizerFast:
    """One piece per word, the card's system turn a single one; what is unknown falls to bytes."""
    letters = [*(chr(c) for c in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD))), "目", "印"]
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    whole = ["\n", "system", "user", "assistant", system_text(card), *words()]
    scores = dict.fromkeys(special, 0.0) | {f"<0x{b:02X}>": -20.0 for b in range(256)}
    scores |= dict.fromkeys(letters, -10.0) | dict.fromkeys(whole, -1.0)
    backend = Tokenizer(models.Unigram(list(scores.items()), unk_id=3, byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens(["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"
    )
    tokenizer.chat_template = tiny_tokenizer().chat_template
    return tokenizer


class SmallModel:
    """The trained base; `loaded` gives a fresh copy each time, as loading from disk would."""

    def __init__(self, card: Card, *, steps: int, kept: Path | None = None) -> None:
        """Train the base on what beginners say, or take it from `kept`, where it is left.

        Takes most of a minute at 700 steps.
        """
        torch.manual_seed(11)
        self._card = card
        self.tokenizer = tokenizer_of(card)
        config = Gemma3TextConfig(
            vocab_size=len(self.tokenizer), hidden_size=64, intermediate_size=128,
            num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
            query_pre_attn_scalar=16, sliding_window=MAX_TOKENS,
            layer_types=["full_attention"] * 3, max_position_embeddings=MAX_TOKENS,
            tie_word_embeddings=False, pad_token_id=0, eos_token_id=1, bos_token_id=2,
        )  # fmt: skip
        self._model = Gemma3ForCausalLM(config).float()
        if kept is not None and kept.exists():
            self._model.load_state_dict(torch.load(kept, weights_only=True))
        else:
            self._teach(steps)
            if kept is not None:
                torch.save(self._model.state_dict(), kept)
        self._model.eval()

    def loaded(self) -> LoadedModel:
        return LoadedModel(
            model=copy.deepcopy(self._model),
            tokenizer=self.tokenizer,
            sha256=BASE_SHA256,
            folder="small",
            dtype=torch.float32,
            quantization="none",
        )

    def served_base(self) -> ServedBase:
        shapes = {
            name: (module.out_features, module.in_features)
            for name, module in self._model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        return ServedBase(sha256=BASE_SHA256, shapes=shapes)

    def write_anchor(self, folder: Path) -> Path:
        """A LoRA that changes nothing yet: the beginner is the anchor."""
        torch.manual_seed(5)
        lora = LoraConfig(r=_RANK, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM")
        get_peft_model(copy.deepcopy(self._model), lora).save_pretrained(folder)
        digest = sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
        manifest = {"id": folder.name, "sha256": digest, "base_sha256": BASE_SHA256}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    def encode(self, user: str, reply: str, facts: tuple[str, ...] = ()) -> EncodedRow:
        """One exchange as the engine would see it."""
        messages = build_messages(self._card, (), user, facts)
        return encode_row(self.tokenizer, messages, reply, MAX_TOKENS)

    def _teach(self, steps: int) -> None:
        rng = random.Random("beginner")
        lines = [beginner_line(rng) for _ in range(_LINES)]
        rows = [self.encode(line.user, line.reply, line.facts) for line in lines]
        optimiser = torch.optim.AdamW(self._model.parameters(), lr=_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        for _ in range(steps):
            ids, labels = padded(rng.sample(rows, 64))
            logits = self._model(input_ids=ids).logits
            loss = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            optimiser.step()
            schedule.step()


def padded(rows: list[EncodedRow]) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, labels), both [rows, longest]; right padding carries no label."""
    width = max(len(row.input_ids) for row in rows)
    ids = torch.tensor([[*row.input_ids, *[0] * (width - len(row.input_ids))] for row in rows])
    labels = torch.tensor(
        [[*row.labels(), *[IGNORED] * (width - len(row.input_ids))] for row in rows]
    )
    return ids, labels


def reply_nats(model: torch.nn.Module, rows: list[EncodedRow]) -> tuple[torch.Tensor, torch.Tensor]:
    """Negative log-likelihood of each row's reply in nats [rows], and its tokens [rows]."""
    totals, counts = [], []
    with torch.no_grad():
        for start in range(0, len(rows), 128):
            ids, labels = padded(rows[start : start + 128])
            logits = model(input_ids=ids).logits
            nats = cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none"
            ).view(labels.shape)
            totals.append(nats.sum(1))
            counts.append((labels != IGNORED).sum(1))
    return torch.cat(totals), torch.cat(counts)
