"""From a load to accelerators: the largest batch that keeps the targets, and replicas of it.

A replica with B requests in flight finishes B / (time of a request) of them in a second (Little),
and the time of a request grows with B. So the largest batch that meets the latency targets and
whose caches fit is also the most that a replica carries. A peak rate then needs so many replicas
that none is used beyond the target utilization, and the spare. With the replicas chosen, requests
in flight and the time of a step are each other's cause: a fixed point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from estimator import step_time
from estimator.arithmetic import Number, maximum
from estimator.engine import (
    Constants,
    DecoderShape,
    Hardware,
    Layout,
    Numerics,
    Replica,
    Service,
    Spreads,
    Uncertain,
    first_token_floor_seconds,
    replica,
    sequences_that_fit,
    serve,
    serve_unchecked,
)
from estimator.formula import check_inputs, facts_of
from estimator.units import GB, seconds_text

LARGEST_BATCH = 1024
"""Requests in flight that an engine is let take; assumed, engines set it for themselves."""
WIDEST = 8
"""Accelerators of a node, the most over which wider layouts are tried."""
CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Load:
    """A peak rate of requests, and how long they are."""

    requests_per_s: float
    prompt_tokens: float
    output_tokens: float


@dataclass(frozen=True, slots=True)
class Targets:
    """What the service promises: seconds, None for no promise, and what is held in reserve."""

    token_seconds: float | None = None
    first_token_seconds: float | None = None
    target_utilization: float = 0.75
    spare_replicas: int = 1
    largest_batch: int = LARGEST_BATCH


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica carries at most, and what keeps it from more."""

    batch: int
    requests_per_s: float
    limit: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Replicas at work under a load, as when the spare is gone.

    Of the time to first token there are three: the floor is the prompt alone at full rates; the
    estimate has the queue of a closed loop, as measured runs have it; and with arrivals at random
    and no bursts there is the queue of an M/D/1 before the prompt and a step behind it.
    """

    requests_in_flight: float
    batch: float
    utilization: float
    token_seconds: Uncertain
    first_token_floor_seconds: float
    first_token_seconds: Uncertain
    first_token_random_seconds: float
    service: Service


@dataclass(frozen=True, slots=True)
class Sizing:
    """How many replicas and accelerators a load needs; infinitely many where no batch may do.

    Their interval is that of the time per output token. The time to first token is known far less
    well: its own interval stands in `operation`, to be held against the target.
    """

    capacity: Capacity
    replicas: Uncertain
    accelerators: Uncertain
    operation: Operation


class NoBatchError(ValueError):
    """No batch meets the targets, or none fits."""


class SaturatedError(ValueError):
    """A load beyond what the replicas carry; `requests_per_s` is the rate that would fit."""

    def __init__(self, message: str, requests_per_s: float) -> None:
        super().__init__(message)
        self.requests_per_s = requests_per_s


def replica_rate(
    replica: Replica, constants: Constants, batch: Number, prompt: Number, output: Number
) -> Number:
    """Requests a second of one replica with so many in flight; arrays sweep it in one call."""
    service = serve(replica, constants, batch, prompt, output)
    rate: Number = batch / service.request_seconds
    return rate


def size_model(
    decoder: DecoderShape,
    numerics: Numerics,
    hardware: Hardware,
    layout: Layout,
    constants: Constants,
    spreads: Spreads,
    load: Load,
    targets: Targets,
) -> Sizing:
    """Size a service of a model; `spreads` are those of its kind of model.

    Raises: NoBatchError: no batch will do; the message says what would. ValueError: a quantity
    out of its range.
    """
    made = replica(decoder, numerics, hardware, layout)
    try:
        return size_service(made, constants, spreads, load, targets)
    except NoBatchError as error:
        wider = _wider(decoder, numerics, hardware, layout, constants, load, targets)
        raise NoBatchError(f"{error} {wider}") from None


def _wider(
    decoder: DecoderShape,
    numerics: Numerics,
    hardware: Hardware,
    layout: Layout,
    constants: Constants,
    load: Load,
    targets: Targets,
) -> str:
    """Say which wider layout of one node would do, if any."""
    tensor = 2 * layout.tensor
    while tensor * layout.data <= WIDEST and hardware.link_bytes_per_s:
        made = replica(decoder, numerics, hardware, replace(layout, tensor=tensor))
        try:
            most(made, constants, load, targets)
        except NoBatchError:
            tensor *= 2
        else:
            return f"tensor={tensor} would do."
    return f"No wider layout of up to {WIDEST} {hardware.name} would do either."


def size_service(
    replica: Replica,
    constants: Constants,
    spreads: Spreads,
    load: Load,
    targets: Targets,
) -> Sizing:
    """Size a service of one kind of replica.

    Raises: NoBatchError: no batch meets the targets; ValueError: a quantity out of its range.
    """
    _check(load, targets)
    known: dict[int, Service] = {}
    capacity = most(replica, constants, load, targets, known=known)
    middle = _replicas(capacity.requests_per_s, load, targets)
    sides = (spreads.token.low, spreads.token.high)
    ends = [_replicas_if(replica, constants, load, targets, side, known) for side in sides]
    each = float(replica.group_accelerators * replica.pipeline_stages)
    serving = middle - targets.spare_replicas
    operation = operate(replica, constants, spreads, load, targets, max(1, serving), capacity)
    return Sizing(
        capacity,
        Uncertain(ends[0], middle, ends[1]),
        Uncertain(each * ends[0], each * middle, each * ends[1]),
        operation,
    )


def _check(load: Load, targets: Targets) -> None:
    check_inputs(
        requests_per_s=load.requests_per_s,
        prompt_tokens=load.prompt_tokens,
        output_tokens=load.output_tokens,
        target_utilization=targets.target_utilization,
        spare_replicas=targets.spare_replicas,
    )
    positive = {
        "requests_per_s": load.requests_per_s,
        "prompt_tokens": load.prompt_tokens,
        "output_tokens": load.output_tokens,
        "token_seconds": targets.token_seconds,
        "first_token_seconds": targets.first_token_seconds,
        "largest_batch": targets.largest_batch,
    }
    for name, value in positive.items():
        least = 1 if name in ("prompt_tokens", "output_tokens", "largest_batch") else 0
        if value is not None and (not value > 0 or value < least):
            raise ValueError(
                f"{name} is {value}, but a load or a target of {'less than 1' if least else '0'} "
                f"cannot be sized: give {'1 or more' if least else 'more than 0'}."
            )


_needed = facts_of(step_time.replicas_needed).bare
_queue = facts_of(step_time.prefill_queue_seconds).bare


def _replicas(rate: float, load: Load, targets: Targets) -> float:
    count: float = _needed(
        load.requests_per_s, rate, targets.target_utilization, targets.spare_replicas
    )
    return count


def _replicas_if(
    replica: Replica,
    constants: Constants,
    load: Load,
    targets: Targets,
    factor: float,
    known: dict[int, Service],
) -> float:
    """Replicas if a token took `factor` of its estimate; infinite if then no batch will do."""
    try:
        capacity = most(replica, constants, load, targets, factor, known)
    except NoBatchError:
        return math.inf
    return _replicas(capacity.requests_per_s, load, targets)


def most(
    replica: Replica,
    constants: Constants,
    load: Load,
    targets: Targets,
    factor: float = 1,
    known: dict[int, Service] | None = None,
) -> Capacity:
    """Find the largest batch that meets the targets if a token takes `factor` of its estimate.

    Raises: NoBatchError: not even one request meets them, or its cache does not fit.
    """
    cache = {} if known is None else known

    def at(batch: int) -> Service:
        if batch not in cache:
            cache[batch] = serve_unchecked(
                replica, constants, batch, load.prompt_tokens, load.output_tokens
            )
        return cache[batch]

    room = _room(replica, load)
    missed = _missed(at(1), targets, factor)
    if missed:
        raise NoBatchError(_no_batch(missed, at(1), targets, factor))
    low, high = 1, min(room, targets.largest_batch) + 1
    limit = "cache" if room <= targets.largest_batch else "largest batch"
    while high - low > 1:
        middle = (low + high) // 2
        missed = _missed(at(middle), targets, factor)
        low, high = (low, middle) if missed else (middle, high)
        limit = missed or limit
    return Capacity(low, low / _request_seconds(at(low), load, factor), limit)


def _room(replica: Replica, load: Load) -> int:
    """Requests whose caches fit when each is at its longest."""
    room = math.floor(sequences_that_fit(replica, load.prompt_tokens + load.output_tokens))
    if room >= 1:
        return room
    tokens = load.prompt_tokens + load.output_tokens
    raise NoBatchError(
        f"batch 1 does not fit: the weights take {float(replica.stored_bytes) / GB:.1f} GB of an "
        f"accelerator's {float(replica.memory_bytes) / GB:.1f} GB, which leaves no room for the "
        f"cache of {tokens:g} tokens."
    )


def _request_seconds(service: Service, load: Load, factor: float) -> float:
    others = maximum(0, load.output_tokens - 1) * service.token_seconds * factor
    return float(service.first_token_seconds + others)


def _missed(service: Service, targets: Targets, factor: float) -> str:
    """Name the target that a batch misses, empty if none."""
    token, first = targets.token_seconds, targets.first_token_seconds
    if token is not None and service.token_seconds * factor > token:
        return "token_seconds"
    if first is not None and service.first_token_seconds > first:
        return "first_token_seconds"
    return ""


def _no_batch(missed: str, alone: Service, targets: Targets, factor: float) -> str:
    reached = seconds_text(
        float(getattr(alone, missed)) * (factor if missed == "token_seconds" else 1)
    )
    wanted = seconds_text(float(getattr(targets, missed)))
    return (
        f"{missed} of {wanted} is met by no batch: one request alone has {reached}. "
        f"A target of {reached} or more would be met."
    )


def operate(
    replica: Replica,
    constants: Constants,
    spreads: Spreads,
    load: Load,
    targets: Targets,
    replicas: float,
    capacity: Capacity | None = None,
) -> Operation:
    """Find requests in flight and times of so many replicas under a load.

    Raises: SaturatedError: the load is past the target utilization; its message and its
    `requests_per_s` give the rate that would fit. NoBatchError, ValueError: as `size_service`.
    """
    if capacity is None:
        _check(load, targets)
        capacity = most(replica, constants, load, targets)
    _refuse_saturation(load, targets, replicas, capacity)
    share = load.requests_per_s / replicas
    batch, service = _steady(replica, constants, load, share, capacity.batch)
    prefill, step = float(service.prefill_seconds), float(service.decode_step_seconds)
    busy = min(share * prefill / float(replica.pipeline_stages), 0.999)
    return Operation(
        requests_in_flight=batch * replicas,
        batch=batch,
        utilization=share / capacity.requests_per_s,
        token_seconds=spreads.token.around(float(service.token_seconds)),
        first_token_floor_seconds=float(first_token_floor_seconds(replica, load.prompt_tokens)),
        first_token_seconds=spreads.first_token.around(float(service.first_token_seconds)),
        first_token_random_seconds=_queue(prefill, busy) + prefill + step,
        service=service,
    )


def _refuse_saturation(load: Load, targets: Targets, replicas: float, capacity: Capacity) -> None:
    if not replicas >= 1:
        raise ValueError(
            f"replicas is {replicas}, but a service has 1 or more: give for example 4."
        )
    fits = replicas * capacity.requests_per_s * targets.target_utilization
    if load.requests_per_s > fits * (1 + CLOSE):
        needed = _replicas(capacity.requests_per_s, load, replace(targets, spare_replicas=0))
        raise SaturatedError(
            f"requests_per_s is {load.requests_per_s:g}, but {replicas:g} replicas carry "
            f"{fits:.4g} at {targets.target_utilization:.0%} utilization: send {fits:.4g} "
            f"requests a second, or give {needed:g} replicas.",
            fits,
        )


def _steady(
    replica: Replica, constants: Constants, load: Load, rate: float, largest: int
) -> tuple[float, Service]:
    """Find the batch whose requests come and go at a rate: batch = rate x time of a request.

    Falsi with halved ends (Illinois); the rate that a batch serves grows with it.
    """

    def at(batch: float) -> tuple[float, Service]:
        service = serve_unchecked(replica, constants, batch, load.prompt_tokens, load.output_tokens)
        return batch / float(service.request_seconds) - rate, service

    low, (under, service) = 1.0, at(1.0)
    if under >= 0:
        return rate * float(service.request_seconds), service
    high, (over, service) = float(largest), at(float(largest))
    batch = high
    while abs(over) > CLOSE * rate and high - low > CLOSE * high:
        batch = high - over * (high - low) / (over - under)
        excess, service = at(batch)
        if abs(excess) <= CLOSE * rate:
            break
        if excess > 0:
            high, over, under = batch, excess, under / 2
        else:
            low, under, over = batch, excess, over / 2
    return batch, service


def rate_that_fits(
    replica: Replica, constants: Constants, load: Load, targets: Targets, replicas: Number
) -> Number:
    """Requests a second that so many replicas carry at the target utilization."""
    capacity = most(replica, constants, load, targets)
    return maximum(0, replicas) * capacity.requests_per_s * targets.target_utilization
