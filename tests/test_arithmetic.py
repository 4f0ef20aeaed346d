"""Arithmetic that serves integers, floats, arrays and symbols alike."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.arithmetic import (
    ceil,
    ceil_divide,
    compound_sum,
    divide,
    floor,
    floor_divide,
    is_symbolic,
    log2,
    maximum,
    minimum,
    power,
    where,
)

patient = settings(deadline=None)
large = st.integers(0, 10**40)
divisor = st.integers(1, 10**20)
plain = st.floats(0, 1e15, allow_nan=False)


def elements(array: Any) -> list[float]:
    return list(array.tolist())


@patient
@given(large, divisor)
def test_division_that_comes_out_even_stays_an_integer(quotient: int, by: int) -> None:
    result = divide(quotient * by, by)
    assert result == quotient
    assert type(result) is int


def test_division_that_leaves_a_rest_is_a_float() -> None:
    assert divide(7, 2) == 3.5
    assert divide(6.0, 2) == 3.0
    assert isinstance(divide(6.0, 2), float)
    assert elements(divide(np.array([6.0, 7.0]), 2)) == [3.0, 3.5]


@patient
@given(large, divisor)
def test_whole_division_rounds_up_and_down_exactly(value: int, by: int) -> None:
    up, down = ceil_divide(value, by), floor_divide(value, by)
    assert down == value // by
    assert up == math.ceil(Fraction(value, by))
    assert type(up) is type(down) is int


def test_whole_division_of_floats_and_arrays() -> None:
    assert ceil_divide(7.0, 2) == 4
    assert floor_divide(7.0, 2) == 3
    assert {type(ceil_divide(7, 2.0)), type(floor_divide(7.0, 2))} == {int}
    assert elements(ceil_divide(np.array([6.0, 7.0]), 2)) == [3.0, 4.0]
    assert elements(floor_divide(np.array([6.0, 7.0]), 2)) == [3.0, 3.0]


@patient
@given(st.integers(0, 10**9), st.floats(0.001, 0.999))
def test_a_number_between_two_whole_ones_goes_to_its_side(low: int, share: float) -> None:
    value = low + share
    assert (floor(value), ceil(value)) == (low, low + 1)


@pytest.mark.parametrize("value", [100 * 0.07, 0.3 / 0.1, 1.1 * 10, 4.35 * 100])
def test_round_off_alone_moves_no_number_to_the_next_one(value: float) -> None:
    assert ceil(value) == floor(value) == round(value)
    assert elements(ceil(np.array([value]))) == [ceil(value)]
    assert elements(floor(np.array([value]))) == [floor(value)]


def test_what_is_more_than_round_off_counts() -> None:
    assert ceil(7 * (1 + 1e-12)) == 8
    assert floor(7 * (1 - 1e-12)) == 6
    assert ceil(0.07 * 100) == 7
    assert ceil(-0.5) == 0
    assert floor(-0.5) == -1


@patient
@given(plain)
def test_rounding_an_array_is_rounding_each_element(value: float) -> None:
    assert elements(ceil(np.array([value]))) == [ceil(value)]
    assert elements(floor(np.array([value]))) == [floor(value)]


def test_rounding_keeps_integers_of_any_size_and_passes_infinity_on() -> None:
    assert ceil(10**40 + 1) == floor(10**40 + 1) == 10**40 + 1
    assert type(ceil(3.2)) is type(floor(3.2)) is int
    assert ceil(math.inf) == math.inf


def test_one_of_two_is_taken_element_by_element() -> None:
    condition = np.array([True, False, True])
    chosen, otherwise = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])
    assert elements(where(condition, chosen, otherwise)) == [1, 20, 3]
    assert elements(where(condition, chosen, 7)) == [1, 7, 3]
    assert elements(where(condition, 7, otherwise)) == [7, 20, 7]
    assert elements(where(condition, 5, 7)) == [5, 7, 5]
    table: Any = where(condition[:, None], chosen, otherwise)
    assert table.tolist() == [[1, 2, 3], [10, 20, 30], [1, 2, 3]]
    assert (where(True, 5, 7), where(False, 5, 7)) == (5, 7)


@patient
@given(plain, plain)
def test_the_larger_and_the_smaller_one(first: float, second: float) -> None:
    assert maximum(first, second) == max(first, second)
    assert minimum(first, second) == min(first, second)
    assert maximum(first, second, 7) == max(first, second, 7)
    assert minimum(first, second, 7) == min(first, second, 7)
    pair = np.array([first, second])
    assert elements(maximum(pair, second)) == [max(first, second), second]
    assert elements(minimum(pair, second)) == [min(first, second), second]
    assert elements(maximum(7, pair, second)) == [max(7, first, second), max(7, second)]


@patient
@given(st.floats(0, 1), st.integers(0, 60))
def test_the_sum_of_growing_terms_is_the_sum_of_its_terms(rate: float, terms: int) -> None:
    expected = math.fsum((1 + rate) ** i for i in range(terms))
    assert compound_sum(rate, terms) == pytest.approx(expected, rel=1e-9)
    array = compound_sum(np.array([rate, 0.0]), np.array([float(terms)] * 2))
    assert elements(array) == pytest.approx([expected, terms], rel=1e-9)


@patient
@given(
    st.lists(
        st.tuples(
            st.floats(0, 3) | st.integers(0, 3).map(float),
            st.floats(0, 60) | st.integers(0, 60).map(float) | st.just(2_000.0),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_sums_of_growing_terms_have_the_same_digits_in_an_array(
    pairs: list[tuple[float, float]],
) -> None:
    rates, counts = np.array(pairs).T
    assert elements(compound_sum(rates, counts)) == [compound_sum(*pair) for pair in pairs]
    table = compound_sum(rates[:, None], counts)
    assert np.shape(table) == (len(pairs), len(pairs))
    assert elements(np.diagonal(table)) == [compound_sum(*pair) for pair in pairs]


@given(st.integers(0, 3), st.integers(0, 60))
def test_integers_and_floats_agree_on_growth_as_far_as_floats_are_exact(
    rate: int, terms: int
) -> None:
    exact = compound_sum(rate, terms)
    assert type(exact) is int
    assert compound_sum(float(rate), terms) == pytest.approx(
        exact, rel=0 if exact < 2**53 else 1e-14
    )


def test_many_sums_of_growing_terms_are_each_their_own() -> None:
    """More than are taken at once, with the same number of terms here and there."""
    rates = np.linspace(0, 1, 20_001)
    counts = np.where(np.arange(rates.size) < 9_000, 12.0, np.arange(rates.size) % 7)
    sums = elements(compound_sum(rates, counts))
    assert sums[5] == compound_sum(float(rates[5]), 12)
    assert sums[-1] == compound_sum(1.0, float(counts[-1]))
    assert sums[15_000] == compound_sum(float(rates[15_000]), float(counts[15_000]))
    nothing = compound_sum(np.array([]), 12)
    assert np.shape(nothing) == (0,)


def test_a_sum_of_growing_terms_of_unknown_numbers_is_unknown() -> None:
    sums = elements(compound_sum(np.array([0.5, math.nan, 0.5]), np.array([math.nan, 2, 2])))
    assert [math.isnan(value) for value in sums] == [True, True, False]
    assert math.isnan(compound_sum(0.5, math.nan))
    assert compound_sum(0.5, math.inf) == math.inf


def test_a_sum_of_growing_terms_that_no_float_holds_is_infinite() -> None:
    assert compound_sum(1, 52) == 2**52 - 1
    assert compound_sum(1, 2_000) == compound_sum(1.5, 2_000.5) == math.inf


def test_the_largest_sum_of_growing_terms_that_a_float_holds_is_a_number() -> None:
    most = math.log(sys.float_info.max) / math.log1p(1.5)
    assert compound_sum(1.5, most) == pytest.approx(sys.float_info.max / 1.5)


@pytest.mark.parametrize("rate", [2, 2.0])
@pytest.mark.parametrize("terms", [3, 3.0])
def test_a_sum_of_growing_terms_is_an_integer_where_both_are(rate: float, terms: float) -> None:
    found = compound_sum(rate, terms)
    assert found == 13
    assert type(found) is (int if type(rate) is type(terms) is int else float)


def test_powers() -> None:
    assert power(3, 40) == 3**40
    assert type(power(3, 40)) is int
    assert power(0.5, 3) == 0.125
    assert elements(power(np.array([2.0, 3.0]), 2)) == [4.0, 9.0]


def test_doublings() -> None:
    assert (log2(1), log2(8), log2(0.25)) == (0, 3, -2)
    assert elements(log2(np.array([1.0, 1024.0]))) == [0, 10]
    assert float(log2(sympy.Symbol("n")).subs("n", 8)) == pytest.approx(3)  # type: ignore[union-attr]


def test_the_sum_of_terms_that_do_not_grow_counts_them() -> None:
    assert compound_sum(0, 12) == 12
    assert type(compound_sum(0, 12)) is int
    assert compound_sum(0.0, 12) == 12
    assert compound_sum(1e-300, 12) == pytest.approx(12)
    assert compound_sum(2, 3) == 1 + 3 + 9


def test_one_rate_for_many_terms_and_one_symbol_among_numbers() -> None:
    assert elements(compound_sum(1, np.array([1.0, 3.0]))) == pytest.approx([1, 7])
    assert elements(compound_sum(0, np.array([1.0, 3.0]))) == [1, 3]
    n = sympy.Symbol("n")
    assert is_symbolic(compound_sum(0.5, n))
    assert (maximum(n, 3), minimum(3, n)) == (sympy.Max(3, n), sympy.Min(3, n))


@pytest.mark.parametrize(
    ("function", "latex"),
    [
        (divide, r"\frac{a}{b}"),
        (ceil_divide, r"\left\lceil{\frac{a}{b}}\right\rceil"),
        (floor_divide, r"\left\lfloor{\frac{a}{b}}\right\rfloor"),
        (maximum, r"\max\left(a, b\right)"),
        (minimum, r"\min\left(a, b\right)"),
        (power, "a^{b}"),
        (compound_sum, r"\sum_{i=0}^{b - 1} \left(a + 1\right)^{i}"),
    ],
)
def test_symbols_pass(function: Callable[[Any, Any], Any], latex: str) -> None:
    expression = function(*sympy.symbols("a b"))
    assert is_symbolic(expression)
    assert sympy.latex(expression) == latex


def test_numbers_are_no_symbols() -> None:
    assert not any(is_symbolic(value) for value in (1, 1.0, np.arange(3), np.float64(1)))
