"""A lesson after Run, Run All Cells."""

from playwright.sync_api import expect

from tests.browser.reading import Lesson
from tools.lesson_page import STEP_MS, LessonPage, PanelPage


def test_no_cell_fails_or_complains(run: LessonPage) -> None:
    for kind in ("error", "stderr"):
        outputs = run.notebook.locator(f'.jp-OutputArea-output[data-mime-type*="{kind}"]')
        assert outputs.all_text_contents() == []


def test_the_panels_have_live_controls(panels: list[PanelPage], lesson: Lesson) -> None:
    assert len(panels) == len(lesson.panel_sentences) >= 1
    for panel, sentence in zip(panels, lesson.panel_sentences, strict=True):
        expect(panel.status).to_have_text(sentence)
        assert panel.boxes


def test_exercises_tell_right_from_wrong(run: LessonPage, lesson: Lesson) -> None:
    assert lesson.exercises
    for call, exercise in lesson.exercises:
        run.answer(call, exercise.mistakes[0].value)
        cell = run.cell(call)
        expect(cell).to_contain_text(f"Not yet. {exercise.mistakes[0].advice}", timeout=STEP_MS)
        run.answer(call, exercise.answer)
        expect(cell).to_contain_text(exercise.verdict(exercise.answer)[1], timeout=STEP_MS)
