"""From any architecture to what the time of its steps needs: a reader's own model, sized."""

from __future__ import annotations

from dataclasses import replace

from estimator.architecture import Architecture
from estimator.architecture.description import FULL, Attention, Decoder
from estimator.model_storage import scaled_bits_per_weight
from estimator.replica import DecoderShape

PUBLISHED_NARROW = {"gpt_oss": scaled_bits_per_weight(4, scale_bits=8, group_size=32)}
"""Bits of a stored expert in families that are published so: MXFP4, a scale to 32 weights."""


def decoder_shape(model: Architecture, name: str = "") -> DecoderShape:
    """Count what the step time needs of a model.

    Norms and biases are left out: less than a thousandth of the bytes. Layers that look at a
    window or at a chunk read no more of the cache than that.

    Raises: ValueError: a model without a cache, such as an encoder: it generates no tokens.
    """
    decoder, attention = model.decoder, model.decoder.attention
    if not (decoder.cached and decoder.has_head):
        raise ValueError(
            f"{name or model.family} is an encoder, which generates no tokens: give a decoder."
        )
    full = model.cached_layers.get(FULL, 0)
    local = decoder.n_layers - full
    mixtures = sum(decoder.mixture_layers)
    kept, pair_flops = int(attention.token_bytes(1)), _pair_flops(attention)
    mixture = decoder.mixture
    return DecoderShape(
        name=name or model.family,
        n_layers=decoder.n_layers,
        n_mixture_layers=mixtures,
        d_model=decoder.d_model,
        attention_params=decoder.n_layers * _bare(attention).params(decoder.d_model),
        shared_params=_shared_params(decoder, mixtures),
        head_params=decoder.head_matrix(),
        embedding_params=_embedding_params(decoder),
        expert_params=replace(mixture.expert, bias=False).params(decoder.d_model) if mixture else 0,
        routed_experts=mixture.n_experts if mixture else 1,
        experts_per_token=mixture.top_k if mixture else 0,
        cache_elements=full * kept,
        window_cache_elements=local * kept,
        window=decoder.window or 1 if local else 1,
        cache_heads=1 if attention.latent else attention.n_kv_heads,
        pair_flops=full * pair_flops,
        window_pair_flops=local * pair_flops,
        latent=attention.latent is not None,
        native_expert_bits=PUBLISHED_NARROW.get(model.family),
        context_tokens=decoder.context_tokens,
    )


def _bare(attention: Attention) -> Attention:
    """Give the attention's matrices alone."""
    return replace(attention, input_bias=False, output_bias=False, sinks=False)


def _pair_flops(attention: Attention) -> int:
    """Operations of one query with one key: two products of each head, of a latent unfolded."""
    latent = attention.latent
    if latent is None:
        return 4 * attention.n_heads * attention.head_dim
    return 2 * attention.n_heads * (latent.nope_dim + latent.rope_dim + latent.v_dim)


def _shared_params(decoder: Decoder, mixtures: int) -> int:
    """Count the weights of all layers that every token uses beside attention."""
    mixture, dense = decoder.mixture, decoder.dense
    params = 0
    if dense is not None:
        block = replace(dense, bias=False)
        params += (decoder.n_layers - mixtures) * block.params(decoder.d_model)
    if mixture is not None:
        parts = replace(mixture, router_bias=False).parts(decoder.d_model)
        params += mixtures * (parts["router"] + parts["shared experts"])
    return params


def _embedding_params(decoder: Decoder) -> int:
    """Count what stands before the layers and is looked up, not read whole; a tied one no more."""
    tables = sum(decoder.embedding_parts().values())
    return tables - decoder.head_matrix() if decoder.tied else tables
