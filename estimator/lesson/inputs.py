"""The reader's inputs: what stands in a lesson's parameters cell, checked before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from estimator.choosing import choose
from estimator.glossary import quantity
from estimator.quantity import Quantity

COUNTS = ("user", "parameter")
"""Units of what a service and a model must have: at least one, and whole ones."""
EXACT_BELOW = 2**53
"""Whole numbers under it are exact as floats: 7e9 is then meant for an integer."""
Reader = Callable[[Any], object]
"""Reads a text, and raises a ValueError or a TypeError with a sentence if it cannot."""


@dataclass(frozen=True)
class OrZero(Quantity):
    """A quantity for which a 0 stands for something else, though its range begins above it."""

    zero: str = ""

    @classmethod
    def of(cls, entry: Quantity, zero: str) -> OrZero:
        """Let an entry be 0, too; `zero` says what a 0 is for."""
        return cls(**{**asdict(entry), "zero": zero})

    @property
    def range_text(self) -> str:
        """Say which values are allowed, in words."""
        return f"0 {self.zero}, or {super().range_text}"

    def allows(self, value: float) -> bool:
        """Tell whether an int or a float is 0 or in range."""
        return value == 0 or super().allows(value)

    def _check_array(self, value: Any) -> Any:
        import numpy as np

        array = np.asarray(value)
        if array.dtype.kind in "iuf" and array.ndim:
            super()._check_array(np.where(array == 0, self.usual, array))
            return array.astype(np.float64, copy=False)
        return super()._check_array(value)


class Inputs(SimpleNamespace):
    """Checked inputs, each an attribute under its own name."""

    def as_dict(self) -> dict[str, Any]:
        """Give the inputs by name, as a result file keeps them."""
        return dict(vars(self))


def needed(entry: Quantity) -> Quantity:
    """Leave 0 out where it answers no question: a service has users, and a model parameters.

    >>> from estimator.glossary import quantity
    >>> needed(quantity("n_params")).range_text
    'more than 0 parameters'
    """
    if entry.unit in COUNTS and entry.low == 0:
        return replace(entry, low_open=True)
    return entry


def inputs(
    choices: Mapping[str, tuple[str, Iterable[str]]] | None = None,
    narrowed: Mapping[str, Quantity] | None = None,
    texts: Mapping[str, tuple[Any, Reader]] | None = None,
    **values: Any,
) -> Inputs:
    """Check a lesson's parameters, and tell all that is wrong with them in one error.

    `values` are quantities of the glossary, one number each; a float that is whole becomes an
    exact integer, since 7e9 arrives from papermill as a float. `choices` are names that must be
    on a list: `{"accelerator": (accelerator, accelerators())}`. `narrowed` gives entries whose
    range is the lesson's own, instead of the glossary's. `texts` are kept as they stand, and each
    has a function that reads it, or says what is wrong with it.
    """
    declared = Declared.of(choices, narrowed, values, texts)
    if asked := _ASKED.get():
        raise asked(declared)
    chosen = {name: value for name, (value, _) in (choices or {}).items()}
    written = {name: value for name, (value, _) in (texts or {}).items()}
    given, problems = declared.check(values | chosen | written)
    if problems:
        raise ValueError(" ".join(problems))
    return Inputs(**given)


@dataclass(frozen=True)
class Declared:
    """What a lesson checks: the quantity of each number, the list of each name, and its texts."""

    quantities: Mapping[str, Quantity]
    choices: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, Reader] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        choices: Mapping[str, tuple[str, Iterable[str]]] | None,
        narrowed: Mapping[str, Quantity] | None,
        values: Iterable[str],
        texts: Mapping[str, tuple[Any, Reader]] | None = None,
    ) -> Declared:
        """Read it from the arguments of `inputs`."""
        given = {name: (narrowed or {}).get(name) or needed(quantity(name)) for name in values}
        entries = {name: entry.asked for name, entry in given.items()}
        # Half of the users is a sensible factor of a formula, but no reader has half a user.
        for name, entry in entries.items():
            if entry.unit in COUNTS:
                entries[name] = replace(entry, whole=True)
        readers = {name: read for name, (_, read) in (texts or {}).items()}
        on_lists = {name: tuple(on) for name, (_, on) in (choices or {}).items()}
        return cls(entries, on_lists, readers)

    def check(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Give the values that are right, fit for arithmetic, and a sentence on each other."""
        given: dict[str, Any] = {}
        problems = []
        for name in (*self.quantities, *self.choices, *self.texts):
            if name not in values:
                continue
            try:
                given[name] = self._checked(name, values[name])
            except (TypeError, ValueError) as error:
                problems.append(str(error))
        return given, problems

    def _checked(self, name: str, value: Any) -> Any:
        if name in self.choices:
            return choose(name, value, self.choices[name])
        if name in self.texts:
            self.texts[name](value)
            return value
        return self.quantities[name].check(_single(name, value))


class DeclaredError(Exception):
    """What `inputs` raises instead of checking, where only its arguments are asked for."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared


_ASKED: ContextVar[type[DeclaredError] | None] = ContextVar("asked", default=None)


def declared_by(call: Callable[[], object]) -> Declared | None:
    """Run code up to its first call of `inputs`, and give what that call would have checked."""
    token = _ASKED.set(DeclaredError)
    try:
        call()
    except DeclaredError as found:
        return found.declared
    finally:
        _ASKED.reset(token)
    return None


def _single(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple) or (hasattr(value, "shape") and value.shape):
        raise TypeError(f"{name} is an array, but a lesson takes one number: give one number.")
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_BELOW:
        return int(value)
    return value
