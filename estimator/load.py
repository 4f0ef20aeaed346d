"""From a load to accelerators: the largest batch that keeps the targets, and replicas of it.

`capacity` says what one replica carries. A peak rate then needs so many replicas that none is used
beyond the target utilization, and the spare. With the replicas chosen, requests in flight and the
time of a step are each other's cause: a fixed point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from estimator import step_time
from estimator.capacity import (
    Capacity,
    Load,
    NoBatchError,
    NoRoomError,
    Targets,
    check_load,
    most,
)
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
    serve_unchecked,
)
from estimator.formula import unchecked
from estimator.units import plural, rounded_down

__all__ = [
    "Capacity", "Load", "NoBatchError", "NoRoomError", "Operation",
    "SaturatedError", "Sizing", "Targets", "most", "operate", "size_model", "size_service",
]  # fmt: skip

WIDEST = 8
"""Accelerators of a node, the most over which wider layouts are tried."""
MOST_STAGES = 4
"""Nodes in a row that are tried where one is not enough."""
CLOSE = 1e-6


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


class SaturatedError(ValueError):
    """A load beyond what the replicas carry; `requests_per_s` is the rate that would fit."""

    def __init__(self, message: str, requests_per_s: float) -> None:
        super().__init__(message)
        self.requests_per_s = requests_per_s


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

    def carried(spread: Layout) -> Capacity:
        made = replica(decoder, numerics, hardware, spread)
        return most(made, constants, load, targets, first_factor=spreads.first_token.middle)

    made = replica(decoder, numerics, hardware, layout)
    try:
        return size_service(made, constants, spreads, load, targets)
    except NoBatchError as error:
        raise NoBatchError(f"{error} {_wider(error, layout, decoder, hardware, carried)}") from None


def _wider(
    refused: NoBatchError,
    layout: Layout,
    decoder: DecoderShape,
    hardware: Hardware,
    carried: Callable[[Layout], Capacity],
) -> str:
    """Say which wider layout of one node would do, or how many nodes in a row, if any."""
    if not hardware.link_bytes_per_s:
        return (
            f"No wider layout was tried: how fast {hardware.name} send to each other is not "
            "known here, so give a hardware with link_bytes_per_s."
        )
    nearest = ""
    for wider in _wider_layouts(layout, decoder):
        try:
            carried(wider)
        except NoRoomError:
            continue
        except NoBatchError as error:
            if isinstance(refused, NoRoomError):
                nearest = f" With tensor={wider.tensor} and stages={wider.stages}: {error}"
            continue
        if wider.stages == layout.stages:
            return f"tensor={wider.tensor} would do."
        return (
            f"tensor={wider.tensor} with stages={wider.stages} would do: {wider.accelerators} "
            f"{hardware.name}, each stage a node that holds its part of the layers."
        )
    return (
        f"No wider layout of up to {WIDEST} {hardware.name} would do either, nor up to "
        f"{MOST_STAGES} such nodes in a row.{nearest}"
    )


def _wider_layouts(layout: Layout, decoder: DecoderShape) -> Iterator[Layout]:
    """Wider layers as far as a node goes, then nodes in a row: links between nodes are slow."""
    tensor = layout.tensor
    while 2 * tensor * layout.data <= WIDEST and decoder.divides_among(2 * tensor):
        tensor *= 2
        yield replace(layout, tensor=tensor)
    stages = layout.stages
    while 2 * stages <= MOST_STAGES:
        stages *= 2
        yield replace(layout, tensor=tensor, stages=stages)


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
    check_load(load, targets)
    known: dict[int, Service] = {}
    first = spreads.first_token.middle
    capacity = most(replica, constants, load, targets, known=known, first_factor=first)
    middle = _replicas(capacity.requests_per_s, load, targets)
    sides = (spreads.token.low, spreads.token.high)
    ends = [_replicas_if(replica, constants, load, targets, side, known, first) for side in sides]
    each = float(replica.group_accelerators * replica.pipeline_stages)
    serving = middle - targets.spare_replicas
    operation = operate(replica, constants, spreads, load, targets, max(1, serving), capacity)
    return Sizing(
        capacity,
        Uncertain(ends[0], middle, ends[1]),
        Uncertain(each * ends[0], each * middle, each * ends[1]),
        operation,
    )


_needed = unchecked(step_time.replicas_needed)
_queue = unchecked(step_time.prefill_queue_seconds)


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
    first: float,
) -> float:
    """Replicas if a token took `factor` of its estimate; infinite if then no batch will do."""
    try:
        capacity = most(replica, constants, load, targets, factor, known, first)
    except NoBatchError:
        return math.inf
    return _replicas(capacity.requests_per_s, load, targets)


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
        check_load(load, targets)
        first = spreads.first_token.middle
        capacity = most(replica, constants, load, targets, first_factor=first)
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
            f"requests_per_s is {load.requests_per_s:g}, but {replicas:g} "
            f"{plural('replica', replicas)} can carry {rounded_down(fits):g} at "
            f"{targets.target_utilization:.0%} utilization: send {rounded_down(fits):g} "
            f"requests a second, or give {needed:g} {plural('replica', needed)}.",
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
