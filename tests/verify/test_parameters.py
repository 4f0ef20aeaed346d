"""Parameter counts against the modules of transformers, on the meta device."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estimator.architecture import Architecture
from estimator.architecture.families import families
from estimator.catalog import architecture, configuration
from estimator.catalog import configurations as configurations_of_the_catalog
from tests.verify.configurations import MAKERS, configurations
from tests.verify.modules import build, trainable

TIED = object()  # a family's own default
EXAMPLES = 50  # of each family
LEAST = 40  # that differ from each other: with those of all families more than a thousand
# The families that the course promises; some are variants of one, and T5 is its encoder.
PROMISED = {
    "gpt2", "opt", "gpt_neox", "llama", "llama4_text", "mistral", "mixtral", "qwen2", "qwen2_moe",
    "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi3", "deepseek_v2", "deepseek_v3",
    "gpt_oss", "glm", "glm4", "glm4_moe", "olmo2", "granite", "granitemoe", "starcoder2", "cohere",
    "cohere2", "t5",
}  # fmt: skip


def test_every_family_is_drawn() -> None:
    assert set(MAKERS) == set(families())
    assert set(MAKERS) >= PROMISED
    assert LEAST * len(MAKERS) >= 1000


@pytest.mark.parametrize("family", MAKERS)
def test_random_configurations(family: str) -> None:
    built: set[str] = set()

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(configurations(family), st.booleans())
    def count(config: dict[str, Any], written_by_transformers: bool) -> None:
        module = build(config)
        read = module.config.to_dict() if written_by_transformers else config
        architecture = Architecture.from_hf_config(read)
        assert architecture.n_params == trainable(module)
        built.add(json.dumps(config, sort_keys=True))

    count()
    assert len(built) >= LEAST


@pytest.mark.parametrize(
    ("family", "says"),
    [("qwen2", {"is_causal": False}), ("gemma3_text", {"use_bidirectional_attention": True})],
)
def test_tokens_that_see_what_follows_add_no_parameter(family: str, says: dict[str, bool]) -> None:
    """As gte-Qwen2 and EmbeddingGemma are published: the same module with another mask."""
    config = {
        "model_type": family, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, **says,
    }  # fmt: skip
    config |= {"head_dim": 16} if family == "gemma3_text" else {}
    model = Architecture.from_hf_config(config)
    assert model.n_params == trainable(build(config))
    assert model.cached_layers == {}


def language_model(config: Mapping[str, Any]) -> dict[str, Any]:
    """The text part of a configuration, in the family that builds it here."""
    text = dict(config.get("text_config", config))
    text.pop("quantization_config", None)  # a module is built wide
    text.setdefault("tie_word_embeddings", config.get("tie_word_embeddings", TIED))
    if text["tie_word_embeddings"] is TIED:
        del text["tie_word_embeddings"]
    same = {"qwen3_vl_moe_text": "qwen3_moe", "kimi_k2": "deepseek_v3"}
    return {**text, "model_type": same.get(text["model_type"], text["model_type"])}


@pytest.mark.parametrize("key", configurations_of_the_catalog())
def test_published_configuration(key: str) -> None:
    published = configuration(key)
    count = trainable(build(language_model(published.config)))
    assert published.n_params == count
    assert architecture(key).n_params == count
