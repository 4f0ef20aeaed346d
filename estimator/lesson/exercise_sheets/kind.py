"""A kind of exercise: what makes one from its numbers, and the numbers that it may have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from estimator.glossary import quantity
from estimator.lesson.exercises import Exercise, Mistake
from estimator.units import quantity_text

_TRIES = 100
_FEWEST_MISTAKES = 2


@dataclass(frozen=True)
class Kind:
    """An exercise with numbers to be drawn: `choices` names the values of each parameter."""

    lesson: str
    make: Callable[..., Exercise]
    choices: Mapping[str, Sequence[Any]]

    @property
    def name(self) -> str:
        """Name of the function that makes it: no two kinds share one."""
        return self.make.__name__

    def pose(self, random: Random) -> Exercise:
        """Draw numbers until they make an exercise with a positive answer and telling mistakes.

        Raises: ValueError: they make none however often they are drawn.
        """
        for _ in range(_TRIES):
            numbers = {name: random.choice(values) for name, values in self.choices.items()}
            exercise = distinct(self.make(**numbers))
            if exercise.answer > 0 and len(exercise.mistakes) >= _FEWEST_MISTAKES:
                return exercise
        raise ValueError(f"{self.name} makes no exercise of its numbers: widen its choices.")


def kind(lesson: str, **choices: Sequence[Any]) -> Callable[[Callable[..., Exercise]], Kind]:
    """Make a kind of a function that makes an exercise from its numbers."""
    return lambda make: Kind(lesson, make, choices)


def pose(
    title: str, question: str, answer_name: str, answer: float, solution: str,
    *wrong: tuple[float, str], tolerance: float = 0.005,
) -> Exercise:  # fmt: skip
    """Put an exercise together; `{answer}` in its solution stands for the answer with its unit."""
    text = quantity_text(answer, quantity(answer_name).unit)
    mistakes = tuple(Mistake(value, advice) for value, advice in wrong)
    solved = solution.replace("{answer}", text)
    return Exercise(title, question, answer_name, answer, mistakes, solved, tolerance)


def distinct(exercise: Exercise) -> Exercise:
    """Keep the mistakes that, with these numbers, are told apart from the answer and each other."""
    kept: list[Mistake] = []
    for mistake in exercise.mistakes:
        if not math.isfinite(mistake.value) or mistake.value <= 0:
            continue
        so_far = replace(exercise, mistakes=(*kept, mistake))
        if so_far.verdict(mistake.value)[1] == f"Not yet. {mistake.advice}":
            kept.append(mistake)
    return replace(exercise, mistakes=tuple(kept))
