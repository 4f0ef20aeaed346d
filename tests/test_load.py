"""From a load to accelerators: the largest batch that keeps the targets, and Little's law."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from estimator.catalog import serving
from estimator.engine import Layout, Numerics, replica, sequences_that_fit, serve
from estimator.load import Load, NoBatchError, SaturatedError, Targets, most, operate
from tests.loads import CHAT, FIT, QUICK, one, size, sized

loads = st.builds(Load, st.floats(0.01, 1e5), st.floats(1, 8000), st.floats(1, 4000))
targets_of = st.builds(
    Targets,
    token_seconds=st.none() | st.floats(0.012, 0.2),
    first_token_seconds=st.none() | st.floats(0.8, 20),
    target_utilization=st.floats(0.3, 1),
    spare_replicas=st.integers(0, 3),
)


# --- The largest batch ------------------------------------------------------------------------


@given(loads, targets_of)
@settings(max_examples=60, deadline=None)
def test_the_batch_keeps_the_targets_and_one_more_does_not(load: Load, targets: Targets) -> None:
    made = one()
    try:
        capacity = most(made, FIT.constants, load, targets)
    except NoBatchError:
        assume(False)
    prompt, output = load.prompt_tokens, load.output_tokens

    def keeps(batch: int) -> bool:
        service = serve(made, FIT.constants, batch, prompt, output)
        token, first = targets.token_seconds or math.inf, targets.first_token_seconds or math.inf
        fits = batch <= min(sequences_that_fit(made, prompt + output), targets.largest_batch)
        in_time = service.token_seconds <= token and service.first_token_seconds <= first
        return bool(fits and in_time)

    assert keeps(capacity.batch)
    assert not keeps(capacity.batch + 1)


def test_what_limits_the_batch_is_named() -> None:
    long = Load(1, 30_000, 2_000)
    assert most(one(), FIT.constants, CHAT, QUICK).limit == "token_seconds"
    assert most(one(), FIT.constants, long, Targets()).limit == "cache"
    assert most(one(), FIT.constants, CHAT, Targets(first_token_seconds=0.2)).limit == (
        "first_token_seconds"
    )
    small = most(one(), FIT.constants, CHAT, Targets(largest_batch=7))
    assert (small.batch, small.limit) == (7, "largest batch")


def test_the_cache_takes_what_weights_and_runtime_leave() -> None:
    """What an H100 has, less 16.1 GB and 2, nine tenths of it, 131,072 bytes a token."""
    made = one()
    rest = made.memory_bytes - made.stored_bytes - 2e9
    assert made.stored_bytes == pytest.approx(16.06e9, rel=1e-3)
    assert sequences_that_fit(made, 2048) == pytest.approx(0.9 * rest / (2048 * 131_072))


# --- Replicas ---------------------------------------------------------------------------------


@given(loads, targets_of)
@settings(max_examples=60, deadline=None)
def test_replicas_carry_the_peak_and_one_fewer_would_not(load: Load, targets: Targets) -> None:
    try:
        sizing = size(load, targets)
    except NoBatchError:
        assume(False)
    usable = sizing.capacity.requests_per_s * targets.target_utilization
    serving_replicas = sizing.replicas.p50 - targets.spare_replicas
    assert serving_replicas * usable >= load.requests_per_s * (1 - 1e-9)
    assert (serving_replicas - 1) * usable < load.requests_per_s
    assert sizing.replicas.p10 <= sizing.replicas.p50 <= sizing.replicas.p90
    assert sizing.operation.utilization <= targets.target_utilization * (1 + 1e-9)


@given(loads, targets_of)
@settings(max_examples=60, deadline=None)
def test_little_holds_at_the_fixed_point(load: Load, targets: Targets) -> None:
    try:
        sizing = size(load, targets)
    except NoBatchError:
        assume(False)
    operation = sizing.operation
    replicas = sizing.replicas.p50 - targets.spare_replicas
    in_flight = load.requests_per_s * operation.service.request_seconds
    assert operation.requests_in_flight == pytest.approx(in_flight, rel=1e-4)
    assert operation.batch == pytest.approx(in_flight / replicas, rel=1e-4)
    assert operation.batch <= sizing.capacity.batch * (1 + 1e-6)
    for target, met in (
        (targets.token_seconds, operation.token_seconds.p50),
        (targets.first_token_seconds, operation.first_token_seconds.p50),
    ):
        assert target is None or met <= target * (1 + 1e-6)


def test_more_load_and_stricter_targets_need_no_fewer() -> None:
    rates = [size(dataclasses.replace(CHAT, requests_per_s=r)).replicas.p50 for r in (1, 50, 500)]
    assert rates == sorted(rates)
    stricter = [
        size(targets=dataclasses.replace(QUICK, token_seconds=t)).replicas.p50
        for t in (0.05, 0.02, 0.012)
    ]
    assert stricter == sorted(stricter)


def test_the_spare_comes_on_top() -> None:
    alone, spared = (
        size(targets=dataclasses.replace(QUICK, spare_replicas=n)).replicas.p50 for n in (0, 2)
    )
    assert spared == alone + 2


def test_accelerators_are_replicas_times_their_size() -> None:
    sizing = sized(4, Targets(token_seconds=0.03))
    assert sizing.accelerators.p50 == 4 * sizing.replicas.p50


def test_a_trickle_is_less_than_one_request_in_flight() -> None:
    operation = size(dataclasses.replace(CHAT, requests_per_s=0.01)).operation
    assert 0 < operation.batch < 1
    assert operation.first_token_random_seconds == pytest.approx(
        operation.service.prefill_seconds + operation.service.decode_step_seconds, rel=1e-2
    )


def test_the_three_times_to_first_token_are_in_order() -> None:
    operation = size().operation
    assert operation.first_token_floor_seconds < operation.first_token_random_seconds
    assert operation.first_token_random_seconds < operation.first_token_seconds.p50
    interval = operation.first_token_seconds
    assert interval.p10 < interval.p50 < interval.p90


def test_an_interval_without_an_end_says_so() -> None:
    """A target that the estimate just meets may be met by no batch at all."""
    alone = serve(one(), FIT.constants, 1, CHAT.prompt_tokens, CHAT.output_tokens)
    sizing = size(targets=Targets(token_seconds=float(alone.token_seconds) * 1.02))
    assert sizing.replicas.p90 == math.inf
    assert math.isfinite(sizing.replicas.p50)


def test_accelerators_of_all_stages_are_counted_at_each_end() -> None:
    decoder, hardware = serving.decoder("llama-3.1-8b"), serving.hardware("h100_sxm")
    sizing = size(made=replica(decoder, Numerics(), hardware, Layout(2, 1, 3)))
    assert sizing.replicas.p10 < sizing.replicas.p90
    for end in ("p10", "p50", "p90"):
        assert getattr(sizing.accelerators, end) == 6 * getattr(sizing.replicas, end)


def test_arrivals_at_random_wait_as_pollaczek_and_khinchine_say() -> None:
    decoder, hardware = serving.decoder("llama-3.1-8b"), serving.hardware("h100_sxm")
    staged = replica(decoder, Numerics(), hardware, Layout(1, 1, 2))
    operation = operate(staged, FIT.constants, FIT.dense, CHAT, Targets(), 10)
    prefill = operation.service.prefill_seconds
    busy = 100 / 10 * prefill / 2  # two stages work on two prompts
    wait = busy / (1 - busy) * prefill / 2
    assert operation.first_token_random_seconds == pytest.approx(
        wait + prefill + operation.service.decode_step_seconds
    )


def test_a_queue_that_would_never_end_is_told_as_that_of_999_in_1000() -> None:
    """Answers of one token, whose prompts come as fast as a replica can take them."""
    alone = Targets(target_utilization=1, spare_replicas=0)
    prefill = float(serve(one(), FIT.constants, 1, 1024, 1).prefill_seconds)
    load = Load(0.9999 / prefill, 1024, 1)
    operation = operate(one(), FIT.constants, FIT.dense, load, alone, 1)
    step = operation.service.decode_step_seconds
    assert operation.first_token_random_seconds == pytest.approx(999 / 2 * prefill + prefill + step)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.3, 0.9])
def test_few_requests_in_flight_are_their_rate_times_their_time(rate: float) -> None:
    operation = operate(one(), FIT.constants, FIT.dense, Load(rate, 1024, 512), QUICK, 1)
    assert operation.batch == pytest.approx(rate * operation.service.request_seconds, rel=1e-5)
    assert operation.service.batch == pytest.approx(max(1, operation.batch), rel=1e-5)
    if rate == 0.01:  # less than one request: it is served as one that is alone
        assert operation.service == serve(one(), FIT.constants, 1.0, 1024, 512)


def test_the_rate_that_fits_keeps_the_target_of_the_first_token_in_its_median() -> None:
    quick = Targets(first_token_seconds=0.3)
    too_much = dataclasses.replace(CHAT, requests_per_s=1e6)
    with pytest.raises(SaturatedError) as caught:
        operate(one(), FIT.constants, FIT.dense, too_much, quick, 3)
    at_it = dataclasses.replace(CHAT, requests_per_s=caught.value.requests_per_s)
    operation = operate(one(), FIT.constants, FIT.dense, at_it, quick, 3)
    assert operation.utilization == pytest.approx(quick.target_utilization)
    assert operation.first_token_seconds.p50 <= 0.3


# --- Sweeps -------------------------------------------------------------------------


def test_a_rate_grows_with_the_batch_and_sweeps_in_one_call() -> None:
    batch = np.arange(1.0, 1001)
    rates = batch / np.asarray(serve(one(), FIT.constants, batch, 1024, 512).request_seconds)
    assert rates.shape == (1000,)
    assert (np.diff(rates) > 0).all()
