"""Lesson 06: its tables and figures are those of `validate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from estimator.catalog.configurations import configurations
from estimator.catalog.measured import verified_caches
from estimator.files import read_rows
from estimator.lesson import lesson_06 as lesson
from estimator.lesson.lesson_05_case import case
from estimator.validate import memory
from tests.seen import column, row
from tests.serving_rows import SHIPPED, command, shipped_lines

ROOT = Path(__file__).parents[1]
CATALOG = ROOT / "estimator" / "catalog"


def test_errors_and_coverage_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(SHIPPED, "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    table = lesson.errors_table()
    for view, name in (("kind", "dense"), ("model", "gpt-oss-120b"), ("engine", "vllm")):
        found, line = scores[view][name], row(table, f"{view}: {name}")
        assert line[1] == f"{found['rows']:,}"
        wanted = [found[key] for key in ("roofline_median", "median", "mean")]
        assert line[2:5] == [f"{100 * share:.1f} %" for share in wanted]
    kinds = scores["kind"]
    for kind, many in (("dense", 2), ("mixture", 7)):
        (extended,) = (found for name, found in kinds.items() if name.startswith(f"{kind} with"))
        assert extended["rows"] == kinds[kind]["rows"] + many
        said = f"{kind} {100 * extended['mean']:.1f} % with {many} more"
        assert said in table.note.replace("\N{NO-BREAK SPACE}", " ")
    covered = row(lesson.coverage_table(), "dense")[2]
    assert covered == f"{100 * scores['kind']['dense']['coverage']:.1f} %: below the claim"
    groups = {str(line[0]) for line in lesson.coverage_table().rows}
    assert set(scores["group"]) <= groups


def test_what_was_left_out_whole_is_the_command_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(SHIPPED, "--json") == 0
    folds = json.loads(capsys.readouterr().out)["folds"]
    table = lesson.errors_table()
    for part, scores in folds.items():
        for name, found in scores.items():
            line = row(table, f"{part}: {name}")
            assert line[1] == f"{found['rows']:,}"
            wanted = [found[key] for key in ("median", "mean", "coverage")]
            assert line[5:] == [f"{100 * share:.1f} %" for share in wanted]
    told = [str(line[0]) for line in table.rows if str(line[5])]
    assert len(told) == sum(map(len, folds.values())) == 10


def test_the_memory_table_is_the_command_s() -> None:
    report = memory.compare(read_rows(CATALOG / "measured_memory_more.csv"))
    line = row(lesson.memory_table(), "memory outside torch")
    assert line[4:7] == [
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
    # The tensors of the models that ran, added up from the file; lesson 03 has them one by one.
    tensors = sum(one.tensor_bytes for one in verified_caches().values())
    assert f"counted: {tensors:,} bytes in all" in table.note
    assert "give 5 of 5 to the byte" in table.note
    assert row(table, "DeepSeek-V3")[1:] == ["671,026,404,352", "671,026,404,352", "0", "70,272"]


def test_signs_flatter_every_component() -> None:
    table = lesson.memory_table()
    pairs = zip(column(table, "all rows, with signs"), column(table, "without signs"), strict=True)
    for signed, plain in pairs:
        assert abs(float(signed.split()[0])) < float(plain.split()[0])
    outside = memory.compare(
        [
            *read_rows(CATALOG / "measured_memory.csv"),
            *read_rows(CATALOG / "measured_memory_more.csv"),
        ]
    ).errors["non-torch"]
    assert row(table, "memory outside torch")[7:] == [
        f"{100 * sum(outside) / len(outside):.3f} %",
        f"{100 * sum(map(abs, outside)) / len(outside):.3f} %",
    ]


def test_the_run_that_is_taken_apart_is_the_file_s() -> None:
    line = shipped_lines()[512 - 2]
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
    assert str(table.total[1]) == "9.124 ms"
    assert len(table.rows) == 6


def test_the_nine_ran_as_fast_as_their_replicas_with_fewer_in_flight() -> None:
    """By the file alone: what the recorded load allows, how long they waited, what is like them."""
    lines = shipped_lines()
    table = lesson.worst_table()
    numbers = [int(text.split()[1].rstrip(":")) for text in column(table, "run")]
    fewer, times_of = column(table, "alike: in flight"), column(table, "alike: measured")
    waits = column(table, "first token")
    for number, batch, told, wait in zip(numbers[:9], fewer, times_of, waits, strict=False):
        line = lines[number - 2]
        answer = (int(line["osl"]) - 1) * float(line["tpot_ms"])
        assert wait == f"{float(line['ttft_ms']) / answer:.1f} x"
        assert 3.8 <= float(wait.split()[0]) <= 4.4
        time = told.removesuffix(" ms")
        assert int(batch) in (4, 8, 32, 64)
        assert float(time) == pytest.approx(float(line["tpot_ms"]), rel=0.12)
        same = ("model_path", "system", "backend", "isl", "osl", "tp_size")
        assert any(
            [one[name] for name in same] == [line[name] for name in same]
            and one["batch_size"] == batch
            and f"{float(one['tpot_ms']):.2f}" == time
            for one in lines
        )
    apart = ["not scored" in text for text in column(table, "run")]
    assert apart == [number not in (999, 1004) for number in numbers]
    assert fewer[9] == "none"
    times = zip(column(table, "measured"), column(table, "its roofline"), strict=True)
    faster = [float(here.split()[0]) < float(floor.split()[0]) for here, floor in times]
    assert (sum(faster[:9]), faster[9]) == (7, True)


def test_other_runs_of_the_suspects_model_and_engine_had_fewer_in_flight() -> None:
    suspects = ("vllm", "openai/gpt-oss-120b")
    lines = [one for one in shipped_lines() if (one["backend"], one["model_path"]) == suspects]
    batches = sorted({int(float(one["batch_size"])) for one in lines})
    assert batches[-2:] == [64, 512]
    assert sum(one["batch_size"] in ("512", "512.0") for one in lines) == 9


def test_the_worst_runs_are_told_apart_by_their_accelerators() -> None:
    table = lesson.worst_table()
    loads = [
        (str(run).partition(": ")[2], load)
        for run, load in zip(column(table, "run"), column(table, "load as recorded"), strict=True)
    ]
    assert len(set(loads)) == len(loads) == 10
    lines = shipped_lines()
    for run, load in zip(column(table, "run"), column(table, "load as recorded"), strict=True):
        line = lines[int(run.split()[1].rstrip(":")) - 2]
        assert load.startswith(f"{line['tp_size']} accelerator")
        assert f", {line['batch_size']} in flight" in load


def test_a_pool_hides_an_error_or_magnifies_it() -> None:
    note = lesson.memory_table().note
    # By hand from the logs: 5.01 GiB against 0.95 x 79.19 less the parts of the budget.
    assert "4.17 % off in memory outside torch, 0.04 % in a pool of 58.53 GiB" in note
    assert "llama-3.3-70b at fp8 on 1 accelerator: 0.03 % off in weights, 3.57 % in a pool" in note
    pool = row(lesson.answer_table(), "memory left for the cache")[2]
    assert pool == "0.04 %; the worst 3.57 %"


def test_the_cost_of_the_layers_is_worked_out_from_the_note() -> None:
    table = lesson.one_run_table()
    assert "a layer costs 52.59 µs" in table.note
    assert "8.604 ms; the estimate is 6.0 % above it. Roofline" in table.note
    layers = float(row(table, "layers")[1].split()[0])
    assert layers == pytest.approx(32 * 52.59e-3, abs=0.001)


def test_precisions_are_compared_inside_a_model() -> None:
    scores = lesson.shipped().report.scores["precision of a model"]
    assert scores["qwen3-32b bfloat16"].median == pytest.approx(0.057, abs=0.0005)
    assert scores["qwen3-32b fp8"].median == pytest.approx(0.098, abs=0.0005)
    assert sum(score.rows for score in scores.values()) == 996


def test_the_figure_draws_every_run() -> None:
    picture = lesson.scatter_chart(lesson.shipped())
    for axes in picture.figure.axes:
        drawn = sum(np.size(line.get_xdata()) for line in axes.lines[:3])
        assert drawn == 1005
        assert axes.get_xscale() == axes.get_yscale() == "log"
    measured = np.sort(np.concatenate([ln.get_xdata() for ln in picture.figure.axes[0].lines[:3]]))
    assert measured == pytest.approx(np.sort(lesson.shipped().columns["measured"]) * 1e3)
    assert "8.9 % off in the median" in picture.alt
    assert (
        "Of 9 crosses, runs faster than their roofline, 8 lie 2.4 to 17.2 times above"
        in picture.alt
    )
    assert (
        "for 52 the measured time is more than 10 times the roofline's, at most 22" in picture.alt
    )


def test_no_point_of_the_figure_is_cut_off() -> None:
    for axes in lesson.scatter_chart(lesson.shipped()).figure.axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in axes.lines[:3]:
            across, up = (np.asarray(data, dtype=float) for data in line.get_data())
            assert np.all((left < across) & (across < right))
            assert np.all((low < up) & (up < high))


def test_the_figure_draws_the_interval_of_each_run() -> None:
    axes = lesson.scatter_chart(lesson.shipped()).figure.axes[1]
    (bars,) = axes.collections
    assert isinstance(bars, LineCollection)
    segments = np.array(bars.get_segments())
    assert segments.shape == (1005, 2, 2)
    measured, low, high = segments[:, 0, 0], segments[:, 0, 1], segments[:, 1, 1]
    meets = np.mean((low <= measured) & (measured <= high))
    scores = lesson.shipped().report.scores["all"]
    assert meets == pytest.approx(scores["with the faster"].coverage)
    known = row(lesson.coverage_table(), "rows scored")[2]
    assert f"{100 * scores['rows scored'].coverage:.1f} %" == known


def test_the_constants_are_fitted_on_each_run_once() -> None:
    lines = shipped_lines()
    different = {tuple(line.values()) for line in lines}
    faster = lesson.shipped().report.unread_rows
    source = row(lesson.evidence(), "constants of the step")[2]
    fitted = int(source.partition(" on ")[2].split()[0])
    assert f"{fitted} of them: the others repeat one" in source
    assert fitted == 971
    assert len(different) - faster == fitted < len(lines) - faster


def test_the_worst_few_are_in_sight_and_the_rest_is_folded() -> None:
    found, every = lesson.worst_tables(), lesson.worst_table()
    assert found.folded is not None
    assert [*found.tables[0].rows, *found.folded.rows] == [*every.rows]
    html = found._repr_html_()
    assert html.index("<details><summary>The next 6</summary>") < html.index("line 718")
    assert repr(found).count("line 718") == 1


def test_a_model_and_an_accelerator_of_the_same_runs_are_told() -> None:
    pairs = {(one["model_path"].split("/")[-1], one["system"]) for one in shipped_lines()}
    assert [model for model, chip in pairs if chip == "b200_sxm"] == ["DeepSeek-V3"]
    assert [chip for model, chip in pairs if model == "DeepSeek-V3"] == ["b200_sxm"]
    said = "deepseek-v3 ran on B200-SXM alone, and nothing else did: the two rows are the same"
    assert lesson.errors_table().note.count(" alone, and nothing else did") == 1
    assert said in lesson.errors_table().note


def test_the_envelope_at_the_end_is_that_of_the_lessons() -> None:
    table = lesson.envelope_table()
    assert column(table, "count") == ["114,688", "112", "273", "736", "1,950"]
    text = case("text")
    fleet = text.intervals()["planned_accelerators"]
    kind = str(table.rows[-1][2])
    assert f"{fleet.p10:,.0f} to {fleet.p90:,.0f} for all guesses" in kind
    ends = {"engine_factor": np.array([0.87, 1.18])}
    low, high = text.answer(ends)["planned_accelerators"]
    assert (low, high) == pytest.approx((1_692, 2_300), rel=0.01)
    assert "an estimate: 1,692 to 2,300 for the engine alone" in kind
