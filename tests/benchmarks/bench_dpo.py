"""Preference-training speed: our trainer against TRL's stock DPOTrainer, in one run on one machine.

    python -m tests.benchmarks.bench_dpo [--models FOLDER] [--pairs 8] [--batch 4]
                                         [--dtype float32] [--threads N]

Both start from the shipped adapter, take the same pairs in the same batches with the same loss,
learning rate and seed. In fp32 their losses must agree within 1e-4 at every step, or the command
fails: speed at another loss is no speed. In bf16 the sums come in another order, so the gap is only
printed. Our time holds the reference's log-probabilities, which stock computes inside its steps.
Prints JSON.
"""

import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

# Waiting threads sleep instead of spinning; OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import DPOConfig, DPOTrainer

from persona.base_model import LoadedModel, LoadOptions, load_model
from persona.card import SHIPPED_CARD, Card, load_card
from persona.dialogues import DialogueRow, read_card_rows
from persona.engine import Message
from persona.prompt import build_messages
from rlaif.preference import Preference
from rlaif.preference_batch import EncodedPair, build_tree, encode_pair
from rlaif.preference_loss import LossSettings
from rlaif.preference_trainer import (
    PairCollator,
    PreferenceTrainer,
    TrainedPair,
    reference_pairs,
)
from rlaif.train import PreferenceSettings

_TOLERANCE = 1e-4
_END = "<end_of_turn>"
_DULL = ("そうなんですのね。", "よろしいですわね。", "なるほどですわ。", "すてきですわ。")


class _StepClock(TrainerCallback):
    """Seconds of all optimiser steps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._began = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self.seconds += time.perf_counter() - self._began


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One trainer's run. reference_seconds: before the first step, 0 when inside the steps."""

    name: str
    step_seconds: float
    reference_seconds: float
    pairs_per_second: float
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What both trainers do."""

    card: Card
    pairs: tuple[Preference, ...]
    settings: PreferenceSettings
    models: Path
    work: Path
    dtype: torch.dtype
    threads: int

    def load(self) -> LoadedModel:
        loaded = load_model(
            "embedded:gemma-3-270m",
            self.models,
            LoadOptions(quantization="none", threads=self.threads),
        )
        return replace(loaded, model=loaded.model.to(self.dtype), dtype=self.dtype)

    def policy(self, loaded: LoadedModel) -> PeftModel:
        set_seed(self.settings.seed)
        folder = self.card.folder / "adapter"
        return PeftModel.from_pretrained(loaded.model, folder, is_trainable=True)

    def arguments(self) -> DPOConfig:
        return DPOConfig(
            output_dir=str(self.work),
            per_device_train_batch_size=self.settings.batch_pairs,
            num_train_epochs=1,
            learning_rate=self.settings.learning_rate,
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            beta=self.settings.beta,
            loss_type=["sigmoid", "sft"],
            loss_weights=[1.0, self.settings.sft_weight],
            logging_steps=1,
            save_strategy="no",
            seed=self.settings.seed,
            data_seed=self.settings.seed,
            use_cpu=True,
            bf16=self.dtype == torch.bfloat16,
            gradient_checkpointing=False,
            remove_unused_columns=False,
            max_length=None,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )


def _stock_rows(task: _Task, loaded: LoadedModel) -> list[dict[str, str]]:
    rows = []
    for pair in task.pairs:
        messages = build_messages(task.card, pair.turns[:-1], pair.turns[-1].content, pair.facts)
        prompt = loaded.tokenizer.apply_chat_template(
            [{"role": one.role, "content": one.content} for one in messages],
            add_generation_prompt=True,
            tokenize=False,
        )
        rows.append(
            {"prompt": prompt, "chosen": pair.chosen + _END, "rejected": pair.rejected + _END}
        )
    return rows


def _stock(task: _Task, encoded: list[EncodedPair]) -> Measured:
    loaded = task.load()
    # It would add one more token behind the end of the turn.
    loaded.tokenizer.eos_token = _END
    trainer = DPOTrainer(
        model=task.policy(loaded),
        args=task.arguments(),
        train_dataset=Dataset.from_list(_stock_rows(task, loaded)),
        processing_class=loaded.tokenizer,
    )
    for row, pair in zip(trainer.train_dataset, encoded, strict=True):
        start = pair.chosen.reply_start
        theirs = (row["prompt_ids"], row["chosen_ids"], row["rejected_ids"])
        ours = (
            pair.chosen.input_ids[:start],
            pair.chosen.input_ids[start:],
            pair.rejected.input_ids[start:],
        )
        if [list(ids) for ids in theirs] != [list(ids) for ids in ours]:
            raise click.ClickException("the two trainers were given different tokens")
    return _measured("stock DPOTrainer", trainer, len(task.pairs), 0.0)


def _ours(task: _Task, encoded: list[EncodedPair]) -> Measured:
    loaded = task.load()
    model = task.policy(loaded)
    began = time.perf_counter()
    reference = reference_pairs(
        model.eval(),
        encoded,
        max_pack_tokens=task.settings.max_pack_tokens,
        autocast=task.dtype if task.dtype == torch.bfloat16 else None,
    )
    reference_seconds = time.perf_counter() - began
    trainer = PreferenceTrainer(
        model=model,
        args=task.arguments(),
        loss=LossSettings(beta=task.settings.beta, sft_weight=task.settings.sft_weight),
        max_kl=task.settings.max_kl,
        train_dataset=Dataset.from_dict({"index": list(range(len(encoded)))}),
        processing_class=loaded.tokenizer,
        data_collator=PairCollator(
            pairs=[
                TrainedPair(pair=pair, reference=known)
                for pair, known in zip(encoded, reference, strict=True)
            ],
            max_pack_tokens=task.settings.max_pack_tokens,
        ),
    )
    return _measured("ours", trainer, len(task.pairs), reference_seconds)


def _measured(name: str, trainer: DPOTrainer, pairs: int, reference_seconds: float) -> Measured:
    clock = _StepClock()
    trainer.add_callback(clock)
    trainer.remove_callback(PrinterCallback)
    # Every sampler starts from the same state, so that steps hold the same pairs.
    set_seed(trainer.args.seed)
    trainer.train()
    return Measured(
        name=name,
        step_seconds=clock.seconds,
        reference_seconds=reference_seconds,
        pairs_per_second=pairs / (clock.seconds + reference_seconds),
        losses=tuple(entry["loss"] for entry in trainer.state.log_history if "loss" in entry),
    )


def _preference(row: DialogueRow, rejected: str) -> Preference:
    return Preference(
        turn_id=row.id,
        visitor_id="",
        turns=(*row.history, Message(role="user", content=row.user)),
        facts=row.facts,
        chosen_id=f"{row.id}-chosen",
        chosen=row.reply,
        rejected_id=f"{row.id}-rejected",
        rejected=rejected,
        source="seed",
        margin=None,
        disagreement=0.0,
    )


def _pairs(card: Card, count: int) -> tuple[Preference, ...]:
    """The card's replies over dull ones, taken across its file: neighbours are of one kind."""
    everything = read_card_rows(card.folder, "train")
    rows = everything[:: max(1, len(everything) // count)][:count]
    return tuple(_preference(row, _DULL[n % len(_DULL)]) for n, row in enumerate(rows))


@click.command(help=__doc__)
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("~/.local/share/yogeiko/models")
)
@click.option("--pairs", "count", default=8, show_default=True)
@click.option("--batch", "batch_pairs", default=4, show_default=True)
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--threads", default=os.cpu_count() or 1)
def main(models: Path, count: int, batch_pairs: int, dtype: str, threads: int) -> None:
    """Measure and print."""
    card = load_card(SHIPPED_CARD)
    with tempfile.TemporaryDirectory() as work:
        task = _Task(
            card=card,
            pairs=_pairs(card, count),
            settings=replace(PreferenceSettings(), batch_pairs=batch_pairs),
            models=models.expanduser(),
            work=Path(work),
            dtype=torch.float32 if dtype == "float32" else torch.bfloat16,
            threads=threads,
        )
        tokenizer = task.load().tokenizer
        encoded = [encode_pair(tokenizer, card, pair, 1024) for pair in task.pairs]
        ours = _ours(task, encoded)
        stock = _stock(task, encoded)
    gap = max(abs(a - b) for a, b in zip(stock.losses, ours.losses, strict=True))
    rows = [row for pair in encoded for row in (pair.chosen, pair.rejected)]
    answer = {
        "stock": asdict(stock),
        "ours": asdict(ours),
        "ratio": ours.pairs_per_second / stock.pairs_per_second,
        "largest_loss_gap": gap,
        "tolerance": _TOLERANCE,
        "pairs": count,
        "batch_pairs": batch_pairs,
        "dtype": dtype,
        "threads": threads,
        "tokens_of_rows": sum(len(row.input_ids) for row in rows),
        "tokens_of_one_tree": len(build_tree(rows).tokens),
    }
    click.echo(json.dumps(answer, indent=1))
    if dtype == "float32" and gap > _TOLERANCE:
        click.echo("error: the losses differ; the speeds cannot be compared", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
