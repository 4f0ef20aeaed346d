"""Lesson 06 on measurements of the reader's own, in the columns of `measured_serving.csv`."""

from __future__ import annotations

import functools
import html
from dataclasses import dataclass
from pathlib import Path

from estimator.lesson.lesson_06_runs import shipped
from estimator.lesson.prose import Prose
from estimator.units import number_text, plural, share_text
from estimator.validate.compare import Report, Score, validate
from estimator.validate.reasons import Kind
from estimator.validate.rows import REQUIRED


def your_results(measurements: str) -> dict[str, float]:
    """What a program reads of the file in use: the reader's, or without one the shipped runs.

    A file that cannot be used gives no errors, and zero rows.
    """
    report = _read(measurements).report
    if report is None or not report.rows:
        return {"measured_rows": 0, "unread_rows": report.unread_rows if report else 0}
    score = report.scores["all"]["all rows"]
    return {
        "measured_rows": report.rows,
        "unread_rows": report.unread_rows,
        "roofline_median_error": score.roofline_median,
        "median_error": score.median,
        "mean_error": score.mean,
        "interval_coverage": score.coverage,
    }


def your_measurements(measurements: str) -> Prose:
    """What the estimate does on the reader's runs, or what is wrong with their file."""
    if not measurements:
        return Prose(
            "No file was given: `measurements` is empty. A file for it has a header and a line for "
            f"each run, with the columns {', '.join(f'`{name}`' for name in REQUIRED)} and, where "
            f"known, others of `measured_serving.csv`. Until then the shipped runs stand in. "
            f"{_told(shipped().report)}"
        )
    found = _read(measurements)
    if found.report is None:
        return Prose(f"**The file cannot be used.** {_safe(found.problem)}")
    report = found.report
    parts = [_told(report)] if report.rows else ["**Not one row could be estimated.**"]
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


@functools.lru_cache(maxsize=1)
def _read(measurements: str) -> _Found:
    if not isinstance(measurements, str):
        raise TypeError(f"measurements is {measurements!r:.40}, but it must be the path of a file.")
    if not measurements:
        return _Found(shipped().report)
    try:
        return _Found(validate(Path(measurements)))
    except OSError as error:
        return _Found(None, f"{measurements} cannot be read: {error.strerror}.")
    except ValueError as error:
        return _Found(None, str(error))


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
    score = report.scores["all"]["all rows"]
    unseen = report.rows - report.fitted
    how = (
        f"{number_text(report.fitted)} of them belong to groups of the fit, and each of those is "
        "estimated by constants that have not seen its group"
        if report.fitted
        else "none of them belongs to a group of the fit"
    )
    new = f"; {number_text(unseen)} are new to it" if report.fitted and unseen else ""
    rows = plural("row", report.rows)
    return (
        f"**{number_text(report.rows)} {rows} of {_safe(report.file)}: the roofline is off by "
        f"{share_text(score.roofline_median, 1)} in the median, the model by "
        f"{share_text(score.median, 1)} ({share_text(score.mean, 1)} in the mean), and "
        f"{share_text(score.coverage, 1)} lie between P10 and P90.** "
        f"{how[0].upper()}{how[1:]}{new}. {_judged(score)}"
    )


def _judged(score: Score) -> str:
    if score.median > score.roofline_median:
        return "The roofline does better here: something in the file is not what the columns say."
    if not 0.72 <= score.coverage <= 0.88:
        side = "narrow" if score.coverage < 0.8 else "wide"
        return f"The interval claims 80 %: for these rows it is too {side}."
    return "The interval claims 80 %, and keeps it."
