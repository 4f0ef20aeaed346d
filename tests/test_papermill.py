"""Lessons 00 and 01 under papermill: other parameters, other numbers; impossible ones stop it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.running import papermill, refusal, results, warm_papermill

TOO_FEW = "more than 0, at most 1,000,000,000,000,000 parameters: give for example 3,000,000,000."


def test_seven_billion_parameters_at_four_bits(tmp_path: Path) -> None:
    done = papermill("01-model-storage", tmp_path, n_params="7e9", bits_per_weight=4, replicas=3)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path) == {"weight_bytes": 3_500_000_000, "replicated_bytes": 10_500_000_000}
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert content["lesson"] == "01-model-storage"
    assert content["parameters"] == {
        "accelerator": "A100-SXM-80GB",
        "bits_per_weight": 4,
        "n_params": 7_000_000_000,
        "replicas": 3,
    }
    assert content["results"]["weight_bytes"]["unit"] == "byte"
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "7,000,000,000 parameters at 4 bits: 3.50 GB (3.26 GiB)" in page


def test_a_model_that_does_not_fit_reads_so(tmp_path: Path) -> None:
    done = warm_papermill("01-model-storage", tmp_path, n_params=70_553_706_496, accelerator="L40S")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "They do not fit on one L40S of 48.31 GB (44.99 GiB): 3 hold them together." in page


def test_the_envelope_of_another_service(tmp_path: Path) -> None:
    done = warm_papermill(
        "00-start-here", tmp_path, users=8_640_000, output_tokens=312, n_params=1e9
    )
    assert done.returncode == 0, done.stderr
    assert results(tmp_path) == pytest.approx(
        {
            "weight_bytes": 2_000_000_000,
            "profile_bytes": 86_400_000_000,
            "daily_bytes": 216_000_000_000,
            "requests_per_s": 1000,
            "compute_seconds": 0.002,
            "accelerators": 2,
            "traffic_bits_per_s": 80_000_000,
        }
    )


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"n_params": "many"}, "n_params is 'many' (str)"),
        ({"bits_per_weight": 0}, "bits_per_weight is 0, but the bits per weight must be"),
        ({"replicas": 1e30}, "a whole number, from 1 to 100,000 copies: give for example 1."),
        ({"replicas": 0}, "replicas is 0, but the number of copies must be"),
        ({"replicas": 1.5}, "replicas is 1.5, but the number of copies must be a whole number"),
        ({"accelerator": "A100"}, "did you mean 'A100-SXM-40GB' or 'A100-SXM-80GB'?"),
        ({"result_path": "/no/such/folder/x.json"}, "there is no folder '/no/such/folder'"),
    ],
    ids=["text", "zero", "too many", "no copies", "fraction", "unknown", "no folder"],
)
def test_impossible_parameters_are_refused(
    tmp_path: Path, parameters: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal("01-model-storage", tmp_path, **parameters)


@pytest.mark.parametrize(
    ("lesson", "parameters", "sentence"),
    [
        ("00-start-here", {"users": 0}, "users is 0, but the number of users must be a whole"),
        ("00-start-here", {"n_params": 0}, TOO_FEW),
        ("01-model-storage", {"n_params": 0}, TOO_FEW),
    ],
)
def test_nobody_and_nothing_are_no_service(
    tmp_path: Path, lesson: str, parameters: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(lesson, tmp_path, **parameters)


def test_a_refusal_stops_the_run(tmp_path: Path) -> None:
    done = warm_papermill("01-model-storage", tmp_path, n_params=-1)
    assert done.returncode != 0
    assert "n_params is -1, but the number of parameters must be" in done.stderr
    assert not (tmp_path / "result.json").exists()


def test_the_shell_is_told_with_a_status(tmp_path: Path) -> None:
    done = papermill("00-start-here", tmp_path, users="some")
    assert done.returncode != 0
    assert "users is 'some' (str), but the number of users" in done.stderr
    assert not (tmp_path / "result.json").exists()
