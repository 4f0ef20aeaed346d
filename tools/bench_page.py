"""Speed figures that need a kernel, a JupyterLab and a browser."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
from nbclient import NotebookClient
from playwright.sync_api import Locator, Page, ViewportSize, sync_playwright
from traitlets.config import Config

from tools.jupyter import Server, launch, serve
from tools.lesson_page import LessonPage, PanelPage
from tools.set_up import ROOT

Delays = dict[str, tuple[list[float], list[float]]]
PRESSES, WARM_UP, RUNS = 90, 10, 3  # of fewer, three late ones would be the P95
SLIDE, COUNT = ("ArrowRight", "ArrowLeft"), ("ArrowUp", "ArrowDown")
BARE = """\
import ipywidgets
bare_slider = ipywidgets.IntSlider(50, readout=False)
bare_label = ipywidgets.Label("50", layout={"width": "10em"})
bare_label.add_class("bare-label")
bare_slider.observe(lambda change: setattr(bare_label, "value", str(change["new"])), "value")
bare_box = ipywidgets.FloatText(50)
bare_box.observe(lambda change: setattr(bare_label, "value", str(change["new"])), "value")
ipywidgets.HBox([bare_slider, bare_box, bare_label]).add_class("bare")
"""
# Once the page has come to rest, the next key press starts the clock, and the first change within
# the element stops it. Then the page rests again: a slider sends nothing while the kernel has not
# finished with the press before. A press that changes nothing within a second has no delay.
WATCH = """async ([element, rest]) => {
    const frame = () => new Promise(requestAnimationFrame);
    window.keyDelay = new Promise(resolve => {
        let pressed;
        window.addEventListener('keydown', () => pressed = performance.now(),
            {capture: true, once: true});
        const observer = new MutationObserver(() => {
            const delay = performance.now() - pressed;
            observer.disconnect();
            setTimeout(() => resolve(delay), rest);
        });
        observer.observe(element, {subtree: true, childList: true, characterData: true});
        setTimeout(() => resolve(null), 1000);
    });
    await frame();
    await frame();
}"""
REST_MS = 60
WINDOW = ViewportSize(width=1280, height=3000)  # panel and bare pair in sight: no scrolling
# nbformat has types for only half of its functions.
code_cell = cast("Callable[[str], dict[str, Any]]", nbformat.v4.new_code_cell)
new_notebook = cast("Callable[..., Any]", nbformat.v4.new_notebook)
read_notebook = cast("Callable[[Path, int], Any]", nbformat.read)


@dataclass(frozen=True)
class Pair:
    """What takes the keys, the two keys that move it to and fro, and what then changes."""

    taker: Locator
    keys: tuple[str, str]
    shown: Locator

    def delay_s(self, page: Page, turn: int) -> float | None:
        """Press a key; seconds until what is shown changes."""
        self.taker.focus()
        page.evaluate(WATCH, [self.shown.element_handle(), REST_MS])
        page.keyboard.press(self.keys[turn % 2])
        delay_ms: float | None = page.evaluate("() => window.keyDelay")
        return None if delay_ms is None else delay_ms / 1000


def pairs_of(panel: PanelPage) -> list[Pair]:
    """A panel's sliders; of a panel without any, its first box, where the arrow keys count."""
    sliders = [Pair(handle, SLIDE, panel.answer) for handle in panel.handles]
    return sliders or [Pair(panel.boxes[0], COUNT, panel.answer)]


def with_bare_controls(name: str, server: Server) -> str:
    """Put a lesson on the server, with a bare slider, box and label right below its panel."""
    lesson = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
    cells = lesson["cells"]
    panel = next(i for i, cell in enumerate(cells) if "Panel: " in json.dumps(cell))
    cells.insert(panel + 1, code_cell(BARE))
    (server.root / name).write_text(json.dumps(lesson), encoding="utf-8")
    return name


def interleaved(opened: LessonPage) -> tuple[list[float], list[float]]:
    """Delays of a lesson's panels, slider after slider, and of the bare pair, in turns.

    The bare pair takes its keys in the same kind of control: a slider, or a box.
    """
    page = opened.page
    bare, label = page.locator(".bare"), page.locator(".bare-label")
    bare_of = {
        SLIDE: Pair(bare.get_by_role("slider"), SLIDE, label),
        COUNT: Pair(bare.get_by_role("spinbutton"), COUNT, label),
    }
    pairs = [pair for panel in opened.panels() for pair in pairs_of(panel)]
    times: tuple[list[float], list[float]] = ([], [])
    for press in range(PRESSES + WARM_UP):
        turn, place = divmod(press, len(pairs))
        pair = pairs[place]
        delays = (pair.delay_s(page, turn), bare_of[pair.keys].delay_s(page, press))
        for kept, delay in zip(times, delays, strict=True):
            if press >= WARM_UP and delay is not None:
                kept.append(delay)
    return times


def key_presses(lessons: Sequence[str]) -> tuple[dict[str, float], Delays]:
    """Seconds until a server and a lesson can be used, and the delays of every lesson's keys."""
    waits: dict[str, float] = {}
    delays: Delays = {}
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        waits["JupyterLab, until it answers"] = time.perf_counter() - started
        with launch(playwright) as browser:
            for name in lessons:
                context = browser.new_context(viewport=WINDOW)
                started = time.perf_counter()
                opened = LessonPage.open(context, server, with_bare_controls(name, server))
                stem = Path(name).stem
                waits[f"{stem}: opened in a new browser"] = time.perf_counter() - started
                opened.run_all()
                delays[stem] = interleaved(opened)
                context.close()
    return waits, delays


def whole_runs(lessons: Sequence[Path]) -> Iterator[tuple[str, float, float]]:
    """Each lesson from kernel start to its last cell, against a kernel that runs nothing."""
    bare = new_notebook(cells=[code_cell("pass")])
    for lesson in lessons:
        pairs = [(run_cells(read_notebook(lesson, 4)), run_cells(bare)) for _ in range(RUNS)]
        taken, floor = (min(times) for times in zip(*pairs, strict=True))
        yield f"{lesson.stem}: kernel start and run all", taken, floor


def kernel_bytes(lesson: Path | None) -> int:
    """Most memory that a kernel has held after a lesson, or after nothing at all."""
    ask = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    notebook = read_notebook(lesson, 4) if lesson else new_notebook(cells=[])
    notebook.cells.append(code_cell(ask))
    run_cells(notebook)
    kibibytes = int(notebook.cells[-1]["outputs"][0]["text"])
    return kibibytes * 1024


def run_cells(notebook: Any) -> float:
    """Seconds from a kernel's start to its end, with the notebook's cells between."""
    quiet = Config(KernelManager={"transport_encryption": "auto"})  # else it prints a warning
    started = time.perf_counter()
    NotebookClient(notebook, timeout=60, config=quiet).execute()
    return time.perf_counter() - started
