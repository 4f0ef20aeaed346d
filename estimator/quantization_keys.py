"""The keys of a `quantization_config`, method by method: each is used, known, or refused.

Keys that change no size are listed here as `architecture/keys.json` lists those of the model; any
other key is refused by its name. What is said of the cache is read in `stored_cache`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimator.quantization_values import BY_FILES, refuse_unknown
from estimator.wide_layers import DYNAMIC, EXTRA, LISTS, SKIPPED

# AutoRound writes its own settings into files of other methods, too.
_AUTO_ROUND = {
    "act_data_type", "act_dynamic", "act_group_size", "act_sym", "amp", "autoround_version",
    "batch_size", "block_name_to_quantize", "enable_alg_ext", "enable_minmax_tuning",
    "enable_norm_bias_tuning", "enable_quanted_input", "gradient_accumulate_steps", "iters",
    "low_cpu_mem_usage", "low_gpu_mem_usage", "lr", "minmax_lr", "model_free", "nsamples",
    "provider", "quant_block_list", "scale_dtype", "seqlen", "supported_types", "sym",
    "to_quant_block_names",
}  # fmt: skip
# Its activations are narrow only where it says so, and of its types only whole numbers are known.
_ROUNDED: dict[str, tuple[object, ...]] = {
    "act_bits": (None, 16, 32), "data_type": (None, "int"), "regex_config": (None, {}),
    "super_bits": (None,), "super_group_size": (None,),
}  # fmt: skip
_READ = {
    "fp8": {"activation_scheme", "weight_block_size", "modules_to_convert"},
    "fbgemm_fp8": set[str](),
    "gptq": {"bits", "group_size", "modules_in_block_to_quantize"},
    "awq": {"bits", "group_size", "w_bit", "q_group_size"},
    "auto-round": {"backend", "bits", "group_size", "packing_format", EXTRA},
    "mxfp4": set[str](),
    "modelopt": {"quant_algo", "group_size", "config_groups", "kv_cache_quant_algo",
                 "kv_cache_scheme"},
    "compressed-tensors": {"config_groups", "format", "kv_cache_scheme"},
    "bitsandbytes": {"load_in_4bit", "load_in_8bit", "bnb_4bit_use_double_quant"},
    "eetq": set[str](),
}  # fmt: skip
_IRRELEVANT = {
    "fp8": {"fmt", "scale_fmt", "dequantize", "kv_cache_scheme", "kv_cache_quant_method"},
    "fbgemm_fp8": {"activation_scale_ub"},
    "gptq": {
        *_AUTO_ROUND, "act_group_aware", "backend", "cache_block_outputs", "damp_auto_increment",
        "damp_percent", "dataset", "desc_act", "disable_exllama", "exllama_config",
        "max_input_length", "meta", "model_file_base_name", "model_name_or_path", "model_seqlen",
        "module_name_preceding_first_block", "mse", "pack_dtype", "pad_token_id",
        "static_groups", "tokenizer", "true_sequential", "use_cuda_fp16", "use_exllama", "v2",
    },
    "awq": {
        *_AUTO_ROUND, "backend", "do_fuse", "exllama_config", "fuse_max_seq_len",
        "modules_to_fuse",
    },
    "auto-round": {*_AUTO_ROUND, "damp_percent", "dataset", "desc_act", "true_sequential"},
    "mxfp4": {"dequantize"},
    "modelopt": {"producer"},
    "compressed-tensors": {
        "dequantize", "global_compression_ratio", "quantization_status", "run_compressed",
        "use_optimized_inference", "version",
    },
    "bitsandbytes": {
        "_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage",
        "bnb_4bit_quant_type", "llm_int8_enable_fp32_cpu_offload", "llm_int8_threshold",
    },
    "eetq": set[str](),
}  # fmt: skip
# Keys of which only these values leave the size as it is.
_NEUTRAL: dict[str, dict[str, tuple[object, ...]]] = {
    "fp8": {"expert_dtype": (None, "fp8")},
    "gptq": {
        **_ROUNDED, "adapter": (None,), "checkpoint_format": (None, "gptq", "gptq_v2"),
        "dynamic": (None, {}), "format": (None, "gptq", "gptq_v2"),
        "is_marlin_format": (None, False), "lm_head": (None, False),
    },
    "awq": {
        **_ROUNDED, "dynamic": (None, {}), "lm_head": (None, False),
        "version": (None, "gemm", "GEMM", "gemv", "GEMV", "exllama", "ipex"),
        "zero_point": (None, True),
    },
    "auto-round": {
        **_ROUNDED, "dynamic": (None, {}), "lm_head": (None, False),
        "quant_lm_head": (None, False),
    },
    "modelopt": {
        "has_zero_point": (None, False), "pre_quant_scale": (None, False),
        "quantized_layers": (None, {}),
    },
    "compressed-tensors": {"sparsity_config": (None, {}), "transform_config": (None, {})},
    "bitsandbytes": {"llm_int8_has_fp16_weight": (None, False)},
    "eetq": {"weights": (None, "int8")},
}  # fmt: skip
_KNOWN = {
    method: {"quant_method", *LISTS, *read, *_IRRELEVANT[method], *_NEUTRAL.get(method, ())}
    for method, read in _READ.items()
}
METHODS = tuple(_READ)


def check_keys(quantization: Mapping[str, Any], method: str) -> None:
    """Refuse a key that is not known to leave the size as it is, or is not read.

    Raises: ValueError: the first such key.
    """
    refuse_unknown(quantization, _KNOWN[method], f"a quantization_config of {method}")
    for key, values in _NEUTRAL.get(method, {}).items():
        value = quantization.get(key)
        if key == "sparsity_config" and isinstance(value, Mapping):
            value = {} if value.get("format") == "dense" else value
        if key == DYNAMIC and method in ("gptq", "auto-round") and isinstance(value, Mapping):
            skips = [isinstance(one, str) and one.startswith(SKIPPED) for one in value]
            value = {} if all(skips) else value  # the modules are then read as those of a list
        if not any(type(value) is type(one) and value == one for one in values):
            raise ValueError(
                f"{key} is {value!r:.60}, which is not understood here and may change the size: "
                f"{BY_FILES}"
            )
