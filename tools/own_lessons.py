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

from estimator.batch.declared import Lesson, read_lesson
from estimator.choosing import choose
from estimator.validate.files import read_text
from tools.set_up import ROOT, CannotError, told

OUT = ROOT / "build" / "own-lessons"
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALL = "all"


def read_service(path: Path) -> dict[str, dict[str, Any]]:
    """Read the file's parts: what is meant for all lessons, and for each by its number."""
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise CannotError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise CannotError(f'{path} has no parts: write "all:" or a lesson\'s number, as "04":.')
    return {str(part).zfill(2): values for part, values in content.items()}


def parameters(
    service: Mapping[str, Mapping[str, Any]], lessons: Mapping[str, Lesson]
) -> dict[str, dict[str, Any]]:
    """Give each lesson its parameters; names that no lesson takes are refused, all at once."""
    problems = []
    for part, values in service.items():
        if part != ALL and part not in lessons:
            problems.append(f"{part!r} is no lesson: write all, or one of {', '.join(lessons)}.")
            continue
        takers = lessons.values() if part == ALL else [lessons[part]]
        known = sorted({name for lesson in takers for name in lesson.defaults})
        for name in values:
            try:
                choose(f"a parameter under {part}", name, known)
            except ValueError as error:
                problems.append(str(error))
    if problems:
        raise CannotError(" ".join(problems))
    shared = service.get(ALL, {})
    return {
        number: {n: v for n, v in shared.items() if n in lesson.defaults}
        | dict(service.get(number, {}))
        for number, lesson in lessons.items()
    }


def run_lesson(lesson: Lesson, values: Mapping[str, Any], out: Path) -> bool:
    """Run one lesson as a batch of one; tell whether it passed."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "own.yaml"
        scenario.write_text(yaml.safe_dump([{"name": lesson.name, **values}]), encoding="utf-8")
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
    out.mkdir(parents=True, exist_ok=True)
    failed = [n for n, lesson in lessons.items() if not run_lesson(lesson, given[n], out)]
    if failed:
        raise CannotError(f"Lessons {', '.join(failed)} did not run: see above.")
    print(f"{len(lessons)} lessons with your numbers: {out}")


if __name__ == "__main__":
    sys.exit(told(lambda: main(*sys.argv[1:3])))
