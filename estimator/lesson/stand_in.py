"""What stands for a number that may be lacking: it calculates and prints as the number would."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any


class StandIn:
    """A number, or the sentence that says why there is none.

    With a number it goes wherever the number goes, into formulas too. Without one it prints its
    sentence, equals no number, and raises a ValueError with the sentence when it has to calculate.
    """

    value: Any

    @property
    def lacking(self) -> str:
        """Say why there is no number; nothing where there is one."""
        raise NotImplementedError

    @property
    def number(self) -> Any:
        """The number. Raises: ValueError: there is none."""
        if self.lacking:
            raise ValueError(self.lacking)
        return self.value

    def __repr__(self) -> str:
        return self.lacking or repr(self.value)

    def __format__(self, spec: str) -> str:
        return self.lacking or format(self.value, spec)

    def __eq__(self, other: object) -> Any:
        return self.value == (other.value if isinstance(other, StandIn) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.asarray(self.number, dtype=dtype)


def _of_one(calculate: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *others: calculate(self.number, *others)


def _reflected(calculate: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: calculate(other, self.number)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(StandIn, f"__{_name}__", _of_one(getattr(operator, _name)))
    setattr(StandIn, f"__r{_name}__", _reflected(getattr(operator, _name)))
for _name in ("lt", "le", "gt", "ge", "neg", "pos", "abs"):
    setattr(StandIn, f"__{_name}__", _of_one(getattr(operator, _name)))
for _calculate in (math.floor, math.ceil, math.trunc, round, divmod, int, float, bool):
    setattr(StandIn, f"__{_calculate.__name__}__", _of_one(_calculate))
