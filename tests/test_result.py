"""Inputs of a lesson, and its machine-readable result."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator import __version__
from estimator.lesson import inputs, write_result
from estimator.lesson.inputs import Inputs
from estimator.lesson.writing import write_whole

GIVEN = Inputs(n_params=7_000_000_000, accelerator="T4")


def test_whole_floats_become_exact_integers() -> None:
    given = inputs(n_params=7e9, bits_per_weight=4.125)
    assert given.n_params == 7_000_000_000
    assert type(given.n_params) is int
    assert given.bits_per_weight == 4.125


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="n_params is -1") as caught:
        inputs(n_params=-1, replicas=0, choices={"accelerator": ("T5", ["T4", "L4"])})
    assert "replicas is 0" in str(caught.value)
    assert "did you mean 'T4'" in str(caught.value)


def test_an_array_is_no_input() -> None:
    with pytest.raises(ValueError, match="n_params is an array"):
        inputs(n_params=np.ones(3))


def test_an_unknown_quantity_is_the_authors_error() -> None:
    with pytest.raises(KeyError, match="n_parms is not in the glossary"):
        inputs(n_parms=3)


def test_the_file_is_the_same_bytes_for_the_same_inputs(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        write_result("01", str(path), GIVEN, weight_bytes=3_500_000_000, replicated_bytes=1)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert json.loads(first) == {
        "estimator_version": __version__,
        "lesson": "01",
        "parameters": {"accelerator": "T4", "n_params": 7_000_000_000},
        "results": {
            "replicated_bytes": {"unit": "byte", "value": 1},
            "weight_bytes": {"unit": "byte", "value": 3_500_000_000},
        },
    }
    assert str(tmp_path).encode() not in first


def test_numpy_scalars_are_plain_numbers_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_result("01", str(path), GIVEN, weight_bytes=np.float64(2.5))
    assert json.loads(path.read_text())["results"]["weight_bytes"]["value"] == 2.5


def test_an_empty_path_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = write_result("01", "", GIVEN, weight_bytes=6_000_000_000)
    assert list(tmp_path.iterdir()) == []
    assert "weight_bytes | size of the weights | 6.00 GB (5.59 GiB)" in str(table)


def test_a_missing_folder_is_told() -> None:
    with pytest.raises(ValueError, match="there is no folder '/no/such'"):
        write_result("01", "/no/such/file.json", GIVEN, weight_bytes=1)


def test_a_folder_or_a_number_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="which is a folder: give a file in it"):
        write_result("01", str(tmp_path), GIVEN, weight_bytes=1)
    with pytest.raises(TypeError, match="result_path is 5, but it must be the path of a file"):
        write_result("01", 5, GIVEN, weight_bytes=1)  # type: ignore[arg-type]


def test_a_write_that_fails_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.json"
    write_whole(path, "old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]
    assert path.read_text() == "old"


def test_the_file_has_the_ordinary_rights(tmp_path: Path) -> None:
    path, plain = tmp_path / "r.json", tmp_path / "plain"
    write_whole(path, "x")
    plain.write_text("x")
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("path", "says"),
    [("a\0b.json", "must be the path of a file"), (f"{'n' * 300}.json", "name is too long")],
)
def test_a_path_that_no_file_can_have_is_a_sentence(path: str, says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        write_result("01-model-storage", path, GIVEN, weight_bytes=1)


def test_a_folder_that_takes_no_file_is_named_and_not_the_half_of_one() -> None:
    with pytest.raises(OSError, match=r"/proc/x\.json"):
        write_whole(Path("/proc/x.json"), "{}")
