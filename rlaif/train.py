"""Preference training of one night: from the SFT anchor to a published adapter."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import torch
from datasets import Dataset
from peft import PeftModel, prepare_model_for_kbit_training
from peft.utils import set_peft_model_state_dict
from safetensors.torch import load_file
from torch import nn
from transformers import PrinterCallback, set_seed
from trl import DPOConfig

from persona.adapter_folder import read_adapter
from persona.base_model import LoadedModel
from persona.card import Card
from persona.durable import file_sha256, folder_lock
from persona.errors import AdapterError
from persona.sft import MANIFEST, WEIGHTS
from persona.sft_resume import last_checkpoint
from rlaif.errors import PreferenceTrainingError, TrainingStoppedError
from rlaif.preference_batch import EncodedPair, encode_pair
from rlaif.preference_loss import LossSettings
from rlaif.preference_trainer import (
    PairCollator,
    PreferenceTrainer,
    TrainedPair,
    reference_pairs,
)
from rlaif.publish_adapter import publish_adapter
from rlaif.training_pairs import TrainingPair, choose_replay
from rlaif.training_watch import PreferenceProgress, TrainingWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceSettings:
    """Hyper-parameters; saved beside the adapter.

    batch_pairs pairs make one optimiser step. replay_share (0..1) is the least share of seed pairs
    among all, safety_pairs the least number of those about safety. max_kl (nats per token) is the
    distance from the anchor at which a run counts as diverged. A checkpoint is written every
    checkpoint_steps steps.
    """

    beta: float = 0.1
    sft_weight: float = 1.0
    learning_rate: float = 5e-5
    warmup_share: float = 0.1
    epochs: int = 1
    batch_pairs: int = 8
    replay_share: float = 0.2
    safety_pairs: int = 8
    max_row_tokens: int = 1024
    max_pack_tokens: int = 2048
    max_kl: float = 2.0
    checkpoint_steps: int = 8
    seed: int = 20250317

    def __post_init__(self) -> None:
        if not 0 <= self.replay_share < 1:
            raise ValueError(f"replay_share is {self.replay_share}; expected 0 up to below 1")
        LossSettings(beta=self.beta, sft_weight=self.sft_weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Whose night this was. date: YYYY-MM-DD. active: the adapter that was deployed, None for none.
    details go into the manifest as they are, such as the evaluator's id."""

    date: str
    active: str | None = None
    details: Mapping[str, str | Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRun:
    """What to train on and where.

    The policy starts from the adapter in `anchor_folder`, which is also the reference. Of
    `replay_pairs` as many are drawn as the settings ask for. `work_folder` holds checkpoints and
    steps.jsonl; the finished adapter appears in `adapters_folder` under its id. `should_stop` is
    asked after every step.
    """

    card: Card
    anchor_folder: Path
    pairs: Sequence[TrainingPair]
    replay_pairs: Sequence[TrainingPair]
    work_folder: Path
    adapters_folder: Path
    lineage: Lineage
    settings: PreferenceSettings = field(default_factory=PreferenceSettings)
    report: Callable[[PreferenceProgress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A run with all that decides its weights made plain."""

    pairs: tuple[TrainingPair, ...]
    replay: tuple[TrainingPair, ...]
    encoded: tuple[EncodedPair, ...]
    anchor: Mapping[str, object]
    fingerprint: str
    adapter: str


def train_preferences(loaded: LoadedModel, run: PreferenceRun) -> dict[str, object]:
    """Train, publish the adapter's folder atomically and return its manifest.

    An interrupted run continues from its last checkpoint when called again with the same work
    folder, settings and pairs, and ends with the same weights; a finished one is returned as it is.
    The model keeps the LoRA layers: load it anew for anything else.
    Raises TrainingStoppedError after `should_stop` said so (a checkpoint is kept) and
    PreferenceTrainingError when there is nothing to train on, the anchor does not fit the base or
    training diverged; nothing is published then.
    """
    plan = _plan(loaded, run)
    target = run.adapters_folder / plan.adapter
    with folder_lock(run.work_folder):
        finished = _finished(target)
        if finished is not None:
            return finished
        work_folder = run.work_folder / plan.fingerprint
        set_seed(run.settings.seed)
        model = _policy(loaded, run.anchor_folder)
        watch = TrainingWatch(
            log_file=work_folder / "steps.jsonl", report=run.report, should_stop=run.should_stop
        )
        history = _train(loaded, run, plan, model, watch)
        _check_finite(model)
        manifest = _manifest(loaded, run, plan, history)
        publish_adapter(model, target, manifest)
    return manifest


def _plan(loaded: LoadedModel, run: PreferenceRun) -> _Plan:
    settings = run.settings
    if not run.pairs:
        raise PreferenceTrainingError(
            "there are no pairs to train on; expected at least one: see `yogeiko night run --dry-run`"
        )
    anchor = _read_anchor(loaded, run.anchor_folder)
    # In one order, so that a night resumed from the store is the same run.
    pairs = tuple(sorted(run.pairs, key=lambda pair: pair.id))
    replay = choose_replay(
        run.replay_pairs,
        fresh=len(pairs),
        share=settings.replay_share,
        safety=settings.safety_pairs,
        seed=settings.seed,
    )
    encoded = tuple(
        encode_pair(loaded.tokenizer, run.card, one.preference, settings.max_row_tokens)
        for one in (*pairs, *replay)
    )
    identity = [
        loaded.sha256,
        loaded.quantization,
        anchor["sha256"],
        # A setting of 20 and one of 20.0, as JSON gives it back, are the same run.
        {name: float(value) for name, value in asdict(settings).items()},
        [one.id for one in (*pairs, *replay)],
        [asdict(pair) for pair in encoded],
    ]
    fingerprint = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    return _Plan(
        pairs=pairs,
        replay=replay,
        encoded=encoded,
        anchor=anchor,
        fingerprint=fingerprint,
        adapter=f"{run.card.id}-night-{run.lineage.date}-{fingerprint}",
    )


def _read_anchor(loaded: LoadedModel, folder: Path) -> dict[str, object]:
    """The manifest of the anchor after its weights were checked against the base."""
    shapes = {
        name.replace(".base_layer", ""): (module.out_features, module.in_features)
        for name, module in loaded.model.named_modules()
        if isinstance(module, nn.Linear)
    }
    try:
        weights = read_adapter(folder, shapes=shapes, base_sha256=loaded.sha256)
        manifest: dict[str, object] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (AdapterError, OSError, ValueError) as error:
        raise PreferenceTrainingError(f"the anchor cannot be used: {error}") from error
    return {"id": manifest.get("id", folder.name), "sha256": weights.sha256}


def _policy(loaded: LoadedModel, anchor_folder: Path) -> PeftModel:
    base = loaded.model
    if loaded.quantization == "nf4":
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)
        for module in base.modules():
            # bitsandbytes would pack the weights for inference when the reference is computed, and
            # could not go backward through them after.
            if "support_avx512bf16_for_cpu" in vars(module):
                module.support_avx512bf16_for_cpu = False
    return PeftModel.from_pretrained(base, anchor_folder, is_trainable=True)


def _train(
    loaded: LoadedModel, run: PreferenceRun, plan: _Plan, model: PeftModel, watch: TrainingWatch
) -> list[dict[str, float]]:
    """Leave the trained weights in `model` and return the log, one entry per step."""
    settings = run.settings
    work_folder = run.work_folder / plan.fingerprint
    work_folder.mkdir(parents=True, exist_ok=True)
    steps = math.ceil(len(plan.encoded) / settings.batch_pairs) * settings.epochs
    checkpoint = last_checkpoint(work_folder)
    if checkpoint is not None and checkpoint.state.global_step >= steps:
        set_peft_model_state_dict(model, load_file(checkpoint.folder / WEIGHTS))
        return _step_entries(checkpoint.state.log_history)
    watch.stop_if_asked()
    reference = reference_pairs(
        model.eval(),
        plan.encoded,
        max_pack_tokens=settings.max_pack_tokens,
        autocast=torch.bfloat16 if loaded.dtype == torch.bfloat16 else None,
    )
    trainer = PreferenceTrainer(
        model=model,
        args=_arguments(settings, loaded, work_folder),
        loss=LossSettings(beta=settings.beta, sft_weight=settings.sft_weight),
        max_kl=settings.max_kl,
        train_dataset=Dataset.from_dict({"index": list(range(len(plan.encoded)))}),
        processing_class=loaded.tokenizer,
        data_collator=PairCollator(
            pairs=[
                TrainedPair(pair=pair, reference=known)
                for pair, known in zip(plan.encoded, reference, strict=True)
            ],
            max_pack_tokens=settings.max_pack_tokens,
        ),
        callbacks=[watch],
    )
    # It prints to standard output, which belongs to the command's own answer.
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
    if trainer.state.global_step < steps:
        raise TrainingStoppedError(
            f"training stopped after step {trainer.state.global_step} of {steps} as asked; "
            "continue with `yogeiko night run --resume`"
        )
    return _step_entries(trainer.state.log_history)


def _step_entries(history: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    return [entry for entry in history if "loss" in entry]


def _arguments(settings: PreferenceSettings, loaded: LoadedModel, work_folder: Path) -> DPOConfig:
    return DPOConfig(
        output_dir=str(work_folder),
        per_device_train_batch_size=settings.batch_pairs,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_share,
        weight_decay=0.0,
        max_grad_norm=1.0,
        beta=settings.beta,
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, settings.sft_weight],
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        save_total_limit=2,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        bf16=loaded.dtype == torch.bfloat16,
        gradient_checkpointing=False,
        remove_unused_columns=False,
        max_length=None,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _check_finite(model: PeftModel) -> None:
    for name, weight in model.named_parameters():
        if weight.requires_grad and not bool(torch.isfinite(weight).all()):
            raise PreferenceTrainingError(
                f"the trained weight {name} holds values that are no finite numbers; "
                "train again with a smaller learning rate"
            )


def _finished(target: Path) -> dict[str, object] | None:
    """The manifest of an adapter that is already there, whole."""
    if not (target / MANIFEST).is_file() or not (target / WEIGHTS).is_file():
        return None
    manifest: dict[str, object] = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    return manifest if manifest["sha256"] == file_sha256(target / WEIGHTS) else None


def _manifest(
    loaded: LoadedModel, run: PreferenceRun, plan: _Plan, history: Sequence[dict[str, float]]
) -> dict[str, object]:
    return {
        "id": plan.adapter,
        "kind": "night",
        "card": run.card.id,
        "night": run.lineage.date,
        "parent": plan.anchor["id"],
        "parent_sha256": plan.anchor["sha256"],
        "active": run.lineage.active,
        "base_sha256": loaded.sha256,
        "details": dict(run.lineage.details),
        "pair_ids": [pair.id for pair in plan.pairs],
        "replay_pair_ids": [pair.id for pair in plan.replay],
        "settings": asdict(run.settings),
        "quantization": loaded.quantization,
        "metrics": {
            "steps": len(history),
            "first": _figures(history[:1]),
            "last_quarter": _figures(history[-max(1, len(history) // 4) :]),
        },
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _figures(entries: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over the entries of what the loss is made of."""
    names = [name for name in entries[0] if "/" in name or name in {"kl", "loss", "grad_norm"}]
    return {name: round(sum(one[name] for one in entries) / len(entries), 5) for name in names}
