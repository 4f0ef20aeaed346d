"""Lesson 04's figure: accelerators against the batch, three bounds and the corner they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimator.lesson.figures import COLOURS, INKS, Picture, canvas, course_style, entitle
from estimator.lesson.sizing import Service
from estimator.units import number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST_DRAWN = 4096
BLUE, ORANGE, GREEN = COLOURS[:3]


def corner(service: Service) -> tuple[int, int]:
    """Smallest batch that needs no more accelerators than any that fits, and how many those are."""
    low, high = 1, service.fits()
    fewest = service.bounds(high).needed
    # What is needed falls with the batch until it is level: halve the range.
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if service.bounds(middle).needed <= fewest else (middle + 1, high)
    return low, int(service.bounds(low).needed)


def three_bounds_chart(service: Service) -> Picture:
    """Draw the three bounds over the batch, what all three allow, and its cheapest corner."""
    import numpy as np

    batches = np.unique(np.geomspace(1, LARGEST_DRAWN, 400).round())
    compute, bandwidth, capacity = service.counts(batches)
    compute = np.full_like(batches, compute)
    fits, (batch, fewest) = service.fits(), corner(service)
    allowed = batches <= fits
    needed = np.maximum(np.maximum(compute, bandwidth), capacity)
    with course_style():
        figure, axes = canvas(height=4.6)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        top = 3 * float(needed.max())
        axes.fill_between(
            batches[allowed], needed[allowed], top, color="#EEEEEE", label="allowed", zorder=0
        )
        axes.plot(batches, compute, color=BLUE, linestyle="-", linewidth=2)
        axes.plot(batches, bandwidth, color=ORANGE, linestyle=(0, (6, 2)), linewidth=2)
        axes.plot(batches, capacity, color=GREEN, linestyle=(0, (4, 2, 1, 2)), linewidth=2)
        axes.axvline(fits, color="black", linestyle=":", linewidth=1)
        axes.plot([batch], [fewest], marker="o", color="black", markersize=8)
        _labels(axes, service, batch, fewest, fits)
        axes.set_ylim(5, top)
        axes.set_xlim(1, LARGEST_DRAWN)
        ticks = [4**power for power in range(7)]
        axes.set_xticks(ticks, labels=[number_text(tick) for tick in ticks])
        rows = [10**power for power in range(1, 5)]
        axes.set_yticks(rows, labels=[number_text(row) for row in rows])
        axes.minorticks_off()
        axes.set_xlabel("batch: sequences in each replica")
        axes.set_ylabel("accelerators")
        entitle(figure, "Batching brings the bandwidth bound down to the compute bound")
    return Picture(figure, _alt(service, batch, fewest))


def _labels(axes: Axes, service: Service, batch: int, fewest: int, fits: int) -> None:
    """Name each line where it runs alone, in its own colour."""
    compute, bandwidth, capacity = service.counts(16)
    axes.annotate(
        "bandwidth: weights and caches are read", (16, bandwidth), xytext=(6, 4), color=INKS[1],
        textcoords="offset points",
    )  # fmt: skip
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.annotate(
        f"compute: {number_text(int(compute))}", (1.2, compute), xytext=(0, 5), color=BLUE,
        textcoords="offset points", bbox=ground,
    )  # fmt: skip
    axes.annotate(
        "capacity: caches in flight fit", (1.2, capacity), xytext=(0, -14), color=INKS[2],
        textcoords="offset points", bbox=ground,
    )  # fmt: skip
    axes.annotate(
        f"{number_text(fits)} sequences\nfill the memory", (fits, 1), xytext=(-4, -4), ha="right",
        va="top", xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=9,
    )  # fmt: skip
    axes.annotate(
        f"from batch {number_text(batch)}:\n{number_text(fewest)} accelerators", (batch, fewest),
        xytext=(-20, 34), ha="right", textcoords="offset points", fontsize=9,
        arrowprops={"arrowstyle": "-", "color": "black"},
    )  # fmt: skip
    axes.annotate(
        "allowed", (40, 4 * float(bandwidth)), ha="center", color="#555555", fontstyle="italic"
    )


def _alt(service: Service, batch: int, fewest: int) -> str:
    alone, full = service.bounds(1), service.bounds(service.fits())
    return (
        "Accelerators against the batch, both axes logarithmic. Compute is level at "
        f"{number_text(alone.compute)}; bandwidth falls from {number_text(alone.bandwidth)} at "
        f"batch 1 to {number_text(full.bandwidth)} at batch {number_text(full.batch)}, where the "
        f"memory is full; capacity rises from {number_text(alone.capacity)} to "
        f"{number_text(full.capacity)}. The corner that all three allow begins at batch "
        f"{number_text(batch)} with {number_text(fewest)} accelerators."
    )
