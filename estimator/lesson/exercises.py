"""Exercises whose check knows the usual wrong answers and says what they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from estimator.glossary import quantity
from estimator.quantity import LARGEST
from estimator.units import BITS_PER_BYTE, GB, GiB, number_text, plural, quantity_text


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the sentence that helps them on."""

    value: float
    advice: str


@dataclass(frozen=True)
class Exercise:
    """A numeric question, its answer, and the usual mistakes.

    A lesson's exercises are functions that make one from their numbers, so that the same
    exercise can be posed with other numbers.
    """

    title: str
    question: str
    answer_name: str
    answer: float
    mistakes: Sequence[Mistake]
    solution: str
    tolerance: float = 0.005

    @property
    def unit(self) -> str:
        """Unit of the answer, from the glossary."""
        return quantity(self.answer_name).unit

    def verdict(self, answer: Any) -> tuple[bool | None, str]:
        """Judge an answer: right, wrong, or None while there is none; with one helpful sentence."""
        if answer is ... or answer is None:
            return None, f"Not answered yet: put your number{self._in_units} in place of the dots."
        answer = answer.item() if getattr(answer, "shape", None) == () else answer
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return (
                False,
                f"{answer!r:.40} is not a plain number: give one{self._in_units.rstrip(',')}.",
            )
        if isinstance(answer, int) and abs(answer) > LARGEST:
            return False, "That is more than a number can hold: count its digits again."
        if self._is(answer, self.answer):
            return True, f"Right: {quantity_text(self.answer, self.unit)}."
        for mistake in (*self.mistakes, *self._unit_mistakes()):
            if self._is(answer, mistake.value) and not self._is(mistake.value, self.answer):
                return False, f"Not yet. {mistake.advice}"
        return False, f"Not yet. {self._rounding(answer) or self._distance(answer)}"

    def _rounding(self, answer: float) -> str:
        """Say which way to round, where an answer is right but for that."""
        if type(self.answer) is not int or not math.isfinite(answer) or answer % 1 == 0:
            return ""
        if self.answer == math.ceil(answer):
            return "Now round up: only whole ones count, and the rest needs a place too."
        if self.answer == math.floor(answer):
            return "Now round down: only whole ones count, and this is what surely fits."
        return ""

    @property
    def _in_units(self) -> str:
        return f", in {plural(self.unit, 2)}," if self.unit else ""

    def _unit_mistakes(self) -> tuple[Mistake, ...]:
        """The right number in another unit than the one that was asked for."""
        if self.unit != "byte":
            return ()
        return (
            Mistake(self.answer / GB, "That is the number of GB: the answer is asked in bytes."),
            Mistake(self.answer / GiB, "That is the number of GiB: the answer is asked in bytes."),
            Mistake(self.answer * BITS_PER_BYTE, "These are bits: eight bits make a byte."),
            Mistake(self.answer / GB * GiB, "A GB was taken for a GiB: a GB is 10^9 bytes."),
            Mistake(self.answer / GiB * GB, "A GiB was taken for a GB: a GiB is 2^30 bytes."),
        )

    def _is(self, value: float, target: float) -> bool:
        if isinstance(target, int) and abs(target) <= 1000:
            return value == target
        return math.isclose(value, target, rel_tol=self.tolerance)

    def _distance(self, answer: float) -> str:
        if not math.isfinite(answer) or answer <= 0 or self.answer <= 0:
            return "The answer is a positive number; write the formula down and put the numbers in."
        factor = answer / self.answer
        times = number_text(factor if factor > 1 else 1 / factor)
        side = f"{times} times too {'large' if factor > 1 else 'small'}"
        given = quantity_text(answer, self.unit)
        return f"Your {given}: {side}. Check each factor and its unit."


@dataclass(frozen=True)
class Verdict:
    """An exercise's question with what the check says; prints itself in a notebook."""

    exercise: Exercise
    right: bool | None
    sentence: str

    def _repr_markdown_(self) -> str:
        mark = {True: "✔ ", False: "✘ ", None: ""}[self.right]
        return (
            f"**{self.exercise.title}**\n\n{self.exercise.question}\n\n{mark}*{self.sentence}*\n\n"
            f"<details><summary>Solution</summary>{self.exercise.solution}</details>"
        )

    def __repr__(self) -> str:
        return f"{self.exercise.title}: {self.sentence}"


def attempt(function: Callable[..., Any], **arguments: Any) -> Any:
    """Call a formula in which a reader fills in blanks; with a blank left, give the blank back."""
    blank = any(value is ... for value in arguments.values())
    return ... if blank else function(**arguments)


def check(exercise: Exercise, answer: object = ...) -> Verdict:
    """Pose an exercise, and judge the answer once there is one."""
    return Verdict(exercise, *exercise.verdict(answer))
