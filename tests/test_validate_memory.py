"""`python -m estimator validate memory` on files whose columns are not as they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from estimator.__main__ import main
from estimator.catalog import accelerator_names, accelerators, serving
from estimator.catalog.accelerator_names import accelerator_named
from estimator.catalog.model_names import published_model
from estimator.files import read_rows
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


def test_what_a_row_assumes_that_is_left_out_is_not_told() -> None:
    bad = {"model": "llama-3.1-8b", "engine_version": "0.12", "tp": "0", "weights_gib": "15"}
    report = compare([ROW, bad])
    assert len(report.problems) == 1
    assert report.problems[0].startswith("row 2 is left out: tp is '0', but")
    assert report.assumptions == compare([ROW]).assumptions
    assert report.errors == compare([ROW]).errors


@pytest.mark.parametrize(
    ("name", "key", "stored"),
    [
        ("mixtral-8x7b", "mixtral-8x7b", ""), ("mixtral-8x7b-instruct-v0.1", "mixtral-8x7b", ""),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b", ""),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b", ""),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b", ""),
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2-7b", ""),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b-v0.3", ""),
        ("google/gemma-3-12b-it", "gemma-3-12b", ""),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "tinyllama-1.1b", ""),
        ("CohereForAI/c4ai-command-r-v01", "command-r-v01", ""),
        ("zai-org/GLM-4-9B-Chat-0414", "glm-4-9b-0414", ""),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2.5-7b", "awq"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "qwen2.5-7b", "gptq"),
        ("Qwen/Qwen3-30B-A3B-FP8", "qwen3-30b-a3b", "fp8"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "llama-3.1-8b", "fp8"),
        ("neuralmagic/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "llama-3.1-8b", "int4"),
        ("nvidia/Llama-3.3-70B-Instruct-NVFP4", "llama-3.3-70b", "nvfp4"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek-v3", ""),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3-30b-a3b", "fp8"),
        ("Qwen/Qwen3-4B-Thinking-2507", "qwen3-4b", ""),
        ("openai/gpt-oss-20b-MXFP4", "gpt-oss-20b", "mxfp4"),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", "mixtral-8x22b", ""),
        ("mistralai/Mixtral-8x22B-v0.3", "mixtral-8x22b", ""),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama-4-scout", ""),
        ("RedHatAI/Qwen2.5-7B-Instruct-FP8-block", "qwen2.5-7b", "fp8"),
    ],
)  # fmt: skip
def test_names_as_readers_write_them(name: str, key: str, stored: str) -> None:
    assert published_model(name) == (key, stored)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mistralai/Mistral-7B-Instruct-v0.2", "did you mean 'mistral-7b-v0.3' or"),
        ("mistralai/Mixtral-8x22B-v0.1", "not the catalog's mixtral-8x22b, whose vocabulary is"),
        ("mistral-community/Mixtral-8x22B-v0.1-FP8", "whose vocabulary is larger"),
        ("Qwen/Qwen3-8B-2507", "'Qwen/Qwen3-8B-2507', which is not on the list"),
        ("zai-org/GLM-4-9B-0520", "did you mean 'glm-4-9b"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", "qwen2.5-7b in files whose precision is not"),
        ("unsloth/llama-3-8b-bnb-4bit", "give weight_dtype, and the model's name without"),
        ("instruct", "is not on the list"), ("-fp8", "is not on the list"),
        ("", "is not on the list"), ("x" * 10**6, "is not on the list"),
    ],
)  # fmt: skip
def test_other_names_are_refused_with_the_nearest(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        published_model(name)
    assert len(str(caught.value)) < 1500


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


@pytest.mark.parametrize("name", ["mistralai/Mixtral-8x22B-v0.1", "Qwen/Qwen3-8B-2507"])
def test_serving_s_files_take_the_same_names(name: str) -> None:
    """One list: a date or a vocabulary that is another one's is refused there, too."""
    with pytest.raises(ValueError, match="model is"):
        serving.decoder(name)
    assert serving.decoder("Qwen/Qwen2.5-7B-Instruct-FP8-dynamic").name == "qwen2.5-7b"
    assert serving.decoder("unsloth/llama-3-8b-bnb-4bit").name == "llama-3-8b"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("H200", "H200-SXM"), ("NVIDIA H200", "H200-SXM"), ("A100-80GB", "A100-SXM-80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-SXM-40GB"), ("nvidia-a100-80gb", "A100-SXM-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100-SXM"), ("NVIDIA H100 PCIe", "H100-PCIe"),
        ("H100 SXM5 80GB", "H100-SXM"), ("NVIDIA L4", "L4"), ("nvidia-tesla-t4", "T4"),
        ("Tesla V100-SXM2-32GB", "V100-SXM2-32GB"), ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("RTX4090", "RTX-4090"), ("AMD Instinct MI300X OAM", "MI300X"), ("NVIDIA B200", "B200-SXM"),
        ("NVIDIA L40S-48GB", "L40S"), ("NVIDIA A10G", "A10G"), ("TPU v5e", "TPU-v5e"),
        ("h100_sxm", "H100-SXM"), ("h100-pcie", "H100-PCIe"),
    ],
)  # fmt: skip
def test_accelerators_as_drivers_and_clouds_write_them(written: str, key: str) -> None:
    assert accelerator_named(written) == serving.hardware(written).name == key
    row = {**ROW, "accelerator": written, "visible_gib": ""}
    told = compare([row]).assumptions
    assert f"accelerator {written}: the catalog's {key}" in told
    assert any(f"(the catalog's {key})" in one for one in told)


def test_every_accelerator_is_known_by_its_parts_too() -> None:
    assert {card[3] for card in accelerator_names._CARDS} - {""} == set(accelerators())
    for name in accelerators():
        assert accelerator_named(name) == accelerator_named(name.replace("-", " ").lower()) == name


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("A100", "may be A100-SXM-40GB or A100-SXM-80GB or a form that is not in the catalog"),
        ("H100", "may be H100-SXM or H100-PCIe: say which"),
        ("NVIDIA H100", "may be H100-SXM or H100-PCIe: say which"),
        ("nvidia-h100-80gb", "may be H100-SXM or H100-PCIe"), ("V100", "may be V100-SXM2-32GB or"),
        ("NVIDIA A100 80GB PCIe", "a form that is not in the catalog, which has A100-SXM-40GB and"),
        ("NVIDIA H100 NVL", "a form that is not in the catalog"),
        ("Tesla V100-SXM2-16GB", "which has V100-SXM2-32GB: if you mean it, say so"),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "a form that is not in the catalog"),
        ("H100 SXM 64GB", "a form that is not in the catalog"), ("L40", "did you mean 'L40S'"),
        ("GH200", "did you mean"), ("A800", "did you mean"), ("x" * 10**6, "is not on the list"),
    ],
)  # fmt: skip
def test_accelerators_that_several_are_or_none(written: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="accelerator is") as caught:
        compare([{**ROW, "accelerator": written, "visible_gib": ""}])
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 600
    # Where the row tells what is visible, the name only says where constants come from.
    assert any("measured on H100-SXM" in one for one in compare([ROW | {"accelerator": written}])
               .assumptions)  # fmt: skip


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
