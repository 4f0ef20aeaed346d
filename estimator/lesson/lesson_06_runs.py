"""The measured runs that lesson 06 holds the estimate against, read and estimated once."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path

from estimator.units import number_text, plural
from estimator.validate.compare import Comparison, compare

SHIPPED = Path(str(files("estimator.catalog") / "measured_serving.csv"))
WORST = 10


@functools.cache
def shipped() -> Comparison:
    """All shipped runs with their estimates, as `validate serving` makes them."""
    return compare(SHIPPED, WORST)


def number_of_rows(rows: int) -> str:
    """Write a number of rows."""
    return f"{number_text(rows)} {plural('run', rows)}"


def doubts(place: int) -> tuple[str, ...]:
    """Marks of a shipped run that make its load or its time doubtful."""
    columns = shipped().columns
    faster = columns["floor"][place] > columns["measured"][place]
    found = {"faster": bool(faster), "waiting": bool(columns["waiting"][place])}
    return tuple(mark for mark, there in found.items() if there)
