"""Bytes of weights as they are stored: quantized matrices with their scales, the rest wider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimator.architecture import Architecture
from estimator.formula import facts_of
from estimator.model_storage import scaled_bits_per_weight, weight_bytes

_scaled = facts_of(scaled_bits_per_weight).bare
_bytes = facts_of(weight_bytes).bare

MATRICES = frozenset({"attention", "mlp", "experts", "shared experts"})
EXPERTS = frozenset({"experts"})
DTYPE_BITS = {
    "float32": 32, "fp32": 32, "float16": 16, "fp16": 16, "half": 16, "bfloat16": 16, "bf16": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """How weights are stored: `bits` for all, but `quantized_bits` for the matrices named.

    Embedding, output head, norms and router stay at `bits`, as quantized checkpoints keep them.
    `padding` is a multiple to which an engine rounds the quantized width up.
    """

    name: str
    bits: float = 16
    quantized_bits: float | None = None
    quantized: frozenset[str] = MATRICES
    padding: int = 1

    def part_bytes(self, parts: Mapping[str, int], d_model: int) -> dict[str, float]:
        """Bytes of each part."""
        return {
            part: _bytes(params, self.bits) if not self._quantizes(part)
            else _bytes(params, self.quantized_bits) * -(-d_model // self.padding)
            * self.padding / d_model
            for part, params in parts.items()
        }  # fmt: skip

    def _quantizes(self, part: str) -> bool:
        return self.quantized_bits is not None and part in self.quantized


# Scales: FP8 and INT8 as vLLM makes them have one a tensor or a row, which is next to nothing.
_NAMED = {
    "fp8": StoredWeights("fp8", quantized_bits=8),
    "int8": StoredWeights("int8", quantized_bits=8),
    "int4": StoredWeights("int4 in groups of 128", quantized_bits=_scaled(4, 16, 4, 128)),
    "nvfp4": StoredWeights("nvfp4", quantized_bits=_scaled(4, 8, 0, 16)),
    "awq": StoredWeights("awq", quantized_bits=_scaled(4, 16, 4, 128)),
    "gptq": StoredWeights("gptq", quantized_bits=_scaled(4, 16, 4, 128)),
    # vLLM rounds the width of the experts up for its kernels: 2,880 becomes 3,072.
    "mxfp4": StoredWeights("mxfp4", 16, _scaled(4, 8, 0, 32), EXPERTS, padding=256),
}


def stored_as(name: str) -> StoredWeights:
    """How weights are stored under a short name such as bf16, fp8 or mxfp4.

    Raises:
        ValueError: an unknown name.
    """
    key = name.strip().lower()
    if key in DTYPE_BITS:
        return StoredWeights(key, DTYPE_BITS[key])
    if key in _NAMED:
        return _NAMED[key]
    raise ValueError(
        f"the precision of the weights is {name!r:.40}, but it must be one of "
        f"{', '.join([*DTYPE_BITS, *_NAMED])}."
    )


def stored_by_config(config: Mapping[str, Any]) -> StoredWeights:
    """How a checkpoint stores its weights, by its `torch_dtype` and `quantization_config`.

    Raises:
        ValueError: a dtype or a quantization that is not known here.
    """
    text = config.get("text_config")
    inner = text if isinstance(text, Mapping) else {}
    dtype = _first("torch_dtype", config, inner) or _first("dtype", config, inner) or "bfloat16"
    base = stored_as(str(dtype).removeprefix("torch."))
    quantization = _first("quantization_config", config, inner)
    if quantization is None:
        return base
    if not isinstance(quantization, Mapping):
        raise ValueError("quantization_config must be an object: give the published one.")
    return _quantized(quantization, base.bits)


def _first(key: str, *configs: Mapping[str, Any]) -> Any:
    return next((config[key] for config in configs if config.get(key) is not None), None)


def _quantized(quantization: Mapping[str, Any], bits: float) -> StoredWeights:
    method = quantization.get("quant_method") or quantization.get("quant_algo")
    group = _group(quantization)
    if method == "fp8" or method == "fbgemm_fp8":
        block = quantization.get("weight_block_size")
        # A scale of 32 bits for a block of weights, as in DeepSeek-V3.
        scaled = _scaled(8, 32, 0, _area(block)) if block else 8
        return StoredWeights(method, bits, scaled)
    if method in ("gptq", "awq"):
        element = _bits(quantization, "bits", 4)
        return StoredWeights(method, bits, _scaled(element, 16, element, group))
    if method == "mxfp4":
        return StoredWeights(method, bits, _scaled(4, 8, 0, 32), EXPERTS)
    if method in ("modelopt", "modelopt_fp4", "NVFP4") and "FP8" not in str(quantization):
        return StoredWeights("nvfp4", bits, _scaled(4, 8, 0, 16))
    if method == "compressed-tensors":
        weights = _compressed(quantization)
        element = _bits(weights, "num_bits", 8)
        size = weights.get("group_size")
        return StoredWeights(
            method, bits, _scaled(element, 16, 0, size) if type(size) is int else element
        )
    if method == "bitsandbytes":
        four = quantization.get("load_in_4bit") is True
        return StoredWeights(method, bits, _scaled(4, 32, 0, 64) if four else 8)
    raise ValueError(
        f"quant_method is {method!r:.40}, but only fp8, gptq, awq, mxfp4, modelopt, "
        "compressed-tensors and bitsandbytes are known here: size this checkpoint by its files."
    )


def _group(quantization: Mapping[str, Any]) -> int:
    return _bits(quantization, "group_size", 128, high=2**20)


def _bits(values: Mapping[str, Any], key: str, default: int, high: int = 64) -> int:
    value = values.get(key, default)
    if type(value) is not int or not 1 <= value <= high:
        raise ValueError(f"{key} is {value!r:.40}, but it must be a whole number from 1 to {high}.")
    return value


def _area(block: Any) -> int:
    if not (isinstance(block, list | tuple) and len(block) == 2):
        raise ValueError("weight_block_size must be two whole numbers, as [128, 128].")
    sides = {"height": block[0], "width": block[1]}
    return _bits(sides, "height", 1, 2**20) * _bits(sides, "width", 1, 2**20)


def _compressed(quantization: Mapping[str, Any]) -> Mapping[str, Any]:
    groups = quantization.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = group.get("weights") if isinstance(group, Mapping) else None
    if not isinstance(weights, Mapping):
        raise ValueError("quantization_config has no config_groups with weights: give them.")
    return weights


def checkpoint_bytes(model: Architecture, stored: StoredWeights) -> float:
    """Bytes of the published checkpoint: all parts, prediction layers and buffers with them.

    >>> from estimator.architecture import Architecture
    >>> gpt2 = Architecture.from_hf_config(
    ...     {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16,
    ...      "n_positions": 1024, "vocab_size": 50257})
    >>> checkpoint_bytes(gpt2, stored_as("fp16"))
    709646336.0
    """
    decoder = model.decoder
    on_disk = StoredWeights(stored.name, stored.bits, stored.quantized_bits, stored.quantized)
    total = sum(on_disk.part_bytes(model.parts, decoder.d_model).values())
    total += sum(on_disk.part_bytes(decoder.prediction_parts(), decoder.d_model).values())
    return total + float(_bytes(decoder.buffer_params(), 32))
