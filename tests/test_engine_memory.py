"""What an engine adds, by hand: logits, states, workspaces, stages, and its constants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from estimator.architecture import Architecture
from estimator.catalog import architecture
from estimator.engine_memory import (
    VLLM_0_16,
    VLLM_0_17,
    VLLM_0_18,
    VLLM_0_19,
    VLLM_2025,
    Engine,
    chunk_tokens,
    engine,
    max_sequences,
)
from estimator.memory_budget import Plan, Stage, budget, pool_range, shard, stages
from estimator.stored_weights import stored_as, stored_by_config
from estimator.units import GiB

BF16 = stored_as("bf16")
LLAMA = architecture("llama-3.1-8b")
UNSEEN, ONE = ", its own were not seen", ", seen with one dense model on one accelerator"
STAGE = Stage({"mlp": 3, "norms": 4}, 0, 0, 0, 0, page_bytes=10, groups=2, block_tokens=16)


def test_a_large_accelerator_starts_at_70_gib() -> None:
    assert (chunk_tokens(True), max_sequences(True)) == (8192, 1024)
    assert (chunk_tokens(False), max_sequences(False)) == (2048, 256)
    small, large = (
        budget(LLAMA, Plan(BF16), size)[0].activation_bytes for size in (70 * GiB - 1, 70 * GiB)
    )
    assert large == budget(LLAMA, Plan(BF16), 60 * GiB, large=True)[0].activation_bytes
    assert small == budget(LLAMA, Plan(BF16), 80 * GiB, large=False)[0].activation_bytes
    assert small < large


def test_the_sampler_of_one_accelerator_by_hand() -> None:
    stage = budget(LLAMA, Plan(BF16), 80 * GiB)[0]
    logits = 1024 * 128_256 * 14.5
    states = 2 * 8192 * 4096 * 2
    assert stage.activation_bytes == logits + states
    assert stage.non_torch_bytes == 0.25 * GiB
    assert stage.graph_bytes == 32 * 28e6
    # The table of rotations has 131,072 rows of 128 numbers.
    assert stage.weight_bytes == 2 * 8_030_261_248 + 131_072 * 128 * 2
    rest = 0.9 * 80 * GiB - stage.weight_bytes - stage.activation_bytes - 0.25 * GiB
    assert stage.pool_bytes == pytest.approx(rest)


def test_a_plan_s_own_chunk_and_sequences_count() -> None:
    stage = budget(LLAMA, Plan(BF16, chunk_tokens=100, max_sequences=10), 80 * GiB)[0]
    assert stage.activation_bytes == 10 * 128_256 * 14.5 + 2 * 100 * 4096 * 2
    # With one sequence a layer is the peak: four states, and its inner width thrice.
    layer = budget(LLAMA, Plan(BF16, chunk_tokens=100, max_sequences=1), 80 * GiB)[0]
    assert layer.activation_bytes == 100 * (3 * 14_336 + 4 * 4096) * 2


def test_logits_of_wider_weights_are_wider() -> None:
    wide = stored_as("fp32")
    stage = budget(LLAMA, Plan(wide), 80 * GiB)[0]
    assert stage.activation_bytes == 1024 * 128_256 * 16.5 + 2 * 8192 * 4096 * 4


def test_a_pipeline_s_first_stage_is_a_layer_and_its_last_samples() -> None:
    first, last = budget(LLAMA, Plan(BF16, pipeline_parallel=2), 80 * GiB)
    assert first.activation_bytes == 8192 * (3 * 14_336 + 7 * 4096) * 2
    assert last.activation_bytes == 1024 * 128_256 * 14.5 + 2 * 8192 * 4096 * 2
    assert first.non_torch_bytes == last.non_torch_bytes == 0.07 * GiB
    assert first.graph_bytes == 16 * 28e6
    assert (first.groups, first.block_tokens, first.page_bytes) == (1, 16, 2_097_152 / 2)


def test_8_bit_weights_copy_their_inputs_in_a_layer() -> None:
    fp8 = stored_as("fp8")
    first = budget(LLAMA, Plan(fp8, pipeline_parallel=2), 80 * GiB)[0]
    layer = 8192 * (3 * 14_336 + 7 * 4096) * 2
    assert first.activation_bytes == layer + 8192 * (14_336 + 4096)


def test_weights_alone_in_8_bits_copy_no_inputs() -> None:
    wide = budget(LLAMA, Plan(BF16, pipeline_parallel=2), 80 * GiB)[0].activation_bytes
    copies = 8192 * (14_336 + 4096)
    for quantization, more in (
        ({"quant_method": "gptq", "bits": 8, "group_size": 128}, 0),
        ({"quant_method": "awq", "bits": 8, "group_size": 128}, 0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, copies),
        ({"quant_method": "fbgemm_fp8"}, copies),
    ):
        stored = stored_by_config({"quantization_config": quantization})
        first = budget(LLAMA, Plan(stored, pipeline_parallel=2), 80 * GiB)[0]
        assert first.activation_bytes == wide + more


def test_tensor_parallel_ranks_take_their_own_constant() -> None:
    stage = budget(LLAMA, Plan(BF16, tensor_parallel=2), 80 * GiB)[0]
    assert stage.non_torch_bytes == 2.10 * GiB
    both = budget(LLAMA, Plan(BF16, tensor_parallel=2, pipeline_parallel=2), 80 * GiB)[0]
    assert both.non_torch_bytes == 2.10 * GiB


def test_experts_keep_a_workspace_beside_the_sampler() -> None:
    mixtral = architecture("mixtral-8x7b")
    plan = Plan(BF16, chunk_tokens=64, max_sequences=1000)
    stage = budget(mixtral, plan, 140 * GiB)[0]
    sampler = 1000 * 32_000 * 14.5 + 2 * 64 * 4096 * 2
    # Two experts a token: 2 x 14,336 numbers go in and 14,336 come out.
    assert stage.activation_bytes == sampler + 64 * 2 * 3 * 14_336 * 2


def test_absorbed_latents_are_kept_wide() -> None:
    parts = budget(architecture("deepseek-v3"), Plan(stored_as("fp8")), 1e12)[0].weight_parts
    # In each of 61 layers 512 numbers go up to 128 heads of 128 and 128.
    assert parts["absorbed latents"] == 61 * 512 * 128 * 256 * 2
    assert parts["table of rotations"] == 163_840 * 64 * 2


def test_a_rank_s_share_is_rounded_up() -> None:
    decoder = replace(LLAMA.decoder, vocab_size=101)
    assert shard(decoder, 4).vocab_size == 26
    assert shard(decoder, 1).vocab_size == 101
    assert LLAMA.decoder.dense is not None
    narrow = replace(decoder, dense=replace(LLAMA.decoder.dense, d_ff=7))
    cut = shard(narrow, 4).dense
    assert cut is not None
    assert cut.d_ff == 2
    heads = shard(decoder, 16).attention
    assert str((heads.n_heads, heads.n_kv_heads)) == "(2, 1)", "whole heads"
    mixture = architecture("mixtral-8x7b").decoder.mixture
    assert mixture is not None
    odd = replace(decoder, mixture=replace(mixture, expert=replace(mixture.expert, d_ff=7)))
    cut_mixture = shard(odd, 4).mixture
    assert cut_mixture is not None
    assert cut_mixture.expert.d_ff == 2


def test_heads_that_do_not_divide_are_refused_though_their_keys_would() -> None:
    heads = replace(LLAMA.decoder.attention, n_heads=12, n_kv_heads=4)
    with pytest.raises(ValueError, match="tensor_parallel is 8, but it must divide the 12"):
        shard(replace(LLAMA.decoder, attention=heads), 8)


def test_as_many_stages_as_layers_are_the_most() -> None:
    assert [one.n_layers for one in stages(LLAMA.decoder, 32)] == [1] * 32
    with pytest.raises(ValueError, match="pipeline_parallel is 33, but the model has 32 layers"):
        stages(LLAMA.decoder, 33)


def test_a_model_without_an_end_of_its_context_has_no_table_of_rotations() -> None:
    endless = Architecture(replace(LLAMA.decoder, n_positions=None, context_tokens=None), {}, ())
    parts = budget(endless, Plan(BF16), 80 * GiB)[0].weight_parts
    assert parts["table of rotations"] == 0


@pytest.mark.parametrize("count", [0, 1.5])
def test_sequences_of_a_plan_are_whole_and_at_least_one(count: float) -> None:
    with pytest.raises(ValueError, match=f"max_sequences is {count}, but"):
        budget(LLAMA, Plan(BF16, max_sequences=count), 80 * GiB)  # type: ignore[arg-type]


def test_pages_and_tokens_of_a_pool() -> None:
    assert STAGE.weight_bytes == 7
    assert [STAGE.pages_in(size) for size in (-5, 0, 9.9, 10, 55)] == [0, 0, 0, 1, 5]
    assert STAGE.tokens_in(55) == 2 * 16
    assert replace(STAGE, groups=1).tokens_in(55) == 5 * 16
    assert replace(STAGE, page_bytes=0).pages_in(55) == 0
    assert replace(STAGE, groups=0).tokens_in(55) == 5 * 16
    assert replace(STAGE, page_bytes=0.5).pages_in(-5) == 0
    # The float 0.1 is a little more than a tenth: ten of them do not go into 1.
    assert replace(STAGE, page_bytes=0.1).pages_in(1) == 9


def test_a_range_s_ends_take_every_constant_at_its_end() -> None:
    least, expected, most = pool_range(LLAMA, Plan(BF16), 80 * GiB)
    assert expected == budget(LLAMA, Plan(BF16), 80 * GiB)[0].pool_bytes
    logits, states = 1024 * 128_256, 8192 * 4096 * 2
    assert expected - least == pytest.approx(logits * 0.4 + states + 0.21 * GiB)
    assert most - expected == pytest.approx(logits * 0.3 + states + 0.01 * GiB)
    # The fullest stage of a pipeline counts.
    piped = Plan(BF16, pipeline_parallel=2)
    fullest = min(stage.pool_bytes for stage in budget(LLAMA, piped, 80 * GiB))
    assert pool_range(LLAMA, piped, 80 * GiB)[1] == fullest


def ends(taken: Engine) -> dict[str, tuple[float, float]]:
    low, high = taken.at("low"), taken.at("high")
    names = [name for name in taken.__dataclass_fields__ if hasattr(getattr(taken, name), "value")]
    return {name: (getattr(low, name).value, getattr(high, name).value) for name in names}


def test_the_ends_are_those_that_the_logs_show() -> None:
    new = {
        "bytes_per_logit": (14.2, 14.9),
        "sampler_states": (1, 3),
        "non_torch_single": (0.24 * GiB, 0.46 * GiB),
        "non_torch_tensor": (2.06 * GiB, 2.17 * GiB),
        "non_torch_pipeline": (0.05 * GiB, 0.25 * GiB),
        "graph_bytes_per_layer": (27_500_000, 28_500_000),
        "layer_states": (2, 20),
        "pipeline_states": (6.3, 7.1),
    }
    assert ends(VLLM_0_19) == new
    assert ends(VLLM_2025) == new | {
        "bytes_per_logit": (38.1, 38.4),
        "sampler_states": (1, 1.6),
        "non_torch_single": (0.13 * GiB, 0.14 * GiB),
        "non_torch_tensor": (0.5 * GiB, 0.6 * GiB),
    }


@pytest.mark.parametrize(
    ("version", "taken", "told"),
    [
        ("0.19", VLLM_0_19, ""), (" v0.19.2 ", VLLM_0_19, ""),
        ("0.11.9", VLLM_2025, "engine version 0.11.9: constants of vLLM 2025" + UNSEEN),
        ("0.0", VLLM_2025, "engine version 0.0: constants of vLLM 2025" + UNSEEN),
        ("0.12.0", VLLM_0_16, "engine version 0.12.0: constants of vLLM 0.16" + UNSEEN),
        ("v0.15.1", VLLM_0_16, "engine version v0.15.1: constants of vLLM 0.16" + ONE),
        ("0.16", VLLM_0_16, "engine version 0.16: constants of vLLM 0.16" + ONE),
        ("0.17.0", VLLM_0_17, "engine version 0.17.0: constants of vLLM 0.17" + ONE),
        ("0.18.1", VLLM_0_18, "engine version 0.18.1: constants of vLLM 0.18" + ONE),
        ("0.20", VLLM_0_19, "engine version 0.20: constants of vLLM 0.19" + UNSEEN),
        ("1.5", VLLM_0_19, "engine version 1.5: constants of vLLM 0.19" + UNSEEN),
        ("0", VLLM_0_19, "engine version 0: constants of vLLM 0.19" + UNSEEN),
        ("0.x", VLLM_0_19, "engine version 0.x: constants of vLLM 0.19" + UNSEEN),
        ("", VLLM_0_19, "engine version unknown: constants of vLLM 0.19" + UNSEEN),
        ("0." + "9" * 5000, VLLM_0_19,
         f"engine version 0.{'9' * 18}: constants of vLLM 0.19" + UNSEEN),
        ("9" * 30, VLLM_0_19, f"engine version {'9' * 20}: constants of vLLM 0.19" + UNSEEN),
    ],
)  # fmt: skip
def test_the_nearest_version_that_was_measured(version: str, taken: object, told: str) -> None:
    assert engine(version) == (taken, told)


def test_what_changed_between_versions() -> None:
    logits, outside = (
        [getattr(one, name).value for one in (VLLM_2025, VLLM_0_16, VLLM_0_17, VLLM_0_18)]
        for name in ("bytes_per_logit", "non_torch_single")
    )
    assert logits == [38.2, 38.2, 14.5, 14.5]
    assert outside == [0.13 * GiB, 0.13 * GiB, 0.13 * GiB, 0.25 * GiB]
    assert "accuracy_report.md @875a4fd" in VLLM_0_17.non_torch_single.source.place
    assert ends(VLLM_0_16) == ends(VLLM_2025)
    assert ends(VLLM_0_18) == ends(VLLM_0_19)
    assert ends(VLLM_0_17) == ends(VLLM_0_19) | {"non_torch_single": (0.13 * GiB, 0.14 * GiB)}


def test_pages_of_a_stage_are_as_large_as_its_largest_group() -> None:
    """Gemma 3 12B: every sixth of 48 layers keeps everything; six groups of 8 layers."""
    gemma = architecture("gemma-3-12b")
    layer = 16 * 2 * 8 * 256 * 2  # a block of tokens in one layer

    def held(count: int) -> list[tuple[float, int]]:
        plan = Plan(BF16, pipeline_parallel=count)
        return [(stage.page_bytes / layer, stage.groups) for stage in budget(gemma, plan, 1e12)]

    assert held(1) == [(8, 6)]
    assert held(2) == [(4, 6)] * 2
    # Stages of 9, 9, 10, 10 and 10 layers: at most 2 full ones, and 8 or 9 in five groups.
    assert held(5) == [(2, 6)] * 5
    # A layer for each stage is in one of the six groups, whatever its kind.
    assert held(48) == [(1, 6)] * 48
    assert [one[0] for one in held(16)] == [1] * 16
    # Without windows there is one group, as large as the stage.
    sizes = [s.page_bytes / 65_536 for s in budget(LLAMA, Plan(BF16, pipeline_parallel=5), 8e10)]
    assert sizes == [6, 6, 7, 7, 6]


def test_stages_of_a_mixture_hold_what_their_own_layers_hold() -> None:
    """DeepSeek-V3's three dense layers are in the first of four stages, so it is the lightest."""
    deepseek = architecture("deepseek-v3")
    first, second, third, last = budget(deepseek, Plan(BF16, pipeline_parallel=4), 2e12)
    parts = deepseek.decoder.layer_parts(mixture=True)
    dense, mixture = deepseek.decoder.layer_parts(mixture=False), sum(parts.values())
    embedding = 2 * 129_280 * 7168
    absorbed = 15 * 512 * 128 * 256 * 2
    table = 163_840 * 64 * 2
    held = 2 * (3 * sum(dense.values()) + 12 * mixture)
    assert first.weight_bytes == held + embedding + absorbed + table
    assert second.weight_bytes - third.weight_bytes == -2 * mixture - 512 * 128 * 256 * 2
    assert last.weight_bytes == 2 * 15 * mixture + embedding + 2 * 7168 + absorbed + table


def test_a_model_without_a_cache_has_no_pages() -> None:
    (stage,) = budget(architecture("t5-v1.1-xxl"), Plan(BF16), 80e9)
    assert (stage.page_bytes, stage.groups) == (0, 0)
