"""Quantizations in the form in which they are published: bytes, or one sentence on them."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.catalog import configurations
from estimator.stored_cache import asked_precision
from estimator.stored_weights import MATRICES, checkpoint_bytes, stored_by_config

ROUNDED = {"iters": 200, "autoround_version": "0.12.2", "low_gpu_mem_usage": True, "sym": True,
           "data_type": "int", "act_bits": 16}  # fmt: skip
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "damp_percent": 0.01, "sym": True,
        "desc_act": False, "static_groups": False, "true_sequential": True,
        "model_name_or_path": None, "model_file_base_name": "model", "dataset": None}  # fmt: skip
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": True,
       "modules_to_not_convert": None}  # fmt: skip
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3",
       "weight_block_size": [128, 128]}  # fmt: skip
AUTO = {**ROUNDED, "quant_method": "auto-round", "bits": 4, "group_size": 128,
        "packing_format": "auto_round:auto_gptq"}  # fmt: skip
MODELOPT = {"quant_method": "modelopt", "producer": {"name": "modelopt", "version": "0.33.0"},
            "exclude_modules": ["lm_head"]}  # fmt: skip
NESTED = {"producer": {"name": "modelopt", "version": "0.27.0"}, "quantization": {
    "quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}}  # fmt: skip
BITS_4 = {"quant_method": "bitsandbytes", "_load_in_4bit": True, "_load_in_8bit": False,
          "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_compute_dtype": "bfloat16",
          "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4",
          "bnb_4bit_use_double_quant": True, "llm_int8_skip_modules": None,
          "llm_int8_enable_fp32_cpu_offload": False, "llm_int8_threshold": 6.0,
          "llm_int8_has_fp16_weight": False}  # fmt: skip
ALL: dict[str, Any] = {
    "actorder": None, "block_structure": None, "dynamic": False, "group_size": None,
    "observer": "minmax", "observer_kwargs": {}, "symmetric": True,
}  # fmt: skip
F8 = {**ALL, "num_bits": 8, "type": "float", "strategy": "tensor"}
F8_ROWS, I8_ROWS = {**F8, "strategy": "channel"}, {**F8, "strategy": "channel", "type": "int"}
TOKEN = {**F8, "dynamic": True, "observer": None, "strategy": "token"}
I4 = {**ALL, "num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}
NV4 = {**ALL, "num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16,
       "scale_dtype": "torch.float8_e4m3fn", "zp_dtype": None}  # fmt: skip
MX4 = {**NV4, "strategy": "group", "group_size": 32, "scale_dtype": "torch.uint8"}
MODELOPT_NV4 = {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16}
EXPERTS = [f"model.layers.{layer}.mlp.gate" for layer in range(48)]


def packed(weights: Any, inputs: Any = None, form: str = "pack-quantized", **more: Any) -> Any:
    group = {"input_activations": inputs, "output_activations": None, "targets": ["Linear"],
             "weights": weights}  # fmt: skip
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group},
            "format": form, "global_compression_ratio": None, "ignore": ["lm_head"],
            "kv_cache_scheme": None, "quantization_status": "compressed", "sparsity_config": {},
            "transform_config": {}, "version": "0.12.2", **more}  # fmt: skip


# A model of the catalog, its quantization, and the bits of a quantized weight with all beside it.
SIZED: dict[str, tuple[str, dict[str, Any], float]] = {
    "awq": ("llama-3.1-8b", AWQ, 4 + 20 / 128),
    "awq of experts": ("mixtral-8x7b", {**AWQ, "modules_to_not_convert": ["gate"]}, 4 + 20 / 128),
    "awq beside an encoder": ("qwen3-8b", {**AWQ, "modules_to_not_convert": ["visual"]}, 4.156),
    "awq by auto-round": ("qwen3-8b", {**AWQ, **ROUNDED, "provider": "auto-round"}, 4.156),
    "gptq": ("llama-3.1-8b", {**GPTQ, "desc_act": True, "checkpoint_format": "gptq"}, 4.162),
    "gptq by auto-round": ("llama-3.1-8b", {**GPTQ, **ROUNDED}, 4.162),
    "gptq 8 bits a column": ("llama-3.1-8b", {**GPTQ, "bits": 8, "group_size": -1}, 8.011),
    "gptqmodel": ("qwen3-30b-a3b", {**GPTQ, "dynamic": {"-:.*mlp.gate$": {}}, "lm_head": False,
                                    "meta": {"quantizer": ["gptqmodel:2.2.0"]},
                                    "pack_dtype": "int32"}, 4.189),
    "fp8 blocks": ("qwen3-8b", FP8, 8.002),
    "fp8 blocks of experts": ("qwen3-30b-a3b", {**FP8, "modules_to_not_convert": [
        "lm_head", *EXPERTS]}, 8.002),
    "fp8 of DeepSeek-V3.1": ("deepseek-v3", {**FP8, "scale_fmt": "ue8m0"}, 8.002),
    "AutoFP8": ("llama-3.1-8b", {"quant_method": "fp8", "activation_scheme": "static",
                                 "ignored_layers": ["lm_head"]}, 8),
    "fp8 of Ministral": ("ministral-3-8b", {
        "quant_method": "fp8", "activation_scheme": "static", "dequantize": False,
        "weight_block_size": None, "modules_to_not_convert": [
            "model.vision_tower", "model.multi_modal_projector", "lm_head"]}, 8),
    "fbgemm": ("llama-3.1-8b", {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0,
                                "modules_to_not_convert": ["lm_head"]}, 8.0063),
    "fp8 static": ("llama-3.1-8b", packed(F8, F8, "float-quantized"), 8),
    "fp8 with its cache": ("llama-3.1-8b", packed(
        F8, F8, "float-quantized", kv_cache_scheme=F8), 8),
    "fp8 rows": ("llama-3.1-8b", packed(F8_ROWS, TOKEN, "float-quantized"), 8.003),
    "fp8 blocks, compressed-tensors": ("qwen3-8b", packed(
        {**F8, "strategy": "block", "block_structure": [128, 128]},
        {**TOKEN, "strategy": "group", "group_size": 128}, "float-quantized"), 8.001),
    "w8a8": ("llama-3.1-8b", packed(I8_ROWS, {**TOKEN, "type": "int"}, "int-quantized"), 8.003),
    "w8a16": ("llama-3.1-8b", packed(I8_ROWS), 8.003),
    "w4a16": ("llama-3.1-8b", packed(I4, global_compression_ratio=1.9), 4.125),
    "w4a16, not sparse": ("llama-3.1-8b", packed(I4, sparsity_config={
        "format": "dense", "sparsity_structure": "2:4"}), 4.125),
    "w4a16 with zero points": ("llama-3.1-8b", packed({**I4, "symmetric": False}), 4.156),
    "w4a16 in another order": ("llama-3.1-8b", packed({**I4, "actorder": "weight"}), 4.125),
    "w4a8": ("llama-3.1-8b", packed(I4, TOKEN), 4.125),
    "nvfp4": ("qwen3-8b", packed(NV4, {**NV4, "dynamic": "local"}, "nvfp4-pack-quantized"), 4.5),
    "nvfp4a16": ("qwen3-8b", packed(NV4, None, "nvfp4-pack-quantized"), 4.5),
    "mxfp4 of dense layers": ("qwen3-8b", packed(MX4, None, "mxfp4-pack-quantized"), 4.25),
    "modelopt fp8": ("llama-3.1-8b", {**MODELOPT, "quant_algo": "FP8",
                                      "kv_cache_quant_algo": "FP8"}, 8),
    "hf_quant_config.json": ("llama-3.1-8b", NESTED, 8),
    "modelopt nvfp4": ("qwen3-30b-a3b", {
        **MODELOPT, "quant_algo": "NVFP4", "group_size": 16, "ignore": EXPERTS,
        "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
        "config_groups": {"group_0": {"input_activations": MODELOPT_NV4, "weights": MODELOPT_NV4,
                                      "targets": ["Linear"]}}}, 4.5),
    "mxfp4": ("gpt-oss-20b", {"quant_method": "mxfp4", "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens",
        "lm_head"]}, 4.25),
    "bitsandbytes 4 bits": ("llama-3.1-8b", BITS_4, 4.127),
    "bitsandbytes 8 bits": ("llama-3.1-8b", {"quant_method": "bitsandbytes",
                                             "load_in_8bit": True}, 8.006),
    "eetq": ("llama-3.1-8b", {"quant_method": "eetq", "weights": "int8",
                              "modules_to_not_convert": None}, 8.003),
    "auto-round": ("qwen3-8b", AUTO, 4.156),
    "auto-round, as it was": ("qwen3-8b", {**AUTO, "quant_method": "intel/auto-round",
                                           "packing_format": None,
                                           "backend": "auto_round:exllamav2"}, 4.156),
    "auto-round as awq": ("qwen3-8b", {**AUTO, "packing_format": "auto_round:auto_awq"}, 4.156),
    "auto-round of experts": ("qwen3-30b-a3b", {**AUTO, "extra_config": {
        "lm_head": {"bits": 16, "data_type": "float"}, ".*mlp\\.gate.*": {"bits": 16}}}, 4.156),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZED)
def test_bits_of_a_quantized_weight(name: str) -> None:
    key, quantization, bits = SIZED[name]
    config = {**configurations()[key].config, "torch_dtype": "bfloat16",
              "quantization_config": quantization}  # fmt: skip
    model = Architecture.from_hf_config(config)
    found = checkpoint_bytes(model, stored_by_config(config, model))
    parts = {"experts"} if quantization.get("quant_method") == "mxfp4" else MATRICES
    apart = model.prediction_parts
    narrow = sum(model.parts.get(part, 0) + apart.get(part, 0) for part in parts)
    rest = model.n_params + sum(apart.values()) - narrow
    scores = 4 * model.extra_parts.get("buffers", 0)
    if model.decoder.mixture and model.decoder.mixture.expert.bias:
        biases = 24 * 32 * (3 * 2880)
        narrow, rest = narrow - biases, rest + biases
    assert (found - 2 * rest - scores) * 8 / narrow == pytest.approx(bits, abs=6e-4)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "hqq": ({"quant_method": "hqq", "skip_modules": ["lm_head"], "quant_config": {
        "weight_quant_params": {"axis": 1, "group_size": 64}}}, "quant_method is 'hqq'"),
    "torchao": ({"quant_method": "torchao", "include_embedding": False, "quant_type": {
        "default": {"_data": {"group_size": 128}, "_type": "Int4WeightOnlyConfig"}}},
        "quant_method is 'torchao'"),
    "quark": ({"quant_method": "quark", "exclude": ["lm_head"], "global_quant_config": {
        "weight": {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}}}, "quant_method is 'quark'"),
    "quanto": ({"quant_method": "quanto", "weights": "int4"}, "quant_method is 'quanto'"),
    "aqlm": ({"quant_method": "aqlm", "nbits_per_codebook": 16}, "quant_method is 'aqlm'"),
    "nothing": ({}, "quant_method is None"),
    "gptq mixed": ({**GPTQ, "dynamic": {"+:.*down.*": {"bits": 8}}}, "dynamic is {"),
    "two groups": ({**packed(I4), "config_groups": {
        name: {"weights": I4, "targets": [target]}
        for name, target in (("a", "re:.*mlp.*"), ("b", "re:.*attn.*"))}}, "config_groups has 2"),
    "2:4": (packed(F8_ROWS, TOKEN, "float-quantized", sparsity_config={
        "format": "sparse-24-bitmask"}), "sparsity_config is {"),
    "marlin": (packed(I4, None, "marlin-24"), "format is 'marlin-24'"),
    "modelopt mixed": ({**MODELOPT, "quant_algo": "MIXED_PRECISION", "quantized_layers": {
        "model.layers.0.mlp.up_proj": {"quant_algo": "FP8"}}}, "quantized_layers is {"),
    "modelopt mixed, untold": ({**MODELOPT, "quant_algo": "MIXED_PRECISION"},
                               "quant_algo is 'MIXED_PRECISION'"),
    "modelopt awq": ({**MODELOPT, "quant_algo": "W4A16_AWQ", "pre_quant_scale": True},
                     "pre_quant_scale is True"),
    "auto-round mixed": ({**AUTO, "extra_config": {"model.layers.0.self_attn.q_proj": {"bits": 8}}},
                         "extra_config quantizes 'model.layers.0.self_attn.q_proj' apart"),
    "auto-round of the head": ({**AUTO, "extra_config": {"lm_head": {"bits": 4}}},
                               "extra_config quantizes 'lm_head' apart"),
    "auto-round mxfp4": ({**AUTO, "act_bits": 4, "data_type": "mx_fp"}, "act_bits is 4"),
    "auto-round, another form": ({**AUTO, "packing_format": "auto_round:llm_compressor"},
                                 "packing_format is 'auto_round:llm_compressor'"),
    "fp4 experts": ({**FP8, "expert_dtype": "fp4"}, "expert_dtype is 'fp4'"),
    "an unknown scheme": ({**FP8, "activation_scheme": "fixed"}, "activation_scheme is 'fixed'"),
    "twice": ({**NESTED, "quant_algo": "FP8"}, "'quant_algo' stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_gets_one_sentence(name: str) -> None:
    quantization, sentence = REFUSED[name]
    config = {**configurations()["qwen3-8b"].config, "quantization_config": quantization}
    with pytest.raises(ValueError, match=r"\.$") as caught:
        stored_by_config(config, Architecture.from_hf_config(config))
    assert str(caught.value).startswith(sentence)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_the_older_name_of_a_quantization() -> None:
    told = packed(F8, F8, "float-quantized", kv_cache_scheme=F8)
    del told["quant_method"]
    base = {**configurations()["llama-3.1-8b"].config, "torch_dtype": "bfloat16"}
    model = Architecture.from_hf_config({**base, "compression_config": told})
    older = {**base, "compression_config": told}
    newer = {**base, "quantization_config": {**told, "quant_method": "compressed-tensors"}}
    assert stored_by_config(older, model) == stored_by_config(newer, model)
    assert stored_by_config({**older, **newer}, model) == stored_by_config(newer, model)
    assert asked_precision(older) == asked_precision(newer) == ("fp8", 1)
    with pytest.raises(ValueError, match=r"^quantization_config and compression_config differ"):
        stored_by_config({**older, "quantization_config": FP8}, model)
    with pytest.raises(TypeError, match=r"^compression_config is 3, but .* must be an object"):
        Architecture.from_hf_config({**base, "compression_config": 3})


def test_a_cache_that_a_nested_configuration_asks_for() -> None:
    assert asked_precision({"quantization_config": NESTED}) == ("fp8", 1)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (3, "^extra_config must be an object"), ([], "^extra_config must be an object"),
        ({"lm_head": 3}, "^extra_config has 'lm_head'"), ({3: {}}, "^extra_config has 3"),
        ({"a" * 10**5: {"bits": 8}}, "^extra_config quantizes"),
        ({"conv": {"bits": 16}}, "^extra_config names 'conv'"),
        ({"model.layers.0.mlp": {"bits": True}}, "^extra_config quantizes"),
        ({"model.layers.0.mlp": {"group_size": {}}}, "^extra_config quantizes"),
    ],
)  # fmt: skip
def test_settings_of_modules_that_cannot_be(extra: Any, sentence: str) -> None:
    config = {**configurations()["qwen3-8b"].config,
              "quantization_config": {**AUTO, "extra_config": extra}}  # fmt: skip
    with pytest.raises(ValueError, match=sentence) as caught:
        stored_by_config(config, Architecture.from_hf_config(config))
    assert len(str(caught.value)) < 300
