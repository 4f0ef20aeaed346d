"""Names of models and accelerators as readers, drivers and clouds write them."""

from __future__ import annotations

import pytest

from estimator.catalog import accelerator_names, accelerators, serving
from estimator.catalog.accelerator_names import accelerator_named
from estimator.catalog.model_names import published_model
from estimator.validate.memory import compare

ROW = {"model": "llama-3.1-8b", "kv_pool_gib": "58.11"}


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
    row = {**ROW, "accelerator": written}
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
        compare([{**ROW, "accelerator": written}])
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 600
    # Where the row tells what is visible, the name only says where constants come from.
    told = compare([{**ROW, "accelerator": written, "visible_gib": "79.19"}]).assumptions
    assert any("measured on H100-SXM" in one for one in told)
