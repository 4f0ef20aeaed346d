"""Lesson 05's figure: what each input alone does to the bill."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from estimator.glossary import quantity
from estimator.lesson.ends import digits
from estimator.lesson.figures import (
    COLOURS,
    HATCHES,
    LABEL_GROUND,
    Picture,
    beside_title,
    canvas,
    course_style,
    entitle,
)
from estimator.lesson.lesson_05_case import KEPT, Case
from estimator.uncertainty import Range, Swing
from estimator.units import number_text, quantity_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 8
UNDOUBTED = "With nothing doubted, no input moves the bill"
BLUE, ORANGE = 0, 1  # places in COLOURS and HATCHES


def ends_text(one: Range) -> str:
    """Write a range's P10 and P90 with their unit."""
    low, high = number_text(digits(one.low)), number_text(digits(one.high))
    text = quantity_text(digits(one.high), quantity(one.name).unit)
    return text if low == high else f"{low} to {text}"


@functools.lru_cache(maxsize=KEPT)
def tornado_chart(case: Case) -> Picture:
    """Draw the bill at each input's P10 and P90, the others at their likely values."""
    shown = case.swings[:SHOWN]
    ranges = {one.name: one for one in case.ranges}
    base = float(case.point["usd_per_month"])
    with course_style():
        figure, axes = canvas(height=1.3 + 0.42 * len(shown))
        for place, swing in enumerate(shown):
            for end, kind in ((min(swing.at_low, swing.at_high), BLUE),
                              (max(swing.at_low, swing.at_high), ORANGE)):  # fmt: skip
                axes.barh(
                    place, end - base, 0.66, left=base, color=COLOURS[kind],
                    hatch=HATCHES[kind], edgecolor="white",
                )  # fmt: skip
                axes.annotate(
                    _money(end), (end, place), xytext=(-4 if kind == BLUE else 4, 0),
                    textcoords="offset points", va="center", fontsize=8,
                    ha="right" if kind == BLUE else "left", bbox=LABEL_GROUND,
                )  # fmt: skip
        labels = [f"{quantity(s.name).label}\n{ends_text(ranges[s.name])}" for s in shown]
        axes.set_yticks(range(len(shown)), labels=labels, fontsize=8)
        for kind, name in ((BLUE, "takes off the bill"), (ORANGE, "adds to it")):
            axes.barh(0, 0, left=base, color=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white",
                      label=name)  # fmt: skip
        axes.invert_yaxis()
        axes.axvline(base, color="black", linewidth=1)
        axes.annotate(
            f"{_money(base)} at likely values", (base, 1), xycoords=("data", "axes fraction"),
            xytext=(0, 3), textcoords="offset points", ha="center", va="bottom", fontsize=8,
        )  # fmt: skip
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.16)
        _ticks(axes)
        axes.set_xlabel("cost of a month in USD")
        doubted = any(swing.width for swing in shown)
        entitle(figure, "One input at a time, from its P10 to its P90" if doubted else UNDOUBTED)
        beside_title(figure, ncols=2, fontsize=8)
    return Picture(figure, alt_of(case, shown))


def _ticks(axes: Axes) -> None:
    """Label the axis in short dollars."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _money(value)))


def _money(value: float) -> str:
    """Write dollars short: 3.88 M."""
    for name, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= 0.9995 * size:
            return f"{number_text(value / size, 3)} {name}"
    return number_text(value, 3)


def alt_of(case: Case, shown: Sequence[Swing]) -> str:
    """Say what the figure shows, numbers included."""
    bill = _money(float(case.point["usd_per_month"]))
    if not any(s.width for s in shown):
        return f"Cost of a month of {case.system.name}, {bill} USD. {UNDOUBTED}."
    parts = [f"{quantity(s.name).label} {_money(s.at_low)} to {_money(s.at_high)}" for s in shown]
    return (
        f"Cost of a month of {case.system.name}, {bill} USD at likely values, as each input moves "
        f"from its P10 to its P90: {'; '.join(parts)}."
    )


def svg_of(picture: Picture) -> str:
    """Write a figure as SVG that stands inside a page, with its text for those who cannot see."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with course_style(), mpl.rc_context({"svg.hashsalt": "course", "svg.fonttype": "none"}):
        picture.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.S)
    drawing = re.sub(r'(width|height)="[\d.]+pt" ?', "", drawing, count=2)
    return re.sub(
        r"<svg ", f'<svg role="img" aria-label="{escape(picture.alt)}" ', drawing, count=1
    )
