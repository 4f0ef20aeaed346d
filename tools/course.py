"""The learner's own copy of the lessons, `my-course/`: made once, never overwritten.

What answers a *Predict* is out of sight in the copy: empty until its cell is run, or folded.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from tools.set_up import ROOT, CannotError, told

LESSONS = ROOT / "notebooks"
COPY = ROOT / "my-course"
QUESTION = "*Predict"
FOLD = "What it shows"


def lesson_files(lessons: Path) -> list[Path]:
    """Each lesson and each file that a lesson needs, relative to the folder of lessons."""
    files = sorted(path.relative_to(lessons) for path in lessons.rglob("*") if path.is_file())
    return [file for file in files if not any(part[0] in "._" for part in file.parts)]


def copy_file(source: Path, target: Path) -> None:
    """Copy in one step: a copy that is cut off leaves nothing that looks like a lesson."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.half")
    if source.suffix == ".ipynb":
        half.write_text(covered(source), encoding="utf-8")
    else:
        shutil.copyfile(source, half)
    half.replace(target)


def covered(lesson: Path) -> str:
    """A lesson in which a *Predict* can be answered unseen.

    The cells right after one have no output yet, and the paragraph that reads it is folded.
    """
    notebook: dict[str, Any] = json.loads(lesson.read_text(encoding="utf-8"))
    asked = answered = False
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            answered = asked
            if asked:
                cell["outputs"], cell["execution_count"] = [], None
            continue
        text = "".join(cell["source"])
        if answered:
            cell["source"] = folded(text).splitlines(keepends=True)
        asked, answered = QUESTION in text, False
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def folded(text: str) -> str:
    """Put the first paragraph into a fold; a heading begins what is no answer any more."""
    first, gap, rest = text.partition("\n\n")
    if first.startswith("#"):
        return text
    return f"<details><summary>{FOLD}</summary>\n\n{first}\n\n</details>{gap}{rest}"


def add_missing(lessons: Path, copy: Path) -> list[Path]:
    """Copy what the learner does not have yet; leave alone whatever is there."""
    missing = [file for file in lesson_files(lessons) if not os.path.lexists(copy / file)]
    for file in missing:
        copy_file(lessons / file, copy / file)
    return missing


def find_lesson(lessons: Path, wanted: str) -> Path:
    """The one lesson that a number such as 01, or the beginning of a name, stands for."""
    names = [file for file in lesson_files(lessons) if file.suffix == ".ipynb"]
    wanted = wanted.strip()
    prefix = wanted.zfill(2) if wanted.isdecimal() else wanted
    found = [name for name in names if prefix and str(name).startswith(prefix)]
    if len(found) != 1:
        known = ", ".join(name.stem for name in names)
        asked = f"LESSON={wanted} is not one lesson" if wanted else "No lesson was named"
        raise CannotError(f"{asked}: run, say, make fresh LESSON=01; there are {known}.")
    return found[0]


def keep_aside(file: Path) -> Path:
    """Rename the learner's file to the first free numbered name beside it."""
    number = 1
    while os.path.lexists(kept := file.with_name(f"{file.stem}.mine-{number}{file.suffix}")):
        number += 1
    return file.rename(kept)


def renew(lessons: Path, copy: Path, wanted: str) -> str:
    """Put a fresh copy of one lesson in place, keep the learner's, and say so."""
    file = find_lesson(lessons, wanted)
    mine = copy / file
    kept = ""
    if os.path.lexists(mine):
        if mine.is_file() and mine.read_bytes() == covered(lessons / file).encode():
            return f"{mine.parent.name}/{file} is fresh already."
        kept = f" Yours is kept as {keep_aside(mine).name}."
    copy_file(lessons / file, mine)
    return f"{mine.parent.name}/{file} is fresh.{kept}"


if __name__ == "__main__":
    sys.exit(told(lambda: print(renew(LESSONS, COPY, os.environ.get("LESSON", "")))))
