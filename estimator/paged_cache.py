"""Lesson 3, the cache as an engine hands it out: blocks of tokens, pages of a group of layers."""

from __future__ import annotations

from estimator.arithmetic import Number, ceil_divide, floor_divide, minimum
from estimator.formula import formula

VLLM_BLOCKS = "vLLM 0.19, vllm/v1/kv_cache_interface.py: the most that one sequence may hold"
VLLM_POOL = "vLLM 0.19: its budget of the memory, as it logs it"


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


@formula(source="Kwon et al. 2023, PagedAttention: a sequence takes whole blocks")
def paged_tokens(tokens: Number, block_tokens: Number = 16) -> Number:
    """Tokens for which a sequence takes room: its last block is taken as a whole.

    >>> paged_tokens(128), paged_tokens(129)
    (128, 144)
    """
    room = ceil_divide(tokens, block_tokens) * block_tokens
    return room


@formula(source=VLLM_BLOCKS)
def page_bytes(
    group_layers: Number, n_kv_heads: Number, head_dim: Number, block_tokens: Number = 16,
    bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """Bytes of one block of tokens in all layers of a group: groups of equal size share pages.

    >>> page_bytes(21, n_kv_heads=8, head_dim=256)
    2752512
    """
    size_bytes = 2 * group_layers * n_kv_heads * head_dim * block_tokens * bytes_per_element
    return size_bytes


@formula(source=VLLM_BLOCKS)
def engine_cache_bytes(
    page_bytes: Number, full_groups: Number, window_groups: Number, sequence_blocks: Number,
    window_blocks: Number, batch: Number = 1,
) -> Number:  # fmt: skip
    """Pages of each group of layers, for every sequence: what an engine with windows sets aside.

    >>> engine_cache_bytes(2_752_512, 1, 1, sequence_blocks=512, window_blocks=385)
    2469003264
    """
    pages = full_groups * sequence_blocks + window_groups * window_blocks
    cache_bytes = page_bytes * pages * batch
    return cache_bytes


@formula(source=VLLM_POOL, divisors=("page_bytes",))
def pages_in_pool(kv_pool_bytes: Number, page_bytes: Number) -> Number:
    """Whole pages that the memory left for the cache takes.

    >>> pages_in_pool(54.12 * 2**30, page_bytes=2_752_512)
    21111
    """
    count = floor_divide(kv_pool_bytes, page_bytes)
    return count
