"""Any architecture as the step time needs it, against facts that were typed from other sources."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from estimator import catalog
from estimator.architecture import Architecture
from estimator.catalog import serving
from estimator.catalog.model_names import published_names
from estimator.decoder_shape import decoder_shape
from estimator.engine import Layout, Numerics, replica, serve
from estimator.memory import kv_bytes_per_token
from tests.decoder_facts import FACTS, decoder_of
from tools import measure_steps

MLA = {"model_type": "deepseek_v3", "hidden_size": 64, "num_hidden_layers": 4,
       "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 100,
       "intermediate_size": 128, "moe_intermediate_size": 32, "n_routed_experts": 8,
       "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1,
       "q_lora_rank": 24, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4,
       "v_head_dim": 8, "tie_word_embeddings": False}  # fmt: skip


@pytest.mark.parametrize("key", sorted(FACTS))
def test_a_configuration_gives_the_facts_that_were_typed_by_hand(key: str) -> None:
    """Llama, Qwen, Mixtral, Gemma 2, gpt-oss, DeepSeek: two sources, two ways of counting."""
    assert serving.decoder(key) == decoder_of(FACTS[key])


def test_there_are_families_of_every_kind_among_them() -> None:
    assert {
        "llama-3.1-8b", "gemma-2-9b", "gpt-oss-20b", "deepseek-v3", "mixtral-8x7b"
    } <= set(FACTS)  # fmt: skip
    assert len(FACTS) > 20


@pytest.mark.parametrize("key", sorted(key for key, one in FACTS.items() if "latent" not in one))
def test_what_is_measured_has_the_sizes_of_the_facts(key: str) -> None:
    built = measure_steps.facts_of(key)
    assert {name: FACTS[key].get(name, 0) for name in built if name != "key"} == {
        name: value for name, value in built.items() if name != "key"
    }


@pytest.mark.parametrize("key", ["deepseek-v3", "gpt2-medium"])
def test_what_cannot_be_measured_is_one_sentence(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key} has latent attention or an MLP that is not"):
        measure_steps.facts_of(key)


def test_every_published_name_is_a_model_of_the_catalog() -> None:
    assert set(published_names().values()) <= set(catalog.configurations())
    assert published_names()["qwen/qwen3-32b"] == "qwen3-32b"


@pytest.mark.parametrize("key", sorted(catalog.configurations()))
def test_parameters_are_those_of_the_module_but_for_norms_and_biases(key: str) -> None:
    model = catalog.architecture(key)
    if not model.decoder.cached:
        with pytest.raises(ValueError, match="is an encoder, which generates no tokens"):
            decoder_shape(model, key)
        return
    shape = decoder_shape(model, key)
    assert shape.n_params <= model.n_params
    assert shape.n_params == pytest.approx(model.n_params, rel=3e-3)
    elements = shape.cache_elements + shape.window_cache_elements
    assert 2 * elements == model.kv_bytes_per_token(2)


@pytest.mark.parametrize("without", [{"cached": False}, {"has_head": False}])
def test_what_keeps_no_cache_or_has_no_head_is_named_and_refused(without: dict[str, Any]) -> None:
    gpt = catalog.architecture("gpt2")
    bare = Architecture(dataclasses.replace(gpt.decoder, **without), {}, ())
    with pytest.raises(ValueError, match=r"^gpt2 is an encoder, which generates no tokens"):
        decoder_shape(bare)
    with pytest.raises(ValueError, match=r"^mine is an encoder"):
        decoder_shape(bare, "mine")
    assert decoder_shape(gpt).name == "gpt2"


def test_a_small_latent_mixture_by_hand() -> None:
    shape = decoder_shape(Architecture.from_hf_config(MLA), "mine")
    queries = 64 * 24 + 24 * 4 * 12
    latents = 64 * 20 + 16 * 4 * 16
    assert shape.attention_params == 4 * (queries + latents + 4 * 8 * 64)
    assert shape.expert_params == 3 * 64 * 32
    assert (shape.routed_experts, shape.experts_per_token, shape.n_mixture_layers) == (8, 2, 3)
    assert shape.shared_params == 3 * 64 * 128 + 3 * (8 * 64 + 3 * 64 * 32)
    assert (shape.cache_elements, shape.cache_heads, shape.latent) == (4 * 20, 1, True)
    assert shape.pair_flops == 4 * 2 * 4 * (8 + 4 + 8)
    assert shape.head_params == shape.embedding_params == 100 * 64


def test_windows_are_counted_apart() -> None:
    """Gemma 3 12B: five of six layers look at a window of 1,024."""
    shape = decoder_shape(catalog.architecture("gemma-3-12b"))
    assert (shape.n_layers, shape.window) == (48, 1024)
    assert shape.cache_elements == 8 * kv_bytes_per_token(1, 8, 256, 1)
    assert shape.window_cache_elements == 40 * kv_bytes_per_token(1, 8, 256, 1)
    mistral = decoder_shape(catalog.architecture("mistral-7b-v0.1"))
    assert (mistral.cache_elements, mistral.window) == (0, 4096)


def test_a_tied_head_is_read_but_not_kept_twice() -> None:
    tied = decoder_shape(catalog.architecture("llama-3.2-1b"))
    assert (tied.head_params, tied.embedding_params) == (128_256 * 2048, 0)
    learned = decoder_shape(catalog.architecture("gpt2"))
    assert learned.embedding_params == 1024 * 768


@pytest.mark.parametrize(
    "name", ["gemma-3-12b", "google/gemma-3-12b-it", "Qwen/Qwen3-4B-FP8", "phi-4", "glm-4-9b"]
)
def test_models_that_have_only_a_configuration_are_served(name: str) -> None:
    shape = serving.decoder(name)
    made = replica(shape, Numerics(), serving.hardware("h100_sxm"), Layout())
    constants = serving.step_constants().fit.constants
    token = serve(made, constants, 8, 1024, 512).token_seconds
    floor = 2 * (shape.n_params - shape.embedding_params) / made.bytes_per_s
    assert floor < token < 3 * floor


def test_a_window_makes_long_contexts_cheaper() -> None:
    windows = serving.decoder("gemma-3-12b")
    full = dataclasses.replace(
        windows,
        cache_elements=windows.cache_elements + windows.window_cache_elements,
        window_cache_elements=0,
    )
    constants = serving.step_constants().fit.constants
    hardware = serving.hardware("h100_sxm")
    step = [
        serve(replica(one, Numerics(), hardware, Layout()), constants, 16, 8192, 512).cache_seconds
        for one in (windows, full)
    ]
    kept = 8 * 8448 + 40 * 1024
    assert step[0] / step[1] == pytest.approx(kept / (48 * 8448))
