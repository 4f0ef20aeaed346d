"""Units of the course, and the text of a quantity.

The base units are byte, second, FLOP and request. A decimal prefix (KB, MB, GB) is a power of
1,000 and a binary one (KiB, MiB, GiB) a power of 1,024, always: the suffix tells which.

The text is made here, and not by a library, because it is part of what the course teaches: KB is
written with a capital K as in the course's sources, a value that rounds up to 1,000 moves on to
the next prefix, and exact integers stay exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable

KB, MB, GB, TB, PB = 10**3, 10**6, 10**9, 10**12, 10**15
KiB, MiB, GiB, TiB, PiB = 2**10, 2**20, 2**30, 2**40, 2**50

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DAYS_PER_MONTH = 30
MONTH = DAYS_PER_MONTH * DAY
YEAR = 365 * DAY

BITS_PER_BYTE = 8

_FEW = 0.001
"""Requests a second that nobody can picture."""

_DECIMAL = ("", "K", "M", "G", "T", "P", "E", "Z")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi")
_SMALL = (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3))


def number_text(value: float, digits: int = 4) -> str:
    """Write a number with thousands separators, a float to so many significant digits.

    >>> number_text(354336768), number_text(11574.074), number_text(4.125)
    ('354,336,768', '11,574', '4.125')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent < 15:
        return f"{value:.{digits - 1}e}"
    text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded_down(value: float, digits: int = 4) -> float:
    """Round a positive number down to so many digits, for a limit that a sentence names.

    >>> rounded_down(10.32656), rounded_down(10.3)
    (10.32, 10.3)
    """
    return _rounded(value, digits, math.floor)


def rounded_up(value: float, digits: int = 4) -> float:
    """Round a positive number up to so many digits.

    >>> rounded_up(0.0069923), rounded_up(7)
    (0.006993, 7.0)
    """
    return _rounded(value, digits, math.ceil)


def _rounded(value: float, digits: int, whole: Callable[[float], int]) -> float:
    if not (math.isfinite(value) and value > 0):
        return value
    places = digits - 1 - math.floor(math.log10(value))
    tidy = round(value, places)
    # A number that has no more digits stays, whatever binary fractions make of it.
    if math.isclose(tidy, value, rel_tol=1e-12):
        return float(tidy)
    return float(f"{whole(value * 10.0**places) / 10.0**places:.{digits}g}")


def prefixed_text(
    value: float, unit: str, *, binary: bool = False, decimals: int | None = 2
) -> str:
    """Write a value with the prefix that suits it; `decimals=None` drops trailing zeros.

    >>> prefixed_text(12582912, "B"), prefixed_text(12582912, "B", binary=True)
    ('12.58 MB', '12.00 MiB')
    >>> prefixed_text(16.2e9, "B", decimals=None), prefixed_text(925925925.9, "bit/s")
    ('16.2 GB', '925.93 Mbit/s')
    >>> prefixed_text(0.004, "bit/s", decimals=None), prefixed_text(0, "bit/s")
    ('less than 0.01 bit/s', '0 bit/s')
    """
    base, prefixes = (1024, _BINARY) if binary else (1000, _DECIMAL)
    places = 2 if decimals is None else decimals
    if value > 0 and not round(value, places):
        return f"less than {10.0**-places:g} {unit}"
    power, scaled = 0, value
    while abs(round(scaled, places)) >= base and power < len(prefixes) - 1:
        power += 1
        scaled = value / base**power
    exact = power == 0 and float(value).is_integer()
    text = f"{scaled:,.0f}" if exact else f"{scaled:,.{places}f}"
    if decimals is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    prefix = prefixes[power]
    # A kilobyte is KB, as in the course's sources; every other kilo is the SI's small k.
    return f"{text} {prefix if unit.startswith('B') else prefix.replace('K', 'k')}{unit}"


def size_text(value: float) -> str:
    """Write bytes in decimal units alone and without trailing zeros, as people say a size.

    >>> size_text(2000), size_text(16.2e9)
    ('2 KB', '16.2 GB')
    """
    return prefixed_text(value, "B", decimals=None)


def bytes_text(value: float, *, decimals: int | None = 2) -> str:
    """Write bytes in decimal and in binary units, both at once.

    >>> bytes_text(12582912), bytes_text(256)
    ('12.58 MB (12.00 MiB)', '256 B')
    """
    decimal = prefixed_text(value, "B", decimals=decimals)
    if abs(value) < KB:
        return decimal
    return f"{decimal} ({prefixed_text(value, 'B', binary=True, decimals=decimals)})"


def seconds_text(value: float) -> str:
    """Write a time in the unit in which people say it.

    >>> seconds_text(0.009615384), seconds_text(113), seconds_text(86400 * 267.09)
    ('9.615 ms', '1 min 53 s', '267.1 days')
    """
    for name, size in _SMALL:
        if 0 < float(f"{abs(value) / size:.4g}") < 1000:  # 999.96 ms are told as 1 s
            return f"{number_text(value / size)} {name}"
    if MINUTE <= value < DAY:
        whole = round(value) if value < HOUR else round(value / MINUTE)
        large, small = divmod(whole, 60)
        names = ("min", "s") if value < HOUR else ("h", "min")
        return f"{large} {names[0]}" + (f" {small} {names[1]}" if small else "")
    name, size = ("day", DAY) if abs(value) >= DAY else ("s", 1)
    return f"{number_text(value / size)} {plural(name, value / size)}"


def quantity_text(value: float, unit: str, beside: float | None = None) -> str:
    """Write a value with its unit, as the lessons print it, in that of the value beside it.

    >>> quantity_text(6000000000, "byte"), quantity_text(112, "accelerator")
    ('6.00 GB (5.59 GiB)', '112 accelerators')
    >>> quantity_text(2039e9, "byte/s"), quantity_text(0.25, "share")
    ('2.04 TB/s', '25 %')
    >>> quantity_text(75e12, "byte/month"), quantity_text(98304, "byte/token")
    ('75 TB a month', '98.30 KB (96.00 KiB) a token')
    >>> quantity_text(1 / 86400, "request/s"), quantity_text(100 / 86400, "request/s")
    ('1 request/day', '0.001157 requests/s')
    """
    if unit == "byte":
        return bytes_text(value)
    if unit in ("byte/day", "byte/month"):
        return f"{size_text(value)} a {unit[5:]}"
    if unit == "byte/token":
        return f"{bytes_text(value)} a token"
    if unit == "byte/s":
        return prefixed_text(value, "B/s", decimals=None)
    if unit in ("bit/s", "FLOP/s", "FLOP", "W"):
        return prefixed_text(value, unit, decimals=None)
    if unit == "s":
        return seconds_text(value)
    if (
        unit == "request/s" and 0 < (value if beside is None else beside) < _FEW
    ):  # a few people's: told by the day
        value, unit = float(f"{value * DAY:.4g}"), "request/day"
    if unit == "share":
        return f"{number_text(value * 100)} %"
    return f"{number_text(value)} {plural(unit, value)}".rstrip()


def share_text(share: float, decimals: int = 0) -> str:
    """Write a share in per cent.

    >>> share_text(0.25), share_text(0.0003, decimals=1), share_text(1234)
    ('25 %', '0.0 %', '123,400 %')
    """
    return f"{share * 100:,.{decimals}f} %"


def plural(unit: str, value: float) -> str:
    """Give the unit in the number that goes with the value.

    >>> plural("token", 1), plural("copy", 2), plural("request/s", 3), plural("pass", 4)
    ('token', 'copies', 'requests/s', 'passes')
    """
    if value == 1 or not unit:
        return unit
    head, slash, tail = unit.partition("/")
    if head in _UNCOUNTED:
        return unit
    if head == "matrix":
        return "matrices"
    if head.endswith("y") and not head.endswith("day"):
        return f"{head[:-1]}ies{slash}{tail}"
    return f"{head}{'es' if head.endswith('s') else 's'}{slash}{tail}"


_UNCOUNTED = frozenset({"%", "FLOP", "W", "Wh", "kWh", "kg", "s", "min", "h", "USD"})
