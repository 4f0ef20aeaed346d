"""The longest sequence that a configuration tells, under the names that vLLM looks at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from estimator.__main__ import main
from estimator.architecture import Architecture
from estimator.architecture.reader import LARGEST_SIZE
from estimator.catalog import configuration
from estimator.catalog.shapes import shape
from estimator.decoder_shape import decoder_shape
from estimator.memory_budget import Plan, budget
from estimator.model_sheet import sizes_of
from estimator.stored_weights import stored_as
from tests import decoders

LLAMA = {**decoders.LLAMA, "max_position_embeddings": 4096}
OPT = {
    "model_type": "opt", "hidden_size": 64, "ffn_dim": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "vocab_size": 1000, "max_position_embeddings": 2048,
    "word_embed_proj_dim": 64,
}  # fmt: skip
YARN = {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"}
LINEAR = {"factor": 4, "type": "linear"}


def context(config: dict[str, Any]) -> int | None:
    return Architecture.from_hf_config(config).decoder.context_tokens


@pytest.mark.parametrize(
    ("more", "tokens"),
    [
        ({}, 4096),
        # Vicuna 7B 16k: the smallest of its lengths, stretched.
        ({"max_sequence_length": 16384, "rope_scaling": LINEAR}, 16384),
        # Qwen 2.5 with the block of its card, as it is written for transformers 4 and for 5.
        ({"max_position_embeddings": 32768, "rope_scaling": YARN}, 131072),
        ({"max_position_embeddings": 32768,
          "rope_parameters": {**YARN, "rope_type": "yarn", "rope_theta": 1e6}}, 131072),
        # DeepSeek and gpt-oss give the stretched length; what YaRN stretches is the original.
        ({"max_position_embeddings": 131072,
          "rope_scaling": {**YARN, "factor": 32, "original_max_position_embeddings": 4096}},
         131072),
        ({"rope_scaling": {"factor": 2.0, "rope_type": "yarn"}}, 8192),
        ({"rope_scaling": {"factor": 2.5, "rope_type": "dynamic"}}, 10240),
        ({"rope_scaling": {
            "sliding_attention": {"rope_type": "default"}, "full_attention": LINEAR}}, 16384),
        # These say how rotations were stretched, of a length that counts it in.
        ({"max_position_embeddings": 131072, "rope_scaling": {
            "factor": 8.0, "rope_type": "llama3", "original_max_position_embeddings": 8192}},
         131072),
        ({"rope_scaling": {"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]}}, 4096),
        ({"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}, 4096),
        ({"rope_scaling": {"factor": 8.0}}, 4096),
        ({"rope_scaling": {}, "rope_parameters": LINEAR}, 16384),
        # model_max_length goes before the others, whichever is larger.
        ({"model_max_length": 131072}, 131072),
        ({"model_max_length": 2048, "seq_length": 1024}, 2048),
        ({"seq_length": 8192}, 4096),
        ({"max_seq_len": 2048}, 2048),
        ({"max_position_embeddings": None, "max_seq_length": 1024}, 1024),
        ({"max_position_embeddings": None}, None),
        # What tokenizers write for none.
        ({"model_max_length": 10**30}, 4096),
        ({"model_max_length": 0}, 4096),
        ({"model_max_length": None}, 4096),
        # The least, the largest, and whole numbers that are written as floats.
        ({"model_max_length": 1}, 1),
        ({"model_max_length": LARGEST_SIZE}, LARGEST_SIZE),
        ({"model_max_length": float(LARGEST_SIZE)}, LARGEST_SIZE),
        ({"model_max_length": LARGEST_SIZE + 1}, 4096),
        ({"model_max_length": 2048.0}, 2048),
        # A factor without a length, and a length without a factor.
        ({"max_position_embeddings": None, "rope_scaling": LINEAR}, None),
        ({"rope_scaling": {"type": "linear"}}, 4096),
        ({"rope_scaling": {"type": "yarn", "original_max_position_embeddings": 2048}}, 2048),
        ({"rope_scaling": {**LINEAR, "factor": 1}}, 4096),
        ({"rope_scaling": {**LINEAR, "factor": 10_000}}, 40_960_000),
    ],
)  # fmt: skip
def test_lengths_are_told_under_several_names(more: dict[str, Any], tokens: int | None) -> None:
    assert context(LLAMA | more) == tokens


def test_gemma_3_gives_its_length_stretched() -> None:
    gemma = LLAMA | {
        "model_type": "gemma3_text", "head_dim": 16, "sliding_window": 512,
        "max_position_embeddings": 131072, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
    }  # fmt: skip
    assert context(gemma) == 131072


def test_a_table_of_learned_positions_ends_where_it_ends() -> None:
    more = {"model_max_length": 8192, "rope_scaling": LINEAR, "seq_length": 512}
    assert context(OPT | more) == 2048
    with pytest.raises(ValueError, match="at most, a learned position each: give no more"):
        sizes_of("mine", OPT | more, 2049)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"model_max_length": "long"}, "model_max_length is 'long', but .* a whole number of tok"),
        ({"seq_length": -1}, "seq_length is -1, but .* a whole number of tokens, 1 or more"),
        ({"seq_length": 0.5}, "seq_length is 0.5"),
        ({"max_sequence_length": True}, "max_sequence_length is True"),
        ({"rope_scaling": {**LINEAR, "factor": "4"}}, "factor of rope_scaling is '4', but it must"),
        ({"rope_scaling": {**LINEAR, "factor": float("nan")}}, "factor of rope_scaling is nan"),
        ({"rope_scaling": {**LINEAR, "factor": 10**400}}, "an integer of 1329 bits, but it must be "
         "a number from 1 to 10,000"),
        ({"rope_parameters": {**YARN, "original_max_position_embeddings": 0}},
         "original_max_position_embeddings of rope_parameters is 0, but it must be a number"),
        ({"rope_scaling": 4}, "rope_scaling is 4, but .* an object"),
    ],
)  # fmt: skip
def test_damaged_lengths_are_one_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        context(LLAMA | more)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"seq_length": -1}, ValueError), ({"seq_length": "long"}, TypeError),
        ({"rope_scaling": {**LINEAR, "factor": 0}}, ValueError),
        ({"rope_scaling": {**LINEAR, "factor": 10_001}}, ValueError),
        ({"rope_scaling": {**LINEAR, "factor": "4"}}, TypeError),
    ],
)  # fmt: skip
def test_a_wrong_number_is_told_from_what_is_none(
    more: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        context(LLAMA | more)
    assert caught.type is kind


def test_command_r_takes_what_its_card_says() -> None:
    sizes = sizes_of("Command R", dict(configuration("command-r-v01").config), 131_072)
    assert (sizes["context_tokens"], sizes["cache"]["beyond_context"]) == (131_072, False)
    assert shape("command-r-v01").context_tokens == 131_072


def test_longer_is_computed_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA))
    assert main(["model", str(path), "--tokens", "8192"]) == 0
    text = capsys.readouterr().out
    assert "one sequence of 8,192 tokens (made for 4,096 tokens at most):" in text
    assert "mind that it is longer than the file tells: an engine takes it only if told to" in text
    full = sizes_of("mine", LLAMA, 8192)["cache"]["sequence_bytes"]["full"]
    assert full == 2 * 2 * 2 * 16 * 2 * 8192  # layers, keys and values, heads, width, bytes, tokens
    assert main(["model", str(path), "--tokens", "4096"]) == 0
    assert "mind that" not in capsys.readouterr().out


def test_a_longer_context_is_the_shapes_and_the_tables_of_rotations() -> None:
    model = Architecture.from_hf_config(LLAMA | {"rope_scaling": LINEAR})
    assert decoder_shape(model).context_tokens == 16384
    parts = budget(model, Plan(stored_as("bf16")), 80 * 2**30)[0].weight_parts
    assert parts["table of rotations"] == 16384 * 16 * 2
    shorter = Architecture.from_hf_config(LLAMA | {"seq_length": 1024})
    assert shorter.decoder.context_tokens == 1024
    parts = budget(shorter, Plan(stored_as("bf16")), 80 * 2**30)[0].weight_parts
    assert parts["table of rotations"] == 4096 * 16 * 2
