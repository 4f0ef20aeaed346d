"""One whole service with its ranges: answers at likely values, and of draws."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from estimator import catalog, whole_service
from estimator.catalog import System
from estimator.catalog.serving import hardware, step_constants
from estimator.catalog.systems import WIDE_PRICE
from estimator.choosing import choose
from estimator.glossary import quantity
from estimator.lesson.lesson_05_model import (
    DEFAULTS,
    FROM_CATALOG,
    KEYS,
    MOST,
    NAMES,
    POSITIVE,
    Columns,
    answers,
    filled,
    narrowed,
    on_model,
    others_of,
    plain,
    width_of,
)
from estimator.lesson.sizing import PRECISIONS
from estimator.uncertainty import DRAWS, Ends, Range, Swing, draw, percentiles, tornado

SHARED = (
    "users", "requests_per_user", "peak_factor", "hot_usd_per_gb", "egress_usd_per_gb",
    "server_power_factor", "pue", "usd_per_kwh", "grid_kg_per_kwh",
)  # fmt: skip
CUT = ("peak_factor", "pue")
"""Inputs that have a largest value."""
ENDS = ("p10", "p50", "p90")
CHEAPER = 0.99
"""What share of a bill is worth a word."""
KEPT = 8
"""Of how many cases the last tables and figures are kept."""
PRICED = DEFAULTS["accelerator"]


def ranges_of(system: System, accelerator: str, x: Columns) -> list[Range]:
    """Give the inputs that are guesses, each around its likely value, as wide as doubted."""
    ranges = [catalog.guesses()[name].around(x[name]) for name in SHARED]
    ranges += [
        _scaled("prompt_tokens", system.prompt_tokens, x["prompt_tokens"]),
        _scaled("passes", system.passes, x["passes"]),
        catalog.guesses()["size_factor"].around(x["size_factor"]),
        Range("engine_factor", *_engine(system)),
        _scaled("usd_per_accelerator_hour", _price(accelerator), x["usd_per_accelerator_hour"]),
    ]
    return [_limited(one.widened(x["doubt"])) for one in ranges]


def _limited(one: Range) -> Range:
    """End a range where the glossary ends, so that each of its ends can be computed with."""
    return one.limited(quantity(one.name).high)


def _floored(one: Range) -> Range:
    """Give a reader's range the floor that its input has, so that every draw can be computed with.

    Raises: ValueError, where an end lies below what the input can be.
    """
    entry = narrowed(one.name) if one.name in MOST else quantity(one.name)
    entry.check(one.low)
    entry.check(one.likely)
    return one.above(entry.low) if entry.low < one.likely else one


def _scaled(name: str, declared: Sequence[float], likely: float) -> Range:
    """Move a declared range so that its middle is the reader's value."""
    low, middle, high = declared
    if not middle:  # nothing is declared, so nothing is doubted
        return Range(name, likely, likely, likely)
    scale = likely / middle
    ends = [likely if end == middle else end * scale for end in (low, high)]  # without round-off
    return Range(name, ends[0], likely, ends[1])


def _engine(system: System) -> tuple[float, float, float]:
    spread = step_constants().fit.dense.token
    low, high = system.engine or (spread.low, spread.high)
    return low, 1.0, high


def _price(accelerator: str) -> tuple[float, float, float]:
    if price := catalog.prices().get(accelerator):
        return price.range.low, price.range.likely, price.range.high
    low, high = WIDE_PRICE
    return low, 1.0, high


@dataclass(frozen=True, eq=False)
class Case:
    """One service: its system, what stands in the parameters, and the width of its replicas.

    What it has computed it keeps.
    """

    system: System
    precision: str
    accelerator: str
    x: Mapping[str, float]
    width: int
    ranges: Sequence[Range] = ()

    @property
    def usual_ranges(self) -> list[Range]:
        """The ranges that the inputs have where the reader gives none."""
        return ranges_of(self.system, self.accelerator, self.x)

    def is_readers(self, name: str) -> bool:
        """Tell whether an input's likely value is the reader's, and not the one that is sourced.

        Where a source speaks of the width alone, as of a forecast's, no value is its own.
        """
        guess = catalog.guesses().get(name)
        if guess:
            return guess.likely != 1 and self.x[name] != guess.likely
        price = catalog.prices().get(self.accelerator)
        own = {
            "n_params": self.system.n_params,
            "prompt_tokens": self.system.prompt_tokens[1],
            "passes": self.system.passes[1],
            "usd_per_accelerator_hour": price.range.likely if price else None,
        }
        return own.get(name) not in (None, self.x[name])

    def answer(self, changed: Columns) -> dict[str, Any]:
        """Every answer with some inputs changed, arrays for many cases at once."""
        x = {**self.x, **changed}
        return answers(self.system, self.precision, self.accelerator, self.width, x)

    @functools.cached_property
    def point(self) -> dict[str, float]:
        """Every answer with each input at its likely value: the same digits as in a table."""
        import numpy as np

        row = {name: np.array([float(value)]) for name, value in self.x.items()}
        return {name: plain(value) for name, value in self.answer(row).items()}

    def drawn(self, count: int = DRAWS) -> dict[str, Any]:
        """Every answer of so many draws, in one call."""
        return self.answer(self._inputs(count))

    def _inputs(self, count: int) -> dict[str, Any]:
        """Draws of every range; the outermost are cut where the glossary ends."""
        import numpy as np

        drawn = draw(self.ranges, int(self.x["seed"]), count)
        for name in CUT:
            drawn[name] = np.minimum(drawn[name], quantity(name).high)
        return drawn

    @functools.cached_property
    def cheaper_width(self) -> tuple[int, float] | None:
        """The wider replica whose month costs least at likely values, and that cost, if any does.

        What it saves is not much: else it would have been chosen (`whole_service.narrowest`).
        """
        bills = {}
        for width in whole_service.TENSOR_PARALLEL:
            if width > self.width:
                with suppress(ValueError):  # the model, or the links, allow no such replica
                    bills[width] = replace(self, width=width).point["usd_per_month"]
        best = min(bills, key=lambda width: bills[width], default=0)
        if not best or bills[best] > CHEAPER * self.point["usd_per_month"]:
            return None
        return best, bills[best]

    def beside(self, count: int) -> tuple[dict[str, float], dict[str, Any]]:
        """Every answer at likely values, and of so many draws, in one call for both."""
        import numpy as np

        drawn = self._inputs(count)
        columns = {one.name: np.append(drawn[one.name], one.likely) for one in self.ranges}
        found = {
            name: np.broadcast_to(value, (count + 1,))
            for name, value in self.answer(columns).items()
        }
        point = {name: plain(value[-1]) for name, value in found.items()}
        return point, {name: value[:-1] for name, value in found.items()}

    def intervals(self, count: int = DRAWS) -> dict[str, Ends]:
        """P10, P50 and P90 of every answer."""
        return dict(self._ends) if count == DRAWS else self._ends_of(count)

    @functools.cached_property
    def _ends(self) -> dict[str, Ends]:
        return self._ends_of(DRAWS)

    def _ends_of(self, count: int) -> dict[str, Ends]:
        return {name: percentiles(values) for name, values in self.drawn(count).items()}

    @functools.cached_property
    def swings(self) -> tuple[Swing, ...]:
        """What each range does to the month's cost, the widest first."""
        return tuple(tornado(self.bill, self.ranges))

    def ranged(self, *ranges: Range) -> Case:
        """The same service with other ranges; their middles become its likely values.

        The rest keep their usual ones. `usual_ranges` lists what can have a range.

        >>> from estimator.uncertainty import Range
        >>> mine = case("text").ranged(Range("users", 5e7, 1e8, 3e8), Range("pue", 1.1, 1.3, 1.6))
        >>> [round(end / 1e6) for end in mine.intervals()["usd_per_month"]]
        [1, 5, 23]

        Raises:
            ValueError: an input that has no range, an end that the input cannot have, or likely
                values that no replica will do for.
        """
        if not ranges:
            return self
        for one in ranges:
            choose("range", one.name, [known.name for known in self.ranges])
        own = {one.name: _limited(_floored(one)) for one in ranges}
        x = MappingProxyType({**self.x, **{name: one.likely for name, one in own.items()}})
        width = _width(self.system, self.precision, self.accelerator, x)
        ranges = tuple(own.get(one.name, one) for one in self.ranges)
        return replace(self, x=x, width=width, ranges=ranges)

    def bill(self, changed: Columns) -> Any:
        """The month's cost with some inputs changed."""
        return self.answer(changed)["usd_per_month"]

    def on(self, **changes: str) -> Case:
        """The same service at another precision or on another accelerator."""
        precision = changes.get("precision", self.precision)
        accelerator = changes.get("accelerator", self.accelerator)
        x = {name: self.x[name] for name in DEFAULTS if name not in NAMES}
        typed = set(FROM_CATALOG)
        if accelerator != self.accelerator:
            typed -= {"usd_per_accelerator_hour", "accelerator_watts"}
            x |= {"usd_per_accelerator_hour": 0, "accelerator_watts": 0}
        return case(self.system, typed, precision=precision, accelerator=accelerator, **x)


def case(system: System | str | None = None, typed: Collection[str] = (), **given: Any) -> Case:
    """Make a case of a system and of parameters; what is not given stands at its default.

    A 0 asks for the catalog's value where there is one, but is a 0 in what is `typed`.

    Raises: ValueError, where the catalog has no price or power, or no replica will do.
    """
    if isinstance(system, str) and not typed and not given:
        return of_course(system)
    return _made(system, typed, given)


@functools.cache
def of_course(key: str) -> Case:
    """One of the course's systems at the lesson's parameters, made once."""
    return _made(key, (), {})


def _made(system: System | str | None, typed: Collection[str], given: dict[str, Any]) -> Case:
    for name in given:
        choose("argument", name, (*DEFAULTS, "others"))
    x = {**DEFAULTS, **others_of(str(given.pop("others", ""))), **given}
    named = x.pop("system")
    made = system if isinstance(system, System) else catalog.system(system or named)
    made = on_model(made, x.pop("model"))
    precision = choose("precision", x.pop("precision"), PRECISIONS)
    accelerator = catalog.accelerator(x.pop("accelerator")).name
    for name in POSITIVE:
        narrowed(name).check(x[name])
    values = filled(made, accelerator, {name: float(value) for name, value in x.items()}, typed)
    narrowed("n_params", positive=True).check(values["n_params"])
    _refuse_unknown(accelerator, values)
    width = _width(made, precision, accelerator, values)
    ranges = ranges_of(made, accelerator, values)
    # Cases are kept and given out again, so what they were made of must stay as it was.
    return Case(made, precision, accelerator, MappingProxyType(values), width, tuple(ranges))


def _width(made: System, precision: str, accelerator: str, values: Mapping[str, Any]) -> int:
    """How many accelerators a replica is wide at these values."""
    if width := int(width_of(made, precision, accelerator, values)):
        return width
    raise ValueError(_impossible(made, precision, accelerator, values))


UNKNOWN = {
    "usd_per_accelerator_hour": (
        "price of an hour",
        f"give what you pay in USD, or choose one that has a price, such as {PRICED}.",
    ),
    "accelerator_watts": ("power", 'give its watts in others, as "accelerator_watts = 300".'),
}
"""What an accelerator may have no published figure of, and what to do then."""


def unknown_text(name: str, accelerator: str) -> str:
    """Say that the catalog lacks a figure of an accelerator, and what to do then."""
    what, advice = UNKNOWN[name]
    return (
        f"{name} is 0, which asks for the catalog's, but no {what} of {accelerator} with a source "
        f"stands there: {advice}"
    )


def _refuse_unknown(accelerator: str, x: Columns) -> None:
    problems = [unknown_text(name, accelerator) for name in UNKNOWN if x[name] != x[name]]
    if problems:
        raise ValueError(" ".join(problems))


def _impossible(system: System, precision: str, accelerator: str, x: Columns) -> str:
    target = f" with a token every {x['token_target_seconds'] * 1000:g} ms"
    if hardware(accelerator).link_bytes_per_s is None:
        return (
            f"One {accelerator} does not serve {system.name} at {precision}"
            f"{target if system.gives_tokens else ''}, and how fast several exchange data is not "
            "known: choose fewer bits, a smaller model, or an accelerator whose links the catalog "
            "has."
        )
    return (
        f"No replica of up to {whole_service.TENSOR_PARALLEL[-1]} {accelerator} serves "
        f"{system.name} at {precision}{target if system.gives_tokens else ''}: choose fewer bits, "
        "fewer tokens, a longer token_target_seconds, or a larger accelerator."
    )


def flat(intervals: Mapping[str, Ends]) -> dict[str, float]:
    """Give intervals as single numbers, under the names of the result file."""
    return {f"{key}_{end}": float(getattr(intervals[key], end)) for key in KEYS for end in ENDS}
