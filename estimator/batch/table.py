"""The table of a batch: a row a scenario, in the order of the file, the same for the same runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PASSED, FAILED = "passed", "failed"
WHOLE_BELOW = 2.0**63


@dataclass(frozen=True)
class Row:
    """A scenario with its results, or with what went wrong."""

    name: str
    parameters: Mapping[str, Any]
    results: Mapping[str, float]
    units: Mapping[str, str]
    error: str = ""
    has_notebook: bool = True

    @property
    def status(self) -> str:
        """Passed or failed."""
        return FAILED if self.error else PASSED


def flat(results: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, str]]:
    """Give the numbers of a result file by name, and their units.

    An entry's value stands under the entry's own name; its other numbers, such as p10 of an
    interval, under that name and their own.
    """
    values: dict[str, float] = {}
    units: dict[str, str] = {}
    for name, entry in results.items():
        for key, value in entry.items():
            if key != "unit" and isinstance(value, int | float):
                column = name if key == "value" else f"{name}_{key}"
                values[column] = value
                units[column] = str(entry.get("unit", ""))
    return values, units


def text(value: Any) -> str:
    """Write a cell: whole numbers as such, and all to the digits of a float.

    So a column reads the same whether it was computed in integers or in arrays.
    """
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if not isinstance(value, int | float):
        return str(value)
    near = float(value)
    return str(int(near)) if near.is_integer() and abs(near) < WHOLE_BELOW else repr(near)


def results_of(rows: Iterable[Row]) -> list[str]:
    """Give the names of the results that any row has, in the order of the lesson."""
    return list(dict.fromkeys(name for row in rows for name in row.results))


def csv_text(parameters: Sequence[str], rows: Sequence[Row]) -> str:
    """Write the table as CSV, with the parameters in the order of their file."""
    results = results_of(rows)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "status", *parameters, *results, "error"])
    for row in rows:
        writer.writerow(
            [
                row.name,
                row.status,
                *(text(row.parameters.get(name)) for name in parameters),
                *(text(row.results.get(name)) for name in results),
                row.error,
            ]
        )
    return file.getvalue()
