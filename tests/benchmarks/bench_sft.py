"""Fine-tuning speed: our trainer against TRL's stock SFTTrainer, in one run on one machine.

    python -m tests.benchmarks.bench_sft [--models FOLDER] [--rows 32] [--batch 16] [--json]

Both take the same rows of the card in the same batches, the same LoRA with dropout 0, the same
learning rate and seed, in bf16 on the processor. Their losses must agree at every step, or the
command fails: speed at another loss is no speed. Times are those of the optimiser steps alone.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

# Waiting threads sleep instead of spinning; OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import torch
from datasets import Dataset
from peft import get_peft_model
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig, SFTTrainer

from persona.base_model import LoadedModel, LoadOptions, load_model
from persona.card import SHIPPED_CARD, Card, load_card
from persona.dialogues import DialogueRow, read_card_rows
from persona.prompt import build_messages
from persona.sft import RowCollator, SftSettings, dataset, encode_rows, lora_config
from persona.sft_batch import EncodedRow, SharedPrefixCollator
from persona.sft_trainer import SharedPrefixTrainer

_FIRST_TOLERANCE, _LATER_TOLERANCE = 0.005, 0.02
"""Shares of the loss by which the two may differ: sums of bf16 in another order, at the first step
on equal weights; later on weights that Adam has moved apart, whose first steps follow the signs of
gradients, also of those that are nearly nothing. In fp32 the two agree to 1e-5 (test_sft_batch)."""
_END = "<end_of_turn>"


class _StepClock(TrainerCallback):
    """Seconds of every optimiser step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._began = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self.seconds.append(time.perf_counter() - self._began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One trainer's run; losses are nats per reply token, one a step."""

    name: str
    seconds: float
    rows_per_second: float
    tokens_per_second: float
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What both trainers do. tokens: of all rows, padding left out."""

    card: Card
    rows: Sequence[DialogueRow]
    settings: SftSettings
    models: Path
    work: Path

    def load(self) -> LoadedModel:
        return load_model("embedded:gemma-3-270m", self.models, LoadOptions(quantization="none"))

    def arguments(self, **changes: object) -> SFTConfig:
        return SFTConfig(
            output_dir=str(self.work),
            per_device_train_batch_size=self.settings.batch_rows,
            num_train_epochs=1,
            learning_rate=self.settings.learning_rate,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=1.0,
            logging_steps=1,
            save_strategy="no",
            seed=self.settings.seed,
            data_seed=self.settings.seed,
            use_cpu=True,
            bf16=True,
            gradient_checkpointing=False,
            max_length=None,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **changes,
        )


def _stock(task: _Task) -> tuple[SFTTrainer, list[list[int]]]:
    """TRL's trainer on prompts and completions, and the token ids it makes of them."""
    loaded = task.load()
    pairs = []
    for row in task.rows:
        messages = build_messages(task.card, row.history, row.user, row.facts)
        prompt = loaded.tokenizer.apply_chat_template(
            [{"role": one.role, "content": one.content} for one in messages],
            add_generation_prompt=True,
            tokenize=False,
        )
        pairs.append({"prompt": prompt, "completion": row.reply + _END})
    set_seed(task.settings.seed)
    trainer = SFTTrainer(
        model=loaded.model,
        args=task.arguments(completion_only_loss=True, eos_token=_END),
        train_dataset=Dataset.from_list(pairs),
        processing_class=loaded.tokenizer,
        peft_config=lora_config(task.settings),
    )
    return trainer, [list(ids) for ids in trainer.train_dataset["input_ids"]]


def _ours(task: _Task) -> tuple[SFTTrainer, list[EncodedRow]]:
    loaded = task.load()
    encoded = encode_rows(loaded, task.card, task.rows, task.settings.max_row_tokens)
    set_seed(task.settings.seed)
    trainer = SharedPrefixTrainer(
        model=get_peft_model(loaded.model, lora_config(task.settings)),
        args=task.arguments(
            remove_unused_columns=False, dataset_kwargs={"skip_prepare_dataset": True}
        ),
        train_dataset=dataset(encoded),
        processing_class=loaded.tokenizer,
        data_collator=RowCollator(packer=SharedPrefixCollator(pad_token_id=0)),
    )
    return trainer, encoded


def _measured(name: str, trainer: SFTTrainer, rows: int, tokens: int) -> Measured:
    clock = _StepClock()
    trainer.add_callback(clock)
    trainer.remove_callback(PrinterCallback)
    # Every sampler starts from the same state, so that steps hold the same rows.
    set_seed(trainer.args.seed)
    trainer.train()
    seconds = sum(clock.seconds)
    return Measured(
        name=name,
        seconds=seconds,
        rows_per_second=rows / seconds,
        tokens_per_second=tokens / seconds,
        losses=tuple(entry["loss"] for entry in trainer.state.log_history if "loss" in entry),
    )


def measure(models: Path, rows: int, batch_rows: int) -> tuple[Measured, Measured]:
    """Stock and ours over the first `rows` training rows of the card."""
    card = load_card(SHIPPED_CARD)
    # Taken across the file: neighbours are of one kind and of one length.
    everything = read_card_rows(card.folder, "train")
    chosen = everything[:: max(1, len(everything) // rows)][:rows]
    settings = replace(SftSettings(), dropout=0.0, batch_rows=batch_rows)
    with tempfile.TemporaryDirectory() as work:
        task = _Task(card=card, rows=chosen, settings=settings, models=models, work=Path(work))
        trainer, stock_ids = _stock(task)
        tokens = sum(len(ids) for ids in stock_ids)
        stock = _measured("stock SFTTrainer", trainer, len(chosen), tokens)
        del trainer
        trainer, encoded = _ours(task)
        if [list(row.input_ids) for row in encoded] != stock_ids:
            raise click.ClickException("the two trainers were given different tokens")
        ours = _measured("ours", trainer, len(chosen), tokens)
    return stock, ours


@click.command(help=__doc__)
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("~/.local/share/yogeiko/models")
)
@click.option("--rows", default=32, show_default=True)
@click.option("--batch", "batch_rows", default=SftSettings().batch_rows, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(models: Path, rows: int, batch_rows: int, as_json: bool) -> None:
    """Measure and print."""
    stock, ours = measure(models.expanduser(), rows, batch_rows)
    ratio = ours.tokens_per_second / stock.tokens_per_second
    gaps = [abs(a - b) / a for a, b in zip(stock.losses, ours.losses, strict=True)]
    if as_json:
        answer = {
            "stock": asdict(stock),
            "ours": asdict(ours),
            "ratio": ratio,
            "loss_gap_share": gaps,
        }
        click.echo(json.dumps(answer | {"threads": torch.get_num_threads()}, indent=1))
    else:
        for one in (stock, ours):
            click.echo(
                f"{one.name:17} {one.rows_per_second:6.2f} rows/s {one.tokens_per_second:7.1f} "
                f"tokens/s  losses {' '.join(f'{loss:.4f}' for loss in one.losses)}"
            )
        click.echo(f"ratio {ratio:.2f}x on {torch.get_num_threads()} threads")
        click.echo(
            f"losses differ by {gaps[0]:.2%} at the first step (tolerance {_FIRST_TOLERANCE:.1%}) "
            f"and by up to {max(gaps):.2%} later (tolerance {_LATER_TOLERANCE:.1%})"
        )
    if gaps[0] > _FIRST_TOLERANCE or max(gaps) > _LATER_TOLERANCE:
        click.echo("error: the losses differ; the speeds cannot be compared", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
