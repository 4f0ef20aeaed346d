"""The README's picture: lesson 01's panel after a choice; `python -m tools.picture`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tools.jupyter import copy_lessons, launch, serve
from tools.lesson_page import LessonPage
from tools.set_up import ROOT, told

PICTURE = ROOT / "docs" / "lesson-01.png"
WINDOW = ViewportSize(width=1100, height=900)


def main() -> None:
    """Open the lesson, choose a model, and take the panel's picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as server,
        sync_playwright() as playwright,
        launch(playwright) as browser,
    ):
        copy_lessons(server, "clone")
        context = browser.new_context(viewport=WINDOW, device_scale_factor=1.5)
        lesson = LessonPage.open(context, server, "clone/01-model-storage.ipynb")
        lesson.page.keyboard.press("Control+b")  # the list of files makes room
        lesson.run_all()
        (panel,) = lesson.panels()
        with panel.changes(panel.status):
            panel.choose(panel.named("Model"), "Llama 3.1 70B")
        panel.root.screenshot(path=PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: look at it, and at its text in README.md.")


if __name__ == "__main__":
    sys.exit(told(main))
