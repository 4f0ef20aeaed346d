"""Lesson 05's panel: the reader's service, its task, what it refuses; and the exercises."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from estimator import catalog
from estimator.lesson import lesson_05 as lesson
from estimator.lesson.lesson_05_case import Case
from estimator.lesson.lesson_05_panel import service_panel, within
from estimator.lesson.lesson_05_report import report_html
from estimator.lesson.panel import Panel
from estimator.uncertainty import Range
from tests.seen import set_up
from tests.services import given


def set_all(panel: Panel, **values: Any) -> None:
    """Put values into boxes on a way that leads through no refusal."""
    set_up(panel, **values)
    assert panel.errors == []


def test_the_panel_starts_at_the_reader_s_service_and_says_its_range() -> None:
    panel = service_panel(given())
    assert "1,950 A100-SXM-80GB" in panel.last.sentence
    assert "0.262 USD for a million output tokens" in panel.last.sentence
    assert panel.last.score == "choose retrieval with answers first."


def test_the_task_is_solved_by_an_accelerator_and_a_precision() -> None:
    panel = service_panel(given())
    set_all(panel, system="retrieval", users=1)
    assert "within the budget in" in panel.last.score
    assert not panel.last.solved
    assert "of 500 draws; their P90 is" in panel.last.score
    set_all(panel, accelerator="H100-SXM", precision="FP8")
    assert "of 10,000 draws; their P90 is" in panel.last.score
    assert not panel.last.solved
    set_all(panel, accelerator="B200-SXM", precision="NVFP4")
    assert panel.last.solved


def test_nine_in_ten_are_counted_where_a_rounded_share_would_say_them_of_less() -> None:
    panel = service_panel(given())
    set_all(panel, system="retrieval", users=1, accelerator="H100-PCIe", precision="NVFP4")
    found = re.match(r"within the budget in ([\d,]+) of 10,000 draws; their P90", panel.last.score)
    assert found
    assert 8_950 <= int(found[1].replace(",", "")) < 9_000
    assert not panel.last.solved
    set_all(panel, accelerator="L40S", precision="FP8")
    assert re.match(r"within the budget in 9,\d{3} of 10,000 draws\.", panel.last.score)
    assert panel.last.solved


def test_the_hint_is_right_that_the_price_s_range_decides_between_h100_and_h200() -> None:
    def retrieval(accelerator: str) -> Case:
        return lesson.case("retrieval", users=1e6, accelerator=accelerator, precision="FP8")

    h100, h200 = retrieval("H100-SXM"), retrieval("H200-SXM")
    assert h100.point["usd_per_month"] == pytest.approx(h200.point["usd_per_month"], rel=0.03)
    assert within(h200.drawn(), 300_000) > 0.9 > within(h100.drawn(), 300_000) > 0.88
    likely, sure = (catalog.prices()[one].range for one in ("H100-SXM", "H200-SXM"))
    low, high = (likely.likely * end / sure.likely for end in (sure.low, sure.high))
    trusted = h100.ranged(Range(likely.name, low, likely.likely, high))
    assert within(trusted.drawn(), 300_000) > 0.9


def test_the_task_is_not_solved_by_another_service_or_price() -> None:
    panel = service_panel(given())
    set_all(panel, system="retrieval", users=1, accelerator="B200-SXM", precision="NVFP4")
    set_all(panel, usd_per_accelerator_hour=0.5)
    assert not panel.last.solved
    set_all(panel, accelerator="H100-PCIe", precision="FP8", passes=10)
    assert not panel.last.solved


def test_the_reader_s_own_system_is_in_the_list_and_is_where_the_panel_starts() -> None:
    desk = replace(
        catalog.system("text"), key="desk", name="help desk", passes=(180, 200, 220),
        prompt_tokens=(1_000, 2_000, 4_000),
    )  # fmt: skip
    mine = lesson.case(desk, users=1_000_000, requests_per_user=2, precision="FP8")
    panel = service_panel(given(), mine)
    names = [name for name, _ in panel.boxes["system"].options]
    assert names == [*(s.name for s in catalog.systems().values()), "help desk (your own)"]
    assert {n: b.value for n, b in panel.boxes.items() if n in ("system", "users", "passes")} == {
        "system": "desk", "users": 1, "passes": 200,
    }  # fmt: skip
    assert panel.boxes["precision"].value == "FP8"
    fleet = f"{mine.point['planned_accelerators']:,}"
    assert f"at likely values {fleet} A100-SXM-80GB" in panel.last.sentence
    set_all(panel, system="retrieval", requests_per_user=10, accelerator="B200-SXM")
    set_all(panel, precision="NVFP4")
    assert panel.last.solved
    set_all(panel, system="desk")
    assert panel.boxes["prompt_tokens"].value == 2_000
    assert panel.last.score == "choose retrieval with answers first."


def test_a_system_added_to_the_data_is_in_the_list_and_nothing_is_published_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = replace(catalog.system("text"), key="desk", name="help desk")
    every = {**catalog.systems(), "desk": desk}
    monkeypatch.setattr(catalog, "systems", lambda: every)
    assert ("help desk", "desk") in service_panel(given()).boxes["system"].options
    one = lesson.case(desk)
    assert "Published figures" not in report_html(one, one.intervals(200))


def test_an_accelerator_without_a_price_keeps_the_reader_s_and_the_list_says_so() -> None:
    panel = service_panel(given(accelerator="L4", usd_per_accelerator_hour=0.8))
    assert "L4" in panel.last.sentence
    set_all(panel, accelerator="H100-SXM")
    assert panel.boxes["usd_per_accelerator_hour"].value == 3.99
    set_all(panel, accelerator="L4")
    assert panel.boxes["usd_per_accelerator_hour"].value == 0.8
    assert "any other is set, with its price, in the parameters" in str(panel.glossary())


def test_a_system_fills_its_numbers_and_an_accelerator_its_price() -> None:
    panel = service_panel(given())
    set_all(panel, system="video")
    assert panel.boxes["passes"].value == 128
    assert panel.boxes["n_params"].value == pytest.approx(14.7)
    assert "for one video" in panel.last.sentence
    set_all(panel, accelerator="H100-SXM")
    assert panel.boxes["usd_per_accelerator_hour"].value == 3.99


def test_what_cannot_be_is_told_in_the_panel() -> None:
    panel = service_panel(given())
    panel.boxes["n_params"].value = 40_000
    assert "No replica of up to 8" in panel.output.value


@pytest.mark.parametrize(
    ("name", "label"),
    [("users", "number of users"), ("requests_per_user", "requests of a user a day"),
     ("n_params", "number of parameters"), ("passes", "passes of the model")],
)  # fmt: skip
def test_a_typed_0_is_refused_by_its_name_where_there_must_be_some(name: str, label: str) -> None:
    panel = service_panel(given())
    panel.boxes[name].value = 0
    assert f"{name} is 0, but the {label}" in panel.output.value


def test_a_typed_0_is_a_0_and_not_the_catalog_s_value() -> None:
    panel = service_panel(given())

    def bill(**typed: float) -> str:
        set_all(panel, **typed)
        return str(re.findall(r"A month costs about [^,]*", panel.last.sentence)[0])

    start = bill()
    one, none = bill(prompt_tokens=1), bill(prompt_tokens=0)
    assert one == none != start  # a decoder starts from a token at least
    assert bill(prompt_tokens=500) == start
    free = bill(usd_per_accelerator_hour=0)
    assert "million" not in free
    accelerators = panel.last.tables[1].rows[0]
    assert str(accelerators[1]) == "0 USD"
    # 76,000 GB at 0.021 USD and 300,000 GB at 0.05 USD.
    given_away = lesson.case("text", ["usd_per_accelerator_hour"], usd_per_accelerator_hour=0)
    assert given_away.point["usd_per_month"] == pytest.approx(16_596)


@pytest.mark.parametrize("doubt", [0, 3])
def test_the_task_has_its_own_doubt(doubt: float) -> None:
    panel = service_panel(given(doubt=doubt, others="pue = 2, token_target_seconds = 1"))
    set_all(panel, system="retrieval", users=1)
    assert not panel.last.solved
    assert "counted at a doubt of 1" in panel.last.score
    said = panel.last.sentence
    assert said.startswith("With nothing doubted, a month costs ") is (doubt == 0)
    assert ("four times in five" in said) is (doubt != 0)
    set_all(panel, accelerator="B200-SXM", precision="NVFP4")
    assert panel.last.solved


def test_a_row_of_a_page_has_one_unit() -> None:
    one = lesson.case("text", users=1000)
    rows = lesson.one_page(one, one.intervals()).rows
    row = next(row for row in rows if "cost of a request" in str(row[0]))
    assert str(row[1]) == "0.01339 USD"
    assert not any("million" in str(cell) for cell in row[1:])
    panel = service_panel(given(users=1000))
    row = next(row for row in panel.last.tables[0].rows if row[0] == "cost of a request")
    assert not any("million" in str(cell) for cell in row[1:])


# --- Exercises ------------------------------------------------------------------------------


def test_exercise_answers_by_hand() -> None:
    assert lesson.month_of_accelerators().answer == 72_000
    assert lesson.price_of_a_token().answer == pytest.approx(1.0)
    assert lesson.middle_of_a_guess().answer == 300_000
    assert lesson.what_to_halve().answer == pytest.approx(3.99 * 240_000 / 640_000)
