"""Shapes of models: what the size of a cache and of activations follows from."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from estimator.architecture import Architecture, Attention, Decoder, FeedForward
from estimator.architecture.description import FULL
from estimator.catalog.configurations import architecture, configurations
from estimator.catalog.loader import int_or_none, read_table
from estimator.choosing import choose


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder's shape, with the place where it was read.

    `attention` names the kind: MHA, GQA, MQA, MLA, or GQA with windows. `window` and
    `window_layers` are 0 where no layer has a window, `kv_lora_rank` and `rope_head_dim` are 0
    where no latent is kept. `d_ff` is the MLP width that one token passes through;
    `context_tokens` is 0 where nobody says for how many tokens the model was made.
    """

    key: str
    name: str
    attention: str
    n_params: int
    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    d_ff: int
    mlp_matrices: int
    vocab_size: int
    context_tokens: int
    window: int
    window_layers: int
    kv_lora_rank: int
    rope_head_dim: int
    source: str
    place: str
    decoder: Decoder


_TEXTS = ("key", "name", "attention", "source", "place")


@functools.cache
def shapes() -> dict[str, Shape]:
    """All shapes of models that keep a cache, by key.

    `shapes.csv` holds the models that have no published configuration in the catalog, or one of
    a family that is not counted here; all others come from their configurations.
    """
    given = {row["key"]: _shape(row) for row in read_table("shapes.csv")}
    published = {
        key: shape_of(architecture(key), one.name, key, one.source)
        for key, one in configurations().items()
        if architecture(key).cached_layers
    }
    return given | published


def shape(key: str) -> Shape:
    """One shape; an unknown key is refused with the nearest one.

    >>> shape("llama-3.1-8b").n_kv_heads
    8
    """
    return shapes()[choose("model", key, shapes())]


def shape_of(model: Architecture, name: str, key: str, place: str) -> Shape:
    """The shape of a model that its configuration describes."""
    decoder, attention = model.decoder, model.decoder.attention
    latent, block = attention.latent, decoder.dense
    if block is None and decoder.mixture:
        block = decoder.mixture.expert
    window_layers = sum(kind != FULL for kind in decoder.layer_kinds)
    return Shape(
        key=key,
        name=name,
        attention=_kind(decoder),
        n_params=model.n_params,
        n_layers=decoder.n_layers,
        d_model=decoder.d_model,
        n_heads=attention.n_heads,
        n_kv_heads=attention.n_kv_heads,
        head_dim=latent.nope_dim if latent else attention.head_dim,
        d_ff=decoder.live_d_ff,
        mlp_matrices=block.matrices if block else 0,
        vocab_size=decoder.vocab_size,
        context_tokens=decoder.context_tokens or 0,
        window=decoder.window or 0 if window_layers else 0,
        window_layers=window_layers,
        kv_lora_rank=latent.kv_rank if latent else 0,
        rope_head_dim=latent.rope_dim if latent else 0,
        source=place.split()[0],
        place=place,
        decoder=decoder,
    )


def _kind(decoder: Decoder) -> str:
    heads, kv_heads = decoder.attention.n_heads, decoder.attention.n_kv_heads
    if decoder.attention.latent:
        return "MLA"
    name = "MHA" if kv_heads == heads else "MQA" if kv_heads == 1 else "GQA"
    return name if set(decoder.layer_kinds) == {FULL} else f"{name} with windows"


def _shape(row: dict[str, str]) -> Shape:
    texts = {name: row[name] for name in _TEXTS}
    numbers = {name: int_or_none(text) or 0 for name, text in row.items() if name not in _TEXTS}
    return Shape(**texts, **numbers, decoder=_decoder(row["key"], numbers))  # type: ignore[arg-type]


def _decoder(key: str, sizes: dict[str, int]) -> Decoder:
    """A decoder without windows, experts or biases: what a row of `shapes.csv` describes."""
    n_layers = sizes["n_layers"]
    return Decoder(
        family=key,
        d_model=sizes["d_model"],
        n_layers=n_layers,
        vocab_size=sizes["vocab_size"],
        attention=Attention(sizes["n_heads"], sizes["n_kv_heads"], sizes["head_dim"]),
        dense=FeedForward(sizes["d_ff"], sizes["mlp_matrices"]),
        mixture=None,
        mixture_layers=(False,) * n_layers,
        layer_kinds=(FULL,) * n_layers,
        window=None,
        tied=True,
        n_positions=sizes["context_tokens"],
        context_tokens=sizes["context_tokens"],
    )
