"""Ranges and draws: quantiles that come back, seeds, tornado and levers on known answers."""

from __future__ import annotations

import doctest
import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator import uncertainty
from estimator.uncertainty import (
    DRAWS,
    Lever,
    Range,
    draw,
    percentiles,
    pulls,
    tornado,
)

POSITIVE = st.floats(0.01, 1e6)


def test_a_tenth_lies_above_z90() -> None:
    assert pytest.approx(NormalDist().inv_cdf(0.9), rel=1e-15) == uncertainty.Z90


def test_every_doctest_holds() -> None:
    assert doctest.testmod(uncertainty).failed == 0
    assert doctest.testmod(uncertainty).attempted >= 5


@given(POSITIVE, st.floats(1, 100), st.floats(1, 100))
def test_a_range_passes_through_its_three_numbers(likely: float, down: float, up: float) -> None:
    one = Range("x", likely / down, likely, likely * up)
    # The normal distribution leaves a tenth above 1.2815515655.
    assert one.at(0.0) == pytest.approx(likely)
    assert one.at(-1.2815515655446004) == pytest.approx(one.low)
    assert one.at(1.2815515655446004) == pytest.approx(one.high)


def test_an_array_of_places_gives_what_each_place_gives() -> None:
    one = Range("x", 1, 2, 8, floor=0.5)
    places = np.array([-2.0, -0.5, 0.0, 0.7, 3.0])
    assert one.at(places).tolist() == pytest.approx([one.at(float(z)) for z in places])


def test_draws_have_the_declared_percentiles_and_never_cross_the_floor() -> None:
    drawn = draw([Range("peak_factor", 1.5, 2, 4, floor=1)])["peak_factor"]
    assert drawn.shape == (DRAWS,)
    assert drawn.min() > 1
    assert percentiles(drawn) == pytest.approx((1.5, 2, 4), rel=0.03)


def test_the_logarithm_of_each_side_is_normal() -> None:
    one = Range("x", 50, 100, 400)
    drawn = np.sort(draw([one])["x"])
    above = np.log(drawn[drawn > 100] / 100)
    # Half of a normal distribution: its mean is its width times the root of 2 / pi.
    width = math.log(4) / 1.2815515655446004
    assert above.mean() == pytest.approx(width * math.sqrt(2 / math.pi), rel=0.03)


def test_the_same_seed_gives_the_same_draws_and_another_one_others() -> None:
    ranges = [Range("a", 1, 2, 3), Range("b", 1, 2, 3)]
    first, again, other = draw(ranges, 7), draw(ranges, 7), draw(ranges, 8)
    assert np.array_equal(first["a"], again["a"])
    assert not np.array_equal(first["a"], other["a"])
    assert not np.array_equal(first["a"], first["b"])


def test_another_input_leaves_the_draws_of_the_others() -> None:
    alone = draw([Range("a", 1, 2, 3)])["a"]
    assert np.array_equal(draw([Range("z", 1, 2, 3), Range("a", 1, 2, 3)])["a"], alone)


def test_inputs_are_independent() -> None:
    drawn = draw([Range("a", 1, 2, 3), Range("b", 1, 2, 3)])
    assert abs(np.corrcoef(drawn["a"], drawn["b"])[0, 1]) < 0.03


def test_doubt_widens_by_powers_and_none_leaves_one_value() -> None:
    one = Range("x", 50, 100, 300)
    assert (one.widened(2).low, one.widened(2).high) == pytest.approx((25, 900))
    assert (one.widened(0).low, one.widened(0).high) == pytest.approx((100, 100))
    assert set(draw([one.widened(0)])["x"].round(9)) == {100.0}


def test_a_range_ends_where_the_input_has_its_largest_value() -> None:
    one = Range("peak_factor", 30, 51, 101, floor=1)
    assert one.limited(100) == Range("peak_factor", 30, 51, 100, floor=1)
    assert one.limited(101) is one
    assert one.limited(math.inf) is one


@pytest.mark.parametrize(
    ("low", "likely", "high", "floor"), [(3, 2, 4, 0), (1, 2, 1.5, 0), (0.5, 2, 3, 1), (1, 2, 3, 1)]
)
def test_a_range_out_of_order_is_refused(
    low: float, likely: float, high: float, floor: float
) -> None:
    with pytest.raises(ValueError, match=r"x (ranges|has its low)"):
        Range("x", low, likely, high, floor)


def product(of: Mapping[str, Any]) -> Any:
    return of["a"] * of["b"] ** 2


def test_a_product_of_lognormals_has_the_known_spread() -> None:
    # Logarithms add: the width of a b is the root of the sum of the squared widths.
    ranges = [Range("a", 50, 100, 200), Range("b", 10, 100, 1000)]
    drawn = draw(ranges)
    ends = percentiles(drawn["a"] * drawn["b"])
    factor = math.exp(math.hypot(math.log(2), math.log(10)))
    assert ends.p90 / ends.p50 == pytest.approx(factor, rel=0.06)
    assert ends.p50 / ends.p10 == pytest.approx(factor, rel=0.06)


def test_a_tornado_moves_one_input_and_sorts_by_width() -> None:
    swings = tornado(product, [Range("a", 1, 2, 4), Range("b", 1, 3, 4)])
    assert [(s.name, s.at_low, s.at_high) for s in swings] == [("b", 2, 32), ("a", 9, 36)]
    assert [s.width for s in swings] == [30, 27]


def test_levers_are_solved_alone_or_told_to_be_too_short() -> None:
    a, b = pulls(product, [Lever("a", 8, 0), Lever("b", 4, 1)])
    (short,) = pulls(lambda of: of["b"] ** 2, [Lever("b", 4, 3)])
    assert a.value == pytest.approx(4, rel=1e-3)
    assert b.value == pytest.approx(4 / math.sqrt(2), rel=1e-3)
    assert short.value is None
    assert short.at_limit == pytest.approx(9 / 16)


def test_a_lever_on_a_bill_in_steps_reaches_its_goal() -> None:
    (pull,) = pulls(lambda of: np.ceil(of["a"]), [Lever("a", 9.5, 0.1)])
    assert pull.value is not None
    assert math.ceil(pull.value) == 5


def test_a_rate_that_helps_when_it_grows() -> None:
    (pull,) = pulls(lambda of: 12 / of["a"], [Lever("a", 0.4, 1)])
    assert pull.value == pytest.approx(0.8, rel=1e-2)


# --- Ends -------------------------------------------------------------------------------------


def test_what_is_not_said_is_ten_thousand_draws_of_the_first_seed_above_0() -> None:
    one = Range("x", 1, 2, 3)
    assert one == Range("x", 1, 2, 3, floor=0)
    assert np.array_equal(draw([one])["x"], draw([one], seed=1, count=10_000)["x"])
    assert draw([one], count=7)["x"].shape == (7,)


def test_a_range_of_one_value_is_that_value_everywhere() -> None:
    for one in (Range("x", 2, 2, 2), Range("x", 1, 1, 1, floor=1), Range("x", 0, 0, 5)):
        assert [one.at(z) for z in (-1.0, 0.0, 2.0)] == [one.likely] * 3
        assert one.at(np.array([-1.0, 2.0])).tolist() == [one.likely] * 2
        assert one.widened(3) == one or one.low == one.high


def test_half_a_range_may_be_certain() -> None:
    one = Range("x", 2, 2, 8)
    assert one.at(-3.0) == pytest.approx(2)
    assert one.at(1.2815515655446004) == pytest.approx(8)
    assert Range("x", 0, 0, 0).at(1.0) == 0


def test_a_range_without_doubt_is_itself_and_doubt_starts_at_the_floor() -> None:
    one = Range("x", 3, 5, 9, floor=1)
    assert one.widened(1) is one
    # Above the floor of 1 the factors are 2/4 and 8/4; their squares are 1/4 and 4.
    assert one.widened(2) == Range("x", 1 + 4 / 4, 5, 1 + 4 * 4, floor=1)


def test_a_largest_value_below_the_likely_one_is_refused_later() -> None:
    one = Range("x", 3, 5, 9)
    assert one.limited(4) is one
    assert one.limited(5) == Range("x", 3, 5, 5)
    assert one.limited(9) is one


@pytest.mark.parametrize(
    ("low", "likely", "high"), [(1, 2, math.inf), (-1, 2, 3), (math.nan, 2, 3), (0, 2, 3)]
)
def test_a_range_has_finite_ends_above_its_floor(low: float, likely: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"^x (ranges from|has its low at 0)"):
        Range("x", low, likely, high)


def test_a_tornado_of_three_inputs_by_hand() -> None:
    ranges = [Range("a", 1, 2, 3), Range("b", 3, 5, 9), Range("c", 1, 1, 2)]
    swings = tornado(lambda of: of["a"] + 10 * of["b"] + 100 * of["c"], ranges)
    assert [(s.name, s.at_low, s.at_high) for s in swings] == [
        ("c", 152, 252), ("b", 132, 192), ("a", 151, 153)
    ]  # fmt: skip


def test_a_swing_has_its_width_in_either_direction() -> None:
    (swing,) = tornado(lambda of: 12 / of["a"], [Range("a", 1, 2, 3)])
    assert (swing.at_low, swing.at_high, swing.width) == (12, 4, 8)


def test_an_answer_that_depends_on_nothing_has_no_swing_and_no_lever() -> None:
    (swing,) = tornado(lambda of: 5.0, [Range("a", 1, 2, 3)])
    assert swing.width == 0
    (pull,) = pulls(lambda of: 5.0, [Lever("a", 2, 1)])
    assert (pull.value, pull.at_limit) == (None, 1)


def test_a_lever_is_pulled_to_another_goal_and_down_to_nothing() -> None:
    (quarter,) = pulls(lambda of: of["a"], [Lever("a", 8, 0)], goal=0.25)
    assert quarter.value == pytest.approx(2, rel=1e-3)
    assert quarter.at_limit == 0
    (now,) = pulls(lambda of: of["a"], [Lever("a", 8, 1)], goal=1)
    assert (now.name, now.now, now.value) == ("a", 8, 8)
    (end,) = pulls(lambda of: of["a"], [Lever("a", 8, 4)])
    assert end.value == pytest.approx(4)


@pytest.mark.parametrize(("now", "limit"), [(1000, 1), (1, 0.001)])
def test_a_lever_is_found_as_closely_at_either_end(now: float, limit: float) -> None:
    # 200 places from end to end, and 200 more between two of them, all by factors.
    fine = math.log(1000) / 199**2
    for goal in np.geomspace(0.9, 0.0011, 20).tolist():
        (pull,) = pulls(lambda of: of["a"], [Lever("a", now, limit)], goal)
        assert pull.value is not None
        assert 1 - 1.05 * fine < pull.value / now / goal < 1 + 1e-9


def test_a_lever_is_pulled_up_from_nothing() -> None:
    (pull,) = pulls(lambda of: 5 - of["a"], [Lever("a", 0, 4)])
    assert pull.value == pytest.approx(2.5, rel=1e-3)


@pytest.mark.parametrize("end", [True, "2", None])
def test_an_end_that_is_no_number_is_told_in_a_sentence(end: Any) -> None:
    for ends in ((end, 2, 3), (1, end, 3), (1, 2, end), (1, 2, 3, end)):
        with pytest.raises(TypeError, match=f"^a has {end!r} in its range, but low, likely and hi"):
            Range("a", *ends)
