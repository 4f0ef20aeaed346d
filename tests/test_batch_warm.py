"""Warm kernels give what the papermill command gives, in processes that share nothing."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from estimator.batch.declared import read_lesson
from estimator.batch.fingerprint import source_fingerprint
from estimator.batch.runner import Task, Timeouts, run_scenario
from estimator.batch.table import Row, csv_text, flat
from estimator.batch.template import preload
from tests.running import papermill
from tests.scenarios import batch, scenario_file, small_lesson

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SWEEP = ROOT / "scenarios" / "sweep-100.csv"
FIGURE = """\
import matplotlib.pyplot as plt
import numpy as np
plt.plot([1, 2], [3, 4])
plt.show()
"""
PLACE = "import sys\n[p for p in sys.path if p], __name__, sys.argv[0].rpartition('/')[2]"


def task(lesson: Path, *, warm: bool, **parameters: Any) -> Task:
    found = read_lesson(lesson)
    return Task(
        "one", parameters, found.name, found.text, found.modules, Timeouts(),
        source_fingerprint(), warm,
    )  # fmt: skip


def outputs(notebook: bytes) -> list[Any]:
    """What the cells gave, without the metadata that no page shows."""
    text = re.sub(r'"model_id": "[0-9a-f]+"', "", notebook.decode())  # random, of each widget
    text = re.sub(r'"application/vnd.jupyter.widget-view.json": \{[^}]*\},', "", text)
    cells = json.loads(text)["cells"]
    return [(cell.get("outputs"), cell.get("execution_count")) for cell in cells]


def test_a_sweeps_results_are_those_of_the_papermill_command(tmp_path: Path) -> None:
    with SWEEP.open(encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file))
    assert len(every) == len({row["name"] for row in every}) == 100
    lesson, out = ROOT / "notebooks" / "05-size-a-service.ipynb", tmp_path / "out"
    chosen = [every[0], every[-1]]
    assert batch(lesson, scenario_file(tmp_path / "few.csv", chosen), out) == 0
    pieces, columns = [], [name for name in every[0] if name != "name"]
    for row in chosen:
        name = row.pop("name")
        assert papermill(lesson.stem, tmp_path, **row).returncode == 0
        wanted = (tmp_path / "result.json").read_bytes()
        assert (out / f"{name}.json").read_bytes() == wanted
        values, units = flat(json.loads(wanted)["results"])
        pieces.append(Row(name, row, values, units))
    assert (out / "results.csv").read_text(encoding="utf-8") == csv_text(columns, pieces)


@pytest.mark.parametrize("lesson", [*LESSONS[:2], LESSONS[5]], ids=lambda path: path.stem)
def test_every_cell_gives_the_same_in_a_warm_and_in_a_cold_kernel(lesson: Path) -> None:
    warm, cold = (run_scenario(task(lesson, warm=kind)) for kind in (True, False))
    assert (warm.error, cold.error) == ("", "")
    assert warm.result == cold.result
    assert outputs(warm.notebook) == outputs(cold.notebook)


def test_a_template_computes_once_what_all_runs_of_a_lesson_share() -> None:
    code = """
from estimator.batch.template import preload
from estimator.lesson import lesson_05 as lesson
kept = (lesson.tornado_chart, lesson.halving_table, lesson.systems_table, lesson.check_table)
before = [one.cache_info().currsize for one in kept]
preload(("estimator.lesson", "estimator.lesson.lesson_05"))
after = [one.cache_info().currsize for one in kept]
lesson.halving_table(lesson.case("text")), lesson.systems_table()
print(before, after, lesson.halving_table.cache_info().hits, lesson.systems_table.cache_info().hits)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[0, 0, 0, 0] [1, 1, 1, 1] 1 1"


def test_a_warm_up_that_fails_leaves_the_kernels_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def fails() -> None:
        called.append(1)
        raise RuntimeError

    monkeypatch.setattr("estimator.lesson.lesson_05.warm_up", fails)
    preload(("estimator.lesson.lesson_05", "json"))
    assert called == [1]


def test_a_figure_and_the_place_of_a_kernel_are_those_of_a_cold_one(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb", FIGURE, PLACE)
    warm, cold = (run_scenario(task(lesson, warm=kind)) for kind in (True, False))
    assert warm.error == ""
    assert "image/png" in warm.notebook.decode()
    assert outputs(warm.notebook) == outputs(cold.notebook)


def test_random_numbers_of_two_kernels_differ(tmp_path: Path) -> None:
    cell = "import random\nimport numpy as np\nrandom.random(), np.random.random()"
    lesson = small_lesson(tmp_path / "small.ipynb", cell)
    first, second = (run_scenario(task(lesson, warm=True)) for _ in range(2))
    assert first.error == ""
    assert outputs(first.notebook)[2] != outputs(second.notebook)[2]


def test_a_worker_with_another_estimator_is_refused(tmp_path: Path) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb")
    found = read_lesson(lesson)
    other = Task("one", {}, "small", found.text, (), Timeouts(), source="another")
    assert "another version of the estimator" in run_scenario(other).error


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_what_a_kernel_says_beside_its_notebook_is_shown_only_where_it_died(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], *, warm: bool
) -> None:
    # A module that no other test has asked for: its template writes to this test's terminal.
    lesson = small_lesson(
        tmp_path / "small.ipynb",
        "import os, time\nimport numpy.polynomial\nos.write(2, b'whispered\\n')\ntime.sleep(0.5)",
        "if word == 'die':\n    os.kill(os.getpid(), 9)",
    )
    assert run_scenario(task(lesson, warm=warm)).error == ""
    assert "whispered" not in capfd.readouterr().err
    assert run_scenario(task(lesson, warm=warm, word="die")).error == "the kernel died"
    assert "whispered" in capfd.readouterr().err
