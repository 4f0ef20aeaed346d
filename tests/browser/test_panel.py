"""Every lesson's panel, used by keyboard."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.reading import narrowed
from tools.lesson_page import STEP_MS, LessonPage, PanelPage, plain

REFUSED = re.compile(r"⚠ \w+ is -1\S*, but the \w.* must be ")
# A target or a limit, such as the accelerators that one has, may be far off: it moves nothing.
LIMITS = 2
MARK = "Below stands the last answer"


def test_tab_reaches_every_control_and_each_box_has_a_name(panels: list[PanelPage]) -> None:
    for panel in panels:
        every = panel.stops()
        # Beside the controls, Tab stops at the answer's tables: a narrow window has to scroll them.
        assert all(stop.name for stop in every if stop.role == "group")
        stops = [stop for stop in every if stop.role != "group"]
        assert len(stops) == len(panel.controls)
        assert [stop.role for stop in stops].count("slider") == len(panel.handles)
        names = [stop.name for stop in stops if stop.role != "slider"]
        assert all(names)
        assert len(set(names)) == len(names)


def test_a_label_tells_who_points_at_it_what_it_means(panels: list[PanelPage]) -> None:
    for panel in panels:
        titles = [panel.title_of(box) for box in panel.boxes]
        assert all(len(title) > 10 and title.endswith(")") for title in titles), titles
        assert panel.root.locator("[title=null]").count() == 0


def test_a_list_is_as_high_as_a_box(panels: list[PanelPage]) -> None:
    for panel in panels:
        for control in (*panel.choices, *panel.boxes):
            box = control.bounding_box()
            assert box
            assert box["height"] >= 24, panel.name_of(control)


def test_every_box_takes_a_number_and_answers(panels: list[PanelPage]) -> None:
    for panel in panels:
        silent = [panel.name_of(box) for box in panel.boxes if not answers_anew(panel, box)]
        assert len(silent) <= LIMITS, silent


def answers_anew(panel: PanelPage, box: Locator) -> bool:
    """Type other numbers until one is taken; tell whether the page moved, and put the first back.

    Each number is tried from where the page began, so that no refusal is taken for an answer.
    """
    before = box.input_value()
    value = float(before)
    for number in (value / 2 if value else 1, value * 2 + 1, value + 1):
        seen = panel.root.inner_text()
        panel.type(box, f"{number:.6g}" if value % 1 else f"{int(number)}")
        if not panel.has_changed(seen):
            panel.type(box, before)
            continue
        taken = MARK not in panel.answer.inner_text()
        with panel.changes(panel.root):
            panel.type(box, before)
        if taken:
            return True
    return False


def test_every_list_takes_another_choice_and_answers(panels: list[PanelPage]) -> None:
    for panel in panels:
        for choice in panel.choices:
            seen, chosen = panel.root.inner_text(), choice.locator("option:checked").text_content()
            others = [t for t in choice.locator("option").all_text_contents() if t != chosen]
            for text in others:  # two precisions of the same size answer alike
                panel.choose(choice, plain(text))
                if panel.has_changed(seen):
                    break
            else:
                pytest.fail(f"none of {others} changes the answer")


def test_keys_in_a_control_are_no_commands_of_the_notebook(panels: list[PanelPage]) -> None:
    for panel in panels:
        cells = panel.root.page.locator(".jp-Notebook .jp-Cell")
        count = cells.count()
        for control in [*panel.choices[:1], *panel.handles[:1]]:
            control.focus()
            for key in ("x", "0", "0"):
                panel.root.page.keyboard.press(key)
            panel.root.page.wait_for_timeout(400)
            expect(panel.root.page.locator(".jp-Dialog"), "0 0 asks nothing").to_have_count(0)
            assert cells.count() == count
            expect(control).to_be_focused()
        for choice in panel.choices[:1]:
            places = choice.locator("option").count()
            first, keys = choice.evaluate("list => list.selectedIndex"), ("ArrowDown", "ArrowUp")
            for key in keys if first < places - 1 else reversed(keys):
                choice.press(key)
                moved = choice.evaluate("list => list.selectedIndex") - first
                assert moved == 0 or abs(moved) == 1
            assert choice.evaluate("list => list.selectedIndex") == first


def test_every_slider_moves_with_the_arrow_keys_and_comes_back(panels: list[PanelPage]) -> None:
    for panel in panels:
        silent = []
        for handle in panel.handles:
            box, seen = panel.beside(handle), panel.root.inner_text()
            before = box.input_value()
            full = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
            handle.focus()
            away, back = ("ArrowLeft", "ArrowRight") if full else ("ArrowRight", "ArrowLeft")
            panel.page.keyboard.press(away)
            expect(box, "a press moves the box").not_to_have_value(before, timeout=STEP_MS)
            if not panel.has_changed(seen):
                silent.append(panel.name_of(box))
            panel.page.wait_for_timeout(400)  # a count's slider may follow its box
            panel.page.keyboard.press(back)
            expect(box, "a press back gives it back").to_have_value(before, timeout=STEP_MS)
        assert len(silent) <= LIMITS, silent


def test_what_cannot_be_is_told_and_the_last_answer_stays(panels: list[PanelPage]) -> None:
    for panel in panels:
        for box in panel.boxes:
            before, sentence = box.input_value(), panel.status.inner_text()
            with panel.changes(panel.status):
                panel.type(box, "-1000000")
            expect(panel.status).to_contain_text(REFUSED)
            expect(panel.answer).to_contain_text(MARK)
            expect(panel.answer).to_contain_text(sentence)
            with panel.changes(panel.status):
                panel.type(box, before)
            expect(panel.answer).not_to_contain_text(MARK)


@pytest.fixture(params=[400, 600, 640], ids=["phone", "narrow window", "zoomed"])
def narrow(request: pytest.FixtureRequest, run: LessonPage) -> Iterator[list[PanelPage]]:
    """Windows of 400 and 600 pixels; one of 1280 at 200 %, where 640 are left for the page."""
    with narrowed(run.page, request.param):
        yield run.panels()


def test_every_control_stays_inside_the_column(narrow: list[PanelPage]) -> None:
    for panel in narrow:
        assert panel.overflowing() == []
        for control in [*panel.boxes, *panel.choices]:
            place = control.bounding_box()
            assert place
            assert place["width"] >= 40, "too small to read a number in"
        for label in panel.root.locator(".widget-dropdown > .widget-label").all():
            cut = label.evaluate("each => each.scrollWidth > each.clientWidth")
            assert not cut, f"{label.text_content()} is cut"


ABOVE = """names => names.map(name => {
    const box = name.parentElement.querySelector('input, select').getBoundingClientRect();
    const above = name.getBoundingClientRect().bottom <= box.top + 1;
    return [above, getComputedStyle(name).textAlign];
})"""
"""Whether each name stands above its box, and to which side it is set."""
BESIDE = """panel => {
    panel.style.width = '360px';
    const beside = [...panel.querySelectorAll('.course-line')].map(line => {
        const [cell, unit] = [...line.children].map(each => each.getBoundingClientRect());
        return unit.left >= cell.right - 1 && unit.right <= panel.getBoundingClientRect().right;
    });
    panel.style.width = '';
    return beside;
}"""
"""Whether each line of a sheet has its unit beside its cell in a narrow column, and in it."""


def test_a_name_above_its_box_begins_where_the_box_does(narrow: list[PanelPage]) -> None:
    names = ":is(.widget-text, .widget-dropdown) > .widget-label"
    for panel in narrow:
        places = panel.root.locator(names).evaluate_all(ABOVE)
        assert places
        assert all(side == "left" for above, side in places if above)


def test_a_unit_of_a_sheet_stays_beside_its_cell(panels: list[PanelPage]) -> None:
    for panel in panels:
        assert all(panel.root.evaluate(BESIDE))


TINY = (
    '{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,'
    ' "intermediate_size": 128, "vocab_size": 1000}'
)


def test_a_text_that_is_pasted_is_answered_or_told(panels: list[PanelPage]) -> None:
    for panel in panels:
        for area in panel.texts:
            chosen = [choice.locator("option:checked").text_content() for choice in panel.choices]
            for text, told in (("{", "no valid JSON"), ('{"model_type": "mamba"}', "not known")):
                with panel.changes(panel.status):
                    area.fill(text)
                expect(panel.status).to_contain_text(told)
                expect(panel.answer).to_contain_text(MARK)
            with panel.changes(panel.status):
                area.fill(TINY)
            expect(panel.status).to_contain_text("pasted llama model")
            expect(panel.answer).not_to_contain_text(MARK)
            for choice, before in zip(panel.choices, chosen, strict=True):
                panel.choose(choice, plain(before or ""))
            expect(panel.status).not_to_contain_text("pasted")
            area.fill("")
