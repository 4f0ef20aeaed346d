"""What a lesson's module tells batches: results without a notebook, and inputs that contradict."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.batch import hooks, vectorized
from estimator.batch.declared import read_lesson
from estimator.batch.fingerprint import source_fingerprint
from estimator.batch.runner import Task, Timeouts, run_scenario
from estimator.batch.scenarios import ScenarioFile
from estimator.batch.table import Row, csv_text, flat
from estimator.lesson import lesson_06
from tests.running import MODULES
from tests.scenarios import batch, scenario_file, small_lesson

ROOT = Path(__file__).parents[1]
LESSONS = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("0*.ipynb"))}
A100 = {"accelerator": "A100-SXM-80GB"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "00": [
        {"users": 123_456_789, "requests_per_user": 0.5, "accelerator": "L4"},
        {"users": 7, "n_params": 8_030_261_248, "bits_per_weight": 4.25, **A100},
    ],
    "02": [
        {"registered_users": 54_321_987, "active_share": 0.17, "hot_days": 400, "replicas": 3},
        {"interaction_bytes": 777, "compression_ratio": 2.5, "monthly_growth": 0.01},
    ],
    "03": [
        {"model": "llama-3.1-70b", "tensor_parallel": 4, "tokens": 4_096, "batch": 3},
        {"model": "gemma-3-12b", "cache_precision": "FP8", "accelerator": "T4"},
    ],
    "04": [
        {"users": 1_000_001, "requests_per_user": 3.5, "precision": "INT8"},
        {"owned_accelerators": 10},  # past saturation
    ],
    "06": [
        {"model": "llama-3.3-70b", "engine": "vllm", "precision": "fp8", "tensor_parallel": 4},
        {"batch": 100_000},  # does not fit
    ],
}
IN_TEST_BATCH_TABLE = {"01", "05"}
APART: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "03": (
        [{"tensor_parallel": 3}, {"tensor_parallel": 8}, {"model": "gpt2", "tensor_parallel": 8},
         {"model": "llama", "tensor_parallel": 3}],
        ["row 2: tensor_parallel is 3, but the 32 query heads and 8",
         "row 4: tensor_parallel is 8, but the 12 query heads of",
         "row 5: model is 'llama'"],
    ),
    "05": (
        [{"accelerator": "L4"}, {"accelerator": "L4", "usd_per_accelerator_hour": 1},
         {"system": "image", "model": "llama-3.1-8b"},
         {"accelerator": "T4", "others": "pue = 1.2"},
         {"accelerator": "T4", "users": -1}],
        ["row 2: usd_per_accelerator_hour is 0, which asks for the catalog's, but no price of an",
         "row 4: model is 'llama-3.1-8b', but ",
         "row 5: usd_per_accelerator_hour is 0",
         "row 6: users is -1",
         "row 6: usd_per_accelerator_hour is 0"],
    ),
    "06": (
        [{"tensor_parallel": 3}, {"prompt_tokens": 200_000}, {"prompt_tokens": 1}],
        ["row 2: tensor_parallel is 3, but this lesson shares",
         "row 3: prompt_tokens and output_tokens are 200,000 and 512, together"],
    ),
}  # fmt: skip


def named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": f"s{place}", **row} for place, row in enumerate(rows)]


def table_of_notebooks(number: str, scenarios: Path) -> str:
    """What `results.csv` of a batch is, from notebooks that run in this process's warm kernels."""
    lesson = read_lesson(LESSONS[number])
    rows, columns = [], dict[str, None]()
    for one in ScenarioFile(scenarios, lesson).scenarios():
        source = source_fingerprint()
        outcome = run_scenario(
            Task(one.name, one.parameters, lesson.name, lesson.text, MODULES, Timeouts(), source)
        )
        results = json.loads(outcome.result)["results"] if outcome.result else {}
        rows.append(Row(one.name, one.parameters, *flat(results), outcome.error))
        columns |= dict.fromkeys(one.parameters)
    return csv_text(list(columns), rows)


def test_every_lesson_has_results_without_its_notebook_and_rows_that_compare_them() -> None:
    for number, path in LESSONS.items():
        found = [hooks.hook(read_lesson(path), f"{kind}_results") for kind in ("point", "row")]
        assert any(found), f"lesson_{number}.py needs point_results or row_results"
    assert ROWS.keys() | IN_TEST_BATCH_TABLE == LESSONS.keys(), "give two rows of it in ROWS"


@pytest.mark.parametrize("number", sorted(ROWS))
def test_a_table_without_notebooks_is_that_of_the_notebooks(number: str, tmp_path: Path) -> None:
    scenarios = scenario_file(tmp_path / "s.csv", named(ROWS[number]))
    status = batch(LESSONS[number], scenarios, tmp_path / "out", "--table-only")
    found = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8")
    assert found == table_of_notebooks(number, scenarios)
    assert status == ("failed" in found) == (number in ("04", "06"))


@pytest.mark.parametrize("options", [(), ("--table-only",)], ids=["notebooks", "table"])
@pytest.mark.parametrize("number", sorted(APART))
def test_inputs_that_contradict_each_other_are_told_before_anything_runs(
    number: str, options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, sentences = APART[number]
    scenarios = scenario_file(tmp_path / "s.csv", named(rows))
    assert batch(LESSONS[number], scenarios, tmp_path / "out", *options) == 2
    _, *found = capsys.readouterr().err.partition(f"{scenarios} has ")[2].strip().split("\n  ")
    assert len(found) == len(sentences), found
    for one, sentence in zip(found, sentences, strict=True):
        assert one.startswith(sentence)
    assert not [path for path in (tmp_path / "out").glob("*") if path.name != ".batch"]


def test_items_of_yaml_are_held_against_each_other_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = scenario_file(tmp_path / "s.yaml", named(APART["03"][0][:2]))
    for options in ((), ("--table-only",)):
        assert batch(LESSONS["03"], scenarios, tmp_path / "out", *options) == 2
        assert "item 1: tensor_parallel is 3" in capsys.readouterr().err


def test_what_only_the_sizing_finds_out_fails_alone(tmp_path: Path) -> None:
    rows = named([{"users": 1_000}, {"n_params": 9e13}])
    scenarios = scenario_file(tmp_path / "s.csv", rows)
    assert batch(LESSONS["05"], scenarios, tmp_path / "out", "--table-only") == 1
    found = {
        "alone": (tmp_path / "out" / "results.csv").read_text(encoding="utf-8"),
        "notebooks": table_of_notebooks("05", scenarios),
    }
    read = {kind: list(csv.DictReader(text.splitlines())) for kind, text in found.items()}
    for fine, odd in read.values():
        assert (fine["status"], fine["error"]) == ("passed", "")
        assert odd["error"].startswith("ValueError: No replica of up to 8")
    assert read["alone"][1]["error"] == read["notebooks"][1]["error"]


def test_equal_rows_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = read_lesson(LESSONS["06"])
    seen = []

    def one(**given: Any) -> dict[str, float]:
        seen.append((given["batch"], type(given["batch"])))
        if given["batch"] == 3:
            raise ValueError("no")
        return {"token_seconds": given["batch"] / 2} | ({"more": 1} if given["batch"] > 1 else {})

    monkeypatch.setattr(lesson_06, "row_results", one)
    columns = hooks.columns_of(lesson, [{"batch": size} for size in (1, 3, 2, 1)])
    results, reasons = hooks.row_by_row(lesson, columns, 4)
    assert seen == [(64, int), (1, int), (3, int), (2, int)]  # the default gives the names
    assert reasons == {1: "ValueError: no"}
    np.testing.assert_array_equal(results["token_seconds"], [0.5, np.nan, 1, 0.5])
    np.testing.assert_array_equal(results["more"], [np.nan, np.nan, 1, np.nan])


def test_parts_of_a_table_have_the_same_columns_where_all_of_one_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = named([{"owned_accelerators": 10}] * 3 + [{}] * 3)
    scenarios = scenario_file(tmp_path / "s.csv", many)
    assert batch(LESSONS["04"], scenarios, tmp_path / "one", "--table-only") == 1
    monkeypatch.setattr("estimator.batch.scenarios.CHUNK_ROWS", 3)
    assert batch(LESSONS["04"], scenarios, tmp_path / "two", "--table-only", "--workers", "1") == 1
    one, two = (tmp_path / kind / "results.csv" for kind in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert ",planned_accelerators," in one.read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.parametrize(("number", "row"), [("04", {"owned_accelerators": 10}),
                                             ("05", {"n_params": 9e13})])  # fmt: skip
def test_where_no_row_has_a_result_there_are_no_columns_of_results(
    number: str, row: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios = scenario_file(tmp_path / "s.csv", named([row] * 2))
    monkeypatch.setattr("estimator.batch.scenarios.CHUNK_ROWS", 1)
    assert (
        batch(LESSONS[number], scenarios, tmp_path / "out", "--table-only", "--workers", "1") == 1
    )
    found = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8")
    assert found.startswith(f"name,status,{next(iter(row))},error\ns0,failed,")
    assert found == table_of_notebooks(number, scenarios)


def test_results_that_no_row_has_are_left_out_and_parameters_of_their_name_are_not(
    tmp_path: Path,
) -> None:
    table = io.StringIO('name,status,b,a,b,c,error\nx,failed,5,,,,"no, x"\ny,passed,6,1,,,\n')
    vectorized.leave_out_empty({"a": True, "b": False, "c": False}, table, tmp_path)
    assert table.getvalue() == 'name,status,b,a,error\nx,failed,5,,"no, x"\ny,passed,6,1,\n'


def test_an_infinite_result_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson_06, "row_results", lambda **given: {"b": 1.0, "a": float("inf")})
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "x"}])
    assert batch(LESSONS["06"], scenarios, tmp_path / "out", "--table-only") == 1
    found = (tmp_path / "out" / "results.csv").read_text(encoding="utf-8")
    assert found.splitlines()[1] == "x,failed,the lesson's result a is too large for a number"
    assert vectorized.infinite({"a": np.array([1, -np.inf, np.nan])}).keys() == {1}


@pytest.mark.parametrize("number", sorted(LESSONS))
@pytest.mark.parametrize("text", ["name,{}\n,\n,,,\n", "name,{}"])
def test_a_file_without_rows_is_told(
    number: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.csv").write_text(text.format(next(iter(read_lesson(LESSONS[number]).defaults))))
    for options in ((), ("--table-only",)):
        assert batch(LESSONS[number], tmp_path / "s.csv", tmp_path / "out", *options) == 2
        said = capsys.readouterr().err
        assert "1 problem; nothing was run:\n  it has no scenario: give at least one row" in said


def test_a_file_to_read_needs_the_notebooks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "x", "config_path": "c.json"}])
    assert batch(LESSONS["01"], scenarios, tmp_path / "out", "--table-only") == 2
    assert "config_path names a file to read, and --table-only" in capsys.readouterr().err


def test_a_lesson_without_a_module_of_its_own_takes_no_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lesson = small_lesson(tmp_path / "small.ipynb")
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "a"}])
    assert batch(lesson, scenarios, tmp_path / "out", "--table-only") == 2
    assert "leave --table-only out" in capsys.readouterr().err
