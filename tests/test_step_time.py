"""The time of a step: physics that must hold, the fit, and how well it does on unseen groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator import catalog, engine, step_time
from estimator.catalog import serving
from estimator.catalog.accelerator_names import SYSTEMS
from estimator.catalog.model_names import published_names
from estimator.engine import Constants, Hardware, Layout, Numerics, Replica, replica, serve
from estimator.validate.predict import Runs, estimate, first_token_floor, roofline
from tools.fit_step_time import Folds, errors_of, least_rounded_squares, load

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "estimator" / "catalog" / "measured_serving.csv"
FITTED = serving.step_constants()
CONSTANTS = FITTED.fit.constants


def made(model: str = "llama-3.1-8b", system: str = "h100_sxm", tensor: int = 1) -> Replica:
    decoder = serving.decoder(model)
    return replica(decoder, Numerics(), serving.hardware(system), Layout(tensor))


@pytest.fixture(scope="module")
def measured() -> tuple[Runs, np.ndarray]:
    return load(SHIPPED)


@pytest.fixture(scope="module")
def folds(measured: tuple[Runs, np.ndarray]) -> Folds:
    return Folds(*measured)


# --- The constants ----------------------------------------------------------------------------


def test_there_are_at_most_ten_constants_each_with_its_spread() -> None:
    assert [entry.name for entry in FITTED.table] == [
        field.name for field in dataclasses.fields(Constants)
    ]
    assert len(FITTED.table) <= 10
    for entry in FITTED.table:
        assert entry.value == getattr(CONSTANTS, entry.name)
        assert 0 < entry.low <= entry.value <= entry.high
        assert entry.meaning


def test_no_efficiency_is_above_one_nor_at_its_bound() -> None:
    fits = [FITTED.fit, *FITTED.left_out.values()]
    for fit in fits:
        for name, value in dataclasses.asdict(fit.constants).items():
            assert 0 < value < (0.999 if "efficiency" in name else 1e-3)


def test_the_file_says_what_it_was_fitted_on(measured: tuple[Runs, np.ndarray]) -> None:
    runs, repeated = measured
    assert FITTED.rows == (~repeated).sum() == 971
    assert "aiconfigurator" in FITTED.fitted_on
    assert FITTED.date
    assert set(FITTED.left_out) == {str(group) for group in np.unique(runs.groups)}


# --- The fit ----------------------------------------------------------------------------------


def test_fitting_again_gives_the_shipped_constants(folds: Folds) -> None:
    again, shipped = dataclasses.asdict(folds.whole), dataclasses.asdict(CONSTANTS)
    assert again == pytest.approx(shipped, rel=1e-3)


@pytest.mark.parametrize("group", ["qwen3-32b/H100-SXM/trtllm", "gpt-oss-120b/H200-SXM/trtllm"])
def test_a_left_out_group_has_not_been_seen(group: str, folds: Folds) -> None:
    """Tripling its times changes neither its constants nor its interval."""
    rows = folds.runs.groups == group
    spoiled = dataclasses.replace(
        folds.runs, token_seconds=np.where(rows, 3.0, 1.0) * folds.runs.token_seconds
    )
    other = Folds.__new__(Folds)
    other.runs, other.weights, other.groups = spoiled, folds.weights, folds.groups
    other.whole, other._made = folds.whole, {}
    fit, shipped = other.fit_without(group), FITTED.left_out[group]
    values = dataclasses.asdict(shipped.constants)
    assert dataclasses.asdict(fit.constants) == pytest.approx(values, rel=1e-3)
    mixture = folds.kind(group)
    token = shipped.spreads(mixture).token
    assert dataclasses.astuple(fit.spreads(mixture).token) == pytest.approx(
        dataclasses.astuple(token), rel=1e-3
    )


def test_the_minimizer_finds_a_known_minimum_and_keeps_to_bounds() -> None:
    wanted = np.array([0.3, -1.0, 2.0])
    matrix = np.array([[1.0, 2, 0], [0, 1, 1], [2, 0, 1], [1, 1, 1]])

    def residuals(point: np.ndarray) -> np.ndarray:
        return np.asarray(matrix @ (point - wanted))

    wide = (np.full(3, -9.0), np.full(3, 9.0))
    assert least_rounded_squares(residuals, np.zeros(3), wide) == pytest.approx(wanted, abs=1e-6)
    tight = (np.full(3, -9.0), np.array([9.0, 9.0, 1.5]))
    assert least_rounded_squares(residuals, np.zeros(3), tight)[2] == 1.5


# --- How well it does -------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Errors and coverage of every row, each by a fit that has not seen its group."""

    errors: np.ndarray
    inside: np.ndarray
    mixture: np.ndarray


@pytest.fixture(scope="module")
def left_out(measured: tuple[Runs, np.ndarray]) -> LeftOut:
    runs, _ = measured
    errors, inside = np.empty(len(runs.batch)), np.empty(len(runs.batch), dtype=bool)
    for group, fit in FITTED.left_out.items():
        rows = runs.groups == group
        part = runs.select(rows)
        spread = fit.spreads(bool(part.mixture[0])).token
        ratio = np.exp(errors_of(part, fit.constants))
        errors[rows] = np.abs(1 / ratio - 1)
        inside[rows] = (spread.low <= ratio) & (ratio <= spread.high)
    return LeftOut(errors, inside, runs.mixture)


def test_dense_models_meet_the_targets_on_unseen_groups(left_out: LeftOut) -> None:
    rows = ~left_out.mixture
    assert rows.sum() == 578
    assert np.median(left_out.errors[rows]) <= 0.11
    assert left_out.errors[rows].mean() <= 0.15
    assert 0.72 <= left_out.inside[rows].mean() <= 0.88


def test_mixtures_are_at_most_half_again_as_wrong(left_out: LeftOut) -> None:
    rows = left_out.mixture
    assert rows.sum() == 418
    assert np.median(left_out.errors[rows]) <= 0.165
    assert 0.72 <= left_out.inside[rows].mean() <= 0.88
    assert left_out.errors[rows].mean() <= 0.225


def test_whole_models_accelerators_and_engines_left_out_are_told() -> None:
    folds = {fold.without: fold for fold in FITTED.left_out_whole}
    assert set(folds) == {part for group in FITTED.left_out for part in group.split("/")}
    for dense in ("llama-3.1-8b", "qwen3-32b"):
        assert folds[dense].median <= 0.11
        assert folds[dense].mean <= 0.15


def test_the_roofline_alone_is_far_too_low(measured: tuple[Runs, np.ndarray]) -> None:
    runs, _ = measured
    ratio = roofline(runs) / runs.token_seconds
    assert np.median(ratio) < 0.5
    estimated = estimate(runs, CONSTANTS).token_seconds
    assert (roofline(runs) < estimated).all()


def test_the_floor_of_the_first_token_is_below_every_measured_one(
    measured: tuple[Runs, np.ndarray],
) -> None:
    runs, _ = measured
    assert (first_token_floor(runs) < runs.first_token_seconds).all()


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


# --- Arrays -------------------------------------------------------------------------


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


def test_requests_that_get_no_tokens_have_no_share_of_those_in_flight() -> None:
    with pytest.raises(ValueError, match=r"^generation_seconds is 0, but .* more than 0 s"):
        step_time.running_requests(8, 1, 0)
    assert step_time.running_requests(8, 0, 1) == 8
