"""Lesson 05: the ranges of a service, the course's and one's own, and the draws from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from estimator.lesson import lesson_05 as lesson
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS
from estimator.lesson.lesson_05_report import report_html, your_page
from estimator.uncertainty import DRAWS, Range
from tests.services import given

TEXT = lesson.case("text")


def test_every_answer_has_its_interval_in_order() -> None:
    for key in COURSE_SYSTEMS:
        found = lesson.case(key).intervals()
        assert set(found) == set(lesson.KEYS)
        assert all(ends.p10 <= ends.p50 <= ends.p90 for ends in found.values())


def test_ten_thousand_draws_are_one_call_of_arrays() -> None:
    drawn = TEXT.drawn()
    assert drawn["usd_per_month"].shape == (DRAWS,) == (10_000,)


def test_without_doubt_every_interval_is_the_point() -> None:
    one = lesson.case("retrieval", doubt=0)
    found = one.intervals(50)
    for name, value in one.point.items():
        assert found[name] == pytest.approx((value,) * 3), name
    assert "With nothing doubted, nothing swings: a" in lesson.your_service(one, found).text
    assert "One input at a time" not in repr(your_page(one, found))
    assert "One input at a time" not in report_html(one, found)
    picture = lesson.tornado_chart(one)
    assert picture.alt.endswith("USD. With nothing doubted, no input moves the bill.")
    assert picture.figure.get_suptitle() == "With nothing doubted, no input moves the bill"
    ranges = {str(row[0]): str(row[1]) for row in lesson.swing_table(one).rows}
    assert ranges["number of users"] == "100,000,000 users"
    assert not any(" to " in text for text in ranges.values())


def test_ends_that_three_digits_cannot_tell_apart_are_one() -> None:
    one = lesson.case("text", doubt=1e-6)
    said = lesson.your_service(one, one.intervals()).text
    assert "and four times in five about as much, to three digits. With every" in said
    assert not any(" to " in str(row[1]) for row in lesson.swing_table(one).rows)


def test_one_user_is_no_users() -> None:
    one = lesson.case("text", users=1, requests_per_user=1)
    page = lesson.one_page(one, one.intervals())
    assert page.caption == "Text to text for 1 user, 1 a day"
    cost = next(row for row in page.rows if row[0] == "cost of storage")
    assert cost[1:] == ("less than 0.01 USD",) * 4
    assert lesson.one_page(TEXT, TEXT.intervals()).caption.endswith("users, 10 a day each")


def test_more_doubt_is_a_wider_bill() -> None:
    narrow, wide = (lesson.case("text", doubt=d).intervals()["usd_per_month"] for d in (0.5, 2))
    assert wide.p90 / wide.p10 > 4 * narrow.p90 / narrow.p10


def test_a_seed_decides_the_draws() -> None:
    first, again, other = (
        lesson.case("text", seed=seed).intervals()["usd_per_month"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first.p90 == pytest.approx(other.p90, rel=0.05)


def test_extreme_doubt_and_peaks_still_have_an_answer() -> None:
    one = lesson.case("text", doubt=3, peak_factor=60, others="pue = 5")
    assert np.isfinite(one.drawn()["usd_per_month"]).all()


@pytest.mark.parametrize(
    "changes",
    [{"peak_factor": 51}, {"peak_factor": 20, "doubt": 3}, {"peak_factor": 100},
     {"others": "pue = 9"}, {"others": "pue = 10", "doubt": 3}],
)  # fmt: skip
def test_ranges_end_where_the_glossary_ends_so_that_every_bar_has_a_bill(
    changes: dict[str, Any],
) -> None:
    one = lesson.your_case(given(**changes))
    ends = {entry.name: entry.high for entry in one.ranges}
    assert ends["peak_factor"] <= 100
    assert ends["pue"] <= 10
    assert len(lesson.swing_table(one).rows) == 8
    drawn = one.drawn()["peak_egress_bits_per_s"] / one.drawn()["egress_bits_per_s"]
    assert drawn.max() <= 100 * (1 + 1e-12)
    own = lesson.case("text").ranged(Range("peak_factor", 20, 60, 400, floor=1))
    assert own.intervals(20)["usd_per_month"].p90 > 0
    assert lesson.swing_table(own).rows


def test_a_service_with_no_peak_and_a_prompt_for_a_picture_keep_what_is_given() -> None:
    one = lesson.case("image", peak_factor=1, prompt_tokens=300)
    ranges = {entry.name: entry for entry in one.ranges}
    assert (ranges["peak_factor"].low, ranges["peak_factor"].high) == (1, 1)
    assert (ranges["prompt_tokens"].low, ranges["prompt_tokens"].high) == (300, 300)
    assert one.point["usd_per_month"] < lesson.case("image").point["usd_per_month"]


def test_a_range_of_one_s_own_moves_the_middle_and_the_ends() -> None:
    one = TEXT.ranged(Range("peak_factor", 2, 4, 5, floor=1))
    assert one.point == lesson.case("text", peak_factor=4).point
    sure = TEXT.ranged(*(Range(r.name, r.likely, r.likely, r.likely) for r in TEXT.ranges))
    found = sure.intervals(20)["usd_per_month"]
    assert found == pytest.approx((TEXT.point["usd_per_month"],) * 3)
    with pytest.raises(ValueError, match="range is 'peak'"):
        TEXT.ranged(Range("peak", 1, 2, 3))


def test_larger_files_are_more_to_keep_and_to_send_and_nothing_else() -> None:
    twice = TEXT.answer({"size_factor": 2.0})
    p = TEXT.point
    assert twice["daily_bytes"] == 2 * p["daily_bytes"]
    assert twice["kept_bytes"] == p["kept_bytes"] + 75_000_000_000_000
    assert twice["egress_bits_per_s"] == pytest.approx(2 * p["egress_bits_per_s"])
    assert twice["ingress_bits_per_s"] == pytest.approx(p["ingress_bits_per_s"])
    assert twice["planned_accelerators"] == p["planned_accelerators"]


@pytest.mark.parametrize("key", COURSE_SYSTEMS)
def test_what_a_request_brings_is_doubted_unless_it_is_published(key: str) -> None:
    one = lesson.case(key)
    ends = one.intervals(1000)["ingress_bits_per_s"]
    users = one.intervals(1000)["requests_per_s"]
    spread = (ends.p90 / ends.p10) / (users.p90 / users.p10)
    table = lesson.range_table(one)
    source = next(str(row[-1]) for row in table.rows if row[0] == "factor of the sizes")
    if key == "text":  # the course has 2 KB
        assert spread == pytest.approx(1)
        assert "request" not in source
    else:
        assert spread > 1.2
        assert "so does that of a request, which is assumed" in source


def test_a_server_draws_no_less_than_its_accelerators() -> None:
    near = lesson.case("text", others="server_power_factor = 1.05")
    entry = next(one for one in near.ranges if one.name == "server_power_factor")
    assert 1 < entry.low < 1.05 < entry.high
    bare = lesson.case("text", others="server_power_factor = 1")
    assert bare.intervals(50)["power_watts"].p10 > 0
    with pytest.raises(ValueError, match=r"server_power_factor is 0\.9"):
        lesson.case("text", others="server_power_factor = 0.9")


@pytest.mark.parametrize(
    "mine",
    [Range("peak_factor", 1.5, 2, 3), Range("pue", 1.1, 1.3, 1.6), Range("passes", 1.5, 5, 10),
     Range("passes", 1, 1, 3), Range("server_power_factor", 1.1, 1.2, 2)],
)  # fmt: skip
def test_a_range_of_one_s_own_has_the_floor_of_its_input(mine: Range) -> None:
    own = TEXT.ranged(mine)
    assert own.intervals()["usd_per_month"].p10 > 0
    assert own.x[mine.name] == mine.likely


def test_a_range_of_one_s_own_is_checked_when_it_is_given() -> None:
    for mine, says in (
        (Range("peak_factor", 0.5, 2, 3), "peak_factor is 0.5, but"),
        (Range("pue", 2, 20, 30), "pue is 20, but"),
        (Range("pue", 1, 2, 3), "pue has its low at 1, which it cannot reach"),
        (Range("users", 0, 0, 0), "users is 0, but the number of users must be more than 0"),
        (Range("requests_per_user", 0, 0, 0), "requests_per_user is 0, but"),
        (Range("users", 1e9, 2e10, 3e10), "users is 20000000000, but"),
        (Range("passes", 1, 2e6, 3e6), "passes is 2000000, but"),
    ):
        with pytest.raises(ValueError, match=says):
            TEXT.ranged(mine)
    with pytest.raises(TypeError, match="users has 'a' in its range, but low, likely and high"):
        Range("users", "a", 5, 9)  # type: ignore[arg-type]


def test_ranges_of_one_s_own_go_through_the_page() -> None:
    mine = lesson.case("text").ranged(lesson.Range("users", 5e6, 1e7, 3e7))
    assert "users" in {one.name for one in mine.usual_ranges}
    told = lesson.your_service(mine, mine.intervals()).text
    assert told.endswith("The bill hangs most on the number of users.")


@pytest.mark.parametrize("tokens", [2_000, 16_000])
def test_a_likely_value_of_one_s_own_has_the_replica_that_it_needs(tokens: int) -> None:
    mine = lesson.case("text", model="llama-3.1-70b").ranged(
        lesson.Range("prompt_tokens", tokens / 2, tokens, 2 * tokens)
    )
    given = lesson.case("text", model="llama-3.1-70b", prompt_tokens=tokens)
    assert mine.width == given.width > 2
    assert mine.point == given.point


def test_a_likely_value_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="No replica of up to 8 A100-SXM-80GB"):
        lesson.case("text").ranged(lesson.Range("prompt_tokens", 8e6, 9e6, 1e7))
