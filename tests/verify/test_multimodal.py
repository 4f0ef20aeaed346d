"""The language model inside multimodal modules, and their configurations as they are saved."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoConfig, AutoModelForImageTextToText, AutoModelForMultimodalLM

from estimator.architecture import Architecture
from estimator.architecture.reader import data

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 300, "pad_token_id": None, "bos_token_id": None,
    "eos_token_id": None,
}  # fmt: skip
HEAD = {"head_dim": 16}
MIXTURE = {"moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2}
EXPERTS = {
    "moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
    "topk_group": 1, "n_shared_experts": 1,
}  # fmt: skip
LATENT = {
    "q_lora_rank": 32, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
    "v_head_dim": 16,
}  # fmt: skip
CASES: list[tuple[str, dict[str, Any]]] = [
    ("qwen2_vl", {}),
    ("qwen2_5_vl", {}),
    ("qwen3_vl", HEAD),
    ("qwen3_vl_moe", {**HEAD, **MIXTURE}),
    ("llava", {"model_type": "llama"}),
    ("llava_next", {"model_type": "mistral"}),
    ("llava_onevision", {"model_type": "qwen2"}),
    ("mistral3", {"model_type": "mistral", **HEAD}),
    ("mistral3", {"model_type": "ministral3", **HEAD}),
    ("gemma3", HEAD),
    ("llama4", {**HEAD, "intermediate_size_mlp": 128, "num_local_experts": 4}),
    ("internvl", {"model_type": "qwen2"}),
    ("aya_vision", {"model_type": "cohere2"}),
    ("cohere2_vision", {"model_type": "cohere2"}),
    ("glm4v", {}),
    ("glm4v_moe", {**EXPERTS, "first_k_dense_replace": 1}),
    ("got_ocr2", {"model_type": "qwen2"}),
    ("granite_speech", {"model_type": "granite"}),
    ("idefics2", {"model_type": "mistral", **HEAD}),
    ("idefics3", {"model_type": "llama"}),
    ("llava_next_video", {"model_type": "llama"}),
    ("paligemma", {"model_type": "gemma", **HEAD}),
    ("qwen2_audio", {"model_type": "qwen2"}),
    ("smolvlm", {"model_type": "llama"}),
    ("video_llava", {"model_type": "llama"}),
    ("vipllava", {"model_type": "llama"}),
    ("voxtral", {"model_type": "llama"}),
    ("deepseek_vl", {"model_type": "llama"}),
    ("deepseek_vl_hybrid", {"model_type": "llama"}),
    ("glm46v", {}),
    ("granite_speech_plus", {"model_type": "granite"}),
    ("kimi_k25", {"model_type": "deepseek_v3", **EXPERTS, **LATENT, "first_k_dense_replace": 1}),
    ("lighton_ocr", {"model_type": "qwen3", **HEAD}),
    ("qianfan_ocr", {"model_type": "qwen3", **HEAD}),
    ("video_llama_3", {"model_type": "qwen2"}),
    ("audioflamingo3", {"model_type": "qwen2"}),
    ("glmasr", {"model_type": "llama"}),
    ("hyperclovax_vision_v2", {"model_type": "llama"}),
    ("musicflamingo", {"model_type": "qwen2"}),
    ("qwen2_5_omni_thinker", {}),
    ("qwen3_omni_moe_thinker", {**HEAD, **MIXTURE}),
]
# Their modules come with their own files: the text in them is a family that is built elsewhere.
REMOTE = {"internvl_chat", "kimi_vl", "phi3_v"}
# What the rest of a configuration needs so that its module can be built.
AROUND: dict[str, dict[str, Any]] = {
    "aya_vision": {"vision_config": {"model_type": "siglip_vision_model"}},
    "paligemma": {"hidden_size": 80},  # as published: a width of its own, which joins nothing
    "granite_speech": {"has_lora_adapter": False},
}


def language_parameters(module: Any) -> int:
    """Parameters of the language model and its head, a shared one once."""
    parts = [
        part
        for name, part in module.named_modules()
        if name.rpartition(".")[2] in ("language_model", "text_model", "lm_head")
    ]
    return sum({id(p): p.numel() for part in parts for p in part.parameters()}.values())


def build(config: Any) -> Any:
    """The module that reads text beside images or speech, on the meta device."""
    for mapping in (AutoModelForImageTextToText, AutoModelForMultimodalLM):
        if type(config) in mapping._model_mapping:
            with torch.device("meta"):
                return mapping.from_config(config)
    name = type(config).__name__.removesuffix("Config") + "ForConditionalGeneration"
    with torch.device("meta"):
        return getattr(transformers, name)(config)


def as_published(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its tie told outside, where transformers 5 does not build as published.

    It takes no account of a tie that only the text tells, and ties a mistral3 that tells nothing:
    published checkpoints follow their text, and Ministral 3 8B and 14B store a head. So the
    module to compare with is the one that the checkpoint's weights fit.
    """
    tie = "tie_word_embeddings"
    inner = config["text_config"].get(tie)
    silent = inner is None and config["model_type"] == "mistral3"
    if config.get(tie) is None and (silent or isinstance(inner, bool)):
        return {**config, tie: bool(inner)}
    return config


def test_every_wrapper_is_built() -> None:
    listed = data("keys.json")
    built = {*listed["wrappers"], *listed["flat_wrappers"]} - REMOTE
    assert {name for name, _ in CASES} == built


@pytest.mark.parametrize("name", data("keys.json")["thinkers"])
def test_what_thinks_is_read_of_a_model_that_speaks(name: str) -> None:
    thinker = data("keys.json")["thinkers"][name]
    config = {"text_config": {**SIZES, **dict(CASES)[thinker]}}
    written = AutoConfig.for_model(name, thinker_config=config).to_dict()
    inner = {k: v for k, v in written["thinker_config"].items() if k != "model_type"}
    module = build(AutoConfig.for_model(thinker, **inner))
    architecture = Architecture.from_hf_config(written)
    assert architecture.n_params == language_parameters(module)
    assert {"audio_config", "vision_config", "talker_config"} < set(architecture.left_out)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("name", "text"), CASES)
def test_language_model(name: str, text: dict[str, Any], tied: bool) -> None:
    # Llama 4 keeps its head inside the language model, which follows the inner key alone.
    inner = {"tie_word_embeddings": not tied} if name in data("keys.json")["tied_by_text"] else {}
    around = {"tie_word_embeddings": tied, **AROUND.get(name, {})}
    config = AutoConfig.for_model(name, text_config={**SIZES, **text, **inner}, **around)
    module = build(config)
    written = config.to_dict()
    architecture = Architecture.from_hf_config(written)
    assert {"vision_config", "audio_config", "encoder_config"} & set(architecture.left_out)
    assert architecture.n_params == language_parameters(module)
    # As it is published: only what differs from the class's own values.
    bare = {"model_type": name, **around, "text_config": {**SIZES, **text, **inner}}
    bare["text_config"].setdefault("model_type", written["text_config"]["model_type"])
    bare["transformers_version"] = written["transformers_version"]
    assert Architecture.from_hf_config(bare).n_params == language_parameters(module)


@pytest.mark.parametrize("outer", [None, True, False])
@pytest.mark.parametrize("inner", [None, True, False])
@pytest.mark.parametrize(("name", "text"), CASES)
def test_ties_that_are_left_out_are_the_release_s(
    name: str, text: dict[str, Any], inner: bool | None, outer: bool | None
) -> None:
    """A file that says a tie once, twice or never is sized as what was published."""
    told = {"tie_word_embeddings": outer} if outer is not None else {}
    config: dict[str, Any] = {"text_config": {**SIZES, **text}, **AROUND.get(name, {}), **told}
    if inner is not None:
        config["text_config"]["tie_word_embeddings"] = inner
    told_outside = as_published({"model_type": name, **copy.deepcopy(config)})
    made = AutoConfig.for_model(**told_outside)
    config["text_config"].setdefault("model_type", made.text_config.model_type)
    config |= {"model_type": name, "transformers_version": transformers.__version__}
    assert Architecture.from_hf_config(config).n_params == language_parameters(build(made))
