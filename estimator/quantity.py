"""What is known of a quantity, and the check of a value against it."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from estimator.units import number_text, plural

LARGEST = sys.float_info.max
# An end beyond this is no end that a person would be told: the largest float, in any unit.
_ENDLESS = 1e280


@dataclass(frozen=True, slots=True)
class Quantity:
    """A named quantity: what it means, how it is written, and which values it may have.

    `low` and `high` belong to the range, unless `low_open` says that `low` does not. `most` is
    where a person is stopped, as there are only so many people; a formula takes more.
    """

    name: str
    symbol: str
    unit: str
    label: str
    meaning: str
    usual: float
    low: float = 0
    high: float = LARGEST
    low_open: bool = False
    whole: bool = False
    most: float = LARGEST

    @property
    def asked(self) -> Quantity:
        """The quantity as a person is asked for it, with an end where a formula has none."""
        return replace(self, high=self.most) if self.most < self.high else self

    @property
    def range_text(self) -> str:
        """Say which values are allowed, in words."""
        kind = "a whole number, " if self.whole else ""
        if self.high < _ENDLESS:
            low = self._number(self.low)
            start = f"more than {low}, " if self.low_open else f"from {low} "
            end = "at most" if self.low_open else "to"
            return f"{kind}{start}{end} {self._with_unit(self.high)}"
        if self.low_open:
            return f"{kind}more than {self._with_unit(self.low)}"
        return f"{kind}{self._with_unit(self.low)} or more"

    def _with_unit(self, value: float) -> str:
        unit = "" if self.unit == "share" else plural(self.unit, value)
        return f"{self._number(value)} {unit}".rstrip()

    def _number(self, value: float) -> str:
        return number_text(value)

    @property
    def below(self) -> float:
        """The largest float under the range: a value is in it if it is above this."""
        return self.low if self.low_open else math.nextafter(self.low, -math.inf)

    def allows(self, value: float) -> bool:
        """Tell whether an int or a float is in range; NaN and the infinities never are."""
        above = value > self.low if self.low_open else value >= self.low
        return above and value <= self.high and not (self.whole and value % 1)

    def check(self, value: Any) -> Any:
        """Return a value fit for arithmetic: an int, a finite float, or a float64 array.

        Integers stay exact. An integer array becomes float64, because int64 wraps in silence.
        Random draws need not be whole. SymPy expressions with symbols pass, for display.
        """
        kind = type(value)
        if (kind is int or kind is float) and self.allows(value):
            return value
        if kind is int or kind is float:
            self.refuse(value)
        if getattr(value, "free_symbols", None):
            return value
        if hasattr(value, "__array__"):
            return self._check_array(value)
        self.refuse_kind(value)

    def _check_array(self, value: Any) -> Any:
        import numpy as np

        _keep_freed_memory()
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(type(item) in (int, float) for item in array.flat):
            # NumPy makes objects of integers that are too large for its own.
            self._refuse_first(array, (array < -LARGEST) | (array > LARGEST))
            array = array.astype(np.float64)
        if array.dtype.kind not in "iuf" or np.ma.isMaskedArray(value):
            self.refuse_kind(value)
        if array.ndim == 0:
            return self.check(int(array) if array.dtype.kind != "f" else float(array))
        # Compared as float64, too: the ends of a range may lie outside a smaller type, and what
        # lies outside float64 in a larger one becomes infinite.
        with np.errstate(over="ignore"):
            floats = array.astype(np.float64, copy=False)
        if floats.size and not self._allows_all(floats):
            self._refuse_first(array, ~((floats > self.below) & (floats <= self.high)))
        return floats

    def _allows_all(self, floats: Any) -> bool:
        """Tell quickly that all are in range, or else that each has to be looked at."""
        import numpy as np

        # Read as unsigned integers, floats from 0 on keep their order, and all others (below 0,
        # NaN, infinite) stand behind the largest: one pass for both ends where the low one is 0.
        bits = floats.view(np.uint64)
        if bits.max() > np.float64(self.high).view(np.uint64):
            return False
        return (self.low == 0 and not self.low_open) or bool(self.below < floats.min())

    def _refuse_first(self, array: Any, wrong: Any) -> None:
        import numpy as np

        if not wrong.any():
            return
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = "".join(f"[{i}]" for i in place)
        value = array[place]
        self.refuse(value.item() if hasattr(value, "item") else value, where)

    def refuse(self, value: float, where: str = "") -> NoReturn:
        """Raise the one sentence on a value out of range."""
        if abs(value) >= 1e15:
            shown = float_or_large(value)
        else:  # to a reader 0.0 copies are 0
            shown = str(int(value) if value % 1 == 0 else value)
        limit = ", but no more than a float can hold" if value > self.high >= _ENDLESS else ""
        raise ValueError(
            f"{self.name}{where} is {shown}, but the {self.label} must be "
            f"{self.range_text}{limit}: give for example {number_text(self.usual)}."
        )

    def refuse_kind(self, value: object) -> NoReturn:
        """Raise the one sentence on something that is no number."""
        shown = repr(value)
        shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
        raise TypeError(
            f"{self.name} is {shown} ({type(value).__name__}), but the {self.label} must be a "
            f"number, {self.range_text}: give an int, a float or a NumPy array of them, "
            f"for example {number_text(self.usual)}."
        )


def check_each(entries: Mapping[str, Quantity], values: Mapping[str, Any]) -> dict[str, Any]:
    """Check values by the entries of their names, and tell all that is wrong in one error."""
    checked, problems = {}, []
    for name, value in values.items():
        try:
            checked[name] = entries[name].check(value)
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    if problems:
        raise ValueError(" ".join(problems))
    return checked


@functools.cache
def _keep_freed_memory() -> None:
    """Let glibc keep freed arrays for the next ones instead of faulting in new pages each time.

    Its allocator adapts to the largest block it has seen freed, up to 32 MiB. Without this a
    call with a million integers takes four times as long; elsewhere it does nothing.
    """
    import numpy as np

    np.empty(31 * 1024**2, np.uint8)


def float_or_large(value: float) -> str:
    """Write a number that may be too large for a float."""
    try:
        return f"{float(value):g}"
    except OverflowError:
        exponent = int(value.bit_length() * math.log10(2))  # type: ignore[attr-defined]
        return f"about {'-' if value < 0 else ''}10^{exponent}"
