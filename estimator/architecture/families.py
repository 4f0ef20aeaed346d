"""Each family's few lines of `families.json` fill in the general description of a decoder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from estimator.architecture.context import context_tokens
from estimator.architecture.description import (
    CHUNKED,
    FULL,
    GATED,
    PLAIN,
    SLIDING,
    Attention,
    Decoder,
    FeedForward,
    Latent,
    Mixture,
)
from estimator.architecture.family import Family, MixtureKeys, families, text_families
from estimator.architecture.reader import (
    MOST_LAYERS,
    Reader,
    data,
    shown,
)

__all__ = ["families", "read_text"]


def read_text(
    values: dict[str, Any], name: str, *, inside: bool = True, nested: bool = False,
    own: Mapping[str, Any] | None = None,
) -> tuple[Decoder, dict[str, Any]]:  # fmt: skip
    """Read a language model, alone or `inside` another; its wrapper's `own` defaults go first."""
    name, family = _family_of(name, inside=inside)
    reader = Reader(values, name, {**family.defaults, **(own or {})}, nested=nested)
    decoder = _decoder(reader, family)
    decoder = _ENDINGS[name](reader, decoder) if name in _ENDINGS else decoder
    if _sees_what_follows(reader, family):
        decoder = replace(decoder, cached=False)
    reader.used.update(family.ignored)
    for key, only in family.fixed.items():
        if reader.find(key)[1] not in (only, None):
            reader.refuse(key, shown(only))
    reader.check_kinds()
    reader.finish()
    return decoder, reader.assumed


def _sees_what_follows(reader: Reader, family: Family) -> bool:
    """Tell an embedding model of a decoder's parts: each token sees all, so that nothing is kept.

    As gte-Qwen2 and EmbeddingGemma say it. transformers 5 builds the same module with another mask,
    and vLLM runs it as an encoder, without a cache.
    """
    if "is_causal" in reader.values and not reader.flag("is_causal", True):
        return True
    return bool(family.bidirectional) and reader.flag(family.bidirectional)


def _family_of(name: str, *, inside: bool) -> tuple[str, Family]:
    """The family of that name; but for Kimi K2, which is DeepSeek-V3, text parts are no models."""
    if name in families():
        return name, families()[name]
    if name in text_families() and (inside or name in data("keys.json")["renamed"]):
        return text_families()[name]
    raise ValueError(
        f"model_type is {shown(name)}, a family that is not known here: sizes are given for "
        f"{', '.join(families())}, and for multimodal models built on them."
    )


def _decoder(reader: Reader, family: Family) -> Decoder:
    n_layers = reader.size(*family.n_layers, high=MOST_LAYERS)
    d_model = reader.size(*family.d_model)
    attention = _attention(reader, family, d_model)
    mixture, mixture_layers = _mixture(reader, family, n_layers)
    kinds, window = _windows(reader, family, n_layers)
    positions = reader.optional(*family.positions)
    learned = 0
    if family.learned is not None:
        learned = reader.size(*family.positions) + family.learned
    return Decoder(
        family=reader.family,
        d_model=d_model,
        n_layers=n_layers,
        vocab_size=reader.size("vocab_size"),
        attention=attention,
        dense=None if all(mixture_layers) else _dense(reader, family, d_model),
        mixture=mixture,
        mixture_layers=mixture_layers,
        layer_kinds=kinds,
        window=window,
        tied=_tied(reader, family),
        mask=family.mask,
        norms_per_layer=family.norms,
        norm_vectors=family.norm_vectors,
        learned_positions=learned,
        n_positions=positions,
        context_tokens=context_tokens(reader, positions, learned=bool(learned)),
        rotary_dim=_rotary_dim(reader, attention) * (not learned),
        prediction_layers=_prediction_layers(reader, family),
    )


def _tied(reader: Reader, family: Family) -> bool:
    """Whether the head is the embedding; the family's default counts as assumed."""
    tied = reader.flag("tie_word_embeddings", family.tied)
    if reader.values.get("tie_word_embeddings") is None and family.d_ff != "d_ff":
        reader.assumed["tie_word_embeddings"] = tied
    return tied


# Most files leave the size of a head to the width where it comes out so, and need no remark.
_USUAL_HEADS = (64, 80, 96, 128)


def _attention(reader: Reader, family: Family, d_model: int) -> Attention:
    n_heads = reader.size(*family.n_heads)
    biases = reader.flag(family.input_bias), reader.flag(family.output_bias)
    if family.latent:
        latent = _latent(reader, family)
        return Attention(n_heads, n_heads, latent.nope_dim + latent.rope_dim, *biases,
                         latent=latent)  # fmt: skip
    n_kv_heads = family.n_kv_heads and reader.optional(family.n_kv_heads)
    if not n_kv_heads:
        n_kv_heads = n_heads
        if family.n_kv_heads:  # as the first Llamas; other files have lost it
            reader.assumed[family.n_kv_heads] = n_heads
    if n_heads % n_kv_heads:
        reader.refuse(family.n_kv_heads, f"a divisor of the {n_heads:,} attention heads")
    head_dim = reader.optional(family.head_dim) if family.head_dim else None
    if head_dim is None and d_model % n_heads:
        reader.refuse(family.d_model[0], f"a multiple of the {n_heads:,} attention heads")
    if head_dim is None:
        head_dim = d_model // n_heads
        if family.head_dim and (family.tells_head_dim or head_dim not in _USUAL_HEADS):
            reader.assumed[family.head_dim] = head_dim
    qk_norm = family.qk_norm if reader.flag(family.qk_norm_flag) else ""
    return Attention(n_heads, n_kv_heads, head_dim, *biases, qk_norm, family.sinks)


def _latent(reader: Reader, family: Family) -> Latent:
    # Null, as DeepSeek-V2 Lite writes it, is a query without a latent.
    q_rank = None if reader.is_null("q_lora_rank") else reader.optional("q_lora_rank")
    kv_rank, nope_dim = reader.size("kv_lora_rank"), reader.size("qk_nope_head_dim")
    return Latent(
        q_rank, kv_rank, nope_dim, reader.size(*family.rope_dim), reader.size("v_head_dim")
    )


def _dense(reader: Reader, family: Family, d_model: int) -> FeedForward:
    if family.d_ff == "n_inner":  # GPT-2 leaves it out where it is four times the width
        d_ff = reader.optional("n_inner") or 4 * d_model
    else:
        d_ff = reader.size(family.d_ff)
    return FeedForward(d_ff, family.matrices, reader.flag(family.mlp_bias))


_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


@functools.cache
def _expert_names(own: str) -> tuple[str, ...]:
    """A family's own key of the number of its experts, and the others that say it, too."""
    return tuple(dict.fromkeys((own, *_EXPERTS)))


def _mixture(
    reader: Reader, family: Family, n_layers: int
) -> tuple[Mixture | None, tuple[bool, ...]]:
    keys = family.mixture
    if keys is None:
        return None, (False,) * n_layers
    n_experts = reader.size(*_expert_names(keys.experts))
    top_k = reader.size("num_experts_per_tok", "num_experts_per_token")
    if top_k > n_experts:
        reader.refuse("num_experts_per_tok", f"at most the {n_experts:,} experts")
    width = reader.size(keys.width)
    shared = _shared_width(reader, keys, width)
    bias = reader.flag(family.mlp_bias)
    # The width of dense layers is read with them; where there are none it has no effect.
    reader.used.update(("intermediate_size", "intermediate_size_mlp"))
    mixture = Mixture(
        n_experts, top_k, FeedForward(width, bias=keys.bias),
        shared=FeedForward(shared, bias=bias) if shared else None,
        shared_gate=keys.shared_gate, router_bias=keys.bias, score_buffer=keys.score_buffer,
    )  # fmt: skip
    return mixture, _mixture_layers(reader, keys, n_layers)


def _shared_width(reader: Reader, keys: MixtureKeys, width: int) -> int:
    if keys.shared == "count":
        if reader.is_null("n_shared_experts"):
            return 0
        return width * (reader.optional("n_shared_experts", low=0) or 0)
    if keys.shared == "size":
        return reader.size("shared_expert_intermediate_size")
    return width if keys.shared == "one" else 0


def _mixture_layers(reader: Reader, keys: MixtureKeys, n_layers: int) -> tuple[bool, ...]:
    if keys.layers == "first":
        if reader.optional("moe_layer_freq") not in (None, 1):
            reader.refuse("moe_layer_freq", "1")
        dense = min(reader.optional("first_k_dense_replace", low=0) or 0, n_layers)
        return (False,) * dense + (True,) * (n_layers - dense)
    if keys.layers == "listed":
        listed = reader.items("mlp_layer_types", n_layers)
        if any(kind not in ("dense", "sparse") for kind in listed or ()):
            reader.refuse("mlp_layer_types", "a list of dense and sparse")
        return tuple(kind == "sparse" for kind in listed or ["dense"] + ["sparse"] * (n_layers - 1))
    if keys.layers == "step":
        step = reader.optional("decoder_sparse_step") or 1
        dense_ones = _layer_list(reader, "mlp_only_layers", n_layers) or frozenset()
        if step == 1 and not dense_ones:
            return (True,) * n_layers
        sparse = frozenset(range(step - 1, n_layers, step)) - dense_ones
        return tuple(layer in sparse for layer in range(n_layers))
    if keys.layers == "interleave":
        step = reader.optional("interleave_moe_layer_step") or 1
        every = frozenset(range(step - 1, n_layers, step))
        given = _layer_list(reader, "moe_layers", n_layers)
        return tuple(layer in (every if given is None else given) for layer in range(n_layers))
    return (True,) * n_layers


def _layer_list(reader: Reader, name: str, n_layers: int) -> frozenset[int] | None:
    listed = reader.items(name)
    for layer in listed or ():
        if type(layer) is not int or not 0 <= layer < n_layers:
            reader.refuse(name, f"a list of layers from 0 to {n_layers - 1:,}")
    return None if listed is None else frozenset(listed)


_WINDOW_KEYS = {
    "late": ("max_window_layers",), "early": ("max_window_layers",),
    "pattern": ("sliding_window_pattern", "_sliding_window_pattern"),
    "chunked": ("no_rope_layers", "no_rope_layer_interval"),
}  # fmt: skip


def _windows(reader: Reader, family: Family, n_layers: int) -> tuple[tuple[str, ...], int | None]:
    """Which layers look at a window, and its tokens."""
    local = CHUNKED if family.window == "chunked" else SLIDING
    reader.used.update(_WINDOW_KEYS.get(family.window, ()))
    kinds = _listed_kinds(reader, n_layers, (FULL, local) if family.window else (FULL,))
    if not family.window:
        return (FULL,) * n_layers, None
    kinds = kinds or _patterned_kinds(reader, family, n_layers, local)
    on = reader.flag(family.window_switch)
    # Configurations of Qwen 2 and 3 switch the window off and still name it, as 0 perhaps.
    keys = ["attention_chunk_size"] if local == CHUNKED else ["sliding_window"]
    if "sliding_window_size" in reader.values and local == SLIDING:
        keys.append("sliding_window_size")  # Gemma 2 says it twice
    # Null, as Mistral writes it, is no window at all; a window left out is the family's own.
    asked = on or any(key in reader.values for key in keys)
    window = None
    if asked and not reader.is_null(*keys):
        window = reader.optional(*keys, low=1 if on else 0)
    if not on or window is None:
        for key in _WINDOW_KEYS.get(family.window, ()):  # which layers have none is no matter
            reader.assumed.pop(key, None)
        return (FULL,) * n_layers, None
    if local not in kinds:
        return (FULL,) * n_layers, None
    return kinds, window


def _listed_kinds(
    reader: Reader, n_layers: int, allowed: tuple[str, ...]
) -> tuple[str, ...] | None:
    listed = reader.items("layer_types", n_layers)
    for kind in listed or ():
        if kind not in allowed:
            raise ValueError(
                f"layer_types has {shown(kind)}, but a {reader.family} model's layers must be "
                f"{' or '.join(allowed)}: other kinds of layers are not known here."
            )
    return None if listed is None else tuple(listed)


def _patterned_kinds(reader: Reader, family: Family, n_layers: int, local: str) -> tuple[str, ...]:
    layers = range(n_layers)
    if family.window == "all":
        return (local,) * n_layers
    if family.window == "pattern":
        step = reader.optional("sliding_window_pattern", "_sliding_window_pattern") or 1
        round_ = (*((local,) * (min(step, n_layers + 1) - 1)), FULL)
        return (round_ * (n_layers // len(round_) + 1))[:n_layers]
    windowed = [True] * n_layers
    if family.window == "chunked":
        rotated = reader.items("no_rope_layers", n_layers)
        step = reader.optional("no_rope_layer_interval") or 1
        if rotated:
            reader.assumed.pop("no_rope_layer_interval", None)
        windowed = [bool(one) for one in rotated or [(layer + 1) % step for layer in layers]]
    elif family.window in ("late", "early"):
        limit = reader.optional("max_window_layers", low=0) or 0
        if family.window == "late":
            full = min(limit, n_layers)
            return (FULL,) * full + (local,) * (n_layers - full)
        windowed = [layer < limit and layer % 2 == 0 for layer in layers]
    return tuple(local if flag else FULL for flag in windowed)


def _rotary_dim(reader: Reader, attention: Attention) -> int:
    """Numbers of a head that are rotated: all, a share of them, or a latent's own."""
    share = reader.rotated_share()
    if attention.latent is not None:
        return attention.latent.rope_dim
    return int(attention.head_dim * share)


def _prediction_layers(reader: Reader, family: Family) -> int:
    if family.mixture is None or not family.mixture.score_buffer:
        return 0
    return reader.optional("num_nextn_predict_layers", "num_mtp_layers", low=0, high=100) or 0


def _end_opt(reader: Reader, decoder: Decoder) -> Decoder:
    """OPT: norms without weights, no norm at the end of the 350M, an embedding of its own width."""
    first = reader.flag("do_layer_norm_before", True)
    final_norm = not reader.flag("_remove_final_layer_norm") and first
    vectors = 2 if reader.flag("layer_norm_elementwise_affine", True) else 0
    width = reader.optional("word_embed_proj_dim")
    return replace(decoder, norm_vectors=vectors, final_norm=final_norm, embedding_dim=width)


def _end_t5(reader: Reader, decoder: Decoder) -> Decoder:
    """T5's encoder: distances in buckets, one table for all layers; no cache and no head."""
    name, projection = reader.find("feed_forward_proj")
    if projection is not None and not isinstance(projection, str):
        reader.refuse(name, "the name of an activation, as 'gated-gelu'", wrong_type=True)
    gated = str(projection).startswith("gated-")
    if reader.find("is_gated_act")[1] not in (None, gated):
        reader.refuse("is_gated_act", f"{gated}, as feed_forward_proj is {shown(projection)}")
    buckets = reader.optional("relative_attention_num_buckets") or 0
    return replace(
        decoder,
        dense=decoder.dense and replace(decoder.dense, matrices=GATED if gated else PLAIN),
        positional_params=buckets * decoder.attention.n_heads,
        rotary_dim=0, has_head=False, cached=False,
    )  # fmt: skip


_ENDINGS: Mapping[str, Callable[[Reader, Decoder], Decoder]] = {"opt": _end_opt, "t5": _end_t5}
