"""What of a quantized checkpoint stays wide, by the names of modules that it lists."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from estimator.architecture import Decoder
from estimator.architecture.description import GATED
from estimator.formula import facts_of
from estimator.model_storage import linear_params

_linear = facts_of(linear_params).bare

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
_MOST_ALTERNATIVES = 64
_LONGEST_NAME = 1_000
# What a name may call several matrices at once, and other names of theirs.
_ALIASES = {
    "qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj"),
    "w1": ("gate_proj",), "w2": ("down_proj",), "w3": ("up_proj",),
}  # fmt: skip
_ATTENTION = {
    "q_proj", "k_proj", "v_proj", "o_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa",
    "kv_b_proj", "qkv_proj",
}  # fmt: skip
_MLP = {"gate_proj", "up_proj", "down_proj", "gate_up_proj", "w1", "w2", "w3"}
_WHOLE = {"mlp", "feed_forward", "block_sparse_moe"}
_MLPS = ("mlp", "experts", "shared experts")
_MATRICES = {"attention": _ATTENTION} | dict.fromkeys(_MLPS, _MLP)


@dataclass(frozen=True, slots=True)
class Wide:
    """Shares of a part that stay wide: of its weights, and of the columns of its matrices."""

    weights: Fraction
    columns: Fraction


_ALL = Wide(Fraction(1), Fraction(1))


@dataclass(frozen=True, slots=True)
class WideParts:
    """What stays wide in the model's layers, and in its extra prediction layers.

    `head` tells that the output head is among the modules that are named as quantized.
    """

    model: Mapping[str, Wide]
    prediction: Mapping[str, Wide]
    head: bool = False


# Of each part the layers (none for all of them) with the matrices that are named there.
Named = dict[str, dict[int | None, set[str]]]


def wide_parts(
    quantization: Mapping[str, Any],
    decoder: Decoder | None,
    targets: Sequence[tuple[str, str]] = (),
) -> WideParts:
    """Shares of the parts that a checkpoint's lists keep wide.

    Where `targets` name what is quantized, each with its key, all else is wide as well. Without a
    decoder nothing is known of layers: a part is then wide as a whole, or refused.

    Raises:
        ValueError: a name that is not understood, or a share that cannot be counted.
    """
    layers = _layers(decoder)
    found, first = _named(_names(quantization), layers)
    head = False
    if targets:
        chosen, told = _named(_choices(targets), layers, every=True)
        head = "output head" in chosen
        for part in _MATRICES:
            _add_rest(found, part, chosen.get(part, {}), decoder, layers)
        first = {**told, **first}
    model, prediction = {}, {}
    for part, by_layer in found.items():
        everywhere = by_layer.get(None, set())
        if "" in everywhere:
            model[part] = prediction[part] = _ALL
            continue
        if decoder is None:
            raise ValueError(
                f"{first[part]}, which keeps a share of {part} wide, and without a model_type "
                "nothing is known of its layers: give the published config.json."
            )
        matrices = {layer: by_layer.get(layer, set()) | everywhere for layer in layers[part]}
        inner = {layer: names for layer, names in matrices.items() if layer < decoder.n_layers}
        extra = {layer: names for layer, names in matrices.items() if layer >= decoder.n_layers}
        model[part] = _share(decoder, part, inner)
        prediction[part] = _share(decoder, part, extra)
    return WideParts(model, prediction, head)


def _named(
    names: Iterable[tuple[str, str, str]], layers: Mapping[str, frozenset[int]], every: bool = False
) -> tuple[Named, dict[str, str]]:
    """What names say of each part, and the first of them that does; `every` one must say some."""
    found: Named = {}
    first: dict[str, str] = {}
    for key, name, one in names:
        read = list(_read(key, one, layers))
        if every and not read:
            _refuse(key, name)
        for part, layer, matrix in read:
            found.setdefault(part, {}).setdefault(layer, set()).add(matrix)
            first.setdefault(part, f"{key} names {name!r:.60}")
    return found, first


def _add_rest(
    found: Named, part: str, narrow: Mapping[int | None, set[str]],
    decoder: Decoder | None, layers: Mapping[str, frozenset[int]],
) -> None:  # fmt: skip
    """Add the matrices of a part that no target names to those that are wide."""
    everywhere = narrow.get(None, set())
    if "" in everywhere:
        return
    wide = found.setdefault(part, {})
    if not narrow:
        wide.setdefault(None, set()).add("")
    elif decoder is None:
        wide.setdefault(0, set()).add("")  # a share, which cannot be counted
    else:
        matrices = _shapes(decoder, part)
        for layer in layers[part]:
            named = narrow.get(layer, set()) | everywhere
            plain = {one for name in named for one in _ALIASES.get(name, (name,))}
            left = matrices.keys() - plain if "" not in plain else set()
            wide.setdefault(layer, set()).update(left)


def _layers(decoder: Decoder | None) -> dict[str, frozenset[int]]:
    """The layers that have each part, extra prediction layers behind the model's own."""
    if decoder is None:
        return {}
    extra = range(decoder.n_layers, decoder.n_layers + decoder.prediction_layers)
    every = frozenset(range(decoder.n_layers)) | frozenset(extra)
    mixtures = frozenset(i for i, mixture in enumerate(decoder.mixture_layers) if mixture)
    mixtures |= frozenset(extra if decoder.mixture else ())
    shared = mixtures if decoder.mixture and decoder.mixture.shared else frozenset[int]()
    return {
        "attention": every, "mlp": every - mixtures, "experts": mixtures, "shared experts": shared,
    }  # fmt: skip


def _share(decoder: Decoder, part: str, named: Mapping[int, set[str]]) -> Wide:
    """The share of a part that is wide, where each layer has some of its matrices named."""
    shapes = _shapes(decoder, part)
    weights = columns = 0
    for names in named.values():
        plain = {one for name in names for one in _ALIASES.get(name, (name,))}
        for name, (rows, outputs) in shapes.items():
            if "" in plain or name in plain:
                weights, columns = weights + _linear(rows, outputs), columns + outputs
    every = len(named) * sum(_linear(*shape) for shape in shapes.values())
    outputs = len(named) * sum(width for _, width in shapes.values())
    return Wide(Fraction(weights, every or 1), Fraction(columns, outputs or 1))


def latent_columns(decoder: Decoder, weights: int) -> int:
    """Columns of so many weights of a latent's attention, whose layers are all alike."""
    shapes = _shapes(decoder, "attention").values()
    layers = weights // sum(_linear(*shape) for shape in shapes)
    return int(layers * sum(outputs for _, outputs in shapes))


def _shapes(decoder: Decoder, part: str) -> dict[str, tuple[int, int]]:
    """Rows and columns of the matrices of a part in one layer, of one expert."""
    width, heads = decoder.d_model, decoder.attention
    if part == "attention" and heads.latent is not None:
        latent, count = heads.latent, heads.n_heads
        query = count * (latent.nope_dim + latent.rope_dim)
        ways = {"q_proj": (width, query)}
        if latent.q_rank is not None:
            ways = {"q_a_proj": (width, latent.q_rank), "q_b_proj": (latent.q_rank, query)}
        return {
            **ways,
            "kv_a_proj_with_mqa": (width, latent.kv_rank + latent.rope_dim),
            "kv_b_proj": (latent.kv_rank, count * (latent.nope_dim + latent.v_dim)),
            "o_proj": (count * latent.v_dim, width),
        }
    if part == "attention":
        queries, keys = heads.n_heads * heads.head_dim, heads.n_kv_heads * heads.head_dim
        return {
            "q_proj": (width, queries), "k_proj": (width, keys), "v_proj": (width, keys),
            "o_proj": (queries, width),
        }  # fmt: skip
    mixture = decoder.mixture
    block = decoder.dense if part == "mlp" or mixture is None else mixture.expert
    if part == "shared experts" and mixture:
        block = mixture.shared
    if block is None:
        return {}
    ways = {"gate_proj": (width, block.d_ff)} if block.matrices == GATED else {}
    return {**ways, "up_proj": (width, block.d_ff), "down_proj": (block.d_ff, width)}


def _names(quantization: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Each name with its list's key, as it stands there and as each of its choices."""
    listed: list[tuple[str, str]] = []
    for key in LISTS:
        names = quantization.get(key)
        if names is None:
            continue
        if not isinstance(names, list | tuple) or len(names) > _MOST_NAMES:
            raise ValueError(f"{key} must be a list of at most {_MOST_NAMES:,} names of modules.")
        for name in names:
            if not isinstance(name, str):
                raise ValueError(f"{key} has {name!r:.40}, but it must be a list of names.")
            listed.append((key, name))
    return _choices(listed)


def _choices(named: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str, str]]:
    """Each name with its key, and as each of its choices."""
    count = 0
    for key, name in named:
        for one in _alternatives(name):
            count += 1
            if count > _MOST_NAMES:
                raise ValueError(f"{key} must name at most {_MOST_NAMES:,} modules in all.")
            yield key, name, one


def _alternatives(name: str) -> list[str]:
    """A name for each choice that an expression gives, as in re:.*mlp.(gate|up)_proj."""
    if "(" not in name or not name.startswith("re:") or len(name) > _LONGEST_NAME:
        return [name]
    pieces = [piece.split("|") for piece in re.split(r"\(([\w|]+)\)", name)]
    if math.prod(map(len, pieces)) > _MOST_ALTERNATIVES:
        return [name]
    return ["".join(chosen) for chosen in itertools.product(*pieces)]


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
    if words[: len(blocks)] != [word for word in words if word in _BLOCKS] or len(rest) > 1:
        return []
    matrix = rest[0] if rest else ""
    if not blocks and matrix in _ATTENTION:
        blocks = ["attention"]
    if (not blocks and matrix in _MLP) or (blocks and words[-1] in _WHOLE):
        # A matrix of any such block, or the block of a layer, whatever it is there.
        there = [one for one in _MLPS if layer is None or layer in layers.get(one, ())]
        return [(one, layer, matrix) for one in there]
    if not blocks or (matrix and matrix not in _MATRICES[blocks[-1]]):
        return []
    if layers and layer is not None and layer not in layers[blocks[-1]]:
        return []
    return [(blocks[-1], layer, matrix)]


def _refuse(key: str, name: str) -> NoReturn:
    raise ValueError(
        f"{key} names {name!r:.60}, modules that are not understood here: "
        "size this checkpoint by its files."
    )
