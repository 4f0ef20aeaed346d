"""An engine's cache lies above what layers need, and above all tokens by its rounding alone."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import architecture, configurations
from estimator.model_sheet import sizes_of, text_of

# As Phi-3.5-vision's text is published: a window that is longer than the context.
PHI = {
    "model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064,
    "max_position_embeddings": 131072, "sliding_window": 262144,
}  # fmt: skip
TOKENS = (1, 15, 16, 17, 100, 1023, 1024, 4096, 8192, 8193, 32_768, 131_072)


@pytest.mark.parametrize("key", [key for key in configurations() if key != "t5-v1.1-xxl"])
def test_ideal_engine_full(key: str) -> None:
    """Each group has the blocks of all tokens at most, and one more where it has a window."""
    model = architecture(key)
    full_groups, window_groups = model.groups
    block = model.group_layers * 16 * model.kv_bytes_per_token() / model.decoder.n_layers
    for tokens in TOKENS:
        ideal, engine, full = (
            model.cache_bytes(tokens, rule=rule) for rule in ("ideal", "engine", "full")
        )
        blocks = -(-tokens // 16)
        most = (full_groups * blocks + window_groups * (blocks + 1)) * block
        assert ideal <= engine <= most
        assert ideal <= full


def page(config: dict[str, Any], tokens: int) -> str:
    return text_of(sizes_of("mine", config, tokens))


def test_a_window_longer_than_the_context_has_one_block_more_and_says_so() -> None:
    model = Architecture.from_hf_config(PHI)
    full = model.cache_bytes(8192, rule="full")
    assert model.cache_bytes(8192, rule="engine") == full + 16 * model.kv_bytes_per_token()
    assert "engine is above full here: the last block" in page(PHI, 8192)
    assert "a layer with a window has one more" in page(PHI, 8192)


def test_what_is_not_so_is_not_said() -> None:
    whole = {key: value for key, value in PHI.items() if key != "sliding_window"}
    whole["sliding_window"] = None
    assert "above full" not in page(whole, 8192)
    assert "the last block of a sequence counts as a whole" in page(whole, 8193)
    assert "a layer with a window" not in page(whole, 8193)
    assert "above full" not in page({**PHI, "sliding_window": 1024}, 8192)
    gemma = dict(configurations()["gemma-3-1b"].config)
    assert "filled up to equal size" in page(gemma, 100)  # 26 layers in groups of 4 and 22
