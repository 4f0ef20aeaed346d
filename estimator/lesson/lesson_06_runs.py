"""The measured runs that lesson 06 holds the estimate against, read and estimated once."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path

from estimator.units import quantity_text
from estimator.validate.compare import Comparison, compare

SHIPPED = Path(str(files("estimator.catalog") / "measured_serving.csv"))
WORST = 10


@functools.cache
def shipped() -> Comparison:
    """All shipped runs with their estimates, as `validate serving` makes them."""
    return compare(SHIPPED, WORST)


def runs_text(rows: int) -> str:
    """Write a number of runs."""
    return quantity_text(rows, "run")


def doubts(place: int) -> tuple[str, ...]:
    """Marks of a shipped run that make its load or its time doubtful."""
    columns = shipped().columns
    return tuple(mark for mark in ("faster", "waiting") if columns[mark][place])
