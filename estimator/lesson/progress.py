"""What a learner has solved, kept over restarts in a file of the learner's own folder.

`make lab` names the file in COURSE_PROGRESS. Without that, or where a lesson runs outside of the
file's folder (the tests, `make notebooks`), nothing is kept and nothing is said. The file holds
titles alone, never an answer or a time.
"""

from __future__ import annotations

import functools
import json
import os
import pkgutil
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from estimator.lesson.prose import Prose
from estimator.lesson.tables import Table
from estimator.lesson.writing import write_whole

VARIABLE = "COURSE_PROGRESS"
# The panel of each lesson, whose task is solved in it.
TASKS = {
    "00": "The envelope of a service",
    "01": "How many bytes, and what do they fit on?",
    "02": "The sheet, live",
    "03": "What fills the memory, and what fits?",
    "04": "From users to accelerators",
    "05": "What does a service cost, give or take?",
    "06": "How long does a token take, give or take?",
}

Solved = dict[str, list[str]]


@functools.cache
def exercise_titles() -> dict[str, tuple[str, ...]]:
    """Titles of every lesson's exercises, in their order, and of what else is solved there."""
    import estimator.lesson as lessons

    names = (module.name for module in pkgutil.iter_modules(lessons.__path__))
    numbers = [name[-2:] for name in names if re.fullmatch(r"lesson_\d\d", name)]
    return {number: (*_exercises(number), *_further(number)) for number in numbers}


def progress_file() -> Path | None:
    """The file to keep progress in, if this lesson runs in the learner's own folder."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    folder = Path(named).parent.resolve()
    return Path(named) if Path.cwd().resolve().is_relative_to(folder) else None


def keep(title: str) -> str:
    """Remember that an exercise or a panel's task is solved; say what went wrong, if anything.

    What is no part of the course, such as an exercise of one's own, is not remembered.
    """
    file = progress_file()
    lesson = _lesson_of(title) if file else ""
    if file is None or not lesson:
        return ""
    try:
        with _alone(file.parent):
            solved, note = _read(file)
            if title not in solved.get(lesson, []):
                solved[lesson] = sorted({*solved.get(lesson, []), title})
                write_whole(file, json.dumps({"solved": solved}, indent=2, sort_keys=True) + "\n")
    except (OSError, ValueError) as problem:
        return f"Your progress could not be kept: {problem}"
    return note


def progress() -> Table | Prose:
    """Show what is solved, and what comes next."""
    file = progress_file()
    if file is None:
        return Prose(
            "Your progress is kept once you open the lessons with `make lab`: this cell then lists "
            "what you have solved, and what comes next."
        )
    try:
        with _alone(file.parent):
            solved, note = _read(file)
    except OSError as problem:
        return Prose(f"Your progress could not be read: {problem}")
    return _table(solved, note)


def _table(solved: Solved, note: str) -> Table:
    rows, upcoming, done, total = [], "", 0, 0
    for lesson, titles in exercise_titles().items():
        right = [title for title in titles if title in solved.get(lesson, [])]
        task = TASKS.get(lesson, "")
        ready = bool(task) and task in solved.get(lesson, [])
        todo = [f"the task of “{task}”"] if task and not ready else []
        todo += [f"“{title}”" for title in titles if title not in right]
        mark = "✔ solved" if ready else "open" if task else "none"
        rows.append((lesson, f"{len(right)} of {len(titles)}", mark, todo[0] if todo else "done"))
        upcoming = upcoming or (f"lesson {lesson}, {todo[0]}" if todo else "")
        done, total = done + len(right) + ready, total + len(titles) + bool(task)
    after = f"Next: {upcoming}." if upcoming else "All is solved."
    headers = ("lesson", "exercises solved", "task of the panel", "comes next")
    caption = f"Your progress: {done} of {total}"
    return Table(headers, rows, caption, f"{after} {note}".rstrip(), left=frozenset(headers[2:]))


def _lesson_of(title: str) -> str:
    """The lesson in which an exercise or a panel stands, empty if in none."""
    by_title = {task: lesson for lesson, task in TASKS.items()}
    if title not in by_title:
        by_title = {t: lesson for lesson, titles in exercise_titles().items() for t in titles}
    return by_title.get(title, "")


def _exercises(number: str) -> Iterator[str]:
    for make in import_module(f"estimator.lesson.lesson_{number}").EXERCISES:
        yield make().title


def _further(number: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(
        import_module(f"estimator.lesson.lesson_{number}"), "FURTHER_TITLES", ()
    )
    return found


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one kernel at a time read and write: what two of them add is kept, of both."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(file: Path) -> tuple[Solved, str]:
    """Read what is solved; a damaged file is set aside, with a sentence."""
    if not os.path.lexists(file):
        return {}, ""
    try:
        solved = json.loads(file.read_text(encoding="utf-8"))["solved"]
        return {lesson: [*map(_text, titles)] for lesson, titles in solved.items()}, ""
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError, IsADirectoryError):
        return {}, f"{file.name} was damaged: it is set aside as {_set_aside(file).name}."


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no title.")
    return value


def _set_aside(file: Path) -> Path:
    number = 1
    while os.path.lexists(aside := file.with_name(f"{file.stem}.damaged-{number}{file.suffix}")):
        number += 1
    return file.rename(aside)
