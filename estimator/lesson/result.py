"""A lesson's machine-readable result: one JSON file, the same bytes for the same inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import estimator
from estimator.glossary import quantity
from estimator.lesson.ends import end_text
from estimator.lesson.inputs import Inputs
from estimator.lesson.tables import Table
from estimator.lesson.writing import file_to_write, write_whole
from estimator.units import quantity_text

_LABELS = {
    "00-start-here": {"traffic_bits_per_s": "traffic out"},
    "03-kv-cache-memory": {"kv_pool_bytes": "memory left for the cache, on each accelerator"},
    "04-servers-and-bandwidth": {"accelerators": "accelerators by compute, at the peak"},
}
"""What a name is where the glossary's label leaves open which of several is meant."""


def write_result(
    lesson: str,
    path: str,
    given: Inputs,
    intervals: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
    **values: float,
) -> Table:
    """Write a lesson's results to `path`, unless it is empty, and show them as a table.

    The names of `values` stand in the glossary, which gives their units; those of `intervals` do,
    too, with the ends `_p10`, `_p50` and `_p90`. `labels` name some of them otherwise than the
    glossary does. The file is complete or absent: it is written beside its place and then moved
    there.
    """
    results = {name: _entry(name, value) for name, value in values.items()}
    ends = {
        name: _entry(name.rpartition("_")[0], value) for name, value in (intervals or {}).items()
    }
    if file := file_to_write(path, "result_path"):
        content = {
            "lesson": lesson,
            "estimator_version": estimator.__version__,
            "parameters": given.as_dict(),
            "results": results | ends,
        }
        write_whole(file, json.dumps(content, indent=2, sort_keys=True) + "\n")
    named = _LABELS.get(lesson, {}) | dict(labels or {})
    rows: list[tuple[str, ...]] = [
        (
            name,
            named.get(name, quantity(name).label),
            quantity_text(entry["value"], entry["unit"]),
        )
        for name, entry in results.items()
    ]
    headers: tuple[str, ...] = ("name", "what it is", "value")
    if ends:
        rows = [
            (
                *row,
                *(
                    _end_text(ends[f"{row[0]}_{end}"], results[row[0]]["value"])
                    for end in ("p10", "p90")
                ),
            )
            for row in rows
        ]
        headers = (*headers, "P10", "P90")
    return Table(headers, rows, f"Result of lesson {lesson}", left=frozenset({"what it is"}))


def _end_text(entry: dict[str, Any], likely: float) -> str:
    return end_text(entry["value"], likely, entry["unit"])


def _entry(name: str, value: Any) -> dict[str, Any]:
    plain = value.item() if hasattr(value, "item") else value
    return {"value": plain, "unit": quantity(name).unit}
