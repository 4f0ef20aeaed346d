"""What a quantized matrix has once in its file, and how its numbers fill whole words."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import architecture, configurations
from estimator.matrices import Scales
from estimator.model_sheet import checkpoint_text
from estimator.stored_weights import checkpoint_bytes, stored_by_config
from tests.checkpoints import MIXTURE, whole_size
from tests.decoders import LLAMA

# LLAMA has two layers of seven matrices, its embedding, its head and five norms stay at 16 bits.
WIDE = 2 * (2 * 6400 + 5 * 64)
MATRICES, COLUMNS, INPUTS = 14, 2 * (64 + 32 + 32 + 64 + 128 + 128 + 64), 2 * (6 * 64 + 128)
WEIGHTS = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)


def packed(weights: dict[str, Any], inputs: Any = None, **changes: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group},
            "ignore": ["lm_head"], **changes}  # fmt: skip


FLOAT8 = {"num_bits": 8, "type": "float", "symmetric": True, "strategy": "tensor"}
W4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 32}
INT8 = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
FP4 = {"num_bits": 4, "type": "float", "symmetric": True, "strategy": "tensor_group",
       "group_size": 16}  # fmt: skip
GROUPS = WEIGHTS // 32


@pytest.mark.parametrize(
    ("quantization", "beside"),
    [
        # One scale of 32 bits, and one of the inputs where it was fixed beforehand.
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, 4 * MATRICES),
        ({"quant_method": "fp8", "activation_scheme": "static"}, 8 * MATRICES),
        ({"quant_method": "fp8"}, 4 * MATRICES),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, 8 * MATRICES),
        ({"quant_method": "fbgemm_fp8"}, 4 * COLUMNS),
        ({"quant_method": "eetq", "weights": "int8"}, 2 * COLUMNS),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 4 * COLUMNS + MATRICES),
        # Scales are as wide as the weights were; inputs have one only where it is fixed.
        (packed(FLOAT8), 2 * MATRICES),
        (packed(FLOAT8, {**FLOAT8, "dynamic": True}), 2 * MATRICES),
        (packed(FLOAT8, {**FLOAT8, "dynamic": False}), 4 * MATRICES),
        (packed(FLOAT8, FLOAT8), 4 * MATRICES),
        (packed(INT8, {**INT8, "strategy": "token", "dynamic": True}), 2 * COLUMNS),
        (packed(INT8, {**INT8, "strategy": "tensor", "symmetric": False}),
         2 * COLUMNS + 3 * MATRICES),
        (packed({**INT8, "symmetric": False}), 3 * COLUMNS),
        (packed({**INT8, "symmetric": False}, format="pack-quantized"),
         3 * COLUMNS + 16 * MATRICES),
    ],
)  # fmt: skip
def test_what_stands_beside_weights_of_8_bits(quantization: dict[str, Any], beside: int) -> None:
    assert whole_size(quantization) == WIDE + WEIGHTS + beside


@pytest.mark.parametrize(
    ("quantization", "beside"),
    [
        # A packed matrix has its shape, two numbers of 64 bits.
        (packed(W4), 2 * GROUPS + 16 * MATRICES),
        (packed(W4, format="pack-quantized"), 2 * GROUPS + 16 * MATRICES),
        (packed({**W4, "symmetric": False}), 2.5 * GROUPS + 16 * MATRICES),
        (packed({**W4, "actorder": "group"}), 2 * GROUPS + (16 * MATRICES + 4 * INPUTS)),
        (packed(FP4), WEIGHTS // 16 + 4 * MATRICES),
        (packed(FP4, {**FP4, "dynamic": "local"}), WEIGHTS // 16 + 8 * MATRICES),
        (packed({**FP4, "strategy": "group", "group_size": 32}), GROUPS),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, WEIGHTS // 16 + 8 * MATRICES),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, 2.5 * GROUPS + 4 * INPUTS),
        ({"quant_method": "awq", "bits": 4, "group_size": 32}, 2.5 * GROUPS),
        ({"quant_method": "auto-round", "bits": 4, "group_size": 32}, 2.5 * GROUPS),
        # The 16 values of a weight, and the 256 of a scale, in 32 bits each.
        ({"quant_method": "bitsandbytes", "load_in_4bit": True},
         4 * WEIGHTS // 64 + 64 * MATRICES),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
         WEIGHTS // 64 + 4 * MATRICES + (64 + 1024) * MATRICES),
    ],
)  # fmt: skip
def test_what_stands_beside_weights_of_4_bits(quantization: dict[str, Any], beside: float) -> None:
    assert whole_size(quantization) == WIDE + WEIGHTS // 2 + beside


def test_every_expert_s_matrix_has_its_own() -> None:
    per_tensor, rows = ({"quant_method": "fp8", "weight_block_size": block}
                        for block in (None, [128, 128]))  # fmt: skip
    # Three layers of five latent matrices, a dense block, and two of four experts and a shared one.
    matrices = 3 * 5 + 3 + 2 * 5 * 3
    assert matrices == 48
    # Each is smaller than a block, so that it has one scale in either way.
    assert whole_size(per_tensor, MIXTURE) == whole_size(rows, MIXTURE)
    static = {**per_tensor, "activation_scheme": "static"}
    assert whole_size(static, MIXTURE) == whole_size(per_tensor, MIXTURE) + 4 * matrices


# A width of 36 and 72 inner ones: neither fills words of eight numbers of 4 bits.
ODD = {**LLAMA, "hidden_size": 36, "intermediate_size": 70, "head_dim": 9}
# Inputs and outputs of q, k, v, o, gate, up and down.
SHAPES = [(36, 36), (36, 18), (36, 18), (36, 36), (36, 70), (36, 70), (70, 36)]


def words(numbers: int) -> int:
    """Bytes of so many numbers of 4 bits in words of eight."""
    return -(-numbers // 8) * 4


@pytest.mark.parametrize(
    ("quantization", "of_one"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": -1},
         lambda i, o: words(i) * o + words(o) + 2 * o + 4 * i),
        ({"quant_method": "auto-round", "bits": 4, "group_size": -1},
         lambda i, o: words(i) * o + words(o) + 2 * o),
        ({"quant_method": "awq", "bits": 4, "group_size": 12},
         lambda i, o: i * words(o) + -(-i // 12) * (words(o) + 2 * o)),
        (packed({**W4, "strategy": "channel", "group_size": -1, "symmetric": False}),
         lambda i, o: words(i) * o + words(o) + 2 * o + 16),
        (packed({**FP4, "strategy": "channel", "group_size": None}, format="nvfp4-pack-quantized"),
         lambda i, o: i * o / 2 + o),
    ],
)  # fmt: skip
def test_the_last_word_is_a_whole_one(quantization: dict[str, Any], of_one: Any) -> None:
    model = Architecture.from_hf_config(ODD)
    wide = 2 * (2 * 100 * 36 + 5 * 36)
    assert model.n_params * 2 == wide + 2 * 2 * sum(i * o for i, o in SHAPES)
    assert whole_size(quantization, ODD) == wide + 2 * sum(of_one(*shape) for shape in SHAPES)


def test_words_along_either_side() -> None:
    assert Scales(4, 1, 1, words="rows").of_matrix(9, 10) == 10 * 64
    assert Scales(4, 1, 1, words="columns").of_matrix(9, 10) == 9 * 64
    assert Scales(3, 1, 1, words="rows").of_matrix(32, 1) == 96
    assert Scales(4, 8, 1, words="columns").of_matrix(9, 8) == 2 * 32


@pytest.mark.parametrize(
    ("quantization", "told"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "200 bytes at most"),
        ({"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, "8 bytes a layer at most"),
        (packed(FLOAT8, kv_cache_scheme={"num_bits": 8, "type": "float"}), "8 bytes a layer"),
        (packed(FLOAT8, kv_cache_scheme={"num_bits": 8, "type": "float", "strategy": "attn_head"}),
         "8 bytes a key-value head of a layer"),
        (packed(FLOAT8, kv_cache_scheme={"num_bits": 8, "dynamic": True}), ""),
        ({"quant_method": "fp8"}, ""), (packed(W4), ""),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told(quantization: dict[str, Any], told: str) -> None:
    config = {**LLAMA, "torch_dtype": "bfloat16", "quantization_config": quantization}
    text = checkpoint_text(config, Architecture.from_hf_config(config))
    assert ("not counted" in text) == bool(told)
    assert told in text


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ([], "^input_activations is a list"), ("x", "^input_activations is 'x'"),
        ({"strategy": "channel"}, "^input_activations has the strategy 'channel'"),
        ({"dynamic": "local"}, "^input_activations has the strategy None with dynamic 'local'"),
        ({"strategy": "tensor", "symmetric": 3}, "^symmetric is 3"),
    ],
)  # fmt: skip
def test_scales_of_inputs_that_are_not_known(inputs: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        whole_size(packed(FLOAT8, inputs))


def test_kimi_k2_is_stored_as_its_authors_say() -> None:
    """In FP8 by blocks: a byte a weight, and 4 bytes for 128 x 128 of them."""
    model, config = architecture("kimi-k2"), configurations()["kimi-k2"].config
    narrow = sum(model.parts[part] for part in ("attention", "mlp", "experts", "shared experts"))
    wide = model.n_params - narrow
    blocks = sum(
        -(-rows // 128) * -(-columns // 128) * count
        for rows, columns, count in (
            (7168, 1536, 61), (1536, 12288, 61), (7168, 576, 61), (512, 16384, 61),
            (8192, 7168, 61), (7168, 18432, 3), (7168, 2048, 60 * 385 * 3),
        )
    )  # fmt: skip
    found = checkpoint_bytes(model, stored_by_config(config, model))
    assert found == narrow + 2 * wide + 4 * blocks + 4 * 60 * 384
    assert 1.02e12 < found < 1.04e12
