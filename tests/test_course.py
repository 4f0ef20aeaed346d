"""The learner's own copy of the lessons, and what it hides until a question is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import course
from tools.set_up import CannotError


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    lessons = tmp_path / "notebooks"
    (lessons / "images").mkdir(parents=True)
    (lessons / ".ipynb_checkpoints").mkdir()
    for name in ("00-start.ipynb", "01-storage.ipynb", "images/a.png", ".ipynb_checkpoints/x"):
        (lessons / name).write_text(published(name))
    return lessons, tmp_path / "my-course"


def published(name: str) -> str:
    if not name.endswith(".ipynb"):
        return f"published {name}"
    cells = [
        {"cell_type": "markdown", "source": [f"Published {name}. ", "*Predict: how many?*"]},
        {"cell_type": "code", "execution_count": 1, "outputs": ["seven"], "source": ["3 + 4"]},
        {"cell_type": "code", "execution_count": 2, "outputs": ["eight"], "source": ["3 + 5"]},
        {"cell_type": "markdown", "source": ["Seven and eight.\n", "\n", "Now another."]},
        {"cell_type": "code", "execution_count": 3, "outputs": ["nine"], "source": ["3 + 6"]},
    ]
    return json.dumps({"cells": cells})


def test_copy_is_made_once_and_never_overwritten(folders: tuple[Path, Path]) -> None:
    lessons, copy = folders
    expected = ["00-start.ipynb", "01-storage.ipynb", "images/a.png"]
    assert [str(file) for file in course.add_missing(lessons, copy)] == expected
    (copy / "00-start.ipynb").write_text("mine")
    (lessons / "02-new.ipynb").write_text(published("02-new.ipynb"))
    assert course.add_missing(lessons, copy) == [Path("02-new.ipynb")]
    assert (copy / "00-start.ipynb").read_text() == "mine"
    assert not list(copy.rglob("*.half"))


def test_what_answers_a_question_is_empty_in_the_copy(folders: tuple[Path, Path]) -> None:
    lessons, copy = folders
    course.add_missing(lessons, copy)
    before = json.loads((lessons / "01-storage.ipynb").read_text())["cells"]
    cells = json.loads((copy / "01-storage.ipynb").read_text())["cells"]
    assert [cell.get("outputs") for cell in cells] == [None, [], [], None, ["nine"]]
    assert [cell.get("execution_count") for cell in cells] == [None, None, None, None, 3]
    answer = cells.pop(3)["source"]
    assert before.pop(3)["source"] == ["Seven and eight.\n", "\n", "Now another."]
    fold, end = "<details><summary>What it shows</summary>\n\n", "\n\n</details>"
    assert "".join(answer) == f"{fold}Seven and eight.{end}\n\nNow another."
    assert [cell["source"] for cell in cells] == [cell["source"] for cell in before]
    assert (copy / "images" / "a.png").read_text() == "published images/a.png"


def test_a_section_that_begins_after_a_question_is_not_folded() -> None:
    assert course.folded("## Next\n\nA text.") == "## Next\n\nA text."


@pytest.mark.parametrize("lesson", sorted(course.LESSONS.glob("*.ipynb")), ids=lambda it: it.stem)
def test_a_copied_lesson_is_the_lesson_without_its_answers(lesson: Path) -> None:
    whole = json.loads(lesson.read_text(encoding="utf-8"))
    part = json.loads(course.covered(lesson))
    differ = [
        place
        for place, (cell, kept) in enumerate(zip(whole["cells"], part["cells"], strict=True))
        if cell != kept
    ]
    asked = [n for n, cell in enumerate(whole["cells"]) if "*Predict" in "".join(cell["source"])]
    assert asked
    # Each question is answered by the cell after it, or by that and the next; then read.
    assert {place - 1 for place in differ} >= set(asked)
    assert {place - 1 for place in differ} <= {n + more for n in asked for more in (0, 1, 2)}
    for place in differ:
        cell = part["cells"][place]
        assert cell.get("outputs", []) == []
        assert ("<summary>" in "".join(cell["source"])) == (cell["cell_type"] == "markdown")
    folds = [place for place in differ if part["cells"][place]["cell_type"] == "markdown"]
    assert len(folds) == len(asked)  # a number is read before the next section begins


def test_fresh_keeps_every_edited_copy(folders: tuple[Path, Path]) -> None:
    lessons, copy = folders
    course.add_missing(lessons, copy)
    assert course.renew(lessons, copy, "01") == "my-course/01-storage.ipynb is fresh already."
    for number, wanted in enumerate(("01", "1", "01-storage", "01-storage.ipynb"), start=1):
        (copy / "01-storage.ipynb").write_text(f"mine {number}")
        said = course.renew(lessons, copy, wanted)
        assert said.endswith(f"Yours is kept as 01-storage.mine-{number}.ipynb.")
        assert (copy / f"01-storage.mine-{number}.ipynb").read_text() == f"mine {number}"
    assert (copy / "01-storage.ipynb").read_text() == course.covered(lessons / "01-storage.ipynb")
    assert (copy / "01-storage.mine-1.ipynb").read_text() == "mine 1"


@pytest.mark.parametrize("wanted", ["", "07", "storage"])
def test_fresh_without_one_lesson_names_them_all(folders: tuple[Path, Path], wanted: str) -> None:
    lessons, copy = folders
    with pytest.raises(CannotError, match=r"make fresh LESSON=01; there are 00-start, 01-storage"):
        course.renew(lessons, copy, wanted)
    assert not copy.exists()
