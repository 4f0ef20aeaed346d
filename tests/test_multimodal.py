"""The text of multimodal configurations, and the families that are refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.architecture.families import families
from estimator.architecture.reader import data
from estimator.stored_weights import checkpoint_bytes, stored_by_config

# OpenGVLab/InternVL3-1B, as a notebook printed its module and its configuration.
INTERNVL: dict[str, Any] = {
    "model_type": "internvl_chat", "downsample_ratio": 0.5, "dynamic_image_size": True,
    "force_image_size": 448, "hidden_size": 896, "image_fold": None, "max_dynamic_patch": 12,
    "min_dynamic_patch": 1, "pad2square": False, "ps_version": "v2", "select_layer": -1,
    "system_message": None, "template": "internvl2_5", "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "transformers_version": None, "use_backbone_lora": 0,
    "use_llm_lora": 0, "use_thumbnail": True, "vision_config": {"model_type": "intern_vit_6b"},
    "llm_config": {
        "architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu", "hidden_size": 896,
        "intermediate_size": 4864, "layer_types": ["full_attention"] * 24,
        "max_position_embeddings": 32768, "max_window_layers": 70, "model_type": "qwen2",
        "moe_config": None, "num_attention_heads": 14, "num_hidden_layers": 24,
        "num_key_value_heads": 2, "sliding_window": None, "use_bfloat16": True,
        "use_sliding_window": False, "vocab_size": 151674,
    },
}  # fmt: skip
LAYER = 896 * 896 + 896 + 2 * (896 * 128 + 128) + 896 * 896 + 3 * 896 * 4864 + 2 * 896


def test_internvl_chat_as_its_module_was_printed() -> None:
    model = Architecture.from_hf_config(INTERNVL)
    assert model.family == "qwen2"
    assert model.n_params == 2 * 151_674 * 896 + 24 * LAYER + 896
    assert "vision_config" in model.left_out
    fp8 = {"quant_method": "fp8", "modules_to_not_convert": ["vision_model"]}
    config = {**INTERNVL, "llm_config": INTERNVL["llm_config"] | {"quantization_config": fp8}}
    narrow = 24 * (LAYER - 896 - 2 * 128 - 2 * 896)
    scales = 24 * 7 * 4
    assert checkpoint_bytes(model, stored_by_config(config)) == 2 * model.n_params - narrow + scales


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"use_llm_lora": 16}, "the key 'use_llm_lora' (16) is not understood beside a llm_config"),
        ({"llm_config": {"model_type": "internlm2"}}, "model_type is 'internlm2', a family that"),
        ({"llm_config": 3}, "llm_config is 3, but it must be a JSON object"),
        ({"num_experts": 8}, "the key 'num_experts' (8) is not understood beside a llm_config"),
        ({"llm_config": None}, "llm_config is None, but it must be a JSON object"),
    ],
)
def test_what_internvl_chat_cannot_be(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Architecture.from_hf_config(INTERNVL | changes)
    assert sentence in str(caught.value)


SIZES: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 300,
}  # fmt: skip
LATENT: dict[str, Any] = {
    **SIZES, "num_key_value_heads": 4, "moe_intermediate_size": 32, "n_routed_experts": 4,
    "num_experts_per_tok": 2, "n_shared_experts": 1, "kv_lora_rank": 16, "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8, "v_head_dim": 16, "q_lora_rank": None, "first_k_dense_replace": 1,
    "topk_method": "noaux_tc", "scoring_func": "sigmoid", "num_nextn_predict_layers": 0,
    "tie_word_embeddings": False,
}  # fmt: skip


@pytest.mark.parametrize("named", [{}, {"model_type": "deepseek_v3"}, {"model_type": "kimi_k2"}])
def test_kimi_vl_reads_its_text_as_deepseek_v3(named: dict[str, str]) -> None:
    config = {"model_type": "kimi_vl", "text_config": {**LATENT, **named}, "vision_config": {},
              "media_placeholder_token_id": 163_605, "ignore_index": -100}  # fmt: skip
    alone = Architecture.from_hf_config({"model_type": "deepseek_v3", **LATENT})
    model = Architecture.from_hf_config(config)
    assert (model.parts, model.extra_parts) == (alone.parts, alone.extra_parts)


def test_phi3_vision_s_text_is_phi_3() -> None:
    seen = {"embd_layer": {"embedding_cls": "image"}, "img_processor": {"name": "clip"}}
    model = Architecture.from_hf_config({"model_type": "phi3_v", **SIZES, **seen})
    assert model.parts == Architecture.from_hf_config({"model_type": "phi3", **SIZES}).parts
    assert set(model.left_out) == set(seen)
    with pytest.raises(ValueError, match="the key 'embd_experts'"):
        Architecture.from_hf_config({"model_type": "phi3_v", **SIZES, "embd_experts": 8})


THINKER: dict[str, Any] = {
    "text_config": {**SIZES, "model_type": "qwen2_5_omni_text"}, "audio_config": {},
    "vision_config": {}, "user_token_id": 872, "seconds_per_chunk": 2,
}  # fmt: skip


def test_what_thinks_is_read_of_a_model_that_speaks() -> None:
    config = {"model_type": "qwen2_5_omni", "thinker_config": THINKER, "talker_config": {"a": 1},
              "token2wav_config": {}, "enable_audio_output": True, "torch_dtype": "float32",
              "transformers_version": "4.50.0"}  # fmt: skip
    model = Architecture.from_hf_config(config)
    alone = Architecture.from_hf_config({"model_type": "qwen2", **SIZES})
    assert model.parts == alone.parts
    assert {"talker_config", "audio_config"} < set(model.left_out)
    assert checkpoint_bytes(model, stored_by_config(config, model)) == 4 * model.n_params
    fp8: dict[str, Any] = {"quantization_config": {"quant_method": "fp8"}}
    matrices = 4 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96)
    for thinker in (THINKER | fp8, THINKER | {"text_config": THINKER["text_config"] | fp8}):
        told = config | {"torch_dtype": None, "thinker_config": thinker | {"dtype": "float16"}}
        narrow = checkpoint_bytes(model, stored_by_config(told, model))
        assert narrow == 2 * model.n_params - matrices + 4 * 7 * 4  # a scale of each matrix
    assert Architecture.from_hf_config({**THINKER, "model_type": "qwen2_5_omni_thinker"}).parts == (
        alone.parts
    )


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "thinker_config is None, but it must be a JSON object"),
        ({"thinker_config": 3}, "thinker_config is 3, but it must be"),
        ({"thinker_config": {}}, "text_config is missing, but a qwen2_5_omni_thinker"),
        ({"thinker_config": {"model_type": "llava"}}, "model_type of thinker_config is 'llava'"),
        ({"thinker_config": THINKER, "num_experts": 4}, "the key 'num_experts' (4) is not under"),
        ({"thinker_config": THINKER, "is_decoder": 3}, "is_decoder is 3, but"),
    ],
)
def test_what_a_model_that_speaks_cannot_be(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Architecture.from_hf_config({"model_type": "qwen2_5_omni", **config})
    assert sentence in str(caught.value)


# Current families that are no plain decoders, or whose text is described elsewhere.
OTHERS = (
    "mllama", "chatglm", "deepseek_vl_v2", "deepseek_v32", "deepseek_v4", "phi4_multimodal",
    "phi4mm", "qwen3_5", "qwen3_5_moe", "qwen3_next", "gemma3n", "gemma4", "minimax", "minimax_m2",
    "jamba", "bamba", "mamba", "mamba2", "falcon", "falcon_h1", "nemotron", "nemotron_h", "dbrx",
    "granitemoehybrid", "kimi_linear", "glm_moe_dsa", "hunyuan_v1_moe", "ernie4_5", "ernie4_5_moe",
    "exaone4", "seed_oss", "smollm3", "phi", "phimoe", "olmo", "olmoe", "olmo_hybrid", "stablelm",
    "internlm2", "internlm3", "baichuan", "qwen", "gptj", "bloom", "mpt", "bart", "bert", "whisper",
    "lfm2", "longcat_flash", "step3p5", "mimo_v2_flash", "dots1", "cohere2_moe", "mistral4",
    "arcee", "apertus", "cwm", "zamba2", "rwkv", "xlstm", "recurrent_gemma", "minicpm3", "minicpmv",
    "mllama_text_model", "gemma3n_text", "fuyu", "nonsense",
)  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_families_are_refused_by_name(name: str) -> None:
    """However complete a file is, and wherever it puts its text: nothing falls back to dense."""
    assert name not in families()
    inside = {"model_type": name, **SIZES}
    for config in (
        inside,
        {"model_type": name, "text_config": {"model_type": "llama", **SIZES}},
        {"model_type": name, "llm_config": SIZES, "thinker_config": THINKER},
        {"model_type": "llava", "text_config": inside, "vision_config": {}},
        {**INTERNVL, "llm_config": inside},
    ):
        with pytest.raises(ValueError, match="model_type is") as caught:
            Architecture.from_hf_config(json.loads(json.dumps(config)))
        sentence = str(caught.value)
        assert sentence.startswith(f"model_type is {name!r}, a family that is not known here: ")
        assert sentence.count(". ") == 0


def test_every_wrapper_is_one_thing_only() -> None:
    keys = data("keys.json")
    wrappers = set(keys["wrappers"])
    for listed in ("never_tied", "tied_by_text", "tied_by_either", "tied_outside", "text_keys",
                   "text_defaults", "text_ignored", "outer_ignored", "inner"):  # fmt: skip
        assert set(keys[listed]) <= wrappers, listed
    assert set(keys["thinkers"].values()) <= wrappers
    assert not wrappers & families().keys()


def test_a_text_may_name_the_tokens_of_what_it_sees() -> None:
    """GLM-4.5V names them inside, too; Qwen2.5-VL, as transformers 4.52 saved it, as null."""
    text = {**SIZES, "model_type": "qwen2_5_vl_text"}
    config = {"model_type": "qwen2_5_vl", "vision_config": {}, "image_token_id": 7}
    plain = Architecture.from_hf_config({**config, "text_config": text})
    for more in ({"image_token_id": 7}, {"image_token_id": None, "video_token_id": None},
                 {"image_start_token_id": 8, "image_end_token_id": 9}):  # fmt: skip
        told = Architecture.from_hf_config({**config, "text_config": {**text, **more}})
        assert told.parts == plain.parts
    for key, value in (("image_token_id", {}), ("image_experts", 7), ("image_experts", None)):
        with pytest.raises(ValueError, match=key):
            Architecture.from_hf_config({**config, "text_config": {**text, key: value}})


def test_a_window_that_is_off_may_differ_in_a_text_that_is_saved_twice() -> None:
    off = {"use_sliding_window": False, "sliding_window": None, "model_type": "qwen2_5_vl_text"}
    outer = {"model_type": "qwen2_5_vl", "vision_config": {}, "use_sliding_window": False,
             "sliding_window": 32768, "max_window_layers": 28}  # fmt: skip
    model = Architecture.from_hf_config({**outer, "text_config": {**SIZES, **off}})
    assert model.decoder.window is None
    for other in ({"use_sliding_window": True}, {"num_hidden_layers": 5}):
        with pytest.raises(ValueError, match="is not understood beside a text_config"):
            Architecture.from_hf_config({**outer, **other, "text_config": {**SIZES, **off}})


def test_glm_4v_may_be_flat_as_it_was_published() -> None:
    text = {**SIZES, "attention_bias": True, "partial_rotary_factor": 0.5}
    around = {"model_type": "glm4v", "vision_config": {"depth": 24}, "image_token_id": 7,
              "image_start_token_id": 8, "video_end_token_id": 9,
              "tie_word_embeddings": False}  # fmt: skip
    flat = Architecture.from_hf_config({**around, **text})
    nested = Architecture.from_hf_config(
        {**around, "text_config": text | {"model_type": "glm4v_text"}}
    )
    assert flat.parts == nested.parts
    assert set(flat.left_out) == {key for key in around if key.startswith(("vision", "im", "vid"))}
