"""Lesson 06: the figures of `validate`, the hunt, the panel, and runs of the reader's own."""

from __future__ import annotations

import csv
import html
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.catalog.configurations import configurations
from estimator.lesson import lesson_06 as lesson
from estimator.lesson.exercises import Exercise
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_hunt import figures
from estimator.lesson.lesson_06_panel import Case, estimate, largest_promised, nearby
from estimator.lesson.panel import Panel
from estimator.lesson.tables import Table
from estimator.validate import memory, serving
from estimator.validate.files import read_rows
from tests.running import papermill, results

NAME = "06-estimates-against-reality"
ROOT = Path(__file__).parents[1]
CATALOG = ROOT / "estimator" / "catalog"
SHIPPED = CATALOG / "measured_serving.csv"
GOLDEN = Path(__file__).parent / "data" / "golden.csv"
DEFAULTS: dict[str, Any] = {
    "model": "llama-3.1-8b", "accelerator": "H100-SXM", "engine": "trtllm",
    "precision": "bfloat16", "tensor_parallel": 2, "batch": 64, "prompt_tokens": 1024,
    "output_tokens": 512,
}  # fmt: skip
CASE = Case("llama-3.1-8b", "H100-SXM", "trtllm", "bfloat16", 2, 64, 1024, 512)


def given(**changes: Any) -> Inputs:
    return Inputs(**{**DEFAULTS, **changes})


def column(table: Table, header: str) -> list[str]:
    place = list(table.headers).index(header)
    return [str(row[place]) for row in table.rows]


def row(table: Table, name: str) -> list[str]:
    return next([str(cell) for cell in line] for line in table.rows if str(line[0]) == name)


# --- The lesson prints what the command prints ------------------------------------------------


def test_errors_and_coverage_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert serving.main([str(SHIPPED), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    table = lesson.errors_table()
    for view, name in (("kind", "dense"), ("model", "gpt-oss-120b"), ("engine", "vllm")):
        found, line = scores[view][name], row(table, f"{view}: {name}")
        assert line[1] == f"{found['rows']:,}"
        wanted = [found[key] for key in ("roofline_median", "median", "mean", "p90")]
        assert line[2:] == [f"{100 * share:.1f} %" for share in wanted]
    covered = row(lesson.coverage_table(), "dense")[2]
    assert covered == f"{100 * scores['kind']['dense']['coverage']:.1f} %"
    groups = {str(line[0]) for line in lesson.coverage_table().rows}
    assert set(scores["group"]) <= groups


def test_the_memory_table_is_the_command_s() -> None:
    report = memory.compare(read_rows(CATALOG / "measured_memory_more.csv"))
    line = row(lesson.memory_table(), "non-torch")
    assert line[5:] == [
        "5", f"{100 * report.summary()['non-torch']['mean']:.2f} %",
        f"{100 * report.summary()['non-torch']['worst']:.2f} %",
    ]  # fmt: skip


def test_exact_things_have_no_difference() -> None:
    table = lesson.parameters_table()
    assert set(column(table, "difference")) == {"0"}
    assert [str(cell) for cell in table.total][:2] == [
        f"all {len(configurations())} models",
        f"{len(configurations())} exact",
    ]
    assert set(column(lesson.caches_table(), "difference")) == {"0"}
    assert row(table, "DeepSeek-V3")[1:] == ["671,026,404,352", "671,026,404,352", "0", "70,272"]


def test_signs_flatter_every_component() -> None:
    for _, signed, plain in lesson.cancelling_table().rows:
        assert abs(float(str(signed).split()[0])) < float(str(plain).split()[0])


def test_the_run_that_is_taken_apart_is_the_file_s() -> None:
    with SHIPPED.open(encoding="utf-8") as file:
        line = list(csv.DictReader(file))[512 - 2]
    measured, floor, estimated = lesson.one_run()
    assert measured * 1e3 == pytest.approx(float(line["tpot_ms"]))
    assert (line["isl"], line["osl"], line["batch_size"], line["tp_size"]) == (
        "1024", "512", "64", "2",
    )  # fmt: skip
    # Weights but the embedding, and 64 caches of 1,280 tokens, over two at 3.35 TB/s.
    weights = 2 * (8_030_261_248 - 128_256 * 4096 - 65 * 4096)
    assert floor == pytest.approx((weights + 64 * 1280 * 131_072) / (2 * 3.35e12))
    assert floor < measured < estimated
    table = lesson.one_run_table()
    assert str(table.total[1]) == "9 ms"
    assert len(table.rows) == 6


def test_about_a_hundred_ran_in_each_of_the_nine() -> None:
    table = lesson.suspects_table()
    ran = [float(text) for text in column(table, "that can have run")]
    assert len(ran) == 9
    assert all(90 < one < 110 for one in ran)
    # Line 1000 by hand: 1,023 tokens at 5.46 ms, after 24.3 s.
    tokens = 1023 * 0.00546
    assert ran[2] == pytest.approx(512 * tokens / (24.323 + tokens), abs=0.5)
    faster = [
        line[0]
        for line in table.rows
        if float(str(line[5]).split()[0]) < float(str(line[6]).split()[0])
    ]
    assert faster == ["line 1000", "line 1003", "line 1005"]


def test_the_figure_draws_every_run() -> None:
    picture = lesson.scatter_chart(lesson.shipped())
    for axes in picture.figure.axes:
        drawn = sum(np.size(line.get_xdata()) for line in axes.lines[:3])
        assert drawn == 1005
        assert axes.get_xscale() == axes.get_yscale() == "log"
    measured = np.sort(np.concatenate([ln.get_xdata() for ln in picture.figure.axes[0].lines[:3]]))
    assert measured == pytest.approx(np.sort(lesson.shipped().columns["measured"]) * 1e3)
    assert "8.6 % off in the median" in picture.alt


# --- The hunt ---------------------------------------------------------------------------------


def golden() -> dict[str, dict[str, str]]:
    with GOLDEN.open(encoding="utf-8") as file:
        return {line["id"]: line for line in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("letter", "name", "wrong"),
    [
        ("A", "llama-3.2-3b-true-fp32", True), ("B", "profile", False),
        ("C", "interactions-index", True), ("D", "gpt2-medium-params", False),
        ("E", "seed2-kv-128", True), ("F", "seed2-total", True),
        ("G", "kv-token-deepseek-v3", False), ("H", "seed2-flops", True),
        ("I", "gpus-a100", False), ("J", "gpus-text-to-speech Fish Speech", True),
        ("K", "gpus-text-to-video Mochi 1", True), ("L", "baseten-A100", True),
    ],
)  # fmt: skip
def test_a_figure_is_computed_and_judged_as_the_published_examples_are(
    letter: str, name: str, wrong: bool
) -> None:
    figure, known = figures()[letter], golden()[name]
    assert figure.compute() == pytest.approx(float(known["exact"]), rel=1e-9)
    assert figure.wrong is wrong
    assert (known["relation"] == "erratum") is wrong


def test_all_errata_of_the_examples_are_hunted_but_one_of_two_alike() -> None:
    errata = {name for name, line in golden().items() if line["relation"] == "erratum"}
    # Baseten's T4 has the slip of its A100; 6 GB for 6.43 are right to the digit.
    assert len(errata) == 10
    assert sum(one.wrong for one in figures().values()) == 8


NUMBER_IN_TEXT = re.compile(r"[\d.]+")
SCALES = {"bytes": 1, "KB": 1e3, "GB": 1e9, "TB": 1e12}


@pytest.mark.parametrize("letter", list("ABCDEFGHIJKL"))
def test_a_figure_right_to_its_printed_digits_is_right_and_no_other(letter: str) -> None:
    """The lesson's rule, by itself: rounded to the digits that were printed; accelerators up."""
    figure = figures()[letter]
    digits = figure.printed.replace(",", "")
    (number,) = NUMBER_IN_TEXT.findall(digits)
    scale = SCALES.get(digits.split()[-1], 1)
    places = len(number.partition(".")[2])
    found = figure.compute() / scale
    if figure.unit == "accelerator":
        found = math.ceil(found)
    assert (round(found, places) == float(number)) is not figure.wrong


def test_the_figures_can_be_worked_out_from_the_page() -> None:
    # H: the two matrices of its MLP alone take more than what is printed.
    mlp = 24 * 1024 * 2 * 2 * 1024 * 4096
    assert mlp > 312_711_577_600
    for size in ("24 layers", "width 1,024", "MLP 4,096"):
        assert size in figures()["H"].what
    # L: prefill at the rate and 150 reads of the weights, by the note under the table.
    assert "312 TFLOP/s and reads 2.04 TB/s" in lesson.hunt_table().note
    request = 350 * 2 * 7e9 / 312e12 + 150 * 2 * 7e9 / 2.04e12
    assert figures()["L"].compute() == pytest.approx(request, rel=0.001)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("", "Not hunted yet"),
        (" , ", "Not hunted yet"),
        (None, "is no text"),
        (7, "is no text"),
        ("Z", "there is no such figure"),
        ("AC", "there is no such figure"),
        ("B", "B is right as printed: it is 1.00 TB"),
        ("A B C", "B is right as printed"),
        ("g", "G is right as printed: it is 70,272 bytes"),
        ("A", "1 caught, 7 still hide. A is 12.85 GB"),
        ("a, c", "2 caught, 6 still hide. C is 2.50 TB"),
        ("A C E F H J K L", "Right: all 8"),
        ("L K J H F E C A A", "Right: all 8"),
    ],
)
def test_the_hunt_says_what_is_wrong_with_the_hunter(found: object, says: str) -> None:
    text = lesson.hunt(found).text
    assert says in text
    assert "<details><summary>Solution</summary>" in text


@pytest.mark.parametrize(
    ("make", "answer", "says"),
    [
        (lesson.error_of_three, 0.19, "right to its 2 digits: give one digit more"),
        (lesson.error_of_three, 0.053, "take the sign off"),
        (lesson.wait_for_prompts, 0.0179, "all 221 tokens: between them lie 220 gaps"),
        (lesson.wait_for_prompts, 90 / 221 * 0.044, "all 221 tokens: between them lie 220 gaps"),
        (lesson.wait_for_prompts, 18, "These are milliseconds"),
    ],
)
def test_what_a_reader_answered_is_diagnosed(
    make: Callable[[], Exercise], answer: float, says: str
) -> None:
    right, sentence = make().verdict(answer)
    assert right is False
    assert says in sentence


# --- The panel --------------------------------------------------------------------------------


def test_the_panel_starts_at_the_run_that_was_taken_apart() -> None:
    panel = lesson.step_panel(given())
    assert "A token takes 9 ms" in panel.last.sentence
    assert "the roofline alone says 3.843 ms" in panel.last.sentence
    assert "Of 12 measured runs near this load, 11 lay inside" in panel.last.sentence
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
    for name, value in changes.items():
        panel.boxes[name].value = value
    return panel.last.score


def test_the_task_is_solved_at_one_batch_and_nowhere_else() -> None:
    panel, largest = lesson.step_panel(given()), largest_promised()
    assert "a larger batch keeps it too" in task(panel)
    told = []
    for batch in (largest - 1, largest):
        told.append((task(panel, batch=batch).partition(": ")[2], panel.last.solved))
    assert told == [
        ("the promise is kept, a larger batch keeps it too.", False),
        ("", True),
    ]
    assert "one request more would break the promise" in panel.last.score
    kept = [estimate(Case(*CASE_OF[:5], n, 1024, 512)).token_seconds.p90 <= 0.015
            for n in (largest, largest + 1)]  # fmt: skip
    assert kept == [True, False]
    assert "one case in ten is slower than that" in task(panel, batch=largest + 1)
    assert "too slow even in the middle" in task(panel, batch=200)
    assert "choose BF16" in task(panel, precision="fp8")


CASE_OF = ("llama-3.1-8b", "H100-SXM", "trtllm", "bfloat16", 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"prompt_tokens": 0}, "prompt_tokens is 0"),
        ({"batch": 5000}, "fill the memory: give"),
        ({"model": "deepseek-v3"}, "leaves no room for a cache"),
    ],
)
def test_the_impossible_is_told_and_the_last_answer_stays(
    changes: dict[str, Any], says: str
) -> None:
    panel = lesson.step_panel(given())
    before = panel.last
    for name, value in changes.items():
        panel.boxes[name].value = value
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
    assert "Nobody has measured it on A100-SXM-80GB under TensorRT-LLM" in panel.last.sentence


def test_a_key_press_is_answered_at_once() -> None:
    panel = lesson.step_panel(given())
    names = {control.name for control in panel._controls}
    assert {"model", "accelerator", "engine", "precision", "tensor", "batch"} <= names


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
    assert "1 of them belong to groups of the fit" in text
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
    assert lesson.your_results("")["measured_rows"] == 1005
    with pytest.raises(TypeError, match="measurements is 3, but it must be the path"):
        lesson.your_measurements(3)  # type: ignore[arg-type]


# --- Under papermill --------------------------------------------------------------------------


def test_other_parameters_and_a_file_of_one_s_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD, GOOD.replace("512", "256"))
    done = papermill(NAME, tmp_path, measurements=path, model="qwen3-32b", engine="sglang", batch=8)
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    assert (found["measured_rows"], found["unread_rows"]) == (2, 0)
    low, middle, high = (found[f"token_seconds{end}"] for end in ("_p10", "", "_p90"))
    assert 0.005 < low < middle < high < 0.05
    page = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
    assert "2 rows of own.csv" in page
    assert "Qwen3 32B on 2 x H100-SXM, SGLang, 8 in flight" in page


def test_a_bad_file_leaves_the_lesson_standing(tmp_path: Path) -> None:
    done = papermill(NAME, tmp_path, measurements=str(tmp_path / "none.csv"))
    assert done.returncode == 0, done.stderr
    assert results(tmp_path)["measured_rows"] == 0
    assert "The file cannot be used" in (tmp_path / "out.ipynb").read_text(encoding="utf-8")


def test_impossible_parameters_stop_the_run(tmp_path: Path) -> None:
    done = papermill(NAME, tmp_path, accelerator="H100", batch=0)
    assert done.returncode != 0
    assert "did you mean 'H100-SXM'" in done.stderr
    assert "batch is 0" in done.stderr
