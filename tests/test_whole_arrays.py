"""Arrays of integers: the same answers as number by number, exactly, or as floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.formula import facts_of
from estimator.memory import kv_cache_bytes
from estimator.model_storage import replicated_bytes, weight_bytes
from estimator.quantity import Quantity
from estimator.user_data import hot_storage_bytes
from estimator.whole_arrays import in_integers

Formula = Callable[..., Any]
COUNT = st.integers(1, 2**40)


def integers(function: Formula, *args: Any, **named: Any) -> Any:
    facts = facts_of(function)
    return in_integers(facts.bare, facts.inputs, args, named)


@given(st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=5))
@pytest.mark.parametrize("function", [replicated_bytes, hot_storage_bytes])
def test_rows_are_what_single_numbers_give(function: Formula, rows: list[tuple[int, int]]) -> None:
    found = function(*np.array(rows, dtype=np.int64).T)
    assert found.dtype == np.float64
    assert found.tolist() == [float(function(*row)) for row in rows]


@pytest.mark.parametrize(
    ("low", "low_open", "high", "values", "wanted"),
    [
        (0, False, 10, [0, 10], [0.0, 30.0]),
        (0, False, 10, [0, 11], None),
        (0, False, 10, [-1, 10], None),
        (0, False, 1e30, [-1, 10], None),
        (0, True, 10, [1, 10], [3.0, 30.0]),
        (0, True, 10, [0, 10], None),
        (1, False, 10, [1, 10], [3.0, 30.0]),
        (1, False, 10, [0, 10], None),
        (2, False, 10, [1, 10], None),
        (-5, False, 10, [-5, 10], None),  # read as unsigned, a number below 0 is none of these
    ],
)
def test_the_ends_of_a_range(
    low: float, low_open: bool, high: float, values: list[int], wanted: list[float] | None
) -> None:
    entry = Quantity("n", "n", "", "number", "a number", 1, low, high, low_open)
    found = in_integers(lambda n: 3 * n, [entry], [np.array(values)], {})
    assert (found if wanted is None else found.tolist()) == wanted


def test_single_numbers_beside_an_array_may_be_below_0() -> None:
    entries = [Quantity(name, name, "", "number", "a number", 1, -(2.0**80)) for name in "ab"]
    array = np.array([3, 2**62])
    assert in_integers(lambda a, b: a + b, entries, [array, -1], {}).tolist() == [2.0, 2.0**62]
    assert in_integers(lambda a, b: a + b, entries, [array, -(2**62)], {}) is None
    assert in_integers(lambda a, b: a - b, entries, [array, 2**62], {}) is None
    assert in_integers(lambda a, b: b - a, entries, [array, 2**62 - 1], {}).tolist() == [
        2.0**62 - 4,
        -1.0,
    ]
    assert in_integers(lambda a, b: a * b, entries, [array, -(2**81)], {}) is None


@pytest.mark.parametrize(
    "bare",
    [
        lambda n: n / 2,
        lambda n: n // 2,
        lambda n: n**2,
        lambda n: n * 0.5,
        lambda n: n if n else 1,
        lambda n: n if n == 1 else 1,
        lambda n: np.ceil(n),
        lambda n: n.size_of_it,
        lambda n: 7,
    ],
)
def test_other_arithmetic_is_not_tried(bare: Callable[[Any], Any]) -> None:
    entry = Quantity("n", "n", "", "number", "a number", 1)
    assert in_integers(bare, [entry], [np.array([1, 2])], {}) is None


def test_what_could_wrap_is_calculated_in_floats() -> None:
    just, over = np.array([2**31]), np.array([2**32])
    assert integers(replicated_bytes, just, just).tolist() == [2.0**62]
    assert integers(replicated_bytes, over, over) is None
    assert replicated_bytes(over, over).tolist() == [2.0**64]
    # The bound is that of the largest values, also where no row holds both of them.
    mixed = np.array([1, 2**62])
    assert integers(replicated_bytes, mixed, mixed[::-1]) is None
    assert replicated_bytes(mixed, mixed[::-1]).tolist() == [2.0**62] * 2


def test_a_result_beyond_the_whole_floats_is_rounded_once() -> None:
    size = np.array([2**53 + 1])  # no float; times 3 it rounds to another one than 3 x 2^53
    assert int(replicated_bytes(size, 3)[0]) == int(float(3 * (2**53 + 1)))
    assert int(float(3 * (2**53 + 1))) != 3 * int(float(2**53 + 1))


@pytest.mark.parametrize(
    "args",
    [
        (np.array([1.0, 2.0]), 2),
        (np.array([1, 2]), 2.0),
        (np.array([1, 2], dtype=np.int32), 2),
        (np.array([1, -2]), 2),
        (np.array([1, 2]), -2),
        (np.array([], dtype=np.int64), 2),
        (np.ma.masked_array([1, 2], [False, True]), 2),
        (np.array(5), 2),
        (np.array([1, 2]), np.array([1, 2, 3])),
        (np.array([1, 2]),),
    ],
    ids=str,
)
def test_all_else_goes_the_usual_way(args: tuple[Any, ...]) -> None:
    assert integers(replicated_bytes, *args) is None


def test_names_and_defaults_are_as_in_any_call() -> None:
    tokens = np.array([128, 4096])
    found = integers(kv_cache_bytes, 24, 16, 64, tokens=tokens)
    assert found.tolist() == [kv_cache_bytes(24, 16, 64, tokens=n) for n in (128, 4096)]
    assert integers(kv_cache_bytes, 24, 16, 64, tokens=tokens, batch=3).tolist() == [
        3 * value for value in found
    ]
    assert integers(kv_cache_bytes, 24, 16, 64) is None
    with pytest.raises(TypeError, match="multiple values"):
        kv_cache_bytes(24, 16, 64, tokens=tokens, **{"head_dim": 64})


def test_a_formula_that_divides_goes_the_usual_way() -> None:
    assert integers(weight_bytes, np.array([10**9]), np.array([4])) is None
    assert weight_bytes(np.array([10**9 + 1]), 4).tolist() == [500_000_000.5]
