"""A lesson in a browser's page, and its panel: what one sees there and what one does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tools.jupyter import Server

IDLE = re.compile(r"\(ipykernel\) \| Idle$")
ANSWER_LINE = re.compile("^answer = ")
SHORT_MS = 5_000
STEP_MS = 15_000
LOAD_MS = 60_000
PROMPTS = "document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')"
FORGET_COUNTS = f"() => {PROMPTS}.forEach(prompt => prompt.textContent = '')"
HAVE_COUNTS = f"() => [...{PROMPTS}].every(prompt => /^\\[\\d+\\]:$/.test(prompt.textContent))"
FORM = ".widget-box:has(> button)"
# What of a panel reaches beyond the notebook's column, or beyond the window.
OVERFLOWING = """panel => {
    const column = panel.closest('.jp-OutputArea-output').getBoundingClientRect();
    const right = Math.min(column.right, window.innerWidth) + 1;
    // A wide table may be scrolled; what one works with may not hide.
    const seen = 'input, select, textarea, button, .widget-label, .noUi-handle, [role=status]';
    const out = [...panel.querySelectorAll(seen)].filter(element => {
        const box = element.getBoundingClientRect();
        return box.width && (box.left < column.left - 1 || box.right > right);
    });
    return out.map(element => {
        const box = element.getBoundingClientRect();
        const place = `${Math.round(box.left)} to ${Math.round(box.right)}`;
        const name = `${element.tagName.toLowerCase()}.${element.className}`;
        return `${name} "${element.textContent.slice(0, 30)}" from ${place}, not ` +
            `${Math.round(column.left)} to ${Math.round(right)}`;
    });
}"""


def plain(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


@dataclass(frozen=True)
class Stop:
    """Where Tab has come to: what assistive technology calls it."""

    role: str
    name: str


@dataclass(frozen=True)
class PanelPage:
    """A panel with a kernel behind it."""

    page: Page
    root: Locator

    @property
    def status(self) -> Locator:
        """The line with the answer's sentence."""
        return self.root.get_by_role("status")

    @property
    def answer(self) -> Locator:
        """The sentence, tables and score: all that changes."""
        return self.root.locator(".widget-html-content").filter(
            has=self.page.locator("[role=status]")
        )

    @property
    def controls(self) -> list[Locator]:
        """All that takes the keyboard."""
        return self.root.locator("input, select, textarea, button, [role=slider]").all()

    @property
    def boxes(self) -> list[Locator]:
        """Every box for a number that is answered at once; those of a form wait for its button."""
        return self.root.locator(f"input[type=number]:not({FORM} *)").all()

    @property
    def choices(self) -> list[Locator]:
        """Every list to choose from that is answered at once."""
        return self.root.locator(f"select:not({FORM} *)").all()

    @property
    def texts(self) -> list[Locator]:
        """Every box for a text."""
        return self.root.locator("textarea").all()

    @property
    def handles(self) -> list[Locator]:
        """Every slider's handle."""
        return self.root.get_by_role("slider").all()

    def beside(self, handle: Locator) -> Locator:
        """The box that stands beside a slider's handle."""
        return handle.locator("xpath=ancestor::div[contains(@class, 'widget-box')][1]//input")

    def named(self, label: str) -> Locator:
        """The box or list with this name."""
        return self.root.get_by_label(label, exact=True)

    def type(self, box: Locator, text: str) -> None:
        """Put a number in place of what stands in a box, with the keyboard."""
        box.focus()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def choose(self, box: Locator, text: str) -> None:
        """Open a list with the space bar, walk to a text with the arrow keys, and press Enter."""
        texts = [plain(option) for option in box.locator("option").all_text_contents()]
        box.focus()
        self.page.keyboard.press("Space")
        self.page.locator("select:open").wait_for()
        for key in ["Home", *["ArrowDown"] * texts.index(text), "Enter"]:
            self.page.keyboard.press(key)
        expect(box.locator("option:checked")).to_have_text(text)

    @contextmanager
    def changes(self, what: Locator) -> Iterator[None]:
        """Wait, after the block, until the text that one sees has changed."""
        before = what.inner_text()
        yield
        expect(what).not_to_have_text(before, timeout=STEP_MS, use_inner_text=True)

    def has_changed(self, seen: str) -> bool:
        """Tell whether the text that one sees becomes another within a short while."""
        with suppress(AssertionError):
            expect(self.root).not_to_have_text(seen, timeout=SHORT_MS, use_inner_text=True)
            return True
        return False

    def name_of(self, box: Locator) -> str:
        """The name that stands before a box."""
        name: str = box.evaluate("box => box.labels[0].textContent")
        return name

    def title_of(self, box: Locator) -> str:
        """What its name says to who points at it."""
        title: str = box.evaluate("box => box.labels[0].title")
        return title

    def stops(self) -> list[Stop]:
        """Press Tab from the panel's cell on; what it stops at within the panel, in order."""
        self.root.evaluate("panel => panel.closest('.jp-Cell').focus()")
        found: list[Stop] = []
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.root.locator(":focus").count():
                found.append(focused(self.page))
            elif found:
                return found
        return found

    def overflowing(self) -> list[str]:
        """What reaches beyond the notebook's column."""
        self.root.scroll_into_view_if_needed()
        found: list[str] = self.root.evaluate(OVERFLOWING)
        return found


def focused(page: Page) -> Stop:
    """What assistive technology is told about the element that has the keyboard."""
    devtools = page.context.new_cdp_session(page)
    node = devtools.send("Runtime.evaluate", {"expression": "document.activeElement"})
    query = {"objectId": node["result"]["objectId"], "fetchRelatives": False}
    told: dict[str, Any] = devtools.send("Accessibility.getPartialAXTree", query)["nodes"][0]
    devtools.detach()
    return Stop(told["role"]["value"], told.get("name", {}).get("value", ""))


@dataclass(frozen=True)
class LessonPage:
    """A lesson that is open in JupyterLab."""

    page: Page

    @classmethod
    def open(cls, context: BrowserContext, server: Server, file: str) -> LessonPage:
        """Open a lesson and wait until its cells are there and its kernel is."""
        page = context.new_page()
        page.goto(server.page(file))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=LOAD_MS)
        lesson = cls(page)
        lesson.wait_idle()
        return lesson

    @property
    def notebook(self) -> Locator:
        """The lesson itself, without JupyterLab around it."""
        return self.page.locator(".jp-Notebook")

    @property
    def text(self) -> str:
        """All text of the lesson, on and off the screen."""
        return plain(self.notebook.text_content() or "")

    @property
    def live_panels(self) -> Locator:
        """The panels that have a kernel behind them."""
        return self.page.locator(".jp-Notebook .widget-vbox:has([role=status])")

    def panels(self) -> list[PanelPage]:
        """Every panel of the lesson, once it is there."""
        self.live_panels.first.wait_for(state="attached", timeout=LOAD_MS)
        panels = [PanelPage(self.page, root) for root in self.live_panels.all()]
        for panel in panels:
            panel.root.scroll_into_view_if_needed()
        return panels

    def cell(self, text: str) -> Locator:
        """The one code cell whose code has this text."""
        code = self.page.locator(".cm-content", has_text=text)
        return self.notebook.locator(".jp-CodeCell").filter(has=code)

    def answer(self, call: str, value: float) -> None:
        """Type an answer over the line for it in an exercise's cell, and press Shift+Enter."""
        self.cell(call).locator(".cm-line", has_text=ANSWER_LINE).click()
        for key in ("Home", "Shift+End"):
            self.page.keyboard.press(key)
        self.page.keyboard.type(f"answer = {value!r}")
        self.page.keyboard.press("Shift+Enter")

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.get_by_text(IDLE).wait_for(timeout=LOAD_MS)

    def run_all(self) -> None:
        """Choose Run, Run All Cells from the menu, and wait until every cell has a new count."""
        self.page.evaluate(FORGET_COUNTS)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(HAVE_COUNTS, timeout=LOAD_MS)
        self.wait_idle()
