"""Lesson 5, uncertainty: ranges of inputs, draws from them, and what they make of an answer.

A range is what a person can answer: the value that is as likely too high as too low, one that is
undercut one time in ten, one that is exceeded one time in ten. Through these three goes a
two-piece lognormal: its logarithm, above a floor, is normal with one width below the middle and
another above it. It was chosen because sizes, rates and prices are positive, because one is wrong
about them by factors rather than by differences, and because it takes the three answers as they
are: P10, P50 and P90 of the draws are the numbers that were declared. Inputs are drawn
independently of each other, each from a stream of its own, so that a new input leaves the draws
of the others as they were.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DISTRIBUTION = "two-piece lognormal"
DRAWS = 10_000
Z90 = 1.2815515655446004
"""Where a tenth of the standard normal distribution lies above; `statistics` is slow to load."""
LEVELS = (10, 50, 90)
GRID = 200

Answer = Callable[[Mapping[str, Any]], Any]
"""Takes inputs by name, arrays of one length, and gives an answer for each."""


@dataclass(frozen=True, slots=True)
class Range:
    """An input that is a guess: its P10, P50 and P90, all above a floor that it cannot cross.

    >>> Range("peak_factor", 1.5, 2, 3, floor=1).at(0)
    2.0
    """

    name: str
    low: float
    likely: float
    high: float
    floor: float = 0

    def __post_init__(self) -> None:
        ends: tuple[object, ...] = (self.low, self.likely, self.high, self.floor)
        for end in ends:
            if isinstance(end, bool) or not isinstance(end, Real):
                raise TypeError(
                    f"{self.name} has {end!r} in its range, but low, likely and high must be "
                    "numbers: give three, as 50, 100, 300."
                )
        if not self.floor <= self.low <= self.likely <= self.high < math.inf:
            raise ValueError(
                f"{self.name} ranges from {self.low:g} over {self.likely:g} to {self.high:g}, but "
                f"a range rises from {self.floor:g} or more: give low, likely and high in order."
            )
        if self.low == self.floor and self.likely > self.floor:
            raise ValueError(
                f"{self.name} has its low at {self.low:g}, which it cannot reach: give a low "
                f"above {self.floor:g}."
            )

    def at(self, z: Any) -> Any:
        """Give the value that lies z standard deviations from the middle; z may be an array."""
        middle = self.likely - self.floor
        if middle == 0 or self.low == self.high:
            return self.likely + 0 * z
        below = math.log(middle / (self.low - self.floor)) / Z90
        above = math.log((self.high - self.floor) / middle) / Z90
        if isinstance(z, int | float):
            return self.floor + middle * math.exp(z * (above if z > 0 else below))
        import numpy as np

        return self.floor + middle * np.exp(z * np.where(z > 0, above, below))

    def widened(self, doubt: float) -> Range:
        """Give the range with each factor raised to a power: 0 leaves the likely value alone."""
        middle = self.likely - self.floor
        if middle == 0 or doubt == 1:
            return self

        def moved(end: float) -> float:
            if end == self.likely:  # without round-off
                return end
            return float(self.floor + ((end - self.floor) / middle) ** doubt * middle)

        return Range(self.name, moved(self.low), self.likely, moved(self.high), self.floor)

    def above(self, floor: float) -> Range:
        """Give the range with a floor as high as this at least.

        >>> Range("peak_factor", 1.5, 2, 3).above(1)
        Range(name='peak_factor', low=1.5, likely=2, high=3, floor=1)
        """
        return replace(self, floor=max(self.floor, floor))

    def limited(self, most: float) -> Range:
        """Give the range with its high end at `most` or less, where an input has a largest value.

        >>> Range("peak_factor", 30, 60, 119, floor=1).limited(100).high
        100
        """
        if self.high <= most or self.likely > most:  # a likely value out of range is refused later
            return self
        return Range(self.name, self.low, self.likely, most, self.floor)


@functools.lru_cache(maxsize=256)
def _normals(name: str, seed: int, count: int) -> Array:
    """Standard normal draws of one input, from its own stream."""
    import numpy as np

    stream = np.random.default_rng([seed, zlib.crc32(name.encode())])
    draws = stream.standard_normal(count)
    draws.flags.writeable = False
    return draws


def draw(ranges: Sequence[Range], seed: int = 1, count: int = DRAWS) -> dict[str, Array]:
    """Draw every input so many times; the same seed gives the same draws.

    >>> import numpy as np
    >>> drawn = draw([Range("users", 50, 100, 300)])["users"]
    >>> [int(q.round(-1)) for q in np.percentile(drawn, LEVELS)]
    [50, 100, 300]
    """
    return {one.name: one.at(_normals(one.name, seed, count)) for one in ranges}


class Ends(NamedTuple):
    """P10, P50 and P90 of an answer."""

    p10: float
    p50: float
    p90: float


def percentiles(values: Any) -> Ends:
    """P10, P50 and P90 of draws.

    >>> import numpy as np
    >>> percentiles(np.arange(101))
    Ends(p10=10.0, p50=50.0, p90=90.0)
    """
    import numpy as np

    return Ends(*np.percentile(values, LEVELS).tolist())


@dataclass(frozen=True, slots=True)
class Swing:
    """What one input does to an answer: the answers at its P10 and its P90, the rest at P50."""

    name: str
    at_low: float
    at_high: float

    @property
    def width(self) -> float:
        """Distance of the two answers."""
        return abs(self.at_high - self.at_low)


def tornado(answer: Answer, ranges: Sequence[Range]) -> list[Swing]:
    """Move one input at a time from its P10 to its P90; the widest swing comes first.

    >>> area = lambda of: of["a"] * of["b"]
    >>> [(s.name, s.at_low, s.at_high) for s in
    ...     tornado(area, [Range("a", 1, 2, 3), Range("b", 1, 5, 9)])]
    [('b', 2.0, 18.0), ('a', 5.0, 15.0)]
    """
    import numpy as np

    rows = 2 * len(ranges)
    columns = {one.name: np.full(rows, float(one.likely)) for one in ranges}
    for number, one in enumerate(ranges):
        columns[one.name][2 * number : 2 * number + 2] = one.low, one.high
    answers = np.broadcast_to(answer(columns), (rows,))
    swings = [
        Swing(one.name, float(answers[2 * n]), float(answers[2 * n + 1]))
        for n, one in enumerate(ranges)
    ]
    return sorted(swings, key=lambda swing: -swing.width)


@dataclass(frozen=True, slots=True)
class Lever:
    """An input that one could change, from what it is to the farthest that makes sense."""

    name: str
    now: float
    limit: float


@dataclass(frozen=True, slots=True)
class Pull:
    """How far a lever has to be pulled for a goal: its value, or None where no value does it."""

    name: str
    now: float
    value: float | None
    limit: float
    at_limit: float
    """The answer at the lever's limit, as a share of the answer now."""


def pulls(answer: Answer, levers: Sequence[Lever], goal: float = 0.5) -> list[Pull]:
    """Solve each lever alone for an answer that is `goal` times the answer now.

    Two calls with arrays: a grid over each lever, then a grid in the gap where the goal is
    crossed. The answer may move in steps, as counts do; what is given reaches the goal.

    >>> a, b = pulls(lambda of: of["a"] + of["b"], [Lever("a", 8, 1), Lever("b", 2, 1)])
    >>> round(a.value, 3), b.value, b.at_limit
    (3.0, None, 0.9)
    """
    import numpy as np

    names = [lever.name for lever in levers]
    start = {lever.name: float(lever.now) for lever in levers}
    grids = np.stack([_grid(lever.now, lever.limit) for lever in levers])
    shares = _swept(answer, names, start, grids)
    reached = shares <= goal
    first = np.argmax(reached, axis=1)
    rows = np.arange(len(levers))
    before = grids[rows, np.maximum(first - 1, 0)]
    finer = np.linspace(before, grids[rows, first], GRID, axis=1)
    close = np.argmax(_swept(answer, names, start, finer) <= goal, axis=1)
    return [
        Pull(
            lever.name,
            lever.now,
            _tidy(finer[n, close[n]]) if reached[n].any() else None,
            lever.limit,
            float(shares[n, -1]),
        )
        for n, lever in enumerate(levers)
    ]


def _grid(now: float, limit: float) -> Array:
    import numpy as np

    if now > 0 and limit > 0:
        return np.geomspace(now, limit, GRID)
    return np.linspace(now, limit, GRID)


def _swept(answer: Answer, names: Sequence[str], start: Mapping[str, float], grids: Array) -> Array:
    """Answers along each lever's grid, the others left alone, as shares of the answer now."""
    import numpy as np

    columns = {name: np.full(grids.size + 1, start[name]) for name in names}
    for number, name in enumerate(names):
        columns[name][1 + number * GRID : 1 + (number + 1) * GRID] = grids[number]
    answers = np.broadcast_to(answer(columns), (grids.size + 1,))
    return np.reshape(answers[1:] / answers[0], grids.shape)


def _tidy(value: float) -> float:
    return float(f"{value:.12g}")
