"""Exercises whose check knows the usual wrong answers and says what they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from estimator.glossary import quantity
from estimator.units import plural, quantity_text


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

    def verdict(self, answer: object) -> tuple[bool | None, str]:
        """Judge an answer: right, wrong, or None while there is none; with one helpful sentence."""
        units = plural(self.unit, 2)
        if answer is ... or answer is None:
            return None, f"Not answered yet: put your number, in {units}, in place of the dots."
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return False, (
                f"{answer!r} is not a plain number: give {units}, for example 2.5 * GB "
                "after importing GB from estimator.units."
            )
        if self._is(answer, self.answer):
            return True, f"Right: {quantity_text(self.answer, self.unit)}."
        for mistake in self.mistakes:
            if self._is(answer, mistake.value) and not self._is(mistake.value, self.answer):
                return False, f"Not yet. {mistake.advice}"
        return False, f"Not yet. {self._distance(answer)}"

    def _is(self, value: float, target: float) -> bool:
        if isinstance(target, int) and abs(target) <= 1000:
            return value == target
        return math.isclose(value, target, rel_tol=self.tolerance)

    def _distance(self, answer: float) -> str:
        if not math.isfinite(answer) or answer <= 0 or self.answer <= 0:
            return "The answer is a positive number; write the formula down and put the numbers in."
        factor = answer / self.answer
        side = (
            f"{factor:.4g} times too large" if factor > 1 else f"{1 / factor:.4g} times too small"
        )
        return f"{quantity_text(answer, self.unit)} is {side}: check each factor and its unit."


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


def check(exercise: Exercise, answer: object = ...) -> Verdict:
    """Pose an exercise, and judge the answer once there is one."""
    return Verdict(exercise, *exercise.verdict(answer))
