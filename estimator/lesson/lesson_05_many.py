"""Tables of services: lesson 05's machine-readable results, many rows in one call.

Rows that share system, accelerator, precision and width go through the formulas together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from estimator import catalog
from estimator.catalog import System
from estimator.choosing import choose
from estimator.lesson.lesson_05_case import ENDS, UNKNOWN, case, flat, unknown_text
from estimator.lesson.lesson_05_model import (
    DEFAULTS,
    FROM_CATALOG,
    KEYS,
    NAMES,
    OTHERS,
    POSITIVE,
    answers,
    filled,
    narrowed,
    on_model,
    others_of,
    width_of,
)
from estimator.lesson.many import groups
from estimator.lesson.sizing import PRECISIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray


def point_results(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Point estimates of a table of services: an array for each key, a row for each service.

    `columns` are the lesson's parameters by name, of one length; what is missing stands at its
    default. A row that cannot be sized (its price is not known, no replica will do) is NaN.

    Raises: ValueError, TypeError: a value out of range, or a name that is not known.
    """
    import numpy as np

    rows = max((np.size(column) for column in columns.values()), default=1)
    results = {key: np.full(rows, np.nan) for key in KEYS}
    full = _full(columns, rows)
    for system, precision, accelerator, places in _groups(full):
        numbers = {n: full[n][places] for n in DEFAULTS if n not in NAMES}
        x = filled(system, accelerator, numbers)
        known = np.isfinite(x["usd_per_accelerator_hour"] + x["accelerator_watts"])
        widths = np.where(known, width_of(system, precision, accelerator, x), 0)
        for width in np.unique(widths[widths > 0]):
            chosen = widths == width
            part = {n: v[chosen] if np.ndim(v) else v for n, v in x.items()}
            found = answers(system, precision, accelerator, int(width), part)
            for key in KEYS:
                results[key][places[chosen]] = found[key]
    return results


def interval_results(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """P10, P50 and P90 of each service's answers, under the key with `_p10`, `_p50`, `_p90`.

    Ten thousand draws for each row, as in the lesson: for a thousand rows or so.
    """
    import numpy as np

    rows = max((np.size(column) for column in columns.values()), default=1)
    full = _full(columns, rows)
    results = {f"{key}_{end}": np.full(rows, np.nan) for key in KEYS for end in ENDS}
    for row in range(rows):
        given = {name: full[name][row] for name in DEFAULTS}
        plain = {n: v.item() if hasattr(v, "item") else v for n, v in given.items()}
        try:
            found = case(**plain).intervals()
        except ValueError:
            continue
        for name, value in flat(found).items():
            results[name][row] = value
    return results


def _full(columns: Mapping[str, Any], rows: int) -> dict[str, Any]:
    import numpy as np

    for name in columns:
        choose("column", name, (*DEFAULTS, "others"))
        if name in POSITIVE:
            narrowed(name).check(np.asarray(columns[name]))
    given = {name: columns.get(name, default) for name, default in DEFAULTS.items()}
    if "others" in columns:
        given |= _read_others(np.broadcast_to(np.asarray(columns["others"]), (rows,)), given)
    return {
        name: np.broadcast_to(
            np.asarray(value) if name in NAMES else np.asarray(value, dtype=float), (rows,)
        )
        for name, value in given.items()
    }


def _read_others(texts: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of the inputs that a column of texts sets, each text read once."""
    import numpy as np

    found: dict[str, Any] = {}
    for text in np.unique(texts.astype(str)):
        for name, value in others_of(str(text)).items():
            before = found.get(name, given[name])
            found[name] = np.where(texts == text, value, before)
    return found


def _groups(full: Mapping[str, Any]) -> Iterator[tuple[System, str, str, Any]]:
    """Rows that share system, model, precision and accelerator, and where they stand."""
    for (system, model, precision, accelerator), places in groups(full, NAMES):
        choose("precision", precision, PRECISIONS)
        made = on_model(catalog.system(system), model)
        yield made, precision, catalog.accelerator(accelerator).name, places


def contradictions(
    columns: Mapping[str, NDArray[Any]],
) -> Iterator[tuple[NDArray[Any], str, tuple[str, ...]]]:
    """Where a system takes no such model, or nothing is known of an accelerator that is asked for.

    What a replica can serve is not looked at: that is the sizing's answer.
    """
    full = _full(columns, max(map(len, columns.values())))
    for (system, model), places in groups(full, ("system", "model")):
        try:
            on_model(catalog.system(system), model)
        except ValueError as error:
            yield places, str(error), ("system", "model")
    for (accelerator,), places in groups(full, ("accelerator",)):
        made = catalog.system(DEFAULTS["system"])
        known = filled(made, accelerator, dict.fromkeys(FROM_CATALOG, 0))
        for name in UNKNOWN:
            asked = places[full[name][places] == 0]
            if known[name] != known[name] and len(asked):
                given_in = "others" if name in OTHERS else name
                yield asked, unknown_text(name, accelerator), ("accelerator", given_in)
