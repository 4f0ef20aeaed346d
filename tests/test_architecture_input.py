"""Configurations that leave things out are read, and keys that change the size are refused."""

from __future__ import annotations

from typing import Any

import pytest

from estimator.architecture import Architecture
from estimator.architecture.families import families
from estimator.catalog import architecture, configurations
from estimator.model_sheet import remarks
from tests.decoders import GEMMA2, LATENT, LLAMA, MIXTURE, PALIGEMMA, read


def test_null_counts_as_left_out() -> None:
    without = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
    assert read(LLAMA, num_key_value_heads=None).n_params == read(without).n_params
    assert read(without).decoder.attention.n_kv_heads == 4


@pytest.mark.parametrize(
    ("family", "key"),
    [("mistral", "sliding_window"), ("gemma2", "sliding_window"), ("gpt_oss", "sliding_window"),
     ("llama4_text", "attention_chunk_size")],
)  # fmt: skip
def test_null_for_a_window_is_no_window(family: str, key: str) -> None:
    experts = {"num_local_experts": 4, "num_experts_per_tok": 1, "intermediate_size_mlp": 128}
    mixture = experts if family in ("gpt_oss", "llama4_text") else {}
    model = read({**LLAMA, **mixture}, model_type=family, num_hidden_layers=8, **{key: None})
    assert model.decoder.window is None
    assert key not in model.assumed
    assert model.cache_bytes(100_000) == model.cache_bytes(100_000, rule="full")
    default = read({**LLAMA, **mixture}, model_type=family, num_hidden_layers=8)
    assert default.decoder.window == default.assumed[key] == families()[family].defaults[key]


def test_text_config_may_leave_sizes_to_the_family() -> None:
    llava = architecture("llava-1.5-7b")
    assert llava.n_params == architecture("llama-2-7b").n_params + 2 * 64 * 4096
    assert llava.assumed["hidden_size"] == 4096
    assert llava.left_out == ("vision_config",)


T5 = {"model_type": "t5", "d_model": 96, "d_ff": 128, "num_layers": 2, "num_heads": 4,
      "vocab_size": 100}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "family", "defaults"),
    [
        (LATENT, "deepseek_v2",
         {"q_lora_rank": 1536, "n_shared_experts": 2, "first_k_dense_replace": 0}),
        (LATENT, "deepseek_v3",
         {"q_lora_rank": 1536, "n_shared_experts": 1, "first_k_dense_replace": 3}),
        ({**LLAMA, "num_experts_per_tok": 2, "n_routed_experts": 4, "moe_intermediate_size": 32},
         "glm4_moe", {"n_shared_experts": 1, "first_k_dense_replace": 1, "use_qk_norm": False}),
        (T5, "t5",
         {"d_kv": 64, "feed_forward_proj": "relu", "relative_attention_num_buckets": 32}),
    ],
)  # fmt: skip
def test_the_familys_own_default_is_taken_and_told(
    config: dict[str, Any], family: str, defaults: dict[str, Any]
) -> None:
    keys = {key: value for key, value in config.items() if key != "num_nextn_predict_layers"}
    bare = {key: value for key, value in keys.items() if key not in defaults}
    found = read(bare, model_type=family)
    assert defaults.items() <= found.assumed.items()
    assert found.parts == read(keys, model_type=family, **defaults).parts


@pytest.mark.parametrize(
    ("family", "key", "value"),
    [*((name, "num_key_value_heads", 4)
       for name in ("llama", "phi3", "granite", "granitemoe", "olmo3", "cohere2")),
     ("qwen3_moe", "head_dim", 64), ("glm4_moe", "head_dim", 64),
     ("glm4_moe", "attention_bias", False),
     ("llama", "head_dim", 160), ("mistral", "head_dim", 160)],
)  # fmt: skip
def test_what_is_taken_by_a_rule_is_told(family: str, key: str, value: Any) -> None:
    width = 4 * (value if key == "head_dim" else 64)
    config = {**MIXTURE, "hidden_size": width, "head_dim": width // 4, "attention_bias": False,
              "intermediate_size": 128}  # fmt: skip
    if family not in ("qwen3_moe", "glm4_moe", "granitemoe"):
        config = {
            name: one for name, one in config.items() if "expert" not in name and "moe" not in name
        }
    if family in ("phi3", "mistral"):
        del config["attention_bias"]
    if family == "granitemoe":
        del config["moe_intermediate_size"]
    full = {**config, "model_type": family}
    bare = {name: one for name, one in full.items() if name != key}
    assert read(bare).assumed[key] == value
    assert read(bare).parts == read(full, **{key: value}).parts
    assert key not in read(full, **{key: value}).assumed


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_the_usual_size_of_a_head_needs_no_remark(family: str) -> None:
    """As in Llama 3.1 and Mistral 7B, whose files leave it out."""
    model = read(LLAMA, model_type=family, hidden_size=512, sliding_window=None)
    assert model.decoder.attention.head_dim == 128
    assert set(model.assumed) == {"tie_word_embeddings"}


def test_null_for_a_latent_or_shared_experts_is_none_of_them() -> None:
    assert read(LATENT, q_lora_rank=None).decoder.attention.latent.q_rank is None  # type: ignore[union-attr]
    assert "shared experts" not in {
        k for k, v in read(LATENT, n_shared_experts=None).parts.items() if v
    }


def test_a_gate_must_be_what_the_projection_says() -> None:
    gated = read(T5, feed_forward_proj="gated-gelu", is_gated_act=True)
    assert gated.n_params - read(T5).n_params == 2 * 96 * 128
    for projection in ({}, {"feed_forward_proj": "relu"}):
        with pytest.raises(ValueError, match="is_gated_act"):
            read(T5, is_gated_act=True, **projection)


@pytest.mark.parametrize("key", [key for key in LLAMA if key != "num_key_value_heads"])
def test_a_file_that_lacks_a_size_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        read({name: value for name, value in LLAMA.items() if name != key})


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        (LLAMA, "num_local_experts", 8), (LLAMA, "num_experts", 8), (LLAMA, "kv_lora_rank", 512),
        (LLAMA, "sliding_window", 4096), (LLAMA, "a_new_key", 1), (LLAMA, "qkv_bias", True),
        (LLAMA, "num_nextn_predict_layers", 1), (LLAMA, "text_config", {}),
        (LLAMA, "layer_types", ["full_attention", "linear_attention"]),
        (GEMMA2, "use_bidirectional_attention", True), (GEMMA2, "num_kv_shared_layers", 2),
        (LATENT, "moe_layer_freq", 2), (MIXTURE, "shared_expert_intermediate_size", 64),
        (LLAMA, "is_encoder_decoder", True), (LLAMA, "add_cross_attention", True),
    ],
)  # fmt: skip
def test_keys_that_change_the_size_are_refused_by_name(
    config: dict[str, Any], key: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=key):
        read(config, **{key: value})


@pytest.mark.parametrize(
    "harmless",
    [
        {"torch_dtype": "bfloat16", "rope_theta": 5e5, "transformers_version": "4.43"},
        {"sliding_window": None, "layer_types": ["full_attention"] * 2, "max_window_layers": None},
        {"rope_scaling": {"factor": 8.0}, "architectures": ["LlamaForCausalLM"], "use_cache": True},
        {"quantization_config": {"quant_method": "fp8"}, "num_local_experts": 0},
        {"use_reentrant_checkpointing": True, "max_seq_len": 99},
    ],
)  # fmt: skip
def test_keys_without_effect_change_nothing(harmless: dict[str, Any]) -> None:
    assert read(LLAMA, **harmless).n_params == read(LLAMA).n_params


def test_the_outer_width_of_paligemma_is_its_own() -> None:
    text = {**LLAMA, "model_type": "gemma", "tie_word_embeddings": True}
    assert read(PALIGEMMA, hidden_size=2048).n_params == read(text).n_params
    with pytest.raises(ValueError, match="the key 'hidden_size'"):
        read(PALIGEMMA, model_type="llava", hidden_size=2048)


SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 300, "max_position_embeddings": 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ({"model_type": "paligemma", "text_config": {"model_type": "gemma", **SMALL}},
         {"_vocab_size": 257152}),
        ({"model_type": "smolvlm", "text_config": {"model_type": "llama", **SMALL}},
         {"text_config": {"perceiver_config": {"a": 1}, "pixel_shuffle_factor": 4,
                          "use_resampler": False, "qk_layer_norms": False}}),
        ({"model_type": "idefics3", "text_config": {"model_type": "llama", **SMALL}},
         {"text_config": {"perceiver_config": {"a": 1}, "qk_layer_norms": False}}),
        ({"model_type": "qwen2", **SMALL}, {"dual_chunk_attention_config": {"chunk_size": 262144}}),
        ({"model_type": "llava", "text_config": {"model_type": "mistral", **SMALL}},
         {"text_config": {"is_composition": True}}),
        ({"model_type": "starcoder2", **SMALL},
         {"attention_softmax_in_fp32": True, "scale_attention_softmax_in_fp32": True}),
        ({"model_type": "cohere2", **SMALL}, {"use_parallel_embedding": True}),
        ({"model_type": "llama", **SMALL}, {"activation": "swiglu"}),
        ({"model_type": "opt", "ffn_dim": 96, **{k: v for k, v in SMALL.items()
          if k not in ("intermediate_size", "num_key_value_heads")}},
         {"learned_embeddings": True, "scale_embeddings": False}),
        ({"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 64,
          "vocab_size": 300}, {"_num_labels": 1}),
        ({"model_type": "gpt_neox", **{k: v for k, v in SMALL.items()
          if k != "num_key_value_heads"}}, {"num_steps": "global_step301000"}),
    ],
    ids=lambda value: str(value.get("model_type", ""))[:20],
)  # fmt: skip
def test_keys_of_published_files_that_change_no_size(
    config: dict[str, Any], more: dict[str, Any]
) -> None:
    plain = Architecture.from_hf_config(config)
    text = config.get("text_config", {}) | more.get("text_config", {})
    full = config | more | ({"text_config": text} if text else {})
    assert Architecture.from_hf_config(full).n_params == plain.n_params


def test_a_norm_of_queries_in_a_multimodal_text_is_refused() -> None:
    text = {"model_type": "llama", **SMALL, "qk_layer_norms": True}
    with pytest.raises(ValueError, match="qk_layer_norms"):
        Architecture.from_hf_config({"model_type": "smolvlm", "text_config": text})


@pytest.mark.parametrize("key", ["num_image_experts", "kv_projection_rank"])
@pytest.mark.parametrize("name", ["qwen2_vl", "qwen2_5_vl"])
def test_keys_beside_a_flat_text_are_not_taken_for_other_parts(name: str, key: str) -> None:
    plain = {"model_type": name, **SMALL, "vision_config": {}, "image_token_id": 3}
    assert Architecture.from_hf_config(plain).left_out == ("vision_config", "image_token_id")
    with pytest.raises(ValueError, match=key):
        Architecture.from_hf_config(plain | {key: 7})
    window = {"use_sliding_window": True, "sliding_window_size": 7, "max_window_layers": 0}
    assert Architecture.from_hf_config(plain | window).decoder.window == 7


def test_an_assumed_tie_is_told() -> None:
    gemma = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", **SMALL}}
    assert Architecture.from_hf_config(gemma).assumed["tie_word_embeddings"] is True
    told = gemma | {"tie_word_embeddings": True}
    assert "tie_word_embeddings" not in Architecture.from_hf_config(told).assumed


@pytest.mark.parametrize("name", ["aya_vision", "internvl"])
def test_a_tie_that_nobody_tells_is_the_wrapper_s_and_told(name: str) -> None:
    """Transformers 5.23 ties these; files of earlier releases follow the text, which does not."""
    config = {"model_type": name, "text_config": {"model_type": "mistral", **SMALL}}
    head = SMALL["vocab_size"] * SMALL["hidden_size"]
    tied = Architecture.from_hf_config(config)
    assert tied.assumed["tie_word_embeddings"] is True
    earlier = Architecture.from_hf_config(config | {"transformers_version": "4.50.0.dev0"})
    assert earlier.assumed["tie_word_embeddings"] is False
    assert earlier.n_params - tied.n_params == head


@pytest.mark.parametrize(("key", "n_params"), [("8b", 8_489_553_920), ("14b", 13_506_073_600)])
@pytest.mark.parametrize("version", ["5.0.0.dev0", "4.57.1", None])
def test_ministral_3_has_a_head_of_its_own_though_its_file_does_not_say(
    key: str, n_params: int, version: str | None
) -> None:
    """As the checkpoints are published; transformers 5.24 builds both without a head."""
    alone = configurations()[f"ministral-3-{key}"].config
    text = {name: value for name, value in alone.items() if name != "tie_word_embeddings"}
    config = {"model_type": "mistral3", "text_config": text, "transformers_version": version}
    model = Architecture.from_hf_config(config)
    assert model.n_params == n_params
    assert model.assumed == {"tie_word_embeddings": False}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("version", ["5.0.0.dev0", "4.57.1", None])
@pytest.mark.parametrize("name", ["mistral3", "aya_vision", "llava_next", "qwen2_vl", "qwen3_vl"])
def test_a_tie_that_only_the_text_tells_is_the_text_s(
    name: str, version: str | None, tied: bool
) -> None:
    inner = {"model_type": f"{name}_text"} if name.startswith("qwen") else {"model_type": "mistral"}
    text = {**inner, **SMALL, "tie_word_embeddings": tied}
    config = {"model_type": name, "text_config": text, "transformers_version": version}
    model = Architecture.from_hf_config(config)
    assert model.decoder.tied is tied
    assert "tie_word_embeddings" not in model.assumed


@pytest.mark.parametrize(
    ("name", "version", "inner", "outer", "tied"),
    [
        ("llava_onevision", "5.0.0", True, False, True),  # as its 0.5B was published
        ("llava_next", "5.0.0", True, False, False), ("llava_next", "4.57.1", True, False, True),
        ("aya_vision", "5.2.0", False, True, True), ("aya_vision", "4.50.0", False, True, False),
        ("gemma3", None, True, False, True), ("mistral3", "5.0.0", False, True, True),
        ("audioflamingo3", "5.0.0", True, None, False), ("llama4", "5.0.0", False, True, False),
        ("qwen3_vl", "5.0.0", True, True, True), ("qwen3_vl", "5.0.0", None, True, True),
        ("aya_vision", None, None, None, True), ("mistral3", "5.0.0", None, None, False),
    ],
)  # fmt: skip
def test_two_ties_that_disagree_are_told_with_the_one_that_counts(
    name: str, version: str | None, inner: bool | None, outer: bool | None, tied: bool
) -> None:
    kinds = {"llama4": "llama4_text", "qwen3_vl": "qwen3_vl_text", "gemma3": "gemma3_text"}
    text = {"model_type": kinds.get(name, "mistral"), **SMALL, "tie_word_embeddings": inner}
    if name == "llama4":
        text |= {"num_local_experts": 4, "num_experts_per_tok": 1, "intermediate_size_mlp": 96,
                 "head_dim": 16}  # fmt: skip
    config = {"model_type": name, "text_config": text, "tie_word_embeddings": outer,
              "transformers_version": version}  # fmt: skip
    model = Architecture.from_hf_config(config)
    assert model.decoder.tied is tied
    places = (inner, "in"), (outer, "beside")
    against = [f"{str(one).lower()} {where} the text_config" for one, where in places
               if one is (not tied)]  # fmt: skip
    if against:
        (told,) = against
        assert f"says tie_word_embeddings {told}; taken as {str(tied).lower()}" in model.remark
        assert model.remark in remarks(model)
    else:
        assert model.remark == ""


def test_a_value_that_was_assumed_is_named_as_such() -> None:
    config = {"model_type": "mistral", **SMALL, "num_attention_heads": 6, "hidden_size": 66}
    del config["num_key_value_heads"]
    with pytest.raises(ValueError, match="num_key_value_heads is not given and taken as 8"):
        Architecture.from_hf_config(config)


def _multimodal(name: str, **text: Any) -> Architecture:
    inner = {**LLAMA, "model_type": f"{name}_text", **text}
    config = {"model_type": name, "vision_config": {}, "text_config": inner}
    return Architecture.from_hf_config(config)


@pytest.mark.parametrize("name", ["glm4v", "qwen2_vl", "qwen2_5_vl"])
def test_text_parts_whose_modules_read_no_head_size_or_bias(name: str) -> None:
    plain = _multimodal(name)
    assert plain.decoder.attention.head_dim == 64 // 4
    assert plain.decoder.attention.input_bias
    assert not plain.decoder.attention.output_bias
    for text in ({"head_dim": 2}, {"attention_bias": False}, {"attention_bias": True}):
        assert _multimodal(name, **text).parts == plain.parts


def test_text_parts_whose_module_has_no_query_norms() -> None:
    experts = {"num_experts_per_tok": 2, "n_routed_experts": 4, "moe_intermediate_size": 32}
    plain = _multimodal("glm4v_moe", **experts)
    assert _multimodal("glm4v_moe", use_qk_norm=True, **experts).parts == plain.parts
    biased = _multimodal("glm4v_moe", attention_bias=False, **experts)
    assert plain.parts["attention"] > biased.parts["attention"]


def test_a_latent_s_rotated_size_may_be_called_head_dim_where_transformers_reads_it_so() -> None:
    lite: dict[str, Any] = {**LATENT, "model_type": "glm4_moe_lite"}
    other = {key: value for key, value in lite.items() if key != "qk_rope_head_dim"}
    assert read(other, head_dim=lite["qk_rope_head_dim"]).parts == read(lite).parts
    with pytest.raises(ValueError, match="head_dim"):
        read(lite, head_dim=2 * lite["qk_rope_head_dim"])


def test_what_tells_which_layers_have_a_window_is_not_assumed_without_one() -> None:
    """Qwen 3's switch is off by default: nothing of its windows is said to be assumed."""
    qwen = {key: value for key, value in LLAMA.items() if key != "sliding_window"}
    off = Architecture.from_hf_config({**qwen, "model_type": "qwen3"})
    assert "max_window_layers" not in off.assumed
    on = {"use_sliding_window": True, "sliding_window": 8}
    assert "max_window_layers" in Architecture.from_hf_config(
        {**qwen, "model_type": "qwen3", **on}
    ).assumed  # fmt: skip
    scout = {**configurations()["llama-4-scout"].config}
    del scout["no_rope_layer_interval"]
    assert Architecture.from_hf_config(scout).assumed["no_rope_layer_interval"] == 4
    listed = Architecture.from_hf_config({**scout, "no_rope_layers": [1, 1, 1, 0] * 12})
    assert "no_rope_layer_interval" not in listed.assumed
    assert listed.cached_layers == Architecture.from_hf_config(scout).cached_layers
