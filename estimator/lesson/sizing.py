"""Three bounds on the accelerators of a text service, put together from lesson 4's formulas.

Every count is a floor. Read is what a sequence has on average, half of its answer written; what
has to fit is a sequence at its full length.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Any

from estimator import catalog
from estimator.arithmetic import Number, ceil, floor, maximum, minimum
from estimator.glossary import quantity
from estimator.lesson.rates import compute_rate
from estimator.memory import kv_pool_bytes, sequences_that_fit, tokens_that_fit
from estimator.model_storage import weight_bytes
from estimator.paged_cache import paged_tokens
from estimator.quantity import LARGEST
from estimator.serving import (
    accelerators,
    bandwidth_accelerators,
    bandwidth_step_seconds,
    batch_within_target,
    binding_accelerators,
    busy_accelerators,
    capacity_accelerators,
    compute_seconds,
    compute_step_seconds,
    generation_seconds,
    planned_accelerators,
    prefill_floor_seconds,
    replica_accelerators,
    request_floor_seconds,
    requests_in_flight,
    requests_per_s,
    roofline_step_seconds,
)
from estimator.units import (
    GB,
    HOUR,
    bytes_text,
    number_text,
    quantity_text,
    rounded_down,
    seconds_text,
)
from estimator.whole_service import NEARLY, TENSOR_PARALLEL

WITHIN_ROUNDING = 0.9
MEMORY_SHARE = 0.9
ACTIVATION_BYTES, OVERHEAD_BYTES = 1 * GB, 1 * GB
PRECISIONS = ("FP16", "BF16", "FP8", "INT8", "INT4 g128", "MXFP4", "NVFP4")
# Zero is a fine answer to most questions of the glossary; a service without it is none.
# The high ends are far beyond any service: a number past them is a slip of the hand.
NEEDED = {
    name: replace(entry, low=low, low_open=not low, high=min(high, entry.high))
    for name, low, high in (
        ("users", 0, LARGEST), ("requests_per_user", 0, LARGEST), ("n_params", 1, 10**15),
        ("kv_bytes_per_token", 1, 10**12), ("output_tokens", 1, 10**9),
    )
    for entry in (quantity(name).asked,)
}  # fmt: skip
NARROWED = NEEDED | {
    name: replace(quantity(name).asked, high=high)
    for name, high in (
        ("prompt_tokens", 10**9), ("token_target_seconds", HOUR), ("spare_accelerators", 10**9),
        # A fleet that is never idle makes its requests wait without bound.
        ("owned_accelerators", 10**9), ("target_utilization", 0.99),
    )
}  # fmt: skip
BATCH = replace(quantity("batch"), low_open=True)


@dataclass(frozen=True)
class Bounds:
    """The accelerators that each bound asks for, at one batch in each replica."""

    batch: float
    tensor_parallel: int
    step_seconds: float
    request_seconds: float
    compute: float
    bandwidth: float
    capacity: float
    busy: float
    """What the bound that asks for most keeps busy, before anything is rounded."""

    @property
    def needed(self) -> float:
        """Fewest accelerators that no bound forbids to replicas of this width."""
        count: float = binding_accelerators(self.compute, self.bandwidth, self.capacity)
        return count

    def usable(self, owned: float) -> float:
        """Accelerators in whole replicas, of so many."""
        return owned if math.isinf(owned) else owned // self.tensor_parallel * self.tensor_parallel

    @property
    def binding(self) -> tuple[str, ...]:
        """The bound that asks for most, with those that ask for as much but for the rounding.

        None where one replica is enough: there the rounding alone sets the count.
        """
        if self.needed <= self.tensor_parallel:
            return ()
        least = max(self.needed - self.tensor_parallel, WITHIN_ROUNDING * self.needed)
        counts = {
            "compute": self.compute, "bandwidth": self.bandwidth, "capacity": self.capacity
        }  # fmt: skip
        return tuple(name for name, count in counts.items() if count >= least)

    @property
    def binding_text(self) -> str:
        """The binding bounds, in words."""
        *others, last = self.binding or ("none",)
        return f"{', '.join(others)} and {last}" if others else last


@dataclass(frozen=True)
class Reserve:
    """What a plan keeps free: a share of the accelerators' time, and spare ones."""

    target_utilization: float = 1
    spare_accelerators: float = 0

    def planned(self, at: Bounds) -> float:
        """Accelerators to plan, in whole replicas: rounded once, from what is kept busy."""
        count: float = planned_accelerators(
            at.busy, self.target_utilization, self.spare_accelerators, at.tensor_parallel
        )
        return count


@dataclass(frozen=True)
class Service:
    """A text service: who asks, which model answers, and on what."""

    users: float
    requests_per_user: float
    n_params: float
    kv_bytes_per_token: float
    precision: str
    accelerator: str
    prompt_tokens: float
    output_tokens: float

    def __post_init__(self) -> None:
        for name, entry in NEEDED.items():
            entry.check(getattr(self, name))

    @property
    def chip(self) -> catalog.Accelerator:
        """The accelerator's data sheet."""
        return catalog.accelerator(self.accelerator)

    @property
    def requests_per_s(self) -> float:
        """Mean requests a second."""
        rate: float = requests_per_s(self.users, self.requests_per_user)
        return rate

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights."""
        bits = catalog.precision(self.precision).bits_per_weight
        size: float = weight_bytes(self.n_params, bits)
        return size

    @property
    def flops_per_s(self) -> float:
        """Rate of the arithmetic at the service's precision."""
        return compute_rate(self.chip, self.precision)

    @property
    def request_compute_seconds(self) -> float:
        """Arithmetic of a request's prompt and answer, on one accelerator."""
        tokens = self.prompt_tokens + self.output_tokens
        seconds: float = compute_seconds(self.n_params, tokens, self.flops_per_s)
        return seconds

    @property
    def mean_cache_bytes(self) -> float:
        """Cache of a sequence that has half of its answer, as the sequences have on average."""
        return self.kv_bytes_per_token * (self.prompt_tokens + self.output_tokens / 2)

    @property
    def full_tokens(self) -> float:
        """Tokens of a sequence at its end."""
        return self.prompt_tokens + self.output_tokens

    def fits(self, tensor_parallel: int = 1) -> int:
        """Most sequences that a replica's memory takes, each at its end, in whole blocks."""
        pool = kv_pool_bytes(
            self.chip.memory_bytes, MEMORY_SHARE, self.weight_bytes, ACTIVATION_BYTES,
            OVERHEAD_BYTES, tensor_parallel,
        )  # fmt: skip
        tokens = tokens_that_fit(tensor_parallel * pool, self.kv_bytes_per_token)
        return int(sequences_that_fit(tokens, paged_tokens(self.full_tokens)))

    def in_time(self, token_target_seconds: float, tensor_parallel: int = 1) -> int:
        """Most sequences whose step, read and computed, takes no longer than the target."""
        read = batch_within_target(
            token_target_seconds, self.weight_bytes, self.mean_cache_bytes, self.chip.bytes_per_s,
            tensor_parallel,
        )  # fmt: skip
        one = compute_step_seconds(self.n_params, 1, self.flops_per_s, tensor_parallel)
        return int(minimum(read, floor(token_target_seconds / one)))

    def step_seconds(self, batch: Number, tensor_parallel: int = 1) -> tuple[Any, Any]:
        """Time to compute a step, and time to read what it needs."""
        compute = compute_step_seconds(self.n_params, batch, self.flops_per_s, tensor_parallel)
        read = bandwidth_step_seconds(
            self.weight_bytes, self.chip.bytes_per_s, self.mean_cache_bytes, batch, tensor_parallel
        )
        return compute, read

    def counts(
        self, batch: Number, tensor_parallel: int = 1, rate: float | None = None
    ) -> tuple[Any, Any, Any]:
        """Accelerators by compute, bandwidth and capacity; a batch may be an array."""
        load = self.requests_per_s if rate is None else rate
        shared = self.request_compute_seconds / tensor_parallel
        compute = accelerators(load, shared) * tensor_parallel
        read = generation_seconds(self.step_seconds(batch, tensor_parallel)[1], self.output_tokens)
        bandwidth = bandwidth_accelerators(load, read, batch, tensor_parallel)
        flying = requests_in_flight(load, self.request_seconds(batch, tensor_parallel))
        # Where nothing fits, no bound is asked for: `best` and `bounds` refuse before.
        fits = max(1, self.fits(tensor_parallel))
        capacity = capacity_accelerators(flying, fits, tensor_parallel)
        return compute, bandwidth, capacity

    def busy(self, batch: float, tensor_parallel: int = 1, rate: float | None = None) -> float:
        """Accelerators that the bound which asks for most keeps busy, a part of one included."""
        load = self.requests_per_s if rate is None else rate
        read = generation_seconds(self.step_seconds(batch, tensor_parallel)[1], self.output_tokens)
        stays = (
            (self.request_compute_seconds / tensor_parallel, 1),
            (read, batch),
            (self.request_seconds(batch, tensor_parallel), max(1, self.fits(tensor_parallel))),
        )
        return max(
            float(busy_accelerators(load, seconds, held, tensor_parallel))
            for seconds, held in stays
        )

    def request_seconds(self, batch: Number, tensor_parallel: int = 1) -> Any:
        """Least time of a request: its prompt, and a step of the whole batch for each token."""
        step = roofline_step_seconds(*self.step_seconds(batch, tensor_parallel))
        prefill = prefill_floor_seconds(
            self.n_params, self.prompt_tokens, self.flops_per_s, tensor_parallel
        )
        return request_floor_seconds(prefill, generation_seconds(step, self.output_tokens))

    def bounds(self, batch: float, tensor_parallel: int = 1, rate: float | None = None) -> Bounds:
        """All three bounds at one batch; a ValueError if so many sequences do not fit."""
        batch = BATCH.check(batch)
        fits = self.fits(tensor_parallel)
        if batch > fits:
            raise ValueError(
                f"batch is {number_text(batch)}, but {number_text(fits)} sequences of "
                f"{number_text(self.full_tokens)} tokens fit on {tensor_parallel} "
                f"{self.accelerator}: give at most that, or spread the model over more."
            )
        compute, bandwidth, capacity = self.counts(batch, tensor_parallel, rate)
        step: float = roofline_step_seconds(*self.step_seconds(batch, tensor_parallel))
        request = self.request_seconds(batch, tensor_parallel)
        busy = self.busy(batch, tensor_parallel, rate)
        return Bounds(batch, tensor_parallel, step, request, compute, bandwidth, capacity, busy)

    def widths(self, token_target_seconds: float, rate: float | None = None) -> list[Bounds]:
        """Bounds of each width of a replica, at its largest batch; a ValueError if none serves."""
        found = []
        for ranks in TENSOR_PARALLEL:
            batch = min(self.fits(ranks), self.in_time(token_target_seconds, ranks))
            if batch >= 1:
                found.append(self.bounds(batch, ranks, rate))
        if not found:
            raise ValueError(self._impossible(token_target_seconds))
        return found

    def best(
        self, token_target_seconds: float, rate: float | None = None,
        reserve: Reserve | None = None, owned: float = math.inf,
    ) -> Bounds:  # fmt: skip
        """The narrowest replica, with its largest batch, whose plan is nearly the cheapest.

        Each further split sends more messages, which these bounds leave out: a wider replica has
        to save a good part of the planned accelerators, and not by the rounding of a few alone;
        or it is the one of which enough are owned.

        Lesson 05's rule (`whole_service.narrowest`) has no clause on rounding: its spare ones are
        replicas, and a wider one costs more than rounding saves. They differ without a spare alone.
        """
        found = self.widths(token_target_seconds, rate)
        found = [bounds for bounds in found if bounds.needed <= bounds.usable(owned)] or found
        planned = (reserve or Reserve()).planned
        fewest, least = min(map(planned, found)), min(bounds.busy for bounds in found)
        return next(
            bounds
            for bounds in found
            if planned(bounds) <= NEARLY * fewest or bounds.busy <= NEARLY * least
        )

    def working(self, at: Bounds, rate: float) -> Bounds:
        """The same replicas at the batch that the load keeps in each, at most the one given.

        Smaller batches make shorter steps, and shorter steps keep fewer requests in flight: the
        smallest batch that takes all of them.
        """
        ranks = at.tensor_parallel

        def takes_all(batch: int) -> bool:
            flying = requests_in_flight(rate, self.request_seconds(batch, ranks))
            return bool(flying <= at.needed / ranks * batch)

        smaller = range(1, int(at.batch))
        return self.bounds(1 + bisect_left(smaller, True, key=takes_all), ranks, rate)

    def _impossible(self, token_target_seconds: float) -> str:
        most = TENSOR_PARALLEL[-1]
        if self.fits(most) < 1:
            cache = self.kv_bytes_per_token * self.full_tokens
            work = ACTIVATION_BYTES + OVERHEAD_BYTES
            usable = MEMORY_SHARE * self.chip.memory_bytes - work
            wanted = replica_accelerators(self.weight_bytes, cache, usable)
            return (
                f"The weights, {bytes_text(self.weight_bytes)}, and one sequence of "
                f"{number_text(self.full_tokens)} tokens, {bytes_text(cache)}, do not fit on "
                f"{most} {self.accelerator}, the most that share a layer here: "
                f"{number_text(wanted)} would hold them, or choose fewer bits, fewer tokens or "
                "larger accelerators."
            )
        ranks = [n for n in TENSOR_PARALLEL if self.fits(n) >= 1][-1]
        # Rounded up, so that what the sentence names is enough.
        least = int(ceil(roofline_step_seconds(*self.step_seconds(1, ranks)) * 1e5)) / 1e5
        return (
            f"No batch meets {seconds_text(token_target_seconds)} a token: one sequence alone "
            f"takes {seconds_text(least)} even where {ranks} {self.accelerator} share each layer. "
            "Allow that much, or choose fewer bits or accelerators with more bandwidth."
        )


@dataclass(frozen=True)
class Plan:
    """What to have: the bounds at the peak, and the accelerators with reserve and spare."""

    peak_requests_per_s: float
    at: Bounds
    working: Bounds
    """The fewest replicas at work: their batch, and the times that it takes."""
    reserve: Reserve
    planned: float
    utilization: float
    """Share of what the reader has that the peak keeps busy."""


def make_plan(
    service: Service, token_target_seconds: float, peak_factor: float, target_utilization: float,
    spare_accelerators: float, owned_accelerators: float,
) -> Plan:  # fmt: skip
    """Plan for the peak; a ValueError if what the reader has is saturated by it."""
    rate = service.requests_per_s * peak_factor
    reserve = Reserve(target_utilization, spare_accelerators)
    at = service.best(token_target_seconds, rate, reserve, owned_accelerators)
    usable = at.usable(owned_accelerators)
    if at.needed > usable:
        found = service.widths(token_target_seconds, rate)
        raise ValueError(_saturated(service, found, rate, owned_accelerators))
    utilization = float(at.busy / maximum(usable, 1))
    return Plan(rate, at, service.working(at, rate), reserve, reserve.planned(at), utilization)


def _saturated(service: Service, found: list[Bounds], rate: float, owned: float) -> str:
    """Say what the load is too much for: the most that some width of a replica carries of it.

    And what would do: the fewest accelerators that some width needs.
    """
    part = max(bounds.usable(owned) / bounds.busy for bounds in found)
    fewest = min(found, key=lambda bounds: bounds.needed)
    said = f"The load is past saturation: {number_text(owned)} {service.accelerator}"
    if not part:
        narrowest = found[0].tensor_parallel
        said += f" hold no replica, which takes {narrowest} or more"
    else:
        people = int(floor(service.users * part))
        said += (
            f" keep up with {number_text(rounded_down(rate * part))} requests/s, and the peak "
            f"brings {number_text(rate)}. That fits {number_text(people)} users"
        )
    return (
        f"{said}; the whole load needs at least {quantity_text(fewest.needed, 'accelerator')}, "
        f"{fewest.tensor_parallel} to a replica."
    )
