"""Lesson 06's figure: what was predicted against what was measured, for every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from estimator.lesson.figures import COLOURS, Picture, course_style, entitle
from estimator.units import number_text, share_text
from estimator.validate.compare import Comparison
from estimator.validate.report import SCORED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

LOW, HIGH, LEAST = 1, 300, 0.2
TICKS = (1, 3, 10, 30, 100, 300)
FAR, TENFOLD = 2, 10
"""Factors between estimated and measured times from which runs are counted in the text."""
DENSE, MIXTURE, FASTER = (COLOURS[0], "o"), (COLOURS[1], "^"), (COLOURS[5], "x")


def scatter_chart(comparison: Comparison) -> Picture:
    """Draw the roofline and our estimate against the measured times, both axes logarithmic."""
    from matplotlib.figure import Figure

    columns, kinds = comparison.columns, _kinds(comparison)
    with course_style():
        figure = Figure(figsize=(7.6, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, name, title in (
            (left, "floor", "Roofline alone"), (right, "predicted", "Our estimate"),
        ):  # fmt: skip
            _points(axes, columns, columns[name], kinds)
            _frame(axes, title)
        right.vlines(
            columns["measured"] * 1e3, columns["low"] * 1e3, columns["high"] * 1e3,
            color="#8A8A8A", linewidth=0.5, zorder=0, label="P10 to P90 of each",
        )  # fmt: skip
        left.set_ylabel("estimated, ms a token")
        entitle(figure, "A roofline is a floor; our estimate is about right")
        handles, labels = right.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=5, markerscale=2,
            columnspacing=1, handletextpad=0.4, handlelength=1.5,
        )  # fmt: skip
    return Picture(figure, _alt(comparison))


def _kinds(comparison: Comparison) -> dict[str, tuple[NDArray[np.bool_], tuple[str, str]]]:
    mixtures = np.array([setting.decoder.is_mixture for setting in comparison.settings])
    mixture, faster = mixtures[comparison.columns["setting"]], comparison.columns["faster"]
    return {
        "dense": (~mixture & ~faster, DENSE),
        "mixture of experts": (mixture & ~faster, MIXTURE),
        "faster than its roofline": (faster, FASTER),
    }


def _points(axes: Axes, columns: Any, estimated: Any, kinds: Any) -> None:
    for name, (rows, (colour, marker)) in kinds.items():
        cross = marker == "x"
        axes.plot(
            columns["measured"][rows] * 1e3, estimated[rows] * 1e3, marker, color=colour,
            markersize=5 if cross else 3.5, label=name, linestyle="none",
            markeredgecolor=colour if cross else "white", markeredgewidth=1 if cross else 0.3,
        )  # fmt: skip


def _frame(axes: Axes, title: str) -> None:
    axes.plot([LOW, HIGH], [LOW, HIGH], color="black", linewidth=1, label="exactly right")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(LOW, HIGH)
    axes.set_ylim(LEAST, HIGH)
    texts = [number_text(tick) for tick in TICKS]
    axes.set_xticks(TICKS, labels=texts)
    axes.set_yticks((0.3, *TICKS), labels=["0.3", *texts])
    axes.minorticks_off()
    axes.set_xlabel("measured, ms a token")
    axes.set_title(title, fontsize=10)


def _alt(comparison: Comparison) -> str:
    columns, scores = comparison.columns, comparison.report.scores["all"][SCORED]
    times = columns["measured"] / columns["floor"]
    off = float(np.median(columns["roofline"]))
    waited = (columns["predicted"] / columns["measured"])[columns["faster"]]
    far = waited[waited > FAR]
    return (
        f"Two scatter plots of {number_text(len(times))} runs on logarithmic axes, estimated "
        "against measured milliseconds a token. Left, the roofline: "
        f"{share_text(float((times > 1).mean()), 1)} of the points lie under the diagonal, by "
        f"{share_text(off, 1)} in the median; for "
        f"{number_text(int((times > TENFOLD).sum()))} the measured time is more than {TENFOLD} "
        f"times the roofline's, at most {number_text(round(float(times.max())))} times. "
        f"Right, our estimate: {number_text(scores.rows)} points lie along the diagonal, "
        f"{share_text(scores.median, 1)} "
        "off in the median, each with a line from its P10 to its P90, and "
        f"{share_text(scores.coverage, 1)} of the lines meet the diagonal. Of "
        f"{number_text(len(waited))} crosses, runs faster than their roofline, "
        f"{number_text(len(far))} lie {far.min():.1f} to {far.max():.1f} times above it, the "
        f"rest within a factor of {FAR}."
    )
