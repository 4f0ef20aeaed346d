"""All lessons with the numbers of one service: `python -m tools.own_lessons FILE.yaml [FOLDER]`.

What a lesson says from its reader's section on follows these numbers; the worked examples stay.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from estimator.batch.declared import PATH, Lesson, read_lesson
from estimator.batch.scenarios import ScenarioFile
from estimator.batch.yaml_file import read_yaml_parts
from tools.own_service import Taken, rehearse, spread, unknown_names
from tools.set_up import ROOT, CannotError, told

OUT = ROOT / "build" / "own-lessons"
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read_service(path: Path) -> dict[str, dict[str, Any]]:
    """Read the file's parts: what is meant for all lessons, and for each by its number."""
    try:
        parts = read_yaml_parts(path)
    except ValueError as error:
        raise CannotError(str(error)) from None
    return {part.zfill(2): values for part, values in parts.items()}


def parameters(
    service: Mapping[str, Mapping[str, Any]], lessons: Mapping[str, Lesson]
) -> dict[str, Taken]:
    """Give each lesson its parameters; names that no lesson takes are refused, all at once."""
    if problems := unknown_names(service, lessons):
        raise CannotError(" ".join(problems))
    return spread(service, lessons)


def write_scenario(lesson: Lesson, values: Mapping[str, Any], folder: Path) -> Path:
    """Write one lesson's numbers as a batch of one."""
    path = folder / f"{lesson.name}.yaml"
    path.write_text(yaml.safe_dump([{"name": lesson.name, **values}]), encoding="utf-8")
    return path


def problems_of(lesson: Lesson, scenario: Path) -> list[str]:
    """Hold the numbers against the lesson's own checks, and then together, without running it."""
    file = ScenarioFile(scenario, lesson)
    try:
        (read,) = file.scenarios()
    except ValueError:
        return [sentence.removeprefix("item 1: ") for *_, sentence in file.problems.found]
    together = rehearse(lesson, read.parameters) if read.parameters else ""
    names = ", ".join(name for name in lesson.defaults if not name.endswith(PATH))
    return [f"{together} (Under {lesson.name[:2]!r} you may set {names}.)"] if together else []


def refuse(file: str, lessons: Mapping[str, Lesson], given: Mapping[str, Taken]) -> None:
    """Refuse numbers that cannot be, alone or together: all lessons at once, before any is run."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for number, lesson in lessons.items():
            scenario = write_scenario(lesson, given[number].values, Path(folder))
            lines += [f"Lesson {number}: {each}" for each in problems_of(lesson, scenario)]
    if lines:
        raise CannotError("\n  ".join([f"{file} cannot be run, and nothing was:", *lines]))


def run_lesson(lesson: Lesson, scenario: Path, out: Path) -> bool:
    """Run one lesson; tell whether it passed."""
    print(f"{lesson.name} ...", flush=True)
    command = [sys.executable, "-m", "estimator", "batch", str(lesson.path), str(scenario)]
    done = subprocess.run(
        [*command, "--out", str(out / lesson.name)], cwd=ROOT, stdout=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip
    made = out / lesson.name / f"{lesson.name}.ipynb"
    if made.is_file():
        made.replace(out / made.name)  # beside the others, so that their links lead somewhere
    return done.returncode == 0


def main(file: str = "", folder: str = "") -> None:
    """Run every lesson, and say where they are."""
    if not file:
        raise CannotError("Which service? make own-lessons SERVICE=scenarios/own-service.yaml")
    out = Path(folder) if folder else OUT
    lessons = {path.stem[:2]: read_lesson(path) for path in LESSONS}
    given = parameters(read_service(Path(file)), lessons)
    for note in (note for taken in given.values() for note in taken.notes):
        print(note, flush=True)
    refuse(file, lessons, given)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as aside:
        scenarios = {n: write_scenario(lessons[n], given[n].values, Path(aside)) for n in lessons}
        failed = [n for n in lessons if not run_lesson(lessons[n], scenarios[n], out)]
    if failed:
        raise CannotError(f"Lessons {', '.join(failed)} did not run: see above.")
    print(f"{len(lessons)} lessons with your numbers: {out}")


if __name__ == "__main__":
    sys.exit(told(lambda: main(*sys.argv[1:3])))
