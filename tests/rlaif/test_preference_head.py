"""The head's shortcut gives the log-probabilities and gradients of plain autograd."""

import pytest
import torch

from rlaif.preference_head import head_log_probs


@pytest.mark.parametrize("soft_cap", [None, 3.0])
@pytest.mark.parametrize("positions", [1, 96, 201])
def test_as_plain_autograd(soft_cap: float | None, positions: int) -> None:
    torch.manual_seed(3)
    head = torch.randn(50, 16)
    targets = torch.randint(0, 50, (positions,))
    weights = torch.randn(positions)
    plain = torch.randn(positions, 16, requires_grad=True)
    ours = plain.detach().clone().requires_grad_()

    logits = plain @ head.T
    if soft_cap:
        logits = torch.tanh(logits / soft_cap) * soft_cap
    expected = logits.log_softmax(-1).gather(1, targets[:, None]).squeeze(1)
    (expected * weights).sum().backward()
    found = head_log_probs(ours, head, targets, soft_cap)
    (found * weights).sum().backward()

    assert torch.allclose(found, expected, atol=1e-5)
    assert plain.grad is not None
    assert ours.grad is not None
    assert torch.allclose(ours.grad, plain.grad, atol=1e-5)


def test_without_gradient_nothing_is_kept() -> None:
    hidden = torch.randn(4, 8, requires_grad=True)
    with torch.no_grad():
        found = head_log_probs(hidden, torch.randn(10, 8), torch.tensor([1, 2, 3, 4]))
    assert not found.requires_grad
