"""Published worked examples: what the estimator gives for their inputs, against the exact figure.

Each row of `data/golden.csv` is computed by the estimator's own formulas, put together here as
the source puts them together.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import pytest

from estimator.bandwidth import traffic_bits_per_s
from estimator.cost import (
    accelerator_hours,
    accelerator_usd_per_month,
    energy_kwh_per_month,
    power_watts,
    usd_per_million_tokens,
)
from estimator.memory import (
    activation_rule_bytes,
    inference_bytes,
    kv_bytes_per_token,
    kv_cache_bytes,
    latent_cache_bytes,
    window_cache_bytes,
)
from estimator.model_storage import (
    attention_bias_params,
    attention_params,
    embedding_params,
    mlp_bias_params,
    mlp_params,
    norm_params,
    position_params,
    weight_bytes,
)
from estimator.paged_cache import (
    engine_cache_bytes,
    page_bytes,
    pages_in_pool,
    sequence_blocks,
    window_blocks,
)
from estimator.serving import (
    accelerators,
    balance_batch,
    bandwidth_accelerators,
    bandwidth_step_seconds,
    compute_seconds,
    first_token_floor_seconds,
    generation_seconds,
    prefill_floor_seconds,
    request_floor_seconds,
    requests_in_flight,
    requests_per_s,
)
from estimator.training import counted_forward_flops, row_training_flops, training_seconds
from estimator.units import DAY, GiB
from estimator.user_data import daily_bytes, monthly_bytes, profile_bytes, retained_bytes
from tests.golden import DATA, golden

Inputs = dict[str, Any]


def whole(value: Any) -> Any:
    """A number that JSON wrote as 3000000000.0, as the exact integer that it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_rows() -> list[dict[str, str]]:
    """All rows but those that ask for a whole configuration's parameters."""
    return [row for row in golden().values() if not row["id"].startswith("params-")]


ROWS = read_rows()


def given(row: dict[str, str]) -> Inputs:
    return {name: whole(value) for name, value in json.loads(row["inputs"]).items()}


# --- Lesson 1 -------------------------------------------------------------------------------


def stored(x: Inputs) -> Any:
    return weight_bytes(x["n_params"], x["bits"])


def gpt_params(x: Inputs) -> Any:
    d, shape = x["d_model"], (x["n_heads"], x["n_heads"], x["d_model"] // x["n_heads"])
    layer = attention_params(d, *shape) + mlp_params(d, x["d_ff"]) + 2 * norm_params(d, 2)
    if x["biases"]:
        layer += attention_bias_params(d, *shape) + mlp_bias_params(d, x["d_ff"])
    once = embedding_params(x["vocab"], d) + position_params(x["positions"], d)
    return x["n_layers"] * layer + once + (norm_params(d, 2) if x["final_norm"] else 0)


def t5_encoder_params(x: Inputs) -> Any:
    d = x["d_model"]
    attention = attention_params(d, x["n_heads"], x["n_heads"], x["d_kv"])
    layer = attention + mlp_params(d, x["d_ff"], mlp_matrices=3) + 2 * norm_params(d, 1)
    # Relative positions: a number for each bucket and head, in the first layer only.
    positions = position_params(x["relative_buckets"], x["n_heads"])
    return x["n_layers"] * layer + embedding_params(x["vocab"], d) + positions + norm_params(d, 1)


def kipply_params(x: Inputs) -> Any:
    d = x["d_model"]
    layer = attention_params(d, 1, 1, d) + mlp_params(d, 4 * d)
    return x["n_layers"] * layer + embedding_params(x["vocab"], d)


def megatron_params(x: Inputs) -> Any:
    shape = {"d_ff": 4 * x["d_model"], "n_heads": 1, "biases": True, "final_norm": False}
    return gpt_params(x | shape)


# --- Lesson 2 -------------------------------------------------------------------------------


def profiles(x: Inputs) -> Any:
    return profile_bytes(x["users"], x["record_bytes"])


def interactions(x: Inputs) -> Any:
    return daily_bytes(x["users"], x["per_day"], x["bytes_each"], x.get("index", 0))


def month(x: Inputs) -> Any:
    return monthly_bytes(x["bytes_per_day"], x["days"])


def copies_of_a_month(x: Inputs) -> Any:
    return retained_bytes(x["bytes_per_day"], x["days"], x["replicas"])


def interactions_of_days(x: Inputs) -> Any:
    return retained_bytes(interactions(x), x["days"])


# --- Lesson 3 -------------------------------------------------------------------------------


def cache(x: Inputs) -> Any:
    shape = (x["n_layers"], x["n_kv_heads"], x["head_dim"])
    return kv_cache_bytes(*shape, x["tokens"], x.get("batch", 1), x["bytes_per_element"])


def cache_of_a_token(x: Inputs) -> Any:
    shape = (x["n_layers"], x["n_kv_heads"], x["head_dim"])
    per_token = kv_bytes_per_token(*shape, x["bytes_per_element"])
    assert per_token == kv_cache_bytes(*shape, 1, bytes_per_element=x["bytes_per_element"])
    return per_token


def latent_of_a_token(x: Inputs) -> Any:
    ranks = (x["kv_lora_rank"], x["qk_rope_head_dim"])
    return latent_cache_bytes(x["n_layers"], *ranks, 1, 1, x["bytes_per_element"])


def cache_of_a_width(x: Inputs) -> Any:
    # As many key-value heads as query heads: together they are as wide as the model.
    shape = (x["n_layers"], 1, x["d_model"])
    return kv_cache_bytes(*shape, x["tokens"], x["batch"], x["bytes_per_element"])


def seed_activations(x: Inputs) -> Any:
    return activation_rule_bytes(x["n_layers"], x["d_model"], x["batch"], x["bytes_per_element"])


def seed_total(x: Inputs) -> Any:
    return inference_bytes(x["weights"], x["activations"], x["kv"], x["overhead"])


def configuration(x: Inputs) -> Inputs:
    """A model's configuration, with half of its layers as window layers: it alternates."""
    text = (DATA / "model_configs.json").read_text(encoding="utf-8")
    config: Inputs = json.loads(text)[x["model"]]["config"]
    assert config["model_type"] == "gemma2"
    half = config["num_hidden_layers"] // 2
    return config | {"full_layers": config["num_hidden_layers"] - half, "window_layers": half}


def heads(config: Inputs) -> tuple[int, int]:
    return config["num_key_value_heads"], config["head_dim"]


def gemma_ideal(x: Inputs) -> Any:
    c = configuration(x)
    sequence = (x["tokens"], c["sliding_window"], x["batch"], x["bytes_per_element"])
    return window_cache_bytes(c["full_layers"], c["window_layers"], *heads(c), *sequence)


def gemma_full(x: Inputs) -> Any:
    c = configuration(x)
    sequence = (x["tokens"], x["batch"], x["bytes_per_element"])
    return kv_cache_bytes(c["num_hidden_layers"], *heads(c), *sequence)


def gemma_page(x: Inputs) -> Any:
    c = configuration(x)
    return page_bytes(c["full_layers"], *heads(c), x["block"], x.get("bytes_per_element", 2))


def gemma_engine(x: Inputs) -> Any:
    window = configuration(x)["sliding_window"]
    full = sequence_blocks(x["tokens"], x["block"])
    windowed = window_blocks(x["tokens"], window, x["chunk"], x["block"])
    return engine_cache_bytes(gemma_page(x), 1, 1, full, windowed, x["batch"])


def gemma_pages(x: Inputs) -> Any:
    return pages_in_pool(x["kv_pool_gib"] * GiB, gemma_page(x))


# --- Lesson 4 -------------------------------------------------------------------------------


def rate(x: Inputs) -> Any:
    return requests_per_s(x["dau"], x["per_day"])


def compute_time(x: Inputs) -> Any:
    # Tokens of text, denoising steps of an image: units of output, each a pass of the model.
    output = x["tokens"] if "tokens" in x else x["units"]
    return compute_seconds(x["n_params"], output, x["flops_per_s"])


def compute_bound(x: Inputs) -> Any:
    return accelerators(rate(x), compute_time(x))


def one_request(x: Inputs) -> Any:
    step = bandwidth_step_seconds(weight_bytes(x["n_params"], x["bits"]), x["bytes_per_s"])
    return generation_seconds(step, x["tokens"])


def unbatched(x: Inputs) -> Any:
    return bandwidth_accelerators(x["requests_per_s"], x["seconds"])


def in_flight(x: Inputs) -> Any:
    return requests_in_flight(x["requests_per_s"], x["seconds"])


def traffic(x: Inputs) -> Any:
    return traffic_bits_per_s(x["requests_per_s"], x["bytes_each"])


def training_days(x: Inputs) -> Any:
    rows = x["rows"] if "rows" in x else x["samples"]
    work = row_training_flops(x["n_params"], rows, x.get("epochs", 1), x.get("multiplier", 1))
    return training_seconds(work, x["flops_per_s"], x["accelerators"]) / DAY


def table_step(x: Inputs) -> Any:
    cache_bytes = x["kv_bytes_per_sequence"]
    return bandwidth_step_seconds(
        x["weight_bytes"], x["bytes_per_s"], cache_bytes, x["batch"], x["chips"]
    )


def kipply_step(x: Inputs) -> Any:
    # Embeddings are left out: 12 L d^2 parameters of two bytes.
    weights = weight_bytes(kipply_params(x | {"vocab": 0}))
    return bandwidth_step_seconds(weights, x["bytes_per_s"], tensor_parallel=x["accelerators"])


def balance(x: Inputs) -> Any:
    return balance_batch(x["flops_per_s"], x["bytes_per_s"])


def whole_request(x: Inputs) -> Any:
    prefill = prefill_floor_seconds(x["n_params"], x["prompt"], x["flops_per_s"])
    step = bandwidth_step_seconds(weight_bytes(x["n_params"]), x["bytes_per_s"])
    generation = generation_seconds(step, x["output"])
    return request_floor_seconds(first_token_floor_seconds(prefill), generation)


def forward(x: Inputs) -> Any:
    shape = (x["n_layers"], x["d_model"], x["d_ff"], x["n_heads"])
    return counted_forward_flops(*shape, x["tokens"], x["batch"])


# --- Lesson 5 -------------------------------------------------------------------------------


def month_of_rent(x: Inputs) -> Any:
    return accelerator_usd_per_month(accelerator_hours(x["accelerators"]), x["usd_per_hour"])


def month_of_energy(x: Inputs) -> Any:
    return energy_kwh_per_month(power_watts(x["accelerators"], x["watts"], pue=x["pue"]))


def million_tokens(x: Inputs) -> Any:
    return usd_per_million_tokens(x["usd_per_hour"], x["tokens_per_s"])


COMPUTED: dict[str, Callable[[Inputs], Any]] = {
    "storage-fp*": stored,
    "llama-3.2-3b-true*": stored,
    "seed2-params": gpt_params,
    "gpt2-medium-params": gpt_params,
    "seed2-fp16-bytes": stored,
    "seed2-int8-bytes": stored,
    "t5-xxl-encoder": t5_encoder_params,
    "kipply-52b": kipply_params,
    "megatron-*": megatron_params,
    "hf-weights-*": stored,
    "profile": profiles,
    "interactions": interactions,
    "interactions-index": interactions,
    "month": month,
    "month-3-replicas": copies_of_a_month,
    "store-text-to-*": interactions_of_days,
    "store-rag": interactions,
    "seed2-kv-*": cache,
    "seed2-activation": seed_activations,
    "seed2-total": seed_total,
    "kv-token-llama-*": cache_of_a_token,
    "kv-token-qwen2.5-72b": cache_of_a_token,
    "kv-token-deepseek-v3": latent_of_a_token,
    "kipply-kv": cache_of_a_token,
    "opt-13b": cache_of_a_token,
    "opt-13b-2048": cache,
    "jax-llama2-13b-8192": cache,
    "jax-70b-int8": cache_of_a_token,
    "nvidia-7b": cache_of_a_width,
    "hf-kv-*": cache,
    "gemma-2-9b-window": gemma_ideal,
    "gemma-2-9b-full": gemma_full,
    "gemma-2-9b-engine": gemma_engine,
    "gemma-2-9b-blocks": gemma_pages,
    "trps": rate,
    "t-inf": compute_time,
    "gpus-*": compute_bound,
    "batch-1-decode": one_request,
    "unbatched-accelerators": unbatched,
    "ingress": traffic,
    "egress*": traffic,
    "train-*": training_days,
    "jax-step-*": table_step,
    "kipply-13b-1": kipply_step,
    "a100-balance": balance,
    "baseten-*": whole_request,
    "little": in_flight,
    "seed2-flops": forward,
    "rent-112-a100": month_of_rent,
    "energy-112-a100": month_of_energy,
    "million-tokens": million_tokens,
}


def patterns_of(row_id: str) -> list[str]:
    return [pattern for pattern in COMPUTED if fnmatch(row_id, pattern)]


def test_every_row_is_computed_and_by_one_composition() -> None:
    found = {row["id"]: patterns_of(row["id"]) for row in ROWS}
    odd = {row: patterns for row, patterns in found.items() if len(patterns) != 1}
    assert not odd, "each needs one line of COMPUTED, with the formulas that give it"


@pytest.mark.parametrize("pattern", COMPUTED)
def test_every_composition_has_a_row(pattern: str) -> None:
    assert any(fnmatch(row["id"], pattern) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_the_estimator_gives_the_exact_figure(row: dict[str, str]) -> None:
    value = COMPUTED[patterns_of(row["id"])[0]](given(row))
    exact = row["exact"]
    if exact.isdigit():
        assert value == int(exact)
    else:
        assert value == pytest.approx(float(exact), rel=1e-9, abs=0)
