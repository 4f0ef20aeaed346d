"""Bytes of weights as they are stored: quantized matrices with their scales, the rest wider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from estimator.architecture import Architecture, Decoder
from estimator.architecture.reader import shown
from estimator.architecture.wrappers import text_part
from estimator.formula import unchecked
from estimator.matrices import HEAD, Scales, blocks_with, shapes
from estimator.model_storage import linear_params, scaled_bits_per_weight, weight_bytes
from estimator.quantization import read_quantization
from estimator.quantization_values import Quantized
from estimator.told_quantization import QUANTIZATIONS, told_quantization
from estimator.wide_layers import DYNAMIC, EXTRA, LISTS, Layers, Wide, wide_parts

_scaled = unchecked(scaled_bits_per_weight)
_bytes = unchecked(weight_bytes)
_linear = unchecked(linear_params)

MATRICES = frozenset({"attention", "mlp", "experts", "shared experts"})
EXPERTS = frozenset({"experts"})
DTYPE_BITS = {
    "float32": 32, "fp32": 32, "float16": 16, "fp16": 16, "half": 16, "bfloat16": 16, "bf16": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """How weights are stored: `bits` for all, but `element_bits` for the matrices of some parts.

    Embedding, output head, norms and router stay at `bits`, as quantized checkpoints keep them.
    `scales` are what each quantized matrix has beside its weights, `wide` the matrices that stay
    at `bits`, with their layers; `packed` tells how weights fill words. `padding` is a multiple to
    which an engine rounds the quantized width up. `left_out` says what of the files is not counted.
    """

    name: str
    bits: float = 16
    element_bits: float | None = None
    quantized: frozenset[str] = MATRICES
    padding: int = 1
    scales: tuple[Scales, ...] = ()
    wide: Mapping[str, Wide] = field(default_factory=dict)
    packed: Scales | None = None
    left_out: str = ""

    @property
    def quantized_bits(self) -> float | None:
        """Bits of a quantized weight with its scales, in a matrix of whole blocks."""
        bits = self.element_bits
        if bits is not None:
            for scale in self.scales:
                bits = _scaled(bits, scale.bits, 0, scale.weights) if scale.weights else bits
        return bits

    def decoder_bytes(
        self, decoder: Decoder, parts: Mapping[str, int], *, on_disk: bool = False
    ) -> dict[str, float]:
        """Bytes of the `parts` of a decoder, as an engine holds them.

        Of a quantized part its matrices are narrow; biases and the like are as wide as the rest.
        `on_disk` nothing is rounded up, and the parts are those of prediction layers as well.
        """
        narrow = self.quantized if self.element_bits is not None else ()
        return {
            part: self._quantized_bytes(decoder, part, params, on_disk)
            if part in narrow and params and not (part == HEAD and decoder.tied)
            else _bytes(params, self.bits)
            for part, params in parts.items()
        }  # fmt: skip

    def _quantized_bytes(
        self, decoder: Decoder, part: str, params: int, on_disk: bool
    ) -> float:  # fmt: skip
        """Bytes of a part of which some matrices, or all of them, are quantized."""
        wide = self.wide.get(part, _NOTHING)
        if wide.get("", 0) is None:
            return _bytes(params, self.bits)  # type: ignore[no-any-return]
        more = decoder.prediction_layers if on_disk else 0
        count, blocks = blocks_with(decoder, part, more)
        element, scales, packed = self.element_bits, self.scales, self.packed
        bits: float = 0
        of_one: float = 0
        weights = every = kept = 0
        last: tuple[int, int] | None = None
        for name, shape in shapes(decoder, part).items():
            if shape != last:  # else this matrix is as large as the last one
                last, weights = shape, _linear(*shape)
                of_one = packed.of_matrix(*shape) if packed else weights * element
                for scale in scales:
                    of_one += scale.of_matrix(*shape)
            every += weights
            layers = count
            if wide and name in wide:
                layers -= _layers_in(decoder, more, wide[name], count)
                kept += (count - layers) * weights
            bits += layers * of_one
        narrow = blocks * bits + (params - every * count * blocks) * self.bits
        if self.padding > 1 and not on_disk:
            narrow *= -(-decoder.d_model // self.padding) * self.padding / decoder.d_model
        return _bytes(1, narrow + kept * blocks * self.bits)  # type: ignore[no-any-return]


_NOTHING: Wide = {}
_NAMING = frozenset((*LISTS, DYNAMIC, EXTRA))


def _layers_in(decoder: Decoder, more: int, layers: Layers, every: int) -> int:
    """How many of some layers a decoder has, which may be a stage; `every` one where none is told.

    `more` of them are prediction layers behind the others.
    """
    if layers is None:
        return every
    stop = decoder.first_layer + decoder.n_layers + more
    return sum([decoder.first_layer <= one < stop for one in layers])


# Scales: FP8 and INT8 as vLLM makes them have one a tensor or a row, which is next to nothing.
_INT4 = Scales(16 + 4, 128)
_NAMED = {
    "fp8": StoredWeights("fp8", element_bits=8),
    "fp8_e4m3": StoredWeights("fp8_e4m3", element_bits=8),
    "fp8_e5m2": StoredWeights("fp8_e5m2", element_bits=8),
    "int8": StoredWeights("int8", element_bits=8),
    "int4": StoredWeights("int4 in groups of 128", element_bits=4, scales=(_INT4,)),
    "nvfp4": StoredWeights("nvfp4", element_bits=4, scales=(Scales(8, 16),)),
    "awq": StoredWeights("awq", element_bits=4, scales=(_INT4,)),
    "gptq": StoredWeights("gptq", element_bits=4, scales=(_INT4,)),
    # vLLM rounds the width of the experts up for its kernels: 2,880 becomes 3,072, as its 13.47
    # GiB of gpt-oss-20b show (`OLD_LOG` of `engine_memory`). Other releases have other kernels.
    "mxfp4": StoredWeights("mxfp4", 16, 4, EXPERTS, padding=256, scales=(Scales(8, 32),)),
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
    if key == _NAMED["int4"].name:  # as it is told
        return _NAMED["int4"]
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
    inner = text_part(config)
    base = stored_as(_dtype(config, inner))
    told = _quantization(config, inner)
    if told is None:
        return base
    quantization, found = told
    quantized, padding, head = MATRICES, 1, found.head and not found.targets
    if found.name == "mxfp4":
        quantized, padding = EXPERTS, _NAMED["mxfp4"].padding
        decoder = model.decoder if model else _decoder(config)
        if decoder and not decoder.mixture:
            raise ValueError(
                f"quant_method is mxfp4, which quantizes experts, but the {decoder.family} model "
                "has none: size this checkpoint by its files."
            )
    wide: Mapping[str, Wide] = {}
    if found.targets or not _NAMING.isdisjoint(quantization):
        decoder = model.decoder if model else _decoder(config)
        wide, chosen = wide_parts(quantization, decoder, found.targets)
        head = head or chosen
    if head:
        quantized = quantized | {HEAD}
    return StoredWeights(
        found.name, base.bits, found.bits, quantized, padding, found.scales, wide, found.packed,
        found.left_out,
    )  # fmt: skip


def tells_precision(config: Mapping[str, Any]) -> bool:
    """Tell whether a configuration says how its weights are stored."""
    inner = text_part(config)
    keys = ("torch_dtype", "dtype", *QUANTIZATIONS)
    return any(_first(key, config, inner) is not None for key in keys)


def _decoder(config: Mapping[str, Any]) -> Decoder | None:
    """What a configuration describes; nothing is known without a model_type."""
    if "model_type" not in config:
        return None
    return Architecture.from_hf_config(dict(config)).decoder


def _dtype(config: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    """The precision of what is not quantized; as transformers 5, `dtype` before the older key."""
    for values in (config, inner):
        for key in ("dtype", "torch_dtype"):
            if value := values.get(key):
                if isinstance(value, Mapping | list | tuple):
                    raise ValueError(
                        f"the precision of the weights ({key}) is {shown(value)}, but it must be a "
                        "name such as bfloat16: give the published one."
                    )
                return str(value).removeprefix("torch.")
    return "bfloat16"


def _quantization(
    config: Mapping[str, Any], inner: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Quantized] | None:
    """The quantization that a configuration tells, as it stands there and as it is read."""
    if _first("quantization", config, inner) is not None:
        raise ValueError(
            "quantization (MLX's key) is not known here: size this checkpoint by its files."
        )
    try:
        told = told_quantization(config, inner)
        return None if told is None else (told, read_quantization(told))
    except RecursionError:
        raise ValueError(
            "quantization_config is nested too deeply to be read: give the published one."
        ) from None


def _first(key: str, config: Mapping[str, Any], inner: Mapping[str, Any]) -> Any:
    value = config.get(key)
    return inner.get(key) if value is None else value


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
    parts = dict(model.parts)
    for part, params in model.prediction_parts.items():
        parts[part] = parts.get(part, 0) + params
    total = sum(stored.decoder_bytes(decoder, parts, on_disk=True).values())
    return total + decoder.buffer_bytes(stored.bits)
