"""A replica that serves a model: its facts, and the time of its steps part by part.

`DecoderShape` holds what the step time needs of a model, `Numerics` how its weights are kept and
computed, `Hardware` the accelerator, `Layout` how a replica is spread; `replica` brings them down
to what one accelerator reads, computes and sends. `serve` then gives every part of a token's time
by the formulas of `step_time`. All fields may be arrays that broadcast: a sweep is one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from estimator import serving, step_time
from estimator.arithmetic import Number, maximum
from estimator.formula import check_inputs, facts_of
from estimator.units import BITS_PER_BYTE, GB

WIDE_BYTES = 2
RUNTIME_BYTES = 2 * GB
"""Bytes that an engine keeps beside weights and cache: activations, graphs, buffers; assumed."""
MEMORY_UTILIZATION = 0.9
"""Share of the rest that becomes cache; assumed, engines let it be set."""


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """What the time of a step needs of a model. Parameters are counted over all layers.

    An architecture read from elsewhere becomes one of these; `expert_params` is one expert of one
    layer, `cache_heads` the heads over which a cache can be split (1 for a latent), and a pair is
    one query looking at one key in every layer of that kind.
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

        An accelerator without such a rate computes them in the next wider numbers.
        """
        usable = [width for width in self.flops_per_s if width >= bits]
        width = min(usable)
        return self.flops_per_s[width], width < 16


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


@dataclass(frozen=True, slots=True)
class Constants:
    """The nine fitted constants; `catalog.step_constants()` tells where each comes from."""

    memory_efficiency: float
    compute_efficiency: float
    narrow_efficiency: float
    expert_efficiency: float
    link_efficiency: float
    layer_seconds: float
    mixture_seconds: float
    hop_seconds: float
    sequence_seconds: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Factors that take an estimate to its P10 and its P90."""

    low: float
    high: float

    def around(self, seconds: Number) -> Uncertain:
        """Give an estimate its interval."""
        return Uncertain(seconds * self.low, seconds, seconds * self.high)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An estimate with its interval: as often below `p10` as above `p90`, one time in ten each."""

    p10: Number
    p50: Number
    p90: Number


@dataclass(frozen=True, slots=True)
class Spreads:
    """How far measured times lie from their estimates, on groups that the fit has not seen."""

    token: Spread
    first_token: Spread


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a token's time, seconds, and what a roofline alone would say."""

    batch: Number
    weight_seconds: Number
    matmul_seconds: Number
    cache_seconds: Number
    exchange_seconds: Number
    overhead_seconds: Number
    decode_step_seconds: Number
    prefill_seconds: Number
    prompts_waited: Number
    token_seconds: Number
    first_token_seconds: Number
    request_seconds: Number


def replica(
    decoder: DecoderShape, numerics: Numerics, hardware: Hardware, layout: Layout
) -> Replica:
    """Bring a model, its precision, an accelerator and a layout down to one accelerator.

    Raises: ValueError where the layout needs a link that is not known, or a part is not whole.
    """
    _check_layout(layout, hardware)
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
    pair_rate = hardware.flops_per_s[16] * group
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
    )


def _check_layout(layout: Layout, hardware: Hardware) -> None:
    for name in ("tensor", "data", "stages"):
        value = getattr(layout, name)
        if value < 1 or value % 1:
            raise ValueError(
                f"{name} is {value}, but a layout's parts are whole numbers, 1 or more: "
                "give for example 8."
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


def _bare(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Give a formula without its checks: the caller has checked the inputs once."""
    return facts_of(formula).bare


_touched = _bare(serving.experts_touched)
_weight_bytes = _bare(step_time.step_weight_bytes)
_cache_bytes = _bare(step_time.sequence_cache_bytes)
_read = _bare(step_time.read_seconds)
_matmul = _bare(step_time.matmul_seconds)
_transfer = _bare(step_time.transfer_seconds)
_exchange = _bare(step_time.exchange_seconds)
_overhead = _bare(step_time.overhead_seconds)
_step = _bare(step_time.decode_step_seconds)
_pairs = _bare(step_time.prompt_attention_seconds)
_prefill = _bare(step_time.prefill_seconds)
_waited = _bare(step_time.prompts_waited)
_wave = _bare(step_time.wave_prompts_waited)
_token = _bare(step_time.token_seconds)
_first = _bare(step_time.first_token_seconds)
_request = _bare(step_time.request_seconds)


def serve(
    replica: Replica,
    constants: Constants,
    batch: Number,
    prompt_tokens: Number,
    output_tokens: Number,
    *,
    waves: Number = 0,
) -> Service:
    """Every part of a token's time with `batch` requests in flight on the replica.

    `waves` 1 says that the prompts come in waves: an engine that prefills first, with outputs of
    one length, starts and ends all its requests together. Then half of the other prompts come
    before a request's first token and half after it.

    Raises: ValueError, TypeError: a batch or a length that is none.
    """
    load = check_inputs(batch=batch, prompt_tokens=prompt_tokens, output_tokens=output_tokens)
    for name in ("prompt_tokens", "output_tokens"):
        if _smallest(load[name]) < 1:
            raise ValueError(
                f"{name} is {_smallest(load[name]):g}, but a served request has 1 token or more: "
                "give for example 512."
            )
    return serve_unchecked(
        replica, constants, load["batch"], load["prompt_tokens"], load["output_tokens"], waves
    )


def _smallest(value: Number) -> float:
    return float(value.min()) if hasattr(value, "min") else float(value)


def serve_unchecked(
    r: Replica, c: Constants, batch: Number, prompt: Number, output: Number, waves: Number = 0
) -> Service:
    """Do what `serve` does where the caller has checked batch and lengths once."""
    per_stage = batch / r.pipeline_stages
    rank_batch = per_stage / r.data_ranks
    touched = _touched(r.routed_experts, r.experts_per_token, per_stage)
    weight_bytes = _weight_bytes(r.dense_read_bytes, r.expert_read_bytes, touched)
    weights = _read(weight_bytes, r.bytes_per_s, c.memory_efficiency)
    sequence_bytes = _cache_bytes(
        r.cache_bytes_per_token,
        prompt + output / 2,
        r.window_cache_bytes_per_token,
        r.window,
    )
    cache = _read(rank_batch * sequence_bytes, r.bytes_per_s, c.memory_efficiency)
    products = _products(r, c, per_stage)
    exchange = _exchange(r.n_layers, r.group_accelerators, c.hop_seconds, _volume(r, c, per_stage))
    overhead = _overhead(
        r.n_layers,
        c.layer_seconds,
        rank_batch,
        c.sequence_seconds,
        r.n_mixture_layers,
        c.mixture_seconds,
    )
    step = _step(weights, products, cache, exchange, overhead)
    pairs = _pairs(prompt, r.pair_seconds, r.window_pair_seconds, r.window)
    prefill = _prefill(_products(r, c, prompt), pairs, c.compute_efficiency, _volume(r, c, prompt))
    waited = _waited(batch)
    waited = waited + waves * (_wave(batch, prompt) - waited)
    token = _token(step, prefill, batch, waited, output, r.pipeline_stages)
    first = _first(prefill, waited, step)
    return Service(
        batch=batch,
        weight_seconds=weights,
        matmul_seconds=products,
        cache_seconds=cache,
        exchange_seconds=exchange,
        overhead_seconds=overhead,
        decode_step_seconds=step,
        prefill_seconds=prefill,
        prompts_waited=waited,
        token_seconds=token,
        first_token_seconds=first,
        request_seconds=_request(first, token, output),
    )


def _products(r: Replica, c: Constants, tokens: Number) -> Number:
    seconds: Number = _matmul(
        tokens,
        r.wide_token_seconds,
        r.narrow_token_seconds,
        r.wide_expert_seconds,
        r.narrow_expert_seconds,
        c.compute_efficiency,
        c.narrow_efficiency,
        c.expert_efficiency,
    )
    return seconds


def _volume(r: Replica, c: Constants, tokens: Number) -> Number:
    seconds: Number = _transfer(
        r.n_layers,
        r.group_accelerators,
        tokens,
        r.token_exchange_bytes,
        r.link_bytes_per_s,
        c.link_efficiency,
    )
    return seconds


IDEAL = Constants(1, 1, 1, 1, 1, 0, 0, 0, 0)
"""Every rate of the data sheet reached, and no overhead: a floor."""


def roofline_token_seconds(replica: Replica, batch: Number, tokens: Number) -> Number:
    """Give the pure roofline of a decode step: bytes at full bandwidth or FLOPs at the full rate.

    What most calculators print as the time per output token. It knows no prompt, no link and no
    overhead.
    """
    service = serve_unchecked(replica, IDEAL, batch, tokens, 1e-9)
    return maximum(service.weight_seconds + service.cache_seconds, service.matmul_seconds)


def first_token_floor_seconds(replica: Replica, prompt_tokens: Number) -> Number:
    """Give the time to prefill one prompt at the full rate of every accelerator: a floor."""
    return serve_unchecked(replica, IDEAL, 1, prompt_tokens, 1).prefill_seconds


def sequences_that_fit(replica: Replica, tokens: Number) -> Number:
    """Sequences of so many tokens whose cache the replica can keep; 0 where the weights do not fit.

    Of each accelerator's memory the weights and `RUNTIME_BYTES` are taken, and
    `MEMORY_UTILIZATION` of the rest is cache.
    """
    rest_bytes = maximum(0, replica.memory_bytes - replica.stored_bytes - RUNTIME_BYTES)
    kept = _cache_bytes(
        replica.cache_bytes_per_token,
        tokens,
        replica.window_cache_bytes_per_token,
        replica.window,
    )
    one = kept / replica.pipeline_stages
    sequences: Number = rest_bytes * MEMORY_UTILIZATION * replica.data_ranks / one
    return sequences
