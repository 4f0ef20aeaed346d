"""Arithmetic that plain operators lack, the same for int, float, NumPy arrays and SymPy symbols.

NumPy and SymPy load only when a value of theirs comes in.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Number: TypeAlias = float | NDArray[np.float64]
else:
    Number: TypeAlias = Any


def is_symbolic(value: object) -> bool:
    """Tell a SymPy expression, with which a lesson calls a formula to display it."""
    return hasattr(value, "free_symbols")


def divide(dividend: Number, divisor: Number) -> Number:
    """Divide; two integers that divide evenly give an exact integer.

    >>> divide(354336768 * 16, 8), divide(1, 8)
    (708673536, 0.125)
    """
    if type(dividend) is int and type(divisor) is int:
        quotient, rest = divmod(dividend, divisor)
        if rest == 0:
            return quotient
    return dividend / divisor


def ceil(value: Number) -> Number:
    """Round up to a whole number, an exact integer for a scalar.

    A float that round-off alone lifts over a whole number is that number: 100 requests a second
    of 0.07 seconds keep 7 accelerators busy, not 8, though the product is 7.000000000000001.

    >>> ceil(111.3), ceil(112), ceil(100 * 0.07)
    (112, 112, 7)
    """
    return _whole(value, "ceil", "ceiling")


def floor(value: Number) -> Number:
    """Round down to a whole number, an exact integer for a scalar; the counterpart of `ceil`.

    >>> floor(111.3), floor(112), floor(0.3 / 0.1)
    (111, 112, 3)
    """
    return _whole(value, "floor", "floor")


def ceil_divide(dividend: Number, divisor: Number) -> Number:
    """Divide and round up; exact for integers of any size.

    >>> ceil_divide(8192, 16), ceil_divide(10**30 + 1, 10)
    (512, 100000000000000000000000000001)
    """
    if type(dividend) is int and type(divisor) is int:
        return -(-dividend // divisor)
    return ceil(dividend / divisor)


def log2(value: Number) -> Number:
    """Logarithm to base 2: how often something doubles.

    >>> log2(8)
    3.0
    """
    if isinstance(value, int | float):
        return math.log2(value)
    if is_symbolic(value):
        import sympy

        return sympy.log(value, 2)  # type: ignore[no-any-return]
    import numpy as np

    return np.log2(value)


def floor_divide(dividend: Number, divisor: Number) -> Number:
    """Divide and round down; exact for integers of any size.

    >>> floor_divide(8200, 16), floor_divide(10**30 + 1, 10)
    (512, 100000000000000000000000000000)
    """
    if type(dividend) is int and type(divisor) is int:
        return dividend // divisor
    return floor(dividend / divisor)


def power(base: Number, exponent: Number) -> Number:
    """Raise to a power; an integer to a whole power stays exact.

    >>> power(2, 10), power(0.5, 2)
    (1024, 0.25)
    """
    return base**exponent


def compound_sum(rate: Number, terms: Number) -> Number:
    """Add up so many terms, of which the first is 1 and each is larger by the rate.

    Accurate for the smallest rates. Integers give an exact integer.

    >>> compound_sum(1, 3), compound_sum(0, 12), round(compound_sum(0.1, 3), 9)
    (7, 12, 3.31)
    """
    if is_symbolic(rate) or is_symbolic(terms):
        return _compound_symbols(rate, terms)
    if isinstance(rate, int | float) and isinstance(terms, int | float):
        return _compound_scalar(rate, terms)
    return _compound_array(rate, terms)


# Sums are doubled, by additions and products alone: those round alike everywhere, so that an array
# has the digits of its elements. NumPy's exponentials differ from the standard library's.


def _compound_scalar(rate: float, terms: float) -> float:
    whole = math.floor(terms) if math.isfinite(terms) else 0
    if type(rate) is int and type(terms) is int and whole * math.log1p(rate) < _LARGEST_LOG:
        return ((1 + rate) ** whole - 1) // rate if rate else whole
    total, power_of_total = 0.0, 1.0
    block, power_of_block = 1.0, 1.0 + rate
    left = whole
    while left:
        if left & 1:
            total += power_of_total * block
            power_of_total *= power_of_block
        left >>= 1
        block, power_of_block = block * (1 + power_of_block), power_of_block * power_of_block
    if terms != whole:
        total += power_of_total * _part_of_a_term(rate, terms - whole)
    return total


def _compound_array(rate: Number, terms: Number) -> Number:
    import numpy as np

    shape = np.broadcast_shapes(np.shape(rate), np.shape(terms))
    rates = np.broadcast_to(np.asarray(rate, np.float64), shape).ravel()
    counts = np.broadcast_to(np.asarray(terms, np.float64), shape).ravel()
    total = np.empty(rates.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, rates.size, _AT_ONCE):
            few = slice(first, first + _AT_ONCE)
            total[few] = _compound_few(rates[few], counts[few])
    return total.reshape(shape)


def _compound_few(rates: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    whole = np.where(np.isfinite(counts), np.floor(counts), 0)
    left = whole.astype(np.int64)
    alike = bool((left == left[0]).all())
    total, power_of_total = np.zeros_like(rates), np.ones_like(rates)
    block, power_of_block = np.ones_like(rates), 1 + rates
    while left.any():
        odd = left[:1] & 1 if alike else left & 1
        if np.isfinite(power_of_block).all() and not alike:
            total += odd * power_of_total * block  # a product is faster than a choice
            power_of_total *= odd * power_of_block + (1 - odd)
        elif odd.any():
            total = np.where(odd, total + power_of_total * block, total)
            power_of_total = np.where(odd, power_of_total * power_of_block, power_of_total)
        left = left >> 1
        block, power_of_block = block * (1 + power_of_block), power_of_block * power_of_block
    for place in np.flatnonzero(counts != whole).tolist():
        share = float(counts[place] - whole[place])
        total[place] += power_of_total[place] * _part_of_a_term(float(rates[place]), share)
    return total


def _part_of_a_term(rate: float, share: float) -> float:
    return math.expm1(share * math.log1p(rate)) / rate if rate else share


_AT_ONCE = 8192  # elements that a processor's cache holds


def maximum(*values: Number) -> Number:
    """Take the largest one, element by element for arrays.

    >>> maximum(3, 5), maximum(3, 7, 5)
    (5, 7)
    """
    return _extreme(values, "maximum", "Max")


def minimum(*values: Number) -> Number:
    """Take the smallest one, element by element for arrays.

    >>> minimum(3, 5), minimum(3, 7, 2)
    (3, 2)
    """
    return _extreme(values, "minimum", "Min")


def where(condition: Any, chosen: Number, otherwise: Number) -> Number:
    """Take one of two, element by element for arrays.

    >>> where(3 < 5, 1, 2)
    1
    """
    if isinstance(condition, bool):
        return chosen if condition else otherwise
    import numpy as np

    return np.where(condition, chosen, otherwise)


def _extreme(values: tuple[Number, ...], numpy_name: str, sympy_name: str) -> Number:
    for value in values:
        if not isinstance(value, int | float):
            break
    else:
        return max(values) if sympy_name == "Max" else min(values)
    if any(is_symbolic(value) for value in values):
        import sympy

        return getattr(sympy, sympy_name)(*values)  # type: ignore[no-any-return]
    import numpy as np

    return functools.reduce(getattr(np, numpy_name), values)


_LARGEST_LOG = math.log(sys.float_info.max)
# Products of a few factors are off by a few units in the last place, 2.2e-16 each.
_ROUND_OFF = 2e-15


def _whole(value: Number, name: str, sympy_name: str) -> Number:
    if isinstance(value, int):
        return value
    # Half a unit at most: from there on floats have no digits behind the point to be off in.
    towards = -1 if name == "ceil" else 1
    if isinstance(value, float):
        if not math.isfinite(value):
            return value
        shifted = value + towards * min(_ROUND_OFF * abs(value), 0.5)
        return math.ceil(shifted) if name == "ceil" else math.floor(shifted)
    if is_symbolic(value):
        import sympy

        return getattr(sympy, sympy_name)(value)  # type: ignore[no-any-return]
    import numpy as np

    off: Any = np.abs(value)
    off *= towards * _ROUND_OFF
    off = np.clip(off, -0.5, 0.5, out=off)
    off += value
    return getattr(np, name)(off, out=off)  # type: ignore[no-any-return]


def _compound_symbols(rate: Number, terms: Number) -> Number:
    import sympy

    index = sympy.Symbol("i")
    term, last = (1 + rate) ** index, terms - 1
    # A display switches evaluation off; then the sum alone would write each term as 1 times it.
    with sympy.evaluate(True):
        return sympy.Sum(term, (index, 0, last))  # type: ignore[no-any-return]
