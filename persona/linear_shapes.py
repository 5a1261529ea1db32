"""The Linear modules that an adapter may change, of a loaded model or of one on disk."""

from collections.abc import Iterator

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from persona.errors import ModelError

Shapes = dict[str, tuple[int, int]]


def linear_modules(model: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """Yield (module path, module) for every Linear but the head, in the model's order."""
    get_head = model.get_output_embeddings
    head = get_head() if callable(get_head) else None
    for path, module in model.named_modules():
        if isinstance(module, nn.Linear) and module is not head:
            yield path, module


def linear_shapes(model: nn.Module) -> Shapes:
    """Return module path -> (out_features, in_features)."""
    return {path: (one.out_features, one.in_features) for path, one in linear_modules(model)}


def shapes_on_disk(source: str) -> Shapes:
    """Return the shapes of the model in a folder, from its configuration alone: no weights are
    read. Raises ModelError."""
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"the base model in {source} cannot be described ({type(error).__name__}); prepare it "
            "with `yogeiko model prepare`"
        ) from error
    return linear_shapes(model)
