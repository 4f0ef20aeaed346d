"""From a load to accelerators: targets kept, Little's law, refusals that say what would fit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from estimator.catalog import serving
from estimator.engine import (
    Layout,
    Numerics,
    Replica,
    Spread,
    replica,
    sequences_that_fit,
    serve,
)
from estimator.load import (
    Load,
    NoBatchError,
    SaturatedError,
    Sizing,
    Targets,
    most,
    operate,
    rate_that_fits,
    replica_rate,
    size_model,
    size_service,
)

FIT = serving.step_constants().fit
LLAMA = serving.decoder("llama-3.1-8b")
CHAT = Load(requests_per_s=100, prompt_tokens=1024, output_tokens=512)
QUICK = Targets(token_seconds=0.02, first_token_seconds=1.0)


def one(tensor: int = 1, model: str = "llama-3.1-8b", system: str = "h100_sxm") -> Replica:
    decoder = serving.decoder(model)
    return replica(decoder, Numerics(), serving.hardware(system), Layout(tensor))


def size(load: Load = CHAT, targets: Targets = QUICK, made: Replica | None = None) -> Sizing:
    return size_service(made or one(), FIT.constants, FIT.dense, load, targets)


def sized(tensor: int, targets: Targets, model: str = "llama-3.1-70b") -> Sizing:
    decoder, hardware = serving.decoder(model), serving.hardware("h100_sxm")
    return size_model(
        decoder, Numerics(), hardware, Layout(tensor), FIT.constants, FIT.dense, CHAT, targets
    )


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
    """Answers of one token: the closed loop shares prompts that a single queue could not take."""
    alone = Targets(target_utilization=1, spare_replicas=0)
    operation = size(Load(100, 1024, 1), alone).operation
    prefill, step = operation.service.prefill_seconds, operation.service.decode_step_seconds
    assert 100 * prefill > 1
    assert operation.first_token_random_seconds == pytest.approx(999 / 2 * prefill + prefill + step)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.3, 0.9])
def test_few_requests_in_flight_are_their_rate_times_their_time(rate: float) -> None:
    operation = operate(one(), FIT.constants, FIT.dense, Load(rate, 1024, 512), QUICK, 1)
    assert operation.batch == pytest.approx(rate * operation.service.request_seconds, rel=1e-5)
    assert operation.service.batch == pytest.approx(max(1, operation.batch), rel=1e-5)
    if rate == 0.01:  # less than one request: it is served as one that is alone
        assert operation.service == serve(one(), FIT.constants, 1.0, 1024, 512)


def test_no_replicas_carry_nothing() -> None:
    rates = rate_that_fits(one(), FIT.constants, CHAT, QUICK, np.array([-2.0, 0.0, 1.0]))
    assert np.asarray(rates)[:2].tolist() == [0, 0]
    assert np.asarray(rates)[2] > 0


# --- Refusals ---------------------------------------------------------------------------------


def test_past_saturation_it_refuses_and_says_the_rate_that_fits() -> None:
    made = one()
    with pytest.raises(SaturatedError, match=r"requests_per_s is 100, but 2 replicas") as caught:
        operate(made, FIT.constants, FIT.dense, CHAT, QUICK, 2)
    fits = caught.value.requests_per_s
    assert fits == pytest.approx(rate_that_fits(made, FIT.constants, CHAT, QUICK, 2))
    at_it = dataclasses.replace(CHAT, requests_per_s=fits)
    assert operate(made, FIT.constants, FIT.dense, at_it, QUICK, 2).utilization == (
        pytest.approx(QUICK.target_utilization)
    )
    said = float(str(caught.value).split("send ")[1].split()[0])
    assert fits * 0.999 < said <= fits, "the rate that a sentence names is one that is carried"
    as_said = dataclasses.replace(CHAT, requests_per_s=said)
    assert operate(made, FIT.constants, FIT.dense, as_said, QUICK, 2)
    above = dataclasses.replace(CHAT, requests_per_s=fits * 1.01)
    with pytest.raises(SaturatedError):
        operate(made, FIT.constants, FIT.dense, above, QUICK, 2)
    needed = int(str(caught.value).rsplit("give ")[1].split()[0])
    assert operate(made, FIT.constants, FIT.dense, CHAT, QUICK, needed)
    with pytest.raises(SaturatedError):
        operate(made, FIT.constants, FIT.dense, CHAT, QUICK, needed - 1)


@pytest.mark.parametrize(
    ("tensor", "targets", "says"),
    [
        (4, Targets(token_seconds=0.016), "tensor=8 would do"),
        (1, Targets(), r"weights take 141\.1 GB of an accelerator's 8\d\.\d GB"),
        (
            4,
            Targets(token_seconds=0.001),
            "No wider layout of up to 8 H100-SXM would do either, nor up to 4 such nodes in a row",
        ),
        (4, Targets(first_token_seconds=0.001), "first_token_seconds of 1 ms is met by no batch"),
    ],
)
def test_where_no_batch_will_do_it_says_what_would(
    tensor: int, targets: Targets, says: str
) -> None:
    with pytest.raises(NoBatchError, match=says) as caught:
        sized(tensor, targets)
    if "tensor=" in str(caught.value):
        wider = int(str(caught.value).rsplit("tensor=")[1].split()[0])
        assert sized(wider, targets).replicas.p50 >= 1


@pytest.mark.parametrize(
    ("layout", "system", "target", "says"),
    [
        (Layout(1), "h100_sxm", 0.02, "tensor=4 would do"),  # 2 need 29 ms, 4 need 18
        (Layout(1, 8), "h100_sxm", 0.017, "No wider layout of up to 8"),  # 16 would do
        (Layout(1), "l40s", 0.02, "No wider layout was tried: how fast L40S send to each other"),
    ],
)
def test_wider_layouts_are_tried_by_doubling_within_a_node(
    layout: Layout, system: str, target: float, says: str
) -> None:
    decoder, hardware = serving.decoder("llama-3.1-70b"), serving.hardware(system)
    targets = Targets(token_seconds=target)
    with pytest.raises(NoBatchError, match=says):
        size_model(decoder, Numerics(), hardware, layout, FIT.constants, FIT.dense, CHAT, targets)


def test_layouts_that_do_not_share_a_layer_evenly_are_not_tried() -> None:
    decoder, hardware = serving.decoder("llama-3.1-70b"), serving.hardware("h100_sxm")
    halves = dataclasses.replace(decoder, d_model=8194)  # 2 divides it, 4 does not
    targets = Targets(token_seconds=0.02)
    with pytest.raises(NoBatchError, match="No wider layout of up to 8"):
        size_model(halves, Numerics(), hardware, Layout(1), FIT.constants, FIT.dense, CHAT, targets)


def test_where_one_node_is_too_small_it_names_so_many_in_a_row() -> None:
    """671 billion parameters at 2 bytes are 1,342 GB, and eight H200 have 1,206."""
    decoder, hardware = serving.decoder("deepseek-v3"), serving.hardware("h200_sxm")
    model = (decoder, Numerics(), hardware)
    fitted = (FIT.constants, FIT.mixture, CHAT)
    with pytest.raises(NoBatchError, match="tensor=8 with stages=2 would do: 16 H200-SXM"):
        size_model(*model, Layout(8), *fitted, Targets())
    assert size_model(*model, Layout(8, stages=2), *fitted, Targets()).capacity.batch > 1
    with pytest.raises(NoBatchError, match=r"With tensor=8 and stages=4: .* A target of") as caught:
        size_model(*model, Layout(8), *fitted, Targets(token_seconds=0.001))
    said = float(str(caught.value).rsplit("A target of ")[1].split()[0]) / 1e3
    wide = Layout(8, stages=4)
    assert size_model(*model, wide, *fitted, Targets(token_seconds=said)).capacity.batch >= 1


def test_the_target_of_the_first_token_is_held_against_its_median() -> None:
    """The estimate of the queue is below what most runs waited."""
    target = Targets(first_token_seconds=0.3)
    at_estimate = dataclasses.replace(FIT.dense, first_token=Spread(0.8, 5))
    by_median, by_estimate = (
        size_service(one(), FIT.constants, spreads, CHAT, target).capacity
        for spreads in (FIT.dense, at_estimate)
    )
    assert FIT.dense.first_token.middle > 1
    assert by_median.batch < by_estimate.batch
    for capacity, middle in ((by_median, FIT.dense.first_token.middle), (by_estimate, 1)):
        kept, missed = (
            float(serve(one(), FIT.constants, batch, 1024, 512).first_token_seconds) * middle
            for batch in (capacity.batch, capacity.batch + 1)
        )
        assert kept <= 0.3 < missed
    operation = size_service(one(), FIT.constants, FIT.dense, CHAT, target).operation
    assert operation.first_token_seconds.p50 <= 0.3


def test_the_target_that_it_says_would_be_met_is_met() -> None:
    with pytest.raises(NoBatchError, match=r"A target of 17\.57 ms or more would be met"):
        sized(4, Targets(token_seconds=0.001))
    assert sized(4, Targets(token_seconds=0.01757)).capacity.batch >= 1
    with pytest.raises(NoBatchError):
        sized(4, Targets(token_seconds=0.01756))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: size(Load(0, 10, 10)), "requests_per_s is 0"),
        (lambda: size(Load(-1, 10, 10)), "requests_per_s is -1"),
        (lambda: size(Load(math.nan, 10, 10)), "requests_per_s is nan"),
        (lambda: size(Load(1, 0, 10)), "prompt_tokens is 0"),
        (lambda: size(Load(1, 10, 0.5)), r"output_tokens is 0\.5"),
        (lambda: size(targets=Targets(token_seconds=0)), "token_seconds is 0"),
        (lambda: size(targets=Targets(first_token_seconds=-1)), "first_token_seconds is -1"),
        (lambda: size(targets=Targets(target_utilization=1.2)), r"target_utilization is 1\.2"),
        (lambda: size(targets=Targets(target_utilization=0)), "target_utilization is 0"),
        (lambda: size(targets=Targets(spare_replicas=-1)), "spare_replicas is -1"),
        (lambda: size(targets=Targets(largest_batch=0)), "largest_batch is 0"),
        (lambda: size(targets=Targets(largest_batch=3.7)), r"largest_batch is 3\.7, .* whole"),  # type: ignore[arg-type]
        (lambda: operate(one(), FIT.constants, FIT.dense, CHAT, QUICK, 0), "replicas is 0"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


# --- Sweeps -------------------------------------------------------------------------


def test_a_rate_grows_with_the_batch_and_sweeps_in_one_call() -> None:
    batch = np.arange(1.0, 1001)
    rates = np.asarray(replica_rate(one(), FIT.constants, batch, 1024, 512))
    assert rates.shape == (1000,)
    assert (np.diff(rates) > 0).all()


# --- Longer than the model was made for -------------------------------------------------------


def test_requests_beyond_the_model_s_context_are_refused_and_at_it_they_are_not() -> None:
    """Llama 3 was published for 8,192 tokens."""
    made = one(8, "llama-3-8b")
    assert size(dataclasses.replace(CHAT, prompt_tokens=7680), Targets(), made).capacity.batch > 1
    with pytest.raises(ValueError, match=r"together 8,193, but the model was made for .* 8,192"):
        size(dataclasses.replace(CHAT, prompt_tokens=7681), Targets(), made)
    with pytest.raises(ValueError, match="made for sequences of 8,192 tokens") as refused:
        size_model(
            serving.decoder("llama-3-8b"), Numerics(), serving.hardware("h100_sxm"), Layout(1),
            FIT.constants, FIT.dense, Load(1, 100_000, 1), Targets(),
        )  # fmt: skip
    assert not isinstance(refused.value, NoBatchError)


def test_a_stretched_context_and_one_that_nobody_tells_are_sized() -> None:
    decoder, hardware = serving.decoder("llama-3-8b"), serving.hardware("h100_sxm")
    long = Load(1, 20_000, 500)
    for context in (32_768, None):
        stretched = dataclasses.replace(decoder, context_tokens=context)
        sizing = size_model(
            stretched, Numerics(), hardware, Layout(1), FIT.constants, FIT.dense, long, Targets()
        )
        assert sizing.replicas.p50 >= 1
