"""A replica that serves a model, brought down to what one of its accelerators does.

`DecoderShape` holds what the step time needs of a model, `Numerics` how its weights are kept and
computed, `Hardware` the accelerator, `Layout` how a replica is spread; `replica` brings them down
to what one accelerator reads, computes and sends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from estimator.arithmetic import Number
from estimator.units import BITS_PER_BYTE

WIDE_BYTES = 2
WIDE_BITS = BITS_PER_BYTE * WIDE_BYTES


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """What the time of a step needs of a model. Parameters are counted over all layers.

    An architecture read from elsewhere becomes one of these; `expert_params` is one expert of one
    layer, `cache_heads` the heads over which a cache can be split (1 for a latent), and a pair is
    one query looking at one key in every layer of that kind. `context_tokens` is the longest
    sequence that the model was made for, None where nobody says.
    """

    name: str
    n_layers: int
    n_mixture_layers: int
    d_model: int
    attention_params: int
    shared_params: int
    head_params: int
    embedding_params: int
    expert_params: int
    routed_experts: int
    experts_per_token: int
    cache_elements: int
    window_cache_elements: int
    window: int
    cache_heads: int
    pair_flops: int
    window_pair_flops: int
    latent: bool = False
    native_expert_bits: float | None = None
    context_tokens: int | None = None

    @property
    def n_params(self) -> int:
        """All parameters but norms and biases."""
        experts = self.expert_params * self.routed_experts * self.n_mixture_layers
        once = self.head_params + self.embedding_params
        return self.attention_params + self.shared_params + experts + once

    @property
    def is_mixture(self) -> bool:
        """Tell a mixture of experts."""
        return self.n_mixture_layers > 0

    def divides_among(self, ranks: int) -> bool:
        """Tell whether so many accelerators can share a layer evenly: they divide its width."""
        return self.d_model % ranks == 0


@dataclass(frozen=True, slots=True)
class Numerics:
    """Bits of a stored weight, scales included, and bits in which its products are computed."""

    attention_bits: float = 16
    shared_bits: float = 16
    expert_bits: float = 16
    attention_compute_bits: int = 16
    shared_compute_bits: int = 16
    expert_compute_bits: int = 16
    cache_bytes_per_element: float = WIDE_BYTES


@dataclass(frozen=True, slots=True)
class Hardware:
    """An accelerator: bytes, bytes a second, dense FLOP a second by bits; None where unknown."""

    name: str
    memory_bytes: float
    bytes_per_s: float
    link_bytes_per_s: float | None
    flops_per_s: dict[int, float]

    def rate(self, bits: int) -> tuple[float, bool]:
        """Give the rate for numbers of so many bits, and whether it is a narrow one.

        Where an accelerator has no rate for them, engines widen weights to 16 bits as they are
        read: FP8 on an A100, NVFP4 on Hopper (vLLM's Marlin kernels, warned of in
        vllm/model_executor/layers/quantization/utils/marlin_utils_fp4.py).
        """
        narrow = bits < WIDE_BITS and bits in self.flops_per_s
        return self.flops_per_s[bits if narrow else WIDE_BITS], narrow


@dataclass(frozen=True, slots=True)
class Layout:
    """How a replica is spread: `tensor` times `data` accelerators share a layer, `stages` times.

    `data` is the data parallelism of the attention: so many ranks keep whole attention weights
    and their own sequences, while the rest of a layer is split over all.
    """

    tensor: int = 1
    data: int = 1
    stages: int = 1

    @property
    def group(self) -> int:
        """Accelerators that share a layer."""
        return self.tensor * self.data

    @property
    def accelerators(self) -> int:
        """Accelerators of the replica."""
        return self.group * self.stages


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as one accelerator sees it. Names and units are the glossary's."""

    n_layers: Number
    n_mixture_layers: Number
    routed_experts: Number
    experts_per_token: Number
    dense_read_bytes: Number
    expert_read_bytes: Number
    stored_bytes: Number
    cache_bytes_per_token: Number
    window_cache_bytes_per_token: Number
    window: Number
    wide_token_seconds: Number
    narrow_token_seconds: Number
    wide_expert_seconds: Number
    narrow_expert_seconds: Number
    pair_seconds: Number
    window_pair_seconds: Number
    token_exchange_bytes: Number
    group_accelerators: Number
    data_ranks: Number
    pipeline_stages: Number
    bytes_per_s: Number
    link_bytes_per_s: Number
    memory_bytes: Number
    context_tokens: Number


def replica(
    decoder: DecoderShape, numerics: Numerics, hardware: Hardware, layout: Layout
) -> Replica:
    """Bring a model, its precision, an accelerator and a layout down to one accelerator.

    Raises: ValueError where the layout needs a link that is not known, a part is not whole, or the
    model's width cannot be shared out evenly.
    """
    _check_layout(layout, hardware, decoder)
    group, stages = layout.group, layout.stages
    attention_bytes = decoder.attention_params * numerics.attention_bits / BITS_PER_BYTE
    shared_bytes = decoder.shared_params * numerics.shared_bits / BITS_PER_BYTE
    expert_bytes = decoder.expert_params * numerics.expert_bits / BITS_PER_BYTE
    head_bytes = decoder.head_params * WIDE_BYTES
    dense_bytes = attention_bytes / layout.tensor + (shared_bytes + head_bytes) / group
    index_bytes = expert_bytes * decoder.n_mixture_layers / group
    embedding_bytes = decoder.embedding_params * WIDE_BYTES / group
    stored = dense_bytes + index_bytes * decoder.routed_experts + embedding_bytes
    kept = numerics.cache_bytes_per_element / min(layout.tensor, decoder.cache_heads)
    wide, narrow = _dense_seconds(decoder, numerics, hardware)
    wide_expert, narrow_expert = _expert_seconds(decoder, numerics, hardware)
    pair_rate = hardware.flops_per_s[WIDE_BITS] * group
    halved = 2 if layout.data > 1 else 1
    return Replica(
        n_layers=decoder.n_layers,
        n_mixture_layers=decoder.n_mixture_layers,
        routed_experts=decoder.routed_experts,
        experts_per_token=decoder.experts_per_token,
        dense_read_bytes=dense_bytes,
        expert_read_bytes=index_bytes,
        stored_bytes=stored / stages,
        cache_bytes_per_token=decoder.cache_elements * kept,
        window_cache_bytes_per_token=decoder.window_cache_elements * kept,
        window=decoder.window,
        wide_token_seconds=wide / group,
        narrow_token_seconds=narrow / group,
        wide_expert_seconds=wide_expert / group,
        narrow_expert_seconds=narrow_expert / group,
        pair_seconds=decoder.pair_flops / pair_rate,
        window_pair_seconds=decoder.window_pair_flops / pair_rate,
        token_exchange_bytes=decoder.d_model * WIDE_BYTES / halved,
        group_accelerators=group,
        data_ranks=layout.data,
        pipeline_stages=stages,
        bytes_per_s=hardware.bytes_per_s,
        link_bytes_per_s=hardware.link_bytes_per_s or hardware.bytes_per_s,
        memory_bytes=hardware.memory_bytes,
        context_tokens=decoder.context_tokens or math.inf,
    )


def _check_layout(layout: Layout, hardware: Hardware, decoder: DecoderShape) -> None:
    for name in ("tensor", "data", "stages"):
        value = getattr(layout, name)
        if value < 1 or value % 1:
            raise ValueError(
                f"{name} is {value}, but a layout's parts are whole numbers, 1 or more: "
                "give for example 8."
            )
    if not decoder.divides_among(layout.tensor):
        even = next(ranks for ranks in (8, 4, 2, 1) if decoder.divides_among(ranks))
        raise ValueError(
            f"tensor is {layout.tensor}, but the width of {decoder.name}, {decoder.d_model:,}, "
            f"must be shared out evenly: give one of its divisors, for example {even}."
        )
    if layout.group > 1 and hardware.link_bytes_per_s is None:
        raise ValueError(
            f"link_bytes_per_s of {hardware.name} is not known, but {layout.group} accelerators "
            "that share a layer need it: give a Hardware with link_bytes_per_s, or tensor=1."
        )


def _dense_seconds(
    decoder: DecoderShape, numerics: Numerics, hardware: Hardware
) -> tuple[float, float]:
    """Seconds of a token's products outside experts at full rate on one accelerator."""
    parts = (
        (decoder.attention_params, numerics.attention_compute_bits),
        (decoder.shared_params, numerics.shared_compute_bits),
    )
    return _seconds_by_width(parts, hardware)


def _expert_seconds(
    decoder: DecoderShape, numerics: Numerics, hardware: Hardware
) -> tuple[float, float]:
    """Seconds of the products of a token's experts at full rate on one accelerator."""
    active = decoder.expert_params * decoder.experts_per_token * decoder.n_mixture_layers
    return _seconds_by_width(((active, numerics.expert_compute_bits),), hardware)


def _seconds_by_width(
    parts: tuple[tuple[int, int], ...], hardware: Hardware
) -> tuple[float, float]:
    seconds = [0.0, 0.0]
    for params, bits in parts:
        flops_per_s, narrow = hardware.rate(bits)
        seconds[narrow] += 2 * params / flops_per_s
    return seconds[0], seconds[1]
