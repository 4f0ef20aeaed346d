"""Bytes of weights as they are stored: quantized matrices with their scales, the rest wider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from estimator.architecture import Architecture, Decoder
from estimator.formula import facts_of
from estimator.model_storage import scaled_bits_per_weight, weight_bytes
from estimator.quantization import read_quantization
from estimator.wide_layers import LISTS, Wide, latent_columns, wide_parts

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
    `padding` is a multiple to which an engine rounds the quantized width up; `column_bits` are
    those of the scales where each column of a matrix has one. `wide` are the shares of quantized
    parts that stay at `bits`, in the model's layers and apart in its prediction layers; a stage
    of a pipeline is taken to have them as the whole model.
    """

    name: str
    bits: float = 16
    quantized_bits: float | None = None
    quantized: frozenset[str] = MATRICES
    padding: int = 1
    column_bits: float = 0
    wide: Mapping[str, Wide] = field(default_factory=dict)
    wide_prediction: Mapping[str, Wide] = field(default_factory=dict)

    def part_bytes(self, parts: Mapping[str, int], d_model: int) -> dict[str, float]:
        """Bytes of each part, as if it had no biases."""
        return {
            part: _bytes(params, self.bits) if not self._quantizes(part)
            else _bytes(params, self.quantized_bits) * self._padded(d_model)
            for part, params in parts.items()
        }  # fmt: skip

    def decoder_bytes(
        self, decoder: Decoder, parts_of: Callable[[Decoder], Mapping[str, int]]
    ) -> dict[str, float]:
        """Bytes of each part that `parts_of` counts, with biases at the width of the rest."""
        parts = parts_of(decoder)
        found = self.part_bytes(parts, decoder.d_model)
        plain = not (self.wide or self.column_bits or _has_biases(decoder))
        if self.quantized_bits is None or plain:
            return found
        more, padded = self.bits - self.quantized_bits, self._padded(decoder.d_model)
        bare = parts_of(_with_biases(decoder, False)) if _has_biases(decoder) else parts
        # A bias has a number for each column: what all biases take counts the columns.
        full = parts_of(_with_biases(decoder, True)) if self.column_bits else bare
        for part in filter(self._quantizes, found):
            wide = self.wide.get(part, _NARROW)
            kept = _exact(bare[part] * wide.weights)
            every = full[part] - bare[part]
            if part == "attention" and self.column_bits and decoder.attention.latent:
                every = latent_columns(decoder, bare[part])  # not all of them can have a bias
            columns = _exact(every * (1 - wide.columns))
            found[part] += _bytes(parts[part] - bare[part] + kept, more * padded)
            found[part] += _bytes(columns, self.column_bits) - _bytes(
                kept, self.bits * (padded - 1)
            )
        return found

    def _padded(self, d_model: int) -> float:
        return -(-d_model // self.padding) * self.padding / d_model

    def _quantizes(self, part: str) -> bool:
        return self.quantized_bits is not None and part in self.quantized


_NARROW = Wide(Fraction(0), Fraction(0))


def _exact(number: Fraction) -> int | float:
    """A number of weights, whole but for a stage's even share."""
    return number.numerator if number.denominator == 1 else float(number)


def _has_biases(decoder: Decoder) -> bool:
    """Whether a matrix that may be quantized has a bias, which stays wide."""
    heads, mixture = decoder.attention, decoder.mixture
    blocks = [decoder.dense, *((mixture.expert, mixture.shared) if mixture else ())]
    return heads.input_bias or heads.output_bias or any(block and block.bias for block in blocks)


def _with_biases(decoder: Decoder, on: bool) -> Decoder:
    """The decoder with biases in all quantized matrices, or in none."""
    dense, mixture = decoder.dense, decoder.mixture
    return replace(
        decoder,
        attention=replace(decoder.attention, input_bias=on, output_bias=on),
        dense=dense and replace(dense, bias=on),
        mixture=mixture and replace(
            mixture,
            expert=replace(mixture.expert, bias=on),
            shared=mixture.shared and replace(mixture.shared, bias=on),
        ),
    )  # fmt: skip


# Scales: FP8 and INT8 as vLLM makes them have one a tensor or a row, which is next to nothing.
_NAMED = {
    "fp8": StoredWeights("fp8", quantized_bits=8),
    "fp8_e4m3": StoredWeights("fp8_e4m3", quantized_bits=8),
    "fp8_e5m2": StoredWeights("fp8_e5m2", quantized_bits=8),
    "int8": StoredWeights("int8", quantized_bits=8),
    "int4": StoredWeights("int4 in groups of 128", quantized_bits=_scaled(4, 16, 4, 128)),
    "nvfp4": StoredWeights("nvfp4", quantized_bits=_scaled(4, 8, 0, 16)),
    "awq": StoredWeights("awq", quantized_bits=_scaled(4, 16, 4, 128)),
    "gptq": StoredWeights("gptq", quantized_bits=_scaled(4, 16, 4, 128)),
    # vLLM rounds the width of the experts up for its kernels: 2,880 becomes 3,072 (as its 13.47
    # GiB of gpt-oss-20b on H100-SXM show, a release of 2025; read 2026-11-21).
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


def stored_by_config(config: Mapping[str, Any], model: Architecture | None = None) -> StoredWeights:
    """How a checkpoint stores its weights, by its `torch_dtype` and `quantization_config`.

    Without the configuration's `model`, it is read where layers must be known.

    Raises:
        ValueError: a dtype or a quantization that is not known here.
    """
    text = config.get("text_config")
    inner = text if isinstance(text, Mapping) else {}
    dtype = _first("torch_dtype", config, inner) or _first("dtype", config, inner) or "bfloat16"
    base = stored_as(str(dtype).removeprefix("torch."))
    if _first("quantization", config, inner) is not None:
        raise ValueError(
            "quantization (MLX's key) is not known here: size this checkpoint by its files."
        )
    quantization = _first("quantization_config", config, inner)
    if quantization is None:
        return base
    if not isinstance(quantization, Mapping):
        raise ValueError("quantization_config must be an object: give the published one.")
    found = read_quantization(quantization)
    if found.name == "mxfp4":
        stored = replace(_NAMED["mxfp4"], bits=base.bits)
    else:
        stored = StoredWeights(
            found.name, base.bits, found.bits, MATRICES, column_bits=found.column_bits
        )
    if not found.targets and found.head:
        stored = replace(stored, quantized=MATRICES | {"output head"})
    if not found.targets and not any(_names_some(quantization.get(key)) for key in LISTS):
        return stored
    decoder = model.decoder if model else _decoder(config)
    wide = wide_parts(quantization, decoder, found.targets)
    if wide.head:
        stored = replace(stored, quantized=stored.quantized | {"output head"})
    return replace(stored, wide=wide.model, wide_prediction=wide.prediction)


def _names_some(names: Any) -> bool:
    """Tell a list that names something, or that is none and has to be refused."""
    return names is not None and not (isinstance(names, list | tuple) and not names)


def tells_precision(config: Mapping[str, Any]) -> bool:
    """Tell whether a configuration says how its weights are stored."""
    text = config.get("text_config")
    inner = text if isinstance(text, Mapping) else {}
    keys = ("torch_dtype", "dtype", "quantization_config")
    return any(_first(key, config, inner) is not None for key in keys)


def _decoder(config: Mapping[str, Any]) -> Decoder | None:
    """What a configuration describes; nothing is known without a model_type."""
    if "model_type" not in config:
        return None
    return Architecture.from_hf_config(dict(config)).decoder


def _first(key: str, *configs: Mapping[str, Any]) -> Any:
    return next((config[key] for config in configs if config.get(key) is not None), None)


def checkpoint_bytes(model: Architecture, stored: StoredWeights) -> float:
    """Bytes of the published checkpoint: all parts, prediction layers and buffers with them.

    GPT-2 and GPT-NeoX were published with their causal masks, which files that are saved today
    leave out.

    >>> from estimator.architecture import Architecture, Decoder
    >>> gpt2 = Architecture.from_hf_config(
    ...     {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16,
    ...      "n_positions": 1024, "vocab_size": 50257})
    >>> checkpoint_bytes(gpt2, stored_as("fp16"))
    759977984.0
    """
    decoder = model.decoder
    on_disk = stored if stored.padding == 1 else replace(stored, padding=1)

    def parts_of(one: Decoder) -> Mapping[str, int]:
        return model.parts if one is decoder else one.parts()

    total = sum(on_disk.decoder_bytes(decoder, parts_of).values())
    if decoder.prediction_layers:
        apart = replace(on_disk, wide=stored.wide_prediction)
        total += sum(apart.decoder_bytes(decoder, Decoder.prediction_parts).values())
    return total + decoder.buffer_bytes(on_disk.bits)
