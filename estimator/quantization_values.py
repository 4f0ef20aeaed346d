"""What a quantization tells, and how its values are read: each is right, or refused by its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from estimator.matrices import Scales

BY_FILES = "size this checkpoint by its files."


@dataclass(frozen=True, slots=True)
class Quantized:
    """Bits of a quantized weight, and the numbers that a matrix of them has beside them.

    `targets` are the modules that are quantized, each with the key that names it; without any, all
    matrices are. `head` tells that the output head is one of them unless a list keeps it wide.
    `packed` tells how the weights themselves fill whole words, where they are packed into such.
    `left_out` says in words what the files may hold that is not counted, and how much at most.
    """

    name: str
    bits: int
    scales: tuple[Scales, ...] = ()
    targets: tuple[tuple[str, str], ...] = ()
    head: bool = False
    packed: Scales | None = None
    left_out: str = ""


def refuse_unknown(values: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse a key that is not known.

    Raises: ValueError: the first such key, by its name.
    """
    for key in values:
        if key not in known:
            raise ValueError(
                f"the key {key!r:.60} is not known in {where}, and may change the size: remove it "
                f"if it does not, or {BY_FILES}"
            )


def targets(quantization: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    """Names of the modules that are quantized; a list may hold lists of them."""
    listed = quantization.get(key)
    if listed is None:
        return ()
    flat: list[Any] = []
    for one in listed if isinstance(listed, list | tuple) else [None]:
        flat.extend(one if isinstance(one, list | tuple) else [one])
    if not flat or not all(isinstance(name, str) and name for name in flat):
        raise ValueError(f"{key} must be a list of names of modules, one or more.")
    if classes := {"Embedding", "Conv1d", "Conv2d", "LinearBase"} & set(flat):
        raise ValueError(f"{key} names {min(classes)!r}, which is not counted here: {BY_FILES}")
    # Matrices of a class, and any module at all: embeddings are never quantized.
    return () if {"Linear", "re:.*"} & set(flat) else tuple((key, name) for name in flat)


def flag(values: Mapping[str, Any], key: str) -> bool:
    """Read what is true or false, or left out, which is false."""
    value = values.get(key)
    if not isinstance(value, bool | None):
        raise ValueError(f"{key} is {value!r:.40}, but it must be true or false.")
    return bool(value)


def group(values: Mapping[str, Any]) -> int:
    """Read how many inputs share a scale."""
    return whole(values, "group_size", high=2**20)


def refuse_group(value: Any, must: str) -> NoReturn:
    """Refuse a size of groups."""
    raise ValueError(f"group_size is {value!r:.40}, but it must be {must} with this quantization.")


def whole(values: Mapping[str, Any], key: str, high: int = 64, default: int | None = None) -> int:
    """Read a whole number from 1 on."""
    value = values.get(key, default)
    if type(value) is not int or not 1 <= value <= high:
        raise ValueError(f"{key} is {value!r:.40}, but it must be a whole number from 1 to {high}.")
    return value


def block(bits: int, key: str, sides: Any) -> Scales:
    """A scale for each block, whose outputs stand before its inputs as in the matrix itself."""
    both = sides if isinstance(sides, list | tuple) else ()
    if len(both) != 2 or any(type(one) is not int or not 1 <= one <= 2**20 for one in both):
        raise ValueError(
            f"{key} is {sides!r:.40}, but it must be two whole numbers from 1 to 1,048,576, as "
            "[128, 128]."
        )
    return Scales(bits, rows=both[1], columns=both[0])
