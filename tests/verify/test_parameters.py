"""Parameter counts against the modules of transformers, on the meta device."""

from __future__ import annotations

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
EXAMPLES = 50  # of each family: more than a thousand


def test_every_family_is_drawn() -> None:
    assert set(MAKERS) == set(families())
    assert EXAMPLES * len(MAKERS) >= 1000


@pytest.mark.parametrize("family", MAKERS)
def test_random_configurations(family: str) -> None:
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

    count()


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
