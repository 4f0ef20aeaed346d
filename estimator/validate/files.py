"""Files of a reader's own, read with a sentence for whatever is wrong with them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, NoReturn

LARGEST_FILE_BYTES = 20_000_000


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of at most 20 MB.

    Raises:
        ValueError: a file that is missing, too large, no text or no JSON, in one sentence.
    """
    text = read_text(path)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply to read: give plain JSON.") from None
    except ValueError as error:
        # The decoder repeats what it cannot read, such as a number of a million digits.
        raise ValueError(f"{path} is no valid JSON ({str(error)[:100]}): repair it.") from None


def read_rows(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """Read a CSV file of at most 20 MB with a header; lines that start with # are comments.

    Raises:
        ValueError: a file that is missing, too large, no text or no table, in one sentence.
    """
    lines = [line for line in read_text(path).splitlines() if not line.startswith("#")]
    try:
        rows = list(csv.DictReader(lines, restkey="beyond", restval="", strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is no valid CSV ({error}): repair it.") from None
    if not rows:
        raise ValueError(f"{path} has no rows: give a header and one line for each run.")
    if any("beyond" in row for row in rows):
        raise ValueError(f"{path} has a row with more fields than its header: repair it.")
    return [{key.strip(): value.strip() for key, value in row.items()} for row in rows]


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a text file of at most 20 MB."""
    try:
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


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
