"""Lesson 2's formulas: what users leave behind, a day, a month, and over the years."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.user_data import (
    active_users,
    cold_bytes,
    daily_bytes,
    grown_bytes,
    hot_bytes,
    hot_share,
    index_bytes,
    monthly_bytes,
    profile_bytes,
    requests_per_day,
    retained_bytes,
    storage_usd_per_month,
    users_after,
)

people = st.integers(0, 10**10)
a_day = st.integers(0, 1000)
size = st.integers(0, 10**9)
share = st.floats(0, 1)
volume = st.integers(0, 10**16)
days = st.integers(1, 3650)


def test_the_course_s_calculator_row_by_row() -> None:
    assert profile_bytes(100_000_000, 10_000) == 1_000_000_000_000
    assert requests_per_day(100_000_000, 10) == 1_000_000_000
    assert daily_bytes(100_000_000, 10, 2_000) == 2_000_000_000_000
    assert index_bytes(100_000_000, 10, 2_000, 0.25) == 500_000_000_000
    assert daily_bytes(100_000_000, 10, 2_000, 0.25) == 2_500_000_000_000
    assert monthly_bytes(2_500_000_000_000) == 75_000_000_000_000


@given(people, a_day, size)
def test_counts_and_sizes_multiply_and_stay_exact(users: int, each: int, record: int) -> None:
    assert profile_bytes(users, record) == users * record
    assert requests_per_day(users, each) == users * each
    assert daily_bytes(users, each, record) == users * each * record
    assert type(daily_bytes(users, each, record)) is int


@given(people, a_day, size, st.floats(0, 1))
def test_the_index_comes_on_top_of_the_interactions(
    users: int, each: int, record: int, index: float
) -> None:
    bare, index_alone = daily_bytes(users, each, record), index_bytes(users, each, record, index)
    assert daily_bytes(users, each, record, index) == pytest.approx(bare + index_alone)
    assert index_alone == pytest.approx(bare * index)


@given(volume, days, st.integers(1, 9), st.integers(1, 9))
def test_what_is_kept_is_copies_of_days_over_the_compression(
    a_day_s: int, keep: int, copies: int, ratio: int
) -> None:
    kept = retained_bytes(a_day_s, keep, copies, ratio)
    assert kept == pytest.approx(a_day_s * keep * copies / ratio)
    assert retained_bytes(a_day_s, keep) == a_day_s * keep
    assert retained_bytes(a_day_s * ratio, keep, copies, ratio) == a_day_s * keep * copies
    assert retained_bytes(a_day_s, 30) == monthly_bytes(a_day_s)


@given(people, share)
def test_no_more_users_are_active_than_registered(registered: int, active: float) -> None:
    assert active_users(registered, active) == pytest.approx(registered * active)
    assert active_users(registered, active) <= registered
    assert active_users(registered, 1) == registered


@given(people, st.floats(0, 1), st.integers(0, 60))
def test_growth_compounds(users: int, growth: float, months: int) -> None:
    now, later = users_after(users, growth, months), users_after(users, growth, months + 1)
    assert later == pytest.approx(now * (1 + growth))
    assert users_after(users, growth, 0) == users
    assert users_after(users, 0, months) == users
    assert users_after(users, 1, months) == users * 2**months


@given(volume, st.floats(0, 1), st.integers(0, 60))
def test_months_of_growing_users_are_summed_month_by_month(
    first_month: int, growth: float, months: int
) -> None:
    by_month = [users_after(first_month, growth, month) for month in range(months)]
    expected = math.fsum(float(value) for value in by_month)
    assert grown_bytes(first_month, growth, months) == pytest.approx(expected, rel=1e-9)


def test_without_growth_months_multiply_exactly() -> None:
    assert grown_bytes(75 * 10**12, 0, 12) == 900 * 10**12
    assert type(grown_bytes(75 * 10**12, 0, 12)) is int
    assert grown_bytes(75 * 10**12, 0.05, 0) == 0
    assert grown_bytes(75 * 10**12, 1, 3) == 75 * 10**12 * (1 + 2 + 4)


def test_growth_of_many_draws_at_once() -> None:
    growth = np.array([0.0, 0.05, 1.0])
    expected = [12.0, (1.05**12 - 1) / 0.05, 4095.0]
    assert grown_bytes(1, growth, 12) == pytest.approx(np.array(expected))


@given(volume, days, st.integers(0, 3650))
def test_hot_and_cold_are_all_that_is_kept(kept: int, keep: int, hot: int) -> None:
    part = hot_share(hot, keep)
    assert part == pytest.approx(min(1.0, hot / keep))
    assert hot_bytes(kept, part) == pytest.approx(kept * min(hot, keep) / keep)
    assert hot_bytes(kept, part) + cold_bytes(kept, part) == pytest.approx(kept)


@given(volume, volume, st.floats(0, 1), st.floats(0, 1))
def test_each_tier_costs_its_own_price(hot: int, cold: int, dear: float, cheap: float) -> None:
    usd = storage_usd_per_month(hot, cold, dear, cheap)
    assert usd == pytest.approx(hot / 1e9 * dear + cold / 1e9 * cheap)
    assert storage_usd_per_month(10**9, 0, 0.02, 0.004) == pytest.approx(0.02)
    assert storage_usd_per_month(0, 10**9, 0.02, 0.004) == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: daily_bytes(100, 10, 2_000, 25), "index_share is 25, but .* from 0 to 1:"),
        (lambda: active_users(100, 20), "active_share is 20, but .* from 0 to 1:"),
        (lambda: users_after(100, 5, 12), "monthly_growth is 5, but .* from 0 to 1:"),
        (lambda: users_after(100, 0.05, 2.5), "months is 2.5, but .* a whole number"),
        (lambda: retained_bytes(100, 30, 1, 0.5), "compression_ratio is 0.5, .* from 1 to 1,000"),
        (lambda: retained_bytes(100, 30, 0), "replicas is 0, but .* 1 copy or more"),
        (lambda: hot_share(7, 0), "retention_days is 0, but .* more than 0"),
        (lambda: monthly_bytes(100, 365), "days_per_month is 365, but .* from 0 to 31 days"),
        (lambda: hot_bytes(100, 1.5), "hot_share is 1.5, but .* from 0 to 1:"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
