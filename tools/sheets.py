"""Exercise sheets for a room and their key: `python -m tools.sheets --students 30 --seed 2026`.

Every sheet has the same kinds of exercises with other numbers. The same options make the same
files, to the byte. SHEETS_ARGS brings the options to `make sheets`.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NoReturn

from estimator.lesson.exercise_sheets import KINDS
from estimator.lesson.exercise_sheets.kind import Kind
from estimator.lesson.exercises import Exercise
from estimator.units import number_text, plural, prefixed_text, quantity_text
from tools.page import style, templates, write_page
from tools.set_up import ROOT, CannotError, told

FOLDER = ROOT / "build" / "sheets"
LESSONS = tuple(sorted({kind.lesson for kind in KINDS}))
MOST_STUDENTS = 500
# So often other numbers are drawn where a sheet before has the same ones.
TRIES = 50


@dataclass(frozen=True)
class Sheet:
    """One student's exercises."""

    number: str
    exercises: tuple[Exercise, ...]


@dataclass(frozen=True)
class SheetSet:
    """The sheets of a room."""

    seed: int
    lessons: tuple[str, ...]
    sheets: tuple[Sheet, ...]

    @property
    def where(self) -> str:
        """Say which lessons the exercises belong to."""
        first, *more = self.lessons
        return f"lessons {first} to {more[-1]}" if more else f"lesson {first}"


def choose_kinds(lessons: Sequence[str], exercises: int, seed: int) -> list[Kind]:
    """Choose kinds, as many from each lesson as from any other where it has them."""
    random = Random(f"{seed}/kinds")
    decks = [[kind for kind in KINDS if kind.lesson == lesson] for lesson in lessons]
    for deck in decks:
        random.shuffle(deck)
    in_turn = [deck[turn] for turn in range(len(KINDS)) for deck in decks if turn < len(deck)]
    return sorted(in_turn[:exercises], key=KINDS.index)


def draw(students: int, seed: int, exercises: int, lessons: Sequence[str]) -> SheetSet:
    """Draw the sheets of a room; no two have the same question while there are other numbers."""
    kinds = choose_kinds(lessons, exercises, seed)
    width = max(2, len(str(students)))
    asked: set[str] = set()
    sheets = []
    for student in range(1, students + 1):
        number = f"{student:0{width}d}"
        posed = tuple(_pose(kind, f"{seed}/{student}", asked) for kind in kinds)
        asked.update(exercise.question for exercise in posed)
        sheets.append(Sheet(number, posed))
    return SheetSet(seed, tuple(lessons), tuple(sheets))


def _pose(kind: Kind, seed: str, asked: set[str]) -> Exercise:
    for attempt in range(TRIES):
        exercise = kind.pose(Random(f"{seed}/{kind.name}/{attempt}"))
        if exercise.question not in asked:
            break
    return exercise


def _named(exercise: Exercise) -> str:
    return {"s": "seconds"}.get(exercise.unit, plural(exercise.unit, exercise.answer))


def unit(exercise: Exercise) -> str:
    """Write the unit in which the answer is asked."""
    return {"s": "seconds"}.get(exercise.unit, plural(exercise.unit, 2))


def brief(exercise: Exercise) -> str:
    """Write the answer in short, for a table whose head says what it is."""
    if exercise.unit.startswith("byte"):
        return prefixed_text(exercise.answer, "B")
    text = quantity_text(exercise.answer, exercise.unit)
    return text if exercise.unit == "s" else text.removesuffix(f" {_named(exercise)}")


def counted(exercise: Exercise) -> str:
    """Say what the numbers of a column are."""
    return {"s": "time", "byte": "bytes"}.get(exercise.unit, unit(exercise))


def exact(exercise: Exercise) -> str:
    """Write the answer in the unit that is asked, and as people say it."""
    plain = f"{number_text(exercise.answer, 6)} {_named(exercise)}"
    said = quantity_text(exercise.answer, exercise.unit)
    return plain if said.endswith(f" {_named(exercise)}") else f"{plain} = {said}"


def nearness(exercise: Exercise) -> str:
    """Say how near an answer has to come."""
    if isinstance(exercise.answer, int) and exercise.answer <= 1000:
        return "exactly"
    return f"give or take {number_text(100 * exercise.tolerance)} %"


def write(drawn: SheetSet, folder: Path) -> list[Path]:
    """Write the sheets, the sheets with their solutions, and the key."""
    environment = templates()
    environment.filters.update(
        unit=unit, brief=brief, exact=exact, nearness=nearness, counted=counted,
        number=lambda value: number_text(value, 6),
    )  # fmt: skip
    shared = {"set": drawn, "style": style("sheets")}
    sheets = environment.get_template("sheets.html.j2")
    pages = {
        "sheets.html": sheets.render(shared, solved=False),
        "sheets-with-solutions.html": sheets.render(shared, solved=True),
        "key.html": environment.get_template("key.html.j2").render(shared),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise CannotError(f"--out is {folder}, which is a file: name a folder.") from None
    return [write_page(folder / name, page) for name, page in pages.items()]


class _Parser(argparse.ArgumentParser):
    """A parser that tells what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise CannotError(f"{message[:1].upper()}{message[1:]}: see python -m tools.sheets --help.")


def _whole(name: str, text: str, low: int, high: int, example: int) -> int:
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and low <= int(text) <= high:
        return int(text)
    raise CannotError(
        f"--{name} is {text!r}, but it must be a whole number from {number_text(low)} to "
        f"{number_text(high)}: give for example {example}."
    )


def chosen_lessons(text: str) -> tuple[str, ...]:
    """Read lessons such as 01-04, or 00,03.

    >>> chosen_lessons("01-03"), chosen_lessons("4,0")
    (('01', '02', '03'), ('00', '04'))
    """
    chosen: set[str] = set()
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,2})(?:\s*-\s*(\d{1,2}))?\s*", part, re.ASCII)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        named = [f"{lesson:02d}" for lesson in range(first, last + 1)]
        if not named or not set(named) <= set(LESSONS):
            raise CannotError(
                f"--lessons is {text!r}, but there are exercises for {LESSONS[0]} to "
                f"{LESSONS[-1]}: give for example 01-04, or 00,03."
            )
        chosen.update(named)
    return tuple(sorted(chosen))


def main(arguments: Sequence[str]) -> None:
    """Draw the sheets, write them, and say where they are."""
    parser = _Parser(prog="python -m tools.sheets", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--students", default="30", help="number of sheets (30)")
    parser.add_argument("--seed", default="1", help="a number; another one gives other numbers (1)")
    parser.add_argument(
        "--exercises", default="", help="exercises on a sheet (8), or all that the lessons have"
    )
    parser.add_argument("--lessons", default="01-05", help="lessons: 01-04, or 00,06 (01-05)")
    parser.add_argument("--out", default=str(FOLDER), help="folder to write to (build/sheets)")
    given = parser.parse_args(arguments)
    lessons = chosen_lessons(given.lessons)
    most = sum(kind.lesson in lessons for kind in KINDS)
    asked = str(most) if given.exercises == "all" else given.exercises or str(min(8, most))
    drawn = draw(
        _whole("students", given.students, 1, MOST_STUDENTS, 30),
        _whole("seed", given.seed, 0, 10**9 - 1, 2026),
        _whole("exercises", asked, 1, most, min(8, most)),
        lessons,
    )
    paths = write(drawn, Path(given.out))
    count = len(drawn.sheets)
    print(f"{count} {plural('sheet', count)} in {Path(given.out)}:", *(path.name for path in paths))


if __name__ == "__main__":
    options = [*shlex.split(os.environ.get("SHEETS_ARGS", "")), *sys.argv[1:]]
    sys.exit(told(lambda: main(options)))
