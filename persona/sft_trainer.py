"""TRL's SFTTrainer with the loss computed over shared-prefix batches and reply tokens only."""

import torch
from peft import PeftModel
from transformers import DynamicCache, PreTrainedModel
from trl import SFTTrainer

from persona.errors import TrainingError
from persona.head_loss import head_cross_entropy
from persona.repeated_cache import repeated_cache
from persona.sft_batch import IGNORED

_GROUP_ROWS = 8
_WIDTH_STEP = 8


class SharedPrefixTrainer(SFTTrainer):
    """Takes what `SharedPrefixCollator` gives; everything but the loss is SFTTrainer's own.

    The output head of a small model with a large vocabulary is most of its work, so it is applied
    to the positions that predict a reply token and to no others.
    """

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Sum of the reply tokens' negative log-likelihood over their number in the whole step.

        Raises TrainingError when it is no finite number, before any weight is changed by it.
        """
        hidden, targets = reply_states(model, inputs)
        count = len(targets) if num_items_in_batch is None else num_items_in_batch
        loss = reply_loss(model, hidden, targets) / count
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss.item()} after step {self.state.global_step}; expected a "
                "finite number: train again with a smaller learning rate"
            )
        return (loss, {"loss": loss}) if return_outputs else loss

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[torch.Tensor, None, None]:
        """The evaluation loss alone; logits over the whole vocabulary are never gathered."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = self.compute_loss(model, inputs)
        if isinstance(loss, tuple):
            loss = loss[0]
        return loss.detach(), None, None


def reply_states(
    model: torch.nn.Module, inputs: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states that predict a reply token, (positions, width), and those tokens, (positions,).

    Rows come sorted by length and run in small groups cut to their own width; all groups share the
    keys and values of one pass over the prefix.
    """
    backbone = _causal(model).base_model
    prefix = inputs["prefix_ids"]
    once = (
        backbone(input_ids=prefix, use_cache=True, past_key_values=DynamicCache())
        if prefix.shape[1]
        else None
    )
    states, targets = [], []
    for start in range(0, len(inputs["input_ids"]), _GROUP_ROWS):
        own = slice(start, start + _GROUP_ROWS)
        width = _rounded(int(inputs["attention_mask"][own].sum(-1).max()))
        labels = inputs["labels"][own, :width]
        rows = len(labels)
        cache = None if once is None else repeated_cache(once.past_key_values, rows)
        seen = inputs["attention_mask"].new_ones((rows, prefix.shape[1]))
        hidden = backbone(
            input_ids=inputs["input_ids"][own, :width],
            attention_mask=torch.cat([seen, inputs["attention_mask"][own, :width]], dim=1),
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state
        wanted = labels != IGNORED
        states.append(hidden[wanted])
        targets.append(labels[wanted])
    return torch.cat(states), torch.cat(targets)


def _rounded(width: int) -> int:
    """Up to the next multiple, so that few distinct shapes occur: each costs oneDNN memory."""
    return -(-width // _WIDTH_STEP) * _WIDTH_STEP


def reply_loss(model: torch.nn.Module, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Summed negative log-likelihood of `targets` (positions,) given hidden (positions, width)."""
    causal = _causal(model)
    cap = causal.config.to_dict().get("final_logit_softcapping")
    return head_cross_entropy(hidden, causal.get_output_embeddings().weight, targets, cap)


def _causal(model: torch.nn.Module) -> PreTrainedModel:
    causal: PreTrainedModel = model.get_base_model() if isinstance(model, PeftModel) else model
    return causal
