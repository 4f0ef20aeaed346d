"""Lesson 04's panel, and the reader's service in words."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from estimator import catalog
from estimator.lesson import lesson_04 as lesson
from estimator.lesson.inputs import Inputs
from estimator.lesson.panel import Panel
from tests.test_lesson_04 import NAME, column

DEFAULTS: dict[str, Any] = {
    "users": 100_000_000, "requests_per_user": 10, "n_params": 3_000_000_000,
    "kv_bytes_per_token": 114_688, "precision": "FP16", "accelerator": "A100-SXM-80GB",
    "prompt_tokens": 500, "output_tokens": 500, "token_target_seconds": 0.05, "peak_factor": 2,
    "target_utilization": 0.75, "spare_accelerators": 8, "owned_accelerators": 1_000,
}  # fmt: skip


def given(**changes: Any) -> Inputs:
    return Inputs(**{**DEFAULTS, **changes})


def test_the_reader_s_paragraph_follows_the_reader() -> None:
    text = lesson.your_service(given()).text
    assert "546 A100-SXM-80GB, and bandwidth and capacity bind together; plan 736" in text
    assert "works on up to 594 sequences" in text
    assert "your requests also bring a prompt, 500 tokens each" in text
    text = lesson.your_service(given(prompt_tokens=0, peak_factor=1)).text
    assert "need at least 112 A100-SXM-80GB, and compute and capacity bind together" in text
    assert "your requests bring no prompt" in text
    assert "also bring a prompt" not in text
    assert "Prompts come in" not in text
    text = lesson.your_service(given(prompt_tokens=0, output_tokens=50)).text
    assert "Since compute binds, a larger batch would not help" in text
    text = lesson.your_service(given(users=1)).text
    assert "need at least 1 A100-SXM-80GB, and one replica is enough; plan 10" in text
    assert "works on up to 1 sequence at" in text
    assert "busy for less than 1 %" in text


def test_the_notebook_leaves_the_prompt_to_the_code() -> None:
    text = (Path(__file__).parents[1] / f"notebooks/{NAME}.ipynb").read_text(encoding="utf-8")
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"]
    assert not any("bring a prompt" in "".join(c["source"]) for c in cells)


def test_a_message_of_the_panel_is_in_the_unit_of_its_box() -> None:
    panel = lesson.server_panel(given())
    said = "must be more than 0: give for example 100."
    for value in (0, float("nan")):
        set_up(panel, users=value)
        assert status(panel).endswith(f"but the number of users, in millions, {said}")
    set_up(panel, users=100)
    assert "need at least 546 A100-SXM-80GB" in status(panel)
    assert not panel.sliders["requests_per_user"].min == panel.sliders["output_tokens"].min == 0
    allowed = column(panel.glossary(), "allowed")
    assert allowed[:2] == ["more than 0", "more than 0 requests/day"]
    assert "1 token or more" in allowed
    # One person, a millionth of the box's unit, is served.
    set_up(panel, users=1e-6)
    assert "need at least 1 A100-SXM-80GB, and one replica is enough" in status(panel)
    assert "up to 1 sequence " in page(panel).replace("\n", " ")


def page(panel: Panel) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", panel.output.value))


def status(panel: Panel) -> str:
    found = re.search(r'<p role="status"><strong>(.*?)</strong></p>', panel.output.value)
    assert found
    return html.unescape(found[1])


def set_up(panel: Panel, **values: Any) -> None:
    for name, value in values.items():
        panel.boxes[name].value = value


def test_the_panel_solves_its_task_with_eight_bits_only() -> None:
    panel = lesson.server_panel(given())
    assert panel.last.score == "choose Llama 3.1 70B first."
    set_up(panel, users=10, model="llama-3.1-70b", accelerator="H100-SXM", token_target_seconds=25)
    solved = []
    for precision in lesson.PRECISIONS:
        set_up(panel, precision=precision)
        solved += [precision] if panel.last.solved else []
    assert solved == ["FP8", "INT8"]
    assert "✔ Solved" not in page(panel)
    assert "needs fewer: this one takes" in page(panel)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "requests_per_user",
            0,
            "requests_per_user is 0, but the requests of a user a day must be "
            "more than 0 requests/day: give for example 10.",
        ),
        ("users", -1, "-1"),
        ("users", float("nan"), "nan"),
        ("users", 1000, "The load is past saturation: 1,000 A100-SXM-80GB keep up with"),
        ("output_tokens", 0, "output_tokens is 0, but the output tokens must be 1 token or more"),
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
