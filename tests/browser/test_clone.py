"""A lesson as it comes from git: untrusted, nothing has run, and it reads complete all the same."""

import pytest

from tests.browser.reading import Clone, Lesson, text_of, words


def test_it_is_not_trusted(clone: Clone) -> None:
    assert not clone.trusted
    assert clone.shown["scripts"] == 0
    assert clone.shown["widgets"] == 0


def test_formulas_are_typeset(clone: Clone, lesson: Lesson) -> None:
    assert clone.shown["formulas"] == lesson.formulas > 0
    assert clone.shown["formula errors"] == 0
    for raw in ("$$", "\\begin{", "\\frac", "\\text{"):
        assert raw not in clone.text


def test_tables_and_figures_are_there(clone: Clone, lesson: Lesson) -> None:
    assert clone.shown["tables"] == lesson.tables > 0
    assert clone.shown["pictures"] == lesson.pictures
    drawn = "each => each.every(picture => picture.naturalWidth > 0)"
    assert clone.opened.notebook.locator(".jp-OutputArea img").evaluate_all(drawn)
    text = words(clone.text)
    for table in lesson.outputs("text/html"):
        assert words(text_of(table)) in text


def test_the_panels_first_answer_is_there(clone: Clone, lesson: Lesson) -> None:
    assert lesson.panel_sentences
    for sentence in lesson.panel_sentences:
        assert sentence in clone.text


def test_bars_are_filled_and_give_way_in_a_narrow_column(clone: Clone, lesson: Lesson) -> None:
    wide, narrow = clone.bars
    assert len(wide) == "".join(lesson.outputs("text/html")).count("display:inline-grid") > 0
    assert all(bar["width"] == 120 for bar in wide)
    assert all(50 <= bar["width"] < 120 for bar in narrow)
    # JupyterLab takes a gradient out of such a page: a bar that is over its limit is not empty.
    assert all(bar["ground"].startswith("rgb(") for bar in wide)


@pytest.mark.parametrize(
    "text", ["Error displaying widget", "Error rendering", "Model not found", "Loading widget",
             "VBox(", "Traceback"],
)  # fmt: skip
def test_no_error_stands_there(clone: Clone, text: str) -> None:
    assert clone.shown["errors"] == 0
    assert text.lower() not in clone.text.lower()
