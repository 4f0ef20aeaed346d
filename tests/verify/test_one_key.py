"""One key at a time is changed: what is read must be what transformers builds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import transformers
from hypothesis import HealthCheck, Phase, given, settings
from transformers import AutoConfig

from estimator.architecture import Architecture
from tests.verify.configurations import MAKERS, configurations
from tests.verify.modules import build, hf_config, trainable
from tests.verify.test_multimodal import AROUND, CASES, SIZES, as_published, language_parameters
from tests.verify.test_multimodal import build as build_multimodal

# Keys that change some family: each is tried in every family, known there or not.
SOMEWHERE = {
    "head_dim", "attention_bias", "use_qk_norm", "mlp_bias", "qkv_bias", "use_bias",
    "sliding_window", "use_sliding_window", "layer_types", "num_key_value_heads", "num_experts",
    "num_local_experts", "n_routed_experts", "moe_intermediate_size", "is_decoder",
    "num_nextn_predict_layers", "tie_word_embeddings",
}  # fmt: skip
ALONE = {"model_type", "vocab_size"}


def others(value: Any) -> list[Any]:
    """Values that a key might have instead."""
    if isinstance(value, bool):
        return [True, False]
    if isinstance(value, int):
        return [value + 1, 2 * value, 1, 0, 8]
    if value is None:
        return [True, False, 2, 16]
    return [value[::-1], value[:-1]] if isinstance(value, list) else []


def wrong(
    config: dict[str, Any], keys: dict[str, Any], place: Callable[[dict[str, Any]], dict[str, Any]],
    count: Callable[[dict[str, Any]], int],
) -> dict[tuple[str, str], tuple[int, int]]:  # fmt: skip
    """Changes that are neither refused, nor counted as the module, nor impossible there."""
    found = {}
    for key, value in keys.items():
        for other in others(value):
            changed = copy.deepcopy(config)
            place(changed)[key] = other
            try:
                read = Architecture.from_hf_config(copy.deepcopy(changed)).n_params
            except (TypeError, ValueError):
                continue
            try:
                built = count(changed)
            except Exception:  # it raises what its layers raise, of any kind
                continue
            if read != built:
                found[key, repr(other)[:40]] = (read, built)
    return found


@pytest.mark.parametrize("family", MAKERS)
def test_one_key_of_a_family(family: str) -> None:
    drawn: list[dict[str, Any]] = []

    @settings(
        max_examples=2, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(configurations(family))
    def draw(config: dict[str, Any]) -> None:
        drawn.append(config)

    draw()
    config = drawn[-1]
    full = dict.fromkeys(SOMEWHERE) | hf_config(config).to_dict() | config
    keys = {key: value for key, value in full.items() if key not in ALONE}
    assert not wrong(config, keys, lambda one: one, lambda one: trainable(build(one)))


@pytest.mark.parametrize(("name", "text"), CASES)
def test_one_key_of_a_text_part(name: str, text: dict[str, Any]) -> None:
    around = AROUND.get(name, {})
    made = AutoConfig.for_model(name, text_config={**SIZES, **text}, **copy.deepcopy(around))
    inner = {**SIZES, **text, "model_type": made.text_config.model_type}
    config = {"model_type": name, "text_config": inner, **around}
    config["transformers_version"] = transformers.__version__
    full = dict.fromkeys(SOMEWHERE) | made.text_config.to_dict()
    keys = {key: value for key, value in full.items() if key not in ALONE}

    def count(changed: dict[str, Any]) -> int:
        return language_parameters(build_multimodal(AutoConfig.for_model(**as_published(changed))))

    assert not wrong(config, keys, lambda one: one["text_config"], count)
