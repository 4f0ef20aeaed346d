"""Configurations to parameters and cache bytes: published figures and properties."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.architecture import RULES, Architecture
from estimator.architecture.families import families
from estimator.catalog import architecture, configuration, configurations
from estimator.units import GiB
from tests.decoders import GEMMA2, LLAMA, read
from tests.golden import DATA, exact_golden

# Published figures, beside those of `data/golden.csv`.

PARAMETERS = {
    "t5-v1.1-xxl": 4_762_310_656, "gpt-oss-120b": 116_829_156_672, "gpt2-medium": 354_823_168,
    "qwen3-32b": 32_762_123_264,
    # Keras's own counts; the published checkpoints of those that see have 64 tokens more.
    "gemma-3-1b": 999_885_952, "gemma-3-4b": 3_880_099_328 + 64 * 2560,
    "gemma-3-12b": 11_765_788_416 + 64 * 3840,
}  # fmt: skip


@pytest.mark.parametrize(("key", "n_params"), PARAMETERS.items())
def test_published_parameters(key: str, n_params: int) -> None:
    assert architecture(key).n_params == n_params


def test_golden_parameters() -> None:
    rows = exact_golden("params-")
    given = json.loads((DATA / "model_configs.json").read_text(encoding="utf-8"))
    assert len(rows) >= 9
    for key, exact in rows:
        assert Architecture.from_hf_config(given[key]["config"]).n_params == exact
        assert architecture(key).n_params == exact
    for entry in given.values():
        assert Architecture.from_hf_config(entry["config"]).n_params == entry["parameters"]


def test_golden_cache_of_a_token() -> None:
    rows = exact_golden("kv-token-")
    assert len(rows) >= 8
    for key, exact in rows:
        assert architecture(key).kv_bytes_per_token(2) == exact
    assert architecture("t5-v1.1-xxl").kv_bytes_per_token(2) == 0, "an encoder keeps none"


def test_golden_gemma_and_t5() -> None:
    gemma = architecture("gemma-2-9b")
    figures = {
        "window": gemma.cache_bytes(8192),
        "full": gemma.cache_bytes(8192, rule="full"),
        "engine": gemma.cache_bytes(8192, rule="engine", block_tokens=16, chunk_tokens=2048),
        "blocks": int(54.12 * GiB // (gemma.group_layers * 16 * 8192)),
    }
    assert dict(exact_golden("gemma-2-9b-")) == figures
    assert dict(exact_golden("t5-")) == {"xxl-encoder": architecture("t5-v1.1-xxl").n_params}


def test_gemma_2_has_three_answers() -> None:
    gemma = architecture("gemma-2-9b")
    by_rule = [gemma.cache_bytes(8192, rule=rule) for rule in ("ideal", "engine", "full")]
    assert by_rule == [2_113_929_216, 2_469_003_264, 2_818_572_288]


def test_a_page_holds_a_block_of_every_layer_of_a_group() -> None:
    assert architecture("gemma-2-9b").group_layers == 21
    assert architecture("gemma-3-12b").group_layers == 8  # five groups of windows and one full
    assert architecture("gemma-3-27b").group_layers == 10  # 52 window layers: six groups, padded


def test_padded_groups_cost_pages() -> None:
    gemma = architecture("gemma-3-27b")
    layer_block = 2 * 16 * 128 * 2 * 16
    pages = 1 * (32_768 // 16) + 6 * (-(-(1024 - 1 + 2048) // 16) + 1)
    assert gemma.cache_bytes(32_768, rule="engine") == pages * 10 * layer_block


def test_active_parameters() -> None:
    assert architecture("mixtral-8x7b").n_active_params == 12_879_925_248
    assert architecture("deepseek-v3").n_active_params == 37_552_282_624
    # OpenAI prints 5.13 billion, without the embedding.
    oss = architecture("gpt-oss-120b")
    assert round((oss.n_active_params - oss.parts["embedding"]) / 1e9, 2) == 5.13


def test_deepseek_checkpoint_has_more_than_its_parameters() -> None:
    deepseek = architecture("deepseek-v3")
    assert deepseek.extra_parts == {"prediction layers": 13_463_426_048, "buffers": 59 * 256}
    assert deepseek.n_checkpoint_params - deepseek.n_params == 13_463_426_048 + 59 * 256


def test_gemma_3_has_the_vocabulary_of_its_checkpoint() -> None:
    sizes = [architecture(f"gemma-3-{size}b").decoder.vocab_size for size in (1, 4, 12, 27)]
    assert sizes == [262_144, 262_208, 262_208, 262_208]


def test_parts_of_llama_by_hand() -> None:
    parts = read(LLAMA).parts
    assert parts == {
        "embedding": 6400, "attention": 2 * (2 * 64 * 64 + 2 * 64 * 32),
        "norms": 5 * 64, "mlp": 2 * 3 * 64 * 128, "output head": 6400,
    }  # fmt: skip


def test_catalog_is_large_and_sourced() -> None:
    assert len(configurations()) >= 40
    for row in configurations().values():
        assert re.search(r" @[0-9a-f]{40}\b", row.source)
        assert architecture(row.key).n_params == row.n_params
    with pytest.raises(ValueError, match=r"did you mean .llama-3\.1-8b"):
        configuration("llama-3.1-8B-")


# Properties.


@pytest.mark.parametrize("key", configurations())
def test_parts_sum_to_the_total(key: str) -> None:
    model = architecture(key)
    assert sum(model.parts.values()) == model.n_params
    assert 0 < model.n_active_params <= model.n_params <= model.n_checkpoint_params


@settings(deadline=None)
@given(st.sampled_from(list(configurations())), st.integers(1, 300_000), st.integers(1, 64))
def test_rules_are_ordered(key: str, tokens: int, batch: int) -> None:
    model = architecture(key)
    ideal, engine, full = (model.cache_bytes(tokens, batch, rule=rule) for rule in RULES)
    assert ideal <= engine
    assert ideal <= full == tokens * batch * model.kv_bytes_per_token(2)


@settings(deadline=None)
@given(st.sampled_from(list(configurations())), st.integers(0, 50_000), st.integers(1, 5000))
def test_cache_grows_with_tokens(key: str, tokens: int, more: int) -> None:
    model = architecture(key)
    for rule in RULES:
        assert model.cache_bytes(tokens, rule=rule) <= model.cache_bytes(tokens + more, rule=rule)


@settings(deadline=None)
@given(st.sampled_from(list(configurations())), st.sampled_from(RULES), st.data())
def test_arrays_give_what_numbers_give(key: str, rule: str, data: st.DataObject) -> None:
    model = architecture(key)
    tokens = data.draw(st.lists(st.integers(0, 200_000), min_size=1, max_size=5))
    batch = np.array([[1], [3]])
    table = model.cache_bytes(np.array(tokens), batch, rule=rule)
    expected = [[model.cache_bytes(n, int(b[0]), rule=rule) for n in tokens] for b in batch]
    assert np.array_equal(np.broadcast_to(table, (2, len(tokens))), np.array(expected, float))


@settings(deadline=None)
@given(st.integers(1, 10**6), st.sampled_from([1, 2, 4]))
def test_windows_stop_the_growth(tokens: int, width: int) -> None:
    model = architecture("mistral-7b-v0.1")
    assert model.cache_bytes(tokens, 1, width) == min(tokens, 4096) * 65_536 * width


def test_integers_of_any_size_stay_exact() -> None:
    model = read(LLAMA)
    assert model.cache_bytes(10**30 + 1, rule="full") == (10**30 + 1) * 256


# Families.


def test_every_family_has_a_model_or_a_reason() -> None:
    read_here = {architecture(key).family for key in configurations()}
    without_a_published_file = {"glm4", "olmo3", "granite", "granitemoe", "cohere2", "ministral3"}
    assert read_here | {"glm4_moe"} | without_a_published_file == set(families())


def test_a_published_file_that_is_too_short_for_the_catalog() -> None:
    # ai-dynamo/aiconfigurator src/aiconfigurator/model_configs/zai-org--GLM-4.7-FP8_config.json
    # @a0ba9ec6d14e3d4ecd5d8d5468142c290634391d; transformers counts the same from these keys.
    # It says nothing on biases and norms of queries, so it may not be GLM-4.7 to the last one.
    config = {
        "architectures": ["Glm4MoeForCausalLM"], "model_type": "glm4_moe",
        "num_hidden_layers": 92, "hidden_size": 5120, "num_attention_heads": 96,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288,
        "vocab_size": 151552, "max_position_embeddings": 202752, "n_routed_experts": 160,
        "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 1536,
        "first_k_dense_replace": 3, "routed_scaling_factor": 2.5, "torch_dtype": "bfloat16",
        "use_cache": True, "tie_word_embeddings": False,
    }  # fmt: skip
    assert Architecture.from_hf_config(config).n_params == 352_796_472_320


def test_window_patterns() -> None:
    assert read(GEMMA2).cached_layers == {"full_attention": 2, "sliding_attention": 3}
    listed = read(GEMMA2, layer_types=["full_attention"] * 4 + ["sliding_attention"])
    assert listed.cached_layers == {"full_attention": 4, "sliding_attention": 1}
    qwen = {**LLAMA, "model_type": "qwen2", "sliding_window": 8, "max_window_layers": 1}
    assert read(qwen, use_sliding_window=True).cached_layers == {
        "full_attention": 1, "sliding_attention": 1,
    }  # fmt: skip
    assert read(qwen, use_sliding_window=False).cached_layers == {"full_attention": 2}


def test_llama_4_looks_at_its_own_chunk() -> None:
    scout = architecture("llama-4-scout")
    assert scout.cached_layers == {"full_attention": 12, "chunked_attention": 36}
    per_layer = 2 * 8 * 128 * 2
    assert scout.cache_bytes(131_072) == per_layer * (12 * 131_072 + 36 * 8192)
    assert scout.cache_bytes(131_072, rule="engine") == per_layer * 16 * 12 * (8192 + 3 * 640)


@pytest.mark.parametrize("key", ["qwen2.5-7b", "qwen3-8b", "qwen3-30b-a3b"])
def test_a_window_that_is_on_and_not_given_is_the_family_s(key: str) -> None:
    config = {k: v for k, v in configuration(key).config.items() if k != "sliding_window"}
    config |= {"max_window_layers": 0}
    off = Architecture.from_hf_config(config)
    on = Architecture.from_hf_config(config | {"use_sliding_window": True})
    switched = {"use_sliding_window": True, "sliding_window": 4096}
    given = Architecture.from_hf_config(config | switched)
    assert on.cache_bytes(10_000) == given.cache_bytes(10_000) < off.cache_bytes(10_000)
    assert "sliding_window" in on.assumed
    assert "sliding_window" not in off.assumed
