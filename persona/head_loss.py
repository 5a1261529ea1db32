"""Cross entropy straight from hidden states, for a frozen output head over a large vocabulary.

With 262,144 tokens in the vocabulary the logits of one batch are hundreds of megabytes, and plain
autograd passes over them six times. Here they are made in slices, and since the head is not trained
the gradient for the hidden states is finished in the forward pass; no logits are kept.
"""

import torch

_SLICE_POSITIONS = 96


def head_cross_entropy(
    hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor, soft_cap: float | None = None
) -> torch.Tensor:
    """Sum of -log p(target) over positions, in nats, as a scalar fp32 tensor.

    hidden: (positions, width), gradient flows into it. head: (vocabulary, width), frozen.
    targets: (positions,) token ids. soft_cap: Gemma-2's tanh bound on logits, None without.
    """
    if not torch.is_grad_enabled():
        # A custom function is told what its inputs want, not that nobody will go backward.
        hidden = hidden.detach()
    loss: torch.Tensor = _HeadCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden, head, targets, soft_cap
    )
    return loss


class _HeadCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        hidden: torch.Tensor,
        head: torch.Tensor,
        targets: torch.Tensor,
        soft_cap: float | None,
    ) -> torch.Tensor:
        hidden = hidden.to(head.dtype)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden)
        for start in range(0, len(hidden), _SLICE_POSITIONS):
            own = slice(start, start + _SLICE_POSITIONS)
            logits = (hidden[own] @ head.T).float()
            slope = None
            if soft_cap:
                bounded = torch.tanh_(logits.div_(soft_cap))
                slope = 1 - bounded**2
                logits = bounded.mul_(soft_cap)
            rows = torch.arange(len(logits), device=hidden.device)
            peak = logits.amax(-1, keepdim=True)
            chosen = (logits[rows, targets[own]] - peak.squeeze(-1)).clone()
            surplus = logits.sub_(peak).exp_()
            mass = surplus.sum(-1, keepdim=True)
            total += (mass.squeeze(-1).log() - chosen).sum()
            if not ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
                continue
            surplus.div_(mass)
            surplus[rows, targets[own]] -= 1
            if slope is not None:
                surplus *= slope
            gradient[own] = surplus.to(head.dtype) @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad_output: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient * grad_output.to(gradient.dtype), None, None, None
