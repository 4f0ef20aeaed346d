"""The precision of the cache that a quantized checkpoint was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimator.architecture.reader import shown
from estimator.architecture.wrappers import text_part
from estimator.told_quantization import told_quantization

_BITS = {"fp8": 8, "int8": 8, "nvfp4": 4 + 8 / 16}
"""Bits of a number; NVFP4 has a scale of 8 bits for 16 of them."""
_SCHEMES = {"fp8": ("float", 8), "int8": ("int", 8), "nvfp4": ("float", 4)}


def asked_precision(config: Mapping[str, Any]) -> tuple[str, float] | None:
    """Name of the cache's precision and bytes of a number; None where a configuration tells none.

    ModelOpt names an algorithm or gives a scheme, compressed-tensors gives a scheme; vLLM takes
    the cache so unless it is told otherwise.

    Raises:
        ValueError: a precision that is not known here, or a quantization that is no object.

    >>> asked_precision({"quantization_config": {"kv_cache_quant_algo": "FP8"}})
    ('fp8', 1.0)
    """
    quantization = told_quantization(config, text_part(config)) or {}
    keys = ("kv_cache_quant_algo", "kv_cache_scheme")
    names = {_name(key, quantization[key]) for key in keys if quantization.get(key) is not None}
    if len(names) > 1:
        raise ValueError("kv_cache_quant_algo and kv_cache_scheme differ: give one.")
    return next(((name, _BITS[name] / 8) for name in names), None)


def _name(key: str, told: Any) -> str:
    """The precision that a key names, or describes as a number's type and bits."""
    for name, scheme in _SCHEMES.items():
        if isinstance(told, str) and told.lower() == name:
            return name
        if isinstance(told, Mapping) and (told.get("type"), told.get("num_bits")) == scheme:
            return name
    raise ValueError(
        f"{key} is {shown(told)}, but of a cache's precisions only {', '.join(_BITS)} are known "
        "here: give the bytes of a number of the cache yourself."
    )
