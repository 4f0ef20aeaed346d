"""A whole service of any kind: requests answered by replicas, as arrays in one call.

Systems of two kinds go through the same engine model. One adds a token with each pass of its
model: prompts and answers, batches, caches (`engine`, `load`). The other works over all tokens of
a picture or a video in each pass, which is what an engine does with a prompt: its passes take the
time of a prefill each, one request at a time.

`load` sizes one service; here every field may be an array, so that a million services, or ten
thousand draws for one, are one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from estimator.arithmetic import Number, minimum, where
from estimator.capacity import LARGEST_BATCH
from estimator.engine import (
    RUNTIME_BYTES,
    WIDE_BYTES,
    Constants,
    DecoderShape,
    Hardware,
    Layout,
    Numerics,
    Replica,
    Service,
    lengths_of,
    replica,
    sequences_that_fit,
    serve_lengths,
    serve_unchecked,
    slower_request_seconds,
)
from estimator.formula import COUNTED, facts_of, formula
from estimator.serving import generation_seconds

TENSOR_PARALLEL = (1, 2, 4, 8)
"""Accelerators that may share each layer."""
NEARLY = 1.25
"""Times the fewest accelerators that a plan of narrower replicas may take; assumed.

A split is one more thing to run, so that a wider replica has to save a good part.
"""

_generation = facts_of(generation_seconds).bare


@formula(source=f"{COUNTED}: a pass over many tokens is computed as a prompt is")
def pass_seconds(prefill_seconds: Number, overhead_seconds: Number) -> Number:
    """Time of a pass over all tokens of a picture or a video.

    >>> pass_seconds(0.25, overhead_seconds=0.002)
    0.252
    """
    seconds = prefill_seconds + overhead_seconds
    return seconds


@formula(source=f"{COUNTED}: each sequence of the batch at its full length")
def replica_bytes(
    weight_bytes: Number, kv_cache_bytes: Number, runtime_bytes: Number = RUNTIME_BYTES
) -> Number:
    """Memory that a replica uses, all its accelerators together.

    >>> replica_bytes(6_000_000_000, kv_cache_bytes=30_000_000_000)
    38000000000
    """
    size_bytes = weight_bytes + kv_cache_bytes + runtime_bytes
    return size_bytes


@formula(source=f"{COUNTED}: what users leave behind, and what is there without them")
def kept_bytes(retained_bytes: Number, copied_bytes: Number) -> Number:
    """Everything that is kept: interactions, and all copies of profiles and collections.

    >>> kept_bytes(75_000_000_000_000, copied_bytes=1_000_000_000_000)
    76000000000000
    """
    size_bytes = retained_bytes + copied_bytes
    return size_bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """What serving needs of a model beside its parameters.

    `whole_passes` says that each pass works over all its tokens at once, with every token seeing
    every other, and that nothing is cached. `cache_elements` are kept of a token over all layers.
    """

    name: str
    n_layers: int
    d_model: int
    cache_elements: int = 0
    cache_heads: int = 1
    whole_passes: bool = False

    def decoder(self, n_params: Number) -> DecoderShape:
        """Give the shape to the engine model, all parameters read in every step."""
        # A score and a sum, 2 FLOP each for every number of the width, with half of the tokens
        # before one, or with all of them.
        pair_flops = 4 * self.n_layers * self.d_model * (2 if self.whole_passes else 1)
        return DecoderShape(
            name=self.name,
            n_layers=self.n_layers,
            n_mixture_layers=0,
            d_model=self.d_model,
            attention_params=0,
            shared_params=n_params,  # type: ignore[arg-type]  # may be an array, as may all
            head_params=0,
            embedding_params=0,
            expert_params=0,
            routed_experts=1,
            experts_per_token=0,
            cache_elements=self.cache_elements,
            window_cache_elements=0,
            window=1,
            cache_heads=self.cache_heads,
            pair_flops=pair_flops,
            window_pair_flops=0,
        )

    def cache_bytes_per_token(self) -> int:
        """Bytes that are kept of one token, over all accelerators of a replica."""
        return self.cache_elements * WIDE_BYTES


@dataclass(frozen=True, slots=True)
class Work:
    """What one request asks of the model; for whole passes a prompt counts with each pass."""

    prompt_tokens: Number
    passes: Number
    pass_tokens: Number


@dataclass(frozen=True, slots=True)
class Served:
    """A replica at the most that it carries. A rate of 0: no batch is good enough, or none fits."""

    batch: Any
    replica_requests_per_s: Any
    token_seconds: Any
    request_seconds: Any


def serve_most(
    made: Replica,
    constants: Constants,
    shape: Shape,
    work: Work,
    token_target_seconds: Number,
    engine_factor: Number = 1,
) -> Served:
    """Find the most that a replica carries, element by element.

    As `capacity.most` does: the largest batch, up to its limit, whose caches fit and whose tokens
    come in time if they take `engine_factor` of their estimate.
    """
    if shape.whole_passes:
        return _serve_passes(made, constants, work, engine_factor)
    return _serve_tokens(made, constants, work, token_target_seconds, engine_factor)


def _serve_passes(made: Replica, constants: Constants, work: Work, factor: Number) -> Served:
    tokens = work.pass_tokens + work.prompt_tokens
    service = serve_unchecked(made, constants, 1, tokens, 1)
    each = facts_of(pass_seconds).bare(service.prefill_seconds, service.overhead_seconds) * factor
    seconds = _generation(each, work.passes)
    fits = made.stored_bytes + RUNTIME_BYTES <= made.memory_bytes
    return Served(1, fits / seconds, each, seconds)


def _serve_tokens(
    made: Replica, constants: Constants, work: Work, target: Number, factor: Number
) -> Served:
    lengths = lengths_of(made, constants, work.prompt_tokens, work.passes)
    room = sequences_that_fit(made, work.prompt_tokens + work.passes)
    most = minimum(room, LARGEST_BATCH) // 1

    def at(batch: Number) -> Service:
        return serve_lengths(made, constants, batch, lengths)

    low = _ones(most, work.prompt_tokens, work.passes, target, factor)
    high = most + low
    while _any(high - low > 1):
        middle = (low + high) // 2
        in_time = at(middle).token_seconds * factor <= target
        low, high = where(in_time, middle, low), where(in_time, high, middle)
    service = at(low)
    token = service.token_seconds * factor
    request = slower_request_seconds(service, work.passes, factor)
    possible = (most >= 1) & (token <= target)
    return Served(low, where(possible, low / request, 0.0), token, request)


def _ones(*values: Number) -> Number:
    """A 1 for each element; for numbers alone a number, with which a search is ten times faster."""
    if all(isinstance(value, int | float) for value in values):
        return 1.0
    import numpy as np

    return np.ones(np.broadcast_shapes(*map(np.shape, values)))


def _any(condition: Any) -> bool:
    return condition if isinstance(condition, bool) else bool(condition.any())


def narrowest(
    shape: Shape,
    n_params: Number,
    numerics: Numerics,
    hardware: Hardware,
    constants: Constants,
    work: Work,
    token_target_seconds: Number,
    planned: Callable[[Any, int], Any],
    engine_factor: Number = 1,
) -> Any:
    """Accelerators of the narrowest replica whose plan is nearly the smallest; 0: none will do.

    `planned` gives the accelerators of a plan from the requests a second that a replica carries
    and its width. Widths that do not divide the model's are passed over.
    """
    decoder = shape.decoder(n_params)
    plans: dict[int, Any] = {}
    for ranks in TENSOR_PARALLEL:
        if ranks > 1 and hardware.link_bytes_per_s is None:
            break
        if not decoder.divides_among(ranks):
            continue
        made = replica(decoder, numerics, hardware, Layout(tensor=ranks))
        served = serve_most(made, constants, shape, work, token_target_seconds, engine_factor)
        carried = served.replica_requests_per_s
        possible = carried > 0
        plans[ranks] = where(possible, planned(where(possible, carried, 1), ranks), math.inf)
    fewest = minimum(*plans.values())
    chosen: Any = 0
    for ranks, plan in reversed(plans.items()):
        chosen = where((plan <= NEARLY * fewest) & (plan < math.inf), ranks, chosen)
    return chosen
