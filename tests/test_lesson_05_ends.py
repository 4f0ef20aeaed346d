"""Lesson 05's P10, P50 and P90 on page, panel and in the result: on the right side of the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from estimator.lesson import lesson_05 as lesson
from estimator.lesson.ends import end_text, end_value
from estimator.lesson.lesson_05_panel import service_panel
from estimator.lesson.result import write_result
from estimator.lesson.tables import Table
from tests.services import given

SURE: dict[str, Any] = {"model": "qwen3-14b", "doubt": 0, "users": 30_000}


def rows_of(table: Table) -> list[list[str]]:
    return [[str(cell).split(" (")[0] for cell in row] for row in table.rows]


def result_of(one: lesson.Case, path: str = "") -> Table:
    ends, point = lesson.flat(one.intervals()), dict[str, Any](one.point)
    return write_result("05-size-a-service", path, given(), intervals=ends, **point)


def test_what_nobody_doubts_is_written_alike_on_page_panel_and_in_the_result() -> None:
    one = lesson.case("text", **SURE)
    page = rows_of(lesson.one_page(one, one.intervals()))
    result = [row[2:] for row in rows_of(result_of(one))]
    panel = rows_of(service_panel(given(**SURE)).last.tables[0])
    for rows in (page, panel):
        assert [row[2:] for row in rows] == [[row[1]] * 3 for row in rows]
    assert [row[1:] for row in result] == [[row[0]] * 2 for row in result]


def test_one_value_without_doubt_among_others_is_written_as_it_is() -> None:
    one = lesson.case("text", model="qwen3-14b")
    row = next(row for row in rows_of(lesson.one_page(one, one.intervals())) if "weights" in row[0])
    assert row[2:] == [row[1]] * 3
    result = {row[0]: row for row in rows_of(result_of(one))}["weight_bytes"]
    assert result[3:] == [result[2]] * 2


def test_fleets_and_batches_are_whole() -> None:
    for users in (30_000, 900_000):
        one = lesson.case("text", users=users)
        found = [*lesson.one_page(one, one.intervals()).rows, *result_of(one).rows,
                 *service_panel(given(users=users)).last.tables[0].rows]  # fmt: skip
        counts = [str(cell) for row in found for cell in row if str(cell).endswith(
            (" accelerator", " accelerators", " sequence", " sequences"))]  # fmt: skip
        assert counts
        assert [text for text in counts if "." in text] == []


@pytest.mark.parametrize(
    ("end", "likely", "unit", "text"),
    [
        (32.76e9, 32.76e9, "byte", "32.76 GB"),
        (32.76e9 * (1 + 1e-15), 32.76e9, "byte", "32.76 GB"),
        (32.756e9, 32.76e9, "byte", "32.76 GB"),  # three digits would lie above
        (32.9e9, 32.76e9, "byte", "32.9 GB"),
        (74.796e9, 53.88e9, "byte", "74.8 GB"),
        (231_286, 231_286, "USD/month", "231,286 USD/month"),
        (198_765, 231_286, "USD/month", "199,000 USD/month"),
        (1024, 1024, "sequence", "1,024 sequences"),
        (1025.5, 1026, "sequence", "1,026 sequences"),
        (30.9, 40, "accelerator", "31 accelerators"),
        (0.6, 1, "accelerator", "1 accelerator"),
    ],
)
def test_an_end_has_three_digits_unless_they_lead_past_the_value(
    end: float, likely: float, unit: str, text: str
) -> None:
    assert end_text(end, likely, unit) == text


def test_no_end_is_shown_on_the_other_side_of_the_value() -> None:
    for likely in (1024.0, 999.6, 32.76, 0.2623, 231_286.0):
        for step in range(-300, 301):
            end = likely * (1 + step / 10_000)
            assert (end_value(end, likely, "byte") - likely) * step >= 0


def test_the_file_keeps_every_digit(tmp_path: Path) -> None:
    one, file = lesson.case("text", users=30_000), tmp_path / "result.json"
    result_of(one, str(file))
    found = json.loads(file.read_text(encoding="utf-8"))["results"]
    for name, end in lesson.flat(one.intervals()).items():
        assert found[name]["value"] == end
