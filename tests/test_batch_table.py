"""Tables without notebooks: equal to what the notebooks report, and in chunks of bounded memory."""

import contextlib
import json
import math
import os
import signal
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from estimator.batch import vectorized
from estimator.batch.declared import Lesson
from estimator.batch.scenarios import Chunk
from estimator.batch.table import Row, csv_text, flat
from estimator.batch.vectorized import Part
from tests.running import warm_papermill
from tests.scenarios import batch, scenario_file, table

ROOT = Path(__file__).parents[1]
STORAGE = ROOT / "notebooks" / "01-model-storage.ipynb"
SERVICE = ROOT / "notebooks" / "05-size-a-service.ipynb"
MODELS = [
    {"name": "seven", "n_params": "7e9", "bits_per_weight": 4, "replicas": 3},
    {"name": "odd", "n_params": 12_345, "bits_per_weight": 4.125, "replicas": ""},
]


real_part = vectorized.part_of


def part_killed_once(lesson: Lesson, path: Path, chunk: Chunk, with_intervals: bool) -> Part:
    """End this worker over one chunk, the first time."""
    flag = path.with_suffix(".killed")
    if 100 in chunk.rows and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return real_part(lesson, path, chunk, with_intervals)


def part_killed_always(lesson: Lesson, path: Path, chunk: Chunk, with_intervals: bool) -> Part:
    if 100 in chunk.rows:
        os.kill(os.getpid(), signal.SIGKILL)
    return real_part(lesson, path, chunk, with_intervals)


@pytest.mark.parametrize("ending", ["csv", "yaml"])
def test_by_hand(tmp_path: Path, ending: str) -> None:
    scenarios = scenario_file(tmp_path / f"s.{ending}", MODELS)
    assert batch(STORAGE, scenarios, tmp_path / "out", "--table-only") == 0
    seven, odd = table(tmp_path / "out")
    assert seven["n_params"] == "7000000000"
    assert (seven["weight_bytes"], seven["replicated_bytes"]) == ("3500000000", "10500000000")
    assert odd["weight_bytes"] == "6365.390625"  # 12,345 x 4.125 / 8
    assert (odd["replicas"], odd["status"], odd["error"]) == ("", "passed", "")


def test_the_table_of_the_notebooks_byte_for_byte(tmp_path: Path) -> None:
    scenarios = scenario_file(tmp_path / "s.csv", MODELS)
    assert batch(STORAGE, scenarios, tmp_path / "notebooks") == 0
    assert batch(STORAGE, scenarios, tmp_path / "vectorized", "--table-only") == 0
    one, other = (tmp_path / kind / "results.csv" for kind in ("notebooks", "vectorized"))
    assert one.read_bytes() == other.read_bytes()


def test_a_folder_that_holds_notebooks_keeps_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = scenario_file(tmp_path / "s.csv", MODELS[:1])
    out = tmp_path / "out"
    assert batch(STORAGE, scenarios, out) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for gone in (None, "index.html", "results.csv"):  # as where it was stopped, or had no room
        if gone:
            del before[out / gone]
            (out / gone).unlink()
        assert batch(STORAGE, scenarios, out, "--table-only") == 2
        assert "holds the notebooks of a batch, and --table-only" in capsys.readouterr().err
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert batch(STORAGE, scenarios, tmp_path / "other", "--table-only") == 0
    assert batch(STORAGE, scenarios, tmp_path / "other", "--table-only") == 0


def test_points_and_intervals_of_a_service_as_its_notebook_reports_them(tmp_path: Path) -> None:
    given = {"system": "image", "users": 3_000_000, "precision": "INT8", "accelerator": "H100-SXM"}
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "one", **given}, {"name": "two"}])
    assert batch(SERVICE, scenarios, tmp_path / "out", "--table-only") == 0
    done = warm_papermill(SERVICE.stem, tmp_path, **given)
    assert done.returncode == 0, done.stderr
    reported = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["results"]
    found = table(tmp_path / "out")[0]
    values = flat(reported)[0]
    assert {"usd_per_month", "usd_per_month_p10", "usd_per_month_p90"} <= set(values)
    assert {name: float(found[name]) for name in values} == pytest.approx(values, rel=1e-12)


def test_intervals_only_for_up_to_a_thousand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectorized, "MOST_WITH_INTERVALS", 2)
    for count, wanted in ((2, True), (3, False)):
        many = [{"name": f"s{n}"} for n in range(count)]
        out = tmp_path / str(count)
        assert batch(SERVICE, scenario_file(tmp_path / "s.csv", many), out, "--table-only") == 0
        assert ("usd_per_month_p50" in table(out)[0]) is wanted


def test_chunks_give_the_same_table_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"name": f"s{n}", "n_params": 10**9 + n, "accelerator": "T4"} for n in range(250)]
    scenarios = scenario_file(tmp_path / "s.csv", many)
    assert batch(STORAGE, scenarios, tmp_path / "one", "--table-only") == 0
    monkeypatch.setattr("estimator.batch.scenarios.CHUNK_ROWS", 100)
    assert batch(STORAGE, scenarios, tmp_path / "many", "--table-only", "--workers", "2") == 0
    one, many_chunks = (tmp_path / kind / "results.csv" for kind in ("one", "many"))
    assert one.read_bytes() == many_chunks.read_bytes()
    assert len(table(tmp_path / "many")) == 250


def test_a_worker_that_is_killed_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [{"name": f"s{n}", "n_params": 10**9 + n} for n in range(250)]
    scenarios = scenario_file(tmp_path / "s.csv", many)
    assert batch(STORAGE, scenarios, tmp_path / "one", "--table-only") == 0
    monkeypatch.setattr("estimator.batch.scenarios.CHUNK_ROWS", 50)
    monkeypatch.setattr(vectorized, "part_of", part_killed_once)
    assert batch(STORAGE, scenarios, tmp_path / "many", "--table-only", "--workers", "2") == 0
    assert (tmp_path / "s.killed").exists()
    one, many_chunks = (tmp_path / kind / "results.csv" for kind in ("one", "many"))
    assert one.read_bytes() == many_chunks.read_bytes()
    monkeypatch.setattr(vectorized, "part_of", part_killed_always)
    capsys.readouterr()
    assert batch(STORAGE, scenarios, tmp_path / "many", "--table-only", "--workers", "2") == 3
    said = capsys.readouterr().err
    assert "A worker was killed twice over rows" in said
    assert "give fewer --workers; results.csv is as it was. Run the same command" in said
    assert "Traceback" not in said
    assert one.read_bytes() == many_chunks.read_bytes()
    assert not list((tmp_path / "many" / ".batch").glob(".half-*"))


def test_the_bar_knows_how_many_rows_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios = tmp_path / "s.csv"
    scenarios.write_text("name\na\nb\n\n")
    assert batch(STORAGE, scenarios, tmp_path / "out", "--table-only") == 0
    said = capsys.readouterr().err
    assert "0.00/3.00" in said
    assert "2.00/2.00" in said.rpartition("\r")[2]


def test_problems_in_any_chunk_are_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("estimator.batch.scenarios.CHUNK_ROWS", 100)
    many = [{"name": f"s{n}", "n_params": 1, "replicas": 1} for n in range(250)]
    many[3]["n_params"] = -5
    many[120]["n_params"] = "x"
    many[120]["replicas"] = 1.5
    many[240]["name"] = "S7"
    many[241]["name"] = "a/b"
    scenarios = scenario_file(tmp_path / "s.csv", many)
    assert batch(STORAGE, scenarios, tmp_path / "out", "--table-only") == 2
    said = capsys.readouterr().err
    for start in (
        "row 5: n_params is -5",
        "row 122: n_params is 'x'",
        "row 122: replicas is 1.5",
        "row 242: the name 'S7' is that of row 9",
        "row 243: the name 'a/b' would leave the folder",
    ):
        assert start in said
    assert "5 problems" in said
    before = said.partition(f"{scenarios} has 5 problems")[0]
    assert not before.rpartition("\r")[2].strip()  # no bar on the line, nor above it
    assert "\n" not in before
    assert not (tmp_path / "out" / "results.csv").exists()
    assert not list((tmp_path / "out").glob(".half-*"))


@pytest.mark.parametrize(
    ("name", "content", "sentences"),
    [
        ("s.csv", b"name,users\nZ\xfcrich,7\n", ["row 2: it is no text in UTF-8"]),
        ("s.yaml", b"- {name: a, system: [1]}\n- {name: b, system: txt, users: 0}\n",
         ["item 1: system is [1], but it must be text", "item 2: system is 'txt'",
          "item 2: users is 0"]),
        ("s.csv", b"name,users\na,7\n,\n,\n,9\n", ["row 5: it has no name"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_notebooks_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes,
    sentences: list[str],
) -> None:  # fmt: skip
    (tmp_path / name).write_bytes(content)
    assert batch(SERVICE, tmp_path / name, tmp_path / "out", "--table-only") == 2
    said = capsys.readouterr().err
    assert all(sentence in said for sentence in sentences), said
    assert not (tmp_path / "out" / "results.csv").exists()


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def here(workers: int, module: str) -> Iterator[Executor]:
        with ThreadPoolExecutor(1) as executor:
            yield executor

    monkeypatch.setattr(vectorized, "local", here)
    monkeypatch.setattr("estimator.batch.scenarios.CHUNK_ROWS", 500)
    peaks = {}
    for count in (4_000, 4_000, 16_000):  # the first only imports
        many = [{"name": f"scenario-{n}", "n_params": 10**9 + n} for n in range(count)]
        scenarios = scenario_file(tmp_path / "s.csv", many)
        del many
        tracemalloc.start()
        assert batch(STORAGE, scenarios, tmp_path / "out", "--table-only", "--workers", "2") == 0
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(table(tmp_path / "out")) == 16_000
    # Eight bytes of each name are kept to compare it with the others; a row alone is over 50.
    assert peaks[16_000] - peaks[4_000] < 12_000 * 3 * 8


def test_a_scenario_without_a_result_is_told_the_reason_of_its_notebook(tmp_path: Path) -> None:
    given = {"n_params": 9e13}  # no replica of such a model will do
    scenarios = scenario_file(tmp_path / "s.csv", [{"name": "fine"}, {"name": "odd", **given}])
    assert batch(SERVICE, scenarios, tmp_path / "out", "--table-only") == 1
    fine, odd = table(tmp_path / "out")
    assert fine["error"] == ""
    assert "No replica of up to 8" in odd["error"]
    done = warm_papermill(SERVICE.stem, tmp_path, **given)
    assert odd["error"] in done.stderr


def test_whole_numbers_are_written_as_such() -> None:
    results = {"big": 3.75e16, "whole": 1000.0, "part": 0.1, "exact": 2**60 + 1, "huge": 1e300}
    units = dict.fromkeys(results, "")
    text = csv_text(
        ["users", "exact"],
        [Row("a", {"users": 5, "exact": True}, results, units), Row("b", {}, {}, {}, "no, x")],
    )
    assert text.splitlines() == [
        "name,status,users,exact,big,exact,huge,part,whole,error",
        "a,passed,5,true,37500000000000000,1152921504606846976,1e+300,0.1,1000,",
        'b,failed,,,,,,,,"no, x"',
    ]
    values = np.array([*results.values(), math.nan])
    cells = vectorized.written(values, np.isnan(values))
    assert list(map(str, cells)) == [
        *("37500000000000000", "1000", "0.1", "1152921504606846976", "1e+300", "")
    ]
