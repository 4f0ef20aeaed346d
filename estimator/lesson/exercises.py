"""Exercises whose check knows the usual wrong answers and says what they come from."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ParamSpec

from estimator.glossary import quantity
from estimator.lesson.attempts import Attempt
from estimator.lesson.progress import keep
from estimator.quantity import LARGEST
from estimator.units import (
    BITS_PER_BYTE,
    DAY,
    DAYS_PER_MONTH,
    GB,
    KB,
    MB,
    MINUTE,
    TB,
    GiB,
    KiB,
    MiB,
    TiB,
    number_text,
    plural,
    quantity_text,
)

P = ParamSpec("P")

# What people do to an answer that is right but for its unit: a factor, and what it comes from.
_PREFIXES = (
    (KiB / KB, "KB is 1,000 bytes here; 1,024 bytes are a KiB."),
    (KB / KiB, "KB is 1,000 bytes here; 1,024 bytes are a KiB."),
    (MiB / MB, "MB is 1,000,000 bytes here; 1,048,576 bytes are a MiB."),
    (MB / MiB, "MB is 1,000,000 bytes here; 1,048,576 bytes are a MiB."),
    (GiB / GB, "A GB was taken for a GiB: a GB is 10^9 bytes."),
    (GB / GiB, "A GiB was taken for a GB: a GiB is 2^30 bytes."),
    (KB, "A thousand times too large: KB are thousands of bytes, MB are millions."),
    (1 / KB, "A thousand times too small: KB are thousands of bytes, MB are millions."),
)
_BYTES = (
    (1 / GB, "That is the number of GB: the answer is asked in bytes."),
    (1 / GiB, "That is the number of GiB: the answer is asked in bytes."),
    (1 / TB, "That is the number of TB: the answer is asked in bytes."),
    (1 / TiB, "That is the number of TiB: the answer is asked in bytes."),
    (1 / MB, "That is the number of MB: the answer is asked in bytes."),
    (1 / MiB, "That is the number of MiB: the answer is asked in bytes."),
    (BITS_PER_BYTE, "These are bits: eight bits make a byte."),
    (1 / BITS_PER_BYTE, "An eighth of it: bytes are asked for, so nothing is divided by eight."),
    *_PREFIXES,
    (TiB / TB, "A TB was taken for a TiB: a TB is 10^12 bytes."),
    (TB / TiB, "A TiB was taken for a TB: a TiB is 2^40 bytes."),
)
_RATE = (
    (DAY, "That is a day's worth: divide by the seconds of a day."),
    (MINUTE, "That is a minute's worth: 60 seconds more to go."),
)
_FAR = 1e15
"""Times off from which a number of times would tell a reader nothing."""
_CHECK = "Check each factor and its unit."
_SHORT = 4
"""Digits up to which an answer is taken for a longer one that was rounded."""
_UNIT_SLIPS = {
    "request/s": _RATE,
    "token/s": _RATE,
    "s": (
        (1e3, "These are milliseconds: the answer is asked in seconds."),
        (1e6, "These are microseconds: the answer is asked in seconds."),
    ),
    "byte": _BYTES,
    "byte/day": (
        (DAYS_PER_MONTH, "That is what a month adds: the answer is asked for a day."),
        (1 / DAY, "That is what a second adds: the answer is asked for a day."),
        *_BYTES,
    ),
    "bit/s": (
        (1 / BITS_PER_BYTE, "These are bytes: a network counts bits, eight to a byte."),
        (1 / MB, "That is the number of Mbit/s: the answer is asked in bits a second."),
        (1 / GB, "That is the number of Gbit/s: the answer is asked in bits a second."),
        (1 / BITS_PER_BYTE / MB, "Those are megabytes: the answer is asked in bits a second."),
        (1 / BITS_PER_BYTE / GB, "Those are gigabytes: the answer is asked in bits a second."),
        *_RATE,
        (DAY * DAYS_PER_MONTH, "That is a month's worth: divide by its seconds."),
        *_PREFIXES,
    ),
}


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the sentence that helps them on."""

    value: float
    advice: str


def posed(make: Callable[P, Exercise]) -> Callable[P, Exercise]:
    """Let an exercise be made only of numbers with which it has an answer to look for.

    The function that comes out raises a TypeError for what is no number, and a ValueError for a
    number below 0, one that is not finite, and numbers that leave nothing to answer.
    """
    usual = inspect.signature(make)
    examples = {
        name: entry.default
        for name, entry in usual.parameters.items()
        if isinstance(entry.default, int | float)
    }

    @functools.wraps(make)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Exercise:
        given = {**examples, **usual.bind(*args, **kwargs).arguments}
        for name, example in examples.items():
            _check_number(name, given[name], example)
        try:
            exercise = make(*args, **kwargs)
        except ZeroDivisionError:
            exercise = None
        if exercise is None or not exercise.answer > 0:
            raise ValueError(
                f"The exercise {make.__name__} has no positive answer with {_listed(given)}: give "
                f"for example {_listed(examples)}."
            )
        return exercise

    return checked


def _check_number(name: str, value: object, example: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r:.40}, but it must be a number: give one.")
    if not 0 <= value < math.inf:
        raise ValueError(
            f"{name} is {value}, but a number of an exercise must be 0 or more, and finite: give "
            f"for example {number_text(example)}."
        )


def _listed(numbers: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in numbers.items())


def of_example(value: float, what: str, theirs: str, ours: str) -> tuple[Mistake, ...]:
    """The mistake of taking the lesson's example for the exercise; none where both have the same.

    Give a text of both inputs, which is compared as well as told.
    """
    if theirs == ours:
        return ()
    return (Mistake(value, f"That takes the example's {what}, {theirs}: here it is {ours}."),)


def slips(unit: str, right: float, *factors: float) -> tuple[tuple[float, str], ...]:
    """The right number of a unit times each factor, with what it is told to come from.

    A check tells these slips of itself; a teacher's key lists only what an exercise names.
    """
    told = dict(_UNIT_SLIPS[unit])
    return tuple((right * factor, told[factor]) for factor in factors)


def together(*mistakes: Mistake) -> tuple[Mistake, ...]:
    """Tell mistakes that come to the same number as one: either may be the reader's."""
    told: list[Mistake] = []
    for new in mistakes:
        same = next((i for i, old in enumerate(told) if _close(new.value, old.value)), None)
        if same is None:
            told.append(new)
        else:
            told[same] = replace(told[same], advice=f"{told[same].advice} Or else: {new.advice}")
    return tuple(told)


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
    rounds: str = ""
    """Which way a whole answer is rounded, "up" or "down", where only one of them is right."""
    far_larger: str = ""
    """What is told of an answer a million times too large, where it counts something else."""

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
        return False, f"Not yet. {self.slip(answer) or self.distance(answer)}"

    def slip(self, answer: float, *, exactly: bool = False) -> str:
        """Say what a wrong answer comes from, where that is known.

        Exactly: leave out what an answer may have been rounded from, or was not rounded to.
        """
        mistakes = [
            mistake
            for mistake in (*self.mistakes, *self._unit_mistakes())
            if not self._is(mistake.value, self.answer)
        ]
        for tolerance in (0.001, 0.005):  # of two that are close, the one that it is
            for mistake in mistakes:
                if _close(answer, mistake.value, tolerance):
                    return mistake.advice
        if exactly:
            return ""
        if rounding := self._rounding(answer):
            return rounding
        for mistake in mistakes:  # the same mistakes, before they are rounded to whole ones
            if _is_small_count(mistake.value) and self._becomes(answer, mistake.value):
                return mistake.advice
        return self._short(answer, mistakes)

    def _becomes(self, answer: float, whole: float) -> bool:
        """Tell whether an answer is this wrong count before it was rounded, the usual way."""
        if not math.isfinite(answer) or answer % 1 == 0 or abs(whole - self.answer) <= 1:
            return False
        ends = {"up": {math.ceil(answer)}, "down": {math.floor(answer)}}
        return whole in ends.get(self.rounds, {math.floor(answer), math.ceil(answer)})

    def _short(self, answer: float, mistakes: Sequence[Mistake]) -> str:
        """Say what an answer of few digits was rounded from: the right one, or a mistake."""
        close, digits = _close(answer, self.answer), _digits(answer)
        if (self.tolerance or not close) and _is_rounded(self.answer, answer, digits):
            count = f"{digits} digit" if digits == 1 else f"{digits} digits"
            return f"That is right to its {count}: give one digit more, or all of them."
        if close:
            return ""
        # Two digits of a mistake near the right answer are as well something else.
        told = (m.advice for m in mistakes if digits > 1 + _close(m.value, self.answer, 0.1)
                and _is_rounded(m.value, answer, digits))  # fmt: skip
        return next(told, "")

    def _rounding(self, answer: float) -> str:
        """Say which way to round, where an answer is right but for that."""
        if type(self.answer) is not int or not math.isfinite(answer) or answer % 1 == 0:
            return ""
        if self.answer == math.ceil(answer) and self.rounds != "down":
            return "Now round up: only whole ones count, and the rest needs a place too."
        if self.answer == math.floor(answer) and self.rounds != "up":
            return "Now round down: only whole ones count, and this is what surely fits."
        if self.answer in (math.ceil(answer), math.floor(answer)):
            return f"Close: keep all digits on the way, and round {self.rounds} once, at the end."
        return ""

    @property
    def _in_units(self) -> str:
        return f", in {plural(self.unit, 2)}," if self.unit else ""

    def _unit_mistakes(self) -> tuple[Mistake, ...]:
        """The right number in another unit than the one that was asked for."""
        slips = _UNIT_SLIPS.get(self.unit, ())
        return tuple(Mistake(self.answer * factor, advice) for factor, advice in slips)

    def _is(self, value: float, target: float) -> bool:
        return _close(value, target, self.tolerance)

    def distance(self, answer: float, whose: str = "Your") -> str:
        """Say how far off an answer is that no slip explains."""
        if not math.isfinite(answer) or answer <= 0 or self.answer <= 0:
            return "The answer is a positive number; write the formula down and put the numbers in."
        if _close(answer, self.answer):
            return "Very close, but the number is asked exactly: round nothing on the way to it."
        larger = answer > self.answer
        factor = answer / self.answer if larger else self.answer / answer
        if self.far_larger and larger and factor > 1e6:
            return self.far_larger
        side = "large" if larger else "small"
        if factor >= _FAR:
            return f"That is far too {side}. {_CHECK}"
        given = quantity_text(answer, self.unit)
        return f"{whose} {given}: {number_text(factor)} times too {side}. {_CHECK}"


def _digits(number: float) -> int:
    """Count the digits that a number was given to, without zeros before or behind them."""
    if not math.isfinite(number):
        return 0
    return len(Decimal(repr(number)).normalize().as_tuple().digits)


def _is_rounded(value: float, given: float, digits: int) -> bool:
    """Tell whether a number is this value, rounded to at most four digits."""
    if not 0 < digits <= _SHORT or not math.isfinite(value) or _is_small_count(value):
        return False
    return float(f"{value:.{digits - 1}e}") == given


def _is_small_count(value: float) -> bool:
    """Tell a number of things that people count one by one."""
    return isinstance(value, int) and abs(value) <= 1000


def _close(value: float, target: float, tolerance: float = 0.005) -> bool:
    if _is_small_count(target):
        return value == target
    return math.isclose(value, target, rel_tol=tolerance)


@dataclass(frozen=True)
class Verdict:
    """An exercise's question with what the check says; prints itself in a notebook."""

    exercise: Exercise
    right: bool | None
    sentence: str
    note: str = ""

    def _repr_markdown_(self) -> str:
        note = f" {self.note}" if self.note else ""
        mark = {True: "✔ ", False: "✘ ", None: ""}[self.right]
        return (
            f"**{self.exercise.title}**\n\n{self.exercise.question}\n\n{mark}*{self.sentence}*{note}\n\n"
            f"<details><summary>Solution</summary>{self.exercise.solution}</details>"
        )

    def __repr__(self) -> str:
        return f"{self.exercise.title}: {self.sentence}"


def check(exercise: Exercise, answer: object = ...) -> Verdict:
    """Pose an exercise, and judge the answer once there is one.

    In the learner's own folder, an exercise that is solved is remembered.
    """
    if isinstance(answer, Attempt):
        right, sentence = answer.verdict(exercise)
    else:
        right, sentence = exercise.verdict(answer)
    return Verdict(exercise, right, sentence, keep(exercise.title) if right else "")
