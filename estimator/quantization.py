"""How a checkpoint is quantized, by its `quantization_config`: each key is used, known, or refused.

Keys that change no size are listed here method by method, as `architecture/keys.json` lists those
of the model; any other key is refused by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from estimator.matrices import Scales
from estimator.wide_layers import DYNAMIC, LISTS, SKIPPED

_MODELOPT = ("FP8", "NVFP4")
_BY_FILES = "size this checkpoint by its files."


@dataclass(frozen=True, slots=True)
class Quantized:
    """Bits of a quantized weight, and the scales that a matrix of them has.

    `targets` are the modules that are quantized, each with the key that names it; without any, all
    matrices are. `head` tells that the output head is one of them unless a list keeps it wide.
    """

    name: str
    bits: int
    scales: tuple[Scales, ...] = ()
    targets: tuple[tuple[str, str], ...] = ()
    head: bool = False


# What a method's keys tell: those that are read below, and those that change no size (of the
# weights: what is said of the cache is read in `stored_cache`). A number that a matrix has once, as
# the one scale of FP8, is not counted.
_READ = {
    "fp8": {"weight_block_size", "modules_to_convert"},
    "fbgemm_fp8": set[str](),
    "gptq": {"bits", "group_size", "modules_in_block_to_quantize"},
    "awq": {"bits", "group_size", "w_bit", "q_group_size"},
    "mxfp4": set[str](),
    "modelopt": {"quant_algo", "group_size", "config_groups"},
    "compressed-tensors": {"config_groups", "format"},
    "bitsandbytes": {"load_in_4bit", "load_in_8bit", "bnb_4bit_use_double_quant"},
}
_IRRELEVANT = {
    "fp8": {"activation_scheme", "fmt", "scale_fmt", "dequantize", "kv_cache_scheme",
            "kv_cache_quant_method"},
    "fbgemm_fp8": {"activation_scale_ub"},
    "gptq": {
        "act_group_aware", "backend", "batch_size", "block_name_to_quantize",
        "cache_block_outputs", "damp_auto_increment", "damp_percent", "dataset", "desc_act",
        "disable_exllama", "exllama_config", "max_input_length", "meta", "model_file_base_name",
        "model_name_or_path", "model_seqlen", "module_name_preceding_first_block", "mse",
        "pack_dtype", "pad_token_id", "static_groups", "sym", "tokenizer", "true_sequential",
        "use_cuda_fp16", "use_exllama", "v2",
    },
    "awq": {"backend", "do_fuse", "exllama_config", "fuse_max_seq_len", "modules_to_fuse"},
    "mxfp4": {"dequantize"},
    "modelopt": {"kv_cache_quant_algo", "kv_cache_scheme", "producer"},
    "compressed-tensors": {
        "dequantize", "global_compression_ratio", "kv_cache_scheme", "quantization_status",
        "run_compressed", "use_optimized_inference", "version",
    },
    "bitsandbytes": {
        "_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage",
        "bnb_4bit_quant_type", "llm_int8_enable_fp32_cpu_offload", "llm_int8_threshold",
    },
}  # fmt: skip
# Keys of which only these values leave the size as it is.
_NEUTRAL: dict[str, dict[str, tuple[object, ...]]] = {
    "fp8": {"expert_dtype": (None, "fp8")},
    "gptq": {
        "adapter": (None,), "checkpoint_format": (None, "gptq", "gptq_v2"), "dynamic": (None, {}),
        "format": (None, "gptq", "gptq_v2"), "is_marlin_format": (None, False),
        "lm_head": (None, False),
    },
    "awq": {
        "dynamic": (None, {}), "lm_head": (None, False),
        "version": (None, "gemm", "GEMM", "gemv", "GEMV", "exllama", "ipex"),
        "zero_point": (None, True),
    },
    "modelopt": {
        "has_zero_point": (None, False), "pre_quant_scale": (None, False),
        "quantized_layers": (None, {}),
    },
    "compressed-tensors": {"sparsity_config": (None, {}), "transform_config": (None, {})},
    "bitsandbytes": {"llm_int8_has_fp16_weight": (None, False)},
}  # fmt: skip
_KNOWN = {
    method: {"quant_method", *LISTS, *read, *_IRRELEVANT[method], *_NEUTRAL.get(method, ())}
    for method, read in _READ.items()
}
_GROUP = {"targets", "weights", "input_activations", "output_activations", "format"}
_WEIGHTS = {
    "num_bits", "type", "symmetric", "group_size", "strategy", "block_structure", "scale_dtype",
    "zp_dtype", "dynamic", "actorder", "observer", "observer_kwargs",
}  # fmt: skip
# The bits that each format of compressed-tensors can hold without padding.
_FORMATS = {
    None: range(1, 65), "pack-quantized": (4, 8), "int-quantized": (8,), "float-quantized": (8,),
    "naive-quantized": (8,), "nvfp4-pack-quantized": (4,), "mxfp4-pack-quantized": (4,),
}  # fmt: skip
_ELEMENTS = {"gptq": (2, 3, 4, 8), "awq": (3, 4, 8)}
_SCALE_BITS = {"float8_e4m3fn": 8, "uint8": 8, "float16": 16, "bfloat16": 16, "float32": 32}


def read_quantization(quantization: Mapping[str, Any]) -> Quantized:
    """How the matrices of a checkpoint are quantized.

    Raises:
        ValueError: a method, or a key of it, that is not known here.
    """
    given = quantization.get("quant_method")
    given = quantization.get("quant_algo") if given is None else given
    modelopt = given in ("modelopt", "modelopt_fp4", *_MODELOPT)
    method = "modelopt" if modelopt else given
    if not isinstance(method, str) or method not in _READ:
        raise ValueError(
            f"quant_method is {given!r:.40}, but only fp8, fbgemm_fp8, gptq, awq, mxfp4, modelopt, "
            f"compressed-tensors and bitsandbytes are known here: {_BY_FILES}"
        )
    _check_keys(quantization, method)
    if method == "fbgemm_fp8":
        return Quantized(method, 8, (Scales(32),))
    if method == "fp8":
        block = quantization.get("weight_block_size")
        # A scale of 32 bits for a block of weights, as in DeepSeek-V3.
        scales = (_block(32, "weight_block_size", block),) if block is not None else ()
        return Quantized(method, 8, scales, _targets(quantization, "modules_to_convert"))
    if method in ("gptq", "awq"):
        return _grouped(quantization, method)
    if method == "mxfp4":
        return Quantized(method, 4, (Scales(8, 32),))
    if method == "modelopt":
        return _modelopt(quantization, str(given))
    if method == "bitsandbytes":
        return _bitsandbytes(quantization)
    return _compressed(quantization)


def _check_keys(quantization: Mapping[str, Any], method: str) -> None:
    """Refuse a key that is not known to leave the size as it is, or is not read."""
    neutral = _NEUTRAL.get(method, {})
    _refuse_unknown(quantization, _KNOWN[method], f"a quantization_config of {method}")
    for key, values in neutral.items():
        value = quantization.get(key)
        if key == "sparsity_config" and isinstance(value, Mapping):
            value = {} if value.get("format") == "dense" else value
        if key == DYNAMIC and method == "gptq" and isinstance(value, Mapping):
            skips = [isinstance(one, str) and one.startswith(SKIPPED) for one in value]
            value = {} if all(skips) else value  # the modules are then read as those of a list
        if not any(type(value) is type(one) and value == one for one in values):
            raise ValueError(
                f"{key} is {value!r:.60}, which is not understood here and may change the size: "
                f"{_BY_FILES}"
            )


def _refuse_unknown(values: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in values:
        if key not in known:
            raise ValueError(
                f"the key {key!r:.60} is not known in {where}, and may change the size: remove it "
                f"if it does not, or {_BY_FILES}"
            )


def _targets(quantization: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    """Names of the modules that are quantized; a list may hold lists of them."""
    listed = quantization.get(key)
    if listed is None:
        return ()
    flat: list[Any] = []
    for one in listed if isinstance(listed, list | tuple) else [None]:
        flat.extend(one if isinstance(one, list | tuple) else [one])
    if not flat or not all(isinstance(name, str) and name for name in flat):
        raise ValueError(f"{key} must be a list of names of modules, one or more.")
    if classes := {"Embedding", "Conv1d", "Conv2d", "LinearBase"} & set(flat):
        raise ValueError(f"{key} names {min(classes)!r}, which is not counted here: {_BY_FILES}")
    # Matrices of a class, and any module at all: embeddings are never quantized.
    return () if {"Linear", "re:.*"} & set(flat) else tuple((key, name) for name in flat)


def _modelopt(quantization: Mapping[str, Any], method: str) -> Quantized:
    """ModelOpt's FP8, a scale for each matrix, or NVFP4, one for 16 weights; its cache is apart."""
    only = {"modelopt": None, "modelopt_fp4": "NVFP4"}.get(method, method)
    algorithm = quantization.get("quant_algo", only)
    if algorithm not in _MODELOPT:
        raise ValueError(
            f"quant_algo is {algorithm!r:.40}, but of {method}'s only {' and '.join(_MODELOPT)} "
            f"are known here: {_BY_FILES}"
        )
    element = 8 if algorithm == "FP8" else 4
    targets: tuple[tuple[str, str], ...] = ()
    if quantization.get("config_groups") is not None:
        group, weights = _only_group(quantization)
        targets = _targets(group, "targets")
        if _whole(weights, "num_bits", default=element) != element:
            raise ValueError(
                f"num_bits is {weights['num_bits']}, but quant_algo is {algorithm}: {_BY_FILES}"
            )
        if element == 4 and weights.get("group_size", 16) != 16:
            _refuse_group(weights["group_size"], "16")
    if algorithm == "FP8":
        return Quantized("fp8", 8, (), targets)
    if quantization.get("group_size", 16) != 16:
        _refuse_group(quantization["group_size"], "16")
    return Quantized("nvfp4", 4, (Scales(8, 16),), targets)


def _bitsandbytes(quantization: Mapping[str, Any]) -> Quantized:
    """8 bits with a scale for each column, or 4 with one for 64, which may be quantized itself."""
    name, flags = "bitsandbytes", ("load_in_4bit", "load_in_8bit", "bnb_4bit_use_double_quant")
    four, eight, double = (_flag(quantization, flag) for flag in flags)
    if four and eight:
        raise ValueError("load_in_4bit and load_in_8bit are both true: one of them can be.")
    if four and double:
        # A scale of 8 bits for a block, and one of 32 bits for 256 of those.
        return Quantized(name, 4, (Scales(8, 64, flat=True), Scales(32, 64 * 256, flat=True)))
    if four:
        return Quantized(name, 4, (Scales(32, 64, flat=True),))
    if eight:
        return Quantized(name, 8, (Scales(32),))
    raise ValueError(
        "quantization_config of bitsandbytes says neither load_in_4bit nor load_in_8bit: give the "
        "published one."
    )


def _flag(values: Mapping[str, Any], key: str) -> bool:
    value = values.get(key)
    if not isinstance(value, bool | None):
        raise ValueError(f"{key} is {value!r:.40}, but it must be true or false.")
    return bool(value)


def _grouped(quantization: Mapping[str, Any], method: str) -> Quantized:
    """GPTQ and AWQ: a 16-bit scale and a zero point for a group, in GPTQ perhaps for a column.

    GPTQ's files have zero points whether or not they are needed, and of each input the number of
    its group, in 32 bits.
    """
    values = dict(quantization)
    for key, other in (("bits", "w_bit"), ("group_size", "q_group_size")):
        if other in values and values.setdefault(key, values[other]) != values[other]:
            raise ValueError(f"{key} and {other} differ, but they mean the same: give one.")
        if values.get(key) is None:
            raise ValueError(
                f"{key} is missing, but a quantization_config of {method} must give it: take it "
                "from the published config.json."
            )
    element = _whole(values, "bits")
    if element not in _ELEMENTS[method]:
        held = ", ".join(map(str, _ELEMENTS[method]))
        raise ValueError(f"bits is {element}, but {method} stores {held}: {_BY_FILES}")
    targets = _targets(values, "modules_in_block_to_quantize")
    if method == "awq":
        return Quantized(method, element, (Scales(16 + element, _group(values)),), targets)
    group = values["group_size"]
    rows = 0 if type(group) is int and group == -1 else _group(values)
    return Quantized(method, element, (Scales(16 + element, rows), Scales(32, 1, 0)), targets)


def _only_group(quantization: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The one group of a configuration, and what it says of its weights."""
    groups = quantization.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = group.get("weights") if isinstance(group, Mapping) else None
    if not isinstance(group, Mapping) or not isinstance(weights, Mapping):
        raise ValueError("quantization_config has no config_groups with weights: give them.")
    if isinstance(groups, Mapping) and len(groups) > 1:
        raise ValueError(
            f"config_groups has {len(groups)} groups, but only one for all matrices is counted "
            f"here: {_BY_FILES}"
        )
    _refuse_unknown(group, _GROUP, "a group of config_groups")
    _refuse_unknown(weights, _WEIGHTS, "the weights of config_groups")
    return group, weights


def _compressed(quantization: Mapping[str, Any]) -> Quantized:
    group, weights = _only_group(quantization)
    element = _whole(weights, "num_bits", default=8)
    if weights.get("type", "int") not in ("int", "float", None):
        raise ValueError(f"type is {weights['type']!r:.40}, but weights are int or float.")
    for form in (quantization.get("format"), group.get("format")):
        if not (isinstance(form, str | None) and form in _FORMATS):
            raise ValueError(f"format is {form!r:.40}, which is not known here: {_BY_FILES}")
        if element not in _FORMATS[form]:
            held = " or ".join(map(str, _FORMATS[form]))
            raise ValueError(
                f"num_bits is {element}, but with the format {form} only {held} are counted here: "
                f"{_BY_FILES}"
            )
    # The head is a matrix like any other, unless a list keeps it wide.
    targets = _targets(group, "targets")
    return Quantized("compressed-tensors", element, _strategy(weights, element), targets, True)


def _strategy(weights: Mapping[str, Any], element: int) -> tuple[Scales, ...]:
    """The scales of compressed-tensors; where no strategy is told, the size of a group tells it."""
    # NVFP4's and MXFP4's scales have 8 bits, those of groups of whole numbers 16.
    small = weights.get("type") == "float" and element == 4
    bits = _scale_bits(weights, 8 if small else 16) + _zero_bits(weights, element)
    size, strategy = weights.get("group_size"), weights.get("strategy")
    if type(size) is not int and size is not None:
        _refuse_group(size, "a whole number")
    if strategy is None:
        strategy = "tensor" if size is None else "channel" if size == -1 else "group"
    if strategy == "block":
        return (_block(bits, "block_structure", weights.get("block_structure")),)
    if strategy in ("channel", "tensor") and size in (None, -1):
        return (Scales(bits),) if strategy == "channel" else ()
    if strategy not in ("group", "tensor_group"):
        raise ValueError(
            f"strategy is {strategy!r:.40} with a group_size of {size!r:.20}, which is not known "
            f"here: {_BY_FILES}"
        )
    groups = Scales(bits, _group(weights))
    order = weights.get("actorder")
    if order not in (None, False, True, "weight", "group", "static", "dynamic"):
        raise ValueError(f"actorder is {order!r:.40}, which is not known here: {_BY_FILES}")
    # Where groups take inputs out of their order, each input has the number of its group.
    return (groups, Scales(32, 1, 0)) if order in (True, "group", "dynamic") else (groups,)


def _scale_bits(weights: Mapping[str, Any], default: int) -> int:
    """Bits of a scale, which is as wide as the unquantized weights unless its type is told."""
    told = weights.get("scale_dtype")
    if told is None:
        return default
    if str(told).removeprefix("torch.") not in _SCALE_BITS:
        raise ValueError(f"scale_dtype is {told!r:.40}, which is not known here: {_BY_FILES}")
    return _SCALE_BITS[str(told).removeprefix("torch.")]


def _zero_bits(weights: Mapping[str, Any], element: int) -> int:
    """Bits of a zero point, which is packed as the weights are; symmetric ones need none."""
    if weights.get("dynamic") not in (None, False):
        raise ValueError(
            f"dynamic is {weights['dynamic']!r:.20}, but weights are stored with fixed scales: "
            f"{_BY_FILES}"
        )
    symmetric = weights.get("symmetric", True)
    if symmetric is True or symmetric is None:
        return 0
    if symmetric is not False or weights.get("type", "int") != "int":
        raise ValueError(
            f"symmetric is {symmetric!r:.20}, but only whole numbers have zero points, and it must "
            "be true or false."
        )
    return element


def _group(values: Mapping[str, Any]) -> int:
    return _whole(values, "group_size", high=2**20)


def _refuse_group(value: Any, must: str) -> NoReturn:
    raise ValueError(f"group_size is {value!r:.40}, but it must be {must} with this quantization.")


def _whole(values: Mapping[str, Any], key: str, high: int = 64, default: int | None = None) -> int:
    value = values.get(key, default)
    if type(value) is not int or not 1 <= value <= high:
        raise ValueError(f"{key} is {value!r:.40}, but it must be a whole number from 1 to {high}.")
    return value


def _block(bits: int, key: str, block: Any) -> Scales:
    """A scale for each block, whose outputs stand before its inputs as in the matrix itself."""
    sides = block if isinstance(block, list | tuple) else ()
    if len(sides) != 2 or any(type(one) is not int or not 1 <= one <= 2**20 for one in sides):
        raise ValueError(
            f"{key} is {block!r:.40}, but it must be two whole numbers from 1 to 1,048,576, as "
            "[128, 128]."
        )
    return Scales(bits, rows=sides[1], columns=sides[0])
