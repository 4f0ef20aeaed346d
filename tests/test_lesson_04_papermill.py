"""Lesson 04 under papermill: another service, and parameters that cannot be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.lesson.sizing import Service, make_plan
from tests.running import refusal, results, warm_papermill

NAME = "04-servers-and-bandwidth"


def test_another_service_under_papermill(tmp_path: Path) -> None:
    done = warm_papermill(
        NAME, tmp_path, users="1e7", n_params=8_030_261_248, kv_bytes_per_token=131_072,
        accelerator="H100-SXM", precision="FP8", prompt_tokens=1000, output_tokens=250,
        peak_factor=3, token_target_seconds=0.03,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    expected = Service(
        10_000_000, 10, 8_030_261_248, 131_072, "FP8", "H100-SXM", 1000, 250
    )  # fmt: skip
    plan = make_plan(expected, 0.03, 3, 0.75, 8, 1000)
    assert found == pytest.approx(
        {
            "requests_per_s": 1e8 / 86_400,
            "peak_requests_per_s": 3e8 / 86_400,
            "accelerators": plan.at.compute,
            "bandwidth_accelerators": plan.at.bandwidth,
            "capacity_accelerators": plan.at.capacity,
            "binding_accelerators": plan.at.needed,
            "planned_accelerators": plan.planned,
            "tensor_parallel": plan.at.tensor_parallel,
            "batch": plan.working.batch,
            "roofline_step_seconds": plan.working.step_seconds,
            "request_floor_seconds": plan.working.request_seconds,
            "ingress_bits_per_s": 1e8 / 86_400 * 1000 * 4 * 8,
            "egress_bits_per_s": 1e8 / 86_400 * 250 * 4 * 8,
            "peak_ingress_bits_per_s": 3e8 / 86_400 * 1000 * 4 * 8,
            "peak_egress_bits_per_s": 3e8 / 86_400 * 250 * 4 * 8,
        }
    )
    assert found["accelerators"] == np.ceil(3e8 / 86_400 * 2 * 8_030_261_248 * 1250 / 1979e12)
    text = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "3,472 requests/s need at least" in text


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"requests_per_user": 0},
            "a user a day must be more than 0, at most 100,000 requests/day",
        ),
        ({"users": -5}, "users is -5, but the number of users must be"),
        (
            {"users": math.nan},
            "users is nan, but the number of users must be a whole number, more than 0, at most",
        ),
        ({"users": 1e300}, "at most 10,000,000,000 users: give for example 100,000,000."),
        ({"users": "many"}, "users is 'many' (str)"),
        ({"accelerator": "A100"}, "did you mean 'A100-SXM-40GB' or 'A100-SXM-80GB'?"),
        ({"precision": "FP7"}, "precision is 'FP7', which is not on the list"),
        ({"target_utilization": 75}, "target_utilization is 75, but the target utilization"),
        ({"n_params": 405e9}, "do not fit on 8 A100-SXM-80GB"),
        ({"target_utilization": 1}, "must be more than 0, at most 0.99"),
        ({"token_target_seconds": 0.0001}, "No batch meets 100 µs a token"),
    ],
    ids=[
        "idle",
        "negative",
        "nan",
        "people",
        "text",
        "unknown",
        "precision",
        "percent",
        "model",
        "idle never",
        "target",
    ],
)
def test_impossible_parameters_are_refused(
    tmp_path: Path, parameters: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(NAME, tmp_path, **parameters)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"users": 0},
            "users is 0, but the number of users must be a whole number, more than 0, at most",
        ),
        ({"owned_accelerators": 10}, "The load is past saturation: 10 A100-SXM-80GB keep up"),
    ],
    ids=["of an input", "of the load"],
)
def test_a_refusal_stops_the_run(tmp_path: Path, parameters: dict[str, Any], sentence: str) -> None:
    done = warm_papermill(NAME, tmp_path, **parameters)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert not (tmp_path / "result.json").exists()
