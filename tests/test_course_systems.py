"""`make batch`: the course's systems beside the published figures."""

import csv
from pathlib import Path

import pytest

from estimator.lesson.lesson_05 import KEYS
from tools import course_systems


def test_the_course_has_at_least_six_systems() -> None:
    with course_systems.SCENARIOS.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert len(set(names)) == len(names) >= 6


def test_the_table_reads_the_results_with_their_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = ",".join(("name", *course_systems.SHOWN))
    (tmp_path / "results.csv").write_text(f"{head}\ntext,2.5e12,445,925925925.9,1e6,2e5\n")
    monkeypatch.setattr(course_systems, "OUT", tmp_path)
    table = course_systems.results_table()
    assert "2.5 TB a day" in table
    assert "925.93 Mbit/s" in table
    assert "445" in table


def published(rows: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the published figures beside such results."""
    results = ",".join(KEYS)
    lines = [f"{row},{','.join(['1000'] * len(KEYS))}" for row in rows]
    head = f"name,status,system,users,precision,others,{results}"
    (folder / "results.csv").write_text("\n".join((head, *lines)) + "\n")
    monkeypatch.setattr(course_systems, "OUT", folder)
    return course_systems.published_text().splitlines()


def test_published_figures_stand_beside_the_batch_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = published(["mine,passed,text,,FP16,"], tmp_path, monkeypatch)
    month = next(line for line in lines if "75 TB a month" in line)
    assert month.startswith("mine")
    assert "30 KB" in month  # thirty days of the file's 1,000 bytes
    assert "None: 30 days." in month
    assert not [line for line in lines if "not the published example" in line]


def test_another_case_than_the_published_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["few,passed,text,5000000,INT8,pue = 1.2", "image,passed,image,1e8,,"]
    lines = published(rows, tmp_path, monkeypatch)
    few = [line for line in lines if line.startswith("few")]
    assert len(few) == 6
    for line in few:
        assert (
            "not the published example: here precision is INT8, users is 5,000,000, pue is 1.2"
            in line
        )
    assert not [x for x in lines if x.startswith("image") and "not the published" in x]
