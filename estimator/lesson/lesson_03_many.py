"""Lesson 03 for batches: the result of one scenario, and what its inputs say against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from estimator.catalog.shapes import shape
from estimator.lesson.lesson_03_plan import check_ranks, plan, results
from estimator.lesson.many import groups


def row_results(**given: Any) -> dict[str, float]:
    """The lesson's results for one replica; a ValueError says why there are none."""
    return results(plan(**given))


def contradictions(columns: Mapping[str, Any]) -> Iterator[tuple[Any, str, tuple[str, ...]]]:
    """Where a model's heads cannot be shared out among so many accelerators, and why."""
    names = ("model", "tensor_parallel")
    for (model, ranks), places in groups(columns, names):
        try:
            check_ranks(shape(model), int(ranks))
        except ValueError as error:
            yield places, str(error), names
