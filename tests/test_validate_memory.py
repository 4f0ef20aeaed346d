"""`python -m estimator validate memory` on files whose columns are not as they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from estimator.__main__ import main
from estimator.validate.files import read_rows
from estimator.validate.memory import as_text, compare

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
    shipped = Path(__file__).parents[1] / "estimator" / "catalog" / "measured_memory.csv"
    assert not any("not known" in sentence for sentence in compare(read_rows(shipped)).assumptions)


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
