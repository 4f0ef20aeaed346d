"""Measured runs read, odd ones named, bad ones counted, and the report that comes of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from estimator.catalog import configurations
from estimator.catalog.serving import step_constants
from estimator.engine import Layout
from estimator.validate import compare, serving
from estimator.validate.report import Report
from estimator.validate.rows import OPTIONAL, REQUIRED, read_layout
from tests.serving_rows import SHIPPED, Run, command, read_runs, shipped_lines, write


@pytest.fixture(scope="module")
def report() -> Report:
    return compare.validate(SHIPPED)


# --- The shipped runs -------------------------------------------------------------------------


def test_every_shipped_row_is_modelled_and_left_out_of_its_fit(report: Report) -> None:
    assert (report.rows, report.fitted, report.unread_rows) == (996, 996, 9)
    groups = report.scores["group"]
    assert set(groups) == set(step_constants().left_out)
    assert sum(score.rows for score in groups.values()) == 996


def test_odd_rows_are_counted(report: Report) -> None:
    marks = {"square": 110, "data": 5, "waiting": 17, "capped": 11, "repeated": 25, "faster": 9}
    assert report.marks == marks


def test_the_worst_rows_are_told_and_those_that_cannot_be_as_recorded_apart(
    report: Report,
) -> None:
    for rows in (report.worst, report.as_recorded):
        errors = [row.error for row in rows]
        assert errors == sorted(errors, reverse=True)
    assert [row.line for row in report.worst[:3]] == [1004, 999, 262]
    assert not any("faster" in row.marks for row in report.worst)
    apart = [row.line for row in report.as_recorded]
    assert apart == [1000, 1006, 1005, 1003, 998, 1002, 1001, 718, 719]
    assert all("faster" in row.marks for row in report.as_recorded)
    text = serving.text_of(report)
    assert "9 faster than the roofline (line 718, 719, 998, 1000, 1001, ...)" in text
    for line in apart:
        assert f"  line {line}: " in text


def test_targets_on_unseen_groups_as_the_command_prints_them(report: Report) -> None:
    dense, mixture = report.scores["kind"]["dense"], report.scores["kind"]["mixture"]
    assert (dense.rows, mixture.rows) == (578, 418)
    assert (dense.median, dense.mean) == pytest.approx((0.068, 0.090), abs=0.002)
    assert 0.72 <= dense.coverage <= 0.88
    assert (mixture.median, mixture.mean) == pytest.approx((0.133, 0.155), abs=0.002)
    assert 0.72 <= mixture.coverage <= 0.88


def test_rows_that_cannot_be_as_recorded_are_scored_apart(report: Report) -> None:
    kinds = report.scores["kind"]
    assert kinds["dense with the faster"].rows == 580
    assert kinds["mixture with the faster"].rows == 425
    assert kinds["mixture with the faster"].mean == pytest.approx(0.271, abs=0.002)
    assert report.scores["all"]["with the faster"].rows == 1005


def test_whole_models_accelerators_and_engines_are_left_out_as_the_fit_did(
    report: Report,
) -> None:
    """Here by the stored constants, there by the fit's own arrays: the same rows and errors."""
    told = step_constants().left_out_whole
    assert len(told) == 10
    for fold in told:
        score = report.folds[fold.part][fold.without]
        assert score.rows == fold.rows
        assert (score.median, score.mean) == pytest.approx((fold.median, fold.mean), rel=1e-3)
        assert f"  without the {fold.part} {fold.without}" in serving.text_of(report)


def test_a_part_that_the_fit_has_never_seen_is_not_left_out(tmp_path: Path) -> None:
    report = compare.validate(write(tmp_path / "new.csv", {"model_path": "qwen3-8b"}))
    assert set(report.folds) == {"accelerator", "engine"}
    assert report.folds["engine"]["vllm"].rows == 1


def test_square_layouts_are_what_the_times_say() -> None:
    """Rows said to be k x k accelerators ran as fast as rows of the same load on k."""
    rows = [row for row in read_runs(SHIPPED) if isinstance(row, Run)]
    plain: dict[tuple[object, ...], float] = {}
    for row in rows:
        if "square" not in row.marks and row.setting.model == "gpt-oss-120b":
            plain[key_of(row)] = row.token_seconds
    ratios = [
        row.token_seconds / plain[key_of(row)]
        for row in rows
        if "square" in row.marks and key_of(row) in plain
    ]
    assert len(ratios) > 25
    assert np.median(np.abs(np.array(ratios) - 1)) < 0.03


def key_of(row: Run) -> tuple[object, ...]:
    layout = (row.setting.layout.group, row.setting.layout.data)
    return (row.setting.group, layout, row.batch, row.prompt_tokens, row.output_tokens)


@pytest.mark.parametrize(
    ("tp", "dp", "moe_tp", "moe_ep", "ratio", "layout", "mark"),
    [
        (8, 1, 8, 1, 1, Layout(8), ""),
        (8, 1, 1, 8, 1, Layout(8), ""),
        (2, 4, 1, 8, 4, Layout(2, 4), ""),
        (64, 1, 8, 8, 1, Layout(8), "square"),
        (1, 64, 8, 8, 64, Layout(1, 8), "square"),
        (4, 1, 2, 2, 1, Layout(2), "square"),
        (4, 0, 2, 2, 4, Layout(1, 4), "data"),
        (4, 0, 4, 1, 1, Layout(4), ""),
        (4, 0, 4, 1, 3, Layout(4), "contrary"),
        (4, 2, 4, 1, 3, Layout(4, 2), "contrary"),
        (4, 2, 4, 1, 2, Layout(4, 2), ""),
    ],
)
def test_layouts(
    tp: int, dp: int, moe_tp: int, moe_ep: int, ratio: int, layout: Layout, mark: str
) -> None:
    sizes = {
        "batch_size": 4, "concurrency": 4 * ratio, "tp_size": tp, "pp_size": 1,
        "attention_dp_size": dp or 1, "data_given": dp, "moe_tp_size": moe_tp,
        "moe_ep_size": moe_ep,
    }  # fmt: skip
    assert read_layout(sizes) == (layout, frozenset({mark} - {""}))


# --- The report -------------------------------------------------------------------------------


def test_the_text_has_every_view_and_group(report: Report) -> None:
    text = serving.text_of(report)
    for part in ("by model", "by accelerator", "by engine", "by precision", "worst rows"):
        assert part in text
    for group in report.scores["group"]:
        assert group in text
    first = text.partition("time to first token")[2].partition("rows read")[0]
    for name in ("rows scored", "dense", "mixture", *report.scores["group"]):
        assert name in first


def test_half_of_the_first_tokens_come_before_their_p50(report: Report) -> None:
    """By the rows themselves: groups differ, the kinds keep their median and their interval."""
    first = report.first_token
    groups = [first[group] for group in report.scores["group"]]
    assert sum(one.rows for one in groups) == first["rows scored"].rows == 996
    under = sum(round(one.under_p50 * one.rows) for one in groups)
    assert under == round(first["rows scored"].under_p50 * 996)
    for kind in ("dense", "mixture"):
        assert 0.45 < first[kind].under_p50 < 0.55
        assert 0.72 < first[kind].coverage < 0.88
        assert first[kind].under_floor == 0


def test_json_holds_the_same_and_nothing_else_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(SHIPPED, "--json", "--worst", "2") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["rows"], printed["unread_rows"]) == (996, 9)
    assert len(printed["worst"]) == 2
    assert printed["scores"]["all"]["rows scored"]["rows"] == 996


def test_chunks_change_nothing(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "BLOCK_ROWS", 97)
    assert dataclasses.asdict(compare.validate(SHIPPED)) == dataclasses.asdict(report)


def test_a_new_group_is_estimated_by_the_fit_on_all_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", {"system": "h200_sxm"}, {"model_path": "qwen3-8b"})
    report = compare.validate(path)
    assert (report.rows, report.fitted) == (2, 0)
    assert report.scores["all"]["rows scored"].rows == 2


def test_a_batch_beside_a_contrary_concurrency_is_marked(tmp_path: Path) -> None:
    contrary = {"batch_size": "8", "concurrency": "100"}
    report = compare.validate(write(tmp_path / "contrary.csv", contrary, {"concurrency": "16"}))
    assert report.marks == {"contrary": 1}
    assert "concurrency is not batch_size times attention_dp_size" in serving.text_of(report)
    (worst,) = [one for one in report.worst if "contrary" in one.marks]
    assert worst.batch == 100


def test_columns_that_may_be_missing_and_their_order_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "least.csv", {}, columns=tuple(reversed(REQUIRED)))
    report = compare.validate(path)
    assert report.rows == 1
    assert not report.first_token
    assert "no row gives a time to first token" in serving.text_of(report)
    assert set(OPTIONAL).isdisjoint(REQUIRED)


# --- Models of the reader's, and long files ---------------------------------------------------


def test_a_model_outside_the_catalog_comes_with_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dict(configurations()["qwen3-32b"].config)
    configs = tmp_path / "configs.json"
    configs.write_text(json.dumps({"acme/own": {"config": config}}), encoding="utf-8")
    path = write(tmp_path / "own.csv", {"model_path": "acme/own"}, {})
    assert command(path, "--configs", configs, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["scores"]["model"]) == {"acme/own", "qwen3-32b"}
    own, known = printed["worst"]
    assert own["predicted_ms"] == pytest.approx(known["predicted_ms"], rel=0.1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "must be a JSON object with models by name"),
        ("{}", "must be a JSON object with models by name"),
        ('{"model_type": "llama"}', "one model's configuration without its name"),
        ('{"acme": 3}', "the configuration of 'acme' must be a JSON object"),
        ('{"acme": {"model_type": "acme"}}', "'acme' cannot be sized: "),
    ],
)
def test_configurations_that_cannot_be_are_one_sentence(
    content: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = tmp_path / "configs.json"
    configs.write_text(content, encoding="utf-8")
    assert command(SHIPPED, "--configs", configs) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_what_missing_columns_leave_open_is_assumed_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(write(tmp_path / "runs.csv", *shipped_lines()[:3], columns=REQUIRED))
    said = capsys.readouterr().out
    assert "assumed: weights are taken for BF16 (there is no column precision" in said
    command(SHIPPED)
    assert "assumed:" not in capsys.readouterr().out
