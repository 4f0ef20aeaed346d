"""How a checkpoint is quantized, by its `quantization_config`: each key is used, known, or refused.

The keys stand in `quantization_keys`, and what compressed-tensors writes in `compressed_tensors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from estimator.architecture.reader import shown
from estimator.compressed_tensors import cache_scales, only_group, read_compressed
from estimator.matrices import Scales
from estimator.quantization_keys import METHODS, check_keys
from estimator.quantization_values import (
    BY_FILES,
    Quantized,
    block,
    flag,
    group,
    refuse_group,
    targets,
    whole,
)

_MODELOPT = ("FP8", "NVFP4")
_NAMES = {
    "modelopt_fp4": "modelopt", "FP8": "modelopt", "NVFP4": "modelopt",
    "intel/auto-round": "auto-round",
}  # fmt: skip
_ELEMENTS = {"gptq": (2, 3, 4, 8), "awq": (3, 4, 8), "auto-round": (2, 3, 4, 8)}
# One number of 32 bits for a matrix, such as the scale of all of it, or two.
_ONE, _TWO = Scales(32, 0, 0), Scales(2 * 32, 0, 0)


def read_quantization(quantization: Mapping[str, Any]) -> Quantized:
    """How the matrices of a checkpoint are quantized.

    Raises:
        ValueError: a method, or a key of it, that is not known here.
    """
    given = quantization.get("quant_method")
    given = quantization.get("quant_algo") if given is None else given
    method = _NAMES.get(given, given) if isinstance(given, str) else None
    if method not in METHODS:
        *others, last = METHODS
        raise ValueError(
            f"quant_method is {shown(given)}, but only {', '.join(others)} and {last} are known "
            f"here: {BY_FILES}"
        )
    check_keys(quantization, method)
    return _READERS[method](quantization, str(given))


def _fp8(quantization: Mapping[str, Any], method: str) -> Quantized:
    """A scale for a block of weights, as in DeepSeek-V3, or one for a matrix; 32 bits each.

    Where activations are scaled as they were beforehand, their scale stands there, too.
    """
    sides = quantization.get("weight_block_size")
    scale = _ONE if sides is None else block(32, "weight_block_size", sides)
    scheme = quantization.get("activation_scheme")
    if scheme not in (None, "dynamic", "static"):
        raise ValueError(
            f"activation_scheme is {shown(scheme)}, but it must be dynamic or static: {BY_FILES}"
        )
    scales = (scale, _ONE) if scheme == "static" else (scale,)
    return Quantized("fp8", 8, scales, targets(quantization, "modules_to_convert"))


def _fbgemm(quantization: Mapping[str, Any], method: str) -> Quantized:
    """A scale for each output."""
    return Quantized(method, 8, (Scales(32),))


def _eetq(quantization: Mapping[str, Any], method: str) -> Quantized:
    """Whole numbers of 8 bits, with a scale of 16 for each output, as transformers saves them."""
    return Quantized(method, 8, (Scales(16),))


def _mxfp4(quantization: Mapping[str, Any], method: str) -> Quantized:
    """A scale of 8 bits for 32 weights."""
    return Quantized(method, 4, (Scales(8, 32),))


def _modelopt(quantization: Mapping[str, Any], method: str) -> Quantized:
    """ModelOpt's FP8, or NVFP4 with a scale for 16 weights; the cache is told apart.

    Either has two more numbers of 32 bits for a matrix: a scale of its weights, and its inputs'.
    """
    only = {"modelopt": None, "modelopt_fp4": "NVFP4"}.get(method, method)
    algorithm = quantization.get("quant_algo", only)
    if algorithm not in _MODELOPT:
        raise ValueError(
            f"quant_algo is {shown(algorithm)}, but of {method}'s only {' and '.join(_MODELOPT)} "
            f"are known here: {BY_FILES}"
        )
    element = 8 if algorithm == "FP8" else 4
    chosen: tuple[tuple[str, str], ...] = ()
    if quantization.get("config_groups") is not None:
        found, weights = only_group(quantization)
        chosen = targets(found, "targets")
        if whole(weights, "num_bits", default=element) != element:
            raise ValueError(
                f"num_bits is {weights['num_bits']}, but quant_algo is {algorithm}: {BY_FILES}"
            )
        if element == 4 and weights.get("group_size", 16) != 16:
            refuse_group(weights["group_size"], "16")
    left_out = cache_scales(quantization.get("kv_cache_quant_algo"))
    left_out = left_out or cache_scales(quantization.get("kv_cache_scheme"))
    if algorithm == "FP8":
        return Quantized("fp8", 8, (_TWO,), chosen, left_out=left_out)
    if quantization.get("group_size", 16) != 16:
        refuse_group(quantization["group_size"], "16")
    return Quantized("nvfp4", 4, (Scales(8, 16), _TWO), chosen, left_out=left_out)


def _bitsandbytes(quantization: Mapping[str, Any], method: str) -> Quantized:
    """8 bits with a scale for each column, or 4 with one for 64, which may be quantized itself.

    Of a matrix of 8 bits a byte names the format. One of 4 bits has the 16 numbers that its weights
    stand for, and the 256 of quantized scales, in 32 bits each.
    """
    flags = ("load_in_4bit", "load_in_8bit", "bnb_4bit_use_double_quant")
    four, eight, double = (flag(quantization, one) for one in flags)
    if four and eight:
        raise ValueError("load_in_4bit and load_in_8bit are both true: one of them can be.")
    if eight:
        return Quantized(method, 8, (Scales(32), Scales(8, 0, 0)))
    if not four:
        raise ValueError(
            "quantization_config of bitsandbytes says neither load_in_4bit nor load_in_8bit: give "
            "the published one."
        )
    scales: tuple[Scales, ...] = (Scales(32, 64, flat=True), Scales(16 * 32, 0, 0))
    if double:
        # A scale of 8 bits for a block, and one of 32 bits for 256 of those.
        scales = (Scales(8, 64, flat=True), Scales(32, 64 * 256, flat=True),
                  Scales((16 + 256) * 32, 0, 0))  # fmt: skip
    # {"quant_type": "nf4", "blocksize": 64, ...}, with the number of its digits.
    return Quantized(
        method, 4, scales, left_out="a note on each quantized matrix, 200 bytes at most"
    )


def _gptq(quantization: Mapping[str, Any], method: str) -> Quantized:
    """GPTQ: a 16-bit scale and a zero point for a group, or for a column.

    Its files have zero points whether or not they are needed, and of each input the number of its
    group, in 32 bits.
    """
    return _grouped(quantization, method, "rows", more=(Scales(32, 1, 0),))


def _awq(quantization: Mapping[str, Any], method: str) -> Quantized:
    """AWQ: a 16-bit scale and a zero point for a group; weights fill words along the outputs."""
    return _grouped(quantization, method, "columns")


def _auto_round(quantization: Mapping[str, Any], method: str) -> Quantized:
    """AutoRound's own files are packed as GPTQ's, without the numbers of groups, or as AWQ's.

    So `auto_round_extension/triton/qlinear_tritonv2.py` of intel/auto-round makes them.
    """
    form = quantization.get("packing_format")
    form = quantization.get("backend") if form is None else form
    if form is not None and not isinstance(form, str):
        raise ValueError(f"packing_format is {shown(form)}, but it must be a name: {BY_FILES}")
    words = set((form or "auto_round:auto_gptq").replace("auto_", "").split(":"))
    if not words <= {"round", "gptq", "awq", "exllamav2", "tritonv2", "triton"}:
        raise ValueError(
            f"packing_format is {shown(form)}, but of auto-round's only auto_round:auto_gptq and "
            f"auto_round:auto_awq are known here: {BY_FILES}"
        )
    if "awq" in words:
        return _grouped(quantization, "awq", "columns")
    return _grouped(quantization, "auto-round", "rows")


def _grouped(
    quantization: Mapping[str, Any], method: str, side: str, more: tuple[Scales, ...] = ()
) -> Quantized:
    """Weights in words along a `side`, in groups with a scale and a zero point each.

    Zero points fill words of 32 bits along the outputs.
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
    element = whole(values, "bits")
    if element not in _ELEMENTS[method]:
        held = ", ".join(map(str, _ELEMENTS[method]))
        raise ValueError(f"bits is {element}, but {method} stores {held}: {BY_FILES}")
    rows = values["group_size"]
    rows = 0 if method != "awq" and type(rows) is int and rows == -1 else group(values)
    scales = (Scales(16, rows), Scales(element, rows, words="columns"), *more)
    chosen = targets(values, "modules_in_block_to_quantize")
    packed = Scales(element, 1, 1, words=side)
    return Quantized(method, element, scales, chosen, packed=packed)


def _compressed(quantization: Mapping[str, Any], method: str) -> Quantized:
    return read_compressed(quantization)


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], Quantized]] = {
    "fp8": _fp8, "fbgemm_fp8": _fbgemm, "eetq": _eetq, "mxfp4": _mxfp4, "modelopt": _modelopt,
    "bitsandbytes": _bitsandbytes, "gptq": _gptq, "awq": _awq, "auto-round": _auto_round,
    "compressed-tensors": _compressed,
}  # fmt: skip
