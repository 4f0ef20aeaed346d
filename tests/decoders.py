"""Small configurations that nobody published, and GPT-2 medium's, for tests of models."""

from __future__ import annotations

from typing import Any

from estimator.architecture import Architecture

Config = dict[str, Any]

LLAMA: Config = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
}  # fmt: skip
GEMMA2: Config = {
    **LLAMA, "model_type": "gemma2", "head_dim": 16, "num_hidden_layers": 5, "sliding_window": 8,
}  # fmt: skip
MIXTURE: Config = {
    **LLAMA, "model_type": "qwen3_moe", "head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}  # fmt: skip
LATENT: Config = {
    "model_type": "deepseek_v3", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 100, "q_lora_rank": 24,
    "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8,
    "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
    "n_shared_experts": 1, "first_k_dense_replace": 1, "num_nextn_predict_layers": 1,
}  # fmt: skip
GPT2: Config = {
    "model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16, "n_positions": 1024,
    "vocab_size": 50257,
}  # fmt: skip
PALIGEMMA: Config = {
    "model_type": "paligemma", "vision_config": {}, "tie_word_embeddings": True,
    "text_config": {**LLAMA, "model_type": "gemma"},
}  # fmt: skip


def read(config: Config, **changes: Any) -> Architecture:
    return Architecture.from_hf_config({**config, **changes})
