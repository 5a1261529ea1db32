"""One prefix, read once, for many rows that go on from it."""

import torch
from transformers import DynamicCache, PreTrainedModel


def repeated_cache(cache: DynamicCache, rows: int) -> DynamicCache:
    """The same keys and values for each of `rows` rows, without copying them; gradients of all rows
    flow into the one. `cache` itself stays as it is."""
    return DynamicCache(
        [
            (layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1))
            for layer in cache.layers
        ]
    )


def states_after(
    model: PreTrainedModel, prefix: list[int], ids: torch.Tensor, read: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Last hidden states of a prefix, [1, prefix, width], and of each row of tokens behind it.

    ids, read: [rows, tokens], padded at the end where `read` is False. The prefix is read once for
    all rows. Returns the rows' as [rows, tokens, width].
    """
    device, body = model.device, model.base_model
    once = body(
        input_ids=torch.tensor([prefix], device=device),
        use_cache=True,
        past_key_values=DynamicCache(),
    )
    seen = torch.cat([torch.ones((len(ids), len(prefix)), dtype=torch.bool), read], dim=1)
    states: torch.Tensor = body(
        input_ids=ids.to(device),
        attention_mask=seen.long().to(device),
        past_key_values=repeated_cache(once.past_key_values, len(ids)),
        use_cache=True,
    ).last_hidden_state
    return once.last_hidden_state, states
