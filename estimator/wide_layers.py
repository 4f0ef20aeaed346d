"""Which parts of a quantized checkpoint stay wide, by the names of modules it lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

LISTS = (
    "ignore", "ignored_layers", "modules_to_not_convert", "exclude_modules",
    "llm_int8_skip_modules",
)  # fmt: skip
_MOST_NAMES = 100_000
_HEADS = {"lm_head", "output_layer", "embed_out"}
# Never among the quantized parts: embeddings, routers, encoders and what joins them.
_WIDE_ANYWAY = {
    "embed_tokens", "embeddings", "wte", "wpe", "embed_in", "router", "gate", "shared_expert_gate",
    "vision_tower", "vision_model", "visual", "multi_modal_projector", "mm_projector",
    "audio_tower", "merger",
}  # fmt: skip
_BLOCKS = {
    "self_attn": "attention", "attention": "attention", "attn": "attention", "mlp": "mlp",
    "feed_forward": "mlp", "block_sparse_moe": "mlp", "experts": "experts",
    "shared_experts": "shared experts", "shared_expert": "shared experts",
}  # fmt: skip
_MATRICES = {
    "attention": ({"q_proj", "k_proj", "v_proj", "o_proj"}, {"qkv_proj", "o_proj"}),
    "mlp": ({"gate_proj", "up_proj", "down_proj"}, {"gate_up_proj", "down_proj"}),
}
_MATRICES["experts"] = _MATRICES["shared experts"] = _MATRICES["mlp"]


def wide_parts(
    quantization: Mapping[str, Any], layers: Mapping[str, frozenset[int]]
) -> frozenset[str]:
    """Parts that a checkpoint's lists keep wide; `layers` tells which layers have each part.

    A part counts as wide where the lists name it without a layer, or in each of its layers.

    Raises:
        ValueError: a name that is not understood, or a part that is wide in some layers only.
    """
    found: dict[str, dict[int | None, set[str]]] = {}
    first: dict[str, str] = {}
    for key, name in _names(quantization):
        for part, layer, matrix in _read(key, name, layers):
            found.setdefault(part, {}).setdefault(layer, set()).add(matrix)
            first.setdefault(part, f"{key} names {name!r:.60}")
    for part, by_layer in found.items():
        everywhere = by_layer.get(None, set())
        complete = {n for n, ones in by_layer.items() if _is_whole(part, ones | everywhere)}
        if None not in complete and not (layers.get(part) and layers[part] <= complete):
            raise ValueError(
                f"{first[part]}, which keeps a share of {part} wide that is not counted here: "
                "size this checkpoint by its files."
            )
    return frozenset(found)


def _names(quantization: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key in LISTS:
        names = quantization.get(key)
        if names is None:
            continue
        if not isinstance(names, list | tuple) or len(names) > _MOST_NAMES:
            raise ValueError(f"{key} must be a list of at most {_MOST_NAMES:,} names of modules.")
        for name in names:
            if not isinstance(name, str):
                raise ValueError(f"{key} has {name!r:.40}, but it must be a list of names.")
            yield key, name


def _is_whole(part: str, matrices: set[str]) -> bool:
    return "" in matrices or any(every <= matrices for every in _MATRICES.get(part, ()))


def _read(
    key: str, name: str, layers: Mapping[str, frozenset[int]]
) -> Iterable[tuple[str, int | None, str]]:
    """Read a name as parts, each with a layer and a matrix; ("", none) stand for all of them."""
    if name == "Llama4TextAttention":
        return [("attention", None, "")]
    plain = name.removeprefix("re:").replace("\\", "").replace(".*", "*").strip("^$*.")
    words = [word.strip("*") for word in re.split(r"\.|(?<=\w)\*(?=\w)", plain) if word.strip("*")]
    if not re.fullmatch(r"[\w.*]+", plain) or not words:
        _refuse(key, name)
    if words[-1] in _HEADS:
        return [("output head", None, "")]
    if "norm" in words[-1] or not _WIDE_ANYWAY.isdisjoint(words):
        return []
    layer = None
    if "layers" in words:
        rest = words[words.index("layers") + 1 :]
        if rest and rest[0].isdecimal():
            layer = int(rest.pop(0)[:9])
        words = rest
    elif words[0] in ("model", "language_model"):
        words = [word for word in words if word not in ("model", "language_model")]
    found = _parts(words, layer, layers)
    if not found:
        _refuse(key, name)
    return found


def _parts(
    words: list[str], layer: int | None, layers: Mapping[str, frozenset[int]]
) -> list[tuple[str, int | None, str]]:
    """Read what follows the layer: nothing (all its parts), or a block and perhaps a matrix."""
    if not words and layer is not None:
        return [(part, layer, "") for part, ones in layers.items() if layer in ones]
    blocks = [_BLOCKS[word] for word in words if word in _BLOCKS]
    rest = [word for word in words if word not in _BLOCKS]
    if not blocks or words[: len(blocks)] != [word for word in words if word in _BLOCKS]:
        return []
    part = blocks[-1]
    matrices = set().union(*_MATRICES[part])
    if len(rest) > 1 or not matrices.issuperset(rest):
        return []
    if part == "mlp" and not rest and "mlp" in words[-1:]:
        # The block of a layer, whatever it is there.
        every = ("mlp", "experts", "shared experts")
        there = [one for one in every if layer is None or layer in layers.get(one, ())]
        return [(one, layer, "") for one in there]
    return [(part, layer, rest[0] if rest else "")]


def _refuse(key: str, name: str) -> NoReturn:
    raise ValueError(
        f"{key} names {name!r:.60}, modules that stay wide but are not understood here: "
        "size this checkpoint by its files."
    )
