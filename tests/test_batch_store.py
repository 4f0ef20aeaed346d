"""What a scenario leaves behind: a notebook in any case, and finished files as they were."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from estimator.batch.declared import read_lesson
from estimator.batch.runner import Outcome, Task, Timeouts, without_result
from estimator.batch.store import Store
from estimator.lesson.writing import replacing

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def task_of(path: Path) -> Task:
    lesson = read_lesson(path)
    return Task("one", {}, lesson.name, lesson.text, lesson.modules, Timeouts(), "source")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_whose_run_left_nothing_still_gives_a_notebook_with_the_reason(
    lesson: Path,
) -> None:
    outcome = without_result(task_of(lesson), "its worker was killed twice")
    assert outcome.error == "its worker was killed twice"
    notebook = nbformat.reads(outcome.notebook.decode(), 4)  # type: ignore[no-untyped-call]
    assert notebook.cells[0].source == "**This run has no result:** its worker was killed twice."
    assert not [cell for cell in notebook.cells if cell.get("outputs")]


@pytest.mark.parametrize("room", [1, 2])
def test_a_disk_that_is_full_at_the_second_file_leaves_the_first_as_it_was(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    with store.opened([]):
        assert store.keep(Outcome("a", b"old notebook", b"{}"), "print") == ""
        wrote = 0
        real = replacing

        @contextlib.contextmanager
        def narrow(path: Path, aside: Path | None = None) -> Iterator[Any]:
            nonlocal wrote
            wrote += 1
            if wrote > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            with real(path, aside) as file:
                yield file

        monkeypatch.setattr("estimator.batch.store.replacing", narrow)
        said = store.keep(Outcome("a", b"new notebook", b'{"new": 1}'), "print")
        assert "the finished result of before is kept" in said
        assert store.is_finished("a", "print")
        assert (tmp_path / "a.ipynb").read_bytes() == b"old notebook"
