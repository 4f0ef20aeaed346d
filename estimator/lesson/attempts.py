"""Half-done exercises: a formula with dots where an input is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from estimator.glossary import quantity
from estimator.units import plural

Judge = Callable[[Any], tuple[bool | None, str]]


@dataclass(frozen=True, repr=False)
class Attempt:
    """What a reader put into a formula, and what came of it: a value, or why it was refused."""

    inputs: Mapping[str, object]
    value: Any = ...
    refusal: str = ""

    def __repr__(self) -> str:
        return self.refusal or repr(self.value)

    def verdict(self, judge: Judge) -> tuple[bool | None, str]:
        """Judge the value; where there is none, or a wrong one, say what belongs in the blanks."""
        right, sentence = judge(self.value)
        if right:
            return right, sentence
        # Whoever puts the result where an input belongs has solved the exercise all the same.
        for name, value in self.inputs.items():
            solved, praise = judge(value)
            if solved:
                told = f"(The dots stand for {_input(name)}: the line does the rest.)"
                return True, f"{praise} {told}"
        missing = [_input(name) for name, value in self.inputs.items() if value is ...]
        if missing:
            wanted = ", and ".join(missing)
            return None, f"Not answered yet. In place of the dots put what is missing: {wanted}."
        return (False, f"Not yet. {self.refusal}") if self.refusal else (right, sentence)


def attempt(function: Callable[..., Any], *known: Any, **inputs: Any) -> Attempt:
    """Call a formula in which a reader fills in blanks: the dots among the inputs given by name.

    What is known may be given by its place. A refused input is told by `check`, and stops nothing.
    """
    if any(value is ... for value in (*known, *inputs.values())):
        return Attempt(inputs)
    try:
        return Attempt(inputs, function(*known, **inputs))
    except (TypeError, ValueError) as error:
        return Attempt(inputs, refusal=str(error))


def _input(name: str) -> str:
    """An input by the glossary's words, with its unit where they lack it."""
    entry = quantity(name)
    word = entry.unit.partition("/")[0]
    if not word or re.search(rf"\b{word}s?\b", entry.label):
        return f"the {entry.label}"
    unit = "as a share" if entry.unit == "share" else f"in {plural(entry.unit, 2)}"
    return f"the {entry.label}, {unit}"
