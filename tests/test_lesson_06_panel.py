"""Lesson 06's panel: a reader's case, its task, and the measured runs around it."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

import pytest

from estimator.lesson import lesson_06 as lesson
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_case import Case, estimate, nearby
from estimator.lesson.lesson_06_panel import largest_promised, waits_table
from estimator.lesson.panel import Panel
from estimator.units import seconds_text
from tests.seen import row, set_up
from tests.serving_rows import shipped_lines

DEFAULTS: dict[str, Any] = {
    "model": "llama-3.1-8b", "accelerator": "H100-SXM", "engine": "trtllm",
    "precision": "bfloat16", "tensor_parallel": 2, "batch": 64, "prompt_tokens": 1024,
    "output_tokens": 512,
}  # fmt: skip
CASE = Case("llama-3.1-8b", "H100-SXM", "trtllm", "bfloat16", 2, 64, 1024, 512)


def given(**changes: Any) -> Inputs:
    return Inputs(**{**DEFAULTS, **changes})


def test_the_panel_starts_at_the_run_that_was_taken_apart() -> None:
    panel = lesson.step_panel(given())
    assert "A token takes 9.124 ms" in panel.last.sentence
    assert "the roofline alone says 3.843 ms" in panel.last.sentence
    assert "Of 12 measured runs near this load, 10 lay inside" in panel.last.sentence
    assert estimate(CASE).token_seconds.p50 == pytest.approx(lesson.one_run()[2])


def test_runs_nearby_have_the_same_setting_and_a_similar_load() -> None:
    columns, settings = lesson.shipped().columns, lesson.shipped().settings
    places = nearby(CASE)
    assert len(places) == 12
    for place in places:
        assert settings[columns["setting"][place]].group == CASE.group
        assert 32 <= columns["batch"][place] <= 128
        assert 512 <= columns["prompt_tokens"][place] <= 2048
    assert columns["line"][places[0]] == 512


def task(panel: Panel, **changes: Any) -> str:
    set_up(panel, **changes)
    return panel.last.score


def test_the_task_is_solved_at_one_batch_and_nowhere_else() -> None:
    panel, largest = lesson.step_panel(given()), largest_promised()
    assert "a larger batch keeps it too" in task(panel)
    told = []
    for batch in (largest - 1, largest):
        told.append(("a larger batch keeps it too" in task(panel, batch=batch), panel.last.solved))
    assert told == [(True, False), (False, True)]
    assert "one request more would break the promise" in panel.last.score
    runs = [one for one in shipped_lines() if (
        one["model_path"].endswith("Llama-3.1-8B-Instruct"), one["system"], one["backend"],
        one["isl"], one["osl"], one["batch_size"], one["tp_size"],
    ) == (True, "h100_sxm", "trtllm", "1024", "512", "128", "2")]  # fmt: skip
    (measured,) = (float(one["tpot_ms"]) for one in runs)
    assert largest < 128
    assert measured < 15
    said = f"measured just this with 128 in flight: {measured:.2f} ms, quicker than its interval"
    assert said in panel.last.score
    kept = [
        estimate(replace(CASE, batch=n)).token_seconds.p90 <= 0.015 for n in (largest, largest + 1)
    ]
    assert kept == [True, False]
    assert "one case in ten is slower than that" in task(panel, batch=largest + 1)
    assert "too slow even in the middle" in task(panel, batch=200)
    assert "choose BF16" in task(panel, precision="fp8")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"prompt_tokens": 0}, "prompt_tokens is 0"),
        ({"batch": 5000}, "fill the memory: give"),
        ({"model": "deepseek-v3"}, "leaves no room for a cache"),
        ({"prompt_tokens": 200_000}, "made for sequences of 131,072 tokens at most"),
    ],
)
def test_the_impossible_is_told_and_the_last_answer_stays(
    changes: dict[str, Any], says: str
) -> None:
    panel = lesson.step_panel(given())
    before = panel.last
    set_up(panel, **changes)
    assert panel.last is before
    assert says in html.unescape(panel.output.value)


def test_the_batch_that_a_refusal_advises_is_taken() -> None:
    panel = lesson.step_panel(given())
    panel.boxes["batch"].value = 5000
    advised = int(str(panel.errors[-1]).split("give ")[1].split()[0].replace(",", ""))
    panel.boxes["batch"].value = advised
    assert len(panel.errors) == 1


def test_what_nobody_measured_is_estimated_and_told_so() -> None:
    panel = lesson.step_panel(given(model="gemma-3-12b", accelerator="A100-SXM-80GB"))
    assert (
        "None of the measured runs is of Gemma 3 12B on A100-SXM-80GB under TensorRT-LLM."
        in panel.last.sentence
    )


def test_runs_of_the_accelerator_and_engine_are_not_denied_where_the_model_was_not_run() -> None:
    columns, settings = lesson.shipped().columns, lesson.shipped().settings
    on = [settings[at].group.split("/")[1:] == ["H100-SXM", "vllm"] for at in columns["setting"]]
    assert sum(on) > 100
    panel = lesson.step_panel(given(engine="vllm", tensor_parallel=1, precision="fp8"))
    said = panel.last.sentence
    assert "None of the measured runs is of Llama 3.1 8B on H100-SXM under vLLM." in said


def test_both_waits_have_an_interval_and_the_first_token_its_error() -> None:
    table = waits_table(estimate(CASE))
    first, found = estimate(CASE).first_token_seconds, lesson.shipped().report.first_token
    assert first.p10 < first.p50 < first.p90
    assert row(table, "the first token, with its queue")[2] == seconds_text(float(first.p50))
    assert row(table, "each next token")[1:] == ["7.816 ms", "9.124 ms", "10.82 ms"]
    assert f"{100 * found['rows scored'].median:.1f} % off in the median" in table.note
    assert table in lesson.step_panel(given()).last.tables


def test_a_run_that_is_not_as_recorded_is_marked_near_a_load() -> None:
    changes = {"model": "gpt-oss-120b", "engine": "vllm", "tensor_parallel": 4, "batch": 512}
    panel = lesson.step_panel(given(**changes, precision="nvfp4", output_tokens=1024))
    said = panel.last.sentence
    assert "The one measured run near this load lay outside its interval, and is doubtful" in said
    assert said.endswith("doubtful: faster, waiting.")
    table = panel.last.tables[-1]
    assert str(table.rows[0][3]) == "outside, faster, waiting"
    assert "faster than the roofline of the load that it is said to have" in table.note
    for odd in ("doubtful", "waiting"):
        assert odd not in lesson.step_panel(given()).last.sentence


@pytest.mark.parametrize(
    ("precision", "told"), [("bfloat16", True), ("fp8", True), ("nvfp4", False)]
)
def test_a_model_published_in_four_bits_says_that_a_precision_changes_nothing(
    precision: str, told: bool
) -> None:
    changes = {"model": "gpt-oss-120b", "accelerator": "H200-SXM", "engine": "vllm", "batch": 32}
    said = lesson.step_panel(
        given(**changes, precision=precision, output_tokens=1024)
    ).last.sentence
    assert "A token takes 10.3 ms" in said
    assert ("is published with experts of 4 bits" in said) is told
    assert "Of 5 measured runs near this load, 5 lay inside" in said
