"""What describes the text in a configuration: all of it, or a part of a multimodal one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NoReturn

from estimator.architecture.classes import class_remark
from estimator.architecture.description import Decoder
from estimator.architecture.families import families, read_text
from estimator.architecture.reader import (
    MOST_KEYS,
    Reader,
    check_mapping,
    data,
    irrelevant,
    is_neutral,
    same,
    shown,
)

Found = tuple[Decoder, dict[str, Any], tuple[str, ...], str]
_THINKER = "thinker_config"
_TIE = "tie_word_embeddings"


def text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part that describes the text in a multimodal configuration; nothing in any other.

    Of a model that also speaks, what its text does not tell is told by the part around it.
    """
    thinker = config.get(_THINKER)
    if thinker is not None and isinstance(thinker, Mapping):
        told = {key: value for key, value in text_part(dict(thinker) | {_THINKER: None}).items()
                if value is not None}  # fmt: skip
        return {**thinker, **told}
    found = config.get("text_config", config.get("llm_config"))
    return found if found is not None and isinstance(found, Mapping) else {}


def read(config: object) -> Found:
    """Read a configuration: also what was assumed, the keys of parts left out, and a remark."""
    values = check_mapping(config)
    name, keys = _model_type(values), data("keys.json")
    if name in families():  # as most are
        return _read_plain(values, name, ("decoder",) if name == "t5" else ())
    if name in keys["thinkers"]:
        return _read_thinker(values, name)
    if name in keys["flat_wrappers"] and "text_config" not in values:
        # Here the keys of the text stand beside the others: only whole first words tell them apart.
        other = tuple(keys["flat_other_parts"])
        left_out = tuple(key for key in values if key.startswith(other))
        text = {key: value for key, value in values.items() if key not in left_out}
        return (*read_text(text, keys["flat_wrappers"][name]), left_out, "")
    if name in keys["wrappers"]:
        return _read_wrapped(values, name)
    return _read_plain(values, name, ())


def _read_plain(values: dict[str, Any], name: str, left_out: tuple[str, ...]) -> Found:
    """Read a configuration that is the text's own, and whose class is the family's, too."""
    decoder, assumed = read_text(values, name, inside=False)
    return decoder, assumed, left_out, class_remark(values, name, decoder)


def _read_wrapped(values: dict[str, Any], name: str) -> Found:
    """Read the text of a multimodal configuration."""
    keys = data("keys.json")
    place = keys["text_keys"].get(name, "text_config")
    if place not in values:
        raise ValueError(
            f"{place} is missing, but a {name} configuration must describe its language "
            "model there: give the content of the published config.json."
        )
    text, left_out = _unwrap(values, name, place)
    told = text.get(_TIE)
    own = keys["text_defaults"].get(name, {}) | _settle_tie(text, values, name)
    inner = _model_type(text, keys["inner"].get(name))
    decoder, assumed = read_text(text, inner, nested=True, own=own)
    return decoder, assumed, left_out, _overruled(told, values.get(_TIE), decoder.tied, place, name)


def _overruled(
    inner: object, outer: object, tied: bool, place: str, name: str
) -> str:  # fmt: skip
    """Say which of two places told the tie, where one was overruled; nothing elsewhere."""
    said = [f"{str(one).lower()} {where}" for one, where in
            ((inner, f"in the {place}"), (outer, f"beside the {place}"))
            if isinstance(one, bool) and one is not tied]  # fmt: skip
    if not said:
        return ""
    return (
        f"The file says {_TIE} {' and '.join(said)}; taken as {str(tied).lower()}, as a "
        f"{name} of this release is built."
    )


def _read_thinker(values: dict[str, Any], name: str) -> Found:
    """Read what thinks in a model that also speaks: all else of it is left out."""
    keys = data("keys.json")
    thinker = dict(check_mapping(values.get(_THINKER), _THINKER))
    inner = _model_type(thinker, keys["thinkers"][name])
    if inner != keys["thinkers"][name]:
        raise ValueError(
            f"model_type of {_THINKER} is {shown(inner)}, but in a {name} configuration it must be "
            f"{keys['thinkers'][name]}: give the content of the published config.json."
        )
    Reader(values, name, {}, nested=False).check_kinds()
    speech = [key for key in values if key.startswith(tuple(keys["speaking_parts"]))]
    for key in sorted(values.keys() - irrelevant() - set(speech) - {_THINKER}):
        if not is_neutral(key, values[key]):
            _refuse(key, values[key], f"a {_THINKER}")
    thinker.setdefault("transformers_version", values.get("transformers_version"))
    decoder, assumed, left_out, remark = _read_wrapped(thinker, inner)
    return decoder, assumed, (*left_out, *speech), remark


def _model_type(values: Mapping[str, Any], default: str | None = None) -> str:
    name = values.get("model_type")
    name = default if name is None else name
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"model_type is {shown(name)}, but it must name the model's family: give the "
            "model_type of the published config.json."
        )
    return name


def _unwrap(
    values: dict[str, Any], name: str, place: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Take the text part out of a multimodal configuration; the rest must not describe text."""
    keys, text = data("keys.json"), dict(check_mapping(values[place], place))
    for key in keys["text_ignored"].get(name, ()):
        text.pop(key, None)
    for key in [key for key, value in text.items() if _is_token(key, value)]:
        del text[key]
    known = irrelevant() | {place, "vocab_size", "_vocab_size", _TIE}
    known = known.union(keys["outer_ignored"].get(name, ()))
    switches = [told.get("use_sliding_window", False) for told in (text, values)]
    if name in keys["flat_wrappers"] and switches == [False, False]:
        # Transformers 4.53 to 4.55 saved the text twice, a window that is off as null inside.
        known = known.union(keys["switched_off"])
    Reader(values, name, {}, nested=False).check_kinds()
    for key in sorted(values.keys() - known):
        value = values[key]
        if not (_is_other_part(key) or same(text.get(key), value) or is_neutral(key, value)):
            _refuse(key, value, f"a {place}")
    return text, tuple(key for key in values if _is_other_part(key))


def _refuse(key: str, value: object, beside: str) -> NoReturn:
    raise ValueError(
        f"the key {shown(key)} ({shown(value)}) is not understood beside {beside}, and may change "
        "the size: remove it if it does not."
    )


def _settle_tie(text: dict[str, Any], values: Mapping[str, Any], name: str) -> dict[str, bool]:
    """Let the text say whether its head is tied; gives the wrapper's default where nobody says.

    As transformers 5.24: most wrappers follow the outer key, which many take for true where it is
    left out. A file of an earlier release, or of none that it names, follows the inner key.

    Two things are as published checkpoints have them, and not as transformers 5 builds them. It
    takes a tie that only the text denies for made; here what the file says counts. And since its
    pull request 43429 it ties a mistral3 that says nothing, while Ministral 3 8B and 14B, which say
    nothing, store a head of their own (the 3B, which has none, says so in its text).
    """
    keys, version = data("keys.json"), values.get("transformers_version")
    outer, inner = values.get(_TIE), text.get(_TIE)
    version = version if isinstance(version, str) else ""
    newer, earlier = version.startswith("5."), version.startswith("4.")
    for damaged in (one for one in (inner, outer) if not isinstance(one, bool | None)):
        text[_TIE] = damaged  # the reader refuses it, whichever of the two would count
        return {}
    if name in keys["never_tied"]:
        text[_TIE] = False
    # Llama 4's head stands inside the language model, which follows its own key.
    if name in keys["never_tied"] + keys["tied_by_text"]:
        return {}
    if inner is not None and (outer is None or not newer):
        return {}
    if inner is True and name in keys["tied_by_either"]:
        return {}
    text[_TIE] = outer
    return {} if earlier or outer is not None else {_TIE: name in keys["tied_outside"]}


def _is_token(key: str, value: object) -> bool:
    """Tell a token of an encoder, which the text may name as well; null names none."""
    number = value is None or type(value) is int
    return number and key.endswith(("_token_id", "_token_index")) and _is_other_part(key)


@functools.lru_cache(maxsize=MOST_KEYS)
def _is_other_part(key: str) -> bool:
    """Tell the keys of encoders, projectors and their tokens."""
    return any(part in key for part in data("keys.json")["other_parts"])
