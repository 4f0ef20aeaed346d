"""Weights that are stored under a short name: their bits, and where an engine rounds them up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from estimator.catalog.configurations import architecture
from estimator.matrices import HEAD
from estimator.stored_weights import (
    MATRICES,
    StoredWeights,
    checkpoint_bytes,
    stored_as,
    stored_by_config,
    tells_precision,
)
from tests.decoders import LLAMA, read

TIED = read(LLAMA, tie_word_embeddings=True)
LAYER = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("float32", 32), ("fp32", 32), ("float16", 16), ("fp16", 16), ("half", 16),
        ("bfloat16", 16), ("bf16", 16), (" BF16 ", 16),
    ],
)  # fmt: skip
def test_unquantized_names_have_their_bits(name: str, bits: int) -> None:
    found = stored_as(name)
    assert (found.bits, found.element_bits, found.padding) == (bits, None, 1)
    assert checkpoint_bytes(TIED, found) == TIED.n_params * bits / 8


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("fp8", 8),
        ("fp8_e4m3", 8),
        ("fp8_e5m2", 8),
        ("int8", 8),
        ("int4", 4 + 20 / 128),
        ("awq", 4 + 20 / 128),
        ("gptq", 4 + 20 / 128),
        ("nvfp4", 4.5),
        ("mxfp4", 4.25),
    ],
)
def test_quantized_names_have_their_bits(name: str, bits: float) -> None:
    found = stored_as(name)
    assert (found.bits, found.quantized_bits) == (16, bits)


def test_a_name_stores_matrices_and_leaves_the_rest_wide() -> None:
    decoder = architecture("llama-3.1-8b").decoder
    parts = {"embedding": 100, "mlp": 32 * 3 * 4096 * 14_336, "norms": 10}
    mlp = parts["mlp"]
    wide = {"embedding": 200, "norms": 20}
    assert stored_as("bf16").decoder_bytes(decoder, parts) == {**wide, "mlp": 2 * mlp}
    assert stored_as("fp8").decoder_bytes(decoder, parts) == {**wide, "mlp": mlp}
    int4 = stored_as("int4").decoder_bytes(decoder, parts)
    assert int4 == {**wide, "mlp": mlp * (4 + 20 / 128) / 8}


def test_a_name_is_taken_as_it_is_told_and_another_is_refused() -> None:
    assert stored_as("INT4 in groups of 128") == stored_as("int4")
    with pytest.raises(ValueError, match="the precision of the weights is 'int5', but it must be"):
        stored_as("int5")


def test_a_tied_head_stays_wide_and_the_layers_do_not() -> None:
    narrow = stored_as("fp8")
    assert checkpoint_bytes(TIED, narrow) == 2 * TIED.n_params - 2 * LAYER
    with_head = replace(narrow, quantized=MATRICES | {HEAD})
    assert checkpoint_bytes(TIED, with_head) == checkpoint_bytes(TIED, narrow)


def test_an_engine_rounds_up_and_a_disk_does_not() -> None:
    model = architecture("gpt-oss-20b")
    experts = {"experts": model.parts["experts"]}
    biases = 24 * 32 * (2 * 2880 + 2880)
    weights = experts["experts"] - biases
    told: StoredWeights = stored_as("mxfp4")
    on_disk = told.decoder_bytes(model.decoder, experts, on_disk=True)["experts"]
    held = told.decoder_bytes(model.decoder, experts)["experts"]
    assert on_disk == weights * 4.25 / 8 + biases * 2
    assert held == pytest.approx(on_disk * 3072 / 2880)
    exact = replace(told, padding=64)  # of which 2,880 is a multiple
    assert exact.decoder_bytes(model.decoder, experts)["experts"] == on_disk


def test_a_stage_has_the_wide_layers_that_are_its_own() -> None:
    wide = {"quant_method": "fp8", "ignored_layers": ["model.layers.1.mlp"]}
    config = {"model_type": "llama", "quantization_config": wide}
    found = stored_by_config(config, TIED)
    assert found.padding == 1
    plain = stored_as("fp8")
    parts = {"mlp": 3 * 64 * 128}
    for layer, more in ((0, 0), (1, parts["mlp"])):
        stage = replace(TIED.decoder, n_layers=1, first_layer=layer, mixture_layers=(False,))
        held = (
            one.decoder_bytes(stage, parts)["mlp"] for one in (found, replace(plain, scales=()))
        )
        assert next(held) - next(held) == pytest.approx(more, abs=64)  # but for the scales


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, False), ({"torch_dtype": None}, False), ({"dtype": "bfloat16"}, True),
        ({"torch_dtype": "float16"}, True), ({"quantization_config": {}}, True),
        ({"text_config": {"dtype": "bfloat16"}}, True), ({"text_config": {}}, False),
    ],
)  # fmt: skip
def test_whether_a_file_tells_its_precision(config: dict[str, Any], told: bool) -> None:
    assert tells_precision(config) is told


def test_what_prediction_layers_alone_have_is_counted_once() -> None:
    """DeepSeek-V3: its layers, those that predict, and 59 scores of 256 experts at 32 bits."""
    found = checkpoint_bytes(architecture("deepseek-v3"), stored_as("bf16"))
    assert found == 2 * (671_026_404_352 + 13_463_426_048) + 4 * 59 * 256
