"""What a lesson's module has for batches, by convention.

The module of a notebook whose name starts with NN is `estimator.lesson.lesson_NN`. It may have

    point_results(columns)   -> the lesson's results, an array for each name of its result file
    interval_results(columns)   of the same form, where the result file holds intervals
    row_results(**parameters)   -> the results of one scenario, where no array can be computed with
    contradictions(columns)  -> places, a sentence on what the inputs there say against each
                                other, and the names of these inputs
    case(**parameters)       a ValueError of it says why `point_results` has none

`columns` holds an array for each parameter of the lesson, defaults included and paths not. In
`point_results` NaN says that a scenario has no result; in `row_results` a ValueError says so.

Contradictions are refused before anything runs, as impossible values are. What only the sizing
finds out, that a model fits on nothing, say, is the failure of that scenario alone.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from estimator.batch.declared import PATH, Lesson

Columns = Mapping[str, Any]


def hook(lesson: Lesson, name: str) -> Callable[..., Any] | None:
    """Give a function of a lesson's module, if it has one.

    >>> from types import SimpleNamespace
    >>> hook(SimpleNamespace(name="01-model-storage"), "point_results").__name__
    'point_results'
    >>> hook(SimpleNamespace(name="my-notes"), "point_results") is None
    True
    """
    number = re.match(r"\d\d(?=-)", lesson.name)
    if not number:
        return None
    try:
        module = importlib.import_module(f"estimator.lesson.lesson_{number[0]}")
    except ModuleNotFoundError:
        return None
    found: Callable[..., Any] | None = getattr(module, name, None)
    return found


def contradictions(lesson: Lesson, columns: Columns) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Give the place of each row whose inputs contradict each other, a sentence, and which do."""
    check = hook(lesson, "contradictions")
    for places, sentence, names in check(columns) if check else ():
        for place in places:
            yield int(place), sentence, names


def columns_of(lesson: Lesson, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give every parameter of some scenarios as an array; what one leaves out has its default."""
    import numpy as np

    columns = {}
    for name, default in lesson.defaults.items():
        if not name.endswith(PATH):
            is_number = isinstance(default, int | float) and not isinstance(default, bool)
            values = [row.get(name, default) for row in rows]
            columns[name] = np.array(values, np.float64) if is_number else as_objects(values)
    return columns


def as_objects(values: Sequence[Any]) -> Any:
    """Give an array of texts, or of whatever else stands in a column, a list included."""
    import numpy as np

    if all(isinstance(value, str) for value in values):
        return np.array(values)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def row_by_row(
    lesson: Lesson, columns: Columns, count: int
) -> tuple[dict[str, Any], dict[int, str]]:
    """Give the results of `row_results` as arrays, and why the other rows have none.

    Rows whose inputs are the same are computed once. The names are those that the lesson's defaults
    give, whatever the rows are, so that the parts of a table have the same columns.
    """
    import numpy as np

    compute = hook(lesson, "row_results")
    assert compute is not None
    known: dict[tuple[Any, ...], dict[str, Any] | str] = {}

    def result_of(values: tuple[Any, ...]) -> dict[str, Any] | str:
        if values not in known:
            read = dict(zip(columns, values, strict=True))
            given = read | lesson.checks.check(read)[0]  # whole numbers as integers
            try:
                known[values] = compute(**given)
            except ValueError as error:
                known[values] = f"ValueError: {error}"
        return known[values]

    result_of(tuple(lesson.defaults[name] for name in columns))
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    found = [result_of(values) for values in rows]
    computed = [one for one in known.values() if not isinstance(one, str)]
    results = {name: np.full(count, np.nan) for one in computed for name in one}
    reasons = {}
    for place, one in enumerate(found):
        if isinstance(one, str):
            reasons[place] = one
            continue
        for name, value in one.items():
            results[name][place] = value
    return results, reasons
