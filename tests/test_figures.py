"""Every figure of the lessons: what is written stands out from the page, and so do its areas."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from estimator.lesson import (
    lesson_00,
    lesson_01,
    lesson_02,
    lesson_03,
    lesson_04,
    lesson_05,
    lesson_06,
)
from estimator.lesson.figures import COLOURS, INKS, Picture
from estimator.lesson.lesson_03_plan import plan

FIGURES: dict[str, Callable[[], Picture]] = {
    "counts": lambda: lesson_00.count_chart(11_574.0, 3_000_000_000, output_tokens=500),
    "models": lesson_01.course_chart,
    "growth": lesson_02.growth_chart,
    "cache": lesson_03.cache_figure,
    "memory": lambda: lesson_03.fill_figure(plan("llama-3.1-8b", "A100-SXM-80GB", batch=7)),
    "bounds": lambda: lesson_04.three_bounds_chart(lesson_04.course_service()),
    "tornado": lambda: lesson_05.tornado_chart(lesson_05.case("text")),
    "runs": lambda: lesson_06.scatter_chart(lesson_06.shipped()),
}


def contrast(colour: object) -> float:
    """Contrast with white, after WCAG 2.2."""
    channels = to_rgb(colour)  # type: ignore[arg-type]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (luminance + 0.05)


def test_contrast_is_that_of_the_standard_s_examples() -> None:
    assert contrast("black") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("colour", COLOURS)
def test_areas_stand_out_from_the_page(colour: str) -> None:
    assert contrast(colour) >= 3


@pytest.mark.parametrize("colour", INKS)
def test_inks_can_be_read(colour: str) -> None:
    assert contrast(colour) >= 4.5


@pytest.mark.parametrize("name", FIGURES)
def test_what_a_figure_says_can_be_read(name: str) -> None:
    figure = FIGURES[name]().figure
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert len(texts) > 3
    for text in texts:
        on_colour = text.get_color() in ("white", "#FFFFFF")
        assert on_colour or contrast(text.get_color()) >= 4.5, text.get_text()
