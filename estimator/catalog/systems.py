"""Systems that a service may be built on, and what is paid for it: declared data, with sources.

A new system is an entry of `systems.json`, or a `System` made in a notebook with `replace`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files

from estimator.catalog.loader import read_table
from estimator.choosing import choose
from estimator.uncertainty import Range
from estimator.whole_service import Shape

WIDE_PRICE = (0.7, 1.5)
"""Factors of a price of which no second one was seen; a guess."""


@dataclass(frozen=True, slots=True)
class System:
    """A system: its model's shape, the work of one request, and the bytes that it moves.

    `prompt_tokens` and `passes` are low, likely and high. `course_units` is what the course
    multiplies parameters with, None where it has published no such figure. `engine` gives the
    factors within which the engine model holds for this kind of model, None where it is a decoder
    like those that the model was fitted on, whose measured spread is known.
    """

    key: str
    name: str
    item: str
    model: str
    n_params: int
    shape: Shape
    prompt_tokens: tuple[float, float, float]
    passes: tuple[float, float, float]
    pass_tokens: int
    request_bytes: float
    output_bytes: float
    interaction_bytes: float
    index_share: float
    collection_bytes: float
    engine: tuple[float, float] | None
    course_units: int | None
    sources: Mapping[str, str]

    @property
    def gives_tokens(self) -> bool:
        """Tell whether each pass gives a token."""
        return not self.shape.whole_passes


@dataclass(frozen=True, slots=True)
class Price:
    """What an accelerator costs an hour: low, likely, high, with the place and the date."""

    accelerator: str
    range: Range
    source: str
    place: str
    date: str


@dataclass(frozen=True, slots=True)
class Guess:
    """A range of an input: around any likely value, as factors of what lies above the floor."""

    name: str
    low_factor: float
    high_factor: float
    likely: float
    floor: float
    source: str
    place: str
    date: str

    def around(self, likely: float) -> Range:
        """Give the range around a likely value."""
        middle = likely - self.floor
        low, high = (
            likely if factor == 1 else self.floor + middle * factor  # without round-off
            for factor in (self.low_factor, self.high_factor)
        )
        return Range(self.name, low, likely, high, self.floor)


@dataclass(frozen=True, slots=True)
class Published:
    """A figure that the course has published of a system, and why ours differs."""

    system: str
    quantity: str
    text: str
    value: float
    golden: str
    source: str
    reason: str


@functools.cache
def systems() -> dict[str, System]:
    """All systems by key, in the file's order."""
    text = (files("estimator.catalog") / "systems.json").read_text(encoding="utf-8")
    made = [_system(entry) for entry in json.loads(text)]
    return {one.key: one for one in made}


def system(key: str) -> System:
    """One system; an unknown key is refused with the nearest one.

    >>> system("image").pass_tokens
    4096
    """
    return systems()[choose("system", key, systems())]


@functools.cache
def prices() -> dict[str, Price]:
    """Prices by accelerator, in the file's order."""
    return {row["accelerator"]: _price(row) for row in read_table("accelerator_prices.csv")}


@functools.cache
def guesses() -> dict[str, Guess]:
    """Ranges of inputs that every system shares, by name."""
    return {row["name"]: _guess(row) for row in read_table("service_ranges.csv")}


@functools.cache
def published(key: str) -> tuple[Published, ...]:
    """The course's figures of one system; none where it has published none."""
    rows = (row for row in read_table("published_services.csv") if row["system"] == key)
    return tuple(
        Published(
            row["system"], row["quantity"], row["published"], float(row["value"]), row["golden"],
            row["source"], row["reason"],
        )
        for row in rows
    )  # fmt: skip


def _system(entry: dict[str, object]) -> System:
    """Read an entry of `systems.json`.

    Raises: ValueError, where a key is missing or is none, in one sentence.
    """
    facts = {"course_units": None, "engine": None, **entry}
    names = ("n_layers", "d_model", "cache_elements", "cache_heads", "whole_passes")
    known = {one.name for one in fields(System)} - {"shape"} | {*names}
    if facts.keys() != known:
        lacks = ", ".join(sorted(known - facts.keys())) or "nothing"
        strange = ", ".join(sorted(facts.keys() - known)) or "nothing"
        raise ValueError(
            f"The entry {entry.get('key', '?')!r} of systems.json lacks {lacks} and has {strange} "
            "that is not known: give it the keys of its neighbours."
        )
    shape = {name: facts.pop(name) for name in names}
    for name in ("prompt_tokens", "passes", "engine"):
        facts[name] = tuple(facts[name]) if facts[name] else None  # type: ignore[arg-type]
    return System(shape=Shape(str(facts["name"]), **shape), **facts)  # type: ignore[arg-type]


def _price(row: Mapping[str, str]) -> Price:
    likely = float(row["likely"])
    low, high = (
        float(row[end]) if row[end] else likely * factor
        for end, factor in zip(("low", "high"), WIDE_PRICE, strict=True)
    )
    spread = Range("usd_per_accelerator_hour", low, likely, high)
    return Price(row["accelerator"], spread, row["source"], row["place"], row["date"])


def _guess(row: Mapping[str, str]) -> Guess:
    low, likely, high, floor = (float(row[n]) for n in ("low", "likely", "high", "floor"))
    if likely == 1:
        return Guess(row["name"], low, high, likely, floor, row["source"], row["place"],
                     row["date"])  # fmt: skip
    middle = likely - floor
    return Guess(
        row["name"], (low - floor) / middle, (high - floor) / middle, likely, floor,
        row["source"], row["place"], row["date"],
    )  # fmt: skip
