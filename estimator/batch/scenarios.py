"""Scenario files: CSV or YAML, read in chunks, and everything wrong with them told at once."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from estimator.batch.declared import PATH, RESULT, WRITTEN, Lesson, check_file
from estimator.batch.hooks import columns_of, contradictions
from estimator.batch.names import name_problem, same_file
from estimator.batch.problems import Problems
from estimator.batch.yaml_file import read_yaml
from estimator.files import check_plain

NAME = "name"
CHUNK_ROWS = 20_000
NAMED, TOGETHER = 1, 1_000_000
"""Ranks of what is told of a row: of its name, and of its inputs together; of each between."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file in a row: their numbers as the reader sees them, and their columns."""

    rows: Sequence[int]
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Scenario:
    """A named set of parameters; what it does not name keeps the lesson's default."""

    name: str
    parameters: Mapping[str, Any]


class ScenarioFile:
    """A file of scenarios for a lesson: its columns, its rows in chunks, its problems."""

    def __init__(
        self, path: Path, lesson: Lesson, *, reads_files: bool = True, sees_files: bool = True
    ) -> None:
        """Open it; `sees_files` says that the lesson runs here, and not where a worker is."""
        self.path = path
        self.lesson = lesson
        self.reads_files, self.sees_files = reads_files, sees_files
        self.problems = Problems()
        self.is_yaml = path.suffix.lower() in (".yaml", ".yml")
        self.row_word = "item" if self.is_yaml else "row"
        self.has_names = True
        self.columns: list[str] = []
        self.wrong: dict[int, set[str]] = {}
        """Which parameters of a row are wrong."""
        self.seen: dict[str, int] = {}
        """The first row of each name that was looked at, spelled as files are told apart."""
        self._ranks = {name: rank for rank, name in enumerate(lesson.defaults, start=NAMED + 1)}

    def scenarios(self) -> list[Scenario]:
        """Read all scenarios, in order.

        Raises:
            ValueError: all that is wrong with the file.
        """
        found, places = [], list[int]()
        for chunk in self.chunks():
            for index, row in enumerate(chunk.rows):
                given = self._row(row, {k: v[index] for k, v in chunk.columns.items()})
                found.append(Scenario(str(chunk.columns[NAME][index]), given))
                places.append(row)
        if found:
            columns = columns_of(self.lesson, [scenario.parameters for scenario in found])
            self.refuse_contradictions(places, columns)
        self.refuse_problems(len(found))
        return found

    def refuse_problems(self, count: int) -> None:
        """Raise all that is wrong with a file of so many scenarios, if anything is."""
        if not count and not self.problems.count:
            self.problems.add("it has no scenario: give at least one row below the header")
        self.problems.refuse(self.path)

    def refuse_contradictions(self, rows: Sequence[int], columns: Mapping[str, Any]) -> None:
        """Note where the inputs of a row, each of them possible, contradict each other.

        `columns` holds a default in place of what is wrong; what hangs on that is not told.
        """
        for place, sentence, names in contradictions(self.lesson, columns):
            if self.wrong.get(rows[place], set()).isdisjoint(names):
                self.note(rows[place], sentence, TOGETHER)

    def _row(self, row: int, cells: Mapping[str, Any]) -> dict[str, Any]:
        """Give the parameters of one row, and note what is wrong with them."""
        if self.has_names and NAME in cells:
            self.check_name(row, cells[NAME])
        return {
            name: value
            for name, cell in cells.items()
            if name != NAME and (value := self.value(row, name, cell)) is not None
        }

    def value(self, row: int, name: str, cell: Any) -> Any:
        """Give the value of a cell; None where it is empty, or wrong, which is noted."""
        if cell in (None, ""):
            return None
        read = self.lesson.check_kind if self.is_yaml else self.lesson.read_cell
        try:
            value = read(name, cell)
            if self.sees_files:
                check_file(name, value)
            problems = self.lesson.checks.check({name: value})[1]
        except ValueError as error:
            problems = [str(error)]
        for sentence in problems:
            self.wrong.setdefault(row, set()).add(name)
            self.note(row, sentence, self._ranks[name])
        return None if problems else value

    def note(self, row: int, sentence: str, rank: int = 0) -> None:
        """Note what is wrong in a row; its rank is its place among what is told of that row."""
        self.problems.add(f"{self.row_word} {row}: {sentence}", row, rank)

    def check_name(self, row: int, name: Any) -> None:
        """Note what is wrong with the name of a row."""
        if problem := name_problem(name) or self.name_again(row, name):
            self.note(row, problem, NAMED)

    def name_again(self, row: int, name: str) -> str:
        """Say which row has the same name; empty if none was looked at before."""
        first = self.seen.setdefault(same_file(name), row)
        if first == row:
            return ""
        return f"the name {name!r} is that of {self.row_word} {first}: give another"

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows, so many at a time, in the columns that are right."""
        yield from self._yaml_chunks() if self.is_yaml else self._csv_chunks(CHUNK_ROWS)

    def _csv_chunks(self, size: int) -> Iterator[Chunk]:
        try:
            check_plain(self.path)
            # What is no UTF-8 is told with its row.
            file = self.path.open(encoding="utf-8-sig", newline="", errors="surrogateescape")
        except OSError as error:
            raise ValueError(
                f"{self.path} cannot be read ({error.strerror}): give a file."
            ) from None
        with file:
            lines = self._csv_rows(csv.reader(file, strict=True))
            header = [name.strip() for name in next(lines, [])]
            if problem := header_problem(header):
                self.problems.add(problem, 1)
                return
            known = self._check_columns(header)
            first = 2
            while rows := list(islice(lines, size)):
                self._check_text(first, rows)
                yield self._chunk(header, known, rows, first)
                first += len(rows)

    def _csv_rows(self, reader: Any) -> Iterator[list[str]]:
        """Give the rows up to the first that is no CSV, and note that one."""
        try:
            yield from reader
        except csv.Error as error:
            self.problems.add(f"line {reader.line_num} is no CSV: {error}", reader.line_num)

    def _check_text(self, first: int, rows: list[list[str]]) -> None:
        """Note the rows that are no UTF-8."""
        try:
            "".join(map("".join, rows)).encode()
        except UnicodeEncodeError:
            for number, row in enumerate(rows, start=first):
                if any("\udc80" <= sign <= "\udcff" for sign in "".join(row)):
                    self.note(number, "it is no text in UTF-8: save the file as such")

    def _chunk(
        self, header: list[str], known: set[str], rows: list[list[str]], first: int
    ) -> Chunk:
        width = len(header)
        numbers: Sequence[int] = range(first, first + len(rows))
        if any(len(row) != width for row in rows):
            numbers = [n for n, row in zip(numbers, rows, strict=True) if len(row) == width]
            for number, row in enumerate(rows, start=first):
                if len(row) != width and any(map(str.strip, row)):
                    self.note(number, f"it has {len(row)} fields, but the header has {width}")
                    cells = {n: c.strip() for n, c in zip(header, row, strict=False) if n in known}
                    self._row(number, cells)
            rows = [row for row in rows if len(row) == width]
        if NAME in header and not all(row[header.index(NAME)].strip() for row in rows):
            # A spreadsheet writes commas for rows that were emptied.
            full = ["".join(row).strip() for row in rows]
            numbers = [n for n, text in zip(numbers, full, strict=True) if text]
            rows = [row for row, text in zip(rows, full, strict=True) if text]
        if len(set(header)) < width:
            self._check_hidden(header, known, numbers, rows)
        columns = zip(*rows, strict=True) if rows else ([] for _ in header)
        named = zip(header, columns, strict=True)
        found = {n: list(map(str.strip, c)) for n, c in named if n in known}
        return Chunk(numbers, {NAME: [""] * len(rows)} | found)

    def _check_hidden(
        self, header: list[str], known: set[str], numbers: Sequence[int], rows: list[list[str]]
    ) -> None:
        """Note what is wrong in columns that are there again, further right."""
        for place, name in enumerate(header):
            if name not in known or name not in header[place + 1 :]:
                continue
            for number, row in zip(numbers, rows, strict=True):
                cell = row[place].strip()
                if name != NAME:
                    self.value(number, name, cell)
                elif problem := name_problem(cell):
                    self.note(number, problem, NAMED)

    def count_plainly(self) -> int | None:
        """Count the rows of a CSV file that has a row a line; None where that is not so sure."""
        if self.is_yaml or not self.path.is_file():
            return None
        lines = 0
        with self.path.open("rb") as file:
            while block := file.read(1 << 16):
                if b'"' in block:
                    return None
                lines += block.count(b"\n")
                last = block[-1:]
        return max(lines + (lines > 0 and last != b"\n") - 1, 0)

    def _yaml_chunks(self) -> Iterator[Chunk]:
        columns: list[str] = []
        rows = []
        for number, item in enumerate(read_yaml(self.path), start=1):
            if isinstance(item, ValueError):
                self.note(number, str(item))
                continue
            if not isinstance(item, dict):
                self.note(number, "it is no mapping: write name: and parameters")
                continue
            keys = [str(key).strip() for key in item]
            if twice := next((key for key in keys if keys.count(key) > 1), ""):
                self.note(number, f"the key {twice!r} is there {keys.count(twice)} times")
                continue
            rows.append((number, dict(zip(keys, item.values(), strict=True))))
            columns += [key for key in keys if key not in columns]
        known = self._check_columns(columns, dict(rows)) if rows else set()
        yield Chunk(
            [number for number, _ in rows],
            {name: [row.get(name) for _, row in rows] for name in {NAME: 0} | dict.fromkeys(columns)
             if name in known or name == NAME},
        )  # fmt: skip

    def _check_columns(
        self, columns: Sequence[str], items: Mapping[int, Mapping[str, Any]] | None = None
    ) -> set[str]:
        """Note what is wrong with the names of the columns; give those that are right."""
        allowed = [name for name in self.lesson.defaults if name not in WRITTEN]
        for name in dict.fromkeys(columns):
            if columns.count(name) > 1 and name:
                self.problems.add(f"the column {name!r} is there {columns.count(name)} times")
            if problem := self._column_problem(name, columns, allowed):
                with_it = [number for number, item in (items or {}).items() if name in item]
                self.problems.add(f"{_items(with_it)}{problem}", min(with_it, default=0))
        if NAME not in columns:
            self.has_names = False
            self.problems.add(f"there is no column {NAME}: give each scenario a name")
        self.columns = [
            name for name in dict.fromkeys(columns) if name in allowed and not self._is_unread(name)
        ]
        return {NAME, *self.columns} & set(columns)

    def _is_unread(self, name: str) -> bool:
        return name.endswith(PATH) and not self.reads_files

    def _column_problem(self, name: str, columns: Sequence[str], allowed: list[str]) -> str:
        word = "key" if self.is_yaml else "column"
        if not name:
            if self.is_yaml:
                return "a key has no name: give it one, or delete it"
            place = columns.index(name) + 1
            return f"column {place} has no name: give it one, or delete the column"
        if name == RESULT:
            return f"the {word} {RESULT} is the batch's own: leave it out"
        if name in WRITTEN and name in self.lesson.defaults:
            return (
                f"the {word} {name} names a file that the lesson writes, and scenarios could "
                "write over one another's: leave it out, and run papermill for that file"
            )
        if name in allowed and self._is_unread(name):
            return (
                f"the {word} {name} names a file to read, and --table-only reads none: leave it "
                "out, or leave --table-only out, and the notebooks are run"
            )
        return "" if name in (NAME, *allowed) else _unknown(word, name, [NAME, *allowed])


def _items(numbers: Sequence[int]) -> str:
    """Say which items of a YAML list are meant: the first, and how many more."""
    if not numbers:
        return ""
    more = f" and {len(numbers) - 1:,} more" if len(numbers) > 1 else ""
    return f"item {numbers[0]}{more}: "


def header_problem(header: Sequence[str]) -> str:
    """Say why the first row of a file cannot be a header; empty if it can be one."""
    if any("\udc80" <= sign <= "\udcff" for sign in "".join(header)):
        return "row 1: it is no text in UTF-8: save the file as such"
    for sign, signs in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            return f"row 1: its fields stand between {signs}: save the file with commas"
    return ""


def _unknown(word: str, name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else f"the lesson has {', '.join(allowed[1:])}."
    return f"the {word} {name[:40]!r} is no parameter of the lesson: {hint}"
