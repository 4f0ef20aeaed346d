"""The matrices of every part, and the scales of each, the last block rounded up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import architecture, configurations
from estimator.matrices import HEAD, Scales, blocks_with, has_part, layers_with, shapes
from estimator.memory_budget import Plan, budget, stages
from estimator.stored_weights import StoredWeights, checkpoint_bytes, stored_as, stored_by_config
from tests.checkpoints import MIXTURE, size
from tests.decoders import LLAMA


@pytest.mark.parametrize("key", configurations())
def test_matrices_are_all_of_a_part_but_its_biases_and_the_like(key: str) -> None:
    decoder = architecture(key).decoder
    heads, mixture = decoder.attention, decoder.mixture
    bare = replace(
        decoder,
        attention=replace(heads, input_bias=False, output_bias=False, sinks=False),
        dense=decoder.dense and replace(decoder.dense, bias=False),
        mixture=mixture and replace(
            mixture, expert=replace(mixture.expert, bias=False), shared_gate=False
        ),
    )  # fmt: skip
    parts = bare.parts()
    for part in ("attention", "mlp", "experts", "shared experts"):
        layers, blocks = blocks_with(bare, part, 0)
        of_one = sum(rows * columns for rows, columns in shapes(bare, part).values())
        assert layers * blocks * of_one == parts.get(part, 0)
    assert (
        sum(rows * columns for rows, columns in shapes(bare, HEAD).values()) == bare.head_matrix()
    )


# Outputs and inputs of DeepSeek-V3's matrices, and the shapes of their published scales.
DEEPSEEK = {
    "q_a_proj": ((1536, 7168), (12, 56)), "q_b_proj": ((24576, 1536), (192, 12)),
    "kv_a_proj_with_mqa": ((576, 7168), (5, 56)), "kv_b_proj": ((32768, 512), (256, 4)),
    "o_proj": ((7168, 16384), (56, 128)),
}  # fmt: skip


def test_the_scales_of_deepseek_v3_as_published() -> None:
    model = architecture("deepseek-v3")
    for name, (rows, columns) in shapes(model.decoder, "attention").items():
        outputs_and_inputs, (down, across) = DEEPSEEK[name]
        assert (columns, rows) == outputs_and_inputs
        assert Scales(32, 128, 128).of_matrix(rows, columns) == 32 * down * across
    attention = sum(down * across for _, (down, across) in DEEPSEEK.values())
    scales = 62 * attention + 3 * 3 * 144 * 56 + 59 * 257 * 3 * 16 * 56
    apart = model.prediction_parts
    quantized = ("attention", "mlp", "experts", "shared experts")
    narrow = sum(model.parts[part] + apart.get(part, 0) for part in quantized)
    config = configurations()["deepseek-v3"].config
    wide = 2 * (model.n_params + sum(apart.values())) + 4 * model.extra_parts["buffers"]
    assert checkpoint_bytes(model, stored_by_config(config, model)) == wide - narrow + 4 * scales


@pytest.mark.parametrize(
    ("scales", "rows", "columns", "numbers"),
    [
        (Scales(16, 128), 4096, 10, 320), (Scales(16, 128), 4097, 10, 330),
        (Scales(16, 128), 1, 10, 10), (Scales(16), 4096, 10, 10), (Scales(16, 0, 0), 4096, 10, 1),
        (Scales(16, 1, 0), 4096, 10, 4096), (Scales(16, 128, 64), 129, 64, 2),
        (Scales(16, 128, 64), 128, 65, 2), (Scales(16, 64, flat=True), 3, 22, 2),
        (Scales(16, 64, flat=True), 3, 21, 1),
    ],
)  # fmt: skip
def test_numbers_beside_a_matrix(scales: Scales, rows: int, columns: int, numbers: int) -> None:
    assert scales.of_matrix(rows, columns) == 16 * numbers


W4 = {"num_bits": 4, "group_size": 48, "strategy": "group"}
IN_64, IN_128 = 64 + 32 + 32 + 64 + 128 + 128, 64  # columns of LLAMA's matrices by their inputs


def packed(weights: dict[str, Any]) -> dict[str, Any]:
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return {"quant_method": "compressed-tensors", "config_groups": groups, "ignore": ["lm_head"]}


def test_a_group_that_is_not_full_has_a_scale() -> None:
    """Of 64 inputs two groups of 48, of 128 three."""
    matrices = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
    wide = 2 * (2 * 6400 + 5 * 64)
    groups = 2 * (2 * IN_64 + 3 * IN_128)
    assert size(LLAMA, packed(W4)) == wide + matrices / 2 + 2 * groups
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 48}
    inputs = 2 * (6 * 64 + 128)
    assert size(LLAMA, gptq) == wide + matrices / 2 + groups * 2.5 + 4 * inputs
    double = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    assert size(LLAMA, double) == wide + matrices / 2 + 4 * matrices / 64
    double["bnb_4bit_use_double_quant"] = True
    # All matrices have a multiple of 64 weights, but few 64 x 256: each rounds up.
    second = 2 * (2 * 1 + 2 * 1 + 3 * 1)
    assert size(LLAMA, double) == wide + matrices / 2 + matrices / 64 + 4 * second


def test_groups_in_another_order_have_a_number_for_each_input() -> None:
    inputs = 2 * (6 * 64 + 128)
    plain = size(LLAMA, packed(W4))
    for order, more in (("group", 4 * inputs), ("weight", 0), ("static", 0), (None, 0)):
        assert size(LLAMA, packed({**W4, "actorder": order})) == plain + more


def test_layers_with_a_part() -> None:
    model = Architecture.from_hf_config({**MIXTURE, "num_nextn_predict_layers": 1})
    parts = ("attention", "mlp", "experts", "shared experts")
    found = {part: sorted(layers_with(model.decoder, part)) for part in parts}
    assert found == {
        "attention": [0, 1, 2, 3], "mlp": [0], "experts": [1, 2, 3], "shared experts": [1, 2, 3],
    }  # fmt: skip
    assert not any(has_part(model.decoder, part, layer) for part in parts for layer in (-1, 4))
    dense = Architecture.from_hf_config(LLAMA).decoder
    assert [has_part(dense, part, 1) for part in parts] == [True, True, False, False]
    alone = architecture("mixtral-8x7b").decoder
    assert [has_part(alone, part, 1) for part in parts] == [True, False, True, False]
    assert shapes(dense, "experts") == shapes(alone, "mlp") == shapes(alone, "shared experts") == {}


def test_prediction_layers_are_counted_with_the_others() -> None:
    decoder = Architecture.from_hf_config(MIXTURE).decoder
    parts = ("attention", "mlp", "experts", "shared experts", HEAD)
    found = {part: blocks_with(decoder, part, 2) for part in parts}
    assert found == {
        "attention": (5, 1), "mlp": (1, 1), "experts": (4, 4), "shared experts": (4, 1),
        HEAD: (3, 1),
    }  # fmt: skip
    dense = Architecture.from_hf_config(LLAMA).decoder
    assert blocks_with(dense, "mlp", 2) == (4, 1)


def test_bits_of_a_weight_in_whole_blocks() -> None:
    assert Scales(32, 128, 64).weights == 8192
    assert Scales(16).weights == Scales(32, 1, 0).weights == 0
    assert StoredWeights("x", 16, 8, scales=(Scales(32, 128, 64),)).quantized_bits == 8 + 32 / 8192


def test_each_stage_has_its_own_wide_layers() -> None:
    """The first of two stages has a wide layer, the second a wide matrix in one of its own."""
    fp8 = {"quant_method": "fp8"}
    names = ["model.layers.0", "model.layers.3.self_attn.q_proj"]
    config = {**LLAMA, "num_hidden_layers": 4, "torch_dtype": "bfloat16"}
    model = Architecture.from_hf_config(config)
    plans = [
        Plan(stored_by_config({**config, "quantization_config": {**fp8, **lists}}, model), 2, 1, 2)
        for lists in ({}, {"ignored_layers": names})
    ]
    narrow, wide = ([s.weight_bytes for s in budget(model, plan, 80e9)] for plan in plans)
    layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128
    # A wide matrix has no scale of 4 bytes.
    assert [b - a for a, b in zip(narrow, wide, strict=True)] == [layer - 7 * 4, 64 * 64 - 4]
    starts = [stage.first_layer for stage in stages(model.decoder, 3)]
    assert starts == [0, 1, 3]


def test_a_tied_head_is_as_wide_as_the_embedding() -> None:
    config = {**LLAMA, "tie_word_embeddings": True}
    headed = packed(W4) | {"ignore": []}
    assert size(config, headed) == size(config, packed(W4))
    model = Architecture.from_hf_config(config)
    plan = Plan(stored_by_config({**config, "quantization_config": headed}), 2, 1, 2)
    last = budget(model, plan, 80e9)[1].weight_parts
    assert last["output head"] == 2 * 6400


def test_a_width_is_rounded_up_in_memory_alone() -> None:
    model = architecture("gpt-oss-20b")
    stored = stored_as("mxfp4")
    held = stored.decoder_bytes(model.decoder, model.parts)["experts"]
    on_disk = stored.decoder_bytes(model.decoder, model.parts, on_disk=True)["experts"]
    assert held == on_disk * 3072 / 2880
