"""Keys of a quantization: each changes the size, is known not to, or is refused by its name."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from estimator.catalog import architecture, configurations
from estimator.stored_cache import asked_precision
from estimator.stored_weights import checkpoint_bytes, stored_by_config
from tests.checkpoints import blocks_alone

LLAMA = configurations()["llama-3.1-8b"].config
MODEL = architecture("llama-3.1-8b")
ATTENTION = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
MLP = 32 * 3 * 4096 * 14_336
COLUMNS = 32 * (4096 + 2 * 1024 + 4096 + 2 * 14_336 + 4096)
BF16 = 2 * MODEL.n_params
W4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 128}
W8 = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
FP8 = {"num_bits": 8, "type": "float", "symmetric": True}


def size(quantization: dict[str, Any]) -> float:
    config = {**LLAMA, "torch_dtype": "bfloat16", "quantization_config": quantization}
    return checkpoint_bytes(MODEL, blocks_alone(stored_by_config(config, MODEL)))


def packed(weights: Any, targets: Any = ("Linear",), **changes: Any) -> dict[str, Any]:
    group = {"targets": list(targets), "weights": weights, "input_activations": None}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group},
            "ignore": ["lm_head"], **changes}  # fmt: skip


def narrow(params: int, bits: float) -> float:
    return BF16 - params * (16 - bits) / 8


def test_what_is_targeted_is_quantized_and_nothing_else() -> None:
    whole = size(packed(W4))
    assert whole == 5_700_591_616 == narrow(ATTENTION + MLP, 4.125)
    assert size(packed(W4, ["re:.*mlp.*"])) == 7_692_886_016 == narrow(MLP, 4.125)
    output = 32 * 4096 * 4096
    assert size(packed(W4, ["re:.*o_proj"])) == narrow(output, 4.125)
    assert size(packed(W4, ["re:.*mlp.*", "re:.*self_attn.*"])) == whole
    assert size(packed(W4, ["re:.*(mlp|self_attn).*"])) == whole
    one = narrow(4096 * 4096, 4.125)
    assert size(packed(W4, ["model.layers.3.self_attn.o_proj"])) == one
    # A list of what stays wide goes before a target.
    ignored = packed(W4, ["re:.*mlp.*"], ignore=["lm_head", "re:.*down_proj"])
    assert size(ignored) == narrow(MLP * 2 // 3, 4.125)
    none_left = packed(W4, ["re:.*o_proj", "re:.*up_proj"], ignore=["lm_head", "re:.*self_attn"])
    assert size(none_left) == narrow(MLP // 3, 4.125)


def test_a_targeted_head_is_quantized_unless_it_is_ignored() -> None:
    head = 128_256 * 4096
    targets = ["re:.*mlp.*", "lm_head"]
    assert size(packed(W4, targets, ignore=[])) == narrow(MLP + head, 4.125)
    assert size(packed(W4, targets)) == narrow(MLP, 4.125)


def test_experts_that_are_targeted_layer_by_layer() -> None:
    config = {**configurations()["mixtral-8x7b"].config, "torch_dtype": "bfloat16"}
    model = architecture("mixtral-8x7b")
    stored = stored_by_config(
        {**config, "quantization_config": packed(W4, ["re:.*experts.*w2"])}, model
    )
    down = model.parts["experts"] // 3
    shapes = 32 * 8 * 16  # of each expert's matrix, two numbers of 64 bits
    assert checkpoint_bytes(model, stored) == 2 * model.n_params - down * (16 - 4.125) / 8 + shapes


@pytest.mark.parametrize("targets", [["re:.*mlp.*"], ["re:.*self_attn"]])
def test_a_whole_part_is_targeted_without_a_family(targets: list[str]) -> None:
    stored = stored_by_config({"quantization_config": packed(W4, targets)})
    assert {"": None} in stored.wide.values()
    with pytest.raises(ValueError, match=r"^targets names .* without a model_type"):
        stored_by_config({"quantization_config": packed(W4, ["re:.*o_proj"])})


def test_zero_points_are_packed_as_the_weights_are() -> None:
    groups = (ATTENTION + MLP) // 128
    uneven = {**W4, "symmetric": False}
    assert size(packed(uneven)) == 5_727_854_592 == size(packed(W4)) + groups * 4 / 8
    assert size(packed(uneven, format="pack-quantized")) == 5_727_854_592


def test_a_channel_and_a_block_have_scales() -> None:
    eight = narrow(ATTENTION + MLP, 8)
    assert size(packed(W8)) == eight + 2 * COLUMNS
    assert size(packed({**W8, "symmetric": False})) == eight + 3 * COLUMNS
    assert size(packed({**FP8, "strategy": "channel"})) == eight + 2 * COLUMNS
    assert size(packed({**FP8, "strategy": "tensor"})) == eight
    block = {**FP8, "strategy": "block", "block_structure": [128, 128]}
    assert size(packed(block)) == eight + 2 * (ATTENTION + MLP) // 128**2
    wider = {**block, "scale_dtype": "torch.float32"}
    assert size(packed(wider)) == eight + 4 * (ATTENTION + MLP) // 128**2


def test_gptq_quantizes_the_modules_that_it_lists() -> None:
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    bits = 4 + 20 / 128
    # Of each of a matrix's inputs the number of its group, in 4 bytes.
    assert size(gptq) == narrow(ATTENTION + MLP, bits) + 32 * (6 * 4096 + 14_336) * 4
    lists = [["self_attn.k_proj", "self_attn.v_proj"], ["mlp.down_proj"]]
    listed = size({**gptq, "modules_in_block_to_quantize": lists})
    inputs = 32 * (2 * 4096 + 14_336)
    assert listed == narrow(32 * 2 * 4096 * 1024 + MLP // 3, bits) + inputs * 4
    assert size({**gptq, "modules_in_block_to_quantize": None}) == size(gptq)


def test_awq_has_two_spellings() -> None:
    expected = narrow(ATTENTION + MLP, 8 + 24 / 64)
    assert size({"quant_method": "awq", "w_bit": 8, "q_group_size": 64}) == expected
    assert size({"quant_method": "awq", "bits": 8, "w_bit": 8, "group_size": 64}) == expected
    with pytest.raises(ValueError, match="bits and w_bit differ"):
        size({"quant_method": "awq", "bits": 4, "w_bit": 8})


@pytest.mark.parametrize("method", ["gptq", "awq"])
@pytest.mark.parametrize("key", ["bits", "group_size"])
@pytest.mark.parametrize("empty", [{}, None])
def test_bits_and_groups_are_never_assumed(method: str, key: str, empty: object) -> None:
    told = {"quant_method": method, "bits": 4, "group_size": 128}
    left = {name: value for name, value in told.items() if name != key}
    left |= {key: None} if empty is None else {}
    with pytest.raises(ValueError, match=f"^{key} is missing, but .* of {method} must give it"):
        size(left)


def test_bitsandbytes_keeps_a_scale_for_each_column_at_8_bits() -> None:
    quantization = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    assert size(quantization) == narrow(ATTENTION + MLP, 8) + 4 * COLUMNS


GPTQ: dict[str, Any] = {"quant_method": "gptq", "bits": 4, "group_size": 128}
AWQ: dict[str, Any] = {"quant_method": "awq", "bits": 4, "group_size": 128}


@pytest.mark.parametrize(
    ("quantization", "sentence"),
    [
        ({**GPTQ, "only_experts": True}, "^the key 'only_experts' is not known in a quant"),
        ({"quant_method": "fp8", "only_experts": True}, "^the key 'only_experts'"),
        ({"quant_method": "mxfp4", "targets": ["Linear"]}, "^the key 'targets'"),
        ({"quant_method": "fp8", "expert_dtype": "fp4"}, "^expert_dtype is 'fp4'"),
        ({"quant_method": "fp8", "modules_to_convert": "Linear"}, "^modules_to_convert must be"),
        ({**GPTQ, "checkpoint_format": "marlin"}, "^checkpoint_format is 'marlin'"),
        ({**GPTQ, "bits": 64}, "^bits is 64, but gptq stores 2, 3, 4, 8"),
        ({**AWQ, "bits": 37}, "^bits is 37, but awq stores"),
        ({**AWQ, "modules_to_not_convert": 0}, "^modules_to_not_convert must be a list"),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": True},
            "^load_in_4bit and load_in_8bit are both true",
        ),
        (packed({**W4, "type": "flaot"}), "^type is 'flaot'"),
        (packed(W4, ["Linear", "Embedding"]), "^targets names 'Embedding'"),
        ({**GPTQ, "lm_head": True}, "^lm_head is True"),
        ({**GPTQ, "lm_head": 0}, "^lm_head is 0"),
        ({**AWQ, "zero_point": False}, "^zero_point is False"),
        ({**AWQ, "version": "marlin"}, "^version is 'marlin'"),
        ({"quant_algo": "NVFP4", "quantized_layers": {"a": {}}}, "^quantized_layers is"),
        ({"quant_algo": "FP8", "config_groups": {"g": {"weights": W4}}}, "^num_bits is 4"),
        (packed(W4, sparsity_config={"format": "sparse-24-bitmask"}), "^sparsity_config is"),
        (packed(W4, transform_config={"config_groups": {"R1": {}}}), "^transform_config is"),
        (packed(W4, format="marlin-24"), "^format is 'marlin-24'"),
        (packed(W4, format="int-quantized"), "^num_bits is 4, but with the format int-quantized"),
        (packed(W4, format=["pack-quantized"]), "^format is "),
        (packed({**W4, "dynamic": True}), "^dynamic is True"),
        (packed({**W4, "symmetric": "no"}), "^symmetric is 'no'"),
        (packed({**FP8, "symmetric": False}), "^symmetric is False"),
        (packed({**W4, "strategy": "token"}), "^strategy is 'token'"),
        (packed({**W4, "strategy": "tensor"}), "^strategy is 'tensor' with a group_size of 128"),
        (packed({**W4, "scale_dtype": "fp6"}), "^scale_dtype is 'fp6'"),
        (packed({**W4, "sparsity": "2:4"}), "^the key 'sparsity' is not known in the weights"),
        (packed({**FP8, "strategy": "block"}), "^block_structure is None, but it must be two"),
        (packed(W4, ["LlamaAttention"]), "^targets names 'LlamaAttention'"),
        (packed(W4, ["re:.*embed_tokens"]), "^targets names 're:.*embed_tokens'"),
        (packed(W4, []), "^targets must be a list"),
        (packed(W4, [3]), "^targets must be a list"),
    ],
)
def test_what_may_change_the_size_is_refused_by_name(
    quantization: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        size(quantization)
    assert len(str(caught.value)) < 250


def test_experts_that_are_not_there_are_not_quantized() -> None:
    with pytest.raises(
        ValueError, match=r"^quant_method is mxfp4, which quantizes experts, but the"
    ):
        size({"quant_method": "mxfp4"})


ODD: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, float("nan"), 10**30, "", "4", "fp8", [], [[]], [1, 2],
    [None], {}, {"a": 1}, ["lm_head"], "lm_head", [128, 128], [128.0, 128], [0, 128], ["re:.*"],
    ["re:"], ["*"], ["model"], ["model.layers.0"], ["layers.99"], ["re:(a|b"], (1,), {1: 2},
]  # fmt: skip
NVFP4 = {"num_bits": 4, "type": "float", "group_size": 16}
SEEDS: list[dict[str, Any]] = [
    {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head"],
     "modules_to_convert": None, "kv_cache_scheme": {"num_bits": 8, "type": "float"}},
    {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head"]},
    {**GPTQ, "modules_in_block_to_quantize": None, "lm_head": False, "dynamic": {}},
    {**AWQ, "zero_point": True, "version": "gemm", "w_bit": 4, "q_group_size": 128},
    {"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16,
     "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"], "quantized_layers": {},
     "config_groups": {"g": {"targets": ["Linear"], "weights": NVFP4}}},
    {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False,
     "bnb_4bit_use_double_quant": True, "llm_int8_skip_modules": None},
    packed(W4, format="pack-quantized", kv_cache_scheme=None),
]  # fmt: skip
KEYS = {"num_bits", "type", "symmetric", "strategy", "group_size", "block_structure", "scale_dtype",
        "dynamic", "actorder", "observer"}  # fmt: skip


def oddities() -> list[dict[str, Any]]:
    """Each key of each method with odd values, and without it."""
    found = []
    for seed in SEEDS:
        for key in (*seed, "ignore", "targets"):
            found += [{**seed, key: value} for value in ODD]
            found.append({name: value for name, value in seed.items() if name != key})
    found += [packed({**W4, key: value}) for key in sorted(KEYS) for value in ODD]
    found += [packed(value) for value in ODD]
    return found + [packed(W4, config_groups={"g": {"targets": v, "weights": W4}}) for v in ODD]


def test_odd_values_get_a_sentence_or_bytes() -> None:
    """No other error, nothing that is no number, and never fewer bytes than the elements have."""
    tried, sentences = oddities(), set()
    assert len(tried) > 1500
    sized = 0
    for quantization in tried:
        try:
            found = size(quantization)
        except ValueError as error:
            sentences.add(str(error))
            continue
        sized += 1
        assert BF16 / 8 < found < 1.5 * BF16
        asked: Any = None
        with contextlib.suppress(ValueError):
            asked = asked_precision({"quantization_config": quantization})
        assert asked is None or asked[1] in (1, 4.5 / 8)
    assert 100 < sized < len(tried) / 2
    assert len(sentences) > 200
    assert not [one for one in sentences if len(one) > 300 or one[-1] not in ".]"]


@pytest.mark.parametrize("flag", ["load_in_4bit", "load_in_8bit", "bnb_4bit_use_double_quant"])
@pytest.mark.parametrize("value", [1, 0, "true", "", [], {}])
def test_flags_are_true_or_false(flag: str, value: object) -> None:
    told = {"quant_method": "bitsandbytes", "load_in_4bit": True, flag: value}
    with pytest.raises(ValueError, match=f"^{flag} is .* but it must be true or false"):
        size(told)


@pytest.mark.parametrize("block", [[0, 128], [128, 0], [128], [128.0, 128], 128, "", {}, [True, 1]])
def test_a_block_is_named_by_its_key(block: object) -> None:
    with pytest.raises(
        ValueError, match=r"^weight_block_size is .* but it must be two whole numbers"
    ):
        size({"quant_method": "fp8", "weight_block_size": block})
    told = {**FP8, "strategy": "block", "block_structure": block}
    with pytest.raises(
        ValueError, match=r"^block_structure is .* but it must be two whole numbers"
    ):
        size(packed(told))


def test_a_strategy_that_is_not_told_follows_the_group() -> None:
    plain = {"num_bits": 8, "type": "int"}
    assert size(packed({**plain, "group_size": -1})) == size(packed(W8))
    assert size(packed(plain)) == narrow(ATTENTION + MLP, 8)
    grouped = {**plain, "group_size": 128}
    assert size(packed(grouped)) == size(packed({**grouped, "strategy": "group"}))
    with pytest.raises(ValueError, match=r"^group_size is None"):
        size(packed({**plain, "strategy": "group"}))
    with pytest.raises(ValueError, match=r"^quant_algo is None, but of modelopt's only"):
        size({"quant_method": "modelopt"})
