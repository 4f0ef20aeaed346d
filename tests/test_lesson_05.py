"""Lesson 05: the course's systems, one page with ranges, levers, panel, report, tables of many."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.lesson import lesson_05 as lesson
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS, chain_of
from estimator.lesson.lesson_05_figures import tornado_chart
from estimator.lesson.lesson_05_levers import halving
from estimator.lesson.lesson_05_model import OTHERS, others_of
from estimator.lesson.lesson_05_report import report_html
from estimator.uncertainty import DRAWS, Range
from tests.seen import column
from tests.services import given

NAME = "05-size-a-service"
ROOT = Path(__file__).parents[1]
TEXT = lesson.case("text")


# --- The systems, and what the course has published -----------------------------------------


def test_every_system_of_the_course_is_declared() -> None:
    assert tuple(catalog.systems())[: len(COURSE_SYSTEMS)] == COURSE_SYSTEMS
    for system in catalog.systems().values():
        assert set(system.sources) == {"model", "prompt_tokens", "passes", "sizes"}
        assert system.prompt_tokens == tuple(sorted(system.prompt_tokens))
        assert system.passes == tuple(sorted(system.passes))


def golden() -> dict[str, dict[str, str]]:
    with open(ROOT / "tests" / "data" / "golden.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("key", COURSE_SYSTEMS)
def test_published_figures_are_those_of_the_golden_rows_and_our_chain_gives_them(key: str) -> None:
    rows = golden()
    for entry in catalog.published(key):
        row = rows[entry.golden]
        assert entry.text.startswith(row["published"].split("/")[0])
        computed = chain_of(lesson.case(key), entry.quantity)
        assert computed == pytest.approx(float(row["exact"]), rel=1e-9)
        assert len(entry.reason) > 10


def test_the_course_s_rows_on_whole_systems_are_all_shown() -> None:
    shown = {entry.golden for key in COURSE_SYSTEMS for entry in catalog.published(key)}
    whole = {i for i in golden() if re.match(r"store-|gpus-text-|egress-text-", i)}
    assert whole <= shown


def test_where_nothing_is_published_the_table_says_so() -> None:
    table = lesson.published_table(*COURSE_SYSTEMS)
    rows = [[str(cell) for cell in row] for row in table.rows]
    silent = {row[0] for row in rows if row[2] == "none published"}
    assert {"image captioning", "speech recognition"} <= silent
    assert {row[0] for row in rows} == {catalog.system(key).name for key in COURSE_SYSTEMS}
    compared = [[str(cell) for cell in row] for row in lesson.published_table().rows]
    assert compared == [row for row in rows if row[2] != "none published"]
    assert all(row[5] for row in rows)
    by_name = {(row[0], row[1]): row for row in rows}
    image = by_name[("text to image", "number of accelerators")]
    assert image[2:4] == ["61", "61 accelerators"]
    video = by_name[("text to video", "number of accelerators")]
    assert video[2:4] == ["8,208", "8,180 accelerators"]


def test_prices_are_dated_and_have_sources() -> None:
    for price in catalog.prices().values():
        assert price.range.low <= price.range.likely <= price.range.high
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", price.date)
        assert price.source
        assert price.place
        assert price.accelerator in catalog.accelerators()
    assert all(re.match(r"20\d\d", guess.date) for guess in catalog.guesses().values())
    table = lesson.price_table()
    listed = {str(row[0]) for row in table.rows}
    assert listed == set(catalog.prices())
    said = table.note.partition("catalog for ")[2].partition(":")[0].split(", ")
    assert listed.isdisjoint(said)
    assert listed | set(said) == set(catalog.accelerators())


# --- The answers, by hand -------------------------------------------------------------------


def test_the_text_service_by_hand() -> None:
    p = TEXT.point
    assert p["daily_bytes"] == 2_500_000_000_000
    assert p["kept_bytes"] == 75_000_000_000_000 + 1_000_000_000_000
    assert p["weight_bytes"] == 6_000_000_000
    assert p["requests_per_s"] == pytest.approx(1e9 / 86_400)
    assert p["egress_bits_per_s"] == pytest.approx(1e9 / 86_400 * 10_000 * 8)
    assert p["peak_egress_bits_per_s"] == pytest.approx(2 * p["egress_bits_per_s"])
    assert p["accelerators"] == 223  # 2 x 3e9 x 1,000 / 312e12 s x 11,574 a second are 222.58
    fleet = p["planned_accelerators"]
    assert p["accelerator_usd_per_month"] == pytest.approx(fleet * 720 * 2.79)
    assert p["storage_usd_per_month"] == pytest.approx(76_000 * 0.021)
    assert p["egress_usd_per_month"] == pytest.approx(3e10 * 10_000 / 1e9 * 0.05)
    assert p["usd_per_item"] == pytest.approx(p["usd_per_month"] / 3e10)
    assert p["usd_per_million_passes"] == pytest.approx(p["usd_per_item"] / 500 * 1e6)
    assert p["power_watts"] == pytest.approx(fleet * 400 * 1.34 * 1.56)
    cache = p["batch"] * 1000 * 114_688
    assert p["replica_bytes"] == pytest.approx(6e9 + 2e9 + cache)


def test_a_picture_costs_its_patches() -> None:
    one = lesson.case("image")
    # 100 steps, 2 FLOP a parameter and patch, 11,574 a second, at 312 TFLOP/s.
    busy = 100 * 2 * 8.1e9 * 4096 / 312e12 * 1e9 / 86_400
    assert one.point["accelerators"] == pytest.approx(busy, abs=1)
    assert one.point["planned_accelerators"] > 2 * busy / 0.75


def test_the_same_load_sized_one_by_one() -> None:
    assert column(lesson.check_table(), "ratio")[:4] == ["1.000"] * 4


def test_a_video_s_price_is_near_what_a_host_asks() -> None:
    *_, (_, there, here, ratio, where) = lesson.check_table().rows
    # 128 passes of 44,776 tokens take 475 s of an H100 at 3.99 USD an hour.
    assert (there, here, ratio) == ("0.41", "0.527", "1.284")
    assert 0.7 < float(str(ratio)) < 1.5
    assert "replicate.com" in str(where)


def test_a_floor_is_under_the_plan_for_every_system() -> None:
    for key in COURSE_SYSTEMS:
        point = lesson.case(key).point
        assert point["accelerators"] < point["planned_accelerators"]


def test_a_system_of_one_s_own_is_a_few_lines() -> None:
    desk = replace(catalog.system("text"), key="desk", name="help desk", passes=(90, 100, 110))
    one = lesson.case(desk, users=1_000_000)
    assert one.point["usd_per_month"] < lesson.case("text", users=1_000_000).point["usd_per_month"]
    assert "Help desk" in lesson.your_service(one, one.intervals(100)).text
    assert "help desk" in report_html(one, one.intervals(100))


def test_a_system_of_one_s_own_is_served_as_the_parameters_say() -> None:
    desk = replace(catalog.system("text"), key="desk", name="help desk", passes=(90, 100, 110))
    mine = {"accelerator": "H100-SXM", "precision": "FP8", "model": "llama-3.1-8b"}
    one = lesson.your_case(given(**mine, peak_factor=3), desk)
    assert (one.system.name, one.accelerator, one.precision) == ("help desk", "H100-SXM", "FP8")
    assert (one.x["peak_factor"], one.x["passes"]) == (3, 100)
    assert one.x["n_params"] == 8_030_261_248


def test_the_page_says_which_bytes_it_counts() -> None:
    assert "A request brings 2 KB, its answer has 10 KB, and 2 KB are stored" in (
        lesson.one_page(TEXT, TEXT.intervals()).note
    )
    twice = lesson.case("image").ranged(Range("size_factor", 1, 2, 4))
    note = lesson.one_page(twice, twice.intervals(50)).note
    assert "brings 4 KB, its image has 2 MB, and 2 MB are stored, as the system declares" in note


def test_the_engine_s_line_is_the_parts_of_its_step_and_little_s_law() -> None:
    table = lesson.step_table(TEXT)
    parts = [float(text.split()[0]) for text in column(table, "time")]
    assert sum(parts) == pytest.approx(float(str(table.total[1]).split()[0]), abs=0.01)
    assert parts[1] == pytest.approx(400 * 750 * 114_688 / (0.843 * 2.039e12) * 1e3, rel=0.01)
    assert float(str(table.total[1]).split()[0]) < 50
    assert "A request takes 25.25 s" in table.note
    assert 1461 < 2e9 / 86_400 * 25.25 / 400 < 1462
    line = next(row for row in lesson.chain_table(TEXT).rows if "an engine" in str(row[0]))
    assert table.note.endswith(f"rounded up, {line[1]} replicas.")


def test_every_accelerator_with_a_price_is_held_against_the_reader_s() -> None:
    table = lesson.accelerators_table(TEXT)
    assert sorted(column(table, "accelerator")) == sorted(catalog.prices())
    shares = [float(text.removesuffix(" %")) for text in column(table, table.headers[-1])]
    assert shares == sorted(shares)
    listed = dict(zip(column(table, "accelerator"), shares, strict=True))
    assert listed["A100-SXM-80GB"] == 100
    other = lesson.case("text", accelerator="L40S").point["usd_per_month"]
    assert listed["L40S"] == pytest.approx(100 * other / TEXT.point["usd_per_month"], abs=0.5)
    assert "No price is known of" in table.note
    assert "MI300X" in table.note


# --- Ranges ---------------------------------------------------------------------------------


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
    assert "With nothing doubted" in lesson.your_service(one, found).text
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


# --- What matters ---------------------------------------------------------------------------


def test_the_tornado_s_bars_are_bills_that_one_computes_alone() -> None:
    table = lesson.swing_table(TEXT)
    row = next(row for row in table.rows if row[0] == "price of an accelerator")
    cheap = lesson.case("text", usd_per_accelerator_hour=1.39).point["usd_per_month"]
    assert str(row[2]) == f"{cheap / 1e6:.3g} million USD"
    widths = [float(str(row[4]).rstrip(" %")) for row in table.rows]
    assert widths == sorted(widths, reverse=True)


def test_the_figure_tells_its_numbers() -> None:
    alt = tornado_chart(TEXT).alt
    assert "3.93 M" in alt
    assert "requests of a user a day 1.97 M to 7.86 M" in alt


@pytest.mark.parametrize("key", ["text", "image", "retrieval"])
def test_a_lever_that_halves_the_bill_does(key: str) -> None:
    one = lesson.case(key)
    solved = [pull for pull in halving(one) if pull.value is not None]
    assert len(solved) >= 4
    for pull in solved:
        changed = {pull.name: np.array([pull.value])}
        share = float(one.bill(changed)[0]) / one.point["usd_per_month"]
        assert 0.45 <= share <= 0.5001, pull


def test_a_lever_that_cannot_says_what_is_left() -> None:
    rows = {str(row[0]): [str(cell) for cell in row] for row in lesson.halving_table(TEXT).rows}
    assert rows["target utilization"][2] == "cannot"
    assert "75.1 % of the bill is left" in rows["target utilization"][3]
    assert rows["target time per token"][2] == "cannot"
    assert rows["accelerator"][2] == "RTX-4090"
    assert "of those with a price: 49.5 % of the bill is left" in rows["accelerator"][3]
    assert rows["price of an accelerator"][2] == "1.39 USD/h"
    only_stored = "A100-SXM-80GB stores weights in it, and computes at 16 bits"
    assert rows["precision"][3].endswith(only_stored)
    fast = lesson.halving_table(lesson.case("text", accelerator="H100-SXM"))
    assert only_stored[14:] not in next(str(row[3]) for row in fast.rows if row[0] == "precision")


def test_a_small_service_reads_true() -> None:
    one = lesson.case("text", users=5_000, accelerator="RTX-4090", usd_per_accelerator_hour=0.35)
    said = lesson.your_service(one, one.intervals(200)).text
    assert ", 2 accelerators, and " in said
    assert "; the ranges leave it at 2 accelerators. The power" in said
    rows = {str(row[0]): [str(cell) for cell in row] for row in lesson.halving_table(one).rows}
    assert rows["accelerator"][2:] == [
        "cannot", "L40S is the best of those with a price: 3.11 times the bill"
    ]  # fmt: skip


def test_a_picture_s_bill_is_halved_by_another_accelerator() -> None:
    rows = {str(r[0]): [str(c) for c in r] for r in lesson.halving_table(lesson.case("image")).rows}
    assert rows["accelerator"][2] == "L40S"


# --- Inputs ---------------------------------------------------------------------------------


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
    ):
        with pytest.raises(ValueError, match=says):
            TEXT.ranged(mine)
    with pytest.raises(TypeError, match="users has 'a' in its range, but low, likely and high"):
        Range("users", "a", 5, 9)  # type: ignore[arg-type]


def test_all_that_is_wrong_with_others_is_told() -> None:
    with pytest.raises(ValueError, match="pue is") as caught:
        others_of("pue = 0.1, usd_per_kwh=-1, seed = -1, foo = 2, retention_days = 9")
    for start in ("usd_per_kwh is -1", "seed is -1", "others is 'foo'"):
        assert start in str(caught.value)
    assert "retention_days is" not in str(caught.value)


def test_others_are_read_from_text() -> None:
    assert others_of("") == {}
    assert others_of(" pue=1.2 ; retention_days = 90,") == {"pue": 1.2, "retention_days": 90}
    assert set(OTHERS) | set(lesson.PARAMETERS) == set(lesson.DEFAULTS)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"system": "txt"}, "system is 'txt'.* 'text'"),
        ({"users": 0}, "users is 0"),
        ({"users": -1}, "users is -1"),
        ({"requests_per_user": 0}, "requests_per_user is 0"),
        ({"precision": "FP17"}, "precision is 'FP17'"),
        ({"accelerator": "A101"}, "accelerator is 'A101'"),
        ({"passes": 0.5}, "passes is 0.5, .* must be 0 for the system's own, or from 1 to"),
        ({"passes": -3}, "passes is -3"),
        ({"doubt": 9}, "doubt is 9"),
        ({"others": "seed = 1.5"}, "seed is 1.5"),
        ({"others": "pu = 1.2"}, "others is 'pu'"),
        ({"others": "pue = much"}, "others has 'pue = much'"),
        ({"others": "pue = 0.5"}, "pue is 0.5"),
        ({"others": "pue = 2, pue = 3"}, "gives pue twice"),
    ],
)
def test_impossible_parameters_get_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        given(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"accelerator": "L4"}, "no price of an hour of L4"),
        ({"accelerator": "L4"}, "give what you pay in USD, or choose one that has a price"),
        ({"accelerator": "TPU-v5p", "usd_per_accelerator_hour": 4}, "no power of TPU-v5p"),
        ({"accelerator": "TPU-v5p"}, "no price of an hour of TPU-v5p .* no power of TPU-v5p"),
        ({"n_params": 5e12}, "No replica of up to 8 A100-SXM-80GB serves"),
        ({"others": "token_target_seconds = 0.0001"}, "with a token every 0.1 ms"),
    ],
)
def test_what_cannot_be_sized_says_what_to_do(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        lesson.your_case(given(**changes))


def test_a_price_and_a_power_of_one_s_own_make_any_accelerator_possible() -> None:
    one = lesson.your_case(
        given(accelerator="TPU-v5p", usd_per_accelerator_hour=4, others="accelerator_watts = 300")
    )
    fleet = one.point["planned_accelerators"]
    assert one.point["accelerator_usd_per_month"] == pytest.approx(fleet * 720 * 4)
    assert one.point["power_watts"] == pytest.approx(fleet * 300 * 1.34 * 1.56)


def test_the_course_s_scenarios_name_parameters_and_every_system() -> None:
    with open(ROOT / "scenarios" / "course.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) - {"name"} <= set(lesson.PARAMETERS)
    assert [row["system"] for row in rows] == list(COURSE_SYSTEMS)
    assert len({row["name"] for row in rows}) == len(rows)


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
        lesson.case("text").ranged(lesson.Range("prompt_tokens", 4e8, 5e8, 6e8))
