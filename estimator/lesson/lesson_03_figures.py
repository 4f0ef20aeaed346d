"""Lesson 03's figures: the cache built one factor at a time, and a memory that fills up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimator.catalog.shapes import shape
from estimator.lesson.figures import COLOURS, HATCHES, Picture, canvas, course_style, entitle
from estimator.lesson.lesson_03_plan import NARROWED, Plan
from estimator.memory import kv_cache_bytes
from estimator.units import GB, bytes_text, number_text, plural, prefixed_text, quantity_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEY, VALUE = 0, 1  # places in COLOURS and HATCHES


def _tile(axes: Axes, x: float, y: float, wide: float, high: float, kind: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((x, y), wide, high, facecolor=COLOURS[kind], hatch=HATCHES[kind],
                  edgecolor="white", linewidth=0.6)
    )  # fmt: skip


def _grid(axes: Axes, columns: int, rows: int, kinds: tuple[int, ...]) -> None:
    """Tiles in a square of ten by ten; each place holds one tile of each kind, side by side."""
    wide, high = 10 / columns, 10 / rows
    # A seventh of a tile between two, but no trench around one that is large.
    across, down = (side - min(0.14 * side, 0.35) for side in (wide, high))
    for place in range(columns * rows):
        x, y = place % columns * wide, 10 - (place // columns + 1) * high
        for number, kind in enumerate(kinds):
            part = across / len(kinds)
            _tile(axes, x + number * part, y, part, down, kind)


def _sheets(axes: Axes, count: int) -> None:
    """Layers as sheets, one behind the other."""
    shift = 5 / count
    for layer in reversed(range(count)):
        _tile(axes, layer * shift, layer * shift, 5, 5, KEY)
        _tile(axes, layer * shift + 2.5, layer * shift, 2.5, 5, VALUE)


def cache_figure(tokens: int = 128) -> Picture:
    """The cache of the guide's model, one factor a drawing."""
    NARROWED["tokens"].check(tokens)
    s = shape("guide")
    one_head = kv_cache_bytes(1, 1, s.head_dim, 1)
    sizes = (
        one_head // 2,
        one_head,
        kv_cache_bytes(1, s.n_kv_heads, s.head_dim, 1),
        kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, 1),
        kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, tokens),
    )
    titles = ("one key", "and its value", "all heads", "all layers", "all tokens")
    factors = (f"{s.head_dim} numbers x 2 B", "x 2", f"x {s.n_kv_heads}", f"x {s.n_layers}",
               f"x {tokens}")  # fmt: skip
    with course_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 2.5), layout="constrained")
        places = figure.subplots(1, 5)
        _grid(places[0], 8, s.head_dim // 8, (KEY,))
        _grid(places[1], 1, 1, (KEY, VALUE))
        _grid(places[2], 4, s.n_kv_heads // 4, (KEY, VALUE))
        _sheets(places[3], s.n_layers)
        _grid(places[4], 16, tokens // 16, (KEY, VALUE))
        for axes, title, factor, size in zip(places, titles, factors, sizes, strict=True):
            axes.set(xlim=(-0.2, 10.2), ylim=(-0.2, 10.2), aspect="equal", xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.grid(visible=False)
            axes.set_title(f"{title}\n{factor}", fontsize=9, loc="center")
            axes.set_xlabel(f"{prefixed_text(size, 'B')}", fontweight="bold")
        entitle(figure, "Every factor multiplies the cache; each drawing has a scale of its own")
        figure.legend(
            handles=_legend(), loc="outside lower center", ncols=2, handlelength=1.4, fontsize=9
        )
    steps = "; ".join(
        f"{title} ({factor}): {number_text(size)} bytes"
        for title, factor, size in zip(titles, factors, sizes, strict=True)
    )
    alt = f"Five drawings build the cache of the guide's model. {steps[0].upper()}{steps[1:]}."
    return Picture(figure, alt)


def _legend() -> list[object]:
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=COLOURS[kind], hatch=HATCHES[kind], edgecolor="white", label=label)
        for kind, label in ((KEY, "key"), (VALUE, "value"))
    ]


_FAR = 3
"""So many times what fits are drawn at the most: else the line that it is about cannot be seen."""


def fill_figure(p: Plan) -> Picture:
    """Memory of each accelerator against the batch: weights stay, the cache grows to the line."""
    each = p.with_batch(1).cache
    # Where nothing fits, as many as would fit without the model.
    room = p.largest_batch or int(p.usable // each)
    most = max(min(p.batch, _FAR * room), p.largest_batch, 1)
    # Whole numbers from nothing to a fifth past what fits; the caches grow in a straight line.
    last = max(round(most * 1.2), most + 1)
    counts = [round(last * part / 20) for part in range(21)]
    counts = sorted({*counts, *(n for n in (p.batch, p.largest_batch) if n <= most)})
    base = [p.weights / GB] * len(counts)
    fixed = [(p.weights + p.activations + p.overhead) / GB] * len(counts)
    top = [part + count * each / GB for part, count in zip(fixed, counts, strict=True)]
    layers = (([0.0] * len(counts), base, "weights"), (base, fixed, "activations, overhead"),
              (fixed, top, "cache"))  # fmt: skip
    with course_style():
        from matplotlib.ticker import MaxNLocator

        figure, axes = canvas(height=3.4)
        for number, (low, high, label) in enumerate(layers):
            axes.fill_between(
                counts, low, high, label=label, facecolor=COLOURS[number], hatch=HATCHES[number],
                edgecolor="white", linewidth=0,
            )  # fmt: skip
        axes.axhline(p.usable / GB, color="black", linestyle="--", linewidth=1)
        room_text = f": {quantity_text(p.largest_batch, 'sequence')}" if p.largest_batch else ""
        axes.annotate(
            f"the engine may take {prefixed_text(p.usable, 'B')}{room_text}", (0, p.usable / GB),
            xytext=(6, 6), textcoords="offset points", fontsize=9, color="black",
            # The line may run through the weights, on which black cannot be read.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        )  # fmt: skip
        beyond = " (beyond this figure)" if p.batch > most else ""
        axes.plot([p.batch], [p.needed / GB], marker="o", color="black", linestyle="none",
                  clip_on=bool(beyond),
                  label=f"asked for: {number_text(p.batch)}{beyond}")  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set(xlabel=f"sequences of {number_text(p.tokens)} {plural('token', p.tokens)}",
                 ylabel="memory of each accelerator, GB", xlim=(0, max(counts)),
                 ylim=(0, max(top[-1], p.usable / GB) * 1.08))  # fmt: skip
        title, seen = _told(p)
        entitle(figure, f"{p.shape.name}: {title}")
        figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    alt = (
        f"Memory of each {p.accelerator} against the number of sequences of "
        f"{number_text(p.tokens)} {plural('token', p.tokens)}. Weights {bytes_text(p.weights)}, "
        f"activations and overhead {bytes_text(p.activations + p.overhead)}, and "
        f"{bytes_text(each)} of cache a sequence. {seen}; asked for: {number_text(p.batch)}."
    )
    return Picture(figure, alt)


def _told(p: Plan) -> tuple[str, str]:
    """What the figure shows in this case: its title, and the text's sentence on the line."""
    line = f"the line at {bytes_text(p.usable)}"
    if p.weights > p.usable:
        return "the weights alone do not fit", f"The weights alone are above {line}"
    if not p.model_fits:
        return (
            "the weights leave no room for a cache",
            f"Weights, activations and overhead reach {line} without any cache",
        )
    if not p.largest_batch:
        return "not even one sequence fits", f"A single sequence goes beyond {line}"
    says = "fills" if p.fits else "outgrows"
    fit = quantity_text(p.largest_batch, "sequence")
    return (
        f"the cache {says} what the weights leave",
        f"Below {line} there is room for {fit}",
    )
