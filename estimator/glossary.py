"""Every quantity of the course, described once.

A quantity's symbol, unit, meaning, range, error message, slider, line in a lesson's table of
controls and line in a formula's docstring are all read from its entry in `quantities/`.
"""

from __future__ import annotations

from collections.abc import Iterable

from estimator.quantities import cost, memory, model, serving, users
from estimator.quantity import Quantity


def quantity(name: str) -> Quantity:
    """Look a quantity up by its name. Raises: KeyError: it has no entry."""
    try:
        return QUANTITIES[name]
    except KeyError:
        raise KeyError(f"{name} is not in the glossary; add an entry for it there.") from None


def merge(*sections: Iterable[Quantity]) -> dict[str, Quantity]:
    """Put sections together; a quantity that stands in two of them is an error."""
    merged: dict[str, Quantity] = {}
    for section in sections:
        for entry in section:
            if entry.name in merged:
                raise ValueError(f"{entry.name} stands twice in the glossary: keep one entry.")
            merged[entry.name] = entry
    return merged


QUANTITIES = merge(model.ENTRIES, users.ENTRIES, memory.ENTRIES, serving.ENTRIES, cost.ENTRIES)
