"""Random configurations of every family, in the keys that its published files use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[Any], Any]
Config = dict[str, Any]

FLAG = st.booleans()
LAYERS = st.integers(1, 6)
WIDTH = st.integers(1, 24).map(lambda n: 8 * n)
EXPERTS = st.integers(2, 9)


def _shape(draw: Draw, config: Config, *, heads: int, explicit: bool) -> None:
    """A width, and a head size where the family has one of its own."""
    head_dim = 8 * draw(st.integers(1, 6))
    config["hidden_size"] = heads * head_dim
    if explicit and draw(FLAG):
        config["hidden_size"] = heads * 8 * draw(st.integers(1, 6))
        config["head_dim"] = head_dim


def _plain(draw: Draw, *, explicit: bool = True) -> Config:
    """What nearly every family writes."""
    kv_heads, group = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    config: Config = {
        "num_hidden_layers": draw(LAYERS),
        "num_attention_heads": kv_heads * group,
        "num_key_value_heads": kv_heads,
        "intermediate_size": draw(WIDTH),
        "vocab_size": draw(st.integers(64, 500)),
        "max_position_embeddings": draw(st.integers(16, 256)),
    }
    _shape(draw, config, heads=kv_heads * group, explicit=explicit)
    if draw(FLAG):
        config["tie_word_embeddings"] = draw(FLAG)
    return config


def _flags(draw: Draw, config: Config, *names: str) -> Config:
    """Set some flags and leave others to the family."""
    for name in names:
        if draw(FLAG):
            config[name] = draw(FLAG)
    return config


def _window(draw: Draw, config: Config) -> Config:
    config["sliding_window"] = draw(st.none() | st.integers(2, 64))
    return config


def _pattern(draw: Draw, config: Config) -> Config:
    config["sliding_window"] = draw(st.integers(2, 64))
    if draw(FLAG):
        kinds = st.sampled_from(["sliding_attention", "full_attention"])
        n_layers = config["num_hidden_layers"]
        config["layer_types"] = draw(st.lists(kinds, min_size=n_layers, max_size=n_layers))
    return config


def _own_head(draw: Draw, config: Config) -> Config:
    """A family whose head size has a default of its own: always written out here."""
    config.setdefault("head_dim", 8 * draw(st.integers(1, 6)))
    return config


def _experts(draw: Draw, config: Config, key: str, *, width: bool = True) -> Config:
    config[key] = draw(EXPERTS)
    config["num_experts_per_tok"] = draw(st.integers(1, config[key]))
    if width:
        config["moe_intermediate_size"] = draw(WIDTH)
    return config


def _gpt2(draw: Draw) -> Config:
    heads = draw(st.integers(1, 6))
    config = {
        "n_embd": heads * 8 * draw(st.integers(1, 6)), "n_layer": draw(LAYERS), "n_head": heads,
        "n_positions": draw(st.integers(8, 256)), "vocab_size": draw(st.integers(64, 500)),
        "n_inner": draw(st.none() | WIDTH),
    }  # fmt: skip
    return _flags(draw, config, "tie_word_embeddings")


def _opt(draw: Draw) -> Config:
    config = _plain(draw, explicit=False)
    config["ffn_dim"] = config.pop("intermediate_size")
    del config["num_key_value_heads"]
    config["word_embed_proj_dim"] = draw(st.just(config["hidden_size"]) | WIDTH)
    names = ("do_layer_norm_before", "_remove_final_layer_norm", "enable_bias")
    return _flags(draw, config, *names, "layer_norm_elementwise_affine")


def _gpt_neox(draw: Draw) -> Config:
    config = _plain(draw, explicit=False)
    del config["num_key_value_heads"]
    return _flags(draw, config, "attention_bias", "use_parallel_residual")


def _llama(draw: Draw) -> Config:
    return _flags(draw, _plain(draw), "attention_bias", "mlp_bias")


def _llama4(draw: Draw) -> Config:
    config = _own_head(draw, _plain(draw))
    config["intermediate_size_mlp"] = draw(WIDTH)
    config["attention_chunk_size"] = draw(st.integers(2, 64))
    if draw(FLAG):
        config["interleave_moe_layer_step"] = draw(st.integers(1, 4))
    elif draw(FLAG):
        layers = st.integers(0, config["num_hidden_layers"] - 1)
        config["moe_layers"] = sorted(draw(st.sets(layers)))
    if draw(FLAG):
        config["no_rope_layer_interval"] = draw(st.integers(2, 4))
    _experts(draw, config, "num_local_experts", width=False)
    return _flags(draw, config, "attention_bias", "use_qk_norm")


def _qwen2(draw: Draw) -> Config:
    config = _window(draw, _plain(draw))
    config["max_window_layers"] = draw(st.integers(0, 6))
    config["use_sliding_window"] = config["sliding_window"] is not None and draw(FLAG)
    return config


def _steps(draw: Draw, config: Config) -> Config:
    config["decoder_sparse_step"] = draw(st.integers(1, 3))
    layers = st.integers(0, config["num_hidden_layers"] - 1)
    config["mlp_only_layers"] = sorted(draw(st.sets(layers, max_size=2)))
    return config


def _qwen2_moe(draw: Draw) -> Config:
    config = _steps(draw, _experts(draw, _qwen2(draw), "num_experts"))
    config["shared_expert_intermediate_size"] = draw(WIDTH)
    return _flags(draw, config, "qkv_bias")


def _qwen3(draw: Draw) -> Config:
    return _own_head(draw, _flags(draw, _qwen2(draw), "attention_bias"))


def _qwen3_moe(draw: Draw) -> Config:
    config = _steps(draw, _experts(draw, _qwen3(draw), "num_experts"))
    del config["max_window_layers"]
    return config


def _gemma(draw: Draw) -> Config:
    return _own_head(draw, _flags(draw, _plain(draw), "attention_bias"))


def _gemma3(draw: Draw) -> Config:
    config = _pattern(draw, _gemma(draw))
    if "layer_types" not in config and draw(FLAG):
        config["sliding_window_pattern"] = draw(st.integers(1, 6))
    return config


def _deepseek(draw: Draw) -> Config:
    config = _plain(draw, explicit=False)
    config["num_key_value_heads"] = config["num_attention_heads"]
    config |= {
        "q_lora_rank": draw(st.none() | WIDTH), "kv_lora_rank": draw(WIDTH),
        "qk_nope_head_dim": draw(WIDTH), "qk_rope_head_dim": 2 * draw(st.integers(1, 16)),
        "v_head_dim": draw(WIDTH), "first_k_dense_replace": draw(st.integers(0, 3)),
        "n_shared_experts": draw(st.integers(1, 3)), "n_group": 1, "topk_group": 1,
    }  # fmt: skip
    return _flags(draw, _experts(draw, config, "n_routed_experts"), "attention_bias")


def _glm4_moe_lite(draw: Draw) -> Config:
    # transformers reads no count of leading dense layers here: the first one is dense.
    return _deepseek(draw) | {"first_k_dense_replace": 1}


def _deepseek_v2(draw: Draw) -> Config:
    return _flags(draw, _deepseek(draw), "mlp_bias")


def _gpt_oss(draw: Draw) -> Config:
    config = _pattern(draw, _own_head(draw, _plain(draw)))
    _experts(draw, config, "num_local_experts", width=False)
    return _flags(draw, config, "attention_bias")


def _glm4_moe(draw: Draw) -> Config:
    config = _experts(draw, _plain(draw), "n_routed_experts")
    config |= {
        "first_k_dense_replace": draw(st.integers(0, 3)), "n_group": 1, "topk_group": 1,
        "n_shared_experts": draw(st.integers(1, 3)),
    }  # fmt: skip
    return _flags(draw, config, "attention_bias", "use_qk_norm")


def _granitemoe(draw: Draw) -> Config:
    config = _experts(draw, _plain(draw), "num_local_experts", width=False)
    return _flags(draw, config, "attention_bias")


def _starcoder2(draw: Draw) -> Config:
    return _flags(draw, _window(draw, _plain(draw)), "use_bias")


def _t5(draw: Draw) -> Config:
    return {
        "d_model": draw(WIDTH), "d_kv": draw(WIDTH), "d_ff": draw(WIDTH),
        "num_layers": draw(LAYERS), "num_heads": draw(st.integers(1, 6)),
        "vocab_size": draw(st.integers(64, 500)),
        "relative_attention_num_buckets": draw(st.integers(2, 64)),
        "feed_forward_proj": draw(st.sampled_from(["relu", "gated-gelu", "gated-silu"])),
    }  # fmt: skip


MAKERS: Mapping[str, Callable[[Draw], Config]] = {
    "gpt2": _gpt2,
    "opt": _opt,
    "gpt_neox": _gpt_neox,
    "llama": _llama,
    "llama4_text": _llama4,
    "mistral": lambda draw: _window(draw, _plain(draw)),
    "ministral3": lambda draw: _window(draw, _own_head(draw, _plain(draw))),
    "mixtral": lambda draw: _experts(
        draw, _window(draw, _plain(draw)), "num_local_experts", width=False
    ),
    "qwen2": _qwen2,
    "qwen2_moe": _qwen2_moe,
    "qwen3": _qwen3,
    "qwen3_moe": _qwen3_moe,
    "gemma": _gemma,
    "gemma2": lambda draw: _pattern(draw, _gemma(draw)),
    "gemma3_text": _gemma3,
    "phi3": lambda draw: _window(draw, _plain(draw)),
    "deepseek_v2": _deepseek_v2,
    "deepseek_v3": _deepseek,
    "gpt_oss": _gpt_oss,
    "glm": lambda draw: _own_head(draw, _flags(draw, _plain(draw), "attention_bias")),
    "glm4": lambda draw: _own_head(draw, _flags(draw, _plain(draw), "attention_bias")),
    "glm4_moe": _glm4_moe,
    "glm4_moe_lite": _glm4_moe_lite,
    "olmo2": lambda draw: _flags(draw, _plain(draw), "attention_bias"),
    "olmo3": lambda draw: _flags(draw, _pattern(draw, _plain(draw)), "attention_bias"),
    "granite": _llama,
    "granitemoe": _granitemoe,
    "starcoder2": _starcoder2,
    "cohere": lambda draw: _flags(draw, _plain(draw), "attention_bias", "use_qk_norm"),
    "cohere2": lambda draw: _flags(
        draw, _pattern(draw, _plain(draw, explicit=False)), "attention_bias"
    ),
    "t5": _t5,
}


@st.composite
def configurations(draw: Draw, family: str) -> Config:
    """A configuration of the family, with small sizes and every kind of option."""
    return {"model_type": family, **MAKERS[family](draw)}
