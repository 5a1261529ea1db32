"""Supervised fine-tuning of a card's dialogues into a LoRA adapter (`yogeiko persona train`)."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from trl import SFTConfig

from persona.base_model import LoadedModel
from persona.card import Card
from persona.dialogues import DialogueRow, Split
from persona.durable import file_sha256, published_folder
from persona.errors import TrainingError
from persona.feature_dropout import use_feature_dropout
from persona.prompt import build_messages
from persona.sft_batch import EncodedRow, SharedPrefixCollator, encode_row
from persona.sft_resume import Patience, last_checkpoint
from persona.sft_trainer import SharedPrefixTrainer

Recipe = Literal["default", "seed"]

TARGET_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MANIFEST = "manifest.json"
WEIGHTS = "adapter_model.safetensors"
_SPLITS: tuple[Split, ...] = ("train", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class SftSettings:
    """Hyper-parameters; saved beside the adapter.

    rank and alpha are LoRA's r and lora_alpha (the update is scaled by alpha / rank).
    batch_rows rows make one optimiser step. patience_epochs evaluations without a better
    validation loss stop the run; the best epoch is what is kept.
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    learning_rate: float = 1e-3
    warmup_share: float = 0.05
    epochs: int = 2
    batch_rows: int = 8
    max_row_tokens: int = 1024
    patience_epochs: int = 1
    seed: int = 20250317


def recipe_settings(recipe: Recipe) -> SftSettings:
    """`default` is ours; `seed` is the founding report's: alpha 128 and ten epochs, none skipped."""
    if recipe == "default":
        return SftSettings()
    return replace(SftSettings(), alpha=128, epochs=10, learning_rate=2e-4, patience_epochs=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Told after every optimiser step; losses are nats per reply token, None until known."""

    step: int
    steps: int
    loss: float | None
    validation_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What to train on and where.

    `work_folder` holds checkpoints; the finished adapter appears in `adapters_folder` under its id.
    """

    card: Card
    rows: Sequence[DialogueRow]
    work_folder: Path
    adapters_folder: Path
    settings: SftSettings = field(default_factory=SftSettings)
    report: Callable[[TrainingProgress], None] | None = None


def train(loaded: LoadedModel, run: TrainingRun) -> dict[str, object]:
    """Train, publish the adapter's folder atomically and return its manifest.

    An interrupted run continues from its last epoch when called again with the same work folder,
    settings and data; a finished one is returned as it is. The model keeps the LoRA layers: load
    it anew for anything else. Raises TrainingError when there is nothing to train on or the loss
    is no longer a number.
    """
    settings = run.settings
    encoded = {split: _encode_split(loaded, run, split) for split in _SPLITS}
    fingerprint = _fingerprint(loaded, settings, encoded)
    target = run.adapters_folder / f"{run.card.id}-sft-{fingerprint}"
    finished = _finished(target)
    if finished is not None:
        return finished
    work_folder = run.work_folder / fingerprint
    set_seed(settings.seed)
    base = loaded.model
    if loaded.quantization == "nf4":
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)
        keep_trainable(base)
    model = get_peft_model(base, lora_config(settings))
    use_feature_dropout(model)
    trainer = SharedPrefixTrainer(
        model=model,
        args=_arguments(settings, loaded, work_folder),
        train_dataset=dataset(encoded["train"]),
        eval_dataset=dataset(encoded["validation"]),
        processing_class=loaded.tokenizer,
        data_collator=RowCollator(
            packer=SharedPrefixCollator(pad_token_id=loaded.tokenizer.pad_token_id or 0)
        ),
        callbacks=[_Reporter(run.report), Patience(settings.patience_epochs)],
    )
    # It prints to standard output, which belongs to the command's own answer.
    trainer.remove_callback(PrinterCallback)
    checkpoint = last_checkpoint(work_folder)
    if checkpoint is not None and checkpoint.is_over(settings.patience_epochs):
        set_peft_model_state_dict(model, load_file(checkpoint.best_folder / WEIGHTS))
        history = checkpoint.state.log_history
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
        history = trainer.state.log_history
    manifest = _manifest(loaded, run, target.name, history)
    _publish(model, target, manifest)
    return manifest


def keep_trainable(model: PreTrainedModel) -> None:
    """Stop bitsandbytes from packing 4-bit weights for inference when the first epoch is evaluated.

    It does so on processors with bf16 instructions, and cannot go backward through them after.
    """
    for module in model.modules():
        if "support_avx512bf16_for_cpu" in vars(module):
            module.support_avx512bf16_for_cpu = False


def _encode_split(loaded: LoadedModel, run: TrainingRun, split: Split) -> list[EncodedRow]:
    rows = [row for row in run.rows if row.split == split]
    if not rows:
        raise TrainingError(
            f"the data hold no {split} rows; expected training and validation rows: "
            "see `yogeiko persona check`"
        )
    return encode_rows(loaded, run.card, rows, run.settings.max_row_tokens)


def _finished(target: Path) -> dict[str, object] | None:
    """The manifest of an adapter that is already there, whole."""
    if not (target / MANIFEST).is_file() or not (target / WEIGHTS).is_file():
        return None
    manifest: dict[str, object] = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    return manifest if manifest["sha256"] == file_sha256(target / WEIGHTS) else None


def lora_config(settings: SftSettings) -> LoraConfig:
    """LoRA on attention and feed-forward, as in the founding report."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(TARGET_MODULES),
        task_type="CAUSAL_LM",
    )


def encode_rows(
    loaded: LoadedModel, card: Card, rows: Sequence[DialogueRow], max_tokens: int
) -> list[EncodedRow]:
    """Rows as the engine would see them: the same messages, the same template."""
    return [
        encode_row(
            loaded.tokenizer,
            build_messages(card, row.history, row.user, row.facts),
            row.reply,
            max_tokens,
        )
        for row in rows
    ]


def dataset(rows: Sequence[EncodedRow]) -> Dataset:
    """Rows as the trainer wants them; `RowCollator` turns them back."""
    return Dataset.from_dict(
        {
            "input_ids": [list(row.input_ids) for row in rows],
            "reply_start": [row.reply_start for row in rows],
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCollator:
    """Dataset records to packed tensors."""

    packer: SharedPrefixCollator

    def __call__(self, records: list[dict[str, object]]) -> dict[str, torch.Tensor]:
        rows = [
            EncodedRow(
                input_ids=tuple(record["input_ids"]),  # type: ignore[arg-type]
                reply_start=int(str(record["reply_start"])),
            )
            for record in records
        ]
        return self.packer(rows)


class _Reporter(TrainerCallback):
    def __init__(self, report: Callable[[TrainingProgress], None] | None) -> None:
        self._report = report
        self._loss: float | None = None
        self._validation_loss: float | None = None

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        logs = logs or {}
        self._loss = logs.get("loss", self._loss)
        self._validation_loss = logs.get("eval_loss", self._validation_loss)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if self._report is not None:
            self._report(
                TrainingProgress(
                    step=state.global_step,
                    steps=state.max_steps,
                    loss=self._loss,
                    validation_loss=self._validation_loss,
                )
            )


def _arguments(settings: SftSettings, loaded: LoadedModel, work_folder: Path) -> SFTConfig:
    return SFTConfig(
        output_dir=str(work_folder),
        per_device_train_batch_size=settings.batch_rows,
        per_device_eval_batch_size=settings.batch_rows,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_share,
        weight_decay=0.0,
        max_grad_norm=1.0,
        logging_steps=5,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        bf16=loaded.dtype == torch.bfloat16,
        gradient_checkpointing=False,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _fingerprint(
    loaded: LoadedModel, settings: SftSettings, encoded: dict[Split, list[EncodedRow]]
) -> str:
    """Names a run by all that decides its weights; card, prompt and template are in the tokens."""
    digest = hashlib.sha256(
        json.dumps([loaded.sha256, loaded.quantization, asdict(settings)]).encode()
    )
    for rows in encoded.values():
        digest.update(json.dumps([asdict(row) for row in rows]).encode())
    return digest.hexdigest()[:12]


def data_sha256(rows: Sequence[DialogueRow]) -> str:
    """Hex SHA-256 over all rows' content, in their order."""
    content = json.dumps([asdict(row) for row in rows], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _manifest(
    loaded: LoadedModel, run: TrainingRun, adapter: str, history: list[dict[str, float]]
) -> dict[str, object]:
    evaluations = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    return {
        "id": adapter,
        "kind": "sft",
        "card": run.card.id,
        "base_sha256": loaded.sha256,
        "data_sha256": data_sha256(run.rows),
        "rows": {split: sum(row.split == split for row in run.rows) for split in _SPLITS},
        "settings": asdict(run.settings),
        "quantization": loaded.quantization,
        "metrics": {
            "validation_loss_per_epoch": [round(loss, 4) for loss in evaluations],
            "best_validation_loss": round(min(evaluations), 4),
            "last_training_loss": round(losses[-1], 4) if losses else None,
        },
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _publish(model: PeftModel, target: Path, manifest: dict[str, object]) -> None:
    """Weights as bf16 safetensors, PEFT's config, and last the manifest with the weights' hash."""
    weights = {
        name: tensor.detach().to(torch.bfloat16).contiguous().cpu()
        for name, tensor in get_peft_model_state_dict(model).items()
    }
    # The manifest names the base by its hash; a path on the trainer's machine is nobody's business.
    config = replace(model.peft_config["default"], base_model_name_or_path=None)
    target.parent.mkdir(parents=True, exist_ok=True)
    with published_folder(target) as folder:
        config.save_pretrained(folder)
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        manifest["sha256"] = file_sha256(folder / WEIGHTS)
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")
