"""Units and the text of a quantity."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator import units
from estimator.units import (
    bytes_text,
    number_text,
    plural,
    prefixed_text,
    quantity_text,
    rounded_down,
    rounded_up,
    seconds_text,
    share_text,
)


def test_decimal_and_binary_prefixes() -> None:
    assert (units.KB, units.MB, units.GB, units.TB, units.PB) == (
        10**3, 10**6, 10**9, 10**12, 10**15,
    )  # fmt: skip
    assert (units.KiB, units.MiB, units.GiB, units.TiB, units.PiB) == (
        2**10, 2**20, 2**30, 2**40, 2**50,
    )  # fmt: skip


def test_times() -> None:
    assert (units.MINUTE, units.HOUR, units.DAY) == (60, 3600, 86_400)
    assert (units.MONTH, units.YEAR) == (30 * 86_400, 365 * 86_400)
    assert units.BITS_PER_BYTE == 8


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (12582912, "12,582,912"),
        (11574.074, "11,574"),
        (1234.5678, "1,235"),
        (123.45678, "123.5"),
        (0.0012345678, "0.001235"),
        (0.00012345, "0.0001234"),
        (0.00001, "1.000e-05"),
        (9.9996, "10"),
        (1e15, "1.000e+15"),
        (-2.5, "-2.5"),
        (100.0, "100"),
        (math.inf, "inf"),
        (0.0001, "0.0001"),
        (12_345.6, "12,346"),
        (999.96, "1,000"),
        (1e14, "100,000,000,000,000"),
    ],
)
def test_a_number(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_number_with_more_digits() -> None:
    assert number_text(11574.074, digits=7) == "11,574.07"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.5, "999.50 B"),
        (1000, "1.00 KB (1,000 B)"),
        (12582912, "12.58 MB (12.00 MiB)"),
        (708673536, "708.67 MB (675.84 MiB)"),
        (999_996, "1.00 MB (976.56 KiB)"),
        (2**30, "1.07 GB (1.00 GiB)"),
        (37.5e15, "37.50 PB (33.31 PiB)"),
    ],
)
def test_bytes(value: float, text: str) -> None:
    assert bytes_text(value) == text


@given(st.integers(0, 10**20))
def test_the_suffix_tells_which_prefix_it_is(value: int) -> None:
    for base in (1000, 1024):
        number, suffix = prefixed_text(value, "B", binary=base == 1024).split(" ")
        power = "KMGTPEZ".index(suffix[0]) + 1 if len(suffix) > 1 else 0
        read = float(number.replace(",", "")) * base**power
        assert read == pytest.approx(value, rel=0.006, abs=0.5)
        assert ("i" in suffix) == (base == 1024 and power > 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.009615384, "9.615 ms"),
        (2e-6, "2 µs"),
        (3e-9, "3 ns"),
        (1.4713, "1.471 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (86_400, "1 day"),
        (0, "0 s"),
        (90, "1 min 30 s"),
        (3599, "59 min 59 s"),
        (3661, "1 h 1 min"),
        (5400, "1 h 30 min"),
        (86_340, "23 h 59 min"),
        (172_800, "2 days"),
        (129_600, "1.5 days"),
        (-90, "-90 s"),
        (-0.002, "-2 ms"),
        (-172_800, "-2 days"),
        (1, "1 s"),
        (0.001, "1 ms"),
        (1e-6, "1 µs"),
        (0.99996, "1 s"),
        (0.9994, "999.4 ms"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert seconds_text(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.5e12, "byte/day", "2.5 TB a day"),
        (75e12, "byte/month", "75 TB a month"),
        (98304, "byte/token", "98.30 KB (96.00 KiB) a token"),
        (185185185.2, "bit/s", "185.19 Mbit/s"),
        (312e12, "FLOP/s", "312 TFLOP/s"),
        (18e9, "FLOP", "18 GFLOP"),
        (3.6e21, "FLOP", "3.6 ZFLOP"),
        (2039e9, "byte/s", "2.04 TB/s"),
        (0.0096, "s", "9.6 ms"),
        (0.25, "share", "25 %"),
        (1, "accelerator", "1 accelerator"),
        (112, "accelerator", "112 accelerators"),
        (3, "copy", "3 copies"),
        (4, "", "4"),
        (0.001, "request/s", "0.001 requests/s"),
        (0.000999, "request/s", "86.31 requests/day"),
        (0, "request/s", "0 requests/s"),
        (-0.0005, "request/s", "-0.0005 requests/s"),
    ],
)
def test_a_quantity(value: float, unit: str, text: str) -> None:
    assert quantity_text(value, unit) == text


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("token", "tokens"),
        ("copy", "copies"),
        ("day", "days"),
        ("matrix", "matrices"),
        ("request/s", "requests/s"),
        ("request/day", "requests/day"),
        ("FLOP/s", "FLOP/s"),
        ("USD/month", "USD/month"),
        ("", ""),
    ],
)
def test_a_unit_in_the_plural(unit: str, text: str) -> None:
    assert plural(unit, 2) == text
    assert plural(unit, 1) == unit


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [
        (10.32656, 10.32, 10.33),
        (0.55555, 0.5555, 0.5556),
        (123_456, 123_400, 123_500),
        (0.0012341, 0.001234, 0.001235),
        (7, 7, 7),
        (0.1 + 0.2, 0.3, 0.3),  # 0.30000000000000004, by round-off alone
        (0, 0, 0),
        (-2.55555, -2.55555, -2.55555),
        (math.inf, math.inf, math.inf),
    ],
)
def test_a_limit_is_rounded_to_its_safe_side(value: float, down: float, up: float) -> None:
    assert (rounded_down(value), rounded_up(value)) == (down, up)


def test_a_limit_with_fewer_digits() -> None:
    assert (rounded_down(0.0699, 2), rounded_up(0.0691, 2)) == (0.069, 0.07)


@pytest.mark.parametrize(
    ("value", "unit", "binary", "text"),
    [
        (1e21, "B", False, "1.00 ZB"),
        (1e24, "B", False, "1,000.00 ZB"),
        (2.0**80, "B", True, "1,024.00 ZiB"),
        (-5000, "B", False, "-5.00 KB"),
        (5000, "W", False, "5.00 kW"),
        (1023, "B", True, "1,023 B"),
        (1023.999, "B", True, "1.00 KiB"),
        (999.994, "B", False, "999.99 B"),
        (999.996, "B", False, "1.00 KB"),
        (2.5, "B", False, "2.50 B"),
    ],
)
def test_prefixes_at_their_ends(value: float, unit: str, binary: bool, text: str) -> None:
    assert prefixed_text(value, unit, binary=binary) == text


def test_prefixes_with_fewer_decimals() -> None:
    assert prefixed_text(1500, "B", decimals=None) == "1.5 KB"
    assert prefixed_text(1000, "B", decimals=None) == "1 KB"
    assert prefixed_text(999.6, "B", decimals=0) == "1 KB"
    assert prefixed_text(300, "W", decimals=None) == "300 W"
    assert bytes_text(1500, decimals=1) == "1.5 KB (1.5 KiB)"
    assert bytes_text(-5000) == "-5.00 KB (-4.88 KiB)"


def test_shares() -> None:
    assert (share_text(0.256), share_text(0.256, 1)) == ("26 %", "25.6 %")
