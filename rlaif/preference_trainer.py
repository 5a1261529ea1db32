"""TRL's DPOTrainer with the log-probabilities computed over token trees and reply tokens only."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedModel
from trl import DPOConfig, DPOTrainer

from rlaif.errors import PreferenceTrainingError
from rlaif.preference_batch import EncodedPair, bucket_pairs, build_tree, pack_tensors
from rlaif.preference_head import head_log_probs
from rlaif.preference_loss import LossSettings, PairScores, kl_estimate, preference_loss

Pack = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePair:
    """What the reference thinks of each reply token: (chosen tokens,), (rejected tokens,), nats."""

    chosen: torch.Tensor
    rejected: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPair:
    """A pair with its reference; what the trainer's batches are made of."""

    pair: EncodedPair
    reference: ReferencePair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCollator:
    """Records {"index"} to packs of trees, all pairs of a batch once.

    Returns packs; pairs, the number of pairs of each pack; reference, the log-probabilities of the
    reply tokens in the order in which the packs give them.
    """

    pairs: Sequence[TrainedPair]
    max_pack_tokens: int

    def __call__(self, records: Sequence[dict[str, int]]) -> dict[str, object]:
        batch = [self.pairs[record["index"]] for record in records]
        groups = bucket_pairs([one.pair for one in batch], self.max_pack_tokens)
        known = [
            tokens
            for group in groups
            for index in group
            for tokens in (batch[index].reference.chosen, batch[index].reference.rejected)
        ]
        return {
            "packs": [_pack([batch[index].pair for index in group]) for group in groups],
            "pairs": [len(group) for group in groups],
            "reference": torch.cat(known),
        }


class PreferenceTrainer(DPOTrainer):  # type: ignore[misc]
    """Takes what `PairCollator` gives; optimiser, checkpoints and logs are DPOTrainer's own.

    `max_kl` is the distance from the reference, in nats per token, at which a run has diverged.
    """

    def __init__(
        self,
        *,
        model: PeftModel,
        args: DPOConfig,
        loss: LossSettings,
        max_kl: float,
        **rest: object,
    ) -> None:
        super().__init__(model=model, args=args, **rest)
        # Its own copy of the starting adapter; the reference was computed before.
        self.model.delete_adapter("ref")
        self._loss_settings = loss
        self._max_kl = max_kl

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, object],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """DPO and SFT loss over the batch; its figures go to the trainer's log.

        Raises PreferenceTrainingError when it is no finite number or the policy is farther from
        the reference than `max_kl`, before any weight is changed by it.
        """
        packs, counts, reference = _parts(inputs)
        scores, tokens = batch_scores(model, packs, counts, reference)
        loss, metrics = preference_loss(scores, self._loss_settings)
        kl = kl_estimate(tokens, reference)
        self._check(loss.item(), kl)
        for name, value in {**metrics, "kl": kl}.items():
            self._metrics["train"][name].append(value)
        return (loss, {"loss": loss}) if return_outputs else loss

    def _check(self, loss: float, kl: float) -> None:
        if not (torch.isfinite(torch.tensor(loss)) and kl <= self._max_kl):
            raise PreferenceTrainingError(
                f"training diverged after step {self.state.global_step}: loss {loss:.4g}, distance "
                f"from the anchor {kl:.4g} nats per token; expected finite numbers and at most "
                f"{self._max_kl:g}: train again with a smaller learning rate"
            )


def batch_scores(
    model: torch.nn.Module,
    packs: Sequence[Pack],
    counts: Sequence[int],
    reference: torch.Tensor,
) -> tuple[PairScores, torch.Tensor]:
    """Scores of all pairs of a batch, and the policy's log-probability of each reply token."""
    tokens = torch.cat([token_log_probs(model, pack) for pack in packs])
    offsets = [0]
    for count in counts:
        offsets.append(offsets[-1] + 2 * count)
    rows = torch.cat(
        [pack["rows"] + start for pack, start in zip(packs, offsets[:-1], strict=True)]
    )
    zeros = tokens.new_zeros(offsets[-1])
    policy = zeros.index_add(0, rows, tokens)
    known = zeros.index_add(0, rows, reference)
    lengths = zeros.index_add(0, rows, torch.ones_like(reference))
    # Rows alternate: chosen, rejected.
    return PairScores(
        chosen=policy[0::2],
        rejected=policy[1::2],
        reference_chosen=known[0::2],
        reference_rejected=known[1::2],
        chosen_tokens=lengths[0::2],
        rejected_tokens=lengths[1::2],
    ), tokens.detach()


def token_log_probs(model: torch.nn.Module, pack: Pack) -> torch.Tensor:
    """log p of every reply token of a pack given what stands before it, (reply tokens,) fp32."""
    causal: PreTrainedModel = model.get_base_model() if isinstance(model, PeftModel) else model
    hidden = causal.base_model(
        input_ids=pack["input_ids"],
        position_ids=pack["position_ids"],
        attention_mask=_masks(causal, pack),
        use_cache=False,
    ).last_hidden_state[0, pack["sources"]]
    cap = causal.config.to_dict().get("final_logit_softcapping")
    head = causal.get_output_embeddings().weight
    return head_log_probs(hidden, head, pack["targets"], cap)[pack["edges"]]


def reference_pairs(
    model: torch.nn.Module,
    pairs: Sequence[EncodedPair],
    *,
    max_pack_tokens: int,
    autocast: torch.dtype | None,
) -> list[ReferencePair]:
    """What the model as it is now thinks of every reply token of every pair, in order."""
    device = next(model.parameters()).device
    found: dict[int, ReferencePair] = {}
    cast = torch.autocast(device.type, dtype=autocast) if autocast else contextlib.nullcontext()
    with torch.no_grad(), cast:
        for group in bucket_pairs(pairs, max_pack_tokens):
            pack = _pack([pairs[index] for index in group])
            tokens = token_log_probs(model, {k: v.to(device) for k, v in pack.items()}).cpu()
            lengths = torch.bincount(pack["rows"], minlength=2 * len(group)).tolist()
            replies = torch.split(tokens, lengths)
            for place, index in enumerate(group):
                found[index] = ReferencePair(
                    chosen=replies[2 * place], rejected=replies[2 * place + 1]
                )
    return [found[index] for index in range(len(pairs))]


def _pack(pairs: Sequence[EncodedPair]) -> Pack:
    return pack_tensors(build_tree([row for one in pairs for row in (one.chosen, one.rejected)]))


def _parts(inputs: dict[str, object]) -> tuple[list[Pack], list[int], torch.Tensor]:
    packs, counts, reference = inputs["packs"], inputs["pairs"], inputs["reference"]
    if not (
        isinstance(packs, list) and isinstance(counts, list) and isinstance(reference, torch.Tensor)
    ):
        raise PreferenceTrainingError(
            f"the batch holds {sorted(inputs)}; expected what PairCollator makes"
        )
    return packs, counts, reference


def _masks(causal: PreTrainedModel, pack: Pack) -> torch.Tensor | dict[str, torch.Tensor]:
    """0 where a token is an ancestor or the token itself, else the lowest number; (1, 1, n, n)."""
    visible = pack["visible"]
    settings = causal.config.to_dict()
    kinds = settings.get("layer_types")
    if not kinds:
        return _additive(visible, causal.dtype)
    masks = {"full_attention": _additive(visible, causal.dtype)}
    if "sliding_attention" in kinds:
        depths = pack["position_ids"][0]
        near = depths[:, None] - depths[None, :] < settings["sliding_window"]
        masks["sliding_attention"] = _additive(visible & near, causal.dtype)
    return masks


def _additive(visible: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return mask.masked_fill_(~visible, torch.finfo(dtype).min)[None, None]
