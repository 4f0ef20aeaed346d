"""Each panel's task, solved by keyboard, in every lesson, to the end."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from estimator.lesson.lesson_06_panel import largest_promised
from tests.browser.reading import Lesson
from tools.lesson_page import PanelPage


def envelope(panel: PanelPage) -> None:
    with panel.changes(panel.status):
        panel.type(panel.named("Number of users, in millions"), "8.64")
    expect(panel.status).to_contain_text("1,000 requests/s")


def storage(panel: PanelPage) -> None:
    with panel.changes(panel.status):
        panel.choose(panel.named("Model"), "Llama 3.1 70B")
    panel.choose(panel.named("Precision"), "FP16")
    expect(panel.status).to_contain_text("Llama 3.1 70B at FP16: 141.11 GB")
    row = panel.root.get_by_role("row", name=re.compile("^A100-SXM-80GB "))
    expect(row).to_contain_text("does not fit, 2 needed")
    expect(panel.answer).to_contain_text("Not yet")
    with panel.changes(panel.status):
        panel.choose(panel.named("Precision"), "INT8")
    expect(row).not_to_contain_text("does not fit")


def sheet(panel: PanelPage) -> None:
    for name, text in (
        ("B17 Retention", "365"), ("B18 Copies", "3"), ("B19 Compression of interactions", "3"),
        ("B25 Latest days in hot storage", "33"),
    ):  # fmt: skip
        with panel.changes(panel.answer):
            panel.type(panel.named(name), text)
    expect(panel.answer).to_contain_text("Not yet: 33 days hot cost 5,030 USD a month")
    panel.type(panel.named("B25 Latest days in hot storage"), "32")


def memory(panel: PanelPage) -> None:
    for name, text in (("Model", "Llama 3.1 70B"), ("Accelerator", "H100-SXM")):
        with panel.changes(panel.answer):
            panel.choose(panel.named(name), text)
    for name, text in (
        ("Batch size", "32"), ("Sequence length", "16384"), ("Accelerators of a replica", "4"),
    ):  # fmt: skip
        with panel.changes(panel.answer):
            panel.type(panel.named(name), text)
    expect(panel.answer).to_contain_text("Not yet: 5.75 GB (5.35 GiB) too much on each of 4")
    panel.choose(panel.named("Precision of the cache"), "FP8")


def servers(panel: PanelPage) -> None:
    with panel.changes(panel.answer):
        panel.type(panel.named("Number of users, in millions"), "10")
    for name, text in (("Accelerator", "H100-SXM"), ("Model", "Llama 3.1 70B")):
        with panel.changes(panel.answer):
            panel.choose(panel.named(name), text)
    with panel.changes(panel.answer):
        panel.type(panel.named("Target time per token, in ms"), "25")
    expect(panel.answer).to_contain_text("Not yet: FP16 needs 332, 1.77 times as many")
    panel.choose(panel.named("Precision of the weights"), "FP8")


def steps(panel: PanelPage) -> None:
    with panel.changes(panel.answer):
        panel.type(panel.named("Batch size"), str(largest_promised() + 1))
    expect(panel.answer).to_contain_text("one case in ten is slower than that")
    panel.type(panel.named("Batch size"), str(largest_promised()))


def service(panel: PanelPage) -> None:
    with panel.changes(panel.status):
        panel.choose(panel.named("System"), "retrieval with answers")
    with panel.changes(panel.status):
        panel.type(panel.named("Number of users, in millions"), "1")
    expect(panel.answer).to_contain_text("within the budget in 351 of 500 draws")
    with panel.changes(panel.status):
        panel.choose(panel.named("Accelerator"), "B200-SXM")
    expect(panel.named("Price of an accelerator")).to_have_value("6.69")
    panel.choose(panel.named("Precision of the weights"), "NVFP4")


SOLVE: dict[str, Callable[[PanelPage], None]] = {
    "00": envelope, "01": storage, "02": sheet, "03": memory, "04": servers,
    "05": service, "06": steps,
}  # fmt: skip


def test_the_task_waits_and_gets_solved(panels: list[PanelPage], lesson: Lesson) -> None:
    number = lesson.name[:2]
    assert number in SOLVE, f"nobody solves the task of lesson {number}: write how, in SOLVE"
    for panel in panels:
        expect(panel.answer).to_contain_text("Task: ")
        expect(panel.answer).to_contain_text("Not yet: ")
    SOLVE[number](panels[0])
    expect(panels[0].answer).to_contain_text("✔ Solved: ")
