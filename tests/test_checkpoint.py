"""What files hold and engines serve: with a head or without, as asked or by a method's name."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.checkpoint import (
    checkpoint,
    method_of_files,
    served_by_config,
    served_by_method,
    stored_head_params,
    without_head,
)
from tests.decoders import LATENT, LLAMA, Config, read

HEAD = 64 * 100
INT4 = {"quant_method": "awq", "bits": 4, "group_size": 16}


def compressed(bits: int) -> dict[str, Any]:
    weights = {"num_bits": bits, "type": "int", "strategy": "channel", "symmetric": True}
    return {
        "quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
    }  # fmt: skip


def test_files_without_a_precision_are_of_32_bits_and_published_ones_of_16() -> None:
    model = read(LLAMA)
    assert checkpoint(LLAMA, model).size == 4 * model.n_params
    assert checkpoint(LLAMA, model, published=True).size == 2 * model.n_params


def test_a_head_adds_its_parameters_unless_it_is_tied() -> None:
    assert stored_head_params(read(LLAMA)) == HEAD
    assert stored_head_params(read(LLAMA, tie_word_embeddings=True)) == 0
    assert stored_head_params(without_head(read(LLAMA))) == 0


def test_a_model_without_its_head_is_otherwise_the_same() -> None:
    model = Architecture(read(LLAMA).decoder, {"a": 1}, ("vision_config",), "a remark")
    bare = without_head(model)
    assert model.n_params - bare.n_params == HEAD
    assert (bare.assumed, bare.left_out, bare.remark) == ({"a": 1}, ("vision_config",), "a remark")


@pytest.mark.parametrize("like", [LLAMA, LATENT], ids=["alone", "beside a prediction layer"])
def test_a_head_that_the_files_lack_takes_its_bytes_along_however_it_is_stored(
    like: Config,
) -> None:
    config = {**like, "torch_dtype": "bfloat16", "quantization_config": {
        **compressed(4), "ignore": []}}  # fmt: skip
    model = read(config)
    whole, bare = (
        checkpoint({**config, "architectures": [name]}, model)
        for name in ("DecoderForCausalLM", "DecoderModel")
    )
    assert whole.size is not None
    assert bare.size is not None
    # Its weights at 4 bits, a scale of 16 a row, and the two numbers of its own shape.
    assert whole.size - bare.size == HEAD / 2 + 2 * 100 + 2 * 8


@pytest.mark.parametrize(
    ("config", "bits", "name", "why"),
    [
        ({}, 16, "bf16", "vLLM's auto, as the configuration names none"),
        ({"torch_dtype": "bfloat16"}, 16, "bfloat16", "the model's configuration"),
        ({"torch_dtype": "float16"}, 16, "float16", "the model's configuration"),
        ({"torch_dtype": "float32"}, 16, "bf16", "vLLM's auto, for a file in 32 bits"),
        ({"torch_dtype": "float16", "quantization_config": INT4}, 16, "awq",
         "the model's configuration"),
        ({"torch_dtype": "float32", "quantization_config": INT4}, 16, "awq",
         "vLLM's auto, for a file in 32 bits"),
    ],
)  # fmt: skip
def test_what_an_engine_serves_of_a_file(
    config: dict[str, Any], bits: float, name: str, why: str
) -> None:
    stored, told = served_by_config({**LLAMA, **config})
    assert (stored.bits, stored.name, told) == (bits, name, why)


@pytest.mark.parametrize(("name", "bits"), [("W4A16", 4), ("w8a16", 8), (" w8a8 ", 8)])
def test_a_name_of_a_method_means_the_bits_of_its_files(name: str, bits: int) -> None:
    method = method_of_files(name)
    assert method == ("compressed-tensors", bits)
    config = {**LLAMA, "torch_dtype": "bfloat16", "quantization_config": compressed(bits)}
    stored = served_by_method(config, name, method)
    assert (stored.name, stored.element_bits) == ("compressed-tensors", bits)
    with pytest.raises(ValueError, match=r"says compressed-tensors: give the config\.json"):
        served_by_method({**config, "quantization_config": compressed(12 - bits)}, name, method)


def test_a_name_of_a_method_that_says_no_bits_takes_those_of_the_file() -> None:
    config = {**LLAMA, "torch_dtype": "bfloat16", "quantization_config": INT4}
    assert served_by_method(config, "awq_marlin", ("awq", None)).element_bits == 4
    for other in (("gptq", None), ("gptq", 4)):
        with pytest.raises(ValueError, match=r"but that one says awq: give"):
            served_by_method(config, "gptq_marlin", other)
    assert method_of_files("bf16") is None
    with pytest.raises(ValueError, match=rf"weights is '{'x' * 40}', a method whose size"):
        served_by_method(config, "x" * 60, ("gptq", None))
