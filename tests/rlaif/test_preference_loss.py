"""Losses and gradients against numbers worked out by hand."""

import math

import pytest
import torch

from rlaif.preference_loss import (
    LossSettings,
    PairScores,
    dpo_loss,
    kl_estimate,
    plackett_luce_loss,
    preference_loss,
)


def _scores(
    chosen: torch.Tensor, rejected: torch.Tensor, reference: tuple[list[float], list[float]]
) -> PairScores:
    return PairScores(
        chosen=chosen,
        rejected=rejected,
        reference_chosen=torch.tensor(reference[0]),
        reference_rejected=torch.tensor(reference[1]),
        chosen_tokens=torch.tensor([4.0, 6.0]),
        rejected_tokens=torch.tensor([5.0, 5.0]),
    )


def _two_pairs() -> tuple[torch.Tensor, torch.Tensor, PairScores]:
    """Log-ratios: pair 1 is +2 against -1, pair 2 is -3 against +1."""
    chosen = torch.tensor([-10.0, -23.0], requires_grad=True)
    rejected = torch.tensor([-16.0, -9.0], requires_grad=True)
    return chosen, rejected, _scores(chosen, rejected, ([-12.0, -20.0], [-15.0, -10.0]))


def test_the_dpo_loss_and_its_gradient_are_those_of_the_paper() -> None:
    # beta 0.1: margins 0.1 * (2 + 1) = 0.3 and 0.1 * (-3 - 1) = -0.4.
    # -log sigmoid(0.3) = log(1 + e^-0.3) = 0.5543552, -log sigmoid(-0.4) = 0.9130153; mean 0.7336852
    # gradient for chosen: -0.1 * sigmoid(-0.3) / 2 = -0.02127787 and -0.1 * sigmoid(0.4) / 2.
    chosen, rejected, scores = _two_pairs()
    loss, metrics = dpo_loss(scores, 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(0.7336852, abs=1e-5)
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert chosen.grad.tolist() == pytest.approx([-0.0212779, -0.0299344], abs=1e-6)
    assert rejected.grad.tolist() == pytest.approx([0.0212779, 0.0299344], abs=1e-6)
    assert metrics["rewards/chosen"] == pytest.approx((0.2 - 0.3) / 2, abs=1e-6)
    assert metrics["rewards/rejected"] == pytest.approx((-0.1 + 0.1) / 2, abs=1e-6)
    assert metrics["rewards/margins"] == pytest.approx(-0.05, abs=1e-6)
    assert metrics["rewards/accuracies"] == 0.5


def test_an_untrained_policy_has_the_loss_of_a_coin() -> None:
    same = torch.tensor([-7.0, -8.0])
    loss, metrics = dpo_loss(_scores(same, same, ([-7.0, -8.0], [-7.0, -8.0])), 0.5)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert metrics["rewards/accuracies"] == 0.0


def test_a_pair_far_on_the_wrong_side_keeps_a_finite_gradient() -> None:
    chosen = torch.tensor([-9000.0, -10.0], requires_grad=True)
    scores = _scores(chosen, torch.tensor([-1.0, -10.0]), ([-10.0, -10.0], [-9000.0, -10.0]))
    loss, _ = dpo_loss(scores, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx((17989 + math.log(2)) / 2, rel=1e-6)
    assert chosen.grad is not None
    assert chosen.grad.tolist() == pytest.approx([-0.5, -0.25])


def test_the_mix_adds_the_likelihood_of_the_chosen_tokens() -> None:
    # SFT: (10 + 23) / (4 + 6) tokens = 3.3 nats; its gradient is -1/10 for each chosen reply.
    chosen, rejected, scores = _two_pairs()
    loss, metrics = preference_loss(scores, LossSettings(beta=0.1, sft_weight=0.5))
    loss.backward()
    assert loss.item() == pytest.approx(0.7336852 + 0.5 * 3.3, abs=1e-5)
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert chosen.grad.tolist() == pytest.approx([-0.0212779 - 0.05, -0.0299344 - 0.05], abs=1e-6)
    assert rejected.grad.tolist() == pytest.approx([0.0212779, 0.0299344], abs=1e-6)
    assert metrics["loss/sigmoid"] == pytest.approx(0.7336852, abs=1e-5)
    assert metrics["loss/sft"] == pytest.approx(3.3, abs=1e-6)
    assert (metrics["tokens/chosen"], metrics["tokens/rejected"]) == (5.0, 5.0)
    assert (metrics["logps/chosen"], metrics["logps/rejected"]) == (-16.5, -12.5)


def test_plackett_luce_of_two_is_dpo_in_loss_and_gradient() -> None:
    chosen, rejected, scores = _two_pairs()
    expected, _ = dpo_loss(scores, 0.1)
    expected.backward()
    policy = torch.tensor([[-10.0, -16.0], [-23.0, -9.0]], requires_grad=True)
    reference = torch.tensor([[-12.0, -15.0], [-20.0, -10.0]])
    loss, metrics = plackett_luce_loss(policy, reference, 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert policy.grad is not None
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert torch.allclose(policy.grad, torch.stack([chosen.grad, rejected.grad], 1), atol=1e-7)
    assert metrics["rewards/accuracies"] == 0.5


def test_plackett_luce_of_three_by_hand() -> None:
    # Rewards log 4, log 2, log 1 at beta 1: the ranking has probability 4/7 * 2/3 = 8/21.
    # Gradient: P(first) - 1 = 4/7 - 1; 2/7 + 2/3 - 1; 1/7 + 1/3 (the last 1 - 1 is nothing).
    policy = torch.tensor([[math.log(4), math.log(2), 0.0]], requires_grad=True)
    loss, _ = plackett_luce_loss(policy, torch.zeros(1, 3), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(8 / 21), abs=1e-6)
    assert policy.grad is not None
    assert policy.grad[0].tolist() == pytest.approx([-3 / 7, -1 / 21, 10 / 21], abs=1e-6)


def test_the_distance_is_zero_at_the_reference_and_positive_elsewhere() -> None:
    reference = torch.tensor([-1.0, -2.0])
    assert kl_estimate(reference, reference) == 0
    # d = log 2 and -log 2: (2 - 1 - log 2 + 0.5 - 1 + log 2) / 2 = 0.25
    moved = reference + torch.tensor([math.log(2), -math.log(2)])
    assert kl_estimate(moved, reference) == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize(("beta", "weight"), [(0.0, 1.0), (-1.0, 1.0), (0.1, -0.5)])
def test_settings_out_of_range_are_refused(beta: float, weight: float) -> None:
    with pytest.raises(ValueError, match="expected beta > 0"):
        LossSettings(beta=beta, sft_weight=weight)
