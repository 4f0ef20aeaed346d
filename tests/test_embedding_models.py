"""Embedding models of a decoder's parts: each token sees all of them, and no cache is kept."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import configurations
from estimator.decoder_shape import decoder_shape
from estimator.model_sheet import sizes_of, text_of
from tests.decoders import LLAMA, read

EMBEDDING_GEMMA = {
    "architectures": ["Gemma3TextModel"], "model_type": "gemma3_text", "hidden_size": 768,
    "intermediate_size": 1152, "num_hidden_layers": 24, "num_attention_heads": 3,
    "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 262144, "sliding_window": 512,
    "max_position_embeddings": 2048, "use_bidirectional_attention": True,
}  # fmt: skip


def test_embedding_gemma() -> None:
    model = Architecture.from_hf_config(EMBEDDING_GEMMA)
    layer = 2 * 768 * 768 + 2 * 768 * 256 + 3 * 768 * 1152 + 4 * 768 + 2 * 256
    assert model.n_params == 262_144 * 768 + 24 * layer + 768 == 302_863_104
    assert model.cached_layers == {}
    assert model.kv_bytes_per_token() == model.cache_bytes(2048, rule="engine") == 0
    assert "none: an encoder keeps no keys and values" in text_of(sizes_of("e", EMBEDDING_GEMMA))
    with pytest.raises(ValueError, match="is an encoder, which generates no tokens"):
        decoder_shape(model)


@pytest.mark.parametrize("key", ["qwen2-7b", "llama-3-8b", "gemma-2-2b"])
def test_a_decoder_that_is_not_causal(key: str) -> None:
    """As gte-Qwen2 says it; transformers takes the key in any family."""
    config = dict(configurations()[key].config)
    plain = Architecture.from_hf_config(config)
    assert Architecture.from_hf_config({**config, "is_causal": False}).cached_layers == {}
    for causal in (True, None):
        told = Architecture.from_hf_config({**config, "is_causal": causal})
        assert (told.parts, told.cached_layers) == (plain.parts, plain.cached_layers)
    assert Architecture.from_hf_config({**config, "is_causal": False}).parts == plain.parts


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"is_causal": "no"}, "is_causal is 'no', but in a llama configuration it must be true"),
        ({"is_causal": 0}, "is_causal is 0, but in a llama configuration it must be true or"),
        ({"use_bidirectional_attention": True}, "the key 'use_bidirectional_attention' .True. is"),
        ({"model_type": "gemma3_text", "head_dim": 16, "use_bidirectional_attention": "all"},
         "use_bidirectional_attention is 'all', but in a gemma3_text configuration it must be"),
    ],
)  # fmt: skip
def test_what_cannot_be(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{sentence}"):
        read(LLAMA, **changes)
