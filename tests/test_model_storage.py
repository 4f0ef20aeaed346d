"""Lesson 1's formulas: bytes of weights, and parameters from a model's shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.model_storage import (
    accelerators_to_hold,
    attention_bias_params,
    attention_params,
    embedding_params,
    load_seconds,
    mlp_bias_params,
    mlp_params,
    norm_params,
    position_params,
    replicated_bytes,
    router_params,
    scaled_bits_per_weight,
    weight_bytes,
)

count = st.integers(0, 10**13)
size = st.integers(1, 10**5)


@given(count, st.sampled_from([8, 16, 32, 64]))
def test_weights_of_whole_bytes_are_exact(n_params: int, bits: int) -> None:
    assert weight_bytes(n_params, bits) == n_params * (bits // 8)
    assert type(weight_bytes(n_params, bits)) is int


@given(count)
def test_half_the_bits_are_half_the_bytes(n_params: int) -> None:
    assert 2 * weight_bytes(n_params, 16) == weight_bytes(n_params, 32)
    assert weight_bytes(n_params) == weight_bytes(n_params, 16)
    assert weight_bytes(n_params, 4) == pytest.approx(n_params / 2)


@pytest.mark.parametrize(
    ("element", "scale", "zero", "group", "bits"),
    [(4, 16, 0, 128, 4.125), (4, 8, 0, 32, 4.25), (4, 8, 0, 16, 4.5), (4, 16, 4, 32, 4.625)],
)
def test_scales_add_their_share(
    element: int, scale: int, zero: int, group: int, bits: float
) -> None:
    assert scaled_bits_per_weight(element, scale, zero, group) == bits


@given(count, st.integers(1, 100))
def test_copies_multiply(size_bytes: int, copies: int) -> None:
    assert replicated_bytes(size_bytes, copies) == size_bytes * copies


@given(size, size, size, size)
def test_attention_is_its_four_matrices(d: int, heads: int, kv_heads: int, dim: int) -> None:
    query, output = d * (heads * dim), (heads * dim) * d
    key, value = d * (kv_heads * dim), d * (kv_heads * dim)
    assert attention_params(d, heads, kv_heads, dim) == query + output + key + value
    biases = heads * dim + 2 * kv_heads * dim + d
    assert attention_bias_params(d, heads, kv_heads, dim) == biases


@given(size, size)
def test_the_other_parts(d: int, other: int) -> None:
    assert embedding_params(other, d) == position_params(other, d) == router_params(d, other)
    assert router_params(d, other) == d * other
    assert mlp_params(d, other) == 2 * d * other
    assert mlp_params(d, other, mlp_matrices=3) == 3 * d * other
    assert mlp_bias_params(d, other) == d + other
    assert norm_params(d, 2) == 2 * norm_params(d) == 2 * d


@given(st.integers(0, 10**13), st.integers(1, 10**12))
def test_so_many_accelerators_hold_the_weights_and_no_fewer(weights: int, memory: int) -> None:
    held = accelerators_to_hold(weights, memory)
    assert (held - 1) * memory < weights <= held * memory or held == weights == 0


@given(count, st.integers(1, 10**13))
def test_loading_takes_bytes_over_rate(weights: int, rate: int) -> None:
    assert load_seconds(weights, rate) * rate == pytest.approx(weights)


@pytest.mark.parametrize("memory", [0, -1])
def test_no_memory_holds_nothing(memory: int) -> None:
    with pytest.raises(ValueError, match=r"^memory_bytes is .* must be more than 0 bytes"):
        accelerators_to_hold(6_000_000_000, memory)


def test_mlp_matrices_are_two_or_three() -> None:
    with pytest.raises(ValueError, match="from 2 to 3 matrices"):
        mlp_params(1024, 4096, mlp_matrices=4)
