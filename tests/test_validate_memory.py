"""`python -m estimator validate memory`: files as readers have them, and what is told of them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from estimator.__main__ import main
from estimator.catalog import configurations
from estimator.files import read_rows
from estimator.validate.memory import COLUMNS, as_text, compare
from estimator.validate.memory_rows import MEASURED as FIGURES

MEASURED = Path(__file__).parents[1] / "estimator" / "catalog" / "measured_memory.csv"
ROW = {"model": "llama-3.1-8b", "accelerator": "H100-SXM", "visible_gib": "79.19",
       "utilization": "0.95", "kv_pool_gib": "58.11", "activation_gib": "1.89"}  # fmt: skip


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        ("model,weigths_gib", "llama-3.1-8b,14.99", "did you mean weights_gib"),
        ("model,Weights GiB", "llama-3.1-8b,14.99", "did you mean weights_gib"),
        ("model,weights_gib,utilisation", "llama-3.1-8b,14.99,0.9", "did you mean utilization"),
        ("models,weights_gib", "llama-3.1-8b,14.99", "did you mean model"),
        ("weights_gib", "14.99", "no column model"),
        ("model,accelerator", "llama-3.1-8b,H100-SXM", "measures nothing"),
        ("model,weights_gib", "llama-3.1-8b,", "measures nothing"),
        ("model,weights_gib,weights_gib", "llama-3.1-8b,1,2", "'weights_gib' twice"),
        ("model,weights_gib, model", "llama-3.1-8b,1,2", "'model' twice"),
        ("model,dtype,weights_gib", "llama-3.1-8b,bf16,14.99", "did you mean weight_dtype?"),
        ("model,GPU,weights_gib", "llama-3.1-8b,H100,14.99", "did you mean accelerator?"),
        ("model,max-num-seqs,weights_gib", "llama-3.1-8b,256,14", "did you mean max_sequences?"),
        ("model,kv_cache_dtype,weights_gib", "llama-3.1-8b,fp8,14", "did you mean kv_dtype?"),
        ("model,weights (GB)", "llama-3.1-8b,16.1", "weights_gib? Its numbers are GiB, 2^30"),
        ("model;weights_gib", "llama-3.1-8b;14,99", "is separated by semicolons: save it with"),
        ("model\tweights_gib", "llama-3.1-8b\t14.99", "is separated by tabs: save it with commas"),
        ("model,weights_gib", "llama-3.1-8b,14,99", "more fields in row 1 than in its header"),
        ("model,weights_gib", "llama-3.1-8b,14.99 GiB", "it as 476016 or 58.11, without a unit"),
        ("model,weights_gib", 'llama-3.1-8b,"14,99"', "it as 476016 or 58.11, without a unit"),
        ("model,weights_gib,utilization", "llama-3.1-8b,14.99,95", "but it is a share, as 0.95"),
        ("model,weights_gib", ",", "could be compared: it has no rows"),
    ],
)
def test_columns_that_cannot_be(
    header: str, row: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{header}\n{row}\n")
    assert main(["validate", "memory", str(file)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_column_that_is_not_known_is_told() -> None:
    report = compare([ROW | {"cluster": "west"}])
    assert any("cluster" in sentence for sentence in report.assumptions)
    shipped = compare(read_rows(MEASURED)).assumptions
    assert not any("not known" in sentence for sentence in shipped)


def test_a_row_without_a_figure_is_left_out() -> None:
    report = compare([ROW, {**ROW, "kv_pool_gib": "", "activation_gib": ""}])
    assert [problem.split(":")[0] for problem in report.problems] == ["row 2 is left out"]


def test_the_chunk_and_the_sequences_are_assumed_or_given() -> None:
    assumed = " ".join(compare([ROW]).assumptions)
    assert "chunk_tokens is not given: 8192" in assumed
    assert "max_sequences is not given: 1024" in assumed
    smaller = " ".join(compare([{**ROW, "visible_gib": "22", "kv_pool_gib": "2"}]).assumptions)
    assert "chunk_tokens is not given: 2048" in smaller
    given = compare([{**ROW, "chunk_tokens": "2048", "max_sequences": "256"}])
    assert "chunk_tokens" not in " ".join(given.assumptions)
    # Less memory for a smaller step: the error tells that the given sizes were used.
    assert given.errors["activations"][0] < compare([ROW]).errors["activations"][0] - 0.1
    for wrong in ("0", "x", "9" * 12):
        with pytest.raises(ValueError, match="chunk_tokens is"):
            compare([{**ROW, "chunk_tokens": wrong}])


@pytest.mark.parametrize("dtype", ["fp8", "fp8_e4m3", "fp8_e5m2", "FP8_E4M3"])
def test_names_of_eight_bits(dtype: str) -> None:
    plain = compare([{**ROW, "kv_dtype": "fp8", "weight_dtype": "fp8", "kv_tokens": "475000"}])
    row = {**ROW, "kv_dtype": dtype, "weight_dtype": dtype, "kv_tokens": "475000"}
    assert compare([row]).errors == plain.errors


LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "vocab_size": 128256,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
}  # fmt: skip
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


def test_a_configuration_s_own_precision_is_taken() -> None:
    row = {**ROW, "model": "mine", "weights_gib": "5.35"}
    own = {"mine": LLAMA | {"quantization_config": GPTQ}}
    report = compare([row], own)
    assert "weight_dtype is not given: gptq (the model's configuration)" in report.assumptions
    # A published GPTQ checkpoint of this model weighs 5.7 GB; at 16 bits it would be 15 GiB.
    assert abs(report.errors["weights"][0]) < 0.03
    given = compare([row | {"weight_dtype": "bf16"}], own)
    assert given.errors["weights"][0] > 1.5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"weight_dtype": "mxfp4"},
            "weight_dtype is mxfp4, which quantizes experts, but the llama",
        ),
        ({"model": "t5-v1.1-xxl"}, "a t5 model keeps no cache"),
    ],
)
def test_what_makes_no_budget_is_refused(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        compare([ROW | changes])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [('{"model_type": "llama"}', "without its name"), ("[1]", "must be a JSON object")],
)
def test_configurations_of_another_form(
    content: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, own = tmp_path / "rows.csv", tmp_path / "own.json"
    rows.write_text("model,weights_gib\nllama-3.1-8b,14.99\n")
    own.write_text(content)
    assert main(["validate", "memory", str(rows), "--configs", str(own)]) == 2
    assert sentence in capsys.readouterr().err


def test_large_errors_stay_in_their_column() -> None:
    text = as_text(compare([ROW | {"kv_pool_gib": "0.01"}]))
    assert re.search(r" \d{4,}\.\d\d% +\d{4,}\.\d\d%", text)


@pytest.mark.parametrize("word", ["auto", "AUTO"])
def test_weights_may_be_left_to_the_model_s_files(word: str) -> None:
    for model, told in (
        ("gpt-oss-20b", "mxfp4 (the model's configuration)"),
        ("mistral-7b-v0.1", "bf16 (as most checkpoints are stored)"),
    ):
        row = {"model": model, "weights_gib": "13.47"}
        left, given = compare([row]), compare([row | {"weight_dtype": word}])
        assert given.errors == left.errors
        assert f"weight_dtype is {word}: {told}" in given.assumptions
        assert f"weight_dtype is not given: {told}" in left.assumptions


def test_a_catalog_model_is_stored_as_it_was_published() -> None:
    report = compare([{"model": "gpt-oss-20b", "weights_gib": "13.47"}])
    assert report.summary()["weights"]["worst"] < 0.01
    assert "weight_dtype is not given: mxfp4 (the model's configuration)" in report.assumptions


def test_what_a_row_assumes_that_is_left_out_is_not_told() -> None:
    bad = {"model": "llama-3.1-8b", "engine_version": "0.12", "tp": "0", "weights_gib": "15"}
    report = compare([ROW, bad])
    assert len(report.problems) == 1
    assert report.problems[0].startswith("row 2 is left out: tp is '0', but")
    assert report.assumptions == compare([ROW]).assumptions
    assert report.errors == compare([ROW]).errors


def test_a_longer_name_is_told_and_its_precision_taken() -> None:
    plain = {"model": "qwen2.5-7b", "weights_gib": "5.2", "weight_dtype": "awq"}
    named = {"model": "Qwen/Qwen2.5-7B-Instruct-AWQ", "weights_gib": "5.2"}
    report = compare([named])
    assert report.errors == compare([plain]).errors
    told = "model Qwen/Qwen2.5-7B-Instruct-AWQ: the architecture of the catalog's qwen2.5-7b"
    assert told in report.assumptions
    assert "weight_dtype is not given: awq (as the model's name says)" in report.assumptions
    assert not any("architecture" in one for one in compare([plain]).assumptions)
    wide = compare([named | {"weight_dtype": "bf16"}])
    assert wide.errors["weights"][0] > 1.5


def test_the_cache_is_as_wide_as_the_configuration_asks() -> None:
    asks = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}
    own = {"mine": LLAMA | {"quantization_config": asks}}
    row = {**ROW, "model": "mine", "kv_tokens": "952000"}
    report = compare([row], own)
    assert "kv_dtype is not given: fp8 (the model's configuration)" in report.assumptions
    assert report.errors == compare([row | {"kv_dtype": "fp8"}], own).errors
    assert (
        report.errors["tokens in the pool"]
        != compare([row | {"kv_dtype": "bf16"}], own).errors["tokens in the pool"]
    )
    # Other weights than the file's: then its cache is not asked for, either.
    others = compare([row | {"weight_dtype": "bf16"}], own)
    assert not any("fp8" in sentence for sentence in others.assumptions)


def test_the_memory_that_is_not_given_is_what_a_framework_sees() -> None:
    """Of the B200's 180 GB CUDA reports 178.35 GiB, more than 180e9 bytes."""
    row = {**ROW, "accelerator": "B200-SXM", "visible_gib": "", "kv_pool_gib": "150"}
    assumed = " ".join(compare([row]).assumptions)
    assert "visible_gib is not given: 178.35 (the catalog's B200-SXM)" in assumed
    hopper = compare([{**row, "accelerator": "H100-SXM", "kv_pool_gib": "58"}]).assumptions
    assert "visible_gib is not given: 79.19 (the catalog's H100-SXM)" in " ".join(hopper)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"torch_dtype": "float32"}, "bf16 (vLLM's auto, for a file in 32 bits)"),
        ({"torch_dtype": None}, "bf16 (vLLM's auto, as the configuration names none)"),
        ({"torch_dtype": "float16"}, "float16 (the model's configuration)"),
    ],
)
def test_a_file_in_32_bits_is_served_in_16(told: dict[str, str | None], why: str) -> None:
    row = {**ROW, "model": "mine", "weights_gib": "14.99", "kv_tokens": "476016"}
    report = compare([row], {"mine": LLAMA | told})
    assert f"weight_dtype is not given: {why}" in report.assumptions
    assert report.summary()["weights"]["worst"] < 0.01
    assert report.summary()["tokens in the pool"]["worst"] < 0.001
    wide = compare([row | {"weight_dtype": "fp32"}], {"mine": LLAMA | told})
    assert wide.errors["weights"][0] > 0.9


def test_a_class_without_a_head_is_run_without_it_and_told() -> None:
    row = {**ROW, "model": "mine", "weights_gib": "13.98"}
    report = compare([row], {"mine": LLAMA | {"architectures": ["LlamaModel"]}})
    told = "model mine: run without an output head, as its class LlamaModel has none"
    assert told in report.assumptions
    assert report.summary()["weights"]["worst"] < 0.003
    whole = compare([row], {"mine": LLAMA | {"architectures": ["LlamaForCausalLM"]}})
    assert whole.errors["weights"][0] > 0.07
    assert not any("head" in one for one in whole.assumptions)


@pytest.mark.parametrize("gap", ["NaN", "n/a", "-", "None", "null", "NA", ""])
def test_a_gap_is_one_however_it_is_written(gap: str) -> None:
    gaps = compare([{**ROW, "activation_gib": gap, "tp": gap, "accelerator": gap}])
    bare = {key: text for key, text in ROW.items() if key not in ("activation_gib", "accelerator")}
    assert gaps.errors == compare([bare]).errors
    assert gaps.assumptions == compare([bare]).assumptions


def test_rows_of_nothing_but_commas_are_no_rows() -> None:
    """As spreadsheets leave them; the numbers of the others count them."""
    blank = dict.fromkeys(ROW, "")
    report = compare([ROW, blank, {**ROW, "tp": "0"}])
    assert [problem[:17] for problem in report.problems] == ["row 3 is left out"]
    assert len(report.errors["pool predicted"]) == 1


def test_whole_numbers_and_precisions_as_pandas_and_torch_write_them() -> None:
    plain = {**ROW, "tp": "2", "weight_dtype": "bfloat16", "kv_dtype": "bfloat16"}
    written = {**ROW, "tp": "2.0", "weight_dtype": "torch.bfloat16", "kv_dtype": "torch.bfloat16"}
    assert compare([written]).errors == compare([plain]).errors
    with pytest.raises(ValueError, match=r"tp is '2.5'"):
        compare([{**ROW, "tp": "2.5"}])


# --- The command ------------------------------------------------------------------------------


def write(folder: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> str:
    """Write a file of rows, their cells empty where they say nothing."""
    file = folder / "rows.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return str(file)


def test_command_on_the_shipped_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "memory", str(MEASURED)]) == 0
    printed = capsys.readouterr().out
    assert "pool predicted" in printed
    assert "first stage" in printed
    assert main(["validate", "memory", str(MEASURED), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["errors"]["weights"]["rows"] == 9


def test_missing_columns_are_assumed_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ("model", "kv_pool_gib")
    file = write(
        tmp_path, {"model": "meta-llama/Llama-3.1-8B-Instruct", "kv_pool_gib": "54.1"},
        columns=columns,
    )  # fmt: skip
    assert main(["validate", "memory", file]) == 0
    printed = capsys.readouterr().out
    for column in set(COLUMNS) - {"model", *FIGURES}:
        assert f"{column} is not given" in printed
    assert "utilization is not given: 0.9 (vLLM's default)" in printed


def test_rows_that_cannot_be_read_are_told_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"model": "llama-3.1-8b", "accelerator": "H100-SXM", "weights_gib": "14.99"}
    bad = [
        {"model": "no-such-model"}, {"engine": "other"}, {"tp": "0"}, {"tp": "3"}, {"pp": "x"},
        {"pp": "99"}, {"tp": "9" * 5000}, {"utilization": "2"}, {"visible_gib": "inf"},
        {"visible_gib": "-1"}, {"weights_gib": "1e999"}, {"weight_dtype": "int3"},
        {"kv_dtype": "int3"}, {"accelerator": "H100x", "visible_gib": ""},
    ]  # fmt: skip
    rows = [{**good, **change} for change in bad]
    assert main(["validate", "memory", write(tmp_path, good, *rows)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("is left out") == len(bad)
    assert main(["validate", "memory", write(tmp_path, *rows)]) == 2


def test_models_of_a_readers_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configs = tmp_path / "configs.json"
    configs.write_text(json.dumps({"mine": {"config": configurations()["gpt2"].config}}))
    file = write(tmp_path, {"model": "mine", "weights_gib": "0.23"})
    assert main(["validate", "memory", file, "--configs", str(configs), "--json"]) == 0
    errors = json.loads(capsys.readouterr().out)["errors"]
    # By hand: 124,439,808 numbers in 16 bits, of which 0.23 GiB were measured.
    assert errors["weights"]["mean"] == pytest.approx(2 * 124_439_808 / 2**30 / 0.23 - 1)


@pytest.mark.parametrize("content", ["", "model\n", "model\nllama,3\n", 'model\n"a\n', "\0\n\0"])
def test_damaged_files_get_a_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(content)
    assert main(["validate", "memory", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_text_tells_every_component() -> None:
    text = as_text(compare(read_rows(MEASURED)))
    assert text.count("%") == 7 * 3
