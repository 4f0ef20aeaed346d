"""Half-done exercises: a formula with dots where an input is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from estimator.glossary import quantity
from estimator.lesson.stand_in import StandIn
from estimator.quantity import LARGEST
from estimator.units import number_text, plural

_USUAL = 100
"""Times that an input may be off its usual value, and still have been meant as this input."""


class Judge(Protocol):
    """What an attempt asks of its exercise."""

    def verdict(self, answer: Any) -> tuple[bool | None, str]:
        """Judge an answer."""

    def slip(self, answer: float, *, exactly: bool = False) -> str:
        """Say what a wrong answer comes from, where that is known."""

    def distance(self, answer: float, whose: str = "Your") -> str:
        """Say how far off an answer is that no slip explains."""


@dataclass(frozen=True, repr=False, eq=False)
class Attempt(StandIn):
    """What a reader put into a formula, and what came of it: a value, or why it was refused."""

    inputs: Mapping[str, object]
    value: Any = ...
    refusal: str = ""

    @property
    def lacking(self) -> str:
        """Say why there is no value; nothing where there is one."""
        if self.value is not ... or self.refusal:
            return self.refusal
        missing = [name for name, value in self.inputs.items() if value is ...]
        wanted = f": {_inputs(missing)}" if missing else ""
        return f"Not answered yet. In place of the dots put what is missing{wanted}."

    def verdict(self, judge: Judge) -> tuple[bool | None, str]:
        """Judge the value; where there is none, or a wrong one, say what belongs in the blanks."""
        right, sentence = judge.verdict(self.value)
        known = _plain(self.value)
        if right or (known is not None and judge.slip(known, exactly=True)):
            return right, sentence
        typed = {
            name: number
            for name, value in self.inputs.items()
            if (number := _plain(value)) is not None
        }
        told = f"(The dots stand for {_inputs(self.inputs)}: the line does the rest.)"
        # Whoever puts the result where an input belongs has solved the exercise all the same.
        for number in typed.values():
            solved, praise = judge.verdict(number)
            if solved:
                return True, f"{praise} {told}"
        for name, number in typed.items():
            # What may be meant as the input is a wrong result only where it is just that one.
            if advice := judge.slip(number, exactly=_may_be(name, number)):
                return False, f"Not yet. {advice} {told}"
        if self.value is ... and not self.refusal:
            return None, self.lacking
        put = f"In place of the dots put {_inputs(self.inputs)}."
        if self.refusal or known is None:
            return False, f"Not yet. {self.refusal or sentence} {put}"
        numbers = " and ".join(number_text(number, 6) for number in typed.values())
        far = ""
        if all(_may_be(name, number) for name, number in typed.items()):
            far = f" {judge.distance(known, 'That makes')}"
        return False, f"Not yet. You typed {numbers}.{far} {put}"


def attempt(function: Callable[..., Any], *known: Any, **inputs: Any) -> Attempt:
    """Call a formula in which a reader fills in blanks: the dots among the inputs given by name.

    What is known is given by its place: by name it would be taken for something that the reader
    put in. A refused input is told by `check`, and stops nothing.
    """
    if any(value is ... for value in (*known, *inputs.values())):
        return Attempt(inputs)
    try:
        return Attempt(inputs, function(*known, **inputs))
    except (TypeError, ValueError) as error:
        return Attempt(inputs, refusal=str(error))


def _plain(value: object) -> int | float | None:
    """Give what is a single number that a float can hold, or None."""
    if isinstance(value, StandIn):
        return None if value.lacking else _plain(value.value)
    if getattr(value, "shape", None) == ():
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= LARGEST else None


def _may_be(name: str, number: float) -> bool:
    """Tell whether a number is near enough to what is usual to have been meant as this input."""
    usual = quantity(name).usual
    return usual / _USUAL <= number <= usual * _USUAL


def _inputs(names: Iterable[str]) -> str:
    return ", and ".join(map(_input, names))


def _input(name: str) -> str:
    """An input by the glossary's words, with its unit where they lack it."""
    entry = quantity(name)
    word = entry.unit.partition("/")[0]
    if not word or re.search(rf"\b{word}s?\b", entry.label):
        return f"the {entry.label}"
    unit = "as a share" if entry.unit == "share" else f"in {plural(entry.unit, 2)}"
    return f"the {entry.label}, {unit}"
