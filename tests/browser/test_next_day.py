"""A lesson that was run and saved, opened again when its kernel is gone."""

import json

from playwright.sync_api import BrowserContext, expect

from tests.browser.reading import Lesson
from tools.jupyter import Server
from tools.lesson_page import STEP_MS, LessonPage

NAME = "01-model-storage.ipynb"


def test_the_panel_can_still_be_read(context: BrowserContext, server: Server) -> None:
    file = f"next-day-{NAME}"
    (server.root / file).write_bytes((server.root / "clone" / NAME).read_bytes())
    opened = LessonPage.open(context, server, file)
    opened.run_all()
    opened.page.keyboard.press("Control+s")
    saved = opened.page.locator(".lm-TabBar-tab.jp-mod-current.jp-mod-dirty")
    expect(saved).to_have_count(0, timeout=STEP_MS)
    opened.page.close()
    for session in json.loads(server.ask("sessions")):
        if session["path"] == file:
            server.ask(f"sessions/{session['id']}", "DELETE")
    again = LessonPage.open(context, server, file)
    (sentence,) = Lesson.read(NAME).panel_sentences
    expect(again.notebook.get_by_role("status").first).to_have_text(sentence, timeout=STEP_MS)
    assert "Error displaying widget" not in again.text
    again.page.close()
