"""What a lesson in git holds, and what of it a browser shows before anything has run."""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from estimator.lesson.exercises import Exercise
from tools.jupyter import Server
from tools.lesson_page import STEP_MS, LessonPage, plain
from tools.set_up import ROOT

COMPLETE = """([formulas, pictures, tables]) =>
    document.querySelectorAll('.jp-Notebook mjx-container[display="true"]').length >= formulas &&
    document.querySelectorAll('.jp-Notebook .jp-OutputArea table').length >= tables &&
    [...document.querySelectorAll('.jp-Notebook .jp-OutputArea img')]
        .filter(picture => picture.complete && picture.naturalWidth).length >= pictures"""

BARS = """column => [...document.querySelectorAll('.jp-OutputArea-output td > div')]
    .filter(bar => getComputedStyle(bar).display === 'inline-grid')
    .map(bar => {
        const place = bar.closest('table').parentElement, before = place.style.width;
        place.style.width = column;
        const width = bar.getBoundingClientRect().width;
        place.style.width = before;
        return {width, ground: getComputedStyle(bar.firstChild.firstChild).backgroundColor};
    })"""
"""Every bar's width while its table stands in a column as wide as that, and what fills it."""


@dataclass(frozen=True)
class Lesson:
    """A lesson as it is committed."""

    name: str
    cells: list[dict[str, Any]]

    @classmethod
    def read(cls, name: str) -> Lesson:
        """Read a lesson by its file's name."""
        text = (ROOT / "notebooks" / name).read_text(encoding="utf-8")
        return cls(name, json.loads(text)["cells"])

    def outputs(self, kind: str) -> list[str]:
        """Every output of a kind, as the page shows one kind of each: the richest."""
        data = [out.get("data", {}) for cell in self.cells for out in cell.get("outputs", [])]
        return ["".join(each[kind]) for each in data if kind in each]

    @property
    def formulas(self) -> int:
        """How many formulas stand on a line of their own."""
        texts = ["".join(cell["source"]) for cell in self.cells if cell["cell_type"] == "markdown"]
        return "".join([*texts, *self.outputs("text/markdown")]).count("$$") // 2

    @property
    def tables(self) -> int:
        """How many tables stand in outputs."""
        return "".join(self.outputs("text/html")).count("<table")

    @property
    def pictures(self) -> int:
        """How many pictures stand in outputs."""
        return "".join(self.outputs("text/html")).count("<img ")

    @property
    def panel_sentences(self) -> list[str]:
        """The answer of each panel to what it starts with."""
        status = re.compile(r'<p role="status".*?</p>')
        found = [status.search(fragment) for fragment in self.outputs("text/html")]
        return [plain(text_of(line[0])) for line in found if line]

    @property
    def exercises(self) -> list[tuple[str, Exercise]]:
        """Each exercise, after the line that poses it."""
        number = self.name.split("-")[0]
        module = import_module(f"estimator.lesson.lesson_{number}")
        found = []
        for cell in self.cells:
            source = "".join(cell["source"])
            if "exercise" in cell["metadata"].get("tags", []):
                called = re.search(r"check\(lesson\.(\w+)\(\)", source)
                assert called, source
                found.append((called[0], getattr(module, called[1])()))
        return found


def text_of(fragment: str) -> str:
    """The text of a piece of HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", fragment))


def grave(page: Page, context: dict[str, Any] | None = None) -> dict[str, list[str]]:
    """What axe-core finds in a page, or a part of it, that keeps somebody out: rules and places."""
    return {
        each["id"]: [node["html"][:200] for node in each["nodes"][:3]]
        for each in Axe().run(page, context=context).response["violations"]
        if each["impact"] in ("serious", "critical")
    }


@contextlib.contextmanager
def narrowed(page: Page, width: int) -> Iterator[None]:
    """Make the window as narrow as that, without the list of files where nothing would be left."""
    before = page.viewport_size
    page.set_viewport_size({"width": width, "height": 800})
    sidebar = page.locator("#jp-left-stack")
    folds = width < 600 and sidebar.is_visible()
    if folds:
        page.evaluate("document.activeElement.blur()")  # a panel's box keeps its keys
        page.keyboard.press("Control+b")
        expect(sidebar).to_be_hidden()
    yield
    assert before
    page.set_viewport_size(before)
    if folds:
        page.evaluate("document.activeElement.blur()")  # a panel's box keeps its keys
        page.keyboard.press("Control+b")
        expect(sidebar).to_be_visible()


def words(text: str) -> str:
    """A text without its white space, which a browser sets as it likes."""
    return "".join(text.split())


@dataclass(frozen=True)
class Clone:
    """An open lesson, and what it showed before anything ran."""

    opened: LessonPage
    text: str
    shown: dict[str, int]
    trusted: bool
    bars: tuple[list[Any], list[Any]]
    """What is to be known of bars in a wide column, and in a narrow one."""

    @classmethod
    def look(cls, opened: LessonPage, lesson: Lesson, server: Server) -> Clone:
        """Wait until the page is complete, or long enough, and note what it shows."""
        wanted = [lesson.formulas, lesson.pictures, lesson.tables]
        with contextlib.suppress(PlaywrightTimeoutError):
            opened.page.wait_for_function(COMPLETE, arg=wanted, timeout=STEP_MS)
        selectors = {
            "formulas": 'mjx-container[display="true"]',
            "formula errors": "mjx-merror, [data-mjx-error]",
            "pictures": ".jp-OutputArea img",
            "tables": ".jp-OutputArea table",
            "scripts": "script",
            "widgets": ".jupyter-widgets",
            "errors": ".jp-OutputArea :is([data-mime-type*=error], [data-mime-type*=stderr])",
        }
        shown = {name: opened.notebook.locator(what).count() for name, what in selectors.items()}
        trusted = is_trusted(server, f"clone/{lesson.name}")
        wide, narrow = (opened.page.evaluate(BARS, column) for column in ("800px", "200px"))
        return cls(opened, opened.text, shown, trusted, (wide, narrow))


def is_trusted(server: Server, file: str) -> bool:
    """Ask the server whether it would let any of a notebook's outputs run."""
    cells = json.loads(server.ask(f"contents/{file}"))["content"]["cells"]
    return any(cell["metadata"].get("trusted") for cell in cells)
