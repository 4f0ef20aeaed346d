"""Modules that files of quantized checkpoints name: one by one, by expression, or in vain."""

from __future__ import annotations

import time
from typing import Any

import pytest

from estimator.stored_weights import stored_by_config
from tests.checkpoints import FP8, MIXTURE, size
from tests.decoders import LLAMA

PREDICTED = {**MIXTURE, "num_nextn_predict_layers": 1, "attention_bias": True}
CHANNELS = {
    "quant_method": "compressed-tensors",
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8}}},
}  # fmt: skip


def test_what_is_never_quantized_may_be_named() -> None:
    """As GLM-4.5-Air FP8 names biases, and what joins its prediction layer to the rest."""
    names = ["model.layers.0.self_attn.o_proj.bias", "model.layers.3.eh_proj",
             "model.layers.3.enorm", "model.layers.3.embed_tokens", "modality_projection",
             "model.connector.modality_projection.proj"]  # fmt: skip
    assert size(PREDICTED, CHANNELS, ignore=names) == size(PREDICTED, CHANNELS)
    for name in ("model.layers.0.self_attn.o_proj", "model.layers.3.mlp"):
        assert size(PREDICTED, CHANNELS, ignore=[*names, name]) > size(PREDICTED, CHANNELS)


def test_a_prediction_layer_s_head_is_wide_alone() -> None:
    head = 64 * 100
    own = ["model.layers.3.shared_head.head"]
    assert size(PREDICTED, CHANNELS, ignore=own) == size(PREDICTED, CHANNELS) + head
    both = [*own, "lm_head"]
    assert size(PREDICTED, CHANNELS, ignore=both) == size(PREDICTED, CHANNELS) + 2 * head


MIXTRAL = {**LLAMA, "model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 64}


def experts(count: int, matrices: tuple[int, ...] = (1, 2, 3)) -> list[str]:
    return [f"block_sparse_moe.experts.{n}.w{m}" for n in range(count) for m in matrices]


def test_experts_that_are_listed_one_by_one() -> None:
    attention = [f"self_attn.{one}_proj" for one in "qkvo"]
    listed = [attention, experts(4)]
    assert size(MIXTRAL, GPTQ, modules_in_block_to_quantize=listed) == size(MIXTRAL, GPTQ)
    gates = [attention, experts(4, (1, 3))]
    down = size(MIXTRAL, GPTQ, modules_to_not_convert=["experts.w2"])
    assert size(MIXTRAL, GPTQ, modules_in_block_to_quantize=gates) == down
    wide = [f"model.layers.1.{name}" for name in experts(4)]
    assert size(MIXTRAL, FP8, ignored_layers=wide) == size(MIXTRAL, FP8) + 4 * 3 * 64 * 128
    for some in (experts(1), experts(3), experts(5), [*experts(4), "experts.0.w9"]):
        with pytest.raises(ValueError, match="size this checkpoint by its files"):
            size(MIXTRAL, GPTQ, modules_in_block_to_quantize=[attention, some])


def test_experts_of_a_model_that_is_not_told() -> None:
    one = {**FP8, "ignored_layers": ["layers.1.block_sparse_moe.experts.0.w1"]}
    with pytest.raises(ValueError, match=r"ignored_layers names 'layers.1.*of each of 0 experts"):
        stored_by_config({"quantization_config": one})


def test_so_many_settings_of_modules_are_read_and_no_more() -> None:
    auto: dict[str, Any] = {"quant_method": "auto-round", "bits": 4, "group_size": 64}
    settings: dict[str, Any] = {f"module.{n}": {} for n in range(100_000)}
    assert size(LLAMA, auto, extra_config=settings) == size(LLAMA, auto)
    with pytest.raises(ValueError, match="extra_config must be an object of at most 100,000 mod"):
        size(LLAMA, auto, extra_config=settings | {"module": {}})


def test_a_setting_by_an_expression_keeps_what_it_matches_wide() -> None:
    auto = {"quant_method": "auto-round", "bits": 4, "group_size": 64}
    first, second = ({f"model.layers.{n}.mlp.down_proj": {"bits": 16}} for n in range(2))
    one = size(LLAMA, auto, extra_config=first)
    both = size(LLAMA, auto, extra_config={**first, **second})
    assert both - one == one - size(LLAMA, auto) > 0
    escaped = {r"model\.layers\.0\.mlp\.down_proj": {"bits": 16}}
    assert size(LLAMA, auto, extra_config=escaped) == one
    assert size(LLAMA, auto, extra_config={".*down_proj.*": {"bits": 16}}) == both
    # Of choices, one sign of an expression is enough, a star or a backslash.
    for name in (".*mlp.(gate|down)_proj", r"mlp\.(gate|down)_proj"):
        two = size(LLAMA, auto, extra_config={name: {"bits": 16}})
        assert two - both == both - size(LLAMA, auto)  # all three are as large
    with pytest.raises(ValueError, match=r"extra_config quantizes '.*' apart from the rest"):
        size(LLAMA, auto, extra_config={".*down_proj.*": {"bits": 15}})


def test_modules_that_gptq_leaves_out_by_expression() -> None:
    sparse = {**MIXTURE, "first_k_dense_replace": 0}
    router: dict[Any, Any] = {r"-:.*mlp\.gate.*": {}}
    assert size(sparse, GPTQ, dynamic=router) == size(sparse, GPTQ)
    # A dense layer's gate_proj begins as a router does; with the end told it is none.
    gate = size(MIXTURE, GPTQ, modules_to_not_convert=["mlp.gate_proj"])
    assert gate > size(MIXTURE, GPTQ)
    assert size(MIXTURE, GPTQ, dynamic=router) == gate
    assert size(MIXTURE, GPTQ, dynamic={r"-:.*mlp\.gate$": {}}) == size(MIXTURE, GPTQ)
    whole: dict[Any, Any] = {r"-:model\.layers\.0\.mlp\.gate.*": {}}
    assert (
        size(LLAMA, GPTQ, dynamic=whole)
        == size(LLAMA, GPTQ, modules_to_not_convert=["model.layers.0.mlp.gate_proj"])
        > size(LLAMA, GPTQ)
    )
    down = size(LLAMA, GPTQ, modules_to_not_convert=["model.layers.0.mlp.down_proj"])
    assert size(LLAMA, GPTQ, dynamic={r"-:model\.layers\.0\.mlp\.down_proj": {}}) == down
    others: tuple[dict[Any, Any], ...] = (
        {"+:.*down_proj.*": {"bits": 8}}, {**router, ".*": {}}, {3: {}},
        {r"-:model\.layers\.1": {}}, {"-:.*": {}},
    )  # fmt: skip
    for other in others:
        with pytest.raises(ValueError, match="dynamic"):
            size(LLAMA, GPTQ, dynamic=other)


@pytest.mark.parametrize(
    ("key", "place"),
    [("torch_dtype", None), ("dtype", None), ("weight_block_size", FP8), ("ignore", FP8),
     ("modules_to_convert", FP8), ("quant_method", {}), ("bits", GPTQ), ("dynamic", GPTQ)],
)  # fmt: skip
@pytest.mark.parametrize("listed", [True, False])
def test_what_is_nested_deeply_gets_a_sentence(
    key: str, place: dict[str, Any] | None, listed: bool
) -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep] if listed else {"a": deep}
    changes = {key: deep} if place is None else {"quantization_config": {**place, key: deep}}
    with pytest.raises((TypeError, ValueError)) as caught:
        stored_by_config({**LLAMA, **changes})
    assert len(str(caught.value)) < 300


def test_layers_whose_numbers_begin_so() -> None:
    """As ModelOpt's expressions say: layers.1* are 1 and 10 to 19, and 61* may be none."""
    config = {**LLAMA, "num_hidden_layers": 21}
    layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128
    for name, layers in (
        ("model.layers.1*", 11), ("model.layers.2*", 2), ("model.layers.20*", 1),
        ("model.layers.0*", 1), ("model.layers.1.*", 1), ("model.layers.21*", 0),
        ("layers.61.*", 0), ("layers.01*", 0),
    ):  # fmt: skip
        assert size(config, FP8, ignore=[name]) - size(config, FP8) == layers * layer
    hundred = {**LLAMA, "num_hidden_layers": 126}  # 1, 10 to 19, and 100 to 125
    assert size(hundred, FP8, ignore=["layers.1*"]) - size(hundred, FP8) == 37 * layer
    twice = ["model.layers.1*", "language_model.layers.1*", "model.layers.3.self_attn"]
    attention = 2 * 64 * 64 + 2 * 64 * 32
    assert size(config, FP8, ignore=twice) - size(config, FP8) == 11 * layer + attention
    both = ["model.layers.1.*", "model.layers.1*"]
    assert size(config, FP8, ignore=both) - size(config, FP8) == 11 * layer
    predicted = {**MIXTURE, "num_hidden_layers": 10, "num_nextn_predict_layers": 1}
    eleven = [size(predicted, FP8, ignore=names) for names in (["layers.10*"], ["layers.1*"])]
    one = size(predicted, FP8, ignore=["layers.1"])
    assert eleven[0] == one > size(predicted, FP8)
    assert eleven[1] - one == one - size(predicted, FP8)
    with pytest.raises(ValueError, match=r"^ignore names 'model.layers.1\*'"):
        stored_by_config({"quantization_config": {**FP8, "ignore": ["model.layers.1*"]}})


def test_a_hundred_thousand_expressions_of_layers_are_read_at_once() -> None:
    names = [f"layers.{n % 9999}*" for n in range(100_000)]
    config = {**LLAMA, "num_hidden_layers": 10_000}
    started = time.process_time()
    assert size(config, FP8, ignore=names) > size(config, FP8)
    assert time.process_time() - started < 5  # tenths of a second, by itself


def test_a_layer_that_is_targeted_must_be_there() -> None:
    with pytest.raises(ValueError, match=r"^modules_to_convert names 'model.layers.7\*'"):
        size(LLAMA, FP8, modules_to_convert=["model.layers.7*"])
