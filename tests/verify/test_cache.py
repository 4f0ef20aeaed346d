"""Bytes of the cache against the tensors that transformers keeps, on small models that run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estimator.architecture import Architecture
from tests.verify.configurations import MAKERS, configurations
from tests.verify.modules import build

FLOAT32_BYTES = 4
CACHING = sorted(set(MAKERS) - {"t5"})


def kept_bytes(module: Any, tokens: int, batch: int) -> int:
    """Bytes of all tensors that the module's cache holds after one pass."""
    ids = torch.zeros((batch, tokens), dtype=torch.long)
    with torch.no_grad():
        cache = module(input_ids=ids, use_cache=True).past_key_values
    return sum(t.numel() * t.element_size() for layer in cache.layers for t in tensors(layer))


def tensors(layer: Any) -> list[torch.Tensor]:
    return [layer.keys, layer.values]


def as_transformers_keeps(architecture: Architecture) -> Architecture:
    """A window layer keeps a token less there: the current one is the window's last."""
    window = architecture.decoder.window
    decoder = replace(architecture.decoder, window=window and window - 1)
    return Architecture(decoder, {}, ())


@pytest.mark.parametrize("family", CACHING)
def test_cache_of_a_running_model(family: str) -> None:
    @settings(
        max_examples=6, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(configurations(family), st.integers(1, 48), st.integers(1, 3))
    def compare(config: dict[str, Any], tokens: int, batch: int) -> None:
        architecture = Architecture.from_hf_config(config)
        tokens = min(tokens, architecture.decoder.n_positions or tokens)
        module = build(config, "cpu").eval().float()
        expected = as_transformers_keeps(architecture).cache_bytes(tokens, batch, FLOAT32_BYTES)
        assert kept_bytes(module, tokens, batch) == expected

    compare()
