"""The time of a step: its formulas by hand, and what must hold with the constants as shipped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator import catalog, engine, step_time
from estimator.catalog import serving
from estimator.catalog.accelerator_names import SYSTEMS
from estimator.catalog.model_names import published_names
from estimator.engine import Hardware, Layout, Numerics, Replica, replica, serve

CONSTANTS = serving.step_constants().fit.constants


def made(model: str = "llama-3.1-8b", system: str = "h100_sxm", tensor: int = 1) -> Replica:
    decoder = serving.decoder(model)
    return replica(decoder, Numerics(), serving.hardware(system), Layout(tensor))


# --- The formulas of a step -------------------------------------------------------------------


def test_a_window_layer_reads_up_to_its_window() -> None:
    assert step_time.sequence_cache_bytes(100, 50, 10, 20) == 5000 + 200
    assert step_time.sequence_cache_bytes(100, 5, 10, 20) == 500 + 50
    assert step_time.sequence_cache_bytes(100, 50) == 5000
    assert step_time.sequence_cache_bytes(100, 50, 10) == 5000 + 10


def test_experts_and_narrow_numbers_reach_less_of_their_rate() -> None:
    wide, narrow = 1 + 3 / 0.5, 2 + 4 / 0.5
    found = step_time.matmul_seconds(10, 1, 2, 3, 4, 0.5, 0.25, 0.5)
    assert found == 10 * (wide / 0.5 + narrow / 0.25)


def test_an_exchange_is_latency_and_bytes() -> None:
    assert step_time.exchange_seconds(32, 8, 4e-6, 0.001) == pytest.approx(0.000768 + 0.001)


def test_each_mixture_layer_costs_more() -> None:
    assert step_time.overhead_seconds(4, 1, 10, 2, 3, 5) == 4 + 15 + 20
    assert step_time.overhead_seconds(4, 1, 10, 2, 3) == step_time.overhead_seconds(4, 1, 10, 2)
    assert step_time.overhead_seconds(4, 1, 10, 2, mixture_seconds=5) == 24


def test_a_prompt_s_attention_is_half_a_square_or_a_band() -> None:
    assert step_time.prompt_attention_seconds(100, 2) == 100 * 50 * 2
    assert step_time.prompt_attention_seconds(100, 2, 3, 10) == 100 * (50 * 2 + 10 * 3)
    assert step_time.prompt_attention_seconds(100, 2, 3, 80) == 100 * (50 * 2 + 50 * 3)
    assert step_time.prompt_attention_seconds(100, 2, 3) == 100 * (50 * 2 + 3)


@pytest.mark.parametrize(("batch", "waited"), [(0, 0), (1, 1), (4, 2), (9, 3), (2.25, 1.5)])
def test_a_closed_loop_scatters_its_prompts(batch: float, waited: float) -> None:
    assert step_time.prompts_waited(batch) == waited


def test_a_wave_comes_in_chunks() -> None:
    assert step_time.wave_prompts_waited(64, 16_384) == (64 + 1) / 2
    assert step_time.wave_prompts_waited(64, 1024, chunk_tokens=4096) == (64 + 4) / 2
    assert step_time.wave_prompts_waited(3, 1024) == 3
    assert step_time.wave_prompts_waited(10, 0, chunk_tokens=4) == (10 + 4) / 2


def test_other_prompts_are_spread_over_a_request_s_tokens() -> None:
    assert step_time.token_seconds(1, 10, 64, 8, 8) == 1 + 56 / 7 * 10
    assert step_time.token_seconds(1, 10, 64, 8, 8, pipeline_stages=2) == 1 + 56 / 7 * 10 / 2
    assert step_time.token_seconds(1, 10, 64, 8, 1) == 1 + 56 * 10
    assert step_time.token_seconds(1, 10, 1, 8, 8) == 1


def test_a_queue_that_is_nine_tenths_busy() -> None:
    """M/D/1 waits half as long as M/M/1, which waits nine times the service."""
    assert step_time.prefill_queue_seconds(0.05, 0.9) == pytest.approx(4.5 * 0.05)


def test_a_request_without_further_tokens_ends_with_its_first() -> None:
    assert step_time.request_seconds(0.5, 0.25, 5) == 1.5
    assert step_time.request_seconds(0.5, 0.25, 1) == step_time.request_seconds(0.5, 0.25, 0) == 0.5


def test_no_spare_is_planned_unless_asked_for() -> None:
    assert step_time.replicas_needed(40, 6.15, 0.75) == 9


def test_an_error_has_no_sign() -> None:
    assert step_time.absolute_error(0.0075, 0.01) == pytest.approx(0.25)


def test_requests_that_get_no_tokens_have_no_share_of_those_in_flight() -> None:
    with pytest.raises(ValueError, match=r"^generation_seconds is 0, but .* more than 0 s"):
        step_time.running_requests(8, 1, 0)
    assert step_time.running_requests(8, 0, 1) == 8


# --- Physics ----------------------------------------------------------------------------------


batches = st.floats(1, 2000)
lengths = st.floats(1, 50_000)
models = st.sampled_from(sorted(set(published_names().values())))


@given(models, batches, lengths, lengths)
@settings(max_examples=60, deadline=None)
def test_every_time_is_above_the_roofline_and_grows_with_the_batch(
    model: str, batch: float, prompt: float, output: float
) -> None:
    one = made(model, "h200_sxm", tensor=8)
    service = serve(one, CONSTANTS, batch, prompt, output)
    floor = engine.roofline_token_seconds(one, batch, prompt + output / 2)
    assert floor < service.decode_step_seconds <= service.token_seconds
    assert engine.first_token_floor_seconds(one, prompt) < service.first_token_seconds
    more = serve(one, CONSTANTS, batch * 1.5, prompt, output)
    assert more.token_seconds >= service.token_seconds
    assert more.first_token_seconds >= service.first_token_seconds
    longer = serve(one, CONSTANTS, batch, prompt * 1.5, output)
    assert longer.token_seconds >= service.token_seconds
    assert longer.prefill_seconds > service.prefill_seconds


@given(batches, lengths)
@settings(max_examples=40, deadline=None)
def test_a_wave_moves_prompts_from_the_tokens_to_the_first_one(batch: float, prompt: float) -> None:
    one = made()
    mixed, wave = (serve(one, CONSTANTS, batch, prompt, 128, waves=w) for w in (0, 1))
    assert wave.token_seconds <= mixed.token_seconds * (1 + 1e-12)
    assert wave.first_token_seconds >= mixed.first_token_seconds * (1 - 1e-12)


def test_splitting_a_layer_divides_its_work_and_adds_exchanges() -> None:
    one, eight = made(tensor=1), made(tensor=8)
    alone, split = (serve(r, CONSTANTS, 16, 1024, 256) for r in (one, eight))
    assert split.weight_seconds == pytest.approx(alone.weight_seconds / 8)
    assert split.cache_seconds == pytest.approx(alone.cache_seconds / 8)
    assert alone.exchange_seconds == 0 < split.exchange_seconds
    assert split.overhead_seconds == alone.overhead_seconds


def test_a_cache_is_split_over_its_heads_and_no_further() -> None:
    decoder = dataclasses.replace(serving.decoder("llama-3.1-8b"), cache_heads=4)
    hardware = serving.hardware("h100_sxm")
    four, eight = (replica(decoder, Numerics(), hardware, Layout(n)) for n in (4, 8))
    assert four.cache_bytes_per_token == eight.cache_bytes_per_token
    latent = serving.decoder("deepseek-v3")
    assert latent.cache_heads == 1
    assert latent.cache_elements == 61 * 576


def test_data_parallel_attention_keeps_whole_caches_of_fewer_sequences() -> None:
    decoder, hardware = serving.decoder("deepseek-v3"), serving.hardware("b200_sxm")
    split = replica(decoder, Numerics(expert_bits=4.5), hardware, Layout(tensor=8))
    ranks = replica(decoder, Numerics(expert_bits=4.5), hardware, Layout(data=8))
    assert ranks.dense_read_bytes > split.dense_read_bytes
    cache = [serve(r, CONSTANTS, 64, 1024, 1024).cache_seconds for r in (split, ranks)]
    assert cache[0] == pytest.approx(8 * cache[1])


def test_stages_hold_parts_of_the_layers_and_add_no_speed_for_one_sequence() -> None:
    decoder, hardware = serving.decoder("llama-3.1-70b"), serving.hardware("h100_sxm")
    whole, staged = (replica(decoder, Numerics(), hardware, Layout(4, 1, n)) for n in (1, 2))
    assert staged.stored_bytes == whole.stored_bytes / 2
    assert engine.sequences_that_fit(staged, 4096) > 2 * engine.sequences_that_fit(whole, 4096)
    times = [
        serve(r, CONSTANTS, 2 * r.pipeline_stages, 8, 8).weight_seconds for r in (whole, staged)
    ]
    assert times[0] == times[1]


def test_narrow_numbers_are_computed_in_16_bits_where_an_accelerator_has_no_rate() -> None:
    hopper, blackwell = (serving.hardware(name) for name in ("h100_sxm", "b200_sxm"))
    assert hopper.rate(4) == (989e12, False)
    assert hopper.rate(8) == (1979e12, True)
    assert blackwell.rate(4) == (9000e12, True)
    assert serving.hardware("a100_sxm").rate(8) == (312e12, False)


def test_what_the_constants_mean_by_hand() -> None:
    """One step of Llama 3.1 8B on one H100, each part worked out anew."""
    one = serve(made(), CONSTANTS, 16, 1024, 512)
    read_bytes = 2 * (8_030_261_248 - 128_256 * 4096 - 65 * 4096)
    weights = read_bytes / (3.35e12 * CONSTANTS.memory_efficiency)
    cache = 16 * 1280 * 131_072 / (3.35e12 * CONSTANTS.memory_efficiency)
    overhead = 32 * CONSTANTS.layer_seconds + 16 * CONSTANTS.sequence_seconds
    assert one.weight_seconds == pytest.approx(weights)
    assert one.cache_seconds == pytest.approx(cache)
    assert one.overhead_seconds == pytest.approx(overhead)
    assert one.decode_step_seconds == pytest.approx(weights + cache + overhead)
    products = read_bytes / 2 - 128_256 * 4096
    attention = 4 * 32 * 4096 * 1024**2 / 2
    prefill = (2 * products * 1024 + attention) / 989e12 / CONSTANTS.compute_efficiency
    assert one.prefill_seconds == pytest.approx(prefill)
    assert one.token_seconds == pytest.approx(one.decode_step_seconds + 12 / 511 * prefill)


# --- Facts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [m.key for m in catalog.models().values() if m.exact and m.key in published_names()],
)
def test_parameters_agree_with_published_counts(key: str) -> None:
    """Norms and biases are not counted here: less than a thousandth."""
    published = catalog.models()[key].n_params
    assert serving.decoder(key).n_params == pytest.approx(published, rel=1e-3)
    assert serving.decoder(key).n_params <= published


def test_names_of_measurement_files_are_known() -> None:
    assert serving.decoder("Qwen/Qwen3-32B") is serving.decoder("qwen3-32b")
    assert serving.decoder("meta-llama/Llama-3.1-8B-Instruct").name == "llama-3.1-8b"
    assert serving.decoder("nvidia/Llama-3.1-70B-Instruct-FP8").name == "llama-3.1-70b"
    assert serving.decoder("Qwen/Qwen3-32B-NVFP4").name == "qwen3-32b"
    for system, name in SYSTEMS.items():
        assert serving.hardware(system).name == name


def test_numerics_follow_checkpoint_and_engine() -> None:
    dense, oss, latent = map(serving.decoder, ("qwen3-32b", "gpt-oss-120b", "deepseek-v3"))
    assert serving.numerics(dense, "fp8", "trtllm").cache_bytes_per_element == 1
    assert serving.numerics(dense, "fp8", "vllm").cache_bytes_per_element == 2
    assert serving.numerics(dense, "", "trtllm") == Numerics()
    assert serving.numerics(oss, "nvfp4") == Numerics(expert_bits=4.25)
    assert serving.numerics(latent, "nvfp4").attention_bits == 16


# --- Bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: serving.hardware("h900_sxm"), "accelerator is 'h900_sxm'"),
        (lambda: serving.decoder("llama-9"), "model is 'llama-9'"),
        (lambda: serving.numerics(serving.decoder("qwen3-32b"), "fp9"), "quantization is 'fp9'"),
        (lambda: serving.numerics(serving.decoder("qwen3-32b"), "fp8", "ollama"), "engine is 'oll"),
        (lambda: made(tensor=0), "tensor is 0"),
        (lambda: made(system="l40s", tensor=2), "link_bytes_per_s of L40S is not known"),
        (lambda: serve(made(), CONSTANTS, -1, 10, 10), "batch is -1"),
        (lambda: serve(made(), CONSTANTS, 1, 0, 10), "prompt_tokens is 0"),
        (lambda: serve(made(), CONSTANTS, 1, 10, 0), "output_tokens is 0"),
        (lambda: serve(made(), CONSTANTS, float("nan"), 10, 10), "batch is nan"),
        (lambda: serve(made(), CONSTANTS, 1, np.array([5, 0]), 10), r"prompt_tokens\[1\] is 0"),
    ],
)
def test_bad_input_is_one_sentence_that_helps(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


# --- Arrays -----------------------------------------------------------------------------------


def test_an_array_gives_what_single_calls_give() -> None:
    one, batch = made("gpt-oss-120b", "h200_sxm", 2), np.arange(1.0, 60, 7)
    swept = serve(one, CONSTANTS, batch, 1024, 512)
    for place, size in enumerate(batch):
        single = serve(one, CONSTANTS, int(size), 1024, 512)
        for field in ("token_seconds", "first_token_seconds", "request_seconds"):
            assert getattr(swept, field)[place] == pytest.approx(getattr(single, field))


def test_hardware_without_a_link_serves_alone() -> None:
    card = Hardware("card", 24e9, 1e12, None, {16: 165e12})
    one = replica(serving.decoder("llama-3.1-8b"), Numerics(), card, Layout())
    assert serve(one, CONSTANTS, 1, 128, 128).exchange_seconds == 0
