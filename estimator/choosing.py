"""Pick a name from a list, and help who mistyped it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 80
"""Names that a sentence lists at most."""


def choose(what: str, value: object, allowed: Iterable[str]) -> str:
    """Return a name that is on the list; else a ValueError says which one was probably meant.

    >>> choose("accelerator", "T4", ["T4", "L4"])
    'T4'
    """
    names = list(allowed)
    if isinstance(value, str) and value in names:
        return value
    text = str(value).lower()
    close = [name for name in names if text and text in name.lower()]
    if not close:
        lower = {name.lower(): name for name in names}
        close = [lower[name] for name in difflib.get_close_matches(text, lower, n=3, cutoff=0.5)]
    meant = " or ".join(map(repr, close[:3]))
    listed = [name or "nothing" for name in names]
    listed = listed if len(names) <= _LISTED else [*listed[:12], "..."]
    hint = f"did you mean {meant}?" if close else f"choose one of {', '.join(listed)}."
    raise ValueError(f"{what} is {value!r}, which is not on the list of {len(names)}: {hint}")
