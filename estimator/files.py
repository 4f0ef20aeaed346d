"""Files of a reader's own, read with a sentence for whatever is wrong with them."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn

LARGEST_FILE_BYTES = 20_000_000


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of at most 20 MB.

    Raises:
        ValueError: a file that is missing, too large, no text or no JSON, in one sentence.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, name: str) -> Any:
    """Read JSON; `name` stands for it in a message.

    Raises:
        ValueError: what is no JSON, nested too deeply, or ambiguous, in one sentence.
    """
    text = text.removeprefix("\ufeff")  # the mark of a file that was copied as a whole
    if not text.strip():
        raise ValueError(f"{name} is empty: give JSON.")
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply to read: give plain JSON.") from None
    except ValueError as error:
        # The decoder repeats what it cannot read, such as a number of a million digits.
        raise ValueError(f"{name} is no valid JSON ({str(error)[:100]}): repair it.") from None


def read_rows(path: str | os.PathLike[str], columns: Collection[str] = ()) -> list[dict[str, str]]:
    """Read a CSV file of at most 20 MB with a header; lines that start with # are comments.

    The names of its `columns` tell a file that has other marks than commas between them.

    Raises:
        ValueError: a file that is missing, too large, no text or no table, in one sentence.
    """
    lines = [line for line in read_text(path).splitlines() if not line.startswith("#")]
    try:
        header = next(csv.reader(lines, strict=True), [])
        if marks := separated_by(header, columns):
            raise ValueError(
                f"{path} is separated by {marks}: save it with commas between its columns, and "
                "with points in its numbers."
            )
        _check_header(path, header)
        rows = list(csv.DictReader(lines, restkey="beyond", restval="", strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is no valid CSV ({error}): repair it.") from None
    if not rows:
        raise ValueError(f"{path} has no rows: give a header and one line for each run.")
    for number, row in enumerate(rows, start=1):
        if "beyond" in row:
            raise ValueError(
                f"{path} has more fields in row {number} than in its header: repair it, and put "
                "what has a comma in double quotes."
            )
    return [{key.strip(): value.strip() for key, value in row.items()} for row in rows]


def separated_by(header: list[str], names: Collection[str]) -> str:
    """Say by what a header is separated instead of commas, as spreadsheets do in some countries.

    >>> separated_by(["model;weights_gib"], {"model", "weights_gib"})
    'semicolons'
    """
    whole = ",".join(header)
    for mark, marks in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if sum(cell.strip(' "') in names for cell in whole.split(mark)) > 1:
            return marks
    return ""


def _check_header(path: str | os.PathLike[str], header: list[str]) -> None:
    names = set[str]()
    for name in map(str.strip, header):
        if name in names:
            raise ValueError(f"{path} has the column {name[:40]!r} twice: name each column once.")
        names.add(name)


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a text file of at most 20 MB.

    Raises:
        ValueError: a file that is missing, too large, no file or no text, in one sentence.
    """
    try:
        check_plain(path)
        size = Path(path).stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise ValueError(
                f"{path} has {size:,} bytes, but at most {LARGEST_FILE_BYTES:,} are read: "
                "give a smaller file."
            )
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): give a file.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8: save it as such.") from None


def check_plain(path: str | os.PathLike[str]) -> None:
    """Refuse a pipe or a device, which may never end; a folder gets its sentence on opening.

    Raises:
        ValueError: what is no file, in one sentence.
        OSError: nothing is there, or it cannot be looked at.
    """
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError(f"{path} is a pipe or a device, but it must be a plain file: give a file.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} is there twice")
        found[key] = value
    return found
