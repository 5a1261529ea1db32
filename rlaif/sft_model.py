"""The regressor: one base model with LoRA, and a small head that gives twelve figures at once.

The founding report asks one model for one metric at a time, the metric named in the prompt. Here
one pass gives all twelve: the figures of a metric then cost a row of the head instead of a pass of
the model, and what is rated of one impression helps the layers below all of them. What is given up
is that a new impression cannot be asked for in words; it needs a row of its own and ratings.

The ensemble shares the LoRA layers; its members are heads, each on dialogues drawn with
replacement. So the spread tells how far the draw of the dialogues moves the head, and not how far
another start would have moved the layers: it is a lower bound.
"""

from collections.abc import Sequence

import torch
from torch import nn

from persona.base_model import LoadedModel
from rlaif.metrics import METRIC_KEYS
from rlaif.sft_encoder import Encoder
from rlaif.sft_settings import RegressorSettings
from rlaif.sft_texts import Reading

_BOUND = 4.0
"""Standardised features beyond this many deviations say no more than this one."""


class Regressor(nn.Module):
    """Standardised figures of readings, from every member.

    centre, scale: [F], of the features before any LoRA. weight: [M, F, 12], bias: [M, 12], metrics
    in the order of METRIC_KEYS. Adds nothing to the base model and needs it in memory.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, loaded: LoadedModel, settings: RegressorSettings) -> None:
        super().__init__()
        self.encoder = Encoder(loaded, settings)
        features = self.encoder.features
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.weight = nn.Parameter(torch.zeros(settings.members, features, len(METRIC_KEYS)))
        self.bias = nn.Parameter(torch.zeros(settings.members, len(METRIC_KEYS)))

    def forward(self, readings: Sequence[Reading]) -> torch.Tensor:
        """[members, readings, 12]."""
        return self.head(self.encoder(readings))

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """[members, rows, 12] of features [rows, F]."""
        device = self.weight.device
        inputs = self.standardised(features.to(device))
        return torch.einsum("rf,mfo->mro", inputs, self.weight) + self.bias[:, None]

    def standardised(self, features: torch.Tensor) -> torch.Tensor:
        """Features in deviations from their mean, bounded."""
        return ((features - self.centre) / self.scale).clamp(-_BOUND, _BOUND)

    def learnt(self) -> dict[str, torch.Tensor]:
        """All tensors that make this regressor out of its base, by name, on the CPU."""
        return {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self.state_dict().items()
            if not name.startswith("encoder.") or "lora_" in name
        }

    def take(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take over what `learnt` gave. Raises ValueError when names or shapes differ."""
        own = self.learnt()
        for name in sorted(set(own) | set(tensors)):
            if name not in own or name not in tensors or own[name].shape != tensors[name].shape:
                raise ValueError(f"tensor {name} is missing, unknown or of another shape")
        self.load_state_dict(tensors, strict=False)
