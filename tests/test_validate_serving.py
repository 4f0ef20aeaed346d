"""Measured runs read, odd ones named, bad ones counted, and the report that comes of them."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from estimator.catalog import configurations as catalog_of_configurations
from estimator.catalog import serving as catalog
from estimator.engine import Layout
from estimator.validate import compare, serving
from estimator.validate.rows import OPTIONAL, REQUIRED, Run, Unread, read_layout
from estimator.validate.table import ColumnsError, read_runs

SHIPPED = Path(__file__).parents[1] / "estimator" / "catalog" / "measured_serving.csv"
GOOD = {
    "model_path": "Qwen/Qwen3-32B",
    "system": "h100_sxm",
    "backend": "vllm",
    "isl": "1024",
    "osl": "512",
    "batch_size": "16",
    "tp_size": "4",
    "tpot_ms": "11.85",
    "ttft_ms": "164",
}


@pytest.fixture(scope="module")
def report() -> compare.Report:
    return compare.validate(SHIPPED)


def write(path: Path, *changes: dict[str, str], columns: tuple[str, ...] = ()) -> Path:
    """Write a file of good rows, each with changes."""
    names = columns or tuple(dict.fromkeys([*GOOD, *(name for row in changes for name in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, names, extrasaction="ignore")
        rows.writeheader()
        rows.writerows([GOOD | change for change in changes])
    return path


# --- The shipped runs -------------------------------------------------------------------------


def test_every_shipped_row_is_modelled_and_left_out_of_its_fit(report: compare.Report) -> None:
    assert (report.rows, report.fitted, report.unread_rows) == (1005, 1005, 0)
    groups = report.scores["group"]
    assert set(groups) == set(catalog.step_constants().left_out)
    assert sum(score.rows for score in groups.values()) == 1005


def test_odd_rows_are_counted(report: compare.Report) -> None:
    marks = {"square": 110, "data": 5, "waiting": 17, "capped": 11, "repeated": 25, "faster": 9}
    assert report.marks == marks


def test_the_worst_rows_are_the_saturated_ones(report: compare.Report) -> None:
    errors = [row.error for row in report.worst]
    assert errors == sorted(errors, reverse=True)
    assert [row.line for row in report.worst[:9]] == [
        1000,
        1006,
        1005,
        1003,
        998,
        1004,
        999,
        1002,
        1001,
    ]
    assert all("waiting" in row.marks for row in report.worst[:9])


def test_targets_on_unseen_groups_as_the_command_prints_them(report: compare.Report) -> None:
    dense, mixture = report.scores["kind"]["dense"], report.scores["kind"]["mixture"]
    assert (dense.median, dense.mean) == pytest.approx((0.065, 0.091), abs=0.002)
    assert 0.72 <= dense.coverage <= 0.88
    assert mixture.median <= 0.165
    assert 0.72 <= mixture.coverage <= 0.88
    assert report.scores["kind"]["mixture but the waiting"].mean <= 0.225


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


def test_the_text_has_every_view_and_group(report: compare.Report) -> None:
    text = serving.text_of(report)
    for part in ("by model", "by accelerator", "by engine", "by precision", "worst rows"):
        assert part in text
    for group in report.scores["group"]:
        assert group in text
    assert "0 under the floor" in text


def test_json_holds_the_same_and_nothing_else_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert serving.main([str(SHIPPED), "--json", "--worst", "2"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] == 1005
    assert len(printed["worst"]) == 2
    assert printed["scores"]["all"]["all rows"]["rows"] == 1005


def test_chunks_change_nothing(report: compare.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "BLOCK_ROWS", 97)
    assert dataclasses.asdict(compare.validate(SHIPPED)) == dataclasses.asdict(report)


def test_a_new_group_is_estimated_by_the_fit_on_all_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", {"system": "h200_sxm"}, {"model_path": "qwen3-8b"})
    report = compare.validate(path)
    assert (report.rows, report.fitted) == (2, 0)
    assert report.scores["all"]["all rows"].rows == 2


def test_columns_that_may_be_missing_and_their_order_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "least.csv", {}, columns=tuple(reversed(REQUIRED)))
    report = compare.validate(path)
    assert report.rows == 1
    assert not report.first_token
    assert "no row gives a time to first token" in serving.text_of(report)
    assert set(OPTIONAL).isdisjoint(REQUIRED)


# --- Bad files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_path": "acme/secret-7b"}, "model is 'acme/secret-7b'"),
        ({"system": "h900"}, "accelerator is 'h900'"),
        ({"backend": "ollama"}, "backend 'ollama' is not known"),
        ({"gemm_quant_mode": "fp3"}, "quantization is 'fp3'"),
        ({"isl": "0"}, "isl is 0"),
        ({"osl": "0.5"}, "osl is 0.5"),
        ({"osl": ""}, "osl is 0"),
        ({"isl": "many"}, "isl is 'many'"),
        ({"tpot_ms": "nan"}, "tpot_ms is 'nan'"),
        ({"tpot_ms": "-3"}, "tpot_ms is -3"),
        ({"tpot_ms": ""}, "tpot_ms is 0"),
        ({"batch_size": "0"}, "batch_size is 0"),
        ({"batch_size": "1.5"}, "batch_size is 1.5"),
        ({"tp_size": "-2"}, "tp_size is -2"),
        ({"system": "l40s"}, "link_bytes_per_s of L40S is not known"),
        ({"model_path": "deepseek-v3", "tp_size": "1"}, "does not fit on 1 x H100-SXM"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_is_used(
    change: dict[str, str], says: str, tmp_path: Path
) -> None:
    report = compare.validate(write(tmp_path / "bad.csv", {}, change, change, {"osl": "256"}))
    assert (report.rows, report.unread_rows) == (2, 2)
    ((why, where),) = report.unread.items()
    assert says in why
    assert where == [2, 3, 4]
    assert says in serving.text_of(report)


def test_a_batch_whose_caches_do_not_fit_is_estimated_with_what_fits(tmp_path: Path) -> None:
    rows = ({"batch_size": "4096"}, {"batch_size": "1000000"})
    report = compare.validate(write(tmp_path / "large.csv", *rows))
    assert report.rows == report.marks["capped"] == 2
    predicted = {row.predicted_ms for row in report.worst}
    assert len(predicted) == 1


def test_reasons_beyond_a_few_are_gathered(tmp_path: Path) -> None:
    rows = [{"isl": f"-{number}"} for number in range(1, 101)]
    report = compare.validate(write(tmp_path / "bad.csv", *rows))
    assert (report.rows, report.unread_rows) == (0, 100)
    assert len(report.unread) == compare.REASONS + 1
    assert report.unread["other reasons."][0] == 100 - compare.REASONS
    assert "0 rows of bad.csv read, 100 not modelled" in serving.text_of(report)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no column model_path"),
        (b"a,b\n1,2\n", "has no column model_path, system"),
        (b"\x00\xff\xfe\x89PNG", "has no column"),
    ],
)
def test_a_file_that_is_no_table_is_one_sentence(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert serving.main([str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    columns = tuple(name for name in REQUIRED if name not in ("osl", "tpot_ms"))
    path = write(tmp_path / "short.csv", {}, columns=columns)
    with pytest.raises(ColumnsError, match=r"has no column osl, tpot_ms: a table"):
        compare.validate(path)


def test_no_file_and_a_folder_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        assert serving.main([str(path)]) == 2
        assert "cannot be read" in capsys.readouterr().err


def test_rows_cut_short_blank_lines_and_a_mark_at_the_start(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.csv", {}, {})
    text = path.read_text(encoding="utf-8")
    path.write_text("\ufeff" + text + "\n,,,,\nQwen/Qwen3-32B,h100_sxm\n", encoding="utf-8")
    report = compare.validate(path)
    assert (report.rows, report.unread_rows) == (2, 1)
    assert report.marks["repeated"] == 1


def test_a_cell_too_long_for_a_csv_reader_is_one_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path / "long.csv", {}, {"model_path": "x" * 200_000}, {"osl": "300"})
    found = list(read_runs(path))
    assert [type(row) for row in found].count(Unread) >= 1
    assert [type(row) for row in found].count(Run) >= 1


def test_a_long_file_is_read_in_seconds(tmp_path: Path) -> None:
    line = ",".join(GOOD.values())
    path = tmp_path / "long.csv"
    path.write_text("\n".join([",".join(GOOD), *[line] * 50_000]), encoding="utf-8")
    report = compare.validate(path)
    assert report.rows == 50_000
    assert report.marks["repeated"] == 49_999


# --- Models of the reader's, and long files ---------------------------------------------------


def test_a_model_outside_the_catalog_comes_with_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dict(catalog_of_configurations()["qwen3-32b"].config)
    configs = tmp_path / "configs.json"
    configs.write_text(json.dumps({"acme/own": {"config": config}}), encoding="utf-8")
    path = write(tmp_path / "own.csv", {"model_path": "acme/own"}, {})
    assert serving.main([str(path), "--configs", str(configs), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["scores"]["model"]) == {"acme/own", "qwen3-32b"}
    own, known = printed["worst"]
    assert own["predicted_ms"] == pytest.approx(known["predicted_ms"], rel=0.1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "must be a JSON object with models by name"),
        ('{"acme": 3}', "the configuration of 'acme' must be a JSON object"),
        ('{"acme": {"model_type": "acme"}}', "'acme' cannot be sized: "),
    ],
)
def test_configurations_that_cannot_be_are_one_sentence(
    content: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = tmp_path / "configs.json"
    configs.write_text(content, encoding="utf-8")
    assert serving.main([str(SHIPPED), "--configs", str(configs)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_many_unknown_models_are_gathered_in_little_time(tmp_path: Path) -> None:
    rows = [{"model_path": f"acme/model-{number}"} for number in range(5000)]
    report = compare.validate(write(tmp_path / "many.csv", *rows, {}))
    assert (report.rows, report.unread_rows) == (1, 5000)
    assert sum(count for count, *_ in report.unread.values()) == 5000
    assert all(len(why) < 400 for why in report.unread)


def test_rows_and_bad_rows_keep_their_order_and_lines(tmp_path: Path) -> None:
    rows = [{"osl": "0"} if number % 3 == 0 else {} for number in range(1, 10)]
    found = list(read_runs(write(tmp_path / "mixed.csv", *rows)))
    assert [row.line for row in found] == list(range(2, 11))
    assert [type(row) is Unread for row in found] == [n % 3 == 0 for n in range(1, 10)]


def test_what_missing_columns_leave_open_is_assumed_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = [{name: row[name] for name in REQUIRED} for row in list(csv.DictReader(file))[:3]]
    file_ = tmp_path / "runs.csv"
    with file_.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, REQUIRED)
        writer.writeheader()
        writer.writerows(rows)
    serving.main([str(file_)])
    said = capsys.readouterr().out
    assert "assumed: weights are taken for BF16 (there is no column precision" in said
    serving.main([str(SHIPPED)])
    assert "assumed:" not in capsys.readouterr().out


def test_a_column_that_is_there_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.csv"
    head, first, *_ = SHIPPED.read_text(encoding="utf-8").splitlines()
    file.write_text(f"{head},tpot_ms\n{first},9\n", encoding="utf-8")
    assert serving.main([str(file)]) == 2
    assert "has the column tpot_ms 2 times" in capsys.readouterr().err


@pytest.mark.parametrize("tensor", [3, 1_000_000])
def test_a_layout_that_cannot_be_is_counted_and_named(tmp_path: Path, tensor: int) -> None:
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:2]
    rows[1]["tp_size"] = str(tensor)
    rows[1]["attention_dp_size"] = rows[1]["moe_ep_size"] = rows[1]["moe_tp_size"] = ""
    path = tmp_path / "runs.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    report = compare.validate(path)
    assert (report.rows, report.unread_rows) == (1, 1)
    (why,) = report.unread
    assert "cannot be shared out evenly" in why
