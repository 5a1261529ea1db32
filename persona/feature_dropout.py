"""Dropout for LoRA inputs that a CPU can afford."""

import torch
from torch import nn


class FeatureDropout(nn.Module):
    """Drops whole input features, with one draw for all positions of a pass.

    `nn.Dropout` draws a number per element, on a CPU one after the other: with seven LoRA layers in
    each of 18 blocks that was a fifth of a training step. Dropping a feature regularises the same
    way, and costs a few hundred numbers.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scale the features that stay by 1 / (1 - probability); unchanged outside training."""
        if not self.training or self.probability == 0:
            return inputs
        kept = torch.rand(inputs.shape[-1], device=inputs.device) >= self.probability
        return inputs * (kept / (1 - self.probability)).to(inputs.dtype)


def use_feature_dropout(model: nn.Module) -> None:
    """Replace the element-wise dropout of every LoRA layer of a PEFT model."""
    for module in model.modules():
        if not isinstance(module, nn.ModuleDict):
            continue
        for name, inner in module.items():
            if isinstance(inner, nn.Dropout):
                module[name] = FeatureDropout(inner.p)
