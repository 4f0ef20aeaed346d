"""What a learner solves in JupyterLab is there again after the kernel was restarted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from estimator.lesson import lesson_00
from tests.browser.test_tasks import envelope
from tools.jupyter import Server, copy_lessons, serve
from tools.lab import PROGRESS
from tools.lesson_page import LOAD_MS, STEP_MS, LessonPage

FOLDER = "my-course"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab as `make lab` starts it, with a file for the learner's progress."""
    folder = tmp_path_factory.mktemp("own")
    with serve(folder, {PROGRESS: str(folder / "root" / FOLDER / "progress.json")}) as server:
        copy_lessons(server, FOLDER)
        yield server


@pytest.fixture
def start(context: BrowserContext, own: Server) -> Iterator[LessonPage]:
    lesson = LessonPage.open(context, own, f"{FOLDER}/00-start-here.ipynb")
    yield lesson
    lesson.page.close()


def run_cell(lesson: LessonPage, code: str) -> None:
    lesson.cell(code).locator(".cm-line").last.click()
    lesson.page.keyboard.press("Shift+Enter")


def restart(lesson: LessonPage) -> None:
    """Restart the kernel from the menu."""
    lesson.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    lesson.page.get_by_role("menuitem", name=re.compile("^Restart Kernel(…|\\.\\.\\.)")).click()
    lesson.page.get_by_role("button", name="Confirm Kernel Restart").click()
    lesson.wait_idle()


def test_what_is_solved_is_there_after_a_restart(start: LessonPage, own: Server) -> None:
    start.run_all()
    listed = start.cell("progress()")
    expect(listed).to_contain_text("Your progress: 0 of", timeout=STEP_MS)
    file = Path(own.root, FOLDER, "progress.json")
    assert not file.exists()
    (panel,) = start.panels()
    envelope(panel)
    expect(panel.answer).to_contain_text("Solved", timeout=STEP_MS)
    exercise = lesson_00.traffic_of()
    start.answer("lesson.traffic_of()", exercise.answer)
    expect(start.cell("lesson.traffic_of()")).to_contain_text("Right: ", timeout=STEP_MS)
    titles = [exercise.title, "The envelope of a service"]
    assert json.loads(file.read_text(encoding="utf-8")) == {"solved": {"00": titles}}
    restart(start)
    run_cell(start, "check_environment()")
    run_cell(start, "progress()")
    expect(listed).to_contain_text("Your progress: 2 of", timeout=LOAD_MS)
    expect(listed).to_contain_text("Next: lesson 00, “From a day to a second”.")
