"""The losses of preference training, from log-probabilities alone.

Symbols as in the paper: x is the prompt, y_w the chosen and y_l the rejected reply, pi the policy
that is trained, pi_ref the frozen reference, beta how dear it is to leave the reference.

Source: Rafailov et al. 2023, Direct Preference Optimization, arXiv 2305.18290.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

Metrics = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSettings:
    """beta > 0 of equation 7. sft_weight >= 0 is the share of likelihood of the chosen reply that
    is added, as TRL's `loss_type=["sigmoid", "sft"]` with `loss_weights=[1, sft_weight]`."""

    beta: float = 0.1
    sft_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.beta <= 0 or self.sft_weight < 0:
            raise ValueError(
                f"beta is {self.beta} and sft_weight {self.sft_weight}; expected beta > 0 and "
                "sft_weight >= 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScores:
    """Summed log-probabilities of whole replies in nats, each tensor of shape (pairs,).

    The reference ones carry no gradient. Lengths count the reply tokens that were summed.
    """

    chosen: torch.Tensor
    rejected: torch.Tensor
    reference_chosen: torch.Tensor
    reference_rejected: torch.Tensor
    chosen_tokens: torch.Tensor
    rejected_tokens: torch.Tensor


def implicit_rewards(policy: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """beta log pi(y|x) / pi_ref(y|x): equation 5 without the part of x that cancels. Any shape."""
    return beta * (policy - reference)


def dpo_loss(scores: PairScores, beta: float) -> tuple[torch.Tensor, Metrics]:
    """Equation 7 averaged over pairs, a scalar, and what it was made of.

    L = -log sigmoid(r(x, y_w) - r(x, y_l)) with r the implicit reward. By equation 21 the gradient
    for log pi(y_w|x) is -beta sigmoid(r(x, y_l) - r(x, y_w)), and the opposite for y_l: each pair
    weighs as much as the reward is wrong about it.
    """
    chosen = implicit_rewards(scores.chosen, scores.reference_chosen, beta)
    rejected = implicit_rewards(scores.rejected, scores.reference_rejected, beta)
    margins = chosen - rejected
    metrics = {
        "rewards/chosen": chosen.mean().item(),
        "rewards/rejected": rejected.mean().item(),
        "rewards/margins": margins.mean().item(),
        "rewards/accuracies": (margins > 0).float().mean().item(),
    }
    return -logsigmoid(margins).mean(), metrics


def plackett_luce_loss(
    policy: torch.Tensor, reference: torch.Tensor, beta: float
) -> tuple[torch.Tensor, Metrics]:
    """Equation 20 averaged over prompts, a scalar, for rankings of K replies.

    policy and reference: (prompts, K) summed log-probabilities, best reply first. The likelihood of
    the ranking is prod_k exp(r_k) / sum_{j >= k} exp(r_j); at K = 2 that is equation 7.
    The accuracy is the share of rankings whose best reply has the highest implicit reward.
    """
    rewards = implicit_rewards(policy, reference, beta)
    remaining = rewards.flip(-1).logcumsumexp(-1).flip(-1)
    loss = (remaining - rewards).sum(-1).mean()
    first = (rewards.argmax(-1) == 0).float().mean().item()
    return loss, {
        "rewards/best": rewards[:, 0].mean().item(),
        "rewards/worst": rewards[:, -1].mean().item(),
        "rewards/accuracies": first,
    }


def sft_loss(scores: PairScores) -> torch.Tensor:
    """Negative log-likelihood of the chosen replies in nats per token, over all pairs' tokens."""
    return -scores.chosen.sum() / scores.chosen_tokens.sum()


def preference_loss(scores: PairScores, settings: LossSettings) -> tuple[torch.Tensor, Metrics]:
    """The DPO loss plus `sft_weight` times the SFT loss, a scalar, and all figures of the step."""
    preference, metrics = dpo_loss(scores, settings.beta)
    likelihood = sft_loss(scores)
    return preference + settings.sft_weight * likelihood, {
        **metrics,
        "loss/sigmoid": preference.item(),
        "loss/sft": likelihood.item(),
        "logps/chosen": scores.chosen.mean().item(),
        "logps/rejected": scores.rejected.mean().item(),
        "tokens/chosen": scores.chosen_tokens.float().mean().item(),
        "tokens/rejected": scores.rejected_tokens.float().mean().item(),
    }


def kl_estimate(policy: torch.Tensor, reference: torch.Tensor) -> float:
    """KL(pi_ref || pi) in nats per token, never negative, from (tokens,) log-probabilities.

    The k3 estimator: mean of exp(d) - 1 - d with d = log pi - log pi_ref. It is unbiased for tokens
    that the reference drew, as candidates are; on edited replies it is only a measure of distance.
    Source: Schulman 2020, http://joschu.net/blog/kl-approx.html
    """
    difference = (policy - reference).detach()
    return (difference.exp() - 1 - difference).mean().item()
