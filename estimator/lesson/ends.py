"""The ends of an interval in words: three digits, on the right side of the value beside them."""

from __future__ import annotations

import math

from estimator.units import quantity_text, size_text

WHOLE = ("accelerator", "sequence")
"""What comes in whole pieces: a percentile of it may lie between two."""
_SAME = 1e-9


def digits(value: float) -> float:
    """Three digits: an interval has no more."""
    return float(f"{value:.3g}")


def end_value(end: float, likely: float, unit: str) -> float:
    """Cut an end to three digits, unless that would lead it past the likely value.

    >>> end_value(74.796e9, 53.88e9, "byte"), end_value(1024, 1024, "sequence")
    (74800000000.0, 1024)
    """
    if math.isclose(end, likely, rel_tol=_SAME):
        return likely
    cut = digits(end)
    if (cut - likely) * (end - likely) < 0:
        cut = end
    return round(cut) if unit in WHOLE else cut


def end_text(end: float, likely: float, unit: str) -> str:
    """Write an end with its unit: as the likely value is written, if it is the same.

    Once in two kinds of bytes is enough: those of the value beside it.

    >>> end_text(74.796e9, 53.88e9, "byte"), end_text(53.88e9, 53.88e9, "byte")
    ('74.8 GB', '53.88 GB')
    """
    shown = end_value(end, likely, unit)
    if unit == "byte" and shown != likely:
        return size_text(shown)
    return quantity_text(shown, unit, likely).split(" (")[0]
