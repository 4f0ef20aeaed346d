"""Small lessons, scenario files and what a batch of them gives, for the tests of batches."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

from estimator.__main__ import main
from estimator.batch.declared import Lesson
from estimator.batch.scenarios import Scenario, ScenarioFile

PARAMETERS = """\
users = 100
share = 0.5
word = "plain"
exact = False
sleep_s = 0.0
result_path = ""
"""
WRITE = """\
import json
twice = {"value": 2 * users, "unit": "user"}
results = {"twice": twice, "part": {"value": users * share, "unit": ""}}
content = {"parameters": {"users": users, "word": word}, "results": results}
with open(result_path, "w") as file:
    json.dump(content, file, sort_keys=True)
"""
# What a scenario can do to its own process; nothing of it may be seen in another.
DEEDS = """\
import math, os, signal, time
if word == "raise":
    raise ValueError(f"users is {users}")
if word == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if word == "kill worker":
    kernel = int(open(f"/proc/{os.getpid()}/stat").read().split()[3])
    os.kill(int(open(f"/proc/{kernel}/stat").read().split()[3]), signal.SIGKILL)
if word == "change":
    math.pi, os.environ["HOME"] = 3, "/nowhere"
    os.chdir("/")
time.sleep(sleep_s)
math.pi, os.environ["HOME"], os.getcwd(), os.getpid() == os.getpgid(0)
"""


def small_lesson(path: Path, *cells: str) -> Path:
    """Write a lesson of a few cells, with no import that takes long."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    for number, source in enumerate((PARAMETERS, *(cells or (DEEDS,)), WRITE)):
        cell = nbformat.v4.new_code_cell(source, id=f"cell-{number}")  # type: ignore[no-untyped-call]
        if not number:  # the others have no tags at all, as in lessons
            cell.metadata["tags"] = ["parameters"]
        notebook.cells.append(cell)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def scenario_file(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write scenarios as CSV or YAML, as the name of the file says."""
    if path.suffix == ".csv":
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(json.dumps(list(rows)), encoding="utf-8")  # JSON is YAML
    return path


def batch(lesson: Path, scenarios: Path, out: Path, *options: str) -> int:
    """Run the command, and give its exit status."""
    return main(["batch", str(lesson), str(scenarios), "--out", str(out), *options])


def table(out: Path) -> list[dict[str, str]]:
    """Read results.csv, a row for each scenario."""
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(lesson: Lesson, path: Path, text: str) -> list[Scenario]:
    """Write a file of scenarios and read it."""
    path.write_text(text, encoding="utf-8")
    return ScenarioFile(path, lesson).scenarios()


def told(lesson: Lesson, path: Path, text: str) -> list[str]:
    """The sentences on a file, without the first, which counts them."""
    with pytest.raises(ValueError, match="nothing was run") as caught:
        read(lesson, path, text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]
