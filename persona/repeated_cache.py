"""One prefix, read once, for many rows that go on from it."""

from transformers import DynamicCache


def repeated_cache(cache: DynamicCache, rows: int) -> DynamicCache:
    """The same keys and values for each of `rows` rows, without copying them; gradients of all rows
    flow into the one. `cache` itself stays as it is."""
    return DynamicCache(
        [
            (layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1))
            for layer in cache.layers
        ]
    )
