"""Hold the step time against measured serving runs: `python -m estimator validate serving FILE`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from estimator.architecture import Architecture
from estimator.decoder_shape import decoder_shape
from estimator.engine import DecoderShape
from estimator.validate import own_configs
from estimator.validate.compare import validate
from estimator.validate.reasons import lines_of
from estimator.validate.report import Report, Score, Worst

MARKS = {
    "square": "moe_tp_size and moe_ep_size name the same accelerators: read as that many",
    "contrary": "concurrency is not batch_size times attention_dp_size: concurrency is taken",
    "data": "concurrency is a multiple of the batch: read as data parallelism of the attention",
    "waiting": "the first token took longer than all others: requests waited for room, or a limit",
    "capped": "the caches of the batch do not fit: estimated with what fits",
    "beyond": "prompt and output are longer than the model was made for: estimated all the same",
    "faster": "faster than the roofline of the load that it is said to have: not scored",
    "repeated": "equal to an earlier row in every column",
}


def text_of(report: Report) -> str:
    """Write a report for people."""
    read = f"{report.rows} rows of {report.file} read, {report.unread_rows} not modelled"
    lines = [f"{read}; errors are |predicted / measured - 1|"]
    if not report.rows:
        return "\n".join([*lines, *_unread_lines(report), *_worst_lines(report)])
    left = f"{report.fitted} rows are of groups of the fit: each by a fit that left its group out"
    lines += [left, *(f"assumed: {each}" for each in report.assumed)]
    lines += [*_tables(report), *_first_token_lines(report)]
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
    if report.folds:
        yield "\nleft out whole: each row by a fit that has seen nothing of its model, and so on"
    for part, table in report.folds.items():
        for name, score in table.items():
            yield f"  {f'without the {part} {name}':40}{_score_text(score)}"


def _score_text(score: Score) -> str:
    floor = f"{score.roofline_median:6.1%} {score.roofline_mean:6.1%}"
    model = f"{score.median:6.1%} {score.mean:6.1%}"
    return f"{score.rows:8} {floor:>15} {model:>15} {score.p90:7.1%} {score.coverage:8.1%}"


def _first_token_lines(report: Report) -> list[str]:
    if not report.first_token:
        return ["", "no row gives a time to first token"]
    head = f"{'rows':>8} {'under floor':>11} {'median':>8} {'under P50':>10} {'P10-P90':>8}"
    lines = ["", f"{'time to first token':42}{head}", f"{'':62} {'of P50':>8}"]
    for name, first in report.first_token.items():
        shares = f"{first.median:8.1%} {first.under_p50:10.1%} {first.coverage:8.1%}"
        lines.append(f"  {name:40}{first.rows:8} {first.under_floor:11} {shares}")
    return lines


def _unread_lines(report: Report) -> list[str]:
    if not report.unread_rows:
        return []
    return ["", f"{report.unread_rows} rows not modelled", *lines_of(report.unread)]


def _worst_lines(report: Report) -> list[str]:
    lines = ["", "worst rows"] if report.worst else []
    lines += map(_worst_line, report.worst)
    if report.as_recorded:
        lines += ["", "rows faster than their roofline, estimated as recorded: the worst"]
    return [*lines, *map(_worst_line, report.as_recorded)]


def _worst_line(row: Worst) -> str:
    load = f"batch {row.batch:g}, {row.prompt_tokens:g} in, {row.output_tokens:g} out"
    times = f"measured {row.measured_ms:.2f} ms, predicted {row.predicted_ms:.2f} ms"
    return f"  line {row.line}: {row.group}, {load}: {times} {row.marks}".rstrip()


def json_of(report: Report) -> str:
    """Write a report for programs."""
    return json.dumps(asdict(report), indent=1, sort_keys=True)


HELP = "hold the time per output token against measured serving runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", type=Path, help="CSV with columns as in measured_serving.csv")
    own_configs.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--worst", type=int, default=10, help="worst rows to name (default: 10)")


def _own_model(name: str, config: dict[str, Any]) -> DecoderShape:
    """Make a model of the reader's. Raises: ValueError: it cannot be sized."""
    try:
        return decoder_shape(Architecture.from_hf_config(config), name)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name[:60]!r} cannot be sized: {error}") from None


def run(arguments: argparse.Namespace) -> int:
    """Run the command: 0 where rows could be modelled, 1 where not one could.

    Raises: ColumnsError: no table of measured runs; ValueError: no such file.
    """
    configs = own_configs.read_option(arguments)
    own = {name: _own_model(name, config) for name, config in configs.items()}
    try:
        report = validate(arguments.file, max(0, arguments.worst), own)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ValueError(f"{arguments.file} cannot be read: {why}.") from None
    print(json_of(report) if arguments.json else text_of(report))
    return 0 if report.rows else 1
