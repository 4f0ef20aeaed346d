"""Lesson 04's panel, the reader's service in words, and the exercises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from estimator import catalog
from estimator.lesson import check
from estimator.lesson import lesson_04 as lesson
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_04_panel import batches, plan_rows
from estimator.lesson.lesson_05_case import of_course
from estimator.lesson.lesson_05_course import COURSE_SYSTEMS, bounds_of
from tests.seen import column, page, set_up, status

DEFAULTS: dict[str, Any] = {
    "users": 100_000_000, "requests_per_user": 10, "n_params": 3_000_000_000,
    "kv_bytes_per_token": 114_688, "precision": "FP16", "accelerator": "A100-SXM-80GB",
    "prompt_tokens": 500, "output_tokens": 500, "token_target_seconds": 0.05, "peak_factor": 2,
    "target_utilization": 0.75, "spare_accelerators": 8, "owned_accelerators": 1_000,
}  # fmt: skip


TASK = {
    "users": 10, "accelerator": "H100-SXM", "model": "llama-3.1-70b", "token_target_seconds": 25,
}  # fmt: skip


def given(**changes: Any) -> Inputs:
    return Inputs(**{**DEFAULTS, **changes})


def test_the_reader_s_paragraph_follows_the_reader() -> None:
    text = lesson.your_service(given()).text
    assert (
        "546 A100-SXM-80GB, 1 to a replica, and bandwidth and capacity bind together; plan" in text
    )
    assert "plan 736." in text
    assert "more than you have" not in text
    fewer = lesson.your_service(given(owned_accelerators=700)).text
    assert "% busy; the plan has 36 more than you have. Prompts" in fewer
    assert "At your target a replica has room for 599 sequences: the bounds are for so many" in text
    assert "your load fills up to 594 of these places, and the times" in text
    assert "that give tokens, as lesson 05 counts them. It counts services that give none" in text
    assert "your requests also bring a prompt, 500 tokens each" in text
    text = lesson.your_service(given(prompt_tokens=0, peak_factor=1)).text
    assert "need at least 112 A100-SXM-80GB, 1 to a replica, and compute and capacity bind" in text
    assert "your requests bring no prompt" in text
    assert "also bring a prompt" not in text
    assert "Prompts come in" not in text
    text = lesson.your_service(given(prompt_tokens=0, output_tokens=50)).text
    assert "Since compute binds, a larger batch would not help" in text
    text = lesson.your_service(given(users=1)).text
    assert (
        "need at least 1 A100-SXM-80GB, 1 to a replica, and one replica is enough; plan 2" in text
    )
    assert "your load fills up to 1 of these places, and" in text
    text = lesson.your_service(
        given(users=1, requests_per_user=1, prompt_tokens=1, output_tokens=1, owned_accelerators=1)
    ).text
    assert "At the peak, 2 requests/day need at least 1" in text
    alone = "Of the accelerator that you have, the peak would keep less than 1 % busy; "
    assert f"{alone}the plan has 1 more than you have." in text
    assert "Prompts come in at less than 1 bit/s and answers leave at less than 1 bit/s" in text
    assert "0 bit/s" not in text
    text = lesson.your_service(given(users=1)).text
    assert "Of the 1,000 accelerators that you have, the peak would keep less than 1 % busy" in text


def test_an_engine_needs_more_than_twice_what_the_bounds_plan_for_the_course_s_systems() -> None:
    keys = [key for key in COURSE_SYSTEMS if catalog.system(key).gives_tokens]
    assert len(keys) == 5
    times = []
    for one in map(of_course, keys):
        plan, bare = bounds_of(one), one.answer({"target_utilization": 1, "spare_replicas": 0})
        assert plan is not None
        times += [
            one.point["planned_accelerators"] / plan.planned,
            bare["planned_accelerators"] / plan.at.needed,
        ]
    # Of all the whole times, twice is the most that is true of each.
    assert 2 <= min(times) < 3
    said = "An engine mostly needs more: at least twice as many for each of the course's systems"
    assert said in lesson.your_service(given()).text


def test_the_batch_of_the_bounds_and_of_the_times_are_both_told() -> None:
    course = lesson.course_service()
    full, part = course.bounds(1180), course.bounds(700)
    assert batches(full, full) == (
        "At your target a replica has room for 1,180 sequences: the bounds are for so many. "
        "Your load fills it: there"
    )
    assert "fills up to 700 of these places, and the times" in batches(full, part)
    table = plan_rows(lesson.service_of(given()), lesson.plan_of(given()))
    rows = {str(name): str(value) for name, value in table.rows}
    assert rows["largest batch, for the bounds"] == "599 sequences"
    assert rows["batch that the load keeps"] == "up to 594 sequences"


def test_the_notebook_leaves_the_prompt_to_the_code() -> None:
    text = (Path(__file__).parents[1] / "notebooks/04-servers-and-bandwidth.ipynb").read_text(
        encoding="utf-8"
    )
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"]
    assert not any("bring a prompt" in "".join(c["source"]) for c in cells)


def test_a_message_of_the_panel_is_in_the_unit_of_its_box() -> None:
    panel = lesson.server_panel(given())
    said = "must be more than 0, at most 10,000: give for example 100."
    for value in (0, float("nan")):
        set_up(panel, users=value)
        assert status(panel).endswith(f"but the number of users, in millions, {said}")
    set_up(panel, users=100)
    assert "need at least 546 A100-SXM-80GB" in status(panel)
    assert not panel.sliders["requests_per_user"].min == panel.sliders["output_tokens"].min == 0
    allowed = column(panel.glossary(), "allowed")
    assert allowed[:2] == [
        "more than 0, at most 10,000",
        "more than 0, at most 100,000 requests/day",
    ]
    assert "from 1 to 1,000,000,000 tokens" in allowed
    # One person, a millionth of the box's unit, is served.
    set_up(panel, users=1e-6)
    assert "need at least 1 A100-SXM-80GB, 1 to a replica, and one replica is" in status(panel)
    assert "up to 1 sequence " in page(panel).replace("\n", " ")


def test_the_panel_solves_its_task_with_eight_bits_only() -> None:
    panel = lesson.server_panel(given())
    scores = []
    for name, value in TASK.items():
        scores.append(panel.last.score)
        set_up(panel, **{name: value})
    assert scores == [
        "2 of 6 are set; set 10 million users.",
        "3 of 6 are set; choose H100-SXM.",
        "4 of 6 are set; choose Llama 3.1 70B.",
        "5 of 6 are set; set the target to 25 ms.",
    ]
    assert not panel.errors, "the way to the task's service leads through no refusal"
    solved = []
    for precision in lesson.PRECISIONS:
        set_up(panel, precision=precision)
        if panel.last.solved:
            solved += [precision]
            assert panel.last.score.endswith("but H100-SXM computes with them at 16.")
    assert solved == ["FP8", "INT8"]
    assert "✔ Solved" not in page(panel)
    assert panel.last.score == (
        "NVFP4 needs 331, 1.76 times as many as the best precision of the list."
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "requests_per_user",
            0,
            "requests_per_user is 0, but the requests of a user a day must be "
            "more than 0, at most 100,000 requests/day: give for example 10.",
        ),
        ("users", -1, "-1"),
        ("users", float("nan"), "nan"),
        ("users", 1000, "The load is past saturation: 1,000 A100-SXM-80GB keep up with"),
        ("output_tokens", 0, "output_tokens is 0, but the output tokens must be from 1 to 1,000,"),
        ("token_target_seconds", 0, "0, but the target time per token"),
        ("token_target_seconds", 0.1, "No batch meets 100 µs a token"),
        ("prompt_tokens", 10_000_000, "do not fit on 8 A100-SXM-80GB"),
        ("owned_accelerators", 1.5, "must be a whole number"),
    ],
)
def test_past_what_is_possible_the_page_says_what_would_be(
    name: str, value: float, said: str
) -> None:
    panel = lesson.server_panel(given())
    before = panel.boxes[name].value
    set_up(panel, **{name: value})
    assert said in status(panel)
    assert "Below stands the last answer" in page(panel)
    set_up(panel, **{name: before})
    assert "need at least 546 A100-SXM-80GB" in status(panel)
    assert not any(not isinstance(error, ValueError) for error in panel.errors)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_params": 405e9}, "do not fit on 8 A100-SXM-80GB"),
        ({"token_target_seconds": 1e-6}, "No batch meets 1 µs a token"),
        ({"owned_accelerators": 10}, "The load is past saturation: 10 A100-SXM-80GB keep up with"),
    ],
)
def test_what_nothing_serves_is_told_in_the_paragraph_and_starts_the_panel(
    changes: dict[str, Any], said: str
) -> None:
    mine = given(**changes)
    assert said in lesson.your_service(mine).text
    panel = lesson.server_panel(mine)
    assert said in status(panel)
    assert "last answer" not in page(panel)
    assert panel.last.score == "set what can be served first."
    assert not panel.last.solved
    assert said in panel._repr_mimebundle_()["text/html"]
    with pytest.raises(ValueError, match=re.escape(said)):
        lesson.results_of(mine)
    # No answer was given yet, so that none is called the last one.
    before = panel.boxes["output_tokens"].value
    set_up(panel, output_tokens=0)
    assert "⚠ output_tokens is 0" in status(panel)
    assert "last answer" not in page(panel)
    assert said not in page(panel)
    set_up(panel, output_tokens=before)
    assert "last answer" not in page(panel)
    # From there the panel finds back to a service.
    set_up(panel, model="course-llama-3.2-3b", token_target_seconds=50, owned_accelerators=1000)
    assert "need at least 546 A100-SXM-80GB" in status(panel)
    set_up(panel, users=1000)
    assert "Below stands the last answer" in page(panel)


def test_the_result_has_the_traffic_and_the_times_of_the_plan() -> None:
    results, plan = lesson.results_of(given()), lesson.plan_of(given())
    assert results["ingress_bits_per_s"] == results["egress_bits_per_s"]
    assert results["egress_bits_per_s"] == pytest.approx(1e9 / 86_400 * 500 * 4 * 8)
    for way in ("ingress", "egress"):
        mean, peak = (results[f"{when}{way}_bits_per_s"] for when in ("", "peak_"))
        assert peak == pytest.approx(2 * mean)
    assert results["roofline_step_seconds"] == plan.working.step_seconds
    assert results["request_floor_seconds"] == plan.working.request_seconds


def test_every_model_and_accelerator_answers_or_says_why_not() -> None:
    panel = lesson.server_panel(given(owned_accelerators=10**7))
    for model in panel.boxes["model"].options:
        for name in catalog.accelerators():
            set_up(panel, model=model[1], accelerator=name)
    assert {type(error) for error in panel.errors} <= {ValueError}
    assert "The panel failed" not in page(panel)


def test_a_model_of_one_s_own_stays_one_s_own() -> None:
    panel = lesson.server_panel(given(n_params=5e9, kv_bytes_per_token=1e5))
    assert panel.boxes["model"].value == "my own"
    before = status(panel)
    set_up(panel, model="llama-3.2-1b")
    assert status(panel) != before
    set_up(panel, model="my own")
    assert status(panel) == before


def test_the_static_page_has_the_same_answer() -> None:
    panel = lesson.server_panel(given())
    static = panel._repr_mimebundle_()["text/html"]
    assert "need at least 546 A100-SXM-80GB" in static
    assert "Number of users, in millions" in static


def test_answers_of_the_exercises_from_outside() -> None:
    assert lesson.peak_fleet().answer == 41
    assert lesson.picture_traffic().answer == pytest.approx(5e6 * 4 * 1.5e6 * 8 / 86_400)
    assert lesson.batch_in_memory().answer == 108
    assert lesson.readers_needed().answer == 23
    assert lesson.peak_fleet(peak_factor=1).answer == 14


BITS = 5e6 * 4 * 1.5e6 * 8 / 86_400
MEMORY, WEIGHTS = 79.19 * 2**30, 16_060_522_496
LEFT = 0.9 * MEMORY - 2e9 - WEIGHTS
SEQUENCE = 4096 * 131_072


@pytest.mark.parametrize(
    ("make", "answer", "sentence"),
    [
        (lesson.peak_fleet, 14, "the mean of the day"),
        (lesson.peak_fleet, 13.48, "the mean of the day"),
        (lesson.peak_fleet, 40, "Rounded down"),
        (lesson.peak_fleet, 40.4449, "Now round up"),
        (lesson.peak_fleet, 40.9, "Now round up"),
        (lesson.peak_fleet, 122, "Six operations a parameter are training"),
        (lesson.peak_fleet, 122, "peak factor was taken twice"),
        (lesson.peak_fleet, 7, "one request of each"),
        (lesson.peak_fleet, 971, "over an hour"),
        (lesson.peak_fleet, 3_494_439, "a day's requests"),
        (lesson.peak_fleet, 40_445, "milliseconds of work"),
        (lesson.peak_fleet, 54, "leaves room as a plan does"),
        (lesson.peak_fleet, 21, "one operation a parameter"),
        (lesson.peak_fleet, 49, "spare ones"),
        (lesson.peak_fleet, 55, "leaves room as a plan does"),
        (lesson.peak_fleet, 5, "The peak factor multiplies"),
        (lesson.picture_traffic, BITS / 8, "eight to a byte"),
        (lesson.picture_traffic, BITS / 1e6, "number of Mbit/s"),
        (lesson.picture_traffic, BITS / 1e9, "number of Gbit/s"),
        (lesson.picture_traffic, BITS * 86_400, "a day's worth"),
        (lesson.picture_traffic, BITS * 30 * 86_400, "a month's worth"),
        (lesson.picture_traffic, BITS * 1.048576, "1,048,576 bytes are a MiB"),
        (lesson.picture_traffic, BITS / 1000, "A thousand times too small"),
        (lesson.picture_traffic, BITS * 24, "over an hour"),
        (lesson.picture_traffic, BITS / 4, "one picture for each"),
        (lesson.picture_traffic, BITS / 32, "These are bytes, and of one picture"),
        (lesson.picture_traffic, BITS * 2, "The peak is not asked for"),
        (lesson.picture_traffic, BITS * 3600, "an hour's worth"),
        (lesson.picture_traffic, BITS * 8, "by eight twice"),
        (lesson.picture_traffic, 30e12, "the bytes of a day"),
        (lesson.picture_traffic, BITS / 86_400, "of a day twice"),
        (lesson.picture_traffic, 12e6, "the bits of one picture"),
        (lesson.picture_traffic, 231.5, "pictures a second"),
        (lesson.readers_needed, 736, "gives each request an accelerator of its own"),
        (lesson.batch_in_memory, LEFT // SEQUENCE + 1, "Rounded up"),
        (lesson.batch_in_memory, 110, "Or else: The data sheet's 80 were taken: the log has 79.19"),
        (lesson.batch_in_memory, LEFT / SEQUENCE, "Now round down"),
        (lesson.batch_in_memory, (LEFT + 16_060_522_496) // SEQUENCE, "The weights are in"),
        (lesson.batch_in_memory, (LEFT + 16_060_522_496) / SEQUENCE, "The weights are in"),
        (lesson.batch_in_memory, (LEFT + 2e9) // SEQUENCE, "The work of a step"),
        (lesson.batch_in_memory, 0.9 * (MEMORY - WEIGHTS - 2e9) // SEQUENCE, "of what is left"),
        (lesson.batch_in_memory, 0.9 * (MEMORY - WEIGHTS - 2e9) / SEQUENCE, "of what is left"),
        (lesson.batch_in_memory, (0.9 * (MEMORY - WEIGHTS) - 2e9) / SEQUENCE, "after the weights"),
        (lesson.batch_in_memory, (LEFT + WEIGHTS / 2) / SEQUENCE, "weights at one byte"),
        (lesson.batch_in_memory, (LEFT + WEIGHTS - 14.957e9) / SEQUENCE, "GB and GiB are mixed"),
        (lesson.batch_in_memory, 106, "GB and GiB are mixed"),
        (lesson.batch_in_memory, 217, "That is half the cache"),
        (lesson.batch_in_memory, 54, "keys and values twice"),
        (lesson.batch_in_memory, 8 * LEFT / SEQUENCE, "Eight times too many"),
        (lesson.batch_in_memory, LEFT / SEQUENCE / 8, "An eighth of it"),
        (lesson.batch_in_memory, (LEFT + 0.1 * 79.19 * 2**30) // SEQUENCE, "all of the memory"),
        (lesson.batch_in_memory, (0.9 * 79.19e9 - 2e9 - 16_060_522_496) // SEQUENCE, "a GiB is 7"),
        (lesson.batch_in_memory, LEFT // SEQUENCE * 4096, "These are tokens"),
        (lesson.readers_needed, 22, "Rounded down"),
        (lesson.readers_needed, 20, "the cache of every sequence"),
        (lesson.readers_needed, 20, "the cache of one sequence"),
        (lesson.readers_needed, 22, "Half the cache"),
        (lesson.readers_needed, 26, "Twice the cache"),
        (lesson.readers_needed, 4, "the weights as well"),
        (lesson.readers_needed, 12, "nothing is halved"),
        (lesson.readers_needed, 1, "That is one step"),
        (lesson.readers_needed, 183, "no bits"),
        (lesson.readers_needed, 5, "That is the compute bound"),
        (lesson.readers_needed, 634, "a batch shares them"),
        (lesson.readers_needed, 729, "each works on 32 at the same time"),
        (lesson.readers_needed, 728.8, "each works on 32 at the same time"),
    ],
)
def test_usual_slips_are_named(make: Any, answer: float, sentence: str) -> None:
    verdict = check(make(), answer)
    assert verdict.right is False
    assert sentence in verdict.sentence


def test_spare_that_is_cut_is_told() -> None:
    small = lesson.your_service(given(users=100_000, spare_accelerators=8)).text
    assert "plan 2, of which 1 is spare (never more than are at work)." in small
    assert "of which" not in lesson.your_service(given()).text
