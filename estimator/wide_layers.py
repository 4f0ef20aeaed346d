"""What of a quantized checkpoint stays wide, by the names of modules that it lists."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from estimator.architecture import Decoder
from estimator.architecture.reader import same, shown
from estimator.matrices import HEAD, has_part, layers_with, shapes

LISTS = (
    "ignore", "ignored_layers", "modules_to_not_convert", "exclude_modules",
    "llm_int8_skip_modules",
)  # fmt: skip
# GPTQ's settings of modules by expression; those behind -: leave them out.
DYNAMIC = "dynamic"
SKIPPED = "-:"
# AutoRound's settings of modules by name or expression; with 16 bits they are left out.
EXTRA = "extra_config"
_MOST_NAMES = 100_000
_HEADS = {"lm_head", "output_layer", "embed_out"}
# Never among the quantized parts: embeddings, routers, encoders and what joins them, and what joins
# a prediction layer to the rest.
_WIDE_ANYWAY = {
    "embed_tokens", "embeddings", "wte", "wpe", "embed_in", "router", "gate", "shared_expert_gate",
    "vision_tower", "vision_model", "visual", "multi_modal_projector", "mm_projector",
    "audio_tower", "merger", "modality_projection", "patch_merger", "connector", "mlp1", "eh_proj",
}  # fmt: skip
_BLOCKS = {
    "self_attn": "attention", "attention": "attention", "attn": "attention", "mlp": "mlp",
    "feed_forward": "mlp", "block_sparse_moe": "mlp", "experts": "experts",
    "shared_experts": "shared experts", "shared_expert": "shared experts",
}  # fmt: skip
_SETTINGS = {"bits", "group_size", "data_type"}
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
_TOPS = {"model", "language_model"}
_WHOLE = {"mlp", "feed_forward", "block_sparse_moe"}
_MLPS = ("mlp", "experts", "shared experts")
_MATRICES = {"attention": _ATTENTION} | dict.fromkeys(_MLPS, _MLP)
_NONE = frozenset[int]()
# What ends so is of a layer, and with a star alone of all whose number begins with these digits.
_OPEN_LAYER = re.compile(r"\blayers\.(\d{1,9})(\.?\*)$")
_OPEN_NUMBER = re.compile(r"\.\d+(\.\*)?$")
_EXPERT = re.compile(r"(?<=\bexperts)\\?\.(\d{1,9})(?=\\?\.|\$?$)")

Layers = frozenset[int] | None
"""Layers, prediction layers among them and numbered behind the others; None for all."""
Wide = Mapping[str, Layers]
"""The matrices of a part that stay wide, with the layers in which they do; "" is the whole part."""
_WHOLE_PART: Wide = {"": None}
# A part, the layer (none for all of them), and the matrix ("" for all of the part).
_Matrix = tuple[str, int | None, str]
# What a name tells.
_Parts = Sequence[_Matrix]
# Of each part the layers (none for all of them) with the matrices that are named there.
_Named = dict[str, dict[int | None, set[str]]]


def wide_parts(
    quantization: Mapping[str, Any],
    decoder: Decoder | None,
    targets: Sequence[tuple[str, str]] = (),
) -> tuple[dict[str, Wide], bool]:
    """What a checkpoint's lists keep wide, by part; and whether the output head is quantized.

    Where `targets` name what is quantized, each with its key, all else is wide as well. Without a
    decoder nothing is known of layers: a part is then wide as a whole, or refused.

    Raises:
        ValueError: a name that is not understood, or layers that cannot be counted.
    """
    named, first = _named(_names(quantization), decoder)
    wide = {part: _matrices(part, ones, decoder, first) for part, ones in named.items()}
    if not targets:
        return wide, False
    chosen, first = _named(_choices(targets), decoder, every=True)
    for part in _MATRICES:
        narrow = _matrices(part, chosen[part], decoder, first) if part in chosen else {}
        _add_rest(wide, part, narrow, decoder)
    return wide, HEAD in chosen


def _named(
    names: Iterable[tuple[str, str, str]], decoder: Decoder | None, every: bool = False
) -> tuple[_Named, dict[str, tuple[str, str]]]:
    """What names say of each part, and the first of them that does; `every` one must say some."""
    found: _Named = {}
    first: dict[str, tuple[str, str]] = {}
    shares: dict[_Matrix, tuple[set[int], str, str]] = {}
    begun: set[str] = set()
    for key, name, one in names:
        block, expert = _without_expert(one)
        layers = _OPEN_LAYER.search(block) if block.endswith("*") else None
        if layers and decoder is not None and not one.startswith("re:"):
            if layers.group() in begun:
                continue  # as another name has told
            begun.add(layers.group())
            read: _Parts = _of_layers(layers[1], layers[2] == "*", decoder)
        else:
            read = _read(key, block, decoder)
        if every and not read:
            _refuse(key, name)
        for part, layer, matrix in read:
            first.setdefault(part, (key, name))
            if expert is None:
                found.setdefault(part, {}).setdefault(layer, set()).add(matrix)
            else:
                shares.setdefault((part, layer, matrix), (set(), key, name))[0].add(expert)
    for (part, layer, matrix), (experts, key, name) in shares.items():
        _check_all_experts(experts, key, name, decoder)
        found.setdefault(part, {}).setdefault(layer, set()).add(matrix)
    return found, first


def _of_layers(digits: str, open_end: bool, decoder: Decoder) -> _Parts:
    """All parts of a layer, or with an open end of every layer whose number begins so.

    There may be none, as ModelOpt names layer 61 of 61, where a prediction layer would stand.
    """
    first, stop = int(digits), decoder.n_layers + decoder.prediction_layers
    if digits != str(first):  # no layer is written so
        return []
    layers, size = [first], 10
    while open_end and first and first * size < stop:
        layers += range(first * size, min((first + 1) * size, stop))
        size *= 10
    return [(part, n, "") for n in layers for part in _MATRICES if has_part(decoder, part, n)]


def _without_expert(name: str) -> tuple[str, int | None]:
    """A name without the number of one expert, as in experts.7.w1, and that number."""
    number = _EXPERT.search(name)
    if number is None:
        return name, None
    return name[: number.start()] + name[number.end() :], int(number[1])


def _check_all_experts(experts: set[int], key: str, name: str, decoder: Decoder | None) -> None:
    """Refuse a share of the experts: of a matrix all are counted alike."""
    count = decoder.mixture.n_experts if decoder and decoder.mixture else 0
    if not count or experts != set(range(count)):
        raise ValueError(
            f"{key} names {name!r:.60}, but not that of each of {count:,} experts, and a share of "
            "them is not counted here: size this checkpoint by its files."
        )


def _matrices(
    part: str, named: Mapping[int | None, set[str]], decoder: Decoder | None,
    first: Mapping[str, tuple[str, str]],
) -> Wide:  # fmt: skip
    """The matrices that are named, each with its layers."""
    if "" in named.get(None, ()):
        return _WHOLE_PART
    if decoder is None:
        key, name = first[part]
        raise ValueError(
            f"{key} names {name!r:.60}, which is a share of {part}, and without a model_type "
            "nothing is known of its layers: give the published config.json."
        )
    there = shapes(decoder, part)
    found: dict[str, set[int] | None] = {}
    for layer, names in named.items():
        plain = {one for name in names for one in _ALIASES.get(name, (name,))}
        for matrix in there if "" in plain else plain & there.keys():
            layers = found.setdefault(matrix, set())
            if layer is None:
                found[matrix] = None
            elif layers is not None:
                layers.add(layer)
    return {name: ones if ones is None else frozenset(ones) for name, ones in found.items()}


def _add_rest(wide: dict[str, Wide], part: str, narrow: Wide, decoder: Decoder | None) -> None:
    """Add the matrices of a part that no target names to those that are wide."""
    if not narrow or wide.get(part) == _WHOLE_PART:
        wide[part] = _WHOLE_PART
    elif narrow != _WHOLE_PART and decoder is not None:
        before, every = wide.get(part, {}), layers_with(decoder, part)
        left: dict[str, Layers] = {}
        for matrix in shapes(decoder, part):
            chosen, kept = narrow.get(matrix, _NONE), before.get(matrix, _NONE)
            rest = _NONE if chosen is None else every - chosen
            left[matrix] = None if kept is None else rest | kept
        wide[part] = left


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
                raise ValueError(f"{key} has {shown(name)}, but it must be a list of names.")
            listed.append((key, name))
    skipped = quantization.get(DYNAMIC)
    if isinstance(skipped, Mapping):
        listed += [(DYNAMIC, "re:" + name.removeprefix(SKIPPED)) for name in skipped]
    return _choices([*listed, *_set_apart(quantization)])


def _set_apart(quantization: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What AutoRound's settings keep wide; one that quantizes a module otherwise is refused."""
    settings = quantization.get(EXTRA)
    if settings is None:
        return
    if not isinstance(settings, Mapping) or len(settings) > _MOST_NAMES:
        raise ValueError(f"{EXTRA} must be an object of at most {_MOST_NAMES:,} modules.")
    for name, told in settings.items():
        if not isinstance(name, str) or not isinstance(told, Mapping):
            raise ValueError(f"{EXTRA} has {shown(name)}: give each module an object.")
        bits = told.get("bits", quantization.get("bits"))
        if type(bits) is int and bits >= 16:
            yield EXTRA, f"re:{name}" if "*" in name or "\\" in name else name
        elif name.rpartition(".")[2] in _HEADS or any(
            not same(one, quantization.get(key)) for key, one in told.items() if key in _SETTINGS
        ):
            raise ValueError(
                f"{EXTRA} quantizes {shown(name)} apart from the rest, which is not counted here: "
                "size this checkpoint by its files."
            )


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


def _read(key: str, name: str, decoder: Decoder | None) -> _Parts:
    """Read a name as the matrices that it tells; nothing where what it names is never quantized."""
    if name == "Llama4TextAttention":
        return [("attention", None, "")]
    words = _words(key, name)
    if words[-1] in _HEADS:
        return [(HEAD, None, "")]
    if words[-1] == "bias":  # which is never quantized
        return []
    # An expression matches what begins so: beside a router a dense layer's matrix, if there is one,
    # and beside layer 1 those from 10 to 19.
    if name.startswith("re:") and _OPEN_NUMBER.search(name):
        _refuse(key, name)
    router = name.startswith("re:") and words[-1] == "gate" and not name.endswith("$")
    if router:
        words[-1] = "gate_proj"
    if "norm" in words[-1] or not _WIDE_ANYWAY.isdisjoint(words):
        return []
    layer, words = _behind_the_layer(words)
    if words == ["shared_head", "head"]:
        return [(HEAD, layer, "")]  # a prediction layer's own
    found = _parts(words, layer, decoder)
    if not found and not router:
        _refuse(key, name)
    return found


def _words(key: str, name: str) -> list[str]:
    """The words of a name; what may stand anywhere, as in re:.*mlp.*, parts them as a dot does."""
    plain = name.removeprefix("re:").replace("\\", "").strip("^$").replace("*", ".")
    words = [word for word in plain.split(".") if word]
    if not "".join(words).replace("_", "").isalnum():
        _refuse(key, name)
    return words


def _behind_the_layer(words: list[str]) -> tuple[int | None, list[str]]:
    """The layer that words begin with, where they number one, and the words behind it."""
    if "layers" not in words:
        return None, [one for one in words if one not in _TOPS] if words[0] in _TOPS else words
    rest = words[words.index("layers") + 1 :]
    if rest and rest[0].isdecimal():
        return int(rest[0][:9]), rest[1:]
    return None, rest


def _parts(words: list[str], layer: int | None, decoder: Decoder | None) -> _Parts:
    """Read what follows the layer: nothing (all its parts), or a block and perhaps a matrix."""
    if not words and layer is not None:
        return [(part, layer, "") for part in _MATRICES if _there(decoder, part, layer)]
    blocks = [_BLOCKS[word] for word in words if word in _BLOCKS]
    rest = [word for word in words if word not in _BLOCKS]
    if words[len(blocks) :] != rest[:1]:  # a matrix at most, behind its block
        return []
    matrix = rest[0] if rest else ""
    if not blocks and matrix in _ATTENTION:
        blocks = ["attention"]
    if (not blocks and matrix in _MLP) or (blocks and words[-1] in _WHOLE):
        # A matrix of any such block, or the block of a layer, whatever it is there.
        return [(one, layer, matrix) for one in _MLPS if _there(decoder, one, layer)]
    if not blocks or (matrix and matrix not in _MATRICES[blocks[-1]]):
        return []
    if decoder is not None and not _there(decoder, blocks[-1], layer):
        return []
    return [(blocks[-1], layer, matrix)]


def _there(decoder: Decoder | None, part: str, layer: int | None) -> bool:
    return layer is None or (decoder is not None and has_part(decoder, part, layer))


def _refuse(key: str, name: str) -> NoReturn:
    raise ValueError(
        f"{key} names {name!r:.60}, modules that are not understood here: "
        "size this checkpoint by its files."
    )
