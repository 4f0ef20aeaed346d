"""Lesson 06 on measurements of the reader's own, in the columns of `measured_serving.csv`."""

from __future__ import annotations

import functools
import html
import math
from dataclasses import dataclass
from pathlib import Path

from estimator.lesson.lesson_06_runs import shipped
from estimator.lesson.prose import Prose
from estimator.units import number_text, plural, share_text
from estimator.validate.compare import validate
from estimator.validate.reasons import Kind
from estimator.validate.report import SCORED, Report, Score
from estimator.validate.rows import WITHOUT


def your_results(measurements: str) -> dict[str, float]:
    """What a program reads of the file in use: the reader's, or without one the shipped runs.

    A file that cannot be used gives no errors, and zero rows.
    """
    report = _read(measurements).report
    if report is None or not report.rows:
        return {"measured_rows": 0, "unread_rows": report.unread_rows if report else 0}
    score = report.scores["all"][SCORED]
    return {
        "measured_rows": report.rows,
        "unread_rows": report.unread_rows,
        "roofline_median_error": score.roofline_median,
        "median_error": score.median,
        "mean_error": score.mean,
        "interval_coverage": score.coverage,
    }


FEWEST = 20
"""Rows from which on an interval is judged."""
PRECISION = ("precision", "gemm_quant_mode")
CLAIM, AWAY = 0.8, 0.08
"""What an interval from P10 to P90 claims, and how far off is near enough."""
COLUMNS = (
    ("`model_path`", "the model, as in `Qwen/Qwen3-32B`"),
    ("`system`", "the accelerator, as in `h100_sxm` (lesson 05 calls a whole service a system)"),
    ("`backend`", "the engine: `vllm`, `sglang` or `trtllm`"),
    ("`isl` and `osl`", "input and output sequence length: tokens of the prompt and of the answer"),
    ("`batch_size`", "requests that are worked on at the same time"),
    ("`tp_size`", "accelerators that share each layer"),
    ("`tpot_ms`", "milliseconds per output token, as measured"),
    ("`precision`", "`bf16`, `fp8` or `fp4`; may be left out, but all weights are then taken for "
     "BF16"),
)  # fmt: skip
"""What a file of measurements holds; all but the last must be there."""


def your_measurements(measurements: str) -> Prose:
    """What the estimate does on the reader's runs, or what is wrong with their file."""
    if not measurements:
        items = "\n".join(f"- {names}: {meaning}" for names, meaning in COLUMNS)
        return Prose(
            "No file was given: `measurements` is empty. A file for it is a CSV with a header and "
            f"a line for each run:\n\n{items}\n\nWhere known, it may have the other columns of "
            f"`measured_serving.csv`. Until then the shipped runs stand in. "
            f"{_told(shipped().report)}"
        )
    found = _read(measurements)
    if found.report is None:
        return Prose(f"**The file cannot be used.** {_safe(found.problem)}")
    report = found.report
    parts = [_told(report)] if report.rows else ["**Not one row could be estimated.**"]
    if report.assumed and report.rows:
        parts.append(_assumed(report))
    if report.unread_rows:
        count = report.unread_rows
        items = "\n".join(map(_left_out, report.unread.values()))
        rows = "row was" if count == 1 else "rows were"
        parts.append(f"{number_text(count)} {rows} left out:\n\n{items}")
    return Prose("\n\n".join(parts))


@dataclass(frozen=True, slots=True)
class _Found:
    """A file's report, or in one sentence why there is none."""

    report: Report | None
    problem: str = ""


def _read(measurements: str) -> _Found:
    if not isinstance(measurements, str):
        raise TypeError(f"measurements is {measurements!r:.40}, but it must be the path of a file.")
    if not measurements:
        return _Found(shipped().report)
    path = Path(measurements)
    try:
        stamp = path.stat()
        return _validated(path, stamp.st_mtime_ns, stamp.st_size)
    except OSError as error:
        where = "" if path.is_absolute() else f" It was looked for in {Path.cwd()}."
        return _Found(None, f"{measurements} cannot be read: {error.strerror}.{where}")
    except ValueError as error:
        return _Found(None, str(error))


@functools.lru_cache(maxsize=1)
def _validated(path: Path, changed: int, size: int) -> _Found:
    """Read a file once for as long as it stays as it is; `changed` and `size` tell."""
    return _Found(validate(path))


def _safe(text: str) -> str:
    """Keep what a file holds from being read as markup."""
    return html.escape(text, quote=False).replace("*", r"\*").replace("`", "'").replace("_", r"\_")


def _left_out(kind: Kind) -> str:
    """One kind of rows that were left out: how many, where, and what the others have of it."""
    rows = f"{number_text(kind.rows)} {plural('row', kind.rows)}"
    others = ", ".join(kind.values[1:]) + (", ..." if kind.more_values else "")
    told = f" Others of this kind: {_safe(others)}." if others else ""
    return f"- {rows}, first in line {kind.lines[0]}: {_safe(kind.why)}{told}"


def _told(report: Report) -> str:
    score = report.scores["all"][SCORED]
    rows, lie = plural("row", report.rows), "lies" if report.rows == 1 else "lie"
    return (
        f"**{number_text(report.rows)} {rows} of {_safe(report.file)}: the roofline is off by "
        f"{share_text(score.roofline_median, 1)} in the median, our estimate by "
        f"{share_text(score.median, 1)} ({share_text(score.mean, 1)} in the mean), and "
        f"{share_text(score.coverage, 1)} {lie} between P10 and P90.** "
        f"{_groups(report)} {_judged(report, score)}"
    )


def _groups(report: Report) -> str:
    """Say how many rows are of groups that the constants were fitted on."""
    seen, unseen = report.fitted, report.rows - report.fitted
    if not seen:
        one = report.rows == 1
        return (
            f"{'It' if one else 'None of them'} belongs to {'no' if one else 'a'} group of the fit."
        )
    if not unseen:
        return (
            "It belongs to a group of the fit, and is estimated by constants that have not seen it."
            if seen == 1
            else "All belong to groups of the fit, and each is estimated by constants that have "
            "not seen its group."
        )
    return (
        f"{number_text(seen)} of them {'belongs to a group' if seen == 1 else 'belong to groups'} "
        "of the fit, estimated by constants that have not seen the group; "
        f"{number_text(unseen)} {'is' if unseen == 1 else 'are'} new to it."
    )


def _judged(report: Report, score: Score) -> str:
    if score.median > score.roofline_median:
        return "The roofline does better here: something in the file is not what the columns say."
    if report.rows < FEWEST:
        return (
            f"The interval claims {share_text(CLAIM)}: it takes {FEWEST} rows or more to judge it."
        )
    chance = 2 * math.sqrt(CLAIM * (1 - CLAIM) / report.rows)
    if abs(score.coverage - CLAIM) <= max(AWAY, chance):
        return f"The interval claims {share_text(CLAIM)}, and keeps it."
    side = "narrow" if score.coverage < CLAIM else "wide"
    doubt = ", unless their weights are not BF16" if _taken_for_bf16(report) else ""
    return f"The interval claims {share_text(CLAIM)}: for these rows it is too {side}{doubt}."


def _taken_for_bf16(report: Report) -> bool:
    return any(one.startswith(WITHOUT[PRECISION]) for one in report.assumed)


def _assumed(report: Report) -> str:
    """What is assumed because columns are missing, and which one to add first."""
    items = "\n".join(f"- {_safe(one)}" for one in report.assumed)
    advice = (
        "\n\nIf your weights have fewer bits, add the column `precision`: without it errors and "
        "interval are those of another service."
        if _taken_for_bf16(report)
        else ""
    )
    return f"Assumed:\n\n{items}{advice}"
