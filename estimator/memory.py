"""Lesson 3, the memory of inference."""

from __future__ import annotations

from estimator.arithmetic import Number, ceil_divide, minimum
from estimator.formula import formula

VLLM_BLOCKS = "vLLM 0.19, vllm/v1/kv_cache_interface.py: the most that one sequence may hold"


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


@formula(source="DeepSeek-AI 2024, DeepSeek-V2, section 2.1.4")
def latent_cache_bytes(
    n_layers: Number, kv_lora_rank: Number, rope_head_dim: Number, tokens: Number,
    batch: Number = 1, bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """One latent and one rotated key for every layer and token: no factor 2, no heads.

    >>> latent_cache_bytes(61, kv_lora_rank=512, rope_head_dim=64, tokens=1)
    70272
    """
    width = kv_lora_rank + rope_head_dim
    cache_bytes = n_layers * width * tokens * batch * bytes_per_element
    return cache_bytes


@formula(source="Beltagy et al. 2020, Longformer; Jiang et al. 2023, Mistral 7B")
def window_tokens(tokens: Number, window: Number) -> Number:
    """Tokens of a sequence that a window layer needs: the latest ones, up to the window.

    >>> window_tokens(8192, window=4096), window_tokens(100, window=4096)
    (4096, 100)
    """
    needed = minimum(tokens, window)
    return needed


@formula(source=VLLM_BLOCKS)
def sequence_blocks(tokens: Number, block_tokens: Number = 16) -> Number:
    """Blocks of one sequence in a layer that keeps every token, the last one partly filled.

    >>> sequence_blocks(8192), sequence_blocks(8193)
    (512, 513)
    """
    blocks = ceil_divide(tokens, block_tokens)
    return blocks


@formula(source=VLLM_BLOCKS)
def window_blocks(
    tokens: Number, window: Number, chunk_tokens: Number = 2048, block_tokens: Number = 16
) -> Number:
    """Blocks of one sequence in a window layer: the window before a step and the step's tokens.

    One more, because a window seldom starts where a block does.

    >>> window_blocks(8192, window=4096)
    385
    """
    held = minimum(window - 1 + chunk_tokens, tokens)
    blocks = ceil_divide(held, block_tokens) + 1
    return blocks


@formula(source=VLLM_BLOCKS)
def local_chunk_blocks(
    tokens: Number, attention_chunk: Number, chunk_tokens: Number = 2048, block_tokens: Number = 16
) -> Number:
    """Blocks of one sequence in a layer of chunked attention: a chunk and the step's tokens.

    >>> local_chunk_blocks(131072, attention_chunk=8192)
    640
    """
    held = minimum(attention_chunk + chunk_tokens, tokens)
    blocks = ceil_divide(held, block_tokens)
    return blocks
