"""Read a file of measured runs block by block, each a handful of arrays, whatever its length.

What many rows share (`rows.Common`) is worked out once. A row that cannot be modelled is named
with its line and a sentence, and the rest is used.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from estimator.engine import DecoderShape, sequences_that_fit
from estimator.files import check_plain, separated_by
from estimator.validate.reasons import Reason, RowError, Unread
from estimator.validate.replicas import replica_of, stacked
from estimator.validate.rows import (
    COMMON,
    OPTIONAL,
    REQUIRED,
    WITHOUT,
    Common,
    Setting,
    Settings,
    number,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

BLOCK_ROWS = 20_000
NUMBERS = ("isl", "osl", "tpot_ms")
FEWEST = {"isl": 1, "osl": 2}
"""Tokens of a request; the time per output token is one between two of them."""
TOKEN_MS = (0.001, 10_000_000)
"""Milliseconds that a measured token may have taken: a microsecond to some hours."""
COMMON_MARKS = ("square", "data", "contrary")


class ColumnsError(ValueError):
    """A file that is no table of measured runs."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a file, column by column; `setting` is a row's place in `settings`.

    Times are seconds, NaN where the time to first token is not given.
    """

    settings: Sequence[Setting]
    line: NDArray[np.int64]
    setting: NDArray[np.int64]
    batch: Array
    prompt_tokens: Array
    output_tokens: Array
    token_seconds: Array
    first_token_seconds: Array
    marks: Mapping[str, Mask]
    unread: tuple[Unread, ...]

    def __len__(self) -> int:
        return len(self.line)


def read_blocks(
    path: Path, rows: int = BLOCK_ROWS, own: Mapping[str, DecoderShape] | None = None,
    told: set[str] | None = None,
) -> Iterator[Block]:  # fmt: skip
    """Read a file in blocks of so many rows; `own` are the reader's models by name.

    `told` collects what names were taken for.

    Raises: ColumnsError: no header, or columns are missing; OSError: no such file; ValueError: a
        pipe or a device, which may never end.
    """
    check_plain(path)
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        cells = _Rows(file)
        header = cells.header()
        check_columns(header, path.name)
        reader = _Reader(header, own or {}, told)
        for lines, table, unread in _parts(cells, len(header), rows):
            yield reader.block(lines, table, unread)


def assumed_of(path: Path) -> list[str]:
    """Say what is assumed because a file lacks the columns that would tell. Raises: OSError."""
    check_plain(path)
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        header = set(_Rows(file).header())
    return [
        f"{what} (there is no column {' and no column '.join(columns)})"
        for columns, what in WITHOUT.items()
        if not header.intersection(columns)
    ]


def check_columns(header: list[str], name: str) -> None:
    """Refuse a header that lacks what the estimate needs, or has a column of it twice."""
    twice = [column for column in (*REQUIRED, *OPTIONAL) if header.count(column) > 1]
    if twice:
        raise ColumnsError(
            f"{name} has the column {twice[0]} {header.count(twice[0])} times: keep one of them."
        )
    missing = [column for column in REQUIRED if column not in header]
    if missing and any("\0" in column for column in header):
        raise ColumnsError(f"{name} is no UTF-8 text: save it as CSV UTF-8.")
    if missing and (marks := separated_by(header, REQUIRED)):
        raise ColumnsError(
            f"{name} is separated by {marks}: save it with commas between its columns, and with "
            "points in its numbers."
        )
    if missing:
        raise ColumnsError(
            f"{name} has no column {', '.join(missing)}: a table of measured serving runs has "
            f"{', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}."
        )


class _Rows:
    """The rows of a file, a line each, so that an open quote spoils its own line and no other."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = iter(lines)

    def header(self) -> list[str]:
        """Give the first row, whatever its quotes are: what it lacks is told by name."""
        return [name.strip() for name in next(csv.reader((next(self.lines, ""),)), [])]

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        """Give the next row. Raises: csv.Error: the line is no CSV; the next one may be."""
        line = next(self.lines).rstrip("\r\n")
        return next(csv.reader((line,), strict=True), []) if '"' in line else line.split(",")


Part = tuple[list[int], list[list[str]], list[Unread]]


def _parts(cells: Iterator[list[str]], columns: int, rows: int) -> Iterator[Part]:
    """Cut a file into parts: lines, cells, and rows that are no CSV; blank lines are none."""
    lines: list[int] = []
    table: list[list[str]] = []
    unread: list[Unread] = []
    line, done = 1, False
    while not done:
        line += 1
        try:
            row = next(cells, None)
        except csv.Error as error:
            why = f"the row is no CSV: {error}."
            unread.append(Unread(line, Reason("the row is no CSV", str(error), why)))
            continue
        if row is None:
            done = True
        elif any(row[columns:]):
            why = f"the row has {len(row)} cells, but the header has {columns} columns."
            unread.append(Unread(line, Reason("more cells than columns", f"{len(row)}", why)))
        elif any(row):  # a line of commas is blank, too: spreadsheets leave such
            lines.append(line)
            table.append(row)
        if done or len(lines) == rows:
            yield lines, table, unread
            lines, table, unread = [], [], []


class _Reader:
    """Turns cells into blocks; it knows the settings and the rows that it has seen."""

    def __init__(
        self, header: list[str], own: Mapping[str, DecoderShape], told: set[str] | None
    ) -> None:  # fmt: skip
        self.places = {name: place for place, name in enumerate(header)}
        self.common = [name for name in COMMON if name in self.places]
        self.common_of = itemgetter(*(self.places[name] for name in self.common))
        self.makes = Settings(own, told)
        self.known: dict[tuple[str, ...], Common | Reason] = {}
        self.settings: dict[Setting, int] = {}
        self.seen: set[int] = set()

    def block(self, lines: list[int], table: list[list[str]], unread: list[Unread]) -> Block:
        """Make a block of some rows."""
        for cells in table:
            if len(cells) < len(self.places):
                cells += [""] * (len(self.places) - len(cells))
        commons = self._commons(table)
        texts = {name: self._column(table, name) for name in (*NUMBERS, "ttft_ms")}
        numbers = {name: _floats(texts[name]) for name in NUMBERS}
        first = _floats(texts["ttft_ms"])
        readable = np.array([isinstance(common, Common) for common in commons], dtype=bool)
        untold = _mask(not text for text in texts["ttft_ms"])
        right = readable & _in_range(numbers) & (np.isfinite(first) & (first > 0) | untold)
        for place in np.flatnonzero(~right):
            row = {name: column[place] for name, column in texts.items()}
            unread.append(Unread(lines[place], why_unread(commons[place], row)))
        places = np.flatnonzero(right)
        kept = [common for place in places if isinstance(common := commons[place], Common)]
        fitting = self._fitting(kept, (numbers["isl"] + numbers["osl"])[places])
        for place in np.flatnonzero(fitting < 1):
            lengths = (float(numbers[name][places[place]]) for name in ("isl", "osl"))
            unread.append(Unread(lines[places[place]], too_long(kept[place].setting, *lengths)))
        kept = [kept[place] for place in np.flatnonzero(fitting >= 1)]
        places = places[fitting >= 1]
        repeated = self._repeated([table[place] for place in places])
        prompt, output, token = (numbers[name][places] for name in NUMBERS)
        marks = {mark: _mask(mark in common.marks for common in kept) for mark in COMMON_MARKS}
        marks["waiting"] = first[places] > (output - 1) * token
        marks["repeated"] = repeated
        place_of = self.settings
        index = [place_of.setdefault(common.setting, len(place_of)) for common in kept]
        return Block(
            settings=tuple(self.settings),
            line=np.array(lines, dtype=np.int64)[places],
            setting=np.array(index, dtype=np.int64),
            batch=np.array([common.batch for common in kept], dtype=float),
            prompt_tokens=prompt,
            output_tokens=output,
            token_seconds=token / 1e3,
            first_token_seconds=first[places] / 1e3,
            marks=marks,
            unread=tuple(sorted(unread, key=lambda row: row.line)),
        )

    def _column(self, table: list[list[str]], name: str) -> list[str]:
        """Texts of a column; what is not given is empty."""
        place = self.places.get(name)
        return [""] * len(table) if place is None else [row[place] for row in table]

    def _fitting(self, kept: list[Common], tokens: Array) -> Array:
        """Give the sequences of each row that its replica can keep, of all their tokens."""
        settings = list(dict.fromkeys(common.setting for common in kept))
        place_of = {setting: place for place, setting in enumerate(settings)}
        index = np.array([place_of[common.setting] for common in kept], dtype=np.int64)
        return np.asarray(sequences_that_fit(stacked(settings, index), tokens))

    def _commons(self, table: list[list[str]]) -> list[Common | Reason]:
        keys = list(map(self.common_of, table))
        try:
            return [self.known[key] for key in keys]
        except KeyError:
            for key in dict.fromkeys(keys):
                if key not in self.known:
                    self._know(key)
        return [self.known[key] for key in keys]

    def _know(self, key: tuple[str, ...]) -> None:
        row = dict(zip(self.common, key, strict=True))
        try:
            self.known[key] = self.makes.common(row)
        except RowError as error:
            self.known[key] = error.reason

    def _repeated(self, table: list[list[str]]) -> Mask:
        """Tell which rows equal an earlier one in every column."""
        seen, rows = self.seen, []
        for mark in map(hash, map(tuple, table)):
            rows.append(mark in seen)
            seen.add(mark)
        return _mask(rows)


def _in_range(numbers: Mapping[str, Array]) -> Mask:
    """Tell the rows whose lengths and times can be those of a run; `why_unread` says why not."""
    low, high = TOKEN_MS
    right: Mask = (numbers["tpot_ms"] >= low) & (numbers["tpot_ms"] <= high)
    for name, fewest in FEWEST.items():
        right &= numbers[name] >= fewest
    for values in numbers.values():
        right &= np.isfinite(values)
    return right


def _mask(values: Iterable[bool]) -> Mask:
    return np.fromiter(values, dtype=np.bool_)


def _floats(texts: Sequence[str]) -> Array:
    """Read numbers; NaN is what is empty or none."""
    try:
        return np.array([float(text) if text else math.nan for text in texts])
    except ValueError:
        return np.array([_float(text) for text in texts])


def _float(text: str) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError:
        return math.nan


def why_unread(common: Common | Reason, row: Mapping[str, str]) -> Reason:
    """Say why a row cannot be modelled."""
    if isinstance(common, Reason):
        return common
    try:
        for name in FEWEST:
            tokens = number(row[name], name, 0)
            if tokens < FEWEST[name]:
                return _too_few(name, tokens)
        token_ms = number(row["tpot_ms"], "tpot_ms", 0)
        first_ms = number(row.get("ttft_ms", ""), "ttft_ms", math.nan)
    except RowError as error:
        return error.reason
    low, high = TOKEN_MS
    if low <= token_ms <= high and first_ms <= 0:
        why = f"ttft_ms is {first_ms:g}, but a first token takes time: leave it empty if unknown."
        return Reason("ttft_ms is no time", f"{first_ms:g}", why)
    why = f"tpot_ms is {token_ms:g}, but a token takes from {low:g} to {high:,.0f} ms."
    return Reason("tpot_ms is no token's time", f"{token_ms:g}", why)


def _too_few(name: str, tokens: float) -> Reason:
    """Say that a request has no such length, or no time between two output tokens."""
    if tokens < 1:
        why = f"{name} is {tokens:g}, but a request has 1 token or more."
        return Reason(f"{name} is under 1 token", f"{tokens:g}", why)
    why = f"{name} is {tokens:g}, but a time per output token needs 2 output tokens or more."
    return Reason(f"{name} is under {FEWEST[name]} tokens", f"{tokens:g}", why)


def too_long(setting: Setting, prompt: float, output: float) -> Reason:
    """Say that not even one sequence fits: its cache is larger than all that the weights leave."""
    made = replica_of(setting)
    rest = made.memory_bytes - made.stored_bytes
    why = (
        f"isl and osl are {prompt:g} and {output:g}, but not one sequence of so many tokens fits "
        f"on {setting.layout.accelerators} x {setting.system}: the weights of {setting.model} "
        f"leave {rest / 1e9:.0f} GB of each one's {made.memory_bytes / 1e9:.0f} GB."
    )
    return Reason("not one sequence fits", f"{prompt:g} + {output:g} tokens", why)
