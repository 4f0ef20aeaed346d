"""The reader's inputs: what stands in a lesson's parameters cell, checked before it is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from estimator.choosing import choose
from estimator.glossary import quantity
from estimator.quantity import Quantity

COUNTS = ("user", "parameter")


class Inputs(SimpleNamespace):
    """Checked inputs, each an attribute under its own name."""

    def as_dict(self) -> dict[str, Any]:
        """Give the inputs by name, as a result file keeps them."""
        return dict(vars(self))


def inputs(
    choices: Mapping[str, tuple[str, Iterable[str]]] | None = None,
    narrowed: Mapping[str, Quantity] | None = None,
    **values: Any,
) -> Inputs:
    """Check a lesson's parameters, and tell all that is wrong with them in one error.

    `values` are quantities of the glossary, one number each; a float that is whole becomes an
    exact integer, since 7e9 arrives from papermill as a float. `choices` are names that must be
    on a list: `{"accelerator": (accelerator, accelerators())}`. `narrowed` gives entries whose
    range a lesson narrows, instead of the glossary's.
    """
    problems = []
    given: dict[str, Any] = {}
    for name, value in values.items():
        try:
            entry = (narrowed or {}).get(name) or quantity(name)
            # Half of the users is a sensible factor of a formula, but no reader has half a user.
            entry = replace(entry, whole=True) if entry.unit in COUNTS else entry
            given[name] = entry.check(_single(name, value))
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    for name, (value, allowed) in (choices or {}).items():
        try:
            given[name] = choose(name, value, allowed)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError(" ".join(problems))
    return Inputs(**given)


def _single(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple) or (hasattr(value, "shape") and value.shape):
        raise TypeError(f"{name} is an array, but a lesson takes one number: give one number.")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
