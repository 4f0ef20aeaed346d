"""Whole services as arrays, against the sizing of one service at a time and figures by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.capacity import LARGEST_BATCH
from estimator.catalog.serving import hardware, step_constants
from estimator.engine import (
    IDEAL,
    DecoderShape,
    Hardware,
    Layout,
    Numerics,
    replica,
    sequences_that_fit,
    serve,
)
from estimator.load import Load, NoBatchError, Targets, most
from estimator.step_time import prompts_waited
from estimator.whole_service import TENSOR_PARALLEL, Shape, Work, narrowest, serve_most

CONSTANTS = step_constants().fit.constants
A100 = hardware("A100-SXM-80GB")
TEXT = catalog.system("text").shape
ONE = Layout()


def test_the_most_of_a_replica_is_what_the_sizing_of_one_service_finds() -> None:
    prompts, answers = np.array([1, 50, 500, 3000, 8000]), np.array([1, 700, 500, 40, 1500])
    targets = np.array([0.05, 0.02, 0.03, 0.05, 0.008])
    made = replica(TEXT.decoder(8e9), Numerics(), A100, Layout())
    served = serve_most(made, CONSTANTS, TEXT, Work(prompts, answers, 1), targets, 1.1)
    for row, (prompt, answer, target) in enumerate(zip(prompts, answers, targets, strict=True)):
        load, goal = Load(1, float(prompt), float(answer)), Targets(token_seconds=float(target))
        try:
            alone = most(made, CONSTANTS, load, goal, factor=1.1)
        except NoBatchError:
            assert served.replica_requests_per_s[row] == 0
            continue
        assert served.batch[row] == alone.batch
        assert served.replica_requests_per_s[row] == pytest.approx(alone.requests_per_s)
    assert (served.replica_requests_per_s == 0).any()
    assert (served.replica_requests_per_s > 0).any()


def test_a_service_alone_has_the_digits_of_its_row_in_a_table() -> None:
    """Numbers are searched by plain floats: each operation must round as NumPy's does."""
    made = replica(TEXT.decoder(8e9), Numerics(), A100, Layout(tensor=2))
    random = np.random.default_rng(7)
    prompts, answers = random.uniform(1, 9000, 300), random.uniform(1, 3000, 300)
    targets, factors = random.uniform(0.004, 0.06, 300), random.uniform(0.5, 2, 300)
    together = serve_most(made, CONSTANTS, TEXT, Work(prompts, answers, 1), targets, factors)
    rows = zip(*(each.tolist() for each in (prompts, answers, targets, factors)), strict=True)
    for row, (prompt, answer, target, factor) in enumerate(rows):
        alone = serve_most(made, CONSTANTS, TEXT, Work(prompt, answer, 1), target, factor)
        for name in ("batch", "replica_requests_per_s", "token_seconds", "request_seconds"):
            value = getattr(alone, name)
            assert isinstance(value, float)
            assert value == getattr(together, name)[row]
    assert 0 < np.count_nonzero(together.replica_requests_per_s) < 300


def test_every_batch_waits_for_as_many_prompts_as_in_a_table() -> None:
    batches = np.arange(1.0, LARGEST_BATCH + 1)
    alone = [prompts_waited(one) for one in batches.tolist()]
    assert np.array_equal(prompts_waited(batches), alone)


def test_a_pass_at_full_rates_is_its_arithmetic() -> None:
    shape = Shape("picture", 10, 100, whole_passes=True)
    made = replica(shape.decoder(1e9), Numerics(), A100, Layout())
    served = serve_most(made, IDEAL, shape, Work(0, 7, 1000), 1)
    # 2 FLOP a parameter and token; 4 FLOP of each number of the width for each pair of tokens.
    flops = 7 * (2 * 1e9 * 1000 + 10 * 4 * 100 * 1000**2)
    assert served.request_seconds == pytest.approx(flops / 312e12)
    assert served.batch == 1


def test_an_engine_that_takes_twice_as_long_carries_half_the_pictures() -> None:
    system = catalog.system("image")
    made = replica(system.shape.decoder(system.n_params), Numerics(), A100, Layout())
    work = Work(0, 100, 4096)
    once, twice = (serve_most(made, CONSTANTS, system.shape, work, 1, f) for f in (1, 2))
    ratio = once.replica_requests_per_s / twice.replica_requests_per_s
    assert ratio == pytest.approx(2)


def unrounded(carried: Any, ranks: int) -> Any:
    """A plan for one request a second, in parts of a replica."""
    return ranks / carried


def width(n_params: float, bits: float = 16, target: float = 0.05, planned: Any = unrounded) -> int:
    work = Work(500, 500, 1)
    numerics = Numerics(shared_bits=bits)
    return int(narrowest(TEXT, n_params, numerics, A100, CONSTANTS, work, target, planned))


def test_a_wider_replica_is_taken_where_it_saves_more_than_a_fifth() -> None:
    taken = []
    for n_params in (3e9, 20e9, 24e9, 30e9, 37e9, 70e9, 150e9, 300e9):
        plans = {}
        for ranks in TENSOR_PARALLEL:
            made = replica(TEXT.decoder(n_params), Numerics(), A100, Layout(tensor=ranks))
            served = serve_most(made, CONSTANTS, TEXT, Work(500, 500, 1), 0.05)
            if carried := float(served.replica_requests_per_s):
                plans[ranks] = ranks / carried
        near = [ranks for ranks, plan in plans.items() if plan <= min(plans.values()) / 0.8]
        taken.append(near[0])
        assert width(n_params) == near[0]
    # Weights of 140 GB fit on two of 85.9 GB, with hardly a cache beside them.
    assert taken == [1, 1, 1, 2, 2, 4, 8, 8]
    assert width(70e9, bits=4.125) == 1
    assert width(5e12) == 0


def test_a_plan_of_a_few_replicas_is_rounded_before_it_is_compared() -> None:
    """For next to no load, the narrowest replica that serves it is the cheapest."""
    assert width(70e9, planned=lambda carried, ranks: np.ceil(1e-6 / carried) * ranks) == 2


def test_a_short_time_per_token_asks_for_wider_replicas_until_none_will_do() -> None:
    # 60 GB at 2,039 GB/s are 29 ms, and the engine reads no faster than 84 % of that.
    assert width(30e9, target=0.5) == 1
    assert width(30e9, target=0.03) == 4
    assert width(30e9, target=1e-4) == 0


def test_an_accelerator_without_a_known_link_stands_alone() -> None:
    alone = replace(A100, link_bytes_per_s=None)
    work = Work(500, 500, 1)
    assert narrowest(TEXT, 70e9, Numerics(), alone, CONSTANTS, work, 0.05, unrounded) == 0
    assert narrowest(TEXT, 3e9, Numerics(), alone, CONSTANTS, work, 0.05, unrounded) == 1


def test_a_width_that_does_not_divide_the_model_s_is_passed_over() -> None:
    odd = replace(TEXT, d_model=TEXT.d_model + 1)
    work = Work(500, 500, 1)
    assert narrowest(TEXT, 70e9, Numerics(), A100, CONSTANTS, work, 0.05, unrounded) == 4
    assert narrowest(odd, 70e9, Numerics(), A100, CONSTANTS, work, 0.05, unrounded) == 0


def test_widths_of_an_array_are_those_of_its_elements() -> None:
    sizes = np.array([3e9, 70e9, 5e12])
    work = Work(500, 500, 1)
    found = narrowest(TEXT, sizes, Numerics(), A100, CONSTANTS, work, 0.05, unrounded)
    assert found.tolist() == [1, 4, 0]


def test_a_token_keeps_two_bytes_of_each_element() -> None:
    assert TEXT.cache_bytes_per_token() == 114_688  # 28 layers, 8 heads of 128, keys and values


def test_long_contexts_take_the_replica_with_the_most_room_for_caches() -> None:
    # Each of eight keeps 5 GB beside its part of 313 billion parameters: 3 such caches.
    long = Work(100_000, 500, 1)
    assert narrowest(TEXT, 313e9, Numerics(), A100, CONSTANTS, long, 5, unrounded) == 8


@pytest.mark.parametrize(("n_params", "wide"), [(30e9, 1), (70e9, 2), (150e9, 4), (300e9, 8)])
def test_whole_passes_widen_only_for_room(n_params: float, wide: int) -> None:
    picture = Shape("picture", 10, 104, whole_passes=True)
    work = Work(0, 100, 4096)
    assert narrowest(picture, n_params, Numerics(), A100, CONSTANTS, work, 1, unrounded) == wide
    assert narrowest(picture, 10 * 70e9, Numerics(), A100, CONSTANTS, work, 1, unrounded) == 0


def test_whole_passes_take_a_model_that_just_fits() -> None:
    picture = Shape("picture", 10, 100, whole_passes=True)
    just = replace(A100, memory_bytes=2 * 8e9 + 2e9)
    work = Work(0, 100, 4096)
    assert narrowest(picture, 8e9, Numerics(), just, CONSTANTS, work, 1, unrounded) == 1
    assert narrowest(picture, 8.1e9, Numerics(), just, CONSTANTS, work, 1, unrounded) == 2
    made = [replica(picture.decoder(n), Numerics(), just, Layout()) for n in (8e9, 8.1e9)]
    rates = [serve_most(one, CONSTANTS, picture, work, 1).replica_requests_per_s for one in made]
    assert rates[0] > 0 == rates[1]


def test_a_prompt_counts_in_each_pass_and_each_pass_has_its_overhead() -> None:
    shape = Shape("picture", 10, 100, whole_passes=True)
    made = replica(shape.decoder(1e9), Numerics(), A100, Layout())
    slow = replace(IDEAL, layer_seconds=0.001, sequence_seconds=0.5)
    served = serve_most(made, slow, shape, Work(24, 7, 1000), 1)
    flops = 2 * 1e9 * 1024 + 10 * 4 * 100 * 1024**2
    assert served.token_seconds == pytest.approx(flops / 312e12 + 10 * 0.001 + 0.5)
    assert served.request_seconds == pytest.approx(7 * served.token_seconds)
    assert served.replica_requests_per_s == pytest.approx(1 / served.request_seconds)


def test_a_replica_takes_1024_requests_at_most_and_the_last_that_is_in_time() -> None:
    made = replica(TEXT.decoder(1e9), Numerics(), A100, Layout())
    work = Work(10, 10, 1)
    assert serve_most(made, CONSTANTS, TEXT, work, 10).batch == 1024
    exact = serve(made, CONSTANTS, 100, 10, 10).token_seconds
    assert serve_most(made, CONSTANTS, TEXT, work, exact).batch == 100
    slower = serve_most(made, CONSTANTS, TEXT, work, 1.5 * exact, 1.5)
    assert (slower.batch, slower.token_seconds) == (100, pytest.approx(1.5 * exact))


def test_one_request_in_time_is_served_and_one_cache_too_many_is_not() -> None:
    made = replica(TEXT.decoder(1e9), Numerics(), A100, Layout())
    alone = serve(made, CONSTANTS, 1, 10, 10).token_seconds
    assert serve_most(made, CONSTANTS, TEXT, Work(10, 10, 1), alone).replica_requests_per_s > 0
    late = serve_most(made, CONSTANTS, TEXT, Work(10, 10, 1), alone * 0.999)
    assert (late.batch, late.replica_requests_per_s) == (1, 0)
    # 81.9 GB are left, nine tenths of them for 114,688 bytes a token: 642,000 tokens.
    most_tokens = 0.9 * (A100.memory_bytes - 4e9) / 114_688
    for tokens, served in ((most_tokens - 1, True), (most_tokens + 1, False)):
        found = serve_most(made, CONSTANTS, TEXT, Work(tokens - 10, 10, 1), 1000)
        assert (found.replica_requests_per_s > 0) == served


def test_each_row_has_its_batch_also_where_one_request_fills_every_replica() -> None:
    made = replica(TEXT.decoder(1e9), Numerics(), A100, Layout())
    long = Work(np.array([600_000.0, 640_000.0]), 10, 1)
    assert serve_most(made, CONSTANTS, TEXT, long, 1000).batch.tolist() == [1, 1]


def test_a_shape_is_a_model_that_reads_all_its_parameters_and_has_no_windows() -> None:
    assert Shape("text", 10, 100) == Shape("text", 10, 100, 0, 1, whole_passes=False)
    assert Shape("text", 10, 100, 640, 8).decoder(5_000) == DecoderShape(
        name="text", n_layers=10, n_mixture_layers=0, d_model=100, attention_params=0,
        shared_params=5_000, head_params=0, embedding_params=0, expert_params=0,
        routed_experts=1, experts_per_token=0, cache_elements=640, window_cache_elements=0,
        window=1, cache_heads=8, pair_flops=4 * 10 * 100, window_pair_flops=0,
    )  # fmt: skip
    assert Shape("picture", 10, 100, whole_passes=True).decoder(1).pair_flops == 8 * 10 * 100


def with_room_for(sequences: int) -> Hardware:
    """An accelerator with memory for so many sequences of a thousand tokens, and no byte more."""

    def room(memory_bytes: int) -> float:
        of = replica(TEXT.decoder(3e9), Numerics(), replace(A100, memory_bytes=memory_bytes), ONE)
        return float(sequences_that_fit(of, 1000))

    enough, little = 2**40, 0
    while enough - little > 1:
        middle = (enough + little) // 2
        enough, little = (middle, little) if room(middle) >= sequences else (enough, middle)
    assert room(enough) == pytest.approx(sequences)
    return replace(A100, memory_bytes=enough)


def test_room_for_one_request_is_enough_alone() -> None:
    work = Work(500, 500, 1)
    chip = replace(with_room_for(1), link_bytes_per_s=None)
    less = replace(chip, memory_bytes=chip.memory_bytes - 1)
    for one, found in ((chip, 1), (less, 0)):
        assert narrowest(TEXT, 3e9, Numerics(), one, CONSTANTS, work, 1, unrounded) == found


def test_a_target_that_one_request_just_meets_is_met() -> None:
    alone = replace(A100, link_bytes_per_s=None)
    made = replica(TEXT.decoder(3e9), Numerics(), alone, ONE)
    token = float(serve(made, CONSTANTS, 1, 500, 500).token_seconds)
    targets = np.array([token, np.nextafter(token, 0), token * 0.999])
    found = narrowest(
        TEXT, 3e9, Numerics(), alone, CONSTANTS, Work(500, 500, 1), targets, unrounded
    )
    assert found.tolist() == [1, 0, 0]
