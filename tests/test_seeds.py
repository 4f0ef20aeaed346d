"""What the course's two sources say, and where a lesson shows it.

`data/seed_checklist.csv` has a row for each statement of the lesson on deployment (A) and of the
guide to memory (B), and each lesson that shows it. `marker` is text of that lesson: parts between
semicolons must all be there, parts between bars are alternatives, and a dot between spaces stands
for the border of two cells of a table.
"""

from __future__ import annotations

import csv
import html
import json
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
CHECKLIST = Path(__file__).parent / "data" / "seed_checklist.csv"
LESSONS = {"00", "01", "02", "03", "04"}


def read_rows() -> list[dict[str, str]]:
    with open(CHECKLIST, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = read_rows()


def plain(text: str) -> str:
    """Text as a person compares it: no tags, one kind of blank, small letters."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", text)).replace("{,}", ",")
    return re.sub(r"\s+", " ", text.replace(" | ", " . ")).lower()


@cache
def text_of(lesson: str) -> str:
    """All that a lesson says: its Markdown and what its cells put out, tables as plain text."""
    (path,) = NOTEBOOKS.glob(f"{lesson}-*.ipynb")
    texts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            texts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += ["".join(value) for kind, value in data.items() if kind.startswith("text/")]
    return plain(" \n ".join(texts))


def missing(marker: str, text: str) -> list[str]:
    parts = [part.strip() for part in marker.split(";")]
    return [part for part in parts if not any(plain(one) in text for one in part.split("|"))]


def test_every_statement_of_both_sources_has_a_row() -> None:
    wanted = {f"A{n:02}" for n in range(1, 42)} | {f"B{n:02}" for n in range(1, 44)}
    assert {row["id"] for row in ROWS} == wanted
    assert all(row["statement"] and row["marker"] for row in ROWS)
    assert {row["lesson"] for row in ROWS} == LESSONS


def test_no_row_stands_twice() -> None:
    keys = [(row["id"], row["lesson"]) for row in ROWS]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['id']}-{row['lesson']}")
def test_the_lesson_shows_the_statement(row: dict[str, str]) -> None:
    assert not missing(row["marker"], text_of(row["lesson"]))


def test_a_marker_that_is_not_there_is_missed() -> None:
    text = plain("6.00 GB and | 12 GB")
    assert missing("6.00 GB; 7 GB", text) == ["7 GB"]
    assert missing("7 GB|6.00 gb; and . 12 GB", text) == []
