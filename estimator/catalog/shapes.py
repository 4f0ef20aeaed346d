"""Shapes of models: what the size of a cache and of activations follows from."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from estimator.architecture.description import SLIDING, Decoder
from estimator.catalog.configurations import architecture, configuration
from estimator.catalog.loader import _int, _rows
from estimator.choosing import choose


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder's shape, with the place where it was read.

    `attention` names the kind: MHA, GQA, MQA, MLA, or GQA with windows. `window` and
    `window_layers` are 0 where no layer has a window, `kv_lora_rank` and `rope_head_dim` are 0
    where no latent is kept. `d_ff` is the MLP width that one token passes through.
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


PUBLISHED = (
    "llama-3.2-1b", "llama-3.2-3b", "llama-2-7b", "llama-3.1-8b", "gemma-2-9b", "llama-2-13b",
    "qwen3-32b", "mixtral-8x7b", "llama-3.1-70b", "qwen2.5-72b", "llama-3.1-405b", "deepseek-v3",
)  # fmt: skip
_TEXTS = ("key", "name", "attention", "source", "place")


@functools.cache
def shapes() -> dict[str, Shape]:
    """All shapes by key, the smallest model first.

    `shapes.csv` holds the models that have no published configuration in the catalog, or one of
    a family that is not counted here; all others come from their configurations.
    """
    given = [_shape(row) for row in _rows("shapes.csv")]
    published = [_published(key) for key in PUBLISHED]
    return {s.key: s for s in sorted([*given, *published], key=lambda s: s.n_params)}


def shape(key: str) -> Shape:
    """One shape; an unknown key is refused with the nearest one.

    >>> shape("llama-3.1-8b").n_kv_heads
    8
    """
    return shapes()[choose("model", key, shapes())]


def _published(key: str) -> Shape:
    published, model = configuration(key), architecture(key)
    decoder, attention = model.decoder, model.decoder.attention
    latent, block, width = attention.latent, decoder.dense, 1
    if block is None and decoder.mixture:
        block, width = decoder.mixture.expert, decoder.mixture.top_k
    return Shape(
        key=key,
        name=published.name,
        attention=_kind(decoder),
        n_params=model.n_params,
        n_layers=decoder.n_layers,
        d_model=decoder.d_model,
        n_heads=attention.n_heads,
        n_kv_heads=attention.n_kv_heads,
        head_dim=latent.nope_dim if latent else attention.head_dim,
        d_ff=width * block.d_ff if block else 0,
        mlp_matrices=block.matrices if block else 0,
        vocab_size=decoder.vocab_size,
        context_tokens=decoder.n_positions or 0,
        window=decoder.window or 0 if model.cached_layers.get(SLIDING) else 0,
        window_layers=model.cached_layers.get(SLIDING, 0),
        kv_lora_rank=latent.kv_rank if latent else 0,
        rope_head_dim=latent.rope_dim if latent else 0,
        source=published.source.split()[0],
        place=published.source,
    )


def _kind(decoder: Decoder) -> str:
    heads, kv_heads = decoder.attention.n_heads, decoder.attention.n_kv_heads
    if decoder.attention.latent:
        return "MLA"
    name = "MHA" if kv_heads == heads else "MQA" if kv_heads == 1 else "GQA"
    return f"{name} with windows" if SLIDING in decoder.layer_kinds else name


def _shape(row: dict[str, str]) -> Shape:
    texts = {name: row[name] for name in _TEXTS}
    numbers = {name: _int(text) or 0 for name, text in row.items() if name not in _TEXTS}
    return Shape(**texts, **numbers)  # type: ignore[arg-type]
