"""`make batch`: the course's systems beside the published figures."""

import csv
from pathlib import Path

import pytest

from tools import course_systems

ROOT = Path(__file__).parents[1]


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
