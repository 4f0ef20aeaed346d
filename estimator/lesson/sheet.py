"""A sheet of rows, as in a spreadsheet: yellow cells to type into, and cells that are computed.

A computed cell names a formula of the estimator and the rows that it reads. Its number comes from
calling that formula; its text, on the page and in a spreadsheet file, from calling the same formula
with the cells' names. So a sheet has no arithmetic of its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar

from estimator.formula import facts_of
from estimator.glossary import quantity
from estimator.lesson.tables import Cell, Given, Table
from estimator.quantity import LARGEST, Quantity
from estimator.units import GB, KB, MB, TB, number_text


@dataclass(frozen=True)
class Unit:
    """A unit as a sheet's third column names it, and how many base units it is."""

    name: str
    size: float = 1


MILLION_USERS = Unit("million", 10**6)
KILOBYTES, MEGABYTES, GIGABYTES, TERABYTES = (
    Unit("KB", KB), Unit("MB", MB), Unit("GB", GB), Unit("TB", TB),
)  # fmt: skip
TERABYTES_A_DAY, TERABYTES_A_MONTH = Unit("TB a day", TB), Unit("TB a month", TB)
PERCENT = Unit("%", 0.01)


@dataclass(frozen=True, slots=True)
class ShownEntry(Quantity):
    """An entry in a cell's own unit, whose name stays as it is and whose numbers can be typed."""

    def _with_unit(self, value: float) -> str:
        return f"{self._number(value)} {self.unit}"

    def _number(self, value: float) -> str:
        text = number_text(value)
        return f"{Decimal(repr(value)):f}" if "e-" in text else text


@dataclass(frozen=True)
class InputRow:
    """A row whose cell is yellow: the reader types into it.

    `value` is in base units. `entry` is the glossary's, narrowed where the lesson needs it.
    """

    name: str
    label: str
    unit: Unit
    part: str
    value: float
    entry: Quantity
    step: float = 1

    @property
    def shown(self) -> float:
        """The value as the sheet shows it, without the round-off of a unit such as 0.01."""
        return tidy(self.value / self.unit.size)

    @property
    def shown_entry(self) -> Quantity:
        """The entry in the cell's own unit, so that what a message advises can be typed."""
        entry, size = self.entry, self.unit.size
        if size == 1:
            return entry
        return ShownEntry(
            entry.name, entry.symbol, self.unit.name, entry.label, entry.meaning,
            usual=tidy(entry.usual / size),
            low=tidy(entry.low / size),
            high=tidy(entry.high / size) if entry.high < LARGEST else LARGEST,
            low_open=entry.low_open,
        )  # fmt: skip

    def to_base(self, shown: float) -> float:
        """Turn what is typed into the cell into base units. Raises: ValueError: out of range."""
        self.shown_entry.check(tidy(shown))
        value = tidy(shown * self.unit.size)
        if not math.isfinite(value):
            raise ValueError(
                f"{self.name} is {shown:g} {self.unit.name}, which is too large for a number: "
                f"give for example {number_text(self.shown_entry.usual)}."
            )
        return self.entry.check(value)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class ComputedRow:
    """A row that a formula computes. `reads` gives the row for each of its parameters."""

    name: str
    label: str
    unit: Unit
    part: str
    formula: Callable[..., Any]
    reads: Mapping[str, str]

    def compute(self, values: Mapping[str, float]) -> float:
        """Call the formula with the values of the rows that it reads."""
        result: float = self.formula(**{name: values[row] for name, row in self.reads.items()})
        return result

    @property
    def source(self) -> str:
        """Where the formula comes from."""
        return facts_of(self.formula).source


@dataclass(frozen=True)
class SumRow:
    """A row that adds up the rows from `first` to `last`, those that a reader adds included."""

    name: str
    label: str
    unit: Unit
    part: str
    first: str
    last: str


Row = InputRow | ComputedRow | SumRow
# How a row is written in a formula: `B3` on the page, `(B3*D3)` with its unit in a file.
Write = Callable[[Row], str]


@dataclass(frozen=True)
class Sheet:
    """Rows in order; each computed row reads rows above it. The `note` stands below them."""

    note: ClassVar[str] = ""
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """Give a row by its name."""
        return self.rows[self.number(name) - 1]

    def number(self, name: str) -> int:
        """The row's number on the page and in a file, from 1."""
        return next(i for i, row in enumerate(self.rows, start=1) if row.name == name)

    @property
    def inputs(self) -> tuple[InputRow, ...]:
        """The rows with yellow cells."""
        return tuple(row for row in self.rows if isinstance(row, InputRow))

    def between(self, total: SumRow) -> tuple[Row, ...]:
        """The rows that a total adds up."""
        return self.rows[self.number(total.first) - 1 : self.number(total.last)]

    def compute(self, given: Mapping[str, float] | None = None) -> dict[str, float]:
        """Compute every row from the yellow cells, or from other values for them."""
        values: dict[str, float] = {row.name: row.value for row in self.inputs} | dict(given or {})
        for row in self.rows:
            if isinstance(row, ComputedRow):
                values[row.name] = row.compute(values)
            elif isinstance(row, SumRow):
                values[row.name] = sum(values[each.name] for each in self.between(row))
        return values

    def with_values(self, **values: float) -> Sheet:
        """The same sheet with other numbers in yellow cells, in base units.

        Raises: ValueError: a name that is no yellow cell, or a number out of its range.
        """
        unknown = sorted(set(values) - {row.name for row in self.inputs})
        if unknown:
            known = ", ".join(row.name for row in self.inputs)
            raise ValueError(f"{unknown[0]} is no yellow cell of this sheet; those are: {known}.")
        rows = (
            replace(row, value=row.entry.check(values[row.name]))
            if isinstance(row, InputRow) and row.name in values
            else row
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))

    def before(self, name: str, rows: Iterable[Row]) -> Sheet:
        """The same sheet with more rows, put in before the one that is named."""
        place = self.number(name) - 1
        return replace(self, rows=(*self.rows[:place], *rows, *self.rows[place:]))

    def formula_text(self, row: ComputedRow | SumRow) -> str:
        """How a computed cell comes about, in cells of column B and in base units."""
        text = self.written(row, lambda each: f"B{self.number(each.name)}")
        return text.replace("*", " × ").replace("/", " / ")

    def written(self, row: ComputedRow | SumRow, write: Write) -> str:
        """A computed row's formula, in the syntax of spreadsheets, each row as `write` says."""
        if isinstance(row, SumRow):
            return " + ".join(write(each) for each in self.between(row))
        names = {name: write(self.row(other)) for name, other in row.reads.items()}
        return expression_text(row.formula, tuple(names.items()))

    def table(self, values: Mapping[str, float] | None = None, caption: str = "") -> Table:
        """The sheet as a table that needs no kernel, yellow cells marked as such."""
        values = self.compute() if values is None else values
        rows: list[tuple[Cell, ...]] = []
        for number, row in enumerate(self.rows, start=1):
            text = cell_text(row, values[row.name])
            is_input = isinstance(row, InputRow)
            cell = Given(text) if is_input else text
            how = "type here" if isinstance(row, InputRow) else f"= {self.formula_text(row)}"
            rows.append((str(number), row.label, cell, row.unit.name, how))
        headers = ("row", "A", "B", "C", "where B comes from")
        legend = f"{LEGEND} {self.note}".rstrip()
        return Table(headers, rows, caption, legend, left=frozenset({"A", "C", headers[4]}))


LEGEND = (
    "✎ on yellow: a cell to type into. Formulas name cells and count in base units: "
    "bytes, users, days."
)


def cell_text(row: Row, value: float) -> str:
    """A row's number in the row's unit, as it stands in its cell."""
    return number_text(tidy(value / row.unit.size))


def tidy(value: float) -> float:
    """Drop the round-off of a division, and the point of a whole number."""
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def narrowed(name: str, low: float, high: float = LARGEST) -> Quantity:
    """A glossary's entry with ends of a lesson's own."""
    entry = quantity(name).asked
    return replace(entry, low=low, low_open=False, high=min(high, entry.high))


@functools.cache
def expression_text(formula: Callable[..., Any], names: tuple[tuple[str, str], ...]) -> str:
    """Call a formula with names instead of numbers, and write what it does with them.

    >>> from estimator.user_data import daily_bytes
    >>> names = {"users": "B1", "requests_per_user": "B2", "interaction_bytes": "B3"}
    >>> expression_text(daily_bytes, tuple(names.items()))
    'B1*B2*B3'
    """
    import sympy

    symbols = {name: sympy.Symbol(text) for name, text in names}
    with sympy.evaluate(False):
        expression = facts_of(formula).bare(**symbols)
        return str(_printer().doprint(expression))


def _printer() -> Any:
    """A SymPy printer for the syntax that spreadsheets share."""
    from sympy.printing.precedence import precedence
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]  # SymPy ships no types
        def _print_Mul(self, product: Any) -> str:  # noqa: N802
            sign, above, below = "", [], []
            for factor in _factors(product):
                if factor == -1:
                    sign = "-"
                elif factor.is_Pow and factor.exp == -1:
                    below.append(self.parenthesize(factor.base, precedence(product) + 1))
                elif factor != 1:
                    above.append(self.parenthesize(factor, precedence(product)))
            return sign + "/".join(["*".join(above) or "1", *below])

        def _print_Pow(self, power: Any, rational: bool = False) -> str:  # noqa: N802
            if power.exp == -1:
                return f"1/{self.parenthesize(power.base, precedence(power))}"
            parts = (self.parenthesize(part, precedence(power)) for part in power.args)
            return "^".join(parts)

        def _print_Min(self, smallest: Any) -> str:  # noqa: N802
            return f"MIN({', '.join(self._print(part) for part in smallest.args)})"

        def _print_Sum(self, total: Any) -> str:  # noqa: N802
            # FV is what payments of 1 have grown to: this sum, and right for no growth as well.
            grown, (_, _, last) = total.args[0], total.args[1]
            rate = next(part for part in grown.base.args if part != 1)
            terms = next(part for part in last.args if part != -1)
            return f"FV({self._print(rate)}, {self._print(terms)}, -1)"

    return Printer({"order": "none"})


def _factors(product: Any) -> list[Any]:
    """Factors of a product, and of the products that stand in it as factors."""
    return [f for arg in product.args for f in (_factors(arg) if arg.is_Mul else [arg])]
