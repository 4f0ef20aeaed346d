"""What is wrong with a file of scenarios, gathered so that all of it is told at once."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

SHOWN = 100


@dataclass
class Problems:
    """What is wrong with a file: the first sentences, and the number and the rows of all.

    The order is that of the rows and, in a row, of the ranks, whoever finds what first.
    """

    found: list[tuple[int, int, str]] = field(default_factory=list)
    count: int = 0
    further: tuple[int, int] | None = None
    """The first and the last row of those that are only counted."""

    def add(self, sentence: str, row: int = 0, rank: int = 0) -> None:
        """Note one more."""
        self.count += 1
        insort(self.found, (row, rank, sentence), key=itemgetter(0, 1))
        if len(self.found) > SHOWN:
            last = self.found.pop()[0]
            self._count_only(last, last)

    def _count_only(self, first: int, last: int) -> None:
        low, high = self.further or (first, last)
        self.further = min(low, first), max(high, last)

    def extend(self, other: Problems) -> None:
        """Note those of another reader of the same file."""
        self.count += other.count - len(other.found)
        if other.further:
            self._count_only(*other.further)
        for row, rank, sentence in other.found:
            self.add(sentence, row, rank)

    def refuse(self, path: Path) -> None:
        """Raise all of them as one ValueError, if there are any."""
        if not self.count:
            return
        more = self.count - len(self.found)
        lines = [sentence for *_, sentence in self.found]
        if more and self.further:
            first, last = self.further
            where = f"row {first}" if first == last else f"rows {first} to {last}"
            lines.append(f"and {more:,} more, in {where}")
        many = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        raise ValueError("\n  ".join([f"{path} has {many}; nothing was run:", *lines]))
