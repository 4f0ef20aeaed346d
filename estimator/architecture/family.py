"""A family of models: which keys of a configuration say what, from `families.json`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from estimator.architecture.description import GATED
from estimator.architecture.reader import data

Flag = bool | str


@dataclass(frozen=True, slots=True)
class MixtureKeys:
    """How a family writes a mixture of experts: `experts` is its own files' key of their number.

    `shared` is "" (none), "count" (so many of an expert's width), "size" (a width of its own) or
    "one" (as wide as an expert). `layers` is "all", "first" (dense ones lead), "step" (every
    so-manieth, but for a list), "interleave" (every so-manieth, or a list) or "listed" (all but
    the first, unless a list says it layer by layer).
    """

    experts: str = "num_local_experts"
    width: str = "moe_intermediate_size"
    shared: str = ""
    shared_gate: bool = False
    layers: str = "all"
    bias: bool = False
    score_buffer: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """How a family's keys fill in a decoder. A flag is a constant or the name of a key.

    `window` is "" (none), "all" (every layer), "late" (layers from `max_window_layers` on),
    "early" (every second one before it), "pattern" (all but each so-manieth) or "chunked" (those
    that rotate positions), unless `layer_types` says it layer by layer. `learned` counts what a
    table of learned positions has beyond what its key says. `mask` tells how published files hold
    the causal masks ("float", "byte" or not at all). `bidirectional` is a key by which tokens see
    what follows them, as by `is_causal` in any family. `ignored` keys have no effect here, `fixed`
    ones only a single value; `defaults` are the family's own. Where `tells_head_dim`, all published
    files give the size of a head, and one that does not has lost it.
    """

    d_model: tuple[str, ...] = ("hidden_size",)
    n_layers: tuple[str, ...] = ("num_hidden_layers",)
    n_heads: tuple[str, ...] = ("num_attention_heads",)
    n_kv_heads: str = "num_key_value_heads"
    head_dim: str = "head_dim"
    tells_head_dim: bool = False
    rope_dim: tuple[str, ...] = ("qk_rope_head_dim",)
    d_ff: str = "intermediate_size"
    positions: tuple[str, ...] = ("max_position_embeddings",)
    matrices: int = GATED
    input_bias: Flag = False
    output_bias: Flag = False
    mlp_bias: Flag = False
    qk_norm: str = ""
    qk_norm_flag: Flag = True
    sinks: bool = False
    latent: bool = False
    norms: int = 2
    norm_vectors: int = 1
    tied: bool = False
    mask: str = ""
    window: str = ""
    window_switch: Flag = True
    mixture: MixtureKeys | None = None
    learned: int | None = None
    bidirectional: str = ""
    ignored: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


@functools.cache
def families() -> dict[str, Family]:
    """All families by `model_type`."""
    return {name: _family(dict(entry)) for name, entry in data("families.json").items()}


@functools.cache
def text_families() -> dict[str, tuple[str, Family]]:
    """Language models inside others, by their own name: the family, with what differs there."""
    return {
        name: (entry["like"], _like(families()[entry["like"]], entry))
        for name, entry in data("keys.json")["text_families"].items()
    }


def _like(family: Family, entry: Mapping[str, Any]) -> Family:
    own = {key: value for key, value in entry.items() if key != "like"}
    own["ignored"] = (*family.ignored, *entry.get("ignored", ()))
    own["defaults"] = {**family.defaults, **entry.get("defaults", {})}
    return replace(family, **own)


def _family(entry: dict[str, Any]) -> Family:
    if "mixture" in entry:
        entry["mixture"] = MixtureKeys(**entry["mixture"])
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    return Family(**values)
