"""Load the catalog's data files.

Each row says whose figures it has (`source`) and the place where they were read (`place`).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from estimator.choosing import choose
from estimator.model_storage import scaled_bits_per_weight
from estimator.units import GB, GiB, MiB


@dataclass(frozen=True, slots=True)
class Model:
    """A published model: its parameters, and where they were read or counted.

    `n_active_params` is what its makers print for a mixture of experts, None elsewhere.
    `exact` says whether the count is one to the last parameter or a rounded name.
    """

    key: str
    name: str
    n_params: int
    kind: str
    n_active_params: int | None
    stored_dtype: str
    exact: bool
    source: str
    place: str
    note: str


@dataclass(frozen=True, slots=True)
class Accelerator:
    """An accelerator's data sheet: bytes, bytes a second, dense FLOP a second, watts.

    `sold_bytes` is the vendor's decimal figure, `driver_bytes` what the driver reports, and
    `framework_bytes` what a framework was seen to use; the last two are None where not known.
    `link_bytes_per_s` is one way. `int8_ops_per_s` counts operations on integers, None where the
    accelerator has no such rate of its own.
    """

    name: str
    vendor: str
    sold_bytes: int
    driver_bytes: int | None
    framework_bytes: int | None
    bytes_per_s: float
    link_bytes_per_s: float | None
    flops_per_s: Mapping[int, float]
    int8_ops_per_s: float | None
    watts: float | None
    source: str
    place: str
    note: str

    @property
    def memory_bytes(self) -> int:
        """Bytes to plan with: what the driver reports, or else what was sold."""
        return self.driver_bytes or self.sold_bytes


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate or a time worth knowing by heart, in base units, and where it was read."""

    key: str
    meaning: str
    value: float
    unit: str
    source: str
    place: str


@dataclass(frozen=True, slots=True)
class Precision:
    """A way to store weights: bits of an element, and what a group of them shares."""

    name: str
    element_bits: int
    scale_bits: int
    zero_point_bits: int
    group_size: int
    use: str
    source: str

    @property
    def bits_per_weight(self) -> float:
        """Bits of a weight with its share of the scale."""
        bits = scaled_bits_per_weight(
            self.element_bits, self.scale_bits, self.zero_point_bits, self.group_size
        )
        return float(bits)


@functools.cache
def models() -> dict[str, Model]:
    """All models by key, in the file's order."""
    return {row["key"]: _model(row) for row in read_table("models.csv")}


@functools.cache
def accelerators() -> dict[str, Accelerator]:
    """All accelerators by name, in the file's order."""
    return {row["name"]: _accelerator(row) for row in read_table("accelerators.csv")}


@functools.cache
def rates() -> dict[str, Rate]:
    """Rates and times worth knowing, by key."""
    return {row["key"]: _rate(row) for row in read_table("rates.csv")}


@functools.cache
def precisions() -> dict[str, Precision]:
    """Ways to store weights, by name, the widest first."""
    return {row["name"]: _precision(row) for row in read_table("precisions.csv")}


def model(key: str) -> Model:
    """One model; an unknown key is refused with the nearest one."""
    return models()[choose("model", key, models())]


def accelerator(name: str) -> Accelerator:
    """One accelerator; an unknown name is refused with the nearest one."""
    return accelerators()[choose("accelerator", name, accelerators())]


def rate(key: str) -> Rate:
    """One rate; an unknown key is refused with the nearest one."""
    return rates()[choose("rate", key, rates())]


def precision(name: str) -> Precision:
    """One precision; an unknown name is refused with the nearest one."""
    return precisions()[choose("precision", name, precisions())]


def read_table(file: str) -> list[dict[str, str]]:
    """Read a CSV file of the catalog, a row for each line below its header."""
    text = (files("estimator.catalog") / file).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _model(row: Mapping[str, str]) -> Model:
    return Model(
        key=row["key"],
        name=row["name"],
        n_params=int(row["n_params"]),
        kind=row["kind"],
        n_active_params=int_or_none(row["n_active_params"]),
        stored_dtype=row["stored_dtype"],
        exact=row["exact"] == "yes",
        source=row["source"],
        place=row["place"],
        note=row["note"],
    )


def _accelerator(row: Mapping[str, str]) -> Accelerator:
    driver, framework = row["driver_mib"], row["framework_gib"]
    rates = {16: "fp16_tflops", 8: "fp8_tflops", 4: "fp4_tflops"}
    return Accelerator(
        name=row["name"],
        vendor=row["vendor"],
        sold_bytes=int(row["memory_sold_gb"]) * GB,
        driver_bytes=int(driver) * MiB if driver else None,
        framework_bytes=round(float(framework) * GiB) if framework else None,
        bytes_per_s=float(row["bandwidth_gb_per_s"]) * GB,
        link_bytes_per_s=float(row["link_gb_per_s"]) * GB if row["link_gb_per_s"] else None,
        flops_per_s={bits: float(row[name]) * 1e12 for bits, name in rates.items() if row[name]},
        int8_ops_per_s=float(row["int8_tops"]) * 1e12 if row["int8_tops"] else None,
        watts=float(row["tdp_w"]) if row["tdp_w"] else None,
        source=row["source"],
        place=row["place"],
        note=row["note"],
    )


def _rate(row: Mapping[str, str]) -> Rate:
    scale, unit = {"GB/s": (GB, "byte/s"), "ms": (1e-3, "s")}[row["unit"]]
    value = float(row["value"]) * scale
    return Rate(row["key"], row["meaning"], value, unit, row["source"], row["place"])


def _precision(row: Mapping[str, str]) -> Precision:
    return Precision(
        name=row["name"],
        element_bits=int(row["element_bits"]),
        scale_bits=int(row["scale_bits"]),
        zero_point_bits=int(row["zero_point_bits"]),
        group_size=int(row["group_size"]),
        use=row["use"],
        source=row["source"],
    )


def int_or_none(text: str) -> int | None:
    """Read a whole number, or None where a cell is empty."""
    return int(text) if text else None
