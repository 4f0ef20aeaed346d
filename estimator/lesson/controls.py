"""What a panel asks: numbers from the glossary and choices from a list."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from estimator.glossary import quantity
from estimator.lesson.inputs import COUNTS, needed
from estimator.quantity import Quantity
from estimator.units import number_text, quantity_text

OWN = "my own"
LOG_STEPS = 200
FAR = 1e6
"""A value so many times its usual one, or so small a part of it, is an extreme one."""


@dataclass(frozen=True)
class Number:
    """A number that is typed into a box or dragged on the slider beside it.

    Name, label, unit, range and message come from the glossary. `scale` is what the number on
    the page is multiplied with, so that people type 3.2 and not 3200000000; `scale_name` says it.
    `low` and `high` are the slider's ends, in the page's unit; the box takes all that is allowed.
    """

    name: str
    value: float
    low: float
    high: float
    step: float = 1
    log: bool = False
    scale: float = 1
    scale_name: str = ""
    narrowed: Quantity | None = None
    """The glossary's entry where a lesson narrows its range."""

    @property
    def entry(self) -> Quantity:
        """The glossary's entry in base units, as narrow as the lesson has it."""
        return (self.narrowed or needed(quantity(self.name))).asked

    @property
    def quantity(self) -> Quantity:
        """The glossary's entry in the page's unit, so that what a message advises can be typed."""
        entry = self.entry
        if self.scale == 1:
            return entry
        return replace(
            entry,
            label=f"{entry.label}, {self.scale_name},",
            unit="",
            usual=entry.usual / self.scale,
            low=entry.low / self.scale,
            high=entry.high / self.scale,
        )

    @property
    def label(self) -> str:
        """The name that the box carries: what is asked, and in which unit."""
        label = quantity(self.name).label
        text = label[0].upper() + label[1:]
        return f"{text}, {self.scale_name}" if self.scale_name else text

    def to_base(self, shown: float) -> float:
        """Turn what stands on the page into base units, an exact integer where it is whole.

        Typed in millions or billions, users and parameters are whole ones.
        """
        value = shown * self.scale
        if self.scale != 1 and self.entry.unit in COUNTS and math.isfinite(value):
            return round(value)
        whole = math.isfinite(value) and float(round(value)) == value
        return round(value) if whole else value

    def check(self, shown: float) -> float:
        """Return the value in base units; ValueError with the glossary's sentence if it is off."""
        # A box gives floats only; in a message, a whole number reads as it was typed.
        self.quantity.check(int(shown) if float(shown).is_integer() else shown)
        base = self.to_base(shown)
        if not self.entry.allows(base):  # as where less than a whole user was typed
            self.quantity.refuse(shown)
        return base

    def position(self, shown: float) -> float:
        """Where a value of the page stands on the slider, in the slider's own measure."""
        return math.log10(shown) if self.log else shown

    @property
    def slider_step(self) -> float:
        """One step of the slider, in its own measure."""
        if not self.log:
            return self.step
        return (math.log10(self.high) - math.log10(self.low)) / LOG_STEPS

    def stop(self, shown: float) -> int:
        """Number of the slider's stop at which a value stands, as a browser rounds to its grid."""
        inside = min(max(shown, self.low), self.high)
        steps = (self.position(inside) - self.position(self.low)) / self.slider_step
        return math.floor(steps + 0.5)

    def is_extreme(self, shown: float) -> bool:
        """Tell whether a value is far from the usual one, so that a result may grow too large."""
        factor = abs(shown) / self.quantity.usual if self.quantity.usual else abs(shown)
        return factor > FAR or 0 < factor < 1 / FAR

    def is_snap(self, before: float, after: float) -> bool:
        """Tell a browser's rounding of a slider to its grid from a move by a person."""
        if self.log and min(before, after) <= 0:
            return False
        moved = abs(self.position(after) - self.position(before))
        return moved <= self.slider_step * 0.501

    @property
    def shown(self) -> float:
        """The starting value as the page shows it."""
        return self.value / self.scale

    @property
    def text(self) -> str:
        """The starting value in words, and what is typed for it where that is another number."""
        words = quantity_text(self.value, quantity(self.name).unit)
        return words if self.scale == 1 else f"{number_text(self.shown)} ({words})"

    @property
    def tooltip(self) -> str:
        """What the label says to who points at it: the glossary's meaning, and what is allowed."""
        return f"{self.quantity.meaning} ({self.quantity.range_text})"


def numbers_within(narrowed: Mapping[str, Quantity]) -> Callable[..., Number]:
    """Give a maker of numbers whose ranges are those of a lesson: it is called as `Number` is."""

    def number(name: str, value: float, low: float, high: float, **more: Any) -> Number:
        return Number(name, value, low, high, narrowed=narrowed[name], **more)

    return number


@dataclass(frozen=True)
class Choice:
    """One of a list. `fills` gives the numbers that a choice sets; typing over them is OWN."""

    name: str
    label: str
    options: Mapping[str, str]
    """What is chosen, and the text that stands for it on the page."""
    value: str
    meaning: str
    fills: Callable[[str], Mapping[str, float]] | None = None

    @property
    def text(self) -> str:
        """The starting choice in words."""
        return self.options[self.value]

    @property
    def allowed(self) -> str:
        """What may be chosen, in words."""
        return f"{len(self.options)} choices"

    @property
    def tooltip(self) -> str:
        """What the label says to who points at it."""
        return self.meaning


@dataclass(frozen=True)
class Text:
    """A text that is pasted or typed; once there is one, the choice named `chooses` is OWN.

    `sets` gives the further choices that a text starts at.
    """

    name: str
    label: str
    meaning: str
    allowed: str
    chooses: str
    value: str = ""
    sets: Callable[[str], Mapping[str, str]] | None = None

    @property
    def text(self) -> str:
        """The starting text in words."""
        return self.value or "empty"

    @property
    def tooltip(self) -> str:
        """What the label says to who points at it."""
        return f"{self.meaning} ({self.allowed})"


Control = Number | Choice | Text
