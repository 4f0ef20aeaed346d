"""A learner's progress: kept in the learner's own folder, nowhere else, and never half."""

import json
import multiprocessing
import os
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from estimator.lesson import check, lesson_00, lesson_06, progress
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_hunt import figures
from estimator.lesson.panel import Panel
from estimator.lesson.progress import TASKS, VARIABLE, exercise_titles, keep
from estimator.lesson.prose import Prose
from tests.running import warm_settings
from tools import lab
from tools.set_up import ROOT

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIRST, SECOND = "From a day to a second", "From bytes to bits"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's own folder, from which a lesson runs."""
    own = tmp_path / "my-course"
    own.mkdir()
    monkeypatch.setenv(VARIABLE, str(own / "progress.json"))
    monkeypatch.chdir(own)
    return own


def kept(folder: Path) -> object:
    return json.loads((folder / "progress.json").read_text(encoding="utf-8"))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_right_answer_is_kept_and_a_wrong_one_is_not(folder: Path) -> None:
    exercise = lesson_00.rate_of()
    for answer in (..., 5, exercise.mistakes[0].value, "text"):
        check(exercise, answer)
        assert files(folder) == []
    assert check(exercise, exercise.answer).note == ""
    assert kept(folder) == {"solved": {"00": [FIRST]}}
    assert files(folder) == ["progress.json"]


def test_solved_twice_is_written_once_and_titles_are_in_order(folder: Path) -> None:
    for title in (SECOND, FIRST):
        assert keep(title) == ""
    before = (folder / "progress.json").stat()
    assert keep(SECOND) == ""
    assert (folder / "progress.json").stat() == before
    assert kept(folder) == {"solved": {"00": [FIRST, SECOND]}}


def test_an_exercise_of_ones_own_is_not_kept(folder: Path) -> None:
    assert keep("My own") == ""
    assert files(folder) == []


def panel_of_lesson_00() -> Panel:
    given = Inputs(users=100_000_000, requests_per_user=10, n_params=3_000_000_000,
                   bits_per_weight=16, output_tokens=500, accelerator="A100-SXM-80GB")  # fmt: skip
    return lesson_00.envelope_panel(given)


def test_a_panels_task_is_kept_once_it_is_solved(folder: Path) -> None:
    panel = panel_of_lesson_00()
    panel.boxes["users"].value = 20
    assert files(folder) == []
    panel.boxes["users"].value = 8.64
    assert kept(folder) == {"solved": {"00": [TASKS["00"]]}}
    assert "Solved" in panel.output.value


def test_a_panel_says_when_its_task_cannot_be_kept(folder: Path) -> None:
    panel = panel_of_lesson_00()
    folder.joinpath("progress.json").write_text("[")
    panel.boxes["users"].value = 8.64
    assert "progress.json was damaged: it is set aside as" in panel.output.value
    assert panel.errors == []


@pytest.mark.parametrize("where", ["unset", "empty", "elsewhere", "gone"])
def test_nothing_is_kept_or_said_outside_of_the_learners_folder(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "unset":
        monkeypatch.delenv(VARIABLE)
    elif where == "empty":
        monkeypatch.setenv(VARIABLE, "")
    elif where == "elsewhere":
        monkeypatch.chdir(ROOT / "notebooks")
    else:
        monkeypatch.setenv(VARIABLE, str(folder / "no" / "such" / "progress.json"))
    verdict = check(lesson_00.rate_of(), lesson_00.rate_of().answer)
    assert (verdict.right, verdict.note) == (True, "")
    assert files(folder) == []
    assert isinstance(progress(), Prose)
    assert "make lab" in str(progress())


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b"{}", b'{"solved": 3}', b"\xff",
                                     b'{"solved": {"00": 3}}', b'{"solved": {"00": [1]}}',
                                     b"[" * 100_000])  # fmt: skip
def test_a_damaged_file_is_set_aside_and_said(damaged: bytes, folder: Path) -> None:
    file = folder / "progress.json"
    for number in (1, 2):
        file.write_bytes(damaged)
        said = check(lesson_00.rate_of(), lesson_00.rate_of().answer)
        aside = f"progress.damaged-{number}.json"
        assert said.note == f"progress.json was damaged: it is set aside as {aside}."
        assert said.note in said._repr_markdown_()
        assert (folder / aside).read_bytes() == damaged
        assert kept(folder) == {"solved": {"00": [FIRST]}}
    file.write_bytes(damaged)
    assert "it is set aside as progress.damaged-3.json." in str(progress())
    assert not file.exists()


def test_a_folder_that_refuses_is_said_in_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(FIRST)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    verdict = check(lesson_00.traffic_of(), lesson_00.traffic_of().answer)
    assert verdict.right
    assert verdict.note.startswith("Your progress could not be kept: [Errno 28] No space left")
    assert kept(folder) == {"solved": {"00": [FIRST]}}
    assert files(folder) == ["progress.json"]


def keep_all(titles: list[str]) -> None:
    for title in titles:
        keep(title)


def test_kernels_that_write_at_once_lose_nothing(folder: Path) -> None:
    titles = [*TASKS.values(), *(t for group in exercise_titles().values() for t in group)]
    kernels = [
        multiprocessing.get_context("spawn").Process(target=keep_all, args=(titles[start::2],))
        for start in range(2)
    ]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join(60)
        assert kernel.exitcode == 0
    solved = kept(folder)
    assert isinstance(solved, dict)
    assert sorted(t for group in solved["solved"].values() for t in group) == sorted(titles)
    assert files(folder) == ["progress.json"]
    assert "All is solved." in str(progress())


def test_the_table_says_what_is_done_and_what_comes_next(folder: Path) -> None:
    assert "00 | 0 of 3 | open | the task of “The envelope of a service”" in str(progress())
    keep(TASKS["00"])
    keep(FIRST)
    shown = str(progress())
    assert "00 | 1 of 3 | ✔ solved | “From bytes to bits”" in shown
    assert "Next: lesson 00, “From bytes to bits”." in shown
    assert shown.startswith("Your progress: 2 of ")
    for title in exercise_titles()["00"]:
        keep(title)
    assert "00 | 3 of 3 | ✔ solved | done" in str(progress())
    assert "Next: lesson 01, the task of “How many bytes" in str(progress())


def test_what_is_not_known_here_stays_in_the_file(folder: Path) -> None:
    (folder / "progress.json").write_text('{"solved": {"09": ["Later"]}}')
    keep(FIRST)
    assert kept(folder) == {"solved": {"00": [FIRST], "09": ["Later"]}}


def test_each_title_stands_in_one_lesson_and_each_panel_is_on_the_list() -> None:
    titles = [*TASKS.values(), *(t for group in exercise_titles().values() for t in group)]
    assert Counter(titles).most_common(1)[0][1] == 1
    for path in LESSONS:
        text = path.read_text(encoding="utf-8")
        number = path.name[:2]
        panels = re.findall(r'"Panel: ((?:[^"\\.?]|\\.)+\??)', text)
        assert panels == [TASKS.get(number)], path
        for title in exercise_titles()[number]:
            assert f"**{title}**" in text or f"<strong>{title}:</strong>" in text


def test_make_lab_names_the_file_in_the_learners_folder() -> None:
    assert lab.PROGRESS == VARIABLE


def answered(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Lesson 00 with its second exercise answered, and no cell executed yet."""
    for cell in notebook.cells:
        cell.source = cell.source.replace("answer = ...  #", "answer = 400_000_000  #")
    return notebook


def run(path: Path, folder: Path) -> str:
    """Execute a lesson in a new kernel, in a folder; give all that it showed."""
    notebook = answered(nbformat.read(path, 4))  # type: ignore[no-untyped-call]
    NotebookClient(
        notebook, resources={"metadata": {"path": str(folder)}}, **warm_settings()
    ).execute()
    return json.dumps(notebook.cells, ensure_ascii=False)


def test_a_lesson_remembers_over_restarts_in_the_learners_folder_alone(folder: Path) -> None:
    committed = ROOT / "notebooks"
    shown = run(LESSONS[0], committed)
    assert "Your progress is kept once" in shown
    assert not (committed / "progress.json").exists()
    assert files(folder) == []
    assert "Your progress: 1 of" in run(LESSONS[0], folder)
    assert kept(folder) == {"solved": {"00": [SECOND]}}
    keep(TASKS["00"])
    assert "Your progress: 2 of" in run(LESSONS[0], folder)


def test_the_hunt_is_remembered_once_all_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "progress.json"
    monkeypatch.setenv(VARIABLE, str(file))
    monkeypatch.chdir(tmp_path)
    wrong = [letter for letter, one in figures().items() if one.wrong]
    lesson_06.hunt(" ".join(wrong[1:]))
    assert not file.exists()
    lesson_06.hunt(" ".join(wrong))
    assert json.loads(file.read_text("utf-8")) == {"solved": {"06": ["The hunt"]}}
