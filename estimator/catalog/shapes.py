"""Shapes of models: what the size of a cache and of activations follows from."""

from __future__ import annotations

import functools
from dataclasses import dataclass

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


_TEXTS = ("key", "name", "attention", "source", "place")


@functools.cache
def shapes() -> dict[str, Shape]:
    """All shapes by key, the smallest model first."""
    return {row["key"]: _shape(row) for row in _rows("shapes.csv")}


def shape(key: str) -> Shape:
    """One shape; an unknown key is refused with the nearest one.

    >>> shape("llama-3.1-8b").n_kv_heads
    8
    """
    return shapes()[choose("model", key, shapes())]


def _shape(row: dict[str, str]) -> Shape:
    texts = {name: row[name] for name in _TEXTS}
    numbers = {name: _int(text) or 0 for name, text in row.items() if name not in _TEXTS}
    return Shape(**texts, **numbers)  # type: ignore[arg-type]
