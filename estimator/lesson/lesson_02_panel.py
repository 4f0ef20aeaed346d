"""Lesson 02's panel: the whole sheet of a service, live, with a task."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_02_sheet import (
    CALCULATOR,
    GROWTH,
    KEPT,
    OWN,
    PER,
    TIERS,
    StorageSheet,
    own_size,
    storage_sheet,
)
from estimator.lesson.panel import Answer
from estimator.lesson.progress import TASKS
from estimator.lesson.prose import Prose
from estimator.lesson.sheet import KILOBYTES, InputRow, Sheet, cell_text
from estimator.lesson.sheet_panel import SheetPanel
from estimator.units import DAYS_PER_MONTH, number_text, prefixed_text, quantity_text
from estimator.user_data import hot_share, storage_usd_per_month


def sheet_sentence(values: Mapping[str, float]) -> str:
    """A sheet's answer in one sentence."""
    usd = values["storage_usd_per_month"]
    bill = f"{number_text(round(usd))} USD" if usd >= 1 or not usd else "less than 1 USD"
    return (
        f"{_text(values['daily_bytes'])} a day and {_text(values['monthly_bytes'])} a month come "
        f"from {quantity_text(round(values['active_users']), 'user')} a day; "
        f"{_text(values['kept_bytes'])} are kept, for {bill} a month."
    )


def your_storage(given: Inputs) -> Prose:
    """The reader's service in one paragraph that follows the reader's numbers."""
    values = storage_sheet(given).compute()
    profiles, day = values["profile_bytes"], values["daily_bytes"]
    text = f"**{sheet_sentence(values)}** "
    if day:
        text += (
            f"The profiles are {_text(profiles)}, as much as "
            f"{quantity_text(profiles / day, 'day')} of interactions. "
        )
    growth = values["monthly_growth"]
    people = (
        f"the users growing by {quantity_text(growth, 'share')} a month"
        if growth
        else "as many users as today"
    )
    text += (
        f"After {quantity_text(values['months'], 'month')} of {DAYS_PER_MONTH} days "
        f"{_text(values['grown_bytes'])} of interactions will have been written, with "
        f"{people}."
    )
    return Prose(text)


BUDGET, TASK_DAYS, TASK_COPIES, TASK_RATIO = 5_000, 365, 3, 3
TASK = (
    f"keep interactions for {TASK_DAYS} days in {TASK_COPIES} copies, compressed {TASK_RATIO} to "
    "1, all other cells as the lesson has them, and find the most whole days that can stay hot "
    f"for at most {number_text(BUDGET)} USD a month."
)
# What is to be found, and what moves no cost.
_FREE = ("hot_days", "months", "monthly_growth")


def sheet_answer(values: Mapping[str, float]) -> Answer:
    """The panel's answer: the sheet in a sentence, and the task's score."""
    solved, score = _task(values)
    return Answer(sheet_sentence(values), (), score, solved)


def _task(values: Mapping[str, float]) -> tuple[bool, str]:
    for row in _task_rows():
        if not math.isclose(values[row.name], row.value):
            shown = f"{cell_text(row, row.value)} {row.unit.name}"
            return False, f'set "{row.label}" to {shown} first.'
    hot, usd = values["hot_days"], values["storage_usd_per_month"]
    cost = f"{number_text(hot)} days hot cost {number_text(round(usd))} USD a month"
    if usd > BUDGET:
        return False, f"{cost}, {number_text(math.ceil(usd - BUDGET))} USD too much."
    if hot % 1:
        return False, f"{cost}: give whole days."
    if _usd(values, hot + 1) <= BUDGET:
        return False, f"{cost}: one more day is in the budget."
    return True, f"{cost}, and one more day would be too much."


@functools.cache
def _task_rows() -> tuple[InputRow, ...]:
    """The yellow cells that the task fixes, those first that it names, with what it wants there."""
    named = {
        "retention_days": TASK_DAYS, "replicas": TASK_COPIES, "compression_ratio": TASK_RATIO
    }  # fmt: skip
    rows = [row for row in storage_sheet().with_values(**named).inputs if row.name not in _FREE]
    return tuple(sorted(rows, key=lambda row: row.name not in named))


def _usd(values: Mapping[str, float], hot_days: float) -> float:
    """Cost of the same sheet with so many days in hot storage."""
    kept = values["retained_bytes"]
    hot = kept * hot_share(hot_days, values["retention_days"])
    always_hot = values["kept_bytes"] - kept
    prices = values["hot_usd_per_gb"], values["cold_usd_per_gb"]
    usd: float = storage_usd_per_month(always_hot + hot, kept - hot, *prices)
    return usd


def sheet_panel(given: Inputs) -> SheetPanel:
    """The lesson's panel: the sheet, live, starting at the reader's inputs."""
    columns = ((CALCULATOR, GROWTH), (OWN, KEPT, TIERS))
    return SheetPanel(TASKS["02"], TASK, storage_sheet(given), sheet_answer, columns, PER, _grow)


def _grow(sheet: Sheet, label: str, size_kb: float, per: str) -> Sheet:
    size = own_size(label, KILOBYTES).to_base(size_kb)
    return StorageSheet(sheet.rows).with_row(label, size, per)


def _text(size_bytes: float) -> str:
    """Write bytes in decimal units, as the sheet has them."""
    return prefixed_text(size_bytes, "B")
