"""What a lesson and the guide say of its time is what one count gives for all lessons."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import reading_time
from tools.reading_time import STEP, Times
from tools.set_up import ROOT

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cell(kind: str, source: str, tags: str = "", html: str = "") -> dict[str, Any]:
    outputs = [{"data": {"text/html": [html]}}] if html else []
    return {
        "cell_type": kind,
        "source": [source],
        "metadata": {"tags": tags.split()},
        "outputs": outputs,
    }


def counted(folder: Path, *cells: dict[str, Any]) -> Times:
    lesson = folder / "lesson.ipynb"
    lesson.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return reading_time.times(lesson)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_lesson_and_guide_say_the_count(lesson: Path) -> None:
    found = reading_time.times(lesson)
    first = json.loads(lesson.read_text(encoding="utf-8"))["cells"][0]
    assert found.sentence in "".join(first["source"]), f"the first cell says: {found.sentence}"
    guide = (ROOT / "docs" / "instructor.md").read_text(encoding="utf-8")
    rows = [line for line in guide.splitlines() if line.startswith(f"| {lesson.stem[:2]} ")]
    assert len(rows) == 1, f"docs/instructor.md needs one row of this lesson, with {found.row}"
    assert found.row in rows[0]


def section_minutes(number: str, first: str, last: str = "") -> float:
    """Minutes of a section, or of those from one to another."""
    (lesson,) = (path for path in LESSONS if path.stem.startswith(number))
    found = reading_time.sections(lesson)
    names = list(found)
    return sum(list(found.values())[names.index(first) : names.index(last or first) + 1])


def core(number: str) -> float:
    return next(reading_time.times(path).core for path in LESSONS if path.stem.startswith(number))


def plan(hours: str) -> str:
    guide = (ROOT / "docs" / "instructor.md").read_text(encoding="utf-8")
    return " ".join(guide.partition(f"### In {hours} minutes")[2].partition("\n##")[0].split())


def test_the_plan_of_ninety_minutes_is_the_count_and_leaves_time_for_questions() -> None:
    said, panel = plan("90"), reading_time.PANEL_MINUTES
    rows = {
        "Lesson 00 whole": core("00"),
        "lesson 01 without *From a shape to parameters*": (
            core("01") - section_minutes("01", "From a shape to parameters")
        ),
        "lesson 03 *The cache, one factor at a time*, *Does it fit?* and the panel": (
            section_minutes("03", "The cache, one factor at a time")
            + section_minutes("03", "Does it fit?") + panel
        ),
        "lesson 04 from *From users to accelerators* to *From a floor to a plan*": (
            section_minutes("04", "From users to accelerators", "From a floor to a plan")
        ),
    }  # fmt: skip
    for words, minutes in rows.items():
        assert f"{words} ({STEP * round(minutes / STEP)})" in said
    assert sum(STEP * round(minutes / STEP) for minutes in rows.values()) == 90 - 15
    assert "The rest, a quarter of an hour, is for questions." in said


def test_the_plan_of_three_hours_is_the_count() -> None:
    said = plan("180")
    rows = {
        "First hour: 00": core("00"),
        "and 01": core("01"),
        "Second: 03 core path": core("03"),
        "04 core path without its panel": core("04") - reading_time.PANEL_MINUTES,
        "05 *From guesses to a range* and *What matters*": (
            section_minutes("05", "From guesses to a range", "What matters")
        ),
        "06 *A thousand runs*": section_minutes("06", "A thousand runs"),
    }
    for words, minutes in rows.items():
        assert f"{words} ({STEP * round(minutes / STEP)})" in said


def test_words_tables_questions_and_panel_are_counted(tmp_path: Path) -> None:
    prose = cell("markdown", "word " * 398 + "*Predict: how many?*")
    table = cell("code", "table()", html="<table></table>")
    panel = cell("code", "panel", html="<table></table>")
    found = counted(tmp_path, prose, table, panel)
    assert found.core == pytest.approx(2 + 0.5 + 1 + 5, abs=0.01)
    assert (found.further, found.exercises) == (0, 0)


def test_what_is_folded_is_not_counted(tmp_path: Path) -> None:
    folded = "<table></table><details><summary>more</summary><table></table></details>"
    assert counted(tmp_path, cell("code", "table()", html=folded)).core == pytest.approx(1)


def test_going_further_and_exercises_are_counted_apart(tmp_path: Path) -> None:
    found = counted(
        tmp_path,
        cell("markdown", "## Going further: more\n\n" + "word " * 197),
        cell("code", "picture()", html='<img alt="">'),
        cell("markdown", "## Exercises"),
        cell("code", "check(one(), answer)", "exercise", html="<table></table>"),
        cell("code", "lesson.hunt(found)", html="<table></table>"),
    )
    assert found.further == pytest.approx(2, abs=0.02)
    assert found.exercises == 14


def test_formulas_and_addresses_are_no_words() -> None:
    assert reading_time.words("Two words [here](far/away.ipynb), $$x = y$$ and <b>bold</b>.") == 5
    assert reading_time.looks({"data": {"text/markdown": ["$$x$$ and $$y$$"]}}) == 2
