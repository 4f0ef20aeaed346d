"""What one replica carries: the largest batch that keeps the latency targets and fits.

A replica with B requests in flight finishes B / (time of a request) of them in a second (Little),
and the time of a request grows with B. So the largest batch that meets the latency targets and
whose caches fit is also the most that a replica carries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from estimator.engine import (
    Constants,
    Replica,
    Service,
    sequences_that_fit,
    serve_unchecked,
    slower_request_seconds,
)
from estimator.glossary import quantity
from estimator.quantity import check_each
from estimator.units import GB, rounded_up, seconds_text

LARGEST_BATCH = 1024
"""Requests in flight that an engine is let take; assumed, engines set it for themselves."""


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


class NoBatchError(ValueError):
    """No batch meets the targets, or none fits."""


class NoRoomError(NoBatchError):
    """Not even one request fits."""


_SIZED = {
    "requests_per_s": replace(quantity("requests_per_s"), low_open=True),
    "prompt_tokens": replace(quantity("prompt_tokens"), low=1),
    "output_tokens": replace(quantity("output_tokens"), low=1),
    "token_seconds": replace(quantity("token_seconds"), low_open=True),
    "first_token_seconds": replace(quantity("first_token_seconds"), low_open=True),
    "target_utilization": quantity("target_utilization"),
    "spare_replicas": quantity("spare_replicas"),
    "largest_batch": replace(
        quantity("batch"), name="largest_batch", low=1, whole=True, usual=LARGEST_BATCH
    ),
}
"""What a load and its targets may be: a service has requests, and each has tokens."""


def check_load(load: Load, targets: Targets) -> None:
    """Refuse a load or a target that cannot be sized.

    Raises: ValueError: all that is out of range or no number, a sentence each.
    """
    values = {**asdict(load), **asdict(targets)}
    given = {name: value for name, value in values.items() if not _unpromised(name, value)}
    check_each(_SIZED, given)
    for name, value in given.items():
        if not isinstance(value, int | float):
            _SIZED[name].refuse_kind(value)


def _unpromised(name: str, value: object) -> bool:
    return value is None and name in ("token_seconds", "first_token_seconds")


def check_context(replica: Replica, prompt_tokens: float, output_tokens: float) -> None:
    """Refuse requests that are longer than the model was made for.

    Raises: ValueError: prompt and output together exceed the model's context, in one sentence.
    """
    tokens, context = prompt_tokens + output_tokens, float(replica.context_tokens)
    if tokens > context:
        raise ValueError(
            f"prompt_tokens and output_tokens are {prompt_tokens:,.0f} and {output_tokens:,.0f}, "
            f"together {tokens:,.0f}, but the model was made for sequences of {context:,.0f} "
            "tokens at most: give shorter ones, or a larger context_tokens if an engine stretches "
            "its positions."
        )


def most(
    replica: Replica,
    constants: Constants,
    load: Load,
    targets: Targets,
    factor: float = 1,
    known: dict[int, Service] | None = None,
    first_factor: float = 1,
) -> Capacity:
    """Find the largest batch that meets the targets if a token takes `factor` of its estimate.

    `first_factor` takes the time to first token to what is held against its target.

    Raises: NoBatchError: not even one request meets them, or its cache does not fit. ValueError:
    requests longer than the model was made for.
    """
    check_context(replica, load.prompt_tokens, load.output_tokens)
    cache = {} if known is None else known

    def at(batch: int) -> Service:
        if batch not in cache:
            cache[batch] = serve_unchecked(
                replica, constants, batch, load.prompt_tokens, load.output_tokens
            )
        return cache[batch]

    room = _room(replica, load)
    factors = {"token_seconds": factor, "first_token_seconds": first_factor}
    missed = _missed(at(1), targets, factors)
    if missed:
        raise NoBatchError(_no_batch(missed, at(1), targets, factors))
    low, high = 1, min(room, targets.largest_batch) + 1
    limit = "cache" if room <= targets.largest_batch else "largest batch"
    while high - low > 1:
        middle = (low + high) // 2
        missed = _missed(at(middle), targets, factors)
        low, high = (low, middle) if missed else (middle, high)
        limit = missed or limit
    return Capacity(low, low / _request_seconds(at(low), load, factor), limit)


def _room(replica: Replica, load: Load) -> int:
    """Requests whose caches fit when each is at its longest."""
    room = math.floor(sequences_that_fit(replica, load.prompt_tokens + load.output_tokens))
    if room >= 1:
        return room
    tokens = load.prompt_tokens + load.output_tokens
    raise NoRoomError(
        f"batch 1 does not fit: the weights take {float(replica.stored_bytes) / GB:.1f} GB of an "
        f"accelerator's {float(replica.memory_bytes) / GB:.1f} GB, which leaves no room for the "
        f"cache of {tokens:g} tokens."
    )


def _request_seconds(service: Service, load: Load, factor: float) -> float:
    return float(slower_request_seconds(service, load.output_tokens, factor))


def _missed(service: Service, targets: Targets, factors: Mapping[str, float]) -> str:
    """Name the target that a batch misses, empty if none."""
    for name, factor in factors.items():
        target = getattr(targets, name)
        if target is not None and getattr(service, name) * factor > target:
            return name
    return ""


def _no_batch(missed: str, alone: Service, targets: Targets, factors: Mapping[str, float]) -> str:
    # Rounded up: a target that a sentence names is one that is met.
    reached = seconds_text(rounded_up(float(getattr(alone, missed)) * factors[missed]))
    wanted = seconds_text(float(getattr(targets, missed)))
    return (
        f"{missed} of {wanted} is met by no batch: one request alone has {reached}. "
        f"A target of {reached} or more would be met."
    )
