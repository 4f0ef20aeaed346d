"""Lesson 3's formulas: the memory of inference, and what fits into an accelerator."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.memory import (
    activation_bytes,
    activation_rule_bytes,
    attention_score_bytes,
    crossover_batch,
    expert_workspace_bytes,
    inference_bytes,
    input_bytes,
    kv_bytes_per_token,
    kv_cache_bytes,
    kv_heads_per_rank,
    kv_pool_bytes,
    latent_cache_bytes,
    layer_activation_bytes,
    logit_bytes,
    longest_context,
    prefill_steps,
    sequences_that_fit,
    tokens_that_fit,
    training_state_bytes,
    window_cache_bytes,
    window_tokens,
)
from estimator.paged_cache import (
    engine_cache_bytes,
    local_chunk_blocks,
    page_bytes,
    paged_tokens,
    pages_in_pool,
    sequence_blocks,
    window_blocks,
)
from estimator.units import GiB

layers = st.integers(0, 200)
heads = st.integers(1, 128)
width = st.integers(1, 20_000)
length = st.integers(1, 10**7)
sequences = st.integers(1, 10_000)
element = st.sampled_from([1, 2, 4])
volume = st.integers(0, 10**15)
parallel = st.integers(1, 64)


# --- Activations, input, total --------------------------------------------------------------


@given(layers, width, sequences, element)
def test_the_guide_s_rule_is_a_vector_a_layer(n: int, d: int, batch: int, b: int) -> None:
    assert activation_rule_bytes(n, d, batch, b) == n * (batch * d * b)
    assert activation_rule_bytes(24, 1024) == 49_152


@given(length, width, heads, heads, width, width, st.sampled_from([2, 3]))
def test_a_layer_is_as_wide_as_its_widest_part(
    tokens: int, d: int, h: int, kv: int, dim: int, d_ff: int, matrices: int
) -> None:
    query, key, value, output = h * dim, kv * dim, kv * dim, h * dim
    mlp = matrices * d_ff
    live = layer_activation_bytes(tokens, d, h, kv, dim, d_ff, matrices)
    assert live == tokens * (2 * d + max(query + key + value + output, mlp)) * 2
    assert live >= tokens * d * 2


def test_the_rule_leaves_out_what_is_widest() -> None:
    layer = layer_activation_bytes(1, 1024, 16, 16, 64, 4096)
    assert (layer, logit_bytes(50_000)) == (20_480, 200_000)
    assert activation_bytes(layer, logit_bytes(50_000)) == 220_480
    assert logit_bytes(50_000, logit_element_bytes=2) == 100_000
    assert activation_rule_bytes(24, 1024) < logit_bytes(50_000, logit_element_bytes=2)


@given(width, sequences, element)
def test_each_sequence_has_a_row_of_logits(vocabulary: int, batch: int, b: int) -> None:
    assert logit_bytes(vocabulary, batch, b) == batch * logit_bytes(vocabulary, 1, b)
    assert logit_bytes(vocabulary) == 4 * vocabulary


@given(heads, length, sequences)
def test_scores_grow_with_the_square_of_the_length(h: int, tokens: int, batch: int) -> None:
    once = attention_score_bytes(h, tokens, batch)
    assert attention_score_bytes(h, 2 * tokens, batch) == 4 * once
    assert once == batch * h * tokens * tokens * 2


@given(length, width, sequences, element)
def test_the_input_is_ids_and_embeddings(tokens: int, d: int, batch: int, b: int) -> None:
    assert input_bytes(tokens, d, batch, b) == batch * tokens * 8 + batch * tokens * d * b
    assert input_bytes(tokens, d, batch, b, id_bytes=4) == batch * tokens * (4 + d * b)


@given(volume, volume, volume, volume)
def test_the_total_is_the_sum_of_its_parts(w: int, a: int, kv: int, over: int) -> None:
    assert inference_bytes(w, a, kv, over) == sum((w, a, kv, over))


@given(volume, st.integers(0, 8), st.integers(0, 8), st.integers(0, 16))
def test_training_keeps_weights_gradients_and_moments(
    n_params: int, weight: int, gradient: int, optimizer: int
) -> None:
    parts = n_params * weight + n_params * gradient + n_params * optimizer
    assert training_state_bytes(n_params, weight, gradient, optimizer) == parts
    assert training_state_bytes(n_params) == 16 * n_params


def test_zero_s_own_example() -> None:
    """Rajbhandari et al. 2020, section 3.1: GPT-2 with 1.5 B parameters needs at least 24 GB."""
    assert training_state_bytes(1_500_000_000) == 24_000_000_000


# --- The cache ------------------------------------------------------------------------------


@given(layers, heads, width, length, sequences, element)
def test_the_cache_is_keys_and_values_of_all(
    n: int, kv: int, dim: int, tokens: int, batch: int, b: int
) -> None:
    keys = n * kv * dim * tokens * batch * b
    cache = kv_cache_bytes(n, kv, dim, tokens, batch, b)
    assert cache == keys + keys
    assert type(cache) is int
    assert cache == kv_bytes_per_token(n, kv, dim, b) * tokens * batch
    assert kv_cache_bytes(n, kv, dim, tokens) == kv_cache_bytes(n, kv, dim, tokens, 1, 2)


@given(layers, width, width, length, sequences, element)
def test_the_latent_cache_is_one_latent_and_one_key(
    n: int, rank: int, rope: int, tokens: int, batch: int, b: int
) -> None:
    latent = n * rank * tokens * batch * b
    assert latent_cache_bytes(n, rank, rope, tokens, batch, b) == latent + (
        n * rope * tokens * batch * b
    )


def test_a_sweep_of_lengths_is_one_call() -> None:
    tokens = np.array([1, 128, 1024])
    assert np.array_equal(kv_cache_bytes(24, 16, 64, tokens), 98_304 * tokens)


@given(layers, layers, heads, width, length, length, sequences, element)
def test_a_window_layer_keeps_no_more_than_its_window(
    full: int, windowed: int, kv: int, dim: int, tokens: int, window: int, batch: int, b: int
) -> None:
    ideal = window_cache_bytes(full, windowed, kv, dim, tokens, window, batch, b)
    kept = kv_cache_bytes(windowed, kv, dim, window_tokens(tokens, window), batch, b)
    assert ideal == kv_cache_bytes(full, kv, dim, tokens, batch, b) + kept
    everything = kv_cache_bytes(full + windowed, kv, dim, tokens, batch, b)
    assert ideal <= everything
    assert (ideal == everything) == (tokens <= window or windowed == 0)
    assert window_tokens(tokens, window) == min(tokens, window)


@given(length, st.sampled_from([1, 8, 16, 32]))
def test_a_sequence_takes_whole_blocks(tokens: int, block: int) -> None:
    blocks, room = sequence_blocks(tokens, block), paged_tokens(tokens, block)
    assert blocks == math.ceil(tokens / block)
    assert room == blocks * block
    assert 0 <= room - tokens < block


@given(length, st.integers(1, 10**5), st.integers(1, 10**5), st.sampled_from([1, 16, 32]))
def test_a_window_layer_in_an_engine(tokens: int, window: int, chunk: int, block: int) -> None:
    blocks = window_blocks(tokens, window, chunk, block)
    assert blocks == math.ceil(min(window - 1 + chunk, tokens) / block) + 1
    # The window of any step lies within the blocks, wherever in a block it starts.
    assert blocks * block >= min(window - 1 + chunk, tokens) + block


@given(length, st.integers(1, 10**5), st.integers(1, 10**5), st.sampled_from([1, 16, 32]))
def test_a_chunked_layer_in_an_engine(tokens: int, part: int, chunk: int, block: int) -> None:
    blocks = local_chunk_blocks(tokens, part, chunk, block)
    assert blocks == math.ceil(min(part + chunk, tokens) / block)
    assert local_chunk_blocks(tokens, part) == local_chunk_blocks(tokens, part, 2048, 16)
    assert window_blocks(tokens, part) == window_blocks(tokens, part, 2048, 16)


@given(layers, heads, width, st.integers(1, 64), element)
def test_a_page_is_a_block_of_tokens_of_a_group(
    group: int, kv: int, dim: int, block: int, b: int
) -> None:
    page = page_bytes(group, kv, dim, block, b)
    assert page == kv_cache_bytes(group, kv, dim, block, 1, b)
    assert page_bytes(group, kv, dim) == kv_cache_bytes(group, kv, dim, 16)


@given(volume, *[st.integers(0, 50)] * 2, *[st.integers(0, 10_000)] * 2, sequences)
def test_an_engine_sets_pages_aside_for_each_group(
    page: int, full: int, windowed: int, blocks: int, few: int, batch: int
) -> None:
    cache = engine_cache_bytes(page, full, windowed, blocks, few, batch)
    assert cache == batch * (full * blocks * page + windowed * few * page)


def test_the_three_answers_for_a_model_with_windows() -> None:
    ideal = window_cache_bytes(21, 21, 8, 256, 8192, 4096)
    engine = engine_cache_bytes(
        page_bytes(21, 8, 256), 1, 1, sequence_blocks(8192), window_blocks(8192, 4096)
    )
    assert ideal < engine < kv_cache_bytes(42, 8, 256, 8192)


# --- What fits ------------------------------------------------------------------------------


@given(st.integers(0, 256), parallel)
def test_heads_are_shared_until_each_rank_has_one(kv: int, ranks: int) -> None:
    mine = kv_heads_per_rank(kv, ranks)
    assert mine * ranks >= kv
    assert (mine - 1) * ranks < kv or mine == 0
    if kv and ranks >= kv:
        assert mine == 1


@given(st.integers(1, 10**12), *[st.integers(0, 10**12)] * 3, parallel)
def test_the_pool_is_what_the_rest_leaves(
    memory: int, weights: int, activations: int, overhead: int, ranks: int
) -> None:
    pool = kv_pool_bytes(memory, 1, weights * ranks, activations, overhead, ranks)
    assert pool == max(0, memory - weights - activations - overhead)
    assert type(pool) is int
    half = kv_pool_bytes(memory, 0.5, weights, activations, overhead)
    assert half == pytest.approx(max(0, memory / 2 - weights - activations - overhead))


@pytest.mark.parametrize(
    ("weights", "activations", "overhead", "logged"), [(14.99, 1.89, 0.25, 58.11),
                                                       (17.22, 3.65, 0.25, 54.12)],
)  # fmt: skip
def test_the_budget_is_the_one_that_an_engine_logged(
    weights: float, activations: float, overhead: float, logged: float
) -> None:
    """llm-d-planner: vLLM 0.19 on an H100, Llama 3.1 8B and Gemma 2 9B; GiB to two decimals."""
    pool = kv_pool_bytes(79.19 * GiB, 0.95, weights * GiB, activations * GiB, overhead * GiB)
    assert pool / GiB == pytest.approx(logged, rel=3e-4)


def test_the_tokens_that_fit_are_those_that_an_engine_logged() -> None:
    """The same log: 476,016 tokens with a cache at 16 bits, 952,032 at 8."""
    per_token = kv_bytes_per_token(32, 8, 128)
    assert tokens_that_fit(58.11 * GiB, per_token) == pytest.approx(476_016, rel=1e-4)
    halved = kv_bytes_per_token(32, 8, 128, bytes_per_element=1)
    assert tokens_that_fit(58.11 * GiB, halved) == pytest.approx(952_032, rel=1e-4)


@given(volume, st.integers(1, 10**7), length)
def test_what_fits_fits_and_one_more_does_not(pool: int, per_token: int, tokens: int) -> None:
    total = tokens_that_fit(pool, per_token)
    assert total * per_token <= pool < (total + 1) * per_token
    many = sequences_that_fit(total, tokens)
    assert many * tokens <= total < (many + 1) * tokens
    assert pages_in_pool(pool, per_token) == total


@given(volume, sequences, length)
def test_the_longest_context_fits_and_the_model_allows_it(
    total: int, batch: int, limit: int
) -> None:
    longest = longest_context(total, batch, limit)
    assert longest <= limit
    assert longest * batch <= total
    assert longest == limit or (longest + 1) * batch > total


@given(st.integers(1, 10**12), st.integers(1, 10**7), length)
def test_at_the_crossover_the_cache_is_as_large_as_the_weights(
    weights: int, per_token: int, tokens: int
) -> None:
    assert crossover_batch(weights, per_token, tokens) * per_token * tokens == pytest.approx(
        weights
    )


@given(length, st.integers(1, 10**5))
def test_a_prompt_is_read_in_chunks(tokens: int, chunk: int) -> None:
    steps = prefill_steps(tokens, chunk)
    assert (steps - 1) * chunk < tokens <= steps * chunk


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: longest_context(1000, 0, 10), "batch is 0, but .* more than 0 sequences"),
        (lambda: sequences_that_fit(1000, 0), "tokens is 0, but .* more than 0 tokens"),
        (lambda: tokens_that_fit(1000, 0), "kv_bytes_per_token is 0, but .* more than 0"),
        (lambda: pages_in_pool(1000, 0), "page_bytes is 0, but .* more than 0 bytes"),
        (lambda: crossover_batch(1000, 10, 0), "tokens is 0, but .* more than 0 tokens"),
        (lambda: kv_pool_bytes(80, 95, 1, 1, 1), "memory_utilization is 95, .* at most 1:"),
        (lambda: kv_heads_per_rank(8, 0), "tensor_parallel is 0, but .* 1 accelerator or more"),
        (lambda: window_blocks(100, 0), "window is 0, but .* 1 token or more"),
        (lambda: kv_cache_bytes(24, 16, 64, 128, 1, 16), "bytes_per_element is 16, .* at most 8"),
        (lambda: kv_cache_bytes(24.5, 16, 64, 128), "n_layers is 24.5, but .* a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


def test_experts_wider_than_the_model_need_room_for_gate_and_value() -> None:
    """Mixtral by hand: 2 x 14,336 go in and 14,336 come out, of 2 experts, 2 bytes each."""
    assert expert_workspace_bytes(1, 2, d_model=4096, d_ff=14_336) == 3 * 14_336 * 2 * 2


def test_what_is_not_said_is_one_sequence_of_16_bit_numbers_in_blocks_of_16() -> None:
    assert attention_score_bytes(16, 128) == attention_score_bytes(16, 128, 1, 2)
    assert input_bytes(128, 1024) == input_bytes(128, 1024, 1, 2, 8)
    assert latent_cache_bytes(61, 512, 64, 128) == latent_cache_bytes(61, 512, 64, 128, 1, 2)
    assert sequence_blocks(1_000) == sequence_blocks(1_000, 16)
    assert paged_tokens(1_000) == paged_tokens(1_000, 16)


def test_no_sequences_and_no_tokens_take_no_cache() -> None:
    assert kv_cache_bytes(24, 16, 64, tokens=0) == 0
    assert kv_cache_bytes(24, 16, 64, tokens=128, batch=0) == 0
    assert sequence_blocks(0) == paged_tokens(0) == prefill_steps(0, 2048) == 0
