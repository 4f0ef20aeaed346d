"""What the budgets of measured rows assume of an engine's release and of a model's file."""

from __future__ import annotations

import pytest

from estimator.catalog import configurations
from estimator.validate.memory import compare


@pytest.mark.parametrize(
    ("version", "model", "chunk", "sequences", "why"),
    [
        ("0.5.4", "llama-2-7b", 4096, 256, "before 0.8, for the model's whole context"),
        ("0.6.3", "mistral-7b-v0.1", 32_768, 256, "before 0.8, for the model's whole context"),
        ("v0.6.3", "llama-3.1-8b", 512, 256, "before 0.6.5, for contexts of more than 32,768 tok"),
        ("0.6.4.post1", "llama-3.1-8b", 512, 256, "before 0.6.5, for contexts of more than"),
        ("0.6.5", "llama-3.1-8b", 2048, 256, "0.6.5 to 0.7, for contexts of more than 32,768 tok"),
        ("0.7", "llama-3.1-8b", 2048, 256, "0.6.5 to 0.7, for contexts of more than 32,768 tok"),
        ("0.7.3", "deepseek-v3", 163_840, 256, "before 0.8, for the model's whole context"),
        ("0.6.3", "gpt2", 2048, 256, "before 0.8, for the model's whole context"),
        ("0.8.0", "llama-2-7b", 8192, 1024, "0.19 on such an accelerator"),
        ("", "llama-2-7b", 8192, 1024, "0.19 on such an accelerator"),
    ],
)
def test_steps_follow_the_version(
    version: str, model: str, chunk: int, sequences: int, why: str
) -> None:
    row = {"model": model, "engine_version": version, "weights_gib": "14"}
    told = compare([row]).assumptions
    for name, value in (("chunk_tokens", chunk), ("max_sequences", sequences)):
        start = f"{name} is not given: {value} (the default of vLLM {why}"
        assert any(one.startswith(start) for one in told), told


@pytest.mark.parametrize(
    ("version", "groups", "layers"),
    [
        ("0.6.6", 1, 62), ("0.8.2", 1, 62), ("0.9.0", 1, 62), ("0.9", 1, 62),
        ("0.9.1", 7, 10), ("0.10.0", 7, 10), ("0.19.0", 7, 10),
    ],
)  # fmt: skip
def test_layers_are_kept_in_full_before_the_hybrid_allocator(
    version: str, groups: int, layers: int
) -> None:
    # Gemma 3 27B: 10 layers that see all and 52 with windows, which make one group and six.
    page = layers * 16 * 2 * 16 * 128 * 2
    pages = int(20 * 2**30 // page)
    row = {"model": "gemma-3-27b", "engine_version": version, "kv_pool_gib": "20",
           "kv_tokens": f"{pages // groups * 16}", "kv_blocks": f"{pages}"}  # fmt: skip
    report = compare([row])
    assert report.summary()["tokens in the pool"]["worst"] == 0
    said = f"engine version {version}: all layers keep every token, as before vLLM's hybrid alloc"
    assert any(one.startswith(said) for one in report.assumptions) == (groups == 1)
    for alike in ("llama-3.1-8b", "mistral-7b-v0.1"):
        other = {"model": alike, "engine_version": version, "kv_pool_gib": "20"}
        assert not any("hybrid" in one for one in compare([other]).assumptions)


def test_a_rounded_width_of_experts_is_told_with_its_release() -> None:
    row = {"model": "gpt-oss-20b", "weights_gib": "13.47"}
    told = " ".join(compare([row]).assumptions)
    assert (
        "weights in mxfp4: the width of experts rounded up to a multiple of 256, as by vLLM of "
        "2025, its release is not told, on H100-SXM; kernels differ by release: Marlin's also "
        "round the inner width up to 128, 2.2 % more"  # 2,944 of 2,880
    ) in told
    # On two, 1,440 becomes 1,536.
    assert "6.7 % more" in " ".join(compare([row | {"tp": "2"}]).assumptions)
    for other in ({"model": "llama-3.1-8b"}, {"model": "gpt-oss-20b", "weight_dtype": "bf16"}):
        assert "rounded" not in " ".join(compare([other | {"weights_gib": "15"}]).assumptions)


def test_a_class_that_is_not_the_family_s_is_told() -> None:
    row = {"model": "mine", "weights_gib": "1"}
    config = dict(configurations()["llama-3.1-8b"].config) | {"architectures": ["Other"]}
    assert any(
        one.startswith("model mine: The file names the class Other; sized as its model_type says")
        for one in compare([row], {"mine": config}).assumptions
    )


def _packed(bits: int, rows: int) -> dict[str, object]:
    weights = {"num_bits": bits, "type": "int", "strategy": "group", "group_size": rows}
    return {
        "quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        "ignore": ["lm_head"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("compressed-tensors", _packed(4, 32)), ("W4A16", _packed(4, 32)),
        ("w8a16", _packed(8, 128)),
        ("bitsandbytes", {"quant_method": "bitsandbytes", "load_in_4bit": True}),
        ("awq_marlin", {"quant_method": "awq", "bits": 4, "group_size": 64}),
        ("gptq_marlin", {"quant_method": "gptq", "bits": 8, "group_size": 64}),
    ],
)  # fmt: skip
def test_a_method_by_its_name_is_the_configuration_s_own(
    name: str, quantization: dict[str, object]
) -> None:
    llama = dict(configurations()["llama-3.1-8b"].config)
    own = {"mine": llama | {"quantization_config": quantization}}
    row = {"model": "mine", "weights_gib": "5"}
    named, left = compare([row | {"weight_dtype": name}], own), compare([row], own)
    assert named.errors["weights"] == left.errors["weights"]
    said = f"weight_dtype is {name}: as the model's configuration has "
    assert any(one.startswith(said) for one in named.assumptions)
    with pytest.raises(ValueError, match=f"'{name}', a method whose size the model's conf.* says"):
        compare([row | {"model": "llama-3.1-8b", "weight_dtype": name}])
    if name == "W4A16":
        with pytest.raises(ValueError, match="'w8a8', a method whose size"):
            compare([row | {"weight_dtype": "w8a8"}], own)


def test_the_file_s_cache_is_asked_for_with_its_method() -> None:
    eight = {"num_bits": 8, "type": "float", "strategy": "tensor"}
    asks = _packed(4, 32) | {"kv_cache_scheme": eight}
    own = {"mine": dict(configurations()["llama-3.1-8b"].config) | {"quantization_config": asks}}
    row = {"model": "mine", "kv_pool_gib": "20", "weight_dtype": "w4a16"}
    assert (
        "kv_dtype is not given: fp8 (the model's configuration)" in compare([row], own).assumptions
    )


def test_the_name_that_is_told_is_taken() -> None:
    row = {"model": "llama-3.1-8b", "weights_gib": "5"}
    told = compare([row | {"weight_dtype": "int4 in groups of 128"}])
    assert told.errors == compare([row | {"weight_dtype": "int4"}]).errors
