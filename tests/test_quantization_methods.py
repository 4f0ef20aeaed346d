"""What each method of a quantization is read as: its bits, its groups, and its blocks."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.quantization import read_quantization
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
