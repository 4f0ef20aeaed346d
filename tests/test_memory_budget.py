"""Budgets of an engine's memory against its logs: ranks, stages, the pool and its range."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.architecture import Architecture
from estimator.catalog import architecture, configurations
from estimator.engine_memory import VLLM_0_19, VLLM_2025, Constant
from estimator.files import read_rows
from estimator.memory_budget import Plan, budget, pool_range, shard, stages
from estimator.stored_weights import stored_as
from estimator.units import GiB
from estimator.validate.memory import compare

MEASURED = Path(__file__).parents[1] / "estimator" / "catalog" / "measured_memory.csv"
MORE = MEASURED.with_name("measured_memory_more.csv")
BF16 = stored_as("bf16")
VISIBLE = 79.19 * GiB


def llama() -> Architecture:
    return architecture("llama-3.1-8b")


# Against the logs.


def test_shipped_rows() -> None:
    errors = compare(read_rows(MEASURED)).summary()
    assert errors["pool from its parts"]["worst"] < 0.001
    assert errors["tokens in the pool"]["worst"] < 0.001
    assert errors["weights"]["worst"] < 0.01
    assert errors["pool predicted"]["worst"] < 0.05
    assert {name: found["rows"] for name, found in errors.items()} == {
        "weights": 9, "activations": 6, "non-torch": 6, "CUDA graphs": 2,
        "pool from its parts": 2, "tokens in the pool": 3, "pool predicted": 5,
    }  # fmt: skip


def test_held_out_rows() -> None:
    errors = compare(read_rows(MORE)).summary()
    assert errors["weights"]["worst"] < 0.01
    assert errors["pool predicted"]["worst"] < 0.05
    assert errors["tokens in the pool"]["worst"] < 0.001
    assert errors["activations"]["worst"] < 0.05


def test_rows_of_other_versions() -> None:
    report = compare(read_rows(MEASURED.with_name("measured_memory_versions.csv")))
    errors = report.summary()
    assert errors["pool predicted"] == pytest.approx(
        {"rows": 4, "mean": 0, "median": 0, "worst": 0}, abs=0.001
    )
    assert errors["pool from its parts"]["worst"] < 0.001
    assert errors["activations"]["worst"] < 0.05
    assert len(report.assumptions) == 4


# llm-d/llm-d-benchmark config_explorer/empirical-vllm-memory-results.md
# @259334868c5075da530cc6c90b43fceb11b6e6a7: an older vLLM, 79.18 GiB, nine tenths of it.
OLDER = [
    ("gpt-oss-20b", "mxfp4", 1, 13.47, 7.38, 50.28),
    ("llama-3.3-70b", "fp8", 2, 33.88, 4.84, 32.0),
    ("llama-3.1-8b", "bf16", 1, 14.99, 4.76, 51.38),
    ("qwen3-0.6b", "bf16", 1, 1.12, 5.56, 64.45),
    ("qwen3-32b", "bf16", 1, 61.03, 5.64, 4.45),
]


@pytest.mark.parametrize(("key", "dtype", "ranks", "weights", "activation", "pool"), OLDER)
def test_older_rows(
    key: str, dtype: str, ranks: int, weights: float, activation: float, pool: float
) -> None:
    plan = Plan(stored_as(dtype), 2, ranks)
    stage = budget(architecture(key), plan, 79.18 * GiB, 0.9, VLLM_2025)[0]
    # They are printed to 0.01 GiB.
    assert stage.weight_bytes / GiB == pytest.approx(weights, rel=0.002, abs=0.006)
    assert stage.activation_bytes / GiB == pytest.approx(activation, rel=0.005)
    assert stage.pool_bytes / GiB == pytest.approx(pool, rel=0.005)


def test_pages_of_gemma_2() -> None:
    stage = budget(architecture("gemma-2-9b"), Plan(BF16), VISIBLE, 0.95)[0]
    assert stage.page_bytes == 2_752_512
    assert stage.pages_in(54.12 * GiB) == 21_111


# Parallel serving.


@settings(deadline=None)
@given(st.sampled_from(list(configurations())), st.sampled_from([1, 2, 4, 8]))
def test_ranks_hold_the_model_together(key: str, ranks: int) -> None:
    model = architecture(key)
    try:
        rank = Architecture(shard(model.decoder, ranks), {}, ())
    except ValueError as error:
        assert "tensor_parallel" in str(error)  # noqa: PT017
        return
    assert model.n_params <= rank.n_params * ranks
    assert rank.n_params * ranks < model.n_params * 1.35


def test_more_ranks_than_key_value_heads_keep_copies() -> None:
    model = llama()
    tokens = [budget(model, Plan(BF16, 2, ranks), VISIBLE)[0].page_bytes for ranks in (1, 2, 8, 16)]
    assert tokens == [2_097_152, 1_048_576, 262_144, 262_144]


def test_a_latent_is_not_split() -> None:
    pages = {
        budget(architecture("deepseek-v3"), Plan(stored_as("fp8"), 2, ranks), 141e9)[0].page_bytes
        for ranks in (1, 8)
    }
    assert pages == {61 * 16 * 576 * 2}


@settings(deadline=None)
@given(st.sampled_from(list(configurations())), st.integers(1, 12))
def test_stages_hold_all_layers(key: str, count: int) -> None:
    decoder = architecture(key).decoder
    if count > decoder.n_layers:
        with pytest.raises(ValueError, match="pipeline_parallel"):
            stages(decoder, count)
        return
    cut = stages(decoder, count)
    sizes = [stage.n_layers for stage in cut]
    assert sum(sizes) == decoder.n_layers
    assert max(sizes) - min(sizes) <= 1
    assert sum((stage.layer_kinds for stage in cut), ()) == decoder.layer_kinds
    assert sum((stage.mixture_layers for stage in cut), ()) == decoder.mixture_layers


def test_uneven_stages() -> None:
    decoder = llama().decoder
    sizes = [[stage.n_layers for stage in stages(decoder, count)] for count in (3, 5, 6)]
    # The last one has the head to hold.
    assert sizes == [[11, 11, 10], [6, 6, 7, 7, 6], [5, 5, 5, 6, 6, 5]]


@settings(deadline=None)
@given(st.sampled_from(list(configurations())), st.integers(1, 4))
def test_stages_hold_the_weights(key: str, count: int) -> None:
    model = architecture(key)
    held = budget(model, Plan(BF16, pipeline_parallel=count), 2e12)
    extra = ("table of rotations", "absorbed latents")
    tables = sum(stage.weight_parts[name] for stage in held for name in extra)
    total = sum(stage.weight_bytes for stage in held) - tables
    copy = model.decoder.head_matrix() if model.decoder.tied and model.decoder.has_head else 0
    assert total == 2 * (model.n_params + (copy if count > 1 else 0))


def test_heads_must_be_shared_evenly() -> None:
    with pytest.raises(ValueError, match="tensor_parallel is 3"):
        budget(llama(), Plan(BF16, tensor_parallel=3), VISIBLE)
    with pytest.raises(ValueError, match="tensor_parallel"):
        budget(llama(), Plan(BF16, tensor_parallel=0), VISIBLE)


# The pool.


@settings(deadline=None)
@given(st.floats(0.1, 1), st.floats(0.1, 1), st.sampled_from(list(configurations())))
def test_a_larger_share_leaves_more(one: float, other: float, key: str) -> None:
    low, high = sorted((one, other))
    pools = [budget(architecture(key), Plan(BF16), VISIBLE, u)[0].pool_bytes for u in (low, high)]
    assert 0 <= pools[0] <= pools[1] < VISIBLE


def test_pool_has_a_range() -> None:
    least, expected, most = pool_range(llama(), Plan(BF16), VISIBLE, 0.95)
    assert least < expected < most
    assert least < 58.11 * GiB < most
    assert (most - least) / expected < 0.01


def test_what_does_not_fit_leaves_nothing() -> None:
    stage = budget(architecture("llama-3.1-70b"), Plan(BF16), VISIBLE)[0]
    assert stage.pool_bytes == 0
    assert stage.tokens_in(stage.pool_bytes) == 0


def test_constants_carry_their_measurement() -> None:
    for measured in (VLLM_0_19, VLLM_2025):
        for name in measured.__dataclass_fields__:
            constant = getattr(measured, name)
            if isinstance(constant, Constant):
                assert constant.low <= constant.value <= constant.high > constant.low
                source = constant.source
                assert (source.engine, source.accelerator) == ("vLLM", "H100-SXM")
                assert source.version
                assert re.fullmatch(r"\d{4}-\d\d-\d\d", source.date)
                assert re.search(r"@[0-9a-f]{40}$", source.place)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cache_bytes_per_element": -1}, "bytes_per_element is -1, but"),
        ({"cache_bytes_per_element": float("nan")}, "bytes_per_element is nan, but"),
        ({"chunk_tokens": -5}, "chunk_tokens is -5, but"),
        ({"chunk_tokens": 0}, "chunk_tokens is 0, but"),
        ({"max_sequences": -5}, "max_sequences is -5, but"),
        ({"pipeline_parallel": 0}, "pipeline_parallel is 0, but the pipeline stages must be"),
        ({"tensor_parallel": 0}, "tensor_parallel is 0, but"),
    ],
)
def test_a_plan_out_of_range_is_refused(changes: dict[str, Any], sentence: str) -> None:
    plan = Plan(stored_as("bf16"), **changes)
    with pytest.raises(ValueError, match=sentence):
        budget(architecture("llama-3.1-8b"), plan, 80 * GiB)
