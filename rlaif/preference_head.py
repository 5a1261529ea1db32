"""Log-probability of one token per position, straight from hidden states.

`persona.head_loss` finishes the gradient of a sum in the forward pass. A preference loss weighs
every reply by a factor that is known only after all replies are scored, so here the gradient is
kept per position and weighed when it flows back. The head is frozen and no logits are kept.
"""

import torch

_SLICE_POSITIONS = 96


def head_log_probs(
    hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor, soft_cap: float | None = None
) -> torch.Tensor:
    """log p(target) in nats, (positions,) fp32.

    hidden: (positions, width), gradient flows into it. head: (vocabulary, width), frozen.
    targets: (positions,) token ids. soft_cap: Gemma-2's tanh bound on logits, None without.
    """
    if not torch.is_grad_enabled():
        hidden = hidden.detach()
    result: torch.Tensor = _HeadLogProbs.apply(  # type: ignore[no-untyped-call]
        hidden, head, targets, soft_cap
    )
    return result


class _HeadLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        hidden: torch.Tensor,
        head: torch.Tensor,
        targets: torch.Tensor,
        soft_cap: float | None,
    ) -> torch.Tensor:
        wanted = ctx.needs_input_grad[0]  # type: ignore[attr-defined]
        scores, slopes = [], []
        for part, goal in zip(
            torch.split(hidden.to(head.dtype), _SLICE_POSITIONS),
            torch.split(targets, _SLICE_POSITIONS),
            strict=True,
        ):
            logits = (part @ head.T).float()
            if soft_cap:
                logits = logits.div_(soft_cap).tanh_().mul_(soft_cap)
            aim = logits.gather(1, goal[:, None])
            scale = logits.logsumexp(1, keepdim=True)
            scores.append((aim - scale).squeeze(1))
            if wanted:
                slopes.append(_slope(logits, scale, aim, goal, soft_cap).to(head.dtype) @ head)
        if wanted:
            ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(scores)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, grad_output: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return slope * grad_output[:, None].to(slope.dtype), None, None, None


def _slope(
    logits: torch.Tensor,
    scale: torch.Tensor,
    aim: torch.Tensor,
    goal: torch.Tensor,
    soft_cap: float | None,
) -> torch.Tensor:
    """Derivative of log p(goal) for each uncapped logit, [positions, vocabulary]; uses up logits."""
    bend = 1 - (logits / soft_cap) ** 2 if soft_cap else None
    slope = logits.sub_(scale).exp_().neg_()
    slope.scatter_add_(1, goal[:, None], torch.ones_like(aim))
    return slope if bend is None else slope.mul_(bend)
