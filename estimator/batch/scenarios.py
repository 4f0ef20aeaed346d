"""Scenario files: CSV or YAML, read in chunks, and everything wrong with them told at once."""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from estimator.batch.declared import PATH, RESULT, WRITTEN, Lesson, check_file
from estimator.batch.hooks import columns_of, contradictions
from estimator.batch.yaml_file import read_yaml
from estimator.validate.files import check_plain

NAME = "name"
LONGEST_NAME_BYTES = 100
SHOWN = 100
# What can be the name of a file on every system, in every shell and every spreadsheet.
PLAIN = re.compile(r"[^\W_](?:[\w .,+=()-]*[\w+=()-])?")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
SURELY_PLAIN = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\n|\Z))+")
RESERVED_LINE = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE | re.MULTILINE)
CHUNK_ROWS = 20_000


@dataclass
class Problems:
    """What is wrong with a file: the first sentences, and the number and the rows of all."""

    found: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0
    further: tuple[int, int] | None = None
    """The first and the last row of those that are only counted."""

    def add(self, sentence: str, row: int = 0) -> None:
        """Note one more."""
        self.count += 1
        if len(self.found) < SHOWN:
            self.found.append((row, sentence))
        else:
            self._count_only(row, row)

    def _count_only(self, first: int, last: int) -> None:
        low, high = self.further or (first, last)
        self.further = min(low, first), max(high, last)

    def extend(self, other: Problems) -> None:
        """Note those of another reader of the same file."""
        self.count += other.count - len(other.found)
        if other.further:
            self._count_only(*other.further)
        for row, sentence in other.found:
            self.add(sentence, row)

    def refuse(self, path: Path) -> None:
        """Raise all of them as one ValueError, if there are any."""
        if not self.count:
            return
        more = self.count - len(self.found)
        lines = [sentence for _, sentence in sorted(self.found, key=itemgetter(0))]
        if more and self.further:
            first, last = self.further
            where = f"row {first}" if first == last else f"rows {first} to {last}"
            lines.append(f"and {more:,} more, in {where}")
        many = "1 problem" if self.count == 1 else f"{self.count:,} problems"
        raise ValueError("\n  ".join([f"{path} has {many}; nothing was run:", *lines]))


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
        self.wrong: set[int] = set()
        self._seen: dict[str, int] = {}

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
        self._check_together(places, [scenario.parameters for scenario in found])
        self.refuse_problems(len(found))
        return found

    def refuse_problems(self, count: int) -> None:
        """Raise all that is wrong with a file of so many scenarios, if anything is."""
        if not count and not self.problems.count:
            self.problems.add("it has no scenario: give at least one row below the header")
        self.problems.refuse(self.path)

    def _check_together(self, rows: Sequence[int], given: Sequence[Mapping[str, Any]]) -> None:
        """Note where the inputs of a row, each of them possible, contradict each other."""
        right = [(row, one) for row, one in zip(rows, given, strict=True) if row not in self.wrong]
        if right:
            columns = columns_of(self.lesson, [one for _, one in right])
            self.refuse_contradictions([row for row, _ in right], columns)

    def refuse_contradictions(self, rows: Sequence[int], columns: Mapping[str, Any]) -> None:
        """Note what the lesson's own check of inputs together says of rows that are right alone."""
        for place, sentence in contradictions(self.lesson, columns):
            if rows[place] not in self.wrong:
                self.note(rows[place], sentence)

    def _row(self, row: int, cells: Mapping[str, Any]) -> dict[str, Any]:
        """Give the parameters of one row, and note what is wrong with them."""
        if self.has_names and NAME in cells:
            self.check_name(row, cells[NAME])
        given, problems = self._parameters(cells)
        for sentence in problems:
            self.refuse(row, sentence)
        return given

    def _parameters(self, cells: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Give the parameters that some cells hold, and a sentence on each that is wrong."""
        given, problems = {}, []
        for name, cell in cells.items():
            if name != NAME and cell not in (None, ""):
                try:
                    given[name] = self.value(name, cell)
                except ValueError as error:
                    problems.append(str(error))
        return given, problems + self.lesson.checks.check(given)[1]

    def refuse(self, row: int, sentence: str) -> None:
        """Note which parameter of a row is wrong: the row's others cannot be judged with it."""
        self.wrong.add(row)
        self.note(row, sentence)

    def note(self, row: int, sentence: str) -> None:
        """Note what is wrong in a row besides its parameters."""
        self.problems.add(f"{self.row_word} {row}: {sentence}", row)

    def value(self, name: str, cell: Any) -> Any:
        """Give the value of a cell, or raise a ValueError in one sentence."""
        read = self.lesson.check_kind if self.is_yaml else self.lesson.read_cell
        value = read(name, cell)
        if self.sees_files:
            check_file(name, value)
        return value

    def check_name(self, row: int, name: Any) -> None:
        """Note what is wrong with the name of a row."""
        if problem := name_problem(name):
            self.note(row, problem)
        elif (first := self._seen.setdefault(same_file(name), row)) != row:
            self.note(row, f"the name {name!r} is that of {self.row_word} {first}: give another")

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
                    for problem in self._parameters({name: cell})[1]:
                        self.note(number, problem)
                elif problem := name_problem(cell):
                    self.note(number, problem)

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


def are_plain(names: Sequence[str]) -> bool:
    """Tell at once that all of some names are right; where it says no, each is to be looked at."""
    lines = "\n".join(names)
    # An empty last name would leave no line of its own.
    one_line_each = lines.count("\n") == len(names) - 1 and not lines.endswith("\n")
    return one_line_each and bool(SURELY_PLAIN.fullmatch(lines)) and not RESERVED_LINE.search(lines)


def same_file(name: str) -> str:
    """Give what names have in common that some system takes for the same file."""
    return unicodedata.normalize("NFC", name).casefold()


def name_problem(name: Any) -> str:
    """Say what is wrong with a scenario's name; empty if nothing is."""
    if name in (None, ""):
        return "it has no name: give one"
    if not isinstance(name, str):
        return f"the name {name!r} is no text: put it in quotes"
    shown = repr(name if len(name) <= 40 else f"{name[:37]}...")
    size = len(name.encode(errors="replace"))
    if size > LONGEST_NAME_BYTES:
        return f"the name {shown} has {size} bytes: {LONGEST_NAME_BYTES} at most"
    if "/" in name or "\\" in name or name.startswith("."):
        return f"the name {shown} would leave the folder or be hidden: name a file, without a path"
    if RESERVED.fullmatch(name):
        return f"the name {shown} is reserved on some systems: give another"
    if not PLAIN.fullmatch(unicodedata.normalize("NFC", name)):
        return (
            f"the name {shown} cannot be a file's name everywhere: start with a letter or a digit, "
            "then letters, digits, spaces and . , + = ( ) - _"
        )
    return ""


def _unknown(word: str, name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else f"the lesson has {', '.join(allowed[1:])}."
    return f"the {word} {name[:40]!r} is no parameter of the lesson: {hint}"
