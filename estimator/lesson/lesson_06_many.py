"""Lesson 06 for batches: the result of one scenario, and what its inputs say against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from estimator.capacity import check_context
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_case import any_replica, check_tensor, estimate_of
from estimator.lesson.lesson_06_reader import your_results
from estimator.lesson.many import groups


def results_of(given: Inputs) -> dict[str, float]:
    """The lesson's result: a token's time with its ends, and the errors on the file in use."""
    seconds = estimate_of(given).token_seconds
    return {
        "token_seconds_p10": float(seconds.p10),
        "token_seconds": float(seconds.p50),
        "token_seconds_p90": float(seconds.p90),
        **your_results(given.measurements),
    }


def row_results(**given: Any) -> dict[str, float]:
    """The lesson's results for one load; a ValueError says why there are none."""
    return results_of(Inputs(**given))


def contradictions(columns: Mapping[str, Any]) -> Iterator[tuple[Any, str, tuple[str, ...]]]:
    """Where requests are longer than a model was made for, or nobody shares layers so."""
    for (ranks,), places in groups(columns, ("tensor_parallel",)):
        try:
            check_tensor(int(ranks))
        except ValueError as error:
            yield places, str(error), ("tensor_parallel",)
    names = ("model", "prompt_tokens", "output_tokens")
    for (model, asked, answered), places in groups(columns, names):
        try:
            check_context(any_replica(model), asked, answered)
        except ValueError as error:
            yield places, str(error), names
