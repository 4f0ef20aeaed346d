"""Configurations that are damaged or hostile: each is refused in one short sentence, quickly."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from estimator.architecture import Architecture
from tests.decoders import GEMMA2, LATENT, LLAMA, MIXTURE, PALIGEMMA, read


@pytest.mark.parametrize(
    "value", [0, -1, -(10**30), 10**30, 10**400, 1.5, 64.0, True, "64", [64], {}, float("nan")]
)
@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size"])
def test_sizes_must_be_sensible(key: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=key) as caught:
        read(LLAMA, **{key: value})
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (LLAMA, {"num_attention_heads": 3}), (LLAMA, {"num_key_value_heads": 3}),
        (LLAMA, {"num_key_value_heads": 8}), (LLAMA, {"attention_bias": "yes"}),
        (LLAMA, {"tie_word_embeddings": 1}), (LLAMA, {"layer_types": "full_attention"}),
        (LLAMA, {"layer_types": ["full_attention"] * 3}), (LLAMA, {"layer_types": [None, 3]}),
        (LLAMA, {"layer_types": [["full_attention"], {}]}), (LLAMA, {"rotary_pct": 2}),
        (MIXTURE, {"num_experts_per_tok": 5}), (MIXTURE, {"mlp_only_layers": [7]}),
        (MIXTURE, {"mlp_only_layers": [[]]}), (MIXTURE, {"num_local_experts": 5}),
        (GEMMA2, {"sliding_window": 0}), (GEMMA2, {"sliding_window": "all"}),
        (LATENT, {"q_lora_rank": -1}), (LLAMA, {"model_type": None}),
        (LLAMA, {"model_type": ["llama"]}), (LLAMA, {"model_type": "x" * 10**6}),
        (LLAMA, {7: 7}), (LLAMA, {"k" * 10**6: 1}),
        (LLAMA, {"rope_parameters": [1]}), (LLAMA, {"rope_scaling": "linear"}),
        (LLAMA, {"is_decoder": "yes"}), (LLAMA, {"quantization_config": [1]}),
        (LATENT, {"partial_rotary_factor": 1.5}),
        (LLAMA, {"rope_scaling": {"partial_rotary_factor": 1.5}}),
        (LLAMA, {"rope_parameters": {"full_attention": {"partial_rotary_factor": 2}}}),
        (PALIGEMMA, {"is_decoder": "yes"}), (PALIGEMMA, {"quantization_config": [1]}),
        (LLAMA, {"model_type": "llava"}), (LLAMA, {"model_type": "llava", "text_config": 3}),
    ],
)  # fmt: skip
def test_damage_gets_one_short_sentence(config: dict[str, Any], changes: dict[Any, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Architecture.from_hf_config({**config, **changes})
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value", [1e999, -1e999, float("nan"), -0.5, 1.5, 10**400, "all", True, []]
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_rotated_share_must_be_one(value: Any, nested: bool) -> None:
    key = {"partial_rotary_factor": value}
    with pytest.raises((TypeError, ValueError), match="partial_rotary_factor") as caught:
        read(LLAMA, **({"rope_parameters": key} if nested else key))
    assert len(str(caught.value)) < 300
    with pytest.raises(ValueError, match="an integer of"):
        read(LLAMA, partial_rotary_factor=10**400)
    assert read(LLAMA, rope_parameters={"partial_rotary_factor": 0.5}).decoder.rotary_dim == 8


@pytest.mark.parametrize("config", [None, 3, "llama", [], [LLAMA], b"{}", {}, float("nan")])
def test_what_is_no_configuration(config: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"model_type|configuration"):
        Architecture.from_hf_config(config)


def deep(levels: int = 5_000) -> list[Any]:
    made: list[Any] = []
    for _ in range(levels):
        made = [made]
    return made


def test_hostile_files_are_refused_quickly() -> None:
    loop: dict[str, Any] = {"model_type": "llava"}
    loop["text_config"] = loop
    nested = deep(100_000)
    hostile = [
        loop, {**LLAMA, "rope_scaling": loop, "a_new_key": nested},
        {**LLAMA, "hidden_size": nested},
        {str(n): n for n in range(10**6)}, {**LLAMA, "layer_types": ["full_attention"] * 10**6},
        {**LLAMA, "num_hidden_layers": 10**9}, {**LLAMA, "vocab_size": 10**5000},
    ]  # fmt: skip
    start = time.perf_counter()
    for config in hostile:
        with pytest.raises((TypeError, ValueError)):
            Architecture.from_hf_config(config)
    assert time.perf_counter() - start < 1
    while nested:  # so that freeing it does not recurse
        nested = nested.pop()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(st.text(), SCALARS, max_size=3)
KEYS = st.sampled_from(sorted({*LATENT, *MIXTURE, "layer_types", "text_config"}))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([LLAMA, GEMMA2, MIXTURE, LATENT]))
def test_any_damage_is_answered_or_refused(changes: dict[str, Any], config: dict[str, Any]) -> None:
    try:
        answer = str(Architecture.from_hf_config({**config, **changes}))
    except (TypeError, ValueError) as error:
        answer = str(error)
    assert 0 < len(answer) < 1000
    assert "\n" not in answer


def test_unknown_rules_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ideal, engine, full"):
        read(LLAMA).cache_bytes(1, rule="best")
    with pytest.raises(ValueError, match="tokens"):
        read(LLAMA).cache_bytes(-1)
    with pytest.raises(ValueError, match="bytes_per_element"):
        read(LLAMA).kv_bytes_per_token(0)


def endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize("make", [deep, endless])
def test_what_is_nested_without_end_gets_a_sentence(make: Any) -> None:
    gpt2 = {"model_type": "gpt2", "n_embd": make(), "hidden_size": make(), "n_layer": 2,
            "n_head": 2, "n_positions": 8, "vocab_size": 10}  # fmt: skip
    wrapped = {"model_type": "llava", "zz": make(),
               "text_config": {"model_type": "llama", "zz": make()}}  # fmt: skip
    for config, key in ((gpt2, "hidden_size"), (wrapped, "zz")):
        with pytest.raises((TypeError, ValueError), match=key) as caught:
            Architecture.from_hf_config(config)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "shown"), [("", "''"), ({}, "a dict"), (None, "None")])
def test_a_family_without_a_name_is_shown_as_it_stands(name: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=f"model_type is {shown}, but"):
        Architecture.from_hf_config({**LLAMA, "model_type": name})


@pytest.mark.parametrize("version", [{}, {"transformers_version": "5.23.0"}])
@pytest.mark.parametrize(("outer", "inner"), [(2, True), (True, "yes"), ([], None), (None, 1)])
def test_a_damaged_tie_is_refused_wherever_it_stands(
    outer: Any, inner: Any, version: dict[str, str]
) -> None:
    text = {**LLAMA, "tie_word_embeddings": inner}
    config = {"model_type": "llava", "text_config": text, "tie_word_embeddings": outer, **version}
    with pytest.raises(TypeError, match="tie_word_embeddings"):
        Architecture.from_hf_config(config)
