"""Formulas over arrays of integers: in integers, where it is certain that none of them wraps.

An integer array becomes float64 in a formula, because int64 wraps in silence; to convert every
argument takes longer than a product. A formula of sums, differences and products alone needs one
conversion, of its result: arithmetic modulo 2^64 is right whenever the result lies within 2^63,
whatever came between.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from estimator.quantity import Quantity

_WRAPS = 2**63


class _Bound:
    """How far from 0 a number can be; it can be added, subtracted and multiplied, no more."""

    def __init__(self, size: int) -> None:
        self.size = size

    def _plus(self, other: object) -> _Bound:
        return _Bound(self.size + _size(other))

    def _times(self, other: object) -> _Bound:
        return _Bound(self.size * _size(other))

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError

    __add__ = __radd__ = __sub__ = __rsub__ = _plus
    __mul__ = __rmul__ = _times
    __bool__ = __eq__ = __hash__ = _refuse


def _size(number: object) -> int:
    if isinstance(number, _Bound):
        return number.size
    if type(number) is int:
        return abs(number)
    raise TypeError


@functools.cache
def _stays_whole(bare: Callable[..., Any], count: int) -> bool:
    try:
        return isinstance(bare(*(_Bound(1) for _ in range(count))), _Bound)
    except (AttributeError, TypeError, ValueError):
        return False


def in_integers(
    bare: Callable[..., Any],
    inputs: Sequence[Quantity],
    args: Sequence[Any],
    named: Mapping[str, Any],
) -> Any:
    """Calculate in int64 and give the result as float64; None where that is not certain.

    What is out of range or of another kind is None too: the usual way tells it.
    """
    names = [entry.name for entry in inputs]
    in_order = dict(zip(names, args, strict=False))
    given = {**_defaults(bare), **in_order, **named}
    if len(args) > len(names) or set(given) != set(names) or not named.keys().isdisjoint(in_order):
        return None
    if not _stays_whole(bare, len(names)):
        return None
    values = [given[name] for name in names]
    largest = []
    for entry in inputs:
        top = _largest(entry, given[entry.name])
        if top is None:
            return None
        largest.append(_Bound(abs(top)))
    if bare(*largest).size >= _WRAPS:
        return None
    try:
        result = bare(*values)
    except ValueError:  # shapes that do not go together
        return None
    return result.astype(float) if result.ndim else None


def _defaults(bare: Callable[..., Any]) -> dict[str, Any]:
    values = bare.__defaults__ or ()
    names = bare.__code__.co_varnames[: bare.__code__.co_argcount]
    return dict(zip(reversed(names), reversed(values), strict=False))


def _largest(entry: Quantity, value: Any) -> int | None:
    """Give the largest integer if all of them are in the range of the quantity."""
    if type(value) is int:
        return value if entry.allows(value) else None
    import numpy as np

    if type(value) is not np.ndarray or value.dtype != np.int64 or not value.size:
        return None
    # Read as unsigned, what is below 0 stands behind the largest.
    top = int(value.view(np.uint64).max())
    if not (entry.allows(0) or entry.allows(int(value.min()))):
        return None
    return top if top < _WRAPS and entry.allows(top) else None
