"""The speed figures: `python -m tools.bench`. Each stands beside a floor of the same run.

The figures of a loaded machine differ, their ratios less so. Nothing here fails for being slow.
"""

import operator
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tools.bench_batch import WORKERS, batch_times
from tools.bench_page import Delays, kernel_bytes, key_presses, read_notebook, whole_runs
from tools.set_up import told

STARTS, CALLS, ARRAY_CALLS, UPDATES = 30, 20_000, 15, 200
MILLION = 1_000_000


@dataclass(frozen=True)
class Row:
    """One figure: what, seconds, the floor's seconds, and the limit that the project sets."""

    what: str
    taken_s: float
    floor_s: float | None = None
    limit: str = ""
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        floor = ratio = ""
        if self.floor_s is not None:
            floor, ratio = duration(self.floor_s), f"{self.taken_s / self.floor_s:.2f}"
        verdict = {True: "yes", False: "NO", None: ""}[self.holds]
        return (self.what, duration(self.taken_s), floor, ratio, self.limit, verdict)


@dataclass(frozen=True)
class MemoryRow:
    """Memory of a lesson's kernel, beside that of a kernel that runs nothing."""

    what: str
    taken_bytes: int
    floor_bytes: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        taken, floor = (f"{size / 1e6:.0f} MB" for size in (self.taken_bytes, self.floor_bytes))
        return (self.what, taken, floor, f"{self.taken_bytes / self.floor_bytes:.2f}", "", "")


def duration(seconds: float) -> str:
    """A time with three digits."""
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def time_pair(
    work: Callable[[], object], floor: Callable[[], object], rounds: int, calls: int = 1
) -> tuple[float, float]:
    """Shortest time of a call of each, taken in turns so that a busy moment meets both."""
    times: dict[Callable[[], object], list[float]] = {work: [], floor: []}
    for _ in range(rounds):
        for each, taken in times.items():
            started = time.perf_counter()
            for _ in range(calls):
                each()
            taken.append((time.perf_counter() - started) / calls)
    return min(times[work]), min(times[floor])


def start_python(code: str) -> None:
    """Run code in a fresh interpreter, with no settings of the user's own."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=settings, stdin=subprocess.DEVNULL, check=True)


def import_row() -> Row:
    """`import estimator` against a Python that does nothing; the limit is on the difference."""
    taken, floor = time_pair(
        lambda: start_python("import estimator"), lambda: start_python("pass"), STARTS
    )
    return Row("import estimator", taken, floor, "50 ms more", taken - floor < 0.050)


def scalar_row() -> Row:
    """One call of a formula with its checks."""
    from estimator.formula import facts_of
    from estimator.memory import kv_cache_bytes

    bare = facts_of(kv_cache_bytes).bare
    taken, floor = time_pair(
        lambda: kv_cache_bytes(24, 16, 64, tokens=128),
        lambda: bare(24, 16, 64, tokens=128),
        rounds=5,
        calls=CALLS,
    )
    return Row("kv_cache_bytes, one call", taken, floor, "10 µs", taken < 10e-6)


def expression(n_layers: int, n_kv_heads: int, head_dim: int, tokens: Any) -> Any:
    """The cache's formula as one would type it, for tokens that are an array."""
    return 2 * n_layers * n_kv_heads * head_dim * tokens * 1 * 2


def array_rows() -> Iterator[Row]:
    """One call with a million rows, as numbers of both kinds."""
    import numpy as np

    from estimator.memory import kv_cache_bytes
    from estimator.model_storage import replicated_bytes

    # Least work for most arrays: here the checks weigh heaviest.
    for kind in (np.float64, np.int64):
        rows: Any = [np.linspace(1, end, MILLION).astype(kind) for end in (1e9, 1e3)]
        taken, floor = time_pair(
            partial(replicated_bytes, *rows), partial(operator.mul, *rows), ARRAY_CALLS
        )
        what = f"replicated_bytes, two times a million {kind.__name__}"
        yield Row(what, taken, floor, "3 times", taken < 3 * floor)
    for kind in (np.float64, np.int64):
        tokens: Any = np.arange(1, MILLION + 1, dtype=kind)
        taken, floor = time_pair(
            partial(kv_cache_bytes, 24, 16, 64, tokens=tokens),
            partial(expression, 24, 16, 64, tokens),
            ARRAY_CALLS,
        )
        what = f"kv_cache_bytes, a million {kind.__name__}"
        yield Row(what, taken, floor, "3 times", taken < 3 * floor)


def all_figures() -> Callable[[Mapping[str, Any]], tuple[object, ...]]:
    """What makes of a configuration all that is told of a model: counts, caches, bytes on disk."""
    from estimator.architecture import RULES, Architecture
    from estimator.stored_weights import checkpoint_bytes, stored_by_config

    def figures(config: Mapping[str, Any]) -> tuple[object, ...]:
        model = Architecture.from_hf_config(dict(config))
        size = checkpoint_bytes(model, stored_by_config(config, model))
        caches = [model.cache_bytes(100_000, 8, 2, rule=rule) for rule in RULES]
        counts = model.n_params, model.n_active_params, model.n_checkpoint_params
        parts = model.parts, model.extra_parts
        return (size, *counts, *parts, model.kv_bytes_per_token(2), *caches)

    return figures


def architecture_rows() -> Iterator[Row]:
    """The slowest published configuration and the whole catalog, against reading the keys."""
    from estimator.catalog.configurations import configurations

    configs = [dict(each.config) for each in configurations().values()]
    figures = all_figures()
    pairs = [time_pair(partial(figures, c), partial(dict, c), 5, 50) for c in configs]
    taken, floor = max(pairs)
    yield Row("slowest configuration, all figures", taken, floor, "100 µs", taken < 100e-6)
    taken, floor = time_pair(
        lambda: [figures(c) for c in configs], lambda: [dict(c) for c in configs], 20
    )
    what = f"catalog of {len(configs)}, all figures"
    yield Row(what, taken, floor, "20 ms", taken < 20e-3)


def service_rows() -> Iterator[Row]:
    """A service sized in full, a thousand batches and ten thousand draws, beside single steps."""
    import numpy as np

    from estimator.catalog.serving import decoder, hardware, step_constants
    from estimator.engine import Layout, Numerics, replica, serve
    from estimator.lesson import lesson_05
    from estimator.load import Load, Targets, size_service

    fit, batches = step_constants().fit, np.arange(1.0, 1001)
    made = replica(decoder("llama-3.1-8b"), Numerics(), hardware("H100-SXM"), Layout())
    load, targets = Load(100, 1024, 512), Targets(token_seconds=0.03, first_token_seconds=1)
    single = partial(serve, made, fit.constants, 64, 1024, 512)
    taken, floor = time_pair(
        partial(size_service, made, fit.constants, fit.dense, load, targets), single, UPDATES
    )
    yield Row("a load sized in full, beside one step", taken, floor, "1 ms", taken < 1e-3)
    many = partial(serve, made, fit.constants, batches, 1024, 512)
    taken, floor = time_pair(many, single, UPDATES)
    yield Row("a thousand batches, beside one", taken, floor, "20 ms", taken < 20e-3)
    one = lesson_05.case("text")
    likely = dict(one.x)
    taken, floor = time_pair(one.drawn, lambda: one.answer(likely), 20)
    yield Row("ten thousand draws of a service, beside one", taken, floor)


def panels_of(lesson: Path) -> list[Any]:
    """The panels that a lesson makes, by running its cells here."""
    from estimator.lesson.panel import Panel

    names: dict[str, Any] = {}
    for cell in read_notebook(lesson, 4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, lesson.name, "exec"), names)
    return [value for value in names.values() if isinstance(value, Panel)]


def setter(widget: Any, values: Sequence[object]) -> Callable[[], None]:
    """What sets a widget to each of some values in turn."""
    turn = 0

    def set_next() -> None:
        nonlocal turn
        turn += 1
        widget.value = values[turn % len(values)]

    return set_next


def another(panel: Any, box: Any) -> float:
    """Another number that a panel's box takes."""
    first: float = box.value
    for value in (first / 2, first * 2, first + 1):
        refused = len(panel.errors)
        box.value = value
        if len(panel.errors) == refused:
            return value
    raise panel.errors[-1]


def update_rows(lessons: Sequence[Path]) -> Iterator[Row]:
    """A panel's answer in Python, when a number is typed, against a label's new text."""
    import ipywidgets

    for lesson in lessons:
        for panel in panels_of(lesson):
            box = next(box for box in panel.boxes.values() if isinstance(box.value, float))
            first = box.value
            one = setter(box, (another(panel, box), first))
            label = setter(ipywidgets.Label("0"), ("1", "2"))
            taken, floor = time_pair(one, label, UPDATES)
            yield Row(f"{lesson.stem}: panel, in Python", taken, floor)


def key_rows(delays: Delays) -> Iterator[Row]:
    """A key press to the change on the page, in the middle and at its worst."""
    for where, (panel, bare) in delays.items():
        middle, floor = statistics.median(panel), statistics.median(bare)
        what = f"{where}: key to change, median of {len(panel)}"
        yield Row(what, middle, floor, "1.3 times", middle < 1.3 * floor)
        late, floor = (statistics.quantiles(times, n=20)[-1] for times in (panel, bare))
        yield Row(f"{where}: key to change, P95", late, floor, "1.3 times", late < 1.3 * floor)


def batch_rows() -> Iterator[Row]:
    """A sweep of a hundred scenarios beside papermill, each per scenario; a table of a million."""
    (taken, floor), million = batch_times()
    what = f"sweep-100: a scenario, {WORKERS} workers, against papermill in a loop"
    yield Row(what, taken, floor, "0.1 times", taken <= floor / 10)
    yield Row("a million services, --table-only", million, None, "30 s", million < 30)


def rows() -> Iterator[Row | MemoryRow]:
    """All figures, each as soon as it is there."""
    from tools.jupyter import LESSONS
    from tools.set_up import ROOT

    lessons = [ROOT / "notebooks" / name for name in LESSONS]
    yield import_row()
    yield scalar_row()
    yield from array_rows()
    yield from architecture_rows()
    yield from service_rows()
    yield from update_rows(lessons)
    runs = [Row(*run) for run in whole_runs(lessons)]
    yield from runs
    floors = sum(run.floor_s or 0 for run in runs)
    yield Row("the whole course run, against bare kernels", sum(r.taken_s for r in runs), floors)
    bare = kernel_bytes(None)
    for lesson in lessons:
        yield MemoryRow(f"{lesson.stem}: memory of the kernel", kernel_bytes(lesson), bare)
    yield from batch_rows()
    waits, delays = key_presses(LESSONS)
    yield from key_rows(delays)
    for what, taken in waits.items():
        yield Row(what, taken)


def main() -> None:
    """Print the table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # then what was started is ended
    os.environ["MPLBACKEND"] = "agg"
    table: list[tuple[str, ...]] = [("what", "time", "floor", "ratio", "limit", "holds")]
    for row in rows():
        table.append(row.cells)
        print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for what, *cells in table:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        print(f"{what:{widths[0]}}  {'  '.join(numbers)}".rstrip())


if __name__ == "__main__":
    sys.exit(told(main))
