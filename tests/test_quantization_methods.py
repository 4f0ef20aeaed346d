"""What each method of a quantization is read as: its bits, its groups, and its blocks."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.quantization import read_quantization
from estimator.stored_weights import stored_by_config
from tests.checkpoints import whole_size
from tests.decoders import LLAMA

GPTQ = {"quant_method": "gptq", "group_size": 128, "desc_act": False, "sym": True}
AWQ = {"quant_method": "awq", "group_size": 128, "zero_point": True, "version": "gemm"}
ROUNDED = {"quant_method": "auto-round", "group_size": 128, "sym": True,
           "packing_format": "auto_round:auto_gptq"}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "allowed"), [(GPTQ, {2, 3, 4, 8}), (AWQ, {3, 4, 8}), (ROUNDED, {2, 3, 4, 8})]
)
def test_elements_have_the_bits_that_a_method_packs(
    given: dict[str, Any], allowed: set[int]
) -> None:
    for bits in range(1, 17):
        one = {**given, "bits": bits}
        if bits in allowed:
            assert read_quantization(one).bits == bits
        else:
            with pytest.raises(ValueError, match=f"bits is {bits}, "):
                read_quantization(one)


@pytest.mark.parametrize(
    ("quantization", "bits"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, 8 + 32 / 128**2),
        ({"quant_method": "fp8"}, 8), ({"quant_method": "fbgemm_fp8"}, 8),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 4 + 20 / 128),
        ({"quant_method": "awq", "bits": 4, "group_size": 64}, 4 + 20 / 64),
        ({"quant_method": "mxfp4"}, 4.25), ({"quant_algo": "NVFP4"}, 4.5),
        ({"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, 4.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, 8),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, 8),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8",
          "group_size": 16}, 4.5),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 8),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4 + 32 / 64),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True,
          "bnb_4bit_use_double_quant": True}, 4 + 8 / 64 + 32 / 16384),
        ({"quant_method": "compressed-tensors",
          "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}}}, 4.125),
        ({"quant_method": "compressed-tensors",
          "config_groups": {"group_0": {"weights": {"num_bits": 8}}}}, 8),
    ],
)  # fmt: skip
def test_bits_of_a_quantization(quantization: dict[str, Any], bits: float) -> None:
    stored = stored_by_config({"torch_dtype": "bfloat16", "quantization_config": quantization})
    assert (stored.bits, stored.quantized_bits) == (16, bits)


@pytest.mark.parametrize(
    ("quantization", "sentence"),
    [
        ({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"}, "quant_algo is 'W4A8_AWQ'"),
        ({"quant_method": "bitsandbytes"}, "neither load_in_4bit nor load_in_8bit"),
        ({"quant_method": "hqq"}, "quant_method is 'hqq', but only"),
    ],
)
def test_a_quantization_that_is_not_known_is_named(
    quantization: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        stored_by_config({"torch_dtype": "bfloat16", "quantization_config": quantization})


@pytest.mark.parametrize(
    "config",
    [
        {"torch_dtype": "int7"}, {"torch_dtype": ["bf16"]}, {"quantization_config": 3},
        {"quantization_config": {}}, {"quantization_config": {"quant_method": "aqlm"}},
        {"quantization_config": {"quant_method": "gptq", "bits": -4}},
        {"quantization_config": {"quant_method": "gptq", "group_size": 10**30}},
        {"quantization_config": {"quant_method": "fp8", "weight_block_size": [0, 128]}},
        {"quantization_config": {"quant_method": "fp8", "weight_block_size": 128}},
        {"quantization_config": {"quant_method": "compressed-tensors"}},
        {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"a": 3}}},
    ],
)  # fmt: skip
def test_unknown_precisions_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"precision|quant|bits|group_size|height|block_size"):
        stored_by_config(config)


def modelopt(algorithm: str, **weights: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": {"type": "float", **weights}}
    return {"quant_method": "modelopt", "quant_algo": algorithm,
            "config_groups": {"group_0": group}}  # fmt: skip


def test_groups_of_modelopt_agree_with_their_algorithm() -> None:
    for algorithm, bits in (("FP8", 8), ("NVFP4", 4)):
        for told in ({}, {"num_bits": bits}):
            assert read_quantization(modelopt(algorithm, **told)).bits == bits
        for other in (3, 5, 7, 9, 12 - bits):
            with pytest.raises(ValueError, match=f"num_bits is {other}, but quant_algo"):
                read_quantization(modelopt(algorithm, num_bits=other))


def test_nvfp4_has_a_scale_for_16_weights_and_fp8_none() -> None:
    assert read_quantization(modelopt("NVFP4", group_size=16)).bits == 4
    for group in (8, 15, 17, 32):
        with pytest.raises(ValueError, match=f"group_size is {group}"):
            read_quantization(modelopt("NVFP4", group_size=group))
        assert read_quantization(modelopt("FP8", group_size=group)).bits == 8


@pytest.mark.parametrize("double", [False, True])
def test_blocks_of_bitsandbytes_go_on_over_the_ends_of_rows(double: bool) -> None:
    """A width of 96 is no multiple of 64, and each matrix one of blocks, but not of 256 of them."""
    narrow = {**LLAMA, "hidden_size": 96, "intermediate_size": 192, "num_attention_heads": 3,
              "num_key_value_heads": 3, "head_dim": 32, "num_hidden_layers": 1}  # fmt: skip
    matrices = [96 * 96] * 4 + [96 * 192] * 3
    found = whole_size({"quant_method": "bitsandbytes", "load_in_4bit": True,
                  "bnb_4bit_use_double_quant": double}, narrow)  # fmt: skip
    wide = 2 * (2 * 96 * LLAMA["vocab_size"] + 3 * 96)
    expected = wide + sum(matrices) / 2
    for weights in matrices:
        blocks = weights // 64
        expected += blocks + 4 * -(-blocks // 256) + 4 * 272 if double else 4 * blocks + 4 * 16
    assert found == expected
