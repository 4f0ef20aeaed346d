"""The keys of one configuration: each is used, known not to change the size, or refused."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NoReturn

LARGEST_SIZE = 10**9
MOST_LAYERS = 10_000
MOST_KEYS = 1_000
_SHOWN = 40
_MOST_SHOWN = 20
ROPES = ("rope_scaling", "rope_parameters")
"""Objects about rotations; where a file has both, transformers 5 reads the first."""
_OBJECTS = (*ROPES, "quantization_config", "compression_config")


@functools.cache
def data(name: str) -> Any:
    """A data file beside this module; its keys and families are read once."""
    return json.loads((files("estimator.architecture") / name).read_text(encoding="utf-8"))


@functools.cache
def irrelevant() -> frozenset[str]:
    """Keys that change the size in no family: training, generation, tokens, arithmetic."""
    return frozenset(data("keys.json")["irrelevant"])


def is_neutral(key: str, value: Any) -> bool:
    """Tell a key that changes the size in some family, but here says that nothing changes."""
    allowed = data("keys.json")["neutral"].get(key, ())
    return any(type(value) is type(neutral) and value == neutral for neutral in allowed)


def same(one: object, other: object) -> bool:
    """Tell whether two values of a file are equal; what is nested too deeply to tell is not."""
    try:
        return bool(one == other)
    except RecursionError:
        return False


def shown(value: object) -> str:
    """Write a value of a file for a message, cut short: it may be huge, deep or unprintable."""
    if type(value) is int and abs(value) >= 10**15:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return repr(value[:_SHOWN]) + ("..." if len(value) > _SHOWN else "")
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f"a {type(value).__name__}"


def keys_text(keys: Sequence[str]) -> str:
    """Write keys of a file in a row: the first ones, and what cannot be printed as `shown` does."""
    row = [
        key if key.isascii() and key.isidentifier() and len(key) <= _SHOWN else shown(key)
        for key in keys[:_MOST_SHOWN]
    ]
    more = [f"and {len(keys) - _MOST_SHOWN:,} more"] if len(keys) > _MOST_SHOWN else []
    return ", ".join([*row, *more])


def check_mapping(config: object, what: str = "the configuration") -> dict[str, Any]:
    """Return a configuration that is a dict of a sensible size with text for keys."""
    if not isinstance(config, dict):
        raise TypeError(
            f"{what} is {shown(config)}, but it must be a JSON object with model_type: "
            "give the content of the model's config.json as a dict."
        )
    if len(config) > MOST_KEYS:
        raise ValueError(
            f"{what} has {len(config):,} keys, but at most {MOST_KEYS:,} are read: "
            "give the content of one model's config.json."
        )
    for key in config:
        if not isinstance(key, str):
            raise TypeError(f"{what} has the key {shown(key)}, but keys must be text.")
    return config


class Reader:
    """A configuration while it is read. `nested` is a text_config, which may leave sizes out."""

    def __init__(
        self, values: dict[str, Any], family: str, defaults: Mapping[str, Any], *, nested: bool
    ) -> None:
        self.values, self.family, self.defaults, self.nested = values, family, defaults, nested
        self.used: set[str] = set()
        self.assumed: dict[str, Any] = {}

    def refuse(self, key: str, must: str, *, wrong_type: bool = False) -> NoReturn:
        """Raise the one sentence on a value that cannot be."""
        value = self.values.get(key)
        what = f"is {shown(value)}"
        if value is None and self.assumed.get(key) is not None:
            what = f"is not given and taken as {shown(self.assumed[key])}, the family's default"
        raise (TypeError if wrong_type else ValueError)(
            f"{shown(key)[1:-1]} {what}, but in a {self.family} configuration it must be {must}: "
            "give the value of the published config.json."
        )

    def find(self, *names: str) -> tuple[str, Any]:
        """Give the first name with a value, and the value; names must not disagree.

        A key with null counts as left out. Without any, the family's default.
        """
        self.used.update(names)
        if len(names) == 1 and (value := self.values.get(names[0])) is not None:
            return names[0], value
        first, found = "", None
        for name in names:
            value = self.values.get(name)
            if value is None:
                continue
            if found is None:
                first, found = name, value
            elif not same(value, found):
                self.refuse(name, f"the same as {first}")
        if found is not None:
            return first, found
        for name in names:
            if name in self.defaults:
                self.assumed[name] = self.defaults[name]
                return name, self.defaults[name]
        return names[0], None

    def is_null(self, *names: str) -> bool:
        """Tell a key that says null, where null means none and not the family's default."""
        self.used.update(names)
        return not [name for name in names if self.values.get(name, names) is not None]

    def size(self, *names: str, high: int = LARGEST_SIZE) -> int:
        """A whole number that the model cannot do without; only a text_config may omit it."""
        if len(names) == 1:  # as most are, and then most are right
            value = self.values.get(names[0])
            if type(value) is int and 1 <= value <= high:
                self.used.add(names[0])
                return value
        value = self.optional(*names, high=high)
        assumed = self.assumed and not self.assumed.keys().isdisjoint(names)
        if value is None or (assumed and not self.nested):
            raise ValueError(
                f"{names[0]} is missing, but a {self.family} configuration must give it, a whole "
                f"number from 1 to {high:,}: take it from the published config.json."
            )
        return value

    def optional(self, *names: str, low: int = 1, high: int = LARGEST_SIZE) -> int | None:
        """A whole number, the family's default, or None where neither is given."""
        name, value = self.find(*names)
        if value is not None and not (type(value) is int and low <= value <= high):
            wrong_type = type(value) is not int
            self.refuse(name, f"a whole number from {low:,} to {high:,}", wrong_type=wrong_type)
        return value

    def flag(self, flag: bool | str, default: bool = False) -> bool:
        """A constant, or the key of one; the family's default where it is left out."""
        if isinstance(flag, bool):
            return flag
        name, value = self.find(flag)
        if value is not None and type(value) is not bool:
            self.refuse(name, "true or false", wrong_type=True)
        return default if value is None else bool(value)

    def share(self, *names: str) -> float:
        """A number from 0 to 1, or 1 where it is left out."""
        name, value = self.find(*names)
        if value is not None and type(value) not in (int, float):
            self.refuse(name, "a number from 0 to 1", wrong_type=True)
        if value is not None and not 0 <= value <= 1:
            self.refuse(name, "a number from 0 to 1")
        return 1.0 if value is None else float(value)

    def items(self, name: str, length: int | None = None) -> list[Any] | None:
        """A list, empty or as long as told, at most `MOST_LAYERS`; None where it is left out."""
        value = self.find(name)[1]
        if value is not None and not isinstance(value, list | tuple):
            self.refuse(name, "a list with an entry for each layer", wrong_type=True)
        entries = 0 if value is None else len(value)
        if entries > MOST_LAYERS or (entries and entries != (length or entries)):
            raise ValueError(
                f"{name} has {entries:,} entries, but the {self.family} model has "
                f"{length or MOST_LAYERS:,} layers: give one entry for each."
            )
        return None if value is None else list(value)

    def rotated_share(self) -> float:
        """The share of a head that is rotated: an object about rotations goes before the rest."""
        share = self.share("partial_rotary_factor", "rotary_pct")
        found = [one for key in ROPES if isinstance(one := self.values.get(key), dict)]
        if not found:
            return share
        # An object may hold others, one for each kind of layer.
        inner = [one for rope in found for one in rope.values() if isinstance(one, dict)]
        shares = [
            Reader(rope, self.family, {}, nested=True).share("partial_rotary_factor")
            for rope in (*found, *inner)
            if rope.get("partial_rotary_factor") is not None
        ]
        return shares[0] if shares else share

    def check_kinds(self) -> None:
        """Refuse what changes no size, but can only be an object, or true or false."""
        for key in _OBJECTS:
            value = self.values.get(key)
            if value is not None and not isinstance(value, dict):
                self.refuse(key, "an object", wrong_type=True)
        value = self.values.get("is_decoder")
        if value is not None and not isinstance(value, bool):
            self.refuse("is_decoder", "true or false", wrong_type=True)

    def finish(self) -> None:
        """Refuse by name what was neither used nor known to be without effect on the size."""
        for key in sorted(self.values.keys() - self.used - irrelevant()):
            if not is_neutral(key, self.values[key]):
                raise ValueError(
                    f"the key {shown(key)} ({shown(self.values[key])}) is not understood in a "
                    f"{self.family} configuration, and may change the size: remove it if it does "
                    "not, or size this model by other means."
                )
