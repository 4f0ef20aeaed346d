"""Quantized checkpoints: what their files name as wide, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import architecture, configurations
from estimator.memory_budget import Plan, budget
from estimator.stored_weights import (
    StoredWeights,
    checkpoint_bytes,
    stored_as,
    stored_by_config,
)
from estimator.wide_layers import Wide, wide_parts
from tests.checkpoints import FP8, MIXTURE, size, stored
from tests.decoders import LLAMA

OSS_WIDE = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens",
            "lm_head"]  # fmt: skip


def test_gpt_oss_20b_as_published() -> None:
    """total_size of openai/gpt-oss-20b's model.safetensors.index.json."""
    mxfp4 = {"quant_method": "mxfp4", "modules_to_not_convert": OSS_WIDE}
    config = {**configurations()["gpt-oss-20b"].config, "torch_dtype": "bfloat16"}
    assert size(config, mxfp4) == 13_761_264_768


def test_biases_are_wide_in_memory_too() -> None:
    model = architecture("gpt-oss-20b")
    plan = Plan(StoredWeights("mxfp4", 16, 4.25, frozenset({"experts"})))
    held = sum(stage.weight_bytes for stage in budget(model, plan, 80e9))
    table = budget(model, plan, 80e9)[0].weight_parts["table of rotations"]
    assert held - table == checkpoint_bytes(model, plan.weights)
    qwen = architecture("qwen2.5-7b")
    parts = budget(qwen, Plan(stored_as("fp8")), 80e9)[0].weight_parts
    biases = 28 * (28 + 2 * 4) * 128
    assert parts["attention"] == qwen.parts["attention"] + biases


@pytest.mark.parametrize(
    ("names", "wide"),
    [
        (["lm_head", "model.embed_tokens", "re:.*router", "re:visual.*"], set()),
        (["re:.*self_attn"], {"attention"}), (["model.layers.*.self_attn"], {"attention"}),
        ([f"model.layers.{n}.self_attn*" for n in range(3)], {"attention"}),
        ([f"model.layers.{n}.mlp.shared_experts" for n in (1, 2)], {"shared experts"}),
        (["model.layers.0.mlp"], {"mlp"}),
        (["model.layers.0", "re:.*self_attn"], {"attention", "mlp"}),
        ([f"model.layers.0.mlp.{m}_proj" for m in ("gate", "up", "down")], {"mlp"}),
        (["re:.*mlp$"], {"mlp", "experts", "shared experts"}),
        ([f"model.layers.{n}.input_layernorm" for n in range(3)] + ["model.layers.1.mlp.gate"],
         set()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["ignore", "modules_to_not_convert", "exclude_modules"])
def test_wide_parts_are_counted(key: str, names: list[str], wide: set[str]) -> None:
    parts = Architecture.from_hf_config(MIXTURE).parts
    more = sum(parts[part] for part in wide)
    assert size(MIXTURE, FP8, **{key: names}) == size(MIXTURE, FP8) + more


@pytest.mark.parametrize(
    "names",
    [
        ["model.layers.3"], ["re:.*layers.[0-9].mlp"], ["model.layers.2.mlp.down_proj"],
        ["model.layers.1.mlp.experts.0"], ["conv"], [""], [3], "lm_head", {"a": 1},
        ["re:" + "(" * 10**5], ["re:" + "(a|b)" * 50], ["model.layers.0.mlp.gate_proj.up_proj"],
        ["re:.*[ab].lm_head"], ["self_attn.(q_b|kv_b)_proj"], ["self_attn.mlp.q_b_proj"],
    ],
)  # fmt: skip
def test_other_names_are_refused(names: Any) -> None:
    with pytest.raises(ValueError, match=r"^ignore (names|must|has)") as caught:
        stored(MIXTURE, FP8, ignore=names)
    assert len(str(caught.value)) < 300


QUERY, LATENT_UP = 64 * 24 + 24 * 4 * (8 + 4), 16 * 4 * (8 + 8)
ATTENTION = QUERY + 64 * (16 + 4) + LATENT_UP + 4 * 8 * 64
EXPERT = 3 * 64 * 32


@pytest.mark.parametrize(
    ("names", "wide"),
    [
        (["model.layers.0.self_attn"], ATTENTION),
        (["self_attn.kv_b_proj"], 3 * LATENT_UP), (["re:.*kv_b_proj$"], 3 * LATENT_UP),
        (["model.layers.1.self_attn.q_a_proj", "model.layers.1.self_attn.q_b_proj"], QUERY),
        (["model.layers.0.mlp.down_proj"], 64 * 128), (["model.layers.2.mlp"], 5 * EXPERT),
        (["model.layers.0"], ATTENTION + 3 * 64 * 128),
        (["model.layers.2.mlp.shared_experts.gate_up_proj"], EXPERT * 2 // 3),
        (["re:.*mlp.experts.w2", "re:.*mlp.experts.w2"], 2 * 4 * EXPERT // 3),
        (["re:.*(lm_head|self_attn).*"], 3 * ATTENTION),
        (["re:.*mlp\\.(gate|up|gate_up|down)_proj.*"], 3 * 64 * 128),
        (["down_proj"], 64 * 128 + 2 * 5 * 64 * 32),
    ],
)  # fmt: skip
def test_a_share_that_stays_wide_is_counted(names: list[str], wide: int) -> None:
    assert size(MIXTURE, FP8, ignore=names) == size(MIXTURE, FP8) + wide


ALL: Wide = {"": None}


def shares(config: dict[str, Any], *names: str) -> dict[str, Wide]:
    return wide_parts({"ignore": names}, Architecture.from_hf_config(config).decoder)[0]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Llama4TextAttention", "attention"), ("re:.*self_attn", "attention"),
        ("re:model.*self_attn.*", "attention"), ("language_model.lm_head", "output head"),
    ],
)  # fmt: skip
def test_a_part_is_wide_as_a_whole(name: str, part: str) -> None:
    assert shares(LLAMA, name) == {part: ALL}


def test_matrices_are_wide_in_the_layers_that_are_named() -> None:
    assert shares(MIXTURE, "re:.*down_proj", "model.layers.1.mlp.experts.w2") == {
        "mlp": {"down_proj": None}, "experts": {"down_proj": None},
        "shared experts": {"down_proj": None},
    }  # fmt: skip
    two = shares(MIXTURE, "model.layers.0.self_attn.q_a_proj", "model.layers.2.self_attn")
    assert two["attention"].keys() == {
        "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj",
    }  # fmt: skip
    assert two["attention"]["q_a_proj"] == frozenset({0, 2})
    assert two["attention"]["o_proj"] == frozenset({2})


def test_columns_have_scales_by_each_block_s_own_width() -> None:
    """Down has 64 outputs, gate and up have 128 each, 32 in an expert, 2 x 32 in the shared."""
    config, rows = {**MIXTURE, "n_shared_experts": 2}, {"quant_method": "fbgemm_fp8"}
    kept = size(config, rows, modules_to_not_convert=["down_proj"]) - size(config, rows)
    weights = 64 * 128 + 2 * (4 * 64 * 32 + 64 * 64)
    assert kept == weights - 4 * (64 + 2 * 5 * 64)


def test_a_block_that_a_model_lacks_changes_nothing() -> None:
    assert size(LLAMA, FP8, ignore=["down_proj"]) - size(LLAMA, FP8) == 2 * 64 * 128


def test_an_expression_has_64_choices_and_1000_characters_at_most() -> None:
    config = {**LLAMA, "num_hidden_layers": 70}
    layers = [str(layer) for layer in range(65)]
    chosen = shares(config, f"re:.*layers.({'|'.join(layers[:64])}).self_attn")
    assert chosen == shares(config, *(f"layers.{layer}.self_attn" for layer in layers[:64]))
    with pytest.raises(ValueError, match=r"^ignore names"):
        shares(config, f"re:.*layers.({'|'.join(layers)}).self_attn")
    name = "re:.*(q|k)_proj"
    assert shares(LLAMA, name.ljust(1000, "$")) == shares(LLAMA, "q_proj", "k_proj")
    with pytest.raises(ValueError, match=r"^ignore names"):
        shares(LLAMA, name.ljust(1001, "$"))


def test_lists_have_100_000_names_at_most() -> None:
    names = ["norm"] * 99_998
    assert shares(LLAMA, *names, "norm", "norm") == shares(LLAMA, *names, "re:(q|k)_norm") == {}
    with pytest.raises(ValueError, match=r"^ignore must be a list of at most 100,000 names"):
        shares(LLAMA, *names, "norm", "norm", "norm")
    with pytest.raises(ValueError, match=r"^ignore must name at most 100,000 modules in all"):
        shares(LLAMA, *names, "norm", "re:.*(q|k)_norm")
    with pytest.raises(ValueError, match=r"^ignore must be a list of"):
        stored(LLAMA, FP8, ignore="lm_head")


def test_a_prediction_layer_is_wide_only_where_it_is_named() -> None:
    config = {**MIXTURE, "num_nextn_predict_layers": 1}
    all_narrow = size(config, FP8)
    layer = ATTENTION + 5 * EXPERT
    assert size(config, FP8, ignore=["model.layers.3*"]) == all_narrow + layer
    main = [f"model.layers.{n}.self_attn*" for n in range(3)]
    assert size(config, FP8, ignore=main) == all_narrow + 3 * ATTENTION
    assert size(config, FP8, ignore=["re:.*self_attn"]) == all_narrow + 4 * ATTENTION


def test_llama_405b_in_fp8_by_row() -> None:
    """All attention, and first and last layers, stay at 16 bits; a row's scale has 32."""
    names = [f"model.layers.{n}.self_attn.{m}_proj" for n in range(126) for m in "qkvo"]
    ends = (0, 125)
    names += [f"model.layers.{n}.mlp.{m}_proj" for n in ends for m in ("gate", "up", "down")]
    config = {**configurations()["llama-3.1-405b"].config, "torch_dtype": "bfloat16"}
    quantization = {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head", *names]}
    model = architecture("llama-3.1-405b")
    narrow, scales = 124 * 3 * 16384 * 53248, 124 * (2 * 53248 + 16384)
    assert size(config, quantization) == 2 * model.n_params - narrow + 4 * scales


def test_kimi_k2_5_keeps_all_but_its_experts_wide() -> None:
    """As ai-dynamo/aiconfigurator has its configuration: a Kimi K2 beside what sees images."""
    ignore = ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
              "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"]  # fmt: skip
    weights = {"num_bits": 4, "group_size": 32, "strategy": "group", "type": "int"}
    packed = {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": {"weights": weights}},
    }
    text = {
        **configurations()["kimi-k2"].config,
        "quantization_config": {**packed, "ignore": ignore},
    }
    config = {"model_type": "kimi_k25", "text_config": text, "vision_config": {},
              "media_placeholder_token_id": 163605, "use_unified_vision_chunk": True}  # fmt: skip
    model = Architecture.from_hf_config(config)
    assert model.n_params == architecture("kimi-k2").n_params
    experts = model.parts["experts"]
    held = (model.n_params - experts) * 2 + experts * (4 + 16 / 32) / 8
    scores, shapes = model.extra_parts["buffers"] * 4, 60 * 384 * 3 * 16
    assert checkpoint_bytes(model, stored_by_config(config)) == held + scores + shapes


def test_without_a_family_nothing_is_known_of_layers() -> None:
    with pytest.raises(ValueError, match=r"^ignore names .* without a model_type"):
        stored({}, FP8, ignore=["model.layers.0.self_attn"])
    with pytest.raises(
        ValueError, match=r"^ignore names 'model.layers.0', modules that are not understo"
    ):
        stored({}, FP8, ignore=["model.layers.0"])
    assert stored({}, FP8, ignore=["re:.*self_attn"]).wide["attention"] == ALL


def test_shares_hold_in_an_engine_s_memory_too() -> None:
    whole = Plan(stored(LLAMA, FP8))
    one = Plan(stored(LLAMA, FP8, ignore=["model.layers.0.mlp"]))
    model = Architecture.from_hf_config(LLAMA)
    bytes_of = [budget(model, plan, 80e9)[0].weight_parts["mlp"] for plan in (whole, one)]
    assert bytes_of[1] - bytes_of[0] == 3 * (64 * 128 - 4)


def test_a_head_that_is_not_ignored_is_quantized() -> None:
    groups = {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8}}}
    packed = {"quant_method": "compressed-tensors", "config_groups": groups}
    assert size(LLAMA, packed, ignore=["lm_head"]) - size(LLAMA, packed, ignore=[]) == 6400


def test_a_scale_for_each_column() -> None:
    gptq = {"quant_method": "gptq", "bits": 4}
    matrices = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
    columns = 2 * (64 + 32 + 32 + 64 + 128 + 128 + 64)
    wide = 2 * (2 * 6400 + 5 * 64)
    inputs = 2 * (6 * 64 + 128)  # each has the number of its group
    expected = wide + matrices * 4 / 8 + columns * (16 + 4) / 8 + 4 * inputs
    assert size(LLAMA, gptq, group_size=-1) == expected


def test_a_scale_for_each_column_of_a_latent() -> None:
    quantization = {"quant_method": "fbgemm_fp8"}
    attention = 24 + 4 * (8 + 4) + (16 + 4) + 4 * (8 + 8) + 64
    expert = 2 * 32 + 64
    columns = 3 * attention + (2 * 128 + 64) + 2 * 5 * expert
    model = Architecture.from_hf_config(MIXTURE)
    narrow = 3 * ATTENTION + 3 * 64 * 128 + 2 * 5 * EXPERT
    buffers = model.extra_parts["buffers"] * 4
    assert size(MIXTURE, quantization) == 2 * model.n_params - narrow + 4 * columns + buffers
    ignored = size(MIXTURE, quantization, modules_to_not_convert=["re:.*self_attn"])
    assert ignored == size(MIXTURE, quantization) + 3 * (ATTENTION - 4 * attention)


@pytest.mark.parametrize(
    "quantization",
    [
        *({"quant_method": "gptq", "bits": 4, "group_size": n}
          for n in (0, -2, True, 1.0, None, "-1")),
        *({"quant_method": "awq", "bits": 4, "group_size": n} for n in (0, -1)),
        *({"quant_algo": "NVFP4", "group_size": n} for n in (0, -1)),
        *({"quant_method": "compressed-tensors",
           "config_groups": {"g": {"weights": {"num_bits": 4, "group_size": n}}}} for n in (0, -2)),
        {"quant_method": "gptq", "bits": 4, "group_size": 64, "dynamic": {"-:.*down.*": {}}},
        {"quant_method": "compressed-tensors", "config_groups": {"a": {"weights": {}}, "b": {}}},
        {"quant_method": "fp8", "weight_block_size": []},
    ],
)  # fmt: skip
def test_sizes_of_groups_that_cannot_be(quantization: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"group|dynamic|block_size"):
        stored(LLAMA, quantization)


def test_the_key_of_mlx_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^quantization \(MLX"):
        stored_by_config({**LLAMA, "quantization": {"group_size": 64, "bits": 4}})


def test_masks_of_old_checkpoints_are_in_their_files() -> None:
    # model.safetensors of gpt2: 548,105,171 bytes, of which 8 and a header of 14,283 are no data.
    gpt2 = checkpoint_bytes(architecture("gpt2"), stored_as("fp32"))
    assert gpt2 == 548_105_171 - 8 - 14_283
    assert architecture("gpt2").extra_parts == {"buffers": 12 * 1024**2}
    # That of pythia-70m-deduped has 166,029,852 bytes; its header and small buffers are the rest.
    pythia = checkpoint_bytes(architecture("pythia-70m"), stored_as("fp16"))
    assert 0 < 166_029_852 - pythia < 12_000
    assert architecture("llama-3.1-8b").extra_parts == {}


@pytest.mark.parametrize(
    ("told", "inner", "bits"),
    [
        ({"dtype": "float32", "torch_dtype": "bfloat16"}, {}, 32),
        ({"dtype": None, "torch_dtype": "float32"}, {}, 32),
        ({"torch_dtype": "float32"}, {"dtype": "bfloat16"}, 32),
        ({}, {"dtype": "float32", "torch_dtype": "bfloat16"}, 32),
        ({}, {}, 16),
    ],
)
def test_the_newer_key_of_the_precision_counts(
    told: dict[str, Any], inner: dict[str, Any], bits: int
) -> None:
    """As transformers 5 reads a file with both; a multimodal file's own before its text's."""
    assert stored_by_config(told | {"text_config": inner}).bits == bits


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_a_damaged_precision_is_told_by_its_key(key: str) -> None:
    with pytest.raises(ValueError, match=rf"weights \({key}\) is a list"):
        stored_by_config({key: ["bfloat16"]})
