"""Lesson 05 as a table of many services, and on models other than the systems' own."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.lesson import check
from estimator.lesson import lesson_05 as lesson
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS
from estimator.lesson.lesson_05_levers import pencil_range
from estimator.lesson.lesson_05_model import OTHERS
from estimator.lesson.lesson_05_panel import PANEL_DRAWS, ends_of, sentence, service_panel
from estimator.uncertainty import Range
from tests.services import given

LLAMA_70B = 70_553_706_496


# --- Another model --------------------------------------------------------------------------


def test_a_model_brings_its_parameters_layers_and_cache() -> None:
    one = lesson.case("text", model="llama-3.1-70b")
    shape = one.system.shape
    assert one.x["n_params"] == LLAMA_70B
    assert (shape.n_layers, shape.d_model, shape.cache_heads) == (80, 8192, 8)
    assert shape.cache_bytes_per_token() == 2 * 80 * 8 * 128 * 2
    count_alone = lesson.case("text", n_params=LLAMA_70B)
    assert one.point["weight_bytes"] == count_alone.point["weight_bytes"] == 2 * LLAMA_70B
    assert one.point["planned_accelerators"] > 1.2 * count_alone.point["planned_accelerators"]


def test_the_text_names_the_model_and_says_when_only_its_count_is_another() -> None:
    one = lesson.your_case(given(model="qwen2.5-14b"))
    assert lesson.your_service(one, one.intervals(50)).text.startswith(
        "**Text to text, Qwen2.5 14B, FP16 on A100-SXM-80GB.** "
    )
    one = lesson.your_case(given(n_params=7_000_000_000))
    said = (
        "Llama 3.2 3B (as the course rounds it) with 7,000,000,000 parameters in its layers, FP16"
    )
    assert said in lesson.your_service(one, one.intervals(50)).text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "llama-9"}, "model is 'llama-9', which is not on the list of"),
        ({"model": "mixtral-8x7b"}, "model is 'mixtral-8x7b', which is not on the list of"),
        ({"system": "image", "model": "llama-3.1-8b"}, "text to image takes no model of text"),
        ({"accelerator": "L4", "n_params": 30e9, "usd_per_accelerator_hour": 0.7},
         "One L4 does not serve text to text at FP16 with a token every 50 ms, and how fast"),
        ({"user": 5}, "argument is 'user', which is not on the list of"),
    ],
)  # fmt: skip
def test_what_cannot_be_put_together_is_told(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        lesson.case(**changes)


@pytest.mark.parametrize(("count", "error"), [(0, ValueError), ("x", TypeError)])
def test_a_system_without_a_count_is_refused(count: Any, error: type[Exception]) -> None:
    made = replace(catalog.system("text"), n_params=count)
    with pytest.raises(error, match=r"^n_params is "):
        lesson.case(made)


def test_the_panel_keeps_the_reader_s_model_for_the_reader_s_system() -> None:
    panel = service_panel(given(model="llama-3.1-70b"))
    assert panel.boxes["n_params"].value == pytest.approx(LLAMA_70B / 1e9)
    at_70b = panel.output.value
    panel.boxes["system"].value = "retrieval"
    assert panel.boxes["n_params"].value == pytest.approx(8.030261248)
    panel.boxes["system"].value = "text"
    assert panel.boxes["n_params"].value == pytest.approx(LLAMA_70B / 1e9)
    assert "33,188 A100-SXM-80GB" in at_70b


# --- Tables of many services ----------------------------------------------------------------


def table_of(rows: int, seed: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    system = rng.choice(list(COURSE_SYSTEMS), rows)
    return {
        "system": system,
        "accelerator": rng.choice(["A100-SXM-80GB", "H100-SXM", "B200-SXM"], rows),
        "precision": rng.choice(["FP16", "FP8", "INT4 g128", "NVFP4"], rows),
        "users": rng.integers(1_000, 10**9, rows).astype(float),
        "requests_per_user": rng.uniform(0.1, 50, rows),
        "peak_factor": rng.uniform(1, 6, rows),
        "prompt_tokens": rng.choice([0.0, 20, 700, 3500], rows),
        "passes": rng.choice([0.0, 33, 200, 900], rows),
        "n_params": rng.choice([0.0, 1.5e9, 70e9], rows),
        "model": np.where(
            np.isin(system, ["text", "speech", "recognition", "retrieval"]),
            rng.choice(["", "llama-3.1-8b", "qwen2.5-14b"], rows),
            "",
        ),
        "others": rng.choice(["", "pue = 1.1, retention_days = 365"], rows),
    }


def row_of(columns: dict[str, Any], row: int) -> dict[str, Any]:
    return {name: column[row].item() for name, column in columns.items()}


def test_a_table_gives_the_digits_of_each_case() -> None:
    columns = table_of(60)
    found = lesson.point_results(columns)
    assert set(found) == set(lesson.KEYS)
    for row in range(60):
        point = lesson.case(**row_of(columns, row)).point
        assert {key: lesson.plain(found[key][row]) for key in found} == point


def test_a_row_that_cannot_be_sized_is_nan_and_the_others_are_not() -> None:
    found = lesson.point_results(
        {
            "accelerator": np.array(["A100-SXM-80GB", "L4", "A100-SXM-80GB"]),
            "n_params": np.array([0.0, 0, 5e12]),
        }
    )
    assert np.isnan(found["usd_per_month"]).tolist() == [False, True, True]


def test_a_table_refuses_what_is_out_of_range_or_unknown() -> None:
    with pytest.raises(ValueError, match="pue"):
        lesson.point_results({"pue": np.array([1.2, 0.3])})
    with pytest.raises(ValueError, match="column is 'usrs'"):
        lesson.point_results({"usrs": np.array([1.0])})


def test_intervals_of_a_table_are_those_of_each_case() -> None:
    columns = {"users": np.array([1e6, 1e8]), "system": np.array(["speech", "image"])}
    found = lesson.interval_results(columns)
    for row in range(2):
        one = lesson.case(str(columns["system"][row]), users=float(columns["users"][row]))
        flat = lesson.flat(one.intervals())
        assert {name: values[row] for name, values in found.items()} == flat


def test_a_row_of_a_long_table_has_the_digits_of_its_case() -> None:
    columns = table_of(100_000)
    found = lesson.point_results(columns)
    assert np.isfinite(found["usd_per_month"]).mean() > 0.99
    for row in (0, 50_000, 99_999):
        point = lesson.case(**row_of(columns, row)).point
        assert {key: lesson.plain(found[key][row]) for key in found} == point


# --- What stands beside it ------------------------------------------------------------------


def test_the_plan_of_lesson_04_stands_between_the_course_s_count_and_ours() -> None:
    table = lesson.chain_table(lesson.case("text"))
    counts = {str(row[0]): str(row[1]) for row in table.rows}
    assert counts["the three bounds of lesson 04"] == "546"
    assert table.note.startswith(
        "Lesson 04 counts 273 by its bounds for the mean load, and plans 736"
    )
    for key in ("image", "video"):
        assert "lesson 04" not in str(lesson.chain_table(lesson.case(key)))


def test_the_floor_of_the_arithmetic_is_at_the_rate_of_the_precision() -> None:
    floors = {
        (precision, chip): lesson.case("text", precision=precision, accelerator=chip).point[
            "accelerators"
        ]
        for precision in ("FP16", "FP8")
        for chip in ("H100-SXM", "A100-SXM-80GB")
    }
    work = 1e9 / 86_400 * 2 * 3e9 * 1_000
    assert floors["FP16", "H100-SXM"] == np.ceil(work / 989e12)
    assert floors["FP8", "H100-SXM"] == np.ceil(work / 1979e12)
    assert floors["FP8", "A100-SXM-80GB"] == floors["FP16", "A100-SXM-80GB"] == 223


@pytest.mark.parametrize("doubt", [0, 1])
def test_a_count_of_parameters_alone_is_warned_of(doubt: int) -> None:
    warning = "Its layers and its cache stay those of Llama 3.2 3B"

    def said(**changes: Any) -> str:
        one = lesson.your_case(given(doubt=doubt, **changes))
        return lesson.your_service(one, one.intervals(50)).text

    assert warning in said(n_params=70_000_000_000)
    assert "set `model`" in said(n_params=70_000_000_000)
    assert "stay those" not in said()
    assert "stay those" not in said(model="llama-3.1-70b")
    assert "stay those" not in said(system="image", n_params=70_000_000_000)


def test_four_bits_have_a_row_of_their_own() -> None:
    def levers(precision: str) -> list[str]:
        one = lesson.case("text", precision=precision)
        return [str(row[0]) for row in lesson.halving_table(one).rows]

    assert "precision of four bits" in levers("FP16")
    assert "precision of four bits" not in levers("INT4 g128")


def test_the_notebook_lists_all_that_others_takes() -> None:
    text = (Path(__file__).parents[1] / "notebooks/05-size-a-service.ipynb").read_text("utf-8")
    sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
    listed = next(source for source in sources if "All that <code>others</code> takes" in source)
    names = listed.partition("</summary>")[2].partition("</details>")[0]
    assert re.findall(r"`(\w+)`", names) == list(OTHERS)


@pytest.mark.parametrize(
    ("exercise", "answer", "said"),
    [
        (lesson.month_of_accelerators, 54_000, "a quarter off, as a reserve would be"),
        (lesson.month_of_accelerators, 40 * 30 * 24 * 24 * 2.5, "hours of a day are in it twice"),
        (lesson.price_of_a_token, 2, "are counted twice"),
        (lesson.price_of_a_token, 9, "what the replica costs in an hour"),
        (lesson.middle_of_a_guess, 1_000_000, "That is their sum"),
    ],
)
def test_slips_of_the_exercises_are_named(exercise: Any, answer: float, said: str) -> None:
    assert said in check(exercise(), answer).sentence


@pytest.mark.parametrize("key", COURSE_SYSTEMS)
def test_the_pencil_s_range_is_near_that_of_the_draws(key: str) -> None:
    one = lesson.case(key)
    drawn = one.intervals()["usd_per_month"]
    near = 0.03 if key == "text" else 0.21
    assert pencil_range(one) == pytest.approx((drawn.p10, drawn.p90), rel=near)
    assert "With a pencil" in str(lesson.swing_table(one))
    assert "With a pencil" not in str(lesson.swing_table(lesson.case(key, doubt=0)))


def test_the_panel_has_the_ranges_that_the_reader_has_given() -> None:
    sure = (Range("users", 1e8, 1e8, 1e8), Range("engine_factor", 1, 1, 1))
    mine = lesson.case("text").ranged(*sure, Range("prompt_tokens", 250, 500, 2_000))

    usual, own = service_panel(given()), service_panel(given(), mine)
    assert own.last.tables[0] != usual.last.tables[0]
    point, drawn = mine.beside(PANEL_DRAWS)
    assert own.last.sentence == sentence(mine, point, ends_of(drawn))
    own.boxes["system"].value = "retrieval"
    other = lesson.case("retrieval").ranged(sure[0])  # the other two ranges are the text's
    point, drawn = other.beside(PANEL_DRAWS)
    assert own.last.sentence == sentence(other, point, ends_of(drawn))
    assert "no ranges of your own" in own.last.score


def test_a_range_of_the_reader_s_own_follows_a_control() -> None:
    mine = lesson.case("text").ranged(Range("users", 5e7, 1e8, 3e8))
    panel = service_panel(given(), mine)
    panel.boxes["users"].value = 10
    moved = lesson.case("text", users=1e7).ranged(Range("users", 5e6, 1e7, 3e7))
    point, drawn = moved.beside(PANEL_DRAWS)
    assert panel.last.sentence == sentence(moved, point, ends_of(drawn))


def test_a_case_that_is_kept_cannot_be_changed() -> None:
    one = lesson.case("text")
    assert lesson.case("text") is one
    with pytest.raises(TypeError, match="does not support item assignment"):
        one.x["users"] = 1  # type: ignore[index]
    assert one.intervals() is not one.intervals()
    assert lesson.case("text", users=1).x["users"] == 1
    assert one.x["users"] == 100_000_000
