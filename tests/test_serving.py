"""Lesson 4's formulas: the load, three bounds on the accelerators, latency, mixtures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.model_storage import mlp_params
from estimator.serving import (
    accelerators,
    balance_batch,
    bandwidth_accelerators,
    bandwidth_step_seconds,
    batch_within_target,
    binding_accelerators,
    busy_accelerators,
    capacity_accelerators,
    compute_seconds,
    compute_step_seconds,
    experts_touched,
    first_token_floor_seconds,
    generation_seconds,
    mixture_params,
    peak_requests_per_s,
    planned_accelerators,
    prefill_floor_seconds,
    queries_per_s,
    queue_seconds,
    replica_accelerators,
    request_floor_seconds,
    requests_in_flight,
    requests_per_s,
    roofline_step_seconds,
    sustained_requests_per_s,
    tokens_per_s,
)
from tests.golden import DATA

params = st.integers(1, 10**12)
rate = st.floats(1e9, 1e16)
# A load that is no load, or one that can be told from round-off.
load = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
seconds = st.floats(1e-6, 1e3)
batch = st.integers(1, 10_000)
count = st.integers(0, 10**6)
parallel = st.integers(1, 64)
volume = st.integers(0, 10**13)


# --- The load and the compute bound ---------------------------------------------------------


def test_the_course_s_chain() -> None:
    a_second = requests_per_s(100_000_000, 10)
    each = compute_seconds(3_000_000_000, 500, 312e12)
    assert a_second == pytest.approx(11_574, abs=0.5)
    assert each == pytest.approx(0.0096, rel=2e-3)
    assert queries_per_s(each) == pytest.approx(104)
    assert accelerators(a_second, each) == math.ceil(a_second / queries_per_s(each)) == 112
    assert accelerators(a_second, compute_seconds(3_000_000_000, 500, 624e12)) == 56


@given(st.integers(0, 10**10), st.integers(0, 1000), st.floats(1, 100))
def test_the_load_is_spread_over_a_day_and_peaks(users: int, each: int, factor: float) -> None:
    mean = requests_per_s(users, each)
    assert mean * 86_400 == pytest.approx(users * each)
    assert peak_requests_per_s(mean, factor) == pytest.approx(mean * factor)
    assert peak_requests_per_s(mean, factor) >= mean


@given(params, st.integers(1, 10**5), rate)
def test_two_operations_a_parameter_a_token(n: int, tokens: int, flops: float) -> None:
    time = compute_seconds(n, tokens, flops)
    assert time * flops == pytest.approx(2 * n * tokens)
    assert queries_per_s(time) * time == pytest.approx(1)
    assert prefill_floor_seconds(n, tokens, flops) == pytest.approx(time)
    assert compute_step_seconds(n, tokens, flops) == pytest.approx(time)


@given(load, seconds)
def test_so_many_accelerators_keep_up_and_no_fewer(a_second: float, each: float) -> None:
    needed = accelerators(a_second, each)
    assert needed >= a_second * each * (1 - 1e-12)
    assert needed - 1 < a_second * each * (1 + 1e-12)


def test_round_off_adds_no_accelerator() -> None:
    assert accelerators(100, 0.07) == 7
    assert bandwidth_accelerators(100, 0.07) == 7
    assert planned_accelerators(7, 0.7) == 10


# --- The bandwidth bound --------------------------------------------------------------------


@given(volume, rate, volume, batch, parallel)
def test_a_step_reads_the_weights_once_and_every_cache(
    weights: int, a_second: float, cache: int, many: int, ranks: int
) -> None:
    step = bandwidth_step_seconds(weights, a_second, cache, many, ranks)
    assert step * a_second * ranks == pytest.approx(weights + many * cache)
    assert bandwidth_step_seconds(weights, a_second) == pytest.approx(weights / a_second)
    assert bandwidth_step_seconds(weights, a_second, cache) == pytest.approx(
        (weights + cache) / a_second
    )


@given(params, st.integers(1, 1000), rate, parallel)
def test_accelerators_share_the_arithmetic(n: int, many: int, flops: float, ranks: int) -> None:
    alone = compute_step_seconds(n, many, flops)
    assert compute_step_seconds(n, many, flops, ranks) * ranks == pytest.approx(alone)
    assert prefill_floor_seconds(n, many, flops, ranks) * ranks == pytest.approx(alone)


@given(params, rate, rate, st.sampled_from([4, 8, 16, 32]))
def test_at_the_balance_both_take_as_long(n: int, flops: float, a_second: float, bits: int) -> None:
    even = balance_batch(flops, a_second, bits)
    read = bandwidth_step_seconds(n * bits / 8, a_second)
    assert compute_step_seconds(n, even, flops) == pytest.approx(read)
    assert even == pytest.approx(flops / a_second * (bits / 8) / 2)
    assert balance_batch(flops, a_second) == balance_batch(flops, a_second, 16)


@given(seconds, seconds)
def test_the_roofline_is_the_longer_time(compute: float, read: float) -> None:
    assert roofline_step_seconds(compute, read) == max(compute, read)


@given(seconds, st.integers(0, 10**5), batch)
def test_each_token_is_a_step(step: float, tokens: int, many: int) -> None:
    assert generation_seconds(step, tokens) == pytest.approx(step * tokens)
    assert tokens_per_s(many, step) * step == pytest.approx(many)


@given(load, seconds)
def test_little_s_law(a_second: float, time: float) -> None:
    assert requests_in_flight(a_second, time) == pytest.approx(a_second * time)


@given(load, seconds, batch, parallel)
def test_replicas_take_a_batch_each(a_second: float, time: float, many: int, ranks: int) -> None:
    needed = bandwidth_accelerators(a_second, time, many, ranks)
    replicas = needed / ranks
    assert replicas == int(replicas)
    assert replicas * many >= requests_in_flight(a_second, time) * (1 - 1e-12)
    assert (replicas - 1) * many < requests_in_flight(a_second, time) * (1 + 1e-12)
    assert bandwidth_accelerators(a_second, time) == accelerators(a_second, time)


def test_without_batches_the_bandwidth_bound_is_153_times_the_compute_bound() -> None:
    a_second, read = requests_per_s(100_000_000, 10), bandwidth_step_seconds(6 * 10**9, 2039e9)
    assert bandwidth_accelerators(a_second, generation_seconds(read, 500)) == 17_030
    compute = compute_step_seconds(3 * 10**9, 1, 312e12)
    assert read / compute == pytest.approx(153.02, abs=0.005)
    assert balance_batch(312e12, 2039e9) == pytest.approx(read / compute)


# --- The capacity bound, and the plan -------------------------------------------------------


@given(st.integers(0, 10**7), st.integers(1, 10**4), parallel)
def test_the_memories_take_all_that_is_in_flight(flying: int, fit: int, ranks: int) -> None:
    needed = capacity_accelerators(flying, fit, ranks)
    assert needed % ranks == 0
    assert (needed // ranks - 1) * fit < flying <= needed // ranks * fit or flying == needed == 0
    assert capacity_accelerators(flying, fit) == math.ceil(flying / fit)


@given(count, count, count)
def test_the_bound_that_asks_for_most_binds(first: int, second: int, third: int) -> None:
    assert binding_accelerators(first, second, third) == max(first, second, third)


@given(
    st.floats(0, 10**6, allow_subnormal=False), st.floats(0.01, 1), st.integers(0, 100), parallel
)
def test_a_fleet_is_never_full_and_some_may_fail(
    busy: float, target: float, spare: int, ranks: int
) -> None:
    working = planned_accelerators(busy, target, tensor_parallel=ranks)
    assert working % ranks == 0
    assert working * target >= busy * (1 - 1e-9)
    assert (working - ranks) * target < busy * (1 + 1e-9) + 1e-12
    # Spare come whole, and never more of them than are at work.
    whole = math.ceil(spare / ranks) * ranks
    planned = planned_accelerators(busy, target, spare, ranks)
    assert planned - working == min(whole, working)


def test_a_plan_rounds_once_and_up() -> None:
    # By hand: 222.58 / 0.75 is 296.8, so 297; 223 / 0.75, rounded before, would be 298.
    busy = busy_accelerators(2e9 / 86_400, 2 * 3e9 * 500 / 312e12)
    assert busy == pytest.approx(222.578, abs=0.001)
    assert planned_accelerators(busy, 0.75, 8) == 297 + 8
    assert planned_accelerators(112, 1) == 112
    # Two replicas of four at work and as many spare, though eight accelerators are asked for.
    assert planned_accelerators(5, 0.75, 8, tensor_parallel=4) == 8 + 8
    assert planned_accelerators(0, 0.75, 8) == 0


@given(st.integers(0, 10_000), batch, seconds, parallel)
def test_the_rate_that_fits_fills_the_whole_replicas(
    owned: int, many: int, time: float, ranks: int
) -> None:
    most = sustained_requests_per_s(owned, many, time, ranks)
    assert requests_in_flight(most, time) == pytest.approx(owned // ranks * many)
    assert bandwidth_accelerators(most, time, many, ranks) <= owned


def test_a_replica_is_one_accelerator_unless_told() -> None:
    assert sustained_requests_per_s(17, batch=64, request_seconds=2) == 17 * 32


@given(volume, volume, st.integers(1, 10**12), st.floats(0.1, 1))
def test_a_replica_holds_weights_and_cache(
    weights: int, cache: int, memory: int, share: float
) -> None:
    needed = replica_accelerators(weights, cache, memory, share)
    assert needed * share * memory >= (weights + cache) * (1 - 1e-9)
    assert (needed - 1) * share * memory <= (weights + cache) * (1 + 1e-9)
    exact = replica_accelerators(weights, cache, memory)
    assert exact == -(-(weights + cache) // memory)


# --- Latency --------------------------------------------------------------------------------


@given(seconds, st.floats(0, 0.99))
def test_the_queue_grows_without_bound(service: float, busy: float) -> None:
    wait = queue_seconds(service, busy)
    assert wait * (1 - busy) == pytest.approx(service * busy)
    assert queue_seconds(service, 0) == 0
    assert queue_seconds(service, 0.5) == pytest.approx(service)
    assert queue_seconds(service, 0.999) == pytest.approx(999 * service)


@given(seconds, seconds, seconds)
def test_a_request_waits_is_read_and_is_answered(
    prefill: float, wait: float, generation: float
) -> None:
    first = first_token_floor_seconds(prefill, wait)
    assert first == pytest.approx(prefill + wait)
    assert first_token_floor_seconds(prefill) == prefill
    assert request_floor_seconds(first, generation) == pytest.approx(first + generation)


@given(st.floats(0.001, 1), volume, st.integers(10**5, 10**10), st.floats(1e11, 1e13), parallel)
def test_the_batch_within_the_target_is_the_largest(
    target: float, weights: int, cache: int, a_second: float, ranks: int
) -> None:
    most = batch_within_target(target, weights, cache, a_second, ranks)
    one_more = bandwidth_step_seconds(weights, a_second, cache, most + 1, ranks)
    assert one_more >= target * (1 - 1e-9)
    if most:
        step = bandwidth_step_seconds(weights, a_second, cache, most, ranks)
        assert step <= target * (1 + 1e-9)


def test_no_batch_is_within_a_target_that_the_weights_alone_miss() -> None:
    # 16 GB at 2 TB/s are 8 ms: a target of 7 ms takes no sequence, be its cache one byte.
    assert batch_within_target(0.007, 16 * 10**9, 1, bytes_per_s=2 * 10**12) == 0


# --- Mixtures of experts --------------------------------------------------------------------


@given(st.integers(1, 256), st.integers(0, 16), st.integers(0, 500))
def test_a_batch_touches_more_experts_than_a_token_and_no_more_than_all(
    experts: int, each: int, many: int
) -> None:
    touched = experts_touched(experts, each, many)
    active = min(each, experts)
    assert experts_touched(experts, each, 1) == pytest.approx(active)
    assert 0 <= touched <= experts + 1e-9
    assert touched <= many * active + 1e-9
    assert experts_touched(experts, each, many + 1) >= touched - 1e-9


def test_the_experts_touched_are_the_mean_of_random_draws() -> None:
    draws = np.random.default_rng(1)
    picks = [{e for _ in range(20) for e in draws.choice(64, 6, replace=False)} for _ in range(400)]
    mean = sum(map(len, picks)) / len(picks)
    assert experts_touched(64, 6, 20) == pytest.approx(mean, rel=0.01)


def test_mixtral_stores_47_billion_and_computes_with_13() -> None:
    facts = json.loads((DATA / "model_configs.json").read_text(encoding="utf-8"))["mixtral-8x7b"]
    config, stored = facts["config"], facts["parameters"]
    expert = mlp_params(config["hidden_size"], config["intermediate_size"], mlp_matrices=3)
    layers, experts = config["num_hidden_layers"], config["num_local_experts"]
    shared = stored - layers * experts * expert
    assert mixture_params(shared, layers, experts, expert) == stored
    active = mixture_params(shared, layers, config["num_experts_per_tok"], expert)
    assert active == 12_879_925_248
    assert mixture_params(shared, layers, 0, expert) == shared


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: queries_per_s(0), "compute_seconds is 0, but .* more than 0 s"),
        (lambda: compute_seconds(1, 1, 0), "flops_per_s is 0, but .* more than 0 FLOP/s"),
        (lambda: bandwidth_step_seconds(1, 0), "bytes_per_s is 0, but .* more than 0 bytes/s"),
        (lambda: bandwidth_accelerators(1, 1, 0), "batch is 0, but .* more than 0 sequences"),
        (lambda: capacity_accelerators(1, 0), "sequences_that_fit is 0, but .* more than 0"),
        (lambda: planned_accelerators(1, 75), "target_utilization is 75, .* at most 1:"),
        (lambda: planned_accelerators(1, 0.75, -1), "spare_accelerators is -1, .* 0 accelerators"),
        (lambda: queue_seconds(1, 1), "utilization is 1, but .* from 0 to 0.999"),
        (lambda: peak_requests_per_s(1, 0.5), "peak_factor is 0.5, but .* from 1 to 100"),
        (lambda: experts_touched(0, 2, 1), "routed_experts is 0, but .* 1 expert or more"),
        (lambda: batch_within_target(1, 1, 0, 1), "cache_bytes_per_sequence is 0, .* more than 0"),
        (lambda: sustained_requests_per_s(1.5, 1, 1), "accelerators is 1.5, but .* a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
