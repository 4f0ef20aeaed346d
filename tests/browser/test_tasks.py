"""Each panel's task, solved by keyboard; a lesson whose task is known here is solved to the end."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

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


def service(panel: PanelPage) -> None:
    with panel.changes(panel.status):
        panel.choose(panel.named("System"), "retrieval with answers")
    with panel.changes(panel.status):
        panel.type(panel.named("Number of users, in millions"), "1")
    expect(panel.answer).to_contain_text("within the budget in 70 % of the draws")
    with panel.changes(panel.status):
        panel.choose(panel.named("Accelerator"), "B200-SXM")
    expect(panel.named("Price of an accelerator")).to_have_value("6.69")
    panel.choose(panel.named("Precision of the weights"), "NVFP4")


SOLVE: dict[str, Callable[[PanelPage], None]] = {
    "00": envelope,
    "01": storage,
    "05": service,
}


def test_the_task_waits_and_gets_solved(panels: list[PanelPage], lesson: Lesson) -> None:
    for panel in panels:
        expect(panel.answer).to_contain_text("Task: ")
        expect(panel.answer).to_contain_text("Not yet: ")
    if solve := SOLVE.get(lesson.name[:2]):
        solve(panels[0])
        expect(panels[0].answer).to_contain_text("✔ Solved: ")
