"""Lesson 4's recap: the arithmetic of training and of a forward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.training import (
    counted_forward_flops,
    forward_flops,
    row_training_flops,
    training_flops,
    training_seconds,
)
from estimator.units import DAY

params = st.integers(0, 10**13)
amount = st.integers(0, 10**14)
small = st.integers(1, 300)


@given(params, amount)
def test_training_is_three_forward_passes_over_every_token(n: int, tokens: int) -> None:
    assert training_flops(n, tokens) == 3 * forward_flops(n, tokens) == 6 * n * tokens
    assert type(training_flops(n, tokens)) is int


@given(params, amount, st.integers(0, 1000), st.integers(0, 1000))
def test_rows_count_with_their_epochs_and_their_multiplier(
    n: int, rows: int, epochs: int, multiplier: int
) -> None:
    work = row_training_flops(n, rows, epochs, multiplier)
    assert work == training_flops(n, rows) * epochs * multiplier
    assert row_training_flops(n, rows) == training_flops(n, rows)


@given(st.floats(1e15, 1e26), st.floats(1e12, 1e16), st.integers(1, 10**5), st.floats(0.01, 1))
def test_time_is_work_over_rate(work: float, rate: float, many: int, share: float) -> None:
    time = training_seconds(work, rate, many, share)
    assert time * rate * many * share == pytest.approx(work)
    assert training_seconds(work, rate) == pytest.approx(work / rate)


@pytest.mark.parametrize(
    ("n_params", "rows", "epochs", "multiplier", "many", "days"),
    [
        (3e9, 2e8, 1000, 1, 1, 267.09),
        (3e9, 2e8, 1000, 1, 32, 8.35),
        (2e9, 1e9, 1, 1000, 1, 890.31),
        (2e9, 1e9, 1, 1000, 64, 13.9),
    ],
)
def test_the_course_s_training_times(
    n_params: float, rows: float, epochs: int, multiplier: int, many: int, days: float
) -> None:
    work = row_training_flops(n_params, rows, epochs, multiplier)
    assert training_seconds(work, 156e12, many) / DAY == pytest.approx(days, rel=1e-3)


@given(small, small, small, small, small, small)
def test_a_forward_pass_part_by_part(n: int, d: int, d_ff: int, h: int, s: int, b: int) -> None:
    projections, scores = 8 * b * s * d * d, 4 * b * s * s * d
    softmax, gelu, norms = 5 * b * h * s * s, 8 * b * s * d_ff, 10 * b * s * d
    mlp = 4 * b * s * d * d_ff
    layer = projections + scores + softmax + mlp + gelu + norms
    assert counted_forward_flops(n, d, d_ff, h, s, b) == n * layer + b * s * d
    assert counted_forward_flops(n, d, d_ff, h, s) * b == counted_forward_flops(n, d, d_ff, h, s, b)


def test_two_operations_a_parameter_come_close_for_short_sequences() -> None:
    """The guide's model without its embeddings: 24 x 12 x 1,024^2 parameters."""
    counted = counted_forward_flops(24, 1024, 4096, 16, tokens=128)
    assert counted / forward_flops(24 * 12 * 1024**2, 128) == pytest.approx(1.02, abs=0.01)
    assert counted_forward_flops(24, 1024, 4096, 16, 1024) == 724_625_784_832


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: training_seconds(1, 1, 0), "accelerators is 0, but .* more than 0 accelerators"),
        (lambda: training_seconds(1, 0), "flops_per_s is 0, but .* more than 0 FLOP/s"),
        (lambda: training_seconds(1, 1, 1, 40), "training_utilization is 40, .* at most 1:"),
        (lambda: training_flops(-3, 1), "n_params is -3, but .* 0 parameters or more"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
