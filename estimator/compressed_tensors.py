"""Checkpoints of compressed-tensors, as llm-compressor writes them; ModelOpt has its groups, too.

Which numbers a file has beside its weights, and of how many bits, is as compressed-tensors 0.15
makes them: `quantization/lifecycle/initialize.py`, and `compressors/` for each format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimator.architecture.reader import shown
from estimator.matrices import Scales
from estimator.quantization_values import (
    BY_FILES,
    Quantized,
    block,
    group,
    refuse_group,
    refuse_unknown,
    targets,
    whole,
)

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
_SCALE_BITS = {"float8_e4m3fn": 8, "uint8": 8, "float16": 16, "bfloat16": 16, "float32": 32}
# A matrix that is packed into words has its own shape in the file: two numbers of 64 bits.
_SHAPE = Scales(2 * 64, 0, 0)
_GLOBAL = Scales(32, 0, 0)


def only_group(quantization: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The one group of a configuration, and what it says of its weights.

    Raises: ValueError: no group, several, or a key that is not known.
    """
    groups = quantization.get("config_groups")
    found = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = found.get("weights") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(weights, Mapping):
        raise ValueError("quantization_config has no config_groups with weights: give them.")
    if isinstance(groups, Mapping) and len(groups) > 1:
        raise ValueError(
            f"config_groups has {len(groups)} groups, but only one for all matrices is counted "
            f"here: {BY_FILES}"
        )
    refuse_unknown(found, _GROUP, "a group of config_groups")
    refuse_unknown(weights, _WEIGHTS, "the weights of config_groups")
    return found, weights


def read_compressed(quantization: Mapping[str, Any]) -> Quantized:
    """How the matrices of a checkpoint of compressed-tensors are quantized.

    Raises: ValueError: a key or a value that is not known.
    """
    found, weights = only_group(quantization)
    element = whole(weights, "num_bits", default=8)
    if weights.get("type", "int") not in ("int", "float", None):
        raise ValueError(f"type is {weights['type']!r:.40}, but weights are int or float.")
    forms = (quantization.get("format"), found.get("format"))
    for form in forms:
        if not (isinstance(form, str | None) and form in _FORMATS):
            raise ValueError(f"format is {form!r:.40}, which is not known here: {BY_FILES}")
        if element not in _FORMATS[form]:
            held = " or ".join(map(str, _FORMATS[form]))
            raise ValueError(
                f"num_bits is {element}, but with the format {form} only {held} are counted here: "
                f"{BY_FILES}"
            )
    # Without a format, whole numbers of 4 bits are packed as they are wherever one is told.
    words = "pack-quantized" in forms or (
        forms == (None, None) and element == 4 and weights.get("type") != "float"
    )
    scales = (*_strategy(weights, element, words), *_activations(found, "input_activations"))
    scales += _activations(found, "output_activations")
    # The head is a matrix like any other, unless a list keeps it wide.
    return Quantized(
        "compressed-tensors", element, (*scales, _SHAPE) if words else scales,
        targets(found, "targets"), True, Scales(element, 1, 1, words="rows") if words else None,
        cache_scales(quantization.get("kv_cache_scheme")),
    )  # fmt: skip


def _strategy(weights: Mapping[str, Any], element: int, words: bool) -> tuple[Scales, ...]:
    """The scales of the weights; where no strategy is told, the size of a group tells it.

    Zero points have 8 bits, or fill `words` as the weights do, but along the outputs.
    """
    # NVFP4's and MXFP4's scales have 8 bits, those of groups of whole numbers 16.
    small = weights.get("type") == "float" and element == 4
    bits, zeros = _scale_bits(weights, 8 if small else 16), _has_zeros(weights)
    size, strategy = weights.get("group_size"), weights.get("strategy")
    if type(size) is not int and size is not None:
        refuse_group(size, "a whole number")
    if strategy is None:
        strategy = "tensor" if size is None else "channel" if size == -1 else "group"
    if strategy == "block":
        side = weights.get("block_structure")
        return (block(bits + 8 * zeros, "block_structure", side),)
    if strategy == "tensor" and size in (None, -1):
        return (Scales(bits + 8 * zeros, 0, 0),)
    if strategy == "channel" and size in (None, -1):
        rows = 0
    elif strategy in ("group", "tensor_group"):
        rows = group(weights)
    else:
        raise ValueError(
            f"strategy is {strategy!r:.40} with a group_size of {size!r:.20}, which is not known "
            f"here: {BY_FILES}"
        )
    scales = [Scales(bits, rows)]
    if zeros:
        scales.append(Scales(element, rows, words="columns") if words else Scales(8, rows))
    order = weights.get("actorder")
    if order not in (None, False, True, "weight", "group", "static", "dynamic"):
        raise ValueError(f"actorder is {order!r:.40}, which is not known here: {BY_FILES}")
    # Where groups take inputs out of their order, each input has the number of its group.
    if rows and order in (True, "group", "dynamic"):
        scales.append(Scales(32, 1, 0))
    if strategy == "tensor_group":
        scales.append(_GLOBAL)
    return tuple(scales)


def _activations(found: Mapping[str, Any], key: str) -> tuple[Scales, ...]:
    """What a matrix stores for its inputs or outputs: nothing where they are scaled on the way."""
    told = found.get(key)
    if told is None:
        return ()
    if not isinstance(told, Mapping):
        raise ValueError(f"{key} is {shown(told)}, but it must be an object, or null.")
    dynamic, strategy = told.get("dynamic"), told.get("strategy")
    if dynamic is True:
        return ()
    if strategy == "tensor_group":  # one number for the matrix, and the groups' on the way
        return (_GLOBAL,)
    if strategy in (None, "tensor") and dynamic in (None, False):
        return (Scales(16 + 8 * _has_zeros({**told, "dynamic": None}), 0, 0),)
    raise ValueError(
        f"{key} has the strategy {strategy!r:.20} with dynamic {dynamic!r:.20}, whose scales are "
        f"not known here: {BY_FILES}"
    )


def cache_scales(scheme: Any) -> str:
    """What is said of the scales of a cache that a checkpoint was made for: they are left out."""
    if scheme is None or (isinstance(scheme, Mapping) and scheme.get("dynamic") is True):
        return ""
    heads = isinstance(scheme, Mapping) and scheme.get("strategy") == "attn_head"
    return f"scales of the cache, 8 bytes {'a key-value head of a' if heads else 'a'} layer at most"


def _scale_bits(weights: Mapping[str, Any], default: int) -> int:
    """Bits of a scale, which is as wide as the unquantized weights unless its type is told."""
    told = weights.get("scale_dtype")
    if told is None:
        return default
    if str(told).removeprefix("torch.") not in _SCALE_BITS:
        raise ValueError(f"scale_dtype is {told!r:.40}, which is not known here: {BY_FILES}")
    return _SCALE_BITS[str(told).removeprefix("torch.")]


def _has_zeros(weights: Mapping[str, Any]) -> bool:
    """Tell whether there are zero points; symmetric weights need none."""
    if weights.get("dynamic") not in (None, False):
        raise ValueError(
            f"dynamic is {weights['dynamic']!r:.20}, but weights are stored with fixed scales: "
            f"{BY_FILES}"
        )
    symmetric = weights.get("symmetric", True)
    if symmetric is True or symmetric is None:
        return False
    if symmetric is not False or weights.get("type", "int") != "int":
        raise ValueError(
            f"symmetric is {symmetric!r:.20}, but only whole numbers have zero points, and it must "
            "be true or false."
        )
    return True
