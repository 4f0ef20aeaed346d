"""Figures in one style: Okabe-Ito colours with hatches, units on the axes, a text with each."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from estimator.lesson.wide import box

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The hues of Okabe and Ito, the light ones darkened: areas stand out from white by 3 to 1, ...
COLOURS = ("#0072B2", "#BC8200", "#009E73", "#C06C9A", "#3A8FC0", "#D55E00")
# ... and what is written in a colour by 4.5 to 1.
INKS = ("#0072B2", "#8A5F00", "#00664A", "#974573", "#23678F", "#A84900")
LABEL_GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 1}
"""Behind a bar's label, so that no line of the grid runs through it."""
HATCHES = ("", "//", "..", "xx", "\\\\", "++")
STYLE = str(files("estimator.lesson") / "course.mplstyle")


@dataclass(frozen=True)
class Picture:
    """A figure as a PNG together with a sentence that says what it shows, numbers included."""

    figure: Figure
    alt: str

    def html(self) -> str:
        """Give it as an image with its text; it is drawn once."""
        return self._drawn

    @functools.cached_property
    def _drawn(self) -> str:
        # As HTML, because JupyterLab gives a plain PNG no text for those who cannot see it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        buffer = io.BytesIO()
        with course_style():
            # What savefig ends in; savefig itself goes through the whole figure twice.
            FigureCanvasAgg(self.figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
        drawn = base64.b64encode(buffer.getvalue()).decode()
        width = int(self.figure.get_figwidth() * 100)
        # Narrower than this, its text could not be read: it scrolls instead.
        style = "max-width:100%;min-width:36rem;height:auto;border-radius:4px"
        source = f"data:image/png;base64,{drawn}"
        image = f'<img alt="{escape(self.alt)}" width="{width}" style="{style}" src="{source}">'
        return box(image, self.figure.get_suptitle() or "figure")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.alt}

    def __repr__(self) -> str:
        return self.alt


def course_style() -> AbstractContextManager[None]:
    """Draw in the course's style, all of a figure inside one `with` block."""
    from matplotlib import style

    return style.context(STYLE)


def canvas(height: float) -> tuple[Figure, Axes]:
    """Start a figure of the course's width, in inches, without pyplot and its global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, height), layout="constrained")
    return figure, figure.subplots()


def entitle(figure: Figure, title: str) -> None:
    """Give a figure its title, which says what to see."""
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)


def beside_title(figure: Figure, ncols: int, fontsize: int = 10) -> None:
    """Put a figure's legend at its right upper corner, on the line of its title."""
    figure.legend(
        loc="outside upper right", ncols=ncols, fontsize=fontsize, borderpad=0, borderaxespad=0.35
    )


def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    axis: str,
    texts: Mapping[str, Sequence[str]],
    limit: tuple[float, str] | None = None,
    alt: str,
) -> Picture:
    """Draw horizontal bars, a group of series for each name, each bar with its text.

    `limit` draws a line at a capacity, with its name.
    """
    with course_style():
        figure, axes = canvas(height=1.1 + 0.32 * len(groups) * (len(series) + 0.6))
        thickness = 0.8 / len(series)
        for number, (name, values) in enumerate(series.items()):
            shift = (number - (len(series) - 1) / 2) * thickness
            bars = axes.barh(
                [place + shift for place in range(len(groups))], values, thickness, label=name,
                color=COLOURS[number], hatch=HATCHES[number], edgecolor="white",
            )  # fmt: skip
            axes.bar_label(bars, labels=list(texts[name]), padding=3, fontsize=9, bbox=LABEL_GROUND)
        axes.set_yticks(range(len(groups)), labels=list(groups))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.14)
        if limit:
            place, text = limit
            # Above the labels' ground, which would cut a gap into it.
            axes.axvline(place, color="black", linestyle="--", linewidth=1, zorder=4)
            axes.annotate(
                text, (place, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", fontsize=9, ha="center", va="bottom",
            )  # fmt: skip
        axes.set_xlabel(axis)
        entitle(figure, title)
        if len(series) > 1:
            beside_title(figure, ncols=len(series))
    return Picture(figure, alt)
