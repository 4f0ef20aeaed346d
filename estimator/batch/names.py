"""Names of scenarios: each is a file's name, on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

LONGEST_NAME_BYTES = 100
# What can be the name of a file on every system, in every shell and every spreadsheet.
PLAIN = re.compile(r"[^\W_](?:[\w .,+=()-]*[\w+=()-])?")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
SURELY_PLAIN = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\n|\Z))+")
RESERVED_LINE = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE | re.MULTILINE)


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
