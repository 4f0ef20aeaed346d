"""Lesson 05: what matters and what halves a bill, and inputs that are refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.lesson import lesson_05 as lesson
from estimator.lesson.inputs import declared_by
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS
from estimator.lesson.lesson_05_figures import tornado_chart
from estimator.lesson.lesson_05_levers import halving
from estimator.lesson.lesson_05_model import OTHERS, others_of
from tests.services import given

ROOT = Path(__file__).parents[1]
TEXT = lesson.case("text")


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
    table = lesson.halving_table(TEXT)
    rows = {str(row[0]): [str(cell) for cell in row] for row in table.rows}
    assert rows["target utilization"][2] == "cannot"
    assert "75.1 % of the bill is left" in rows["target utilization"][3]
    named = "target time per token, days of retention, factor of the sizes, price of hot storage"
    assert table.note.startswith(f"99.0 % of it or more is left whatever is done with: {named}")
    assert not rows.keys() & set(table.note.partition(": ")[2].rstrip(".").split(", "))
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
    assert "target time per token" not in rows, "a picture gives no tokens"


def test_weights_of_four_bits_are_computed_at_16_where_there_is_no_rate_for_them() -> None:
    def planned(accelerator: str, precision: str) -> float:
        one = lesson.case("text", accelerator=accelerator, precision=precision)
        return one.point["planned_accelerators"]

    assert planned("H100-SXM", "NVFP4") > planned("H100-SXM", "FP8")
    assert planned("H100-SXM", "NVFP4") == planned("H100-SXM", "INT4 g128")
    assert planned("B200-SXM", "NVFP4") < planned("B200-SXM", "FP8")


def test_a_system_of_the_reader_s_own_is_one_of_the_course_with_other_numbers() -> None:
    desk = lesson.system_like("text", "help desk", "logs", passes=(1, 2, 3), output_bytes=800)
    text = TEXT.system
    assert (desk.name, desk.passes, desk.output_bytes) == ("help desk", (1, 2, 3), 800)
    assert (desk.prompt_tokens, desk.request_bytes) == (text.prompt_tokens, text.request_bytes)
    assert desk.course_units is None
    own = {name for name, source in desk.sources.items() if source != text.sources[name]}
    assert own == {"passes", "sizes"}
    with pytest.raises(ValueError, match=r"^number is 'passse', which is not on the list"):
        lesson.system_like("text", "help desk", "logs", passse=(1, 2, 3))


def test_a_grown_system_has_less_spare_to_pay_for() -> None:
    table = lesson.growing_table(TEXT.system, 1e5, 1e8, requests_per_user=10)
    small, large = ([str(cell) for cell in row] for row in table.rows)
    assert large == ["100,000,000", "1,950", "1", "0.262 USD", "1"]
    few = lesson.case("text", users=1e5).point
    times = few["usd_per_million_passes"] / TEXT.point["usd_per_million_passes"]
    assert small[1] == f"{few['planned_accelerators']:.0f}"
    assert float(small[4]) == pytest.approx(times, rel=0.005)


# --- Inputs ---------------------------------------------------------------------------------


def test_all_that_is_wrong_with_others_is_told() -> None:
    with pytest.raises(ValueError, match="pue is") as caught:
        others_of("pue = 0.1, usd_per_kwh=-1, seed = -1, foo = 2, retention_days = 9")
    for start in ("usd_per_kwh is -1", "seed is -1", "others is 'foo'"):
        assert start in str(caught.value)
    assert "retention_days is" not in str(caught.value)


@pytest.mark.parametrize("name", ["users", "requests_per_user"])
def test_none_of_what_a_price_is_divided_by_is_refused_by_its_name(name: str) -> None:
    none: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"^{name} is 0"):
        lesson.case("text", **none)
    with pytest.raises(ValueError, match=rf"^{name}\[1\] is 0"):
        lesson.point_results({name: np.array([5.0, 0.0])})


def test_all_that_is_wrong_is_told_at_once_further_inputs_too() -> None:
    with pytest.raises(ValueError, match="users is -1") as raised:
        given(system="txt", users=-1, others="foo = 1,,")
    assert "system is 'txt'" in str(raised.value)
    assert "others is 'foo'" in str(raised.value)


def test_a_batch_knows_how_others_are_read() -> None:
    declared = declared_by(given)
    assert declared is not None
    for text in ("foo = 1", "pue = 0.2", "pue = 1.2, pue = 1.3", "pue"):
        assert declared.check({"others": text})[1], text
    assert declared.check({"others": "pue = 1.2"}) == ({"others": "pue = 1.2"}, [])
    assert declared.check({"passes": 0.5})[1]
    assert declared.quantities["passes"].check(np.array([0.0, 7.0])).tolist() == [0, 7]
    with pytest.raises(ValueError, match=r"passes\[1\] is 0.5"):
        declared.quantities["passes"].check(np.array([0.0, 0.5]))


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
        ({"others": "replicas = 0.0"}, "replicas is 0, but .* must be a whole number"),
        ({"others": "replicas = 1.5"}, r"replicas is 1\.5, but"),
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
