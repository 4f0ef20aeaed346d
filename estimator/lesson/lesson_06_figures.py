"""Lesson 06's figure: what was predicted against what was measured, for every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from estimator.lesson.figures import COLOURS, Picture, course_style
from estimator.units import number_text, share_text
from estimator.validate.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

LOW, HIGH = 1, 300
TICKS = (1, 3, 10, 30, 100, 300)
DENSE, MIXTURE, WAITING = (COLOURS[0], "o"), (COLOURS[1], "^"), (COLOURS[5], "x")


def scatter_chart(comparison: Comparison) -> Picture:
    """Draw the roofline and the model against the measured times, both axes logarithmic."""
    from matplotlib.figure import Figure

    columns, kinds = comparison.columns, _kinds(comparison)
    with course_style():
        figure = Figure(figsize=(7.6, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, name, title in (
            (left, "floor", "Roofline alone"), (right, "predicted", "Our model"),
        ):  # fmt: skip
            _points(axes, columns, columns[name], kinds)
            _frame(axes, title)
        ratios = _middle_interval(columns)
        right.fill_between(
            [LOW, HIGH], [LOW / ratios[1], HIGH / ratios[1]], [LOW / ratios[0], HIGH / ratios[0]],
            color="#CCCCCC", alpha=0.6, zorder=0, label="P10 to P90",
        )  # fmt: skip
        left.set_ylabel("estimated, ms a token")
        figure.suptitle(
            "A roofline is a floor; the model is about right", x=0.01, ha="left",
            fontweight="bold", fontsize=11,
        )  # fmt: skip
        handles, labels = right.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, markerscale=2)
    return Picture(figure, _alt(comparison))


def _kinds(comparison: Comparison) -> dict[str, tuple[NDArray[np.bool_], tuple[str, str]]]:
    mixtures = np.array([setting.decoder.is_mixture for setting in comparison.settings])
    mixture, waiting = mixtures[comparison.columns["setting"]], comparison.columns["waiting"]
    return {
        "dense": (~mixture & ~waiting, DENSE),
        "mixture of experts": (mixture & ~waiting, MIXTURE),
        "waiting": (waiting, WAITING),
    }


def _points(axes: Axes, columns: Any, estimated: Any, kinds: Any) -> None:
    for name, (rows, (colour, marker)) in kinds.items():
        axes.plot(
            columns["measured"][rows] * 1e3, estimated[rows] * 1e3, marker, color=colour,
            markersize=5 if marker == "x" else 3, alpha=1 if marker == "x" else 0.6, label=name,
            linestyle="none",
        )  # fmt: skip


def _frame(axes: Axes, title: str) -> None:
    axes.plot([LOW, HIGH], [LOW, HIGH], color="black", linewidth=1, label="exactly right")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(LOW, HIGH)
    axes.set_ylim(LOW / 2, HIGH)
    texts = [number_text(tick) for tick in TICKS]
    axes.set_xticks(TICKS, labels=texts)
    axes.set_yticks(TICKS, labels=texts)
    axes.minorticks_off()
    axes.set_xlabel("measured, ms a token")
    axes.set_title(title, fontsize=10)


def _middle_interval(columns: Any) -> tuple[float, float]:
    """Factors to P10 and P90 as the middle run has them; they differ a little from fit to fit."""
    low = float(np.median(columns["low"] / columns["predicted"]))
    return low, float(np.median(columns["high"] / columns["predicted"]))


def _alt(comparison: Comparison) -> str:
    scores = comparison.report.scores["all"]["all rows"]
    under = float((comparison.columns["floor"] < comparison.columns["measured"]).mean())
    return (
        f"Two scatter plots of {number_text(scores.rows)} runs on logarithmic axes, estimated "
        f"against measured milliseconds a token. Left, the roofline: {share_text(under, 1)} of the "
        f"points lie under the diagonal, by {share_text(scores.roofline_median, 1)} in the median. "
        f"Right, the model: the points lie along the diagonal, {share_text(scores.median, 1)} off "
        f"in the median, {share_text(scores.coverage, 1)} of them inside their intervals; a few "
        "crosses, runs that waited, lie far above it."
    )
