"""Rows and files that cannot be modelled: each row counted under its reason, the rest used."""

from __future__ import annotations

from pathlib import Path

import pytest

from estimator.validate import compare, serving
from estimator.validate.reasons import FIRST, Unread
from estimator.validate.rows import REQUIRED
from estimator.validate.table import ColumnsError
from tests.serving_rows import GOOD, SHIPPED, Run, command, read_runs, shipped_lines, write


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
        ({"osl": "1"}, "osl is 1, but a time per output token needs 2"),
        ({"ttft_ms": "0"}, "ttft_ms is 0, but a first token takes time"),
        ({"ttft_ms": "-5"}, "ttft_ms is -5"),
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
    (kind,) = report.unread.values()
    assert says in kind.why
    assert (kind.rows, kind.lines) == (2, [3, 4])
    assert says in serving.text_of(report)


def test_a_batch_whose_caches_do_not_fit_is_estimated_with_what_fits(tmp_path: Path) -> None:
    slow = {"tpot_ms": "500"}
    rows = (slow | {"batch_size": "4096"}, slow | {"batch_size": "1000000"})
    report = compare.validate(write(tmp_path / "large.csv", *rows))
    assert report.rows == report.marks["capped"] == 2
    predicted = {row.predicted_ms for row in report.worst}
    assert len(predicted) == 1


# Qwen3 32B in 16 bits over four H100: 64 GB of weights but for the embedding, at 3.35 TB/s each.
@pytest.mark.parametrize(("tpot_ms", "scored"), [("4.7", False), ("5.5", True)])
def test_a_row_faster_than_its_roofline_is_named_and_not_scored(
    tpot_ms: str, scored: bool, tmp_path: Path
) -> None:
    report = compare.validate(write(tmp_path / "fast.csv", {}, {"tpot_ms": tpot_ms}))
    assert (report.rows, report.unread_rows) == ((2, 0) if scored else (1, 1))
    assert list(report.unread) == ([] if scored else ["faster than the roofline"])
    assert [row.line for row in report.as_recorded] == ([] if scored else [3])
    assert report.scores["all"]["rows scored"].rows == report.rows


def test_a_file_of_impossible_rows_alone_is_told_with_their_estimates(tmp_path: Path) -> None:
    path = write(tmp_path / "fast.csv", {"tpot_ms": "1"})
    text = serving.text_of(compare.validate(path))
    assert "0 rows of fast.csv read, 1 not modelled" in text
    assert "line 2: qwen3-32b/H100-SXM/vllm, batch 16" in text
    assert command(path) == 1


@pytest.mark.parametrize("change", [{"isl": "1e9"}, {"osl": "1e9"}, {"isl": "7e5", "osl": "7e5"}])
def test_a_row_of_which_not_one_sequence_fits_is_named(
    change: dict[str, str], tmp_path: Path
) -> None:
    report = compare.validate(
        write(tmp_path / "long.csv", {}, change, {"isl": "7e5", "tpot_ms": "99"})
    )
    assert (report.rows, report.unread_rows, report.marks["capped"]) == (2, 1, 1)
    kind = report.unread["not one sequence fits"]
    assert kind.lines == [3]
    # 32.76 billion parameters in 16 bits over four: 16 GB of 86, and 65,536 bytes a token.
    assert "the weights of qwen3-32b leave 69 GB of each one's 86 GB" in kind.why
    assert kind.values[0].endswith("tokens")


def test_a_row_beyond_the_model_s_context_is_marked_and_kept(tmp_path: Path) -> None:
    """Qwen3 32B was published for 40,960 tokens."""
    slow = {"osl": "512", "tpot_ms": "99"}
    rows = ({"isl": "40448"} | slow, {"isl": "40449"} | slow)
    report = compare.validate(write(tmp_path / "beyond.csv", *rows))
    assert (report.rows, report.marks["beyond"]) == (2, 1)
    assert "1 beyond: prompt and output are longer than the model" in serving.text_of(report)


def test_every_bad_row_is_counted_under_its_kind(tmp_path: Path) -> None:
    """More kinds than any of them is long: nothing ends in a bag of other reasons."""
    bad: list[tuple[str, dict[str, str]]] = [
        ("isl is under 1 token", {"isl": "0"}), ("osl is under 1 token", {"osl": "0"}),
        ("isl is no number", {"isl": "x"}), ("osl is no number", {"osl": "x"}),
        ("tpot_ms is no number", {"tpot_ms": "x"}), ("ttft_ms is no number", {"ttft_ms": "x"}),
        ("osl is under 2 tokens", {"osl": "1"}), ("ttft_ms is no time", {"ttft_ms": "-1"}),
        ("tpot_ms is no token's time", {"tpot_ms": "0"}), ("system is not known", {"system": "x"}),
        ("backend is not known", {"backend": "x"}), ("model_path is empty", {"model_path": ""}),
        ("model_path is not known", {"model_path": "x"}), ("batch_size is no number",
        {"batch_size": "x"}), ("batch_size is 0 or empty", {"batch_size": ""}),
        ("batch_size is no whole number from 0 on", {"batch_size": "-1"}),
        ("tp_size is no number", {"tp_size": "x"}),
        ("tp_size is no whole number from 0 on", {"tp_size": "1.5"}),
        ("tp_size does not divide the model's width", {"tp_size": "3"}),
        ("gemm_quant_mode or precision is not known", {"gemm_quant_mode": "fp3"}),
        ("no such replica can be made", {"system": "l40s"}),
        ("the weights do not fit", {"model_path": "deepseek-v3", "tp_size": "1"}),
        ("not one sequence fits", {"isl": "1e9"}), ("pp_size is no number", {"pp_size": "x"}),
    ]  # fmt: skip
    report = compare.validate(write(tmp_path / "bad.csv", {}, *(change for _, change in bad * 3)))
    assert (report.rows, report.unread_rows) == (1, 3 * len(bad))
    assert {name: kind.rows for name, kind in report.unread.items()} == {name: 3 for name, _ in bad}
    assert all(name in serving.text_of(report) for name, _ in bad)
    assert "other reasons" not in serving.text_of(report)


def test_many_values_of_one_kind_are_one_entry(tmp_path: Path) -> None:
    rows = [{"isl": f"-{number}"} for number in range(1, 101)]
    report = compare.validate(write(tmp_path / "bad.csv", *rows))
    assert (report.rows, report.unread_rows) == (0, 100)
    (kind,) = report.unread.values()
    assert (kind.rows, kind.lines) == (100, [2, 3, 4, 5, 6])
    assert kind.values == ["-1", "-2", "-3", "-4", "-5"]
    printed = serving.text_of(report)
    assert "   100 isl is under 1 token (line 2, 3, 4, 5, 6, ...): isl is -1, but" in printed
    assert "values of this kind: -1, -2, -3, -4, -5, ..." in printed
    assert "0 rows of bad.csv read, 100 not modelled" in serving.text_of(report)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no column model_path"),
        (b"a,b\n1,2\n", "has no column model_path, system"),
        (b"\x00\xff\xfe\x89PNG", "is no UTF-8 text"),
    ],
)
def test_a_file_that_is_no_table_is_one_sentence(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert command(path) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    columns = tuple(name for name in REQUIRED if name not in ("osl", "tpot_ms"))
    path = write(tmp_path / "short.csv", {}, columns=columns)
    with pytest.raises(ColumnsError, match=r"has no column osl, tpot_ms: a table"):
        compare.validate(path)


def test_a_file_in_another_encoding_is_told_so(tmp_path: Path) -> None:
    text = write(tmp_path / "own.csv", {}).read_text(encoding="utf-8")
    (tmp_path / "wide.csv").write_text(text, encoding="utf-16")
    with pytest.raises(ColumnsError, match=r"wide.csv is no UTF-8 text: save it as CSV UTF-8"):
        compare.validate(tmp_path / "wide.csv")


def test_no_file_and_a_folder_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        assert command(path) == 2
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
    assert [type(row) for row in read_runs(path)] == [Run, Unread, Run]


def test_a_long_file_is_read_to_its_end(tmp_path: Path) -> None:
    line = ",".join(GOOD.values())
    path = tmp_path / "long.csv"
    path.write_text("\n".join([",".join(GOOD), *[line] * 50_000]), encoding="utf-8")
    report = compare.validate(path)
    assert report.rows == 50_000
    assert report.marks["repeated"] == 49_999


def test_many_unknown_models_are_one_kind_with_a_few_examples(tmp_path: Path) -> None:
    rows = [{"model_path": f"acme/model-{number}"} for number in range(1000)]
    report = compare.validate(write(tmp_path / "many.csv", *rows, {}))
    assert (report.rows, report.unread_rows) == (1, 1000)
    (kind,) = report.unread.values()
    assert kind.rows == 1000
    assert kind.values == [f"acme/model-{number}" for number in range(FIRST)]
    assert "'acme/model-0', which is not on the list" in kind.why
    assert len(kind.why) < 400


def test_rows_and_bad_rows_keep_their_order_and_lines(tmp_path: Path) -> None:
    rows = [{"osl": "0"} if number % 3 == 0 else {} for number in range(1, 10)]
    found = list(read_runs(write(tmp_path / "mixed.csv", *rows)))
    assert [row.line for row in found] == list(range(2, 11))
    assert [type(row) is Unread for row in found] == [n % 3 == 0 for n in range(1, 10)]


def test_a_column_that_is_there_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.csv"
    head, first, *_ = SHIPPED.read_text(encoding="utf-8").splitlines()
    file.write_text(f"{head},tpot_ms\n{first},9\n", encoding="utf-8")
    assert command(file) == 2
    assert "has the column tpot_ms 2 times" in capsys.readouterr().err


@pytest.mark.parametrize("tensor", [3, 1_000_000])
def test_a_layout_that_cannot_be_is_counted_and_named(tmp_path: Path, tensor: int) -> None:
    first, second = shipped_lines()[:2]
    second |= {"tp_size": str(tensor)}
    second |= dict.fromkeys(("attention_dp_size", "moe_ep_size", "moe_tp_size"), "")
    report = compare.validate(write(tmp_path / "runs.csv", first, second, columns=tuple(first)))
    assert (report.rows, report.unread_rows) == (1, 1)
    (kind,) = report.unread.values()
    assert "cannot be shared out evenly" in kind.why


def test_an_open_quote_spoils_its_own_line_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "quote.csv", {}, {}, {}, {})
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[2] = '"' + lines[2]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = compare.validate(path)
    assert (report.rows, report.unread_rows) == (3, 1)
    assert report.unread["the row is no CSV"].lines == [3]


def test_a_row_with_more_cells_than_columns_is_not_guessed_at(tmp_path: Path) -> None:
    path = write(tmp_path / "shift.csv", {}, {}, {})
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[2] += ",12.0"
    lines[3] += ",,"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = compare.validate(path)
    assert (report.rows, report.unread_rows) == (2, 1)
    assert "cells, but the header has" in report.unread["more cells than columns"].why


@pytest.mark.parametrize("time", ["1e-320", "1e307", "1e-9"])
def test_a_time_that_no_token_takes_is_named(tmp_path: Path, time: str) -> None:
    report = compare.validate(write(tmp_path / "odd.csv", {}, {"tpot_ms": time}))
    assert (report.rows, report.unread_rows) == (1, 1)
    assert (
        "a token takes from 0.001 to 10,000,000 ms"
        in report.unread["tpot_ms is no token's time"].why
    )


def test_names_that_stand_for_others_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {"system": "NVIDIA H100 80GB HBM3", "model_path": "acme/Qwen2.5-32B-Instruct-FP8"}
    path = write(tmp_path / "runs.csv", {}, {"tpot_ms": "12"}, {**written, "tpot_ms": "13"})
    assert command(path) == 0
    said = capsys.readouterr().out
    assert "assumed: system NVIDIA H100 80GB HBM3 is the catalog's H100-SXM" in said
    assert "Qwen2.5-32B-Instruct-FP8 has the architecture of the catalog's qwen2.5-32b" in said
    assert "h100_sxm is" not in said
    assert "Qwen/Qwen3-32B has" not in said
    unclear = write(tmp_path / "unclear.csv", {"system": "H100"})
    assert command(unclear) == 1
    assert "may be H100-SXM or H100-PCIe: say which" in capsys.readouterr().out
    many = [{"model_path": f"acme{n}/Qwen2.5-32B-Instruct", "isl": str(n + 9)} for n in range(99)]
    assert command(write(tmp_path / "many.csv", *many)) == 0
    assert capsys.readouterr().out.count("has the architecture of") == 20
