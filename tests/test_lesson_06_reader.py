"""Lesson 06: measurements of the reader's own, and the lesson under papermill."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from estimator.lesson import lesson_06 as lesson
from tests.running import results, warm_papermill
from tests.serving_rows import command, shipped_lines

NAME = "06-estimates-against-reality"


# --- The reader's own measurements ------------------------------------------------------------


COLUMNS = "model_path,system,backend,isl,osl,batch_size,tp_size,tpot_ms"
GOOD = "Qwen/Qwen3-32B,h100_sxm,vllm,1024,512,16,4,11.85"


def file_of(folder: Path, *lines: str, header: str = COLUMNS) -> str:
    path = folder / "own.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return str(path)


def test_own_rows_are_estimated_and_bad_ones_named(tmp_path: Path) -> None:
    bad = GOOD.replace("1024", "many")
    path = file_of(tmp_path, GOOD, bad, GOOD.replace("h100", "h200"))
    text = lesson.your_measurements(path).text
    assert "**2 rows of own.csv: the roofline is off by" in text
    assert "1 of them belongs to a group of the fit" in text
    assert "1 is new to it" in text
    assert "weights are taken for BF16 (there is no column precision" in text
    assert "it takes 20 rows or more to judge it" in text
    assert "1 row was left out:\n\n- 1 row, first in line 3: isl is 'many'" in text
    found = lesson.your_results(path)
    assert (found["measured_rows"], found["unread_rows"]) == (2, 1)
    assert 0 < found["median_error"] < found["roofline_median_error"]


@pytest.mark.parametrize(
    ("header", "lines", "says"),
    [
        ("a,b", ("1,2",), r"**The file cannot be used.** own.csv has no column model\_path"),
        ("", (), "**The file cannot be used.**"),
        (COLUMNS, (), "**Not one row could be estimated.**"),
        (COLUMNS, (GOOD.replace("vllm", "*<b>x"),), "backend '\\*&lt;b&gt;x' is not known"),
    ],
)
def test_a_bad_file_is_a_sentence_and_no_error(
    header: str, lines: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    path = file_of(tmp_path, *lines, header=header)
    assert says in lesson.your_measurements(path).text
    assert lesson.your_results(path)["measured_rows"] == 0


def test_no_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        assert "cannot be read" in lesson.your_measurements(str(path)).text
    assert "`model_path`" in lesson.your_measurements("").text
    assert lesson.your_results("")["measured_rows"] == 996
    with pytest.raises(TypeError, match="measurements is 3, but it must be the path"):
        lesson.your_measurements(3)  # type: ignore[arg-type]


def of_the_shipped(
    folder: Path, names: tuple[str, ...], count: int, models: str = "Llama|Qwen",
    precision: str = "fp8",
) -> str:  # fmt: skip
    """The first runs of some models at a precision, with these columns alone."""
    lines = [one for one in shipped_lines() if one["precision"] == precision]
    path = folder / "runs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows([one for one in lines if re.search(models, one["model_path"])][:count])
    return str(path)


def test_what_a_missing_precision_does_is_said(tmp_path: Path) -> None:
    names = tuple(COLUMNS.split(","))
    without = lesson.your_measurements(of_the_shipped(tmp_path, names, 229)).text
    assert "25.9 %" in without
    assert "it is too narrow, unless their weights are not BF16" in without
    assert "add the column `precision`" in without
    # The same path, another content: what was read of it before must not stay.
    path = of_the_shipped(tmp_path, (*names, "precision"), 229)
    with_it = lesson.your_measurements(path).text
    assert "by 9.7 %" in with_it
    assert "it is too narrow." in with_it
    assert "BF16" not in with_it
    assert "no pipelines" in with_it


@pytest.mark.parametrize(
    ("count", "judged", "belong"),
    [
        (1, "20 rows or more", "It belongs to a group of the fit"),
        (2, "20 rows or more", "All belong to groups of the fit"),
        (19, "20 rows or more", "All belong to groups of the fit"),
        (229, "it is too narrow.", "All belong to groups of the fit"),
    ],
)
def test_few_rows_are_not_judged(count: int, judged: str, belong: str, tmp_path: Path) -> None:
    names = (*COLUMNS.split(","), "precision")
    text = lesson.your_measurements(of_the_shipped(tmp_path, names, count)).text
    assert judged in text
    assert belong in text
    assert "too wide" not in text


def test_an_interval_that_is_kept_is_told(tmp_path: Path) -> None:
    names = (*COLUMNS.split(","), "precision")
    path = of_the_shipped(tmp_path, names, 177, models="Llama", precision="")
    assert "claims 80 %, and keeps it" in lesson.your_measurements(path).text


def test_every_column_that_is_needed_is_explained() -> None:
    text = lesson.your_measurements("").text
    for name in (*COLUMNS.split(","), "precision"):
        assert f"`{name}`" in text
    assert "tokens of the prompt and of the answer" in text


def test_a_relative_path_is_told_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = lesson.your_measurements("none.csv").text
    assert f"It was looked for in {tmp_path}" in text.replace("\\", "")
    assert "looked for" not in lesson.your_measurements(str(tmp_path / "none.csv")).text
    file_of(tmp_path, GOOD)
    assert "1 row of own.csv" in lesson.your_measurements("own.csv").text


@pytest.mark.parametrize(
    ("header", "marks"),
    [
        (COLUMNS.replace(",", ";"), "semicolons"),
        (COLUMNS.replace(",", "\t"), "tabs"),
        ('"model_path";"system";"tpot_ms"', "semicolons"),
    ],
)
def test_a_file_without_commas_is_told_by_what_it_is_separated(
    header: str, marks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(tmp_path, header=header)
    wanted = f"own.csv is separated by {marks}: save it with commas between its columns"
    assert wanted in lesson.your_measurements(path).text
    assert command(path) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert wanted in captured.err


# --- Under papermill --------------------------------------------------------------------------


def test_other_parameters_and_a_file_of_one_s_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD, GOOD.replace("512", "256"))
    done = warm_papermill(
        NAME, tmp_path, measurements=path, model="qwen3-32b", engine="sglang", batch=8
    )
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    assert (found["measured_rows"], found["unread_rows"]) == (2, 0)
    low, middle, high = (found[f"token_seconds{end}"] for end in ("_p10", "", "_p90"))
    assert 0.005 < low < middle < high < 0.05
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "2 rows of own.csv" in page
    assert "| 6 choices | Qwen3 32B" in page
    assert "| 3 choices | SGLang" in page


def test_a_bad_file_leaves_the_lesson_standing(tmp_path: Path) -> None:
    done = warm_papermill(NAME, tmp_path, measurements=str(tmp_path / "none.csv"))
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)["measured_rows"] == 0
    assert "The file cannot be used" in (tmp_path / "out.ipynb").read_text(encoding="utf-8")


def test_impossible_parameters_stop_the_run(tmp_path: Path) -> None:
    done = warm_papermill(NAME, tmp_path, accelerator="H100", batch=0)
    assert done.returncode != 0
    assert "did you mean 'H100-SXM'" in done.stderr
    assert "batch is 0" in done.stderr
