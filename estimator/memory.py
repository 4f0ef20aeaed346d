"""Lesson 3, the memory of inference."""

from __future__ import annotations

from estimator.arithmetic import Number
from estimator.formula import formula


@formula(source="Estimating total memory requirements for inference, 'Cache memory'")
def kv_cache_bytes(
    n_layers: Number, n_kv_heads: Number, head_dim: Number, tokens: Number, batch: Number = 1,
    bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """Keys and values of every layer, kept for every token of every sequence.

    >>> kv_cache_bytes(24, 16, 64, tokens=128)
    12582912
    """
    cache_bytes = 2 * n_layers * n_kv_heads * head_dim * tokens * batch * bytes_per_element
    return cache_bytes
