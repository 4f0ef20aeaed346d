"""The time of a replica's steps, part by part, and how far it may be trusted.

`serve` gives every part of a token's time by the formulas of `step_time`, for a replica that
`replica` has made. All fields may be arrays that broadcast: a sweep is one call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from estimator import serving, step_time
from estimator.arithmetic import Number, maximum, minimum
from estimator.formula import unchecked
from estimator.glossary import quantity
from estimator.quantity import check_each
from estimator.replica import (
    WIDE_BYTES,
    DecoderShape,
    Hardware,
    Layout,
    Numerics,
    Replica,
    replica,
)
from estimator.units import GB

__all__ = [
    "MEMORY_UTILIZATION", "RUNTIME_BYTES", "WIDE_BYTES", "Constants", "DecoderShape", "Hardware",
    "Layout", "Lengths", "Numerics", "Replica", "Service", "Spread", "Spreads", "Uncertain",
    "first_token_floor_seconds", "lengths_of", "replica", "roofline_token_seconds",
    "sequences_that_fit", "serve", "serve_lengths", "serve_unchecked",
]  # fmt: skip

RUNTIME_BYTES = 2 * GB
"""Bytes that an engine keeps beside weights and cache: activations, graphs, buffers; assumed."""
MEMORY_UTILIZATION = 0.9
"""Share of the rest that becomes cache; assumed, engines let it be set."""


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
    """Factors that take an estimate to its P10 and its P90, and to the median between them.

    The time per output token is fitted, so that its estimate stands in the middle. The time to
    first token is not: most runs wait longer than a queue without bursts says.
    """

    low: float
    high: float
    middle: float = 1

    def around(self, seconds: Number) -> Uncertain:
        """Give an estimate its interval."""
        return Uncertain(seconds * self.low, seconds * self.middle, seconds * self.high)


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
    prompts_seconds: Number
    request_seconds: Number


_touched = unchecked(serving.experts_touched)
_weight_bytes = unchecked(step_time.step_weight_bytes)
_cache_bytes = unchecked(step_time.sequence_cache_bytes)
_read = unchecked(step_time.read_seconds)
_matmul = unchecked(step_time.matmul_seconds)
_transfer = unchecked(step_time.transfer_seconds)
_exchange = unchecked(step_time.exchange_seconds)
_overhead = unchecked(step_time.overhead_seconds)
_step = unchecked(step_time.decode_step_seconds)
_pairs = unchecked(step_time.prompt_attention_seconds)
_prefill = unchecked(step_time.prefill_seconds)
_waited = unchecked(step_time.prompts_waited)
_wave = unchecked(step_time.wave_prompts_waited)
_token = unchecked(step_time.token_seconds)
_first = unchecked(step_time.first_token_seconds)
_prompts = unchecked(step_time.prompts_seconds)
_request = unchecked(step_time.request_seconds)


_SERVED = {
    "batch": quantity("batch"),
    "prompt_tokens": replace(quantity("prompt_tokens"), low=1),
    "output_tokens": replace(quantity("output_tokens"), low=1),
}


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
    given = {"batch": batch, "prompt_tokens": prompt_tokens, "output_tokens": output_tokens}
    load = check_each(_SERVED, given)
    return serve_unchecked(
        replica, constants, load["batch"], load["prompt_tokens"], load["output_tokens"], waves
    )


@dataclass(frozen=True, slots=True)
class Lengths:
    """What hangs on the lengths of a request, and not on the batch: found once for all batches."""

    prompt_tokens: Number
    output_tokens: Number
    sequence_bytes: Number
    prefill_seconds: Number


def serve_unchecked(
    r: Replica, c: Constants, batch: Number, prompt: Number, output: Number, waves: Number = 0
) -> Service:
    """Do what `serve` does where the caller has checked batch and lengths once."""
    return serve_lengths(r, c, batch, lengths_of(r, c, prompt, output), waves)


def lengths_of(r: Replica, c: Constants, prompt: Number, output: Number) -> Lengths:
    """Take what `serve_lengths` needs from the lengths of prompt and output."""
    sequence_bytes = _cache_bytes(
        r.cache_bytes_per_token,
        prompt + output / 2,
        r.window_cache_bytes_per_token,
        r.window,
    )
    pairs = _pairs(prompt, r.pair_seconds, r.window_pair_seconds, r.window)
    prefill = _prefill(_products(r, c, prompt), pairs, c.compute_efficiency, _volume(r, c, prompt))
    return Lengths(prompt, output, sequence_bytes, prefill)


def serve_lengths(
    r: Replica, c: Constants, batch: Number, lengths: Lengths, waves: Number = 0
) -> Service:
    """Do what `serve_unchecked` does, for one batch of several."""
    output, prefill = lengths.output_tokens, lengths.prefill_seconds
    per_stage = batch / r.pipeline_stages
    rank_batch = per_stage / r.data_ranks
    touched = _touched(r.routed_experts, r.experts_per_token, per_stage)
    weight_bytes = _weight_bytes(r.dense_read_bytes, r.expert_read_bytes, touched)
    weights = _read(weight_bytes, r.bytes_per_s, c.memory_efficiency)
    cache = _read(rank_batch * lengths.sequence_bytes, r.bytes_per_s, c.memory_efficiency)
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
    waited = _waited(batch)
    if not isinstance(waves, int) or waves:
        waited = waited + waves * (_wave(batch, lengths.prompt_tokens) - waited)
    token = _token(step, prefill, batch, waited, output, r.pipeline_stages)
    first = _first(prefill, waited, step)
    prompts = _prompts(prefill, batch, r.pipeline_stages)
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
        prompts_seconds=prompts,
        request_seconds=_request(first, token, output, prompts),
    )


def slower_request_seconds(service: Service, output_tokens: Number, factor: Number) -> Number:
    """Give the time of a whole request whose tokens take `factor` of their estimate."""
    prompts = service.prompts_seconds * minimum(1, factor)
    token = service.token_seconds * factor
    seconds: Number = _request(service.first_token_seconds, token, output_tokens, prompts)
    return seconds


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
