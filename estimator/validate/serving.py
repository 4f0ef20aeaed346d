"""Hold the step time against measured serving runs: `python -m estimator validate serving FILE`.

A row of a group (model x accelerator x engine) on which the constants were fitted is estimated by
constants, and by an interval, from the fit that left this group out: no figure printed here comes
from a fit that has seen the row. Errors are |predicted / measured - 1|.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from estimator.catalog import serving as catalog
from estimator.engine import Spread
from estimator.validate.predict import (
    Runs,
    estimate,
    first_token_floor,
    roofline,
    running,
    runs_of,
)
from estimator.validate.rows import Run, Setting, Unread, read_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CHUNK_ROWS = 20_000
REASONS = 20
LINES = 5

VIEWS: dict[str, Callable[[Setting], str]] = {
    "model": lambda setting: setting.model,
    "accelerator": lambda setting: setting.system,
    "engine": lambda setting: setting.engine,
    "precision": lambda setting: setting.mode or "bfloat16",
    "group": lambda setting: setting.group,
    "kind": lambda setting: "mixture" if setting.decoder.is_mixture else "dense",
}


@dataclass(frozen=True, slots=True)
class Score:
    """How well some rows were estimated; errors and coverage are shares, NaN without rows."""

    rows: int
    roofline_median: float
    roofline_mean: float
    median: float
    mean: float
    p90: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Worst:
    """A row that was estimated badly."""

    line: int
    group: str
    batch: float
    prompt_tokens: float
    output_tokens: float
    measured_ms: float
    predicted_ms: float
    error: float
    marks: str


@dataclass(slots=True)
class Report:
    """All that a file of measured runs says of the estimate."""

    file: str
    rows: int = 0
    fitted: int = 0
    scores: dict[str, dict[str, Score]] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    first_token: dict[str, float] = field(default_factory=dict)
    worst: list[Worst] = field(default_factory=list)
    unread: dict[str, list[int]] = field(default_factory=dict)
    unread_rows: int = 0


@dataclass(slots=True)
class _Part:
    """What is kept of a chunk: a few numbers a row."""

    setting: NDArray[np.int64]
    waiting: NDArray[np.bool_]
    roofline: Array
    model: Array
    inside: NDArray[np.bool_]
    first_token: Array
    first_inside: NDArray[np.bool_]
    under_floor: NDArray[np.bool_]


class _Collector:
    """Estimates runs chunk by chunk and keeps the errors."""

    def __init__(self, worst: int) -> None:
        self.constants = catalog.step_constants()
        self.settings: dict[Setting, int] = {}
        self.parts: list[_Part] = []
        self.keep = worst
        self.worst: list[Worst] = []
        self.marks: Counter[str] = Counter()
        self.fitted = 0

    def add(self, chunk: Sequence[Run]) -> None:
        """Estimate some runs."""
        runs = runs_of(chunk)
        (predicted, low, high), first = self._predict(runs)
        measured, first_measured = runs.token_seconds, runs.first_token_seconds
        errors = np.abs(predicted / measured - 1)
        index = [self.settings.setdefault(run.setting, len(self.settings)) for run in chunk]
        self.parts.append(
            _Part(
                setting=np.array(index),
                waiting=np.array(["waiting" in run.marks for run in chunk]),
                roofline=np.abs(roofline(runs) / measured - 1),
                model=errors,
                inside=(low <= measured) & (measured <= high),
                first_token=np.abs(first[0] / first_measured - 1),
                first_inside=(first[1] <= first_measured) & (first_measured <= first[2]),
                under_floor=first_measured < first_token_floor(runs),
            )
        )
        self._note(chunk, runs, predicted, errors)

    def _seen(self, chunk: Sequence[Run], runs: Runs) -> list[list[str]]:
        """Give the marks of each run, with those that only the estimate can tell."""
        capped = running(runs) < runs.batch
        faster = roofline(runs) > runs.token_seconds
        marks = [sorted(run.marks) for run in chunk]
        for name, rows in (("capped", capped), ("faster", faster)):
            for place in np.flatnonzero(rows):
                marks[place].append(name)
        return marks

    def _predict(self, runs: Runs) -> tuple[Array, Array]:
        """Estimate each group by constants that have not seen it: times with their P10 and P90.

        First those per output token, then those to the first token.
        """
        tokens, first = np.empty((3, len(runs.batch))), np.empty((3, len(runs.batch)))
        for group in np.unique(runs.groups):
            rows = runs.groups == group
            known = self.constants.left_out.get(str(group))
            self.fitted += int(rows.sum()) if known else 0
            fit = known or self.constants.fit
            part = runs.select(rows)
            spreads = fit.spreads(bool(part.mixture[0]))
            times = estimate(part, fit.constants)
            tokens[:, rows] = _interval(times.token_seconds, spreads.token)
            first[:, rows] = _interval(times.first_token_seconds, spreads.first_token)
        return tokens, first

    def _note(self, chunk: Sequence[Run], runs: Runs, predicted: Array, errors: Array) -> None:
        marks = self._seen(chunk, runs)
        self.marks.update(mark for one in marks for mark in one)
        for place in np.argsort(errors)[::-1][: self.keep]:
            run = chunk[place]
            self.worst.append(
                Worst(
                    run.line,
                    run.setting.group,
                    run.batch,
                    run.prompt_tokens,
                    run.output_tokens,
                    run.token_seconds * 1e3,
                    float(predicted[place]) * 1e3,
                    float(errors[place]),
                    " ".join(marks[place]),
                )
            )
        self.worst.sort(key=lambda worst: -worst.error)
        del self.worst[self.keep :]

    def joined(self, name: str) -> NDArray[Any]:
        """All chunks' values of one name."""
        parts = [getattr(part, name) for part in self.parts]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def scores(self) -> dict[str, dict[str, Score]]:
        """Give the scores of every view, and over all rows."""
        index = self.joined("setting")
        waiting = self.joined("waiting").astype(bool)
        every = np.ones(len(index), dtype=bool)
        tables = {"all": {"all rows": self._score(every)}}
        if waiting.any():
            tables["all"]["but the waiting"] = self._score(~waiting)
        for view, label in VIEWS.items():
            labels = np.array([label(setting) for setting in self.settings])[index]
            tables[view] = {str(one): self._score(labels == one) for one in np.unique(labels)}
            if view == "kind" and waiting.any():
                for one in np.unique(labels):
                    name = f"{one} but the waiting"
                    tables[view][name] = self._score((labels == one) & ~waiting)
        return tables

    def _score(self, rows: NDArray[np.bool_]) -> Score:
        count = int(rows.sum())
        if not count:
            return Score(0, *[float("nan")] * 6)
        floor, model = self.joined("roofline")[rows], self.joined("model")[rows]
        return Score(
            count,
            float(np.median(floor)),
            float(floor.mean()),
            float(np.median(model)),
            float(model.mean()),
            float(np.quantile(model, 0.9)),
            float(self.joined("inside")[rows].mean()),
        )

    def first_token(self) -> dict[str, float]:
        """Tell how the time to first token compares, of rows that give one."""
        errors = self.joined("first_token")
        given = ~np.isnan(errors) if len(errors) else np.zeros(0, dtype=bool)
        if not given.any():
            return {}
        return {
            "rows": int(given.sum()),
            "under the floor": int(self.joined("under_floor")[given].sum()),
            "median error": float(np.median(errors[given])),
            "coverage": float(self.joined("first_inside")[given].mean()),
        }


def _interval(times: Any, spread: Spread) -> Array:
    return np.stack([times, times * spread.low, times * spread.high])


def validate(path: Path, worst: int = 10) -> Report:
    """Hold the estimate against every row of a file, in chunks, so that its length is no matter.

    Raises: ColumnsError: no table of measured runs; OSError: the file cannot be read.
    """
    report = Report(path.name)
    collector = _Collector(worst)
    for chunk in _chunks(_readable(read_runs(path), report)):
        collector.add(chunk)
        report.rows += len(chunk)
    report.fitted = collector.fitted
    report.marks = dict(collector.marks)
    if report.rows:
        report.scores = collector.scores()
        report.first_token = collector.first_token()
    report.worst = collector.worst
    return report


def _readable(rows: Iterable[Run | Unread], report: Report) -> Iterator[Run]:
    for row in rows:
        if isinstance(row, Run):
            yield row
        else:
            report.unread_rows += 1
            _note_unread(report.unread, row)


def _note_unread(unread: dict[str, list[int]], row: Unread) -> None:
    why = row.why if row.why in unread or len(unread) < REASONS else "other reasons."
    lines = unread.setdefault(why, [0])
    lines[0] += 1
    if len(lines) <= LINES:
        lines.append(row.line)


def _chunks(runs: Iterator[Run]) -> Iterator[list[Run]]:
    while chunk := list(islice(runs, CHUNK_ROWS)):
        yield chunk


MARKS = {
    "square": "moe_tp_size and moe_ep_size name the same accelerators: read as that many",
    "data": "concurrency is a multiple of the batch: read as data parallelism of the attention",
    "waiting": "the first token took longer than all others: past saturation, batch not known",
    "capped": "the caches of the batch do not fit: estimated with what fits",
    "faster": "faster than the roofline of the load that it is said to have: cannot be so",
    "repeated": "equal to an earlier row in every column",
}


def text_of(report: Report) -> str:
    """Write a report for people."""
    read = f"{report.rows} rows of {report.file} read, {report.unread_rows} not modelled"
    lines = [f"{read}; errors are |predicted / measured - 1|"]
    if not report.rows:
        return "\n".join([*lines, *_unread_lines(report)])
    left = f"{report.fitted} rows are of groups of the fit: each by a fit that left its group out"
    lines += [left, *_tables(report), *_first_token_lines(report)]
    lines += ["", "rows read in a way of their own"]
    lines += [f"  {count:6} {mark}: {MARKS[mark]}" for mark, count in sorted(report.marks.items())]
    return "\n".join([*lines, *_unread_lines(report), *_worst_lines(report)])


HEAD = f"{'rows':>8} {'roofline':>15} {'model':>15} {'P90':>7} {'P10-P90':>8}"


def _tables(report: Report) -> Iterator[str]:
    yield f"\n{'':42}{HEAD}\n{'':50} {'median mean':>15} {'median mean':>15} {'':>7} {'covers':>8}"
    for view, table in report.scores.items():
        yield f"by {view}" if view != "all" else "over all"
        for name, score in table.items():
            yield f"  {name:40}{_score_text(score)}"


def _score_text(score: Score) -> str:
    floor = f"{score.roofline_median:6.1%} {score.roofline_mean:6.1%}"
    model = f"{score.median:6.1%} {score.mean:6.1%}"
    return f"{score.rows:8} {floor:>15} {model:>15} {score.p90:7.1%} {score.coverage:8.1%}"


def _first_token_lines(report: Report) -> list[str]:
    if not report.first_token:
        return ["", "no row gives a time to first token"]
    first = report.first_token
    return [
        "",
        f"time to first token of {first['rows']} rows: {first['under the floor']} under the floor, "
        f"median error of the estimate {first['median error']:.1%}, "
        f"coverage of P10-P90 {first['coverage']:.1%}",
    ]


def _unread_lines(report: Report) -> list[str]:
    if not report.unread_rows:
        return []
    lines = ["", f"{report.unread_rows} rows not modelled"]
    for why, (count, *where) in report.unread.items():
        more = ", ..." if count > len(where) else ""
        lines.append(f"  {count:6} (line {', '.join(map(str, where))}{more}): {why}")
    return lines


def _worst_lines(report: Report) -> list[str]:
    lines = ["", "worst rows"]
    for row in report.worst:
        load = f"batch {row.batch:g}, {row.prompt_tokens:g} in, {row.output_tokens:g} out"
        times = f"measured {row.measured_ms:.2f} ms, predicted {row.predicted_ms:.2f} ms"
        lines.append(f"  line {row.line}: {row.group}, {load}: {times} {row.marks}".rstrip())
    return lines


def json_of(report: Report) -> str:
    """Write a report for programs."""
    return json.dumps(asdict(report), indent=1, sort_keys=True)


HELP = "hold the time per output token against measured serving runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", type=Path, help="CSV with columns as in measured_serving.csv")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--worst", type=int, default=10, help="worst rows to name (default: 10)")


def run(arguments: argparse.Namespace) -> int:
    """Run the command: 0 where rows could be modelled, 1 where not one could.

    Raises: ColumnsError: no table of measured runs; ValueError: no such file.
    """
    try:
        report = validate(arguments.file, max(0, arguments.worst))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ValueError(f"{arguments.file} cannot be read: {why}.") from None
    print(json_of(report) if arguments.json else text_of(report))
    return 0 if report.rows else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command by itself: as `run`, and 2 where the file is no table of runs."""
    parser = argparse.ArgumentParser(prog="python -m estimator validate serving", description=HELP)
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
