"""Show a formula as a lesson prints it: symbols, the reader's numbers put in, the result.

The display is made by calling the formula's own function with SymPy symbols, so the page cannot
drift from the code. handcalcs was tried on `kv_cache_bytes` and on a server count: it reads the
source text, so a decorated function, a call of another formula and digits in groups of three each
need a patch on the outside; symbols need none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from estimator.formula import Facts, facts_of
from estimator.lesson.wide import box
from estimator.quantity import Quantity
from estimator.units import bytes_text, number_text, quantity_text

_MILLION, _TEN_MILLION = 1_000_000, 10_000_000


@dataclass(frozen=True)
class Shown:
    """A formula at work. Its `value` is the plain result; in a notebook it prints itself."""

    value: float
    latex: str
    legend: str
    source: str
    text: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        # The empty lines tell Markdown that what stands in the box is Markdown.
        formula = box(f"\n\n$$\n{self.latex}\n$$\n\n", "formula")
        markdown = f"{formula}\n\n{self.legend}. *Source: {self.source}.*"
        return {"text/markdown": markdown, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def show(function: Callable[..., Any], *args: float, **kwargs: float) -> Shown:
    """Compute a formula and show it: symbols, numbers put in, result with unit, and source.

    Takes the formula's own arguments, single numbers each.

    Raises: TypeError: no formula, or an array; and whatever the formula raises.
    """
    facts = facts_of(function)
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        if hasattr(value, "shape") and value.shape:
            raise TypeError(f"{name} is an array, but show() displays one case: give one number.")
        if hasattr(value, "item"):
            bound.arguments[name] = value.item()
    value = function(**bound.arguments)
    symbols = {entry.name: entry.symbol for entry in facts.inputs}
    numbers = {name: number_latex(value) for name, value in bound.arguments.items()}
    lines = [
        f"{facts.result.symbol} &= {_latex(facts, symbols)}",
        f"&= {_latex(facts, numbers)}",
        f"&= {_result(value, facts.result)}",
    ]
    latex = "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
    legend = "; ".join(f"${entry.symbol}$: {entry.label}" for entry in facts.inputs)
    text = f"{facts.result.name} = {quantity_text(value, facts.result.unit)}"
    return Shown(value, latex, legend, facts.source, text)


def _latex(facts: Facts, texts: dict[str, str]) -> str:
    """Call the bare function with symbols that print as the given texts."""
    import sympy
    from sympy.printing.latex import LatexPrinter

    class Printer(LatexPrinter):  # type: ignore[misc]
        """Writes constants as lessons write numbers, and sums without needless brackets."""

        def _print_Integer(self, integer: sympy.Integer) -> str:  # noqa: N802
            return number_latex(int(integer))

        def _print_log(self, logarithm: Any, exp: str | None = None) -> str:
            number, *base = logarithm.args
            name = rf"\log_{{{self._print(base[0])}}}" if base else r"\log"
            power = f"^{{{exp}}}" if exp else ""
            return rf"{name}{power}\left({self._print(number)}\right)"

        def _print_Add(self, total: sympy.Add, order: str | None = None) -> str:  # noqa: N802
            return str(super()._print_Add(sympy.Add(*_terms(total)), order))

    symbols = {name: sympy.Dummy(name) for name in texts}
    names = {symbols[name]: text for name, text in texts.items()}
    settings = {"order": "none", "mul_symbol": "times", "symbol_names": names}
    with sympy.evaluate(False):
        return str(Printer(settings).doprint(facts.bare(**symbols)))


def _terms(total: Any) -> list[Any]:
    """Terms of a sum, and of the sums that stand in it as terms."""
    return [term for arg in total.args for term in (_terms(arg) if arg.is_Add else [arg])]


def number_latex(value: float) -> str:
    r"""Write a number for a formula: thousands in groups, large round ones as a power of ten.

    >>> number_latex(354336768), number_latex(3_000_000_000), number_latex(0.25)
    ('354{,}336{,}768', '3 \\times 10^{9}', '0.25')
    """
    if abs(value) >= _TEN_MILLION:
        mantissa, exponent = f"{float(value):.3e}".split("e")
        if float(f"{mantissa}e{exponent}") == value:
            digits = mantissa.rstrip("0").rstrip(".")
            power = f"10^{{{int(exponent)}}}"
            return power if digits == "1" else rf"{digits} \times {power}"
    mantissa, _, exponent = (
        number_text(value, digits=6 if abs(value) < _MILLION else 10)
        .replace(",", "{,}")
        .partition("e")
    )
    if not exponent:
        return mantissa
    return rf"{mantissa.rstrip('0').rstrip('.')} \times 10^{{{int(exponent)}}}"


def _result(value: float, result: Quantity) -> str:
    unit = result.unit
    if unit == "byte":
        whole = float(value).is_integer()
        digits = f"{int(value):,}".replace(",", "{,}") if whole else number_latex(value)
        return rf"{digits}\ \text{{bytes}} = \text{{{bytes_text(value)}}}"
    text = quantity_text(value, unit).replace("%", r"\%")
    return rf"\text{{{text}}}"
