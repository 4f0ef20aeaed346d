"""The parts of a step and of a replica, each worked out by hand on round numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from estimator import engine
from estimator.engine import Constants, DecoderShape, Hardware, Layout, Numerics, Replica

MIXTURE = DecoderShape(
    name="toy", n_layers=4, n_mixture_layers=3, d_model=10, attention_params=800,
    shared_params=160, head_params=40, embedding_params=24, expert_params=16, routed_experts=8,
    experts_per_token=2, cache_elements=48, window_cache_elements=12, window=5, cache_heads=2,
    pair_flops=320, window_pair_flops=64,
)  # fmt: skip
NARROW = Numerics(
    attention_bits=8, shared_bits=4, expert_bits=4, attention_compute_bits=8,
    shared_compute_bits=16, expert_compute_bits=8, cache_bytes_per_element=1,
)  # fmt: skip
CARD = Hardware("card", 2e9 + 1250, 100, 10, {16: 50, 8: 100})
HALVES = Constants(
    memory_efficiency=0.5, compute_efficiency=0.5, narrow_efficiency=0.25, expert_efficiency=0.5,
    link_efficiency=0.5, layer_seconds=1, mixture_seconds=2, hop_seconds=3, sequence_seconds=4,
)  # fmt: skip


@pytest.fixture
def made() -> Replica:
    """Eight accelerators: two halves of a layer, two ranks with their own sequences, two stages."""
    return engine.replica(MIXTURE, NARROW, CARD, Layout(tensor=2, data=2, stages=2))


# --- A replica --------------------------------------------------------------------------------


def test_parameters_are_those_of_all_parts() -> None:
    assert MIXTURE.n_params == 800 + 160 + 3 * 8 * 16 + 40 + 24
    assert MIXTURE.is_mixture
    assert replace(MIXTURE, n_mixture_layers=1).is_mixture
    assert not replace(MIXTURE, n_mixture_layers=0).is_mixture
    assert not MIXTURE.latent, "a cache is keys and values unless told"


def test_a_layout_counts_its_accelerators() -> None:
    assert (Layout(2, 3, 5).group, Layout(2, 3, 5).accelerators) == (6, 30)
    assert (Layout().group, Layout().accelerators) == (1, 1)


def test_numbers_have_16_bits_unless_told() -> None:
    assert Numerics() == Numerics(16, 16, 16, 16, 16, 16, 2)


def test_bytes_of_one_accelerator(made: Replica) -> None:
    # 800 bytes of attention over 2; 80 shared and 80 of the head, at two bytes each, over 4.
    assert made.dense_read_bytes == 400 + 40
    # 16 parameters of 4 bits, in 3 layers, over 4 accelerators: 6 bytes for each of 8 experts.
    assert made.expert_read_bytes == 6
    assert made.stored_bytes == (440 + 8 * 6 + 24 * 2 / 4) / 2
    assert (made.cache_bytes_per_token, made.window_cache_bytes_per_token) == (24, 6)
    assert made.token_exchange_bytes == 10 * 2 / 2


def test_seconds_of_one_accelerator(made: Replica) -> None:
    # 2 FLOP a parameter, over 4: shared ones at 50 FLOP/s, attention and experts at 100.
    assert (made.wide_token_seconds, made.narrow_token_seconds) == (1.6, 4)
    assert (made.wide_expert_seconds, made.narrow_expert_seconds) == (0, 0.48)
    assert (made.pair_seconds, made.window_pair_seconds) == (1.6, 0.32)


def test_ranks_that_share_sequences_exchange_whole_vectors() -> None:
    alone = engine.replica(MIXTURE, NARROW, CARD, Layout(tensor=5))
    assert alone.token_exchange_bytes == 20
    assert alone.cache_bytes_per_token == 24, "a cache is split over its two heads at most"


def test_16_bits_are_no_narrow_numbers() -> None:
    assert CARD.rate(16) == (50, False)
    assert CARD.rate(8) == (100, True)
    assert CARD.rate(4) == (50, False), "weights of 4 bits are widened to 16, not to 8"
    assert Hardware("old", 1, 1, None, {15: 3, 16: 5}).rate(15) == (3, True)


@pytest.mark.parametrize("layout", [Layout(2.5), Layout(1, 0), Layout(1, 1, -1)])  # type: ignore[arg-type]
def test_a_layout_has_whole_parts(layout: Layout) -> None:
    with pytest.raises(ValueError, match="a layout's parts are whole numbers, 1 or more"):
        engine.replica(MIXTURE, NARROW, CARD, layout)


def test_a_layer_is_shared_out_evenly() -> None:
    assert engine.replica(MIXTURE, NARROW, CARD, Layout(5)).group_accelerators == 5
    with pytest.raises(ValueError, match=r"tensor is 3, but the width of toy, 10, .* example 2\."):
        engine.replica(MIXTURE, NARROW, CARD, Layout(3))
    wide = replace(MIXTURE, d_model=56)
    with pytest.raises(ValueError, match=r"tensor is 3, but the width of toy, 56, .* example 8\."):
        engine.replica(wide, NARROW, CARD, Layout(3))
    odd = replace(MIXTURE, d_model=9)
    with pytest.raises(ValueError, match=r"tensor is 2, but the width of toy, 9, .* example 1\."):
        engine.replica(odd, NARROW, CARD, Layout(2))


def test_without_a_link_stages_are_possible_and_groups_are_not() -> None:
    alone = replace(CARD, link_bytes_per_s=None)
    assert engine.replica(MIXTURE, NARROW, alone, Layout(stages=2)).pipeline_stages == 2
    with pytest.raises(ValueError, match="but 2 accelerators that share a layer need it"):
        engine.replica(MIXTURE, NARROW, alone, Layout(data=2))


# --- A step -----------------------------------------------------------------------------------


def test_a_step_part_by_part(made: Replica) -> None:
    service = engine.serve(made, HALVES, 16, prompt_tokens=6, output_tokens=4)
    # 8 requests a stage and 4 a rank; they touch 8 (1 - 0.75^8) of the experts.
    touched = 8 * (1 - 0.75**8)
    assert service.weight_seconds == pytest.approx((440 + 6 * touched) / 50)
    # Half of an answer is there on average: 8 tokens, of which a window layer reads 5.
    assert service.cache_seconds == pytest.approx(4 * (24 * 8 + 6 * 5) / 50)
    token = 1.6 / 0.5 + (4 + 0.48 / 0.5) / 0.25
    assert service.matmul_seconds == pytest.approx(8 * token)
    # A ring of 4 sends 1.5 vectors, twice a layer, at 5 bytes a second; 2 hops, twice a layer.
    sent = 2 * 4 * 1.5 * 10 / 5
    assert service.exchange_seconds == pytest.approx(8 * sent + 2 * 4 * 3 * 2)
    assert service.overhead_seconds == 4 * 1 + 3 * 2 + 4 * 4
    step = 184.32 + 17.76 + 240 + 26
    assert service.decode_step_seconds == pytest.approx(step)
    attention = 6 * 3 * (1.6 + 0.32) / 0.5
    prefill = 6 * token + attention + 6 * sent
    assert service.prefill_seconds == pytest.approx(prefill)
    assert service.prompts_waited == 4
    # 12 of the 16 prompts fall on the 3 tokens after the first, two stages at a time.
    assert service.token_seconds == pytest.approx(step + 4 * prefill / 2)
    assert service.first_token_seconds == pytest.approx(4 * prefill + step)
    stay = service.first_token_seconds + 3 * service.token_seconds
    assert service.request_seconds == pytest.approx(stay)


@pytest.mark.parametrize(("waves", "waited"), [(0, 4), (0.5, 10), (1, 16)])
def test_a_wave_in_one_chunk_waits_for_all_prompts(
    made: Replica, waves: float, waited: float
) -> None:
    service = engine.serve(made, HALVES, 16, 6, 4, waves=waves)
    assert service.prompts_waited == waited
    assert service.token_seconds == pytest.approx(468.08 + (16 - waited) / 3 * 351.36 / 2)


def test_floors_reach_every_rate_and_have_no_overhead(made: Replica) -> None:
    products = 1.6 + 4 + 0.48
    assert engine.roofline_token_seconds(made, 16, 10) == pytest.approx(8 * products)
    # One request a stage touches its 2 experts, and each rank reads half a cache of 10 tokens.
    slow = replace(made, bytes_per_s=50)
    read = (440 + 2 * 6 + 0.5 * (24 * 10 + 6 * 5)) / 50
    assert engine.roofline_token_seconds(slow, 2, 10) == pytest.approx(read)
    prefill = 6 * products + 6 * 3 * (1.6 + 0.32) + 6 * 2 * 4 * 1.5 * 10 / 10
    assert engine.first_token_floor_seconds(made, 6) == pytest.approx(prefill)


def test_an_ideal_step_is_bytes_and_products_alone(made: Replica) -> None:
    service = engine.serve(made, engine.IDEAL, 16, 6, 4)
    assert service.overhead_seconds == 0
    assert service.exchange_seconds == pytest.approx(8 * 2 * 4 * 1.5 * 10 / 10)


def test_sequences_fill_nine_tenths_of_what_is_left(made: Replica) -> None:
    # 1,250 bytes beside the runtime's 2 GB, less 250 of weights; two ranks, two stages.
    assert engine.sequences_that_fit(made, 10) == pytest.approx(0.9 * 1000 * 2 / (270 / 2))
    assert engine.sequences_that_fit(replace(made, memory_bytes=2e9 + 249), 10) == 0


def test_a_served_request_has_one_token_or_more(made: Replica) -> None:
    assert engine.serve(made, HALVES, 1, 1, 1).token_seconds > 0
    for tokens in (0.5, 0, -1):
        told = f"output_tokens is {tokens}, but the output tokens must be 1 token or more: give"
        with pytest.raises(ValueError, match=re.escape(told)):
            engine.serve(made, HALVES, 1, 1, tokens)
    with pytest.raises(ValueError, match=r"prompt_tokens\[1\] is 0, .* must be 1 token or more"):
        engine.serve(made, HALVES, 1, np.array([1.0, 0.0]), 1)


def test_prompts_of_a_slow_engine_take_no_longer_than_estimated(made: Replica) -> None:
    """A factor is of the tokens; what answers of one token wait for is prompts."""
    service = engine.serve(made, HALVES, 64, 100, 1)
    assert service.prompts_seconds > service.first_token_seconds
    assert engine.slower_request_seconds(service, 1, 3) == service.prompts_seconds
    quick = max(service.prompts_seconds / 2, service.first_token_seconds)
    assert engine.slower_request_seconds(service, 1, 0.5) == pytest.approx(quick)


def test_a_spread_goes_around_an_estimate() -> None:
    assert engine.Spread(0.5, 2).around(10) == engine.Uncertain(5, 10, 20)
    assert engine.Spread(0.5, 2, middle=1.5).around(10) == engine.Uncertain(5, 15, 20)
