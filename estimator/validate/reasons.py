"""Why rows of a file cannot be modelled: each row by its kind of reason, with a few values.

However many rows are bad, a report of them stays short: the kinds are few, and each keeps its
number of rows, the first lines and values, and one row's sentence in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

FIRST = 5
"""Lines and values that are kept of a kind."""
SHOWN = 60
"""Characters that are kept of a value."""
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row cannot be modelled: the kind, what the row has of it, and a sentence."""

    kind: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that cannot be modelled, and why."""

    line: int
    reason: Reason

    @property
    def why(self) -> str:
        """The reason in one sentence."""
        return self.reason.why


class RowError(ValueError):
    """A row that cannot be modelled; `kind` must come from the code, `value` from the row."""

    def __init__(self, kind: str, value: object, why: str) -> None:
        super().__init__(why)
        self.reason = Reason(kind, str(value)[:SHOWN], why)


def named(kind: str, value: object, make: Callable[[], _Made]) -> _Made:
    """Make what a row asks for. Raises: RowError: of this kind, where it cannot be made."""
    try:
        return make()
    except RowError:
        raise
    except ValueError as error:
        raise RowError(kind, value, str(error)) from None


@dataclass(slots=True)
class Kind:
    """All rows that cannot be modelled for one kind of reason: `why` is the first row's."""

    rows: int
    why: str
    lines: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    more_values: bool = False

    def add(self, row: Unread) -> None:
        """Count a row."""
        self.rows += 1
        if len(self.lines) < FIRST:
            self.lines.append(row.line)
        value = row.reason.value
        if value not in self.values:
            self.more_values |= len(self.values) == FIRST
            self.values += [value][: FIRST - len(self.values)]


def note(kinds: dict[str, Kind], rows: Iterable[Unread]) -> None:
    """Count rows, each under its kind."""
    for row in rows:
        kinds.setdefault(row.reason.kind, Kind(0, row.why)).add(row)


def lines_of(kinds: dict[str, Kind]) -> list[str]:
    """Name every kind: its rows, their lines and values, and the first one's sentence."""
    lines = []
    for name, kind in sorted(kinds.items(), key=lambda item: -item[1].rows):
        where = ", ".join(map(str, kind.lines)) + (", ..." if kind.rows > FIRST else "")
        lines.append(f"  {kind.rows:6} {name} (line {where}): {kind.why}")
        if len(kind.values) > 1:
            values = ", ".join(kind.values) + (", ..." if kind.more_values else "")
            lines.append(f"{'':9}values of this kind: {values}")
    return lines
