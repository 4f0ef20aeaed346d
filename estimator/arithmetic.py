"""Arithmetic that plain operators lack, the same for int, float, NumPy arrays and SymPy symbols.

NumPy and SymPy load only when a value of theirs comes in.
"""

from __future__ import annotations

import math
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

    >>> ceil(111.3), ceil(112)
    (112, 112)
    """
    if isinstance(value, int | float):
        return math.ceil(value)
    if is_symbolic(value):
        import sympy

        return sympy.ceiling(value)  # type: ignore[no-any-return]
    import numpy as np

    return np.ceil(value)


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


def maximum(first: Number, second: Number) -> Number:
    """Take the larger one, element by element for arrays.

    >>> maximum(3, 5)
    5
    """
    return _extreme(first, second, "maximum", "Max")


def minimum(first: Number, second: Number) -> Number:
    """Take the smaller one, element by element for arrays.

    >>> minimum(3, 5)
    3
    """
    return _extreme(first, second, "minimum", "Min")


def _extreme(first: Number, second: Number, numpy_name: str, sympy_name: str) -> Number:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return max(first, second) if sympy_name == "Max" else min(first, second)
    if is_symbolic(first) or is_symbolic(second):
        import sympy

        return getattr(sympy, sympy_name)(first, second)  # type: ignore[no-any-return]
    import numpy as np

    return getattr(np, numpy_name)(first, second)  # type: ignore[no-any-return]
