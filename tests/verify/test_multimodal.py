"""The language model inside multimodal modules, and their configurations as they are saved."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from estimator.architecture import Architecture

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 300, "pad_token_id": None, "bos_token_id": None,
    "eos_token_id": None,
}  # fmt: skip
HEAD = {"head_dim": 16}
MIXTURE = {"moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("qwen2_vl", {}),
    ("qwen2_5_vl", {}),
    ("qwen3_vl", HEAD),
    ("qwen3_vl_moe", {**HEAD, **MIXTURE}),
    ("llava", {"model_type": "llama"}),
    ("llava_next", {"model_type": "mistral"}),
    ("llava_onevision", {"model_type": "qwen2"}),
    ("mistral3", {"model_type": "mistral", **HEAD}),
    ("gemma3", HEAD),
    ("llama4", {**HEAD, "intermediate_size_mlp": 128, "num_local_experts": 4}),
    ("internvl", {"model_type": "qwen2"}),
]


def language_parameters(module: Any) -> int:
    """Parameters of the language model and its head, a shared one once."""
    parts = [
        part
        for name, part in module.named_modules()
        if name.rpartition(".")[2] in ("language_model", "lm_head")
    ]
    return sum({id(p): p.numel() for part in parts for p in part.parameters()}.values())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("name", "text"), CASES)
def test_language_model(name: str, text: dict[str, Any], tied: bool) -> None:
    # Llama 4 keeps its head inside the language model, which follows the inner key.
    inner = {"tie_word_embeddings": tied} if name == "llama4" else {}
    sizes = {**SIZES, **text, **inner}
    config = AutoConfig.for_model(name, text_config=sizes, tie_word_embeddings=tied)
    with torch.device("meta"):
        module = AutoModelForImageTextToText.from_config(config)
    architecture = Architecture.from_hf_config(config.to_dict())
    assert "vision_config" in architecture.left_out
    assert architecture.n_params == language_parameters(module)
