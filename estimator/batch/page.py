"""The page of a batch: one table in one file, which one can filter and sort without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from estimator.batch.table import Row, results_of, text
from estimator.units import number_text, quantity_text

ENDS = ("_p10", "_p50", "_p90")
TEMPLATE = Path(__file__).with_name("page.html")


def page(lesson: str, parameters: Sequence[str], rows: Sequence[Row]) -> str:
    """Write the page: a row a scenario, linked to its notebook and its result."""
    import jinja2

    results = results_of(rows)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        lesson=lesson,
        heads=[(name, name.endswith(ENDS)) for name in (*parameters, *results)],
        rows=[_shown(row, parameters, results) for row in rows],
        passed=sum(not row.error for row in rows),
    )


def _shown(row: Row, parameters: Sequence[str], results: Sequence[str]) -> dict[str, Any]:
    values = [(row.parameters.get(name), "", False) for name in parameters]
    values += [
        (row.results.get(name), row.units.get(name, ""), name.endswith(ENDS)) for name in results
    ]
    return {
        "name": row.name,
        "link": quote(row.name),
        "status": row.status,
        "error": row.error,
        "has_notebook": row.has_notebook,
        "has_result": bool(row.results),
        "cells": [(text(value), _written(value, unit), is_end) for value, unit, is_end in values],
    }


def _written(value: Any, unit: str) -> str:
    """Write a value for people: with its unit, rounded where there is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    return quantity_text(value, unit) if unit else number_text(value)
