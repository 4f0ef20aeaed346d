"""Decoders by facts from other sources, counted here without the estimator's formulas.

A second way to what `decoder_shape` makes of a configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from estimator.catalog import configurations
from estimator.engine import DecoderShape

FACTS: dict[str, dict[str, Any]] = {
    facts["key"]: facts
    for facts in json.loads(
        (Path(__file__).parent / "data" / "decoder_facts.json").read_text(encoding="utf-8")
    )
}


def decoder_of(facts: Mapping[str, Any]) -> DecoderShape:
    """Count what the step time needs of a model, by facts that were typed from other sources."""
    n_layers, d_model = facts["n_layers"], facts["d_model"]
    mixture_layers = n_layers - facts.get("dense_layers", 0) if "n_experts" in facts else 0
    window_layers = facts.get("window_layers", 0)
    kept, pairs = _per_layer(facts)
    head = facts["vocab_size"] * d_model
    return DecoderShape(
        name=facts["key"],
        n_layers=n_layers,
        n_mixture_layers=mixture_layers,
        d_model=d_model,
        attention_params=n_layers * _attention_params(facts),
        shared_params=_shared_params(facts, mixture_layers),
        head_params=head,
        embedding_params=0 if facts.get("tied_embeddings") else head,
        expert_params=3 * d_model * facts.get("expert_d_ff", 0),
        routed_experts=facts.get("n_experts", 1),
        experts_per_token=facts.get("experts_per_token", 0),
        cache_elements=(n_layers - window_layers) * kept,
        window_cache_elements=window_layers * kept,
        window=facts.get("window_tokens", 1),
        cache_heads=1 if "latent" in facts else facts["n_kv_heads"],
        pair_flops=(n_layers - window_layers) * pairs,
        window_pair_flops=window_layers * pairs,
        latent="latent" in facts,
        native_expert_bits=facts.get("native_expert_bits"),
        context_tokens=_context_tokens(facts["key"]),
    )


def _context_tokens(key: str) -> int | None:
    """The longest sequence that a model was made for, as its published configuration says."""
    published = configurations().get(key)
    config = published.config if published else {}
    tokens: int | None = config.get("model_max_length", config.get("max_position_embeddings"))
    return tokens


def _attention_params(facts: Mapping[str, Any]) -> int:
    """Count the attention weights of one layer, a latent attention's by its ranks."""
    d_model, heads = facts["d_model"], facts["n_heads"]
    if "latent" not in facts:
        width = 2 * heads + 2 * facts["n_kv_heads"]
        return int(d_model * width * facts["head_dim"])
    ranks = facts["latent"]
    rope, nope, value = ranks["rope_dim"], ranks["nope_dim"], ranks["v_dim"]
    queries = d_model * ranks["q_rank"] + ranks["q_rank"] * heads * (nope + rope)
    latents = d_model * (ranks["kv_rank"] + rope) + ranks["kv_rank"] * heads * (nope + value)
    return int(queries + latents + heads * value * d_model)


def _shared_params(facts: Mapping[str, Any], mixture_layers: int) -> int:
    """Count the weights of all layers that every token uses beside attention, gated."""
    d_model = facts["d_model"]
    dense = (facts["n_layers"] - mixture_layers) * 3 * d_model * facts["d_ff"]
    router = mixture_layers * d_model * facts.get("n_experts", 0)
    shared = mixture_layers * 3 * d_model * facts.get("shared_d_ff", 0)
    return int(dense + router + shared)


def _per_layer(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Elements that a layer keeps of one token, and FLOPs of one query with one key."""
    heads = facts["n_heads"]
    if "latent" in facts:
        ranks = facts["latent"]
        widths = ranks["nope_dim"] + ranks["rope_dim"] + ranks["v_dim"]
        return ranks["kv_rank"] + ranks["rope_dim"], 2 * heads * widths
    return 2 * facts["n_kv_heads"] * facts["head_dim"], 4 * heads * facts["head_dim"]
