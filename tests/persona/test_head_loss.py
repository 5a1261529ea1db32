"""The sliced loss equals PyTorch's cross entropy over all logits at once."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from persona.head_loss import head_cross_entropy

_WIDTH, _VOCABULARY = 16, 50


class _CountedProducts(TorchDispatchMode):
    """Counts matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.count += func is torch.ops.aten.mm.default
        return func(*args, **(kwargs or {}))


def _inputs(positions: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(positions)
    hidden = torch.randn(positions, _WIDTH, generator=generator)
    head = torch.randn(_VOCABULARY, _WIDTH, generator=generator)
    targets = torch.randint(0, _VOCABULARY, (positions,), generator=generator)
    return hidden, head, targets


def _reference(
    hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor, soft_cap: float | None
) -> torch.Tensor:
    logits = hidden @ head.T
    if soft_cap:
        logits = soft_cap * torch.tanh(logits / soft_cap)
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")


# 96 positions make a slice: one short slice, exactly one, several with a rest.
@pytest.mark.parametrize("positions", [1, 96, 250])
@pytest.mark.parametrize("soft_cap", [None, 5.0])
def test_value_and_gradient_equal_cross_entropy(positions: int, soft_cap: float | None) -> None:
    hidden, head, targets = _inputs(positions)
    ours, theirs = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    loss = head_cross_entropy(ours, head, targets, soft_cap)
    expected = _reference(theirs, head, targets, soft_cap)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-4)
    # Not 1: the gradient of the mean, as the trainer takes it, must be scaled too.
    (loss / 7).backward()
    (expected / 7).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)


def test_the_soft_cap_matters() -> None:
    hidden, head, targets = _inputs(20)
    assert head_cross_entropy(hidden, head, targets, 5.0) < head_cross_entropy(
        hidden, head, targets, None
    )


def test_huge_logits_do_not_overflow() -> None:
    hidden, head, targets = _inputs(20)
    hidden = (1e4 * hidden).requires_grad_()
    loss = head_cross_entropy(hidden, head, targets)
    loss.backward()
    torch.testing.assert_close(loss, _reference(hidden, head, targets, None), rtol=1e-5, atol=0)
    assert hidden.grad is not None
    assert bool(torch.isfinite(hidden.grad).all())


def test_no_gradient_is_computed_when_nobody_goes_backward() -> None:
    hidden, head, targets = _inputs(250)  # three slices
    wanting = hidden.clone().requires_grad_()
    with _CountedProducts() as forward_and_gradient:
        head_cross_entropy(wanting, head, targets)
    assert forward_and_gradient.count == 6, "logits and gradient of each slice"
    with torch.no_grad(), _CountedProducts() as without_grad:
        loss = head_cross_entropy(wanting, head, targets)
    assert without_grad.count == 3
    with _CountedProducts() as constant_input:
        same = head_cross_entropy(hidden, head, targets)
    assert constant_input.count == 3
    assert not loss.requires_grad
    assert loss == same


def test_the_gradient_has_the_dtype_of_what_it_belongs_to() -> None:
    hidden, head, targets = _inputs(20)
    low = hidden.to(torch.bfloat16).requires_grad_()
    loss = head_cross_entropy(low, head.to(torch.bfloat16), targets)
    loss.backward()
    assert loss.dtype == torch.float32
    assert low.grad is not None
    assert low.grad.dtype == torch.bfloat16
    exact = low.detach().float().requires_grad_()
    _reference(exact, head.to(torch.bfloat16).float(), targets, None).backward()
    assert exact.grad is not None
    assert (low.grad.float() - exact.grad).norm() < 0.02 * exact.grad.norm()
