"""What axe-core finds in what the lessons show, in a page that has run."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from estimator.lesson.wide import SCROLLS
from tests.browser.reading import grave, narrowed
from tools.lesson_page import SHORT_MS, LessonPage, focused

# JupyterLab's own frame and editor are not ours: outputs and the rendered prose are.
OURS = {
    "include": [[".jp-Notebook .jp-OutputArea-output"], [".jp-Notebook .jp-MarkdownOutput"]],
    "exclude": [
        # No trait of ipywidgets names a slider's handle; the box beside it carries the name.
        [".noUi-handle"],
        # JupyterLab's typeset formulas carry their text for readers in markup of MathJax's own.
        ["mjx-container"],
    ],
}


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def themed(request: pytest.FixtureRequest, run: LessonPage) -> Iterator[Page]:
    """The lesson in one of JupyterLab's two themes."""
    choose_theme(run.page, request.param)
    yield run.page
    choose_theme(run.page, "JupyterLab Light")


def choose_theme(page: Page, name: str) -> None:
    """Choose a theme from the menu of settings."""
    if page.locator("body").get_attribute("data-jp-theme-name") == name:
        return
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    menu = page.locator(".lm-Menu-item")
    menu.filter(has_text="Theme").first.hover()
    menu.get_by_text(name, exact=True).click()
    page.locator(f'body[data-jp-theme-name="{name}"]').wait_for(state="attached")


def test_nothing_grave_is_found(themed: Page) -> None:
    assert grave(themed, OURS) == {}


@pytest.fixture
def narrow(run: LessonPage) -> Iterator[Page]:
    """The lesson in a window of 480 pixels, where most tables and every figure scroll."""
    with narrowed(run.page, 480):
        yield run.page


def test_nothing_grave_is_found_in_a_narrow_window(narrow: Page) -> None:
    assert grave(narrow, OURS) == {}


def test_what_is_wide_scrolls_by_the_arrow_keys(narrow: Page) -> None:
    # In a page that nobody has run, JupyterLab takes role, name and tabindex out; there Chromium
    # lets Tab come to what scrolls all the same, and our settings leave the arrow keys to it.
    boxes = narrow.locator(f'.jp-OutputArea-output [style*="{SCROLLS}"]')
    wide = [box for box in boxes.all() if box.evaluate("each => each.scrollWidth > 400")]
    for inside in ("table", "img"):
        box = next(each for each in wide if each.locator(inside).count())
        box.focus()
        told = focused(narrow)
        assert told.role == "group"
        assert told.name
        for _ in range(3):
            narrow.keyboard.press("ArrowRight")
        narrow.wait_for_function("() => document.activeElement.scrollLeft >= 50", timeout=SHORT_MS)
        expect(box, "no other cell is chosen").to_be_focused()


def test_a_list_s_arrow_is_white_on_dark_and_dark_on_white(themed: Page) -> None:
    dark = themed.locator("body").get_attribute("data-jp-theme-name") == "JupyterLab Dark"
    arrows = themed.locator(".course-panel select").evaluate_all(
        "lists => lists.map(each => getComputedStyle(each).backgroundImage)"
    )
    assert arrows
    for arrow in arrows:
        assert arrow.startswith("url(")
        assert ("fill='white'" in arrow) == dark
