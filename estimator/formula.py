"""`@formula`: a plain function of plain arithmetic, checked and described by the glossary."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, cast

from estimator.arithmetic import Number, is_symbolic
from estimator.glossary import quantity
from estimator.quantity import LARGEST, Quantity
from estimator.whole_arrays import in_integers

COURSE = "Back-of-the-envelope calculations for the model deployment (Educative)"
COUNTED = "worked out here"
"""Sources that several lessons' formulas have."""

P = ParamSpec("P")
_PLAIN = frozenset((int, float))


class TooLargeError(ValueError):
    """A result left the range of floats; `label` is what it is called, for a page's own words."""

    def __init__(self, label: str, sentence: str) -> None:
        super().__init__(sentence)
        self.label = label


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a formula: its result, its inputs, its source, and the bare function."""

    result: Quantity
    inputs: tuple[Quantity, ...]
    source: str
    bare: Callable[..., Any]


def formula(
    *, source: str, divisors: tuple[str, ...] = ()
) -> Callable[[Callable[P, Number]], Callable[P, Any]]:
    """Make a checked formula of a plain function.

    The function and each of its parameters carry names from the glossary; units, ranges and
    error messages come from there, and are written into the docstring. A call takes int (exact),
    float, and NumPy arrays that broadcast. `divisors` names the parameters that this formula
    divides by: the glossary lets a count be 0, this formula then does not.

    For a type checker the result is `Any`: an int, a float or an array as the arguments are.
    """

    def decorate(bare: Callable[P, Number]) -> Callable[P, Any]:
        code = bare.__code__
        names = code.co_varnames[: code.co_argcount]
        inputs = tuple(_input(name, divides=name in divisors) for name in names)
        facts = Facts(quantity(bare.__name__), inputs, source, bare)
        in_order = tuple(entry.check for entry in inputs)
        by_name = {entry.name: entry.check for entry in inputs}
        # What is wrong with the number of arguments is Python's to tell, in the call.
        call = cast("Callable[..., Number]", bare)
        in_arrays = _in_arrays(call)

        @functools.wraps(bare)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Any:
            if not _PLAIN.issuperset(map(type, (*args, *kwargs.values()))):
                whole = in_integers(call, inputs, args, kwargs)
                if whole is not None:
                    return whole
            values = [check(value) for check, value in zip(in_order, args, strict=False)]
            named = {k: by_name[k](v) if k in by_name else v for k, v in kwargs.items()}
            plain = _PLAIN.issuperset(map(type, (*values, *named.values())))
            try:
                if plain:
                    return _finite(call(*values, *args[len(values) :], **named))
                return in_arrays(*values, *args[len(values) :], **named)
            except OverflowError:
                raise _too_large(facts) from None
            except ValueError as error:
                if "broadcast" not in str(error):
                    raise
                shapes = ", ".join(str(getattr(value, "shape", "one")) for value in values)
                raise ValueError(
                    f"{facts.result.name} got arrays whose shapes do not go together ({shapes}): "
                    "give arrays of one shape, or single numbers."
                ) from None

        checked.__doc__ = _docstring(facts)
        checked.facts = facts  # type: ignore[attr-defined]
        return checked

    return decorate


def facts_of(function: Callable[..., Any]) -> Facts:
    """Give a formula's facts; a TypeError if the function is not a formula."""
    facts = getattr(function, "facts", None)
    if not isinstance(facts, Facts):
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"{name} is not a formula: pass a function made with @formula.")
    return facts


def unchecked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a formula without its checks, for a caller who has checked the inputs once."""
    return facts_of(function).bare


def _in_arrays(call: Callable[..., Number]) -> Callable[..., Any]:
    """Let the processor tell whether anything overflowed, where looking at every row would cost.

    Finite numbers make others only by an overflow, a division by 0 or an invalid operation.
    """

    def guarded(*args: Any, **kwargs: Any) -> Any:
        import numpy as np

        try:
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                result = call(*args, **kwargs)
        except FloatingPointError:
            # It may have been in a row that the formula then left out: look at all of them.
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                result = call(*args, **kwargs)
            finite: Any = np.isfinite(result).all()
        else:
            # What single numbers made before an array came in was not told; it is in every row.
            finite = is_symbolic(result) or np.isfinite(np.ravel(result)[:1]).all()
        if not finite:
            raise OverflowError
        return result

    return guarded


def _finite(result: Number) -> Number:
    """Return what single numbers gave, or refuse it where it left the range of floats."""
    if -LARGEST <= result <= LARGEST:
        return result
    raise OverflowError


def _too_large(facts: Facts) -> TooLargeError:
    inputs = ", ".join(entry.name for entry in facts.inputs)
    return TooLargeError(
        facts.result.label,
        f"{facts.result.name} is too large for a number: the {facts.result.label} must be finite; "
        f"give less extreme values for {inputs}.",
    )


def _input(name: str, *, divides: bool) -> Quantity:
    entry = quantity(name)
    return replace(entry, low_open=True) if divides and entry.low == 0 else entry


def _docstring(facts: Facts) -> str:
    """Add to the sentence and doctest that were typed all that the glossary knows."""
    result = facts.result
    inputs = [
        f"    {entry.name} ({entry.unit or 'number'}): {entry.meaning}; {entry.range_text}."
        for entry in facts.inputs
    ]
    return "\n".join(
        [
            (facts.bare.__doc__ or "").rstrip(),
            "",
            "Each argument is an int, a float or a NumPy array; arrays broadcast.",
            "",
            "Args:",
            *inputs,
            "",
            f"Returns: {result.label} ({result.unit or 'number'}): {result.meaning}.",
            "",
            "Raises: ValueError, a value out of range or not finite; TypeError, not a number.",
            "",
            f"Source: {facts.source}",
        ]
    )
