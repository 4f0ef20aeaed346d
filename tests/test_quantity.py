"""A quantity: its range in words, and the check of a value against it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from estimator import glossary
from estimator.glossary import QUANTITIES
from estimator.quantity import LARGEST, Quantity, check_each

COUNT = Quantity("tokens", "S", "token", "sequence length", "Tokens of one sequence", 128)
DIVISOR = Quantity("rate", "F", "FLOP/s", "compute rate", "Its rate", 312, low_open=True)
LAYERS = Quantity("n_layers", "N", "layer", "number of layers", "Layers", 24, whole=True)
SHARE = Quantity("share", "x", "", "index share", "A share", 0.25, high=10)
FACTOR = Quantity("passes", "P", "pass", "passes", "Passes of a model", 2, low=1, high=10)
WARMTH = Quantity("warmth", "T", "degree", "warmth", "May be below 0", 1, low=-5, high=5)
# A unit is singular; with "/" it is for each of what follows. None is a plain number.
UNITS = {
    "", "FLOP", "FLOP/s", "USD", "USD/h", "USD/month", "W", "Wh", "accelerator", "bit", "bit/s",
    "block", "byte", "byte/day", "byte/month", "byte/s", "byte/token", "copy", "day", "epoch",
    "expert", "group", "h", "h/month", "head", "kWh/month", "kg", "kg/month", "layer", "link",
    "matrix", "month", "page", "parameter", "pass", "position", "prompt", "replica", "request",
    "request/day", "request/month", "request/s", "row", "s", "sequence", "share", "stage", "step",
    "token", "token/s", "user", "vector", "weight",
}  # fmt: skip
TARGET = Quantity("target", "u", "", "target", "A target", 0.7, high=1, low_open=True)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (COUNT, "0 tokens or more"),
        (DIVISOR, "more than 0 FLOP/s"),
        (LAYERS, "a whole number, 0 layers or more"),
        (SHARE, "from 0 to 10"),
        (TARGET, "more than 0, at most 1"),
    ],
)
def test_a_range_in_words(entry: Quantity, text: str) -> None:
    assert entry.range_text == text


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        (COUNT, 0),
        (COUNT, 0.0),
        (COUNT, 0.5),
        (COUNT, LARGEST),
        (DIVISOR, math.ulp(0.0)),
        (LAYERS, 24),
        (LAYERS, 24.0),
        (SHARE, 10),
        (TARGET, 1),
    ],
)
def test_a_value_in_range_comes_back_unchanged(entry: Quantity, value: float) -> None:
    checked = entry.check(value)
    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("entry", "value", "sentence"),
    [
        (COUNT, -1, "tokens is -1, but the sequence length must be 0 tokens or more: "
                    "give for example 128."),
        (COUNT, math.nan, "tokens is nan, but"),
        (COUNT, math.inf, "tokens is inf, but"),
        (COUNT, 10**400, "tokens is about 10^400, but"),
        (DIVISOR, 0, "rate is 0, but the compute rate must be more than 0 FLOP/s"),
        (DIVISOR, -math.ulp(0.0), "rate is -5e-324, but"),
        (LAYERS, 1.5, "n_layers is 1.5, but the number of layers must be a whole number"),
        (SHARE, 10.5, "share is 10.5, but the index share must be from 0 to 10"),
        (TARGET, 0, "target is 0, but the target must be more than 0, at most 1"),
        (COUNT, -1e20, "tokens is -1e+20, but"),
        (COUNT, -(10**15), "tokens is -1e+15, but"),
        (COUNT, 1 - 10**15, "tokens is -999999999999999, but"),
        (COUNT, 10**310, "tokens is about 10^310, but the sequence length must be 0 tokens or "
                         "more, but no more than a float can hold: give for example 128."),
        (SHARE, 11, "share is 11, but the index share must be from 0 to 10: give for"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_in_a_sentence(
    entry: Quantity, value: float, sentence: str
) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        entry.check(value)
    assert str(caught.value).startswith(sentence)
    assert not entry.allows(value)


@pytest.mark.parametrize("value", ["3", None, True, [1, 2], 1j, {}, "x" * 100])
def test_what_is_no_number_is_refused_in_a_sentence(value: object) -> None:
    with pytest.raises(TypeError, match=r"^tokens is .*, but the sequence length must be a number"):
        COUNT.check(value)


def test_a_long_text_is_shortened() -> None:
    for length, shown in ((38, "'" + "x" * 38 + "'"), (39, "'" + "x" * 36 + "...")):
        with pytest.raises(TypeError) as caught:
            COUNT.check("x" * length)
        assert str(caught.value).startswith(f"tokens is {shown} (str), but")
    with pytest.raises(TypeError, match=r"^tokens is 'x{36}\.\.\. \(str\)"):
        COUNT.check("x" * 100)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "uint64", "float32", "float64"])
def test_arrays_become_float64(kind: str) -> None:
    checked = COUNT.check(np.array([0, 1, 2], dtype=kind))
    assert checked.dtype == np.float64
    assert checked.tolist() == [0.0, 1.0, 2.0]


def test_what_only_a_longer_float_holds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^tokens\[1\] is .*, but the sequence length must be"):
        COUNT.check(np.array(["1", "1e4000"]).astype(np.longdouble))


def test_arrays_of_any_shape_pass_and_empty_ones_too() -> None:
    assert COUNT.check(np.ones((2, 3))).shape == (2, 3)
    assert COUNT.check(np.array([])).shape == (0,)


def test_a_numpy_number_becomes_python_s_own() -> None:
    checked = COUNT.check(np.int64(7))
    assert checked == 7
    assert type(checked) is int
    assert type(COUNT.check(np.float32(0.5))) is float


@pytest.mark.parametrize(
    ("array", "where"),
    [
        ([1.0, -1.0], "tokens[1] is -1"),
        ([[1.0, 2.0], [3.0, math.nan]], "tokens[1][1] is nan"),
        ([math.inf, 1.0], "tokens[0] is inf"),
        ([1, 2, -3], "tokens[2] is -3"),
    ],
)
def test_the_first_wrong_element_of_an_array_is_named(array: list[Any], where: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        COUNT.check(np.array(array))
    assert str(caught.value).startswith(f"{where}, but the sequence length")


@pytest.mark.parametrize(
    ("entry", "array", "where"),
    [
        (COUNT, [-1.0, 2.0, -3.0], "tokens[0] is -1"),
        (SHARE, [10.0, 10.5], "share[1] is 10.5"),
        (SHARE, [0.0, -0.5], "share[1] is -0.5"),
        (DIVISOR, [1.0, 0.0], "rate[1] is 0"),
        (DIVISOR, [0.0, 1.0], "rate[0] is 0"),
        (FACTOR, [1.0, 0.5], "passes[1] is 0.5"),
        (WARMTH, [-5.0, 5.0, -5.5], "warmth[2] is -5.5"),
        (COUNT, [1, 10**400], "tokens[1] is about 10^400"),
        (COUNT, [1, -(10**400)], "tokens[1] is about -10^400"),
    ],
)
def test_an_element_at_an_end_is_in_the_range_and_one_past_it_is_not(
    entry: Quantity, array: list[Any], where: str
) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        entry.check(np.array(array))
    assert str(caught.value).startswith(f"{where}, but")


@pytest.mark.parametrize(
    ("entry", "array"),
    [
        (COUNT, [0.0, LARGEST]),
        (DIVISOR, [5e-324, LARGEST]),
        (SHARE, [0.0, 10.0]),
        (TARGET, [5e-324, 1.0]),
        (FACTOR, [1.0, 10.0]),
    ],
)
def test_an_array_in_range_is_not_looked_at_row_by_row(
    entry: Quantity, array: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Quantity, "_refuse_first")
    assert entry.check(np.array(array)).tolist() == array


@pytest.mark.parametrize("array", [[-0.0, 1.0], [-5.0, 5.0]])
def test_a_zero_below_zero_and_a_range_below_zero_pass(array: list[float]) -> None:
    assert WARMTH.check(np.array(array)).tolist() == array
    assert COUNT.check(np.array([-0.0, 1.0])).tolist() == [0.0, 1.0]


def test_the_largest_float_passes_as_an_integer_in_an_array() -> None:
    assert COUNT.check(np.array([int(LARGEST), 1])).tolist() == [LARGEST, 1]


def test_integers_past_64_bits_pass_in_an_array() -> None:
    checked = COUNT.check(np.array([10**21, 1]))
    assert checked.dtype == np.float64
    assert checked.tolist() == [1e21, 1.0]


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([True]), np.array([1j]), np.array([None, 1])]
)
def test_an_array_of_something_else_is_refused(array: Any) -> None:
    with pytest.raises(TypeError, match="must be a number"):
        COUNT.check(array)


def test_draws_need_not_be_whole() -> None:
    assert LAYERS.check(np.array([1.5])).tolist() == [1.5]


def test_symbols_pass() -> None:
    symbol = sympy.Symbol("x")
    assert COUNT.check(symbol) is symbol


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_allows_agrees_with_the_range(value: float) -> None:
    assert COUNT.allows(value) == (0 <= value <= LARGEST)
    assert DIVISOR.allows(value) == (0 < value <= LARGEST)
    assert SHARE.allows(value) == (0 <= value <= 10)
    assert TARGET.allows(value) == (0 < value <= 1)


@pytest.mark.parametrize("entry", QUANTITIES.values(), ids=list(QUANTITIES))
def test_an_entry_of_the_glossary_is_complete(entry: Quantity) -> None:
    assert entry.name.isidentifier()
    assert entry.symbol
    assert entry.label
    assert entry.unit in UNITS, (
        f"{entry.unit} is new: see what estimator.units makes of it, then name it in UNITS"
    )
    assert entry.meaning[0].isupper(), "the meaning begins with a capital letter"
    assert entry.meaning[-1] != ".", "the meaning ends without a full stop: it stands in sentences"
    assert entry.low < entry.high
    assert entry.allows(entry.usual), f"the usual value must be {entry.range_text}"


def test_no_unit_is_known_that_nothing_has() -> None:
    assert not UNITS - {entry.unit for entry in QUANTITIES.values()}, "take these out of UNITS"


def test_the_glossary_knows_its_names_and_says_so_of_others() -> None:
    assert glossary.quantity("tokens").symbol == "S"
    with pytest.raises(KeyError, match="nothing is not in the glossary"):
        glossary.quantity("nothing")
    with pytest.raises(ValueError, match="tokens stands twice"):
        glossary.merge([COUNT], [COUNT])


def test_a_person_is_stopped_where_there_are_no_more_people_and_a_formula_is_not() -> None:
    users = QUANTITIES["users"]
    assert users.check(1e300) == 1e300
    # The world had 8.2 billion people in 2024.
    assert users.asked.check(8_200_000_000) == 8_200_000_000
    said = "users is 1e.300, but the number of users must be from 0 to 10,000,000,000 users: give"
    with pytest.raises(ValueError, match=said):
        users.asked.check(1e300)
    with pytest.raises(ValueError, match="must be from 0 to 100,000 requests/day"):
        QUANTITIES["requests_per_user"].asked.check(100_001)
    assert COUNT.asked is COUNT


def test_several_are_checked_together_and_all_that_is_wrong_is_told() -> None:
    entries = {name: glossary.quantity(name) for name in ("tokens", "batch")}
    assert check_each(entries, {"tokens": 3, "batch": 2.5}) == {"tokens": 3, "batch": 2.5}
    with pytest.raises(ValueError, match=r"tokens is -1.* batch is 'x'"):
        check_each(entries, {"tokens": -1, "batch": "x"})
