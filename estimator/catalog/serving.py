"""What serving estimates start from: decoders, accelerators, precisions, and fitted constants."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any

from estimator.catalog.accelerator_names import accelerator_named
from estimator.catalog.configurations import architecture
from estimator.catalog.loader import accelerator, precision
from estimator.catalog.model_names import model_and_precision
from estimator.choosing import choose
from estimator.decoder_shape import decoder_shape
from estimator.engine import Constants, DecoderShape, Hardware, Numerics, Spread, Spreads

ENGINES = ("vllm", "sglang", "trtllm")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted constant: its value, and the range of it over fits that each leave a group out."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Constants with the spread of what they estimate, for dense models and for mixtures."""

    constants: Constants
    dense: Spreads
    mixture: Spreads

    def spreads(self, mixture: bool) -> Spreads:
        """Give the factors for a kind of model."""
        return self.mixture if mixture else self.dense


PARTS = ("model", "accelerator", "engine")
"""What a group is made of, in the order of its name."""


@dataclass(frozen=True, slots=True)
class LeftOutWhole:
    """A fit that has seen no row of a whole model, accelerator or engine, and its errors there."""

    part: str
    without: str
    rows: int
    median: float
    mean: float
    fit: Fit


@dataclass(frozen=True, slots=True)
class FittedConstants:
    """The fit on all rows, the fits that each left one group out, and where they come from.

    `left_out` is by group, "model/accelerator/engine": a row of that group is estimated by
    constants, and an interval, that have not seen it.
    """

    fit: Fit
    table: tuple[Fitted, ...]
    left_out: Mapping[str, Fit]
    left_out_whole: tuple[LeftOutWhole, ...]
    fitted_on: str
    rows: int
    date: str


@functools.cache
def step_constants() -> FittedConstants:
    """Load the fitted constants; `tools/fit_step_time.py` writes them."""
    text = (files("estimator.catalog") / "step_constants.json").read_text(encoding="utf-8")
    return constants_of(json.loads(text))


def constants_of(data: Mapping[str, Any]) -> FittedConstants:
    """Make the constants of what the fit has written."""
    return FittedConstants(
        fit=_fit(data["fit"]),
        table=tuple(Fitted(**entry) for entry in data["constants"]),
        left_out={group: _fit(entry) for group, entry in data["left_out"].items()},
        left_out_whole=tuple(
            LeftOutWhole(**{**entry, "fit": _fit(entry["fit"])}) for entry in data["left_out_whole"]
        ),
        fitted_on=data["fitted_on"],
        rows=data["rows"],
        date=data["date"],
    )


def _fit(data: Mapping[str, Any]) -> Fit:
    constants = Constants(**data["constants"])
    return Fit(constants, _spreads(data["dense"]), _spreads(data["mixture"]))


def _spreads(data: Mapping[str, Any]) -> Spreads:
    return Spreads(Spread(*data["token"]), Spread(*data["first_token"]))


def fit_entry(fit: Fit) -> dict[str, Any]:
    """Write a fit as it stands in the file."""
    kinds = {"dense": fit.dense, "mixture": fit.mixture}
    return {
        "constants": asdict(fit.constants),
        **{kind: _spreads_entry(spreads) for kind, spreads in kinds.items()},
    }


def _spreads_entry(spreads: Spreads) -> dict[str, list[float]]:
    """Two factors, and the third where the estimate is not the median itself."""
    pairs = (("token", spreads.token), ("first_token", spreads.first_token))
    return {
        name: [one.low, one.high, *((one.middle,) if one.middle != 1 else ())]
        for name, one in pairs
    }


@functools.cache
def decoder(name: str) -> DecoderShape:
    """One decoder by key or published name; an unknown one is refused with the nearest.

    A name that says how a copy of a known model is quantized or tuned is that model's: what is
    asked for here does not depend on it.
    """
    return _decoder(model_and_precision(name)[0])


@functools.cache
def _decoder(key: str) -> DecoderShape:
    return decoder_shape(architecture(key), key)


def hardware(name: str) -> Hardware:
    """One accelerator by its name in the catalog or in a measurement file."""
    sheet = accelerator(accelerator_named(name))
    return Hardware(
        name=sheet.name,
        memory_bytes=sheet.memory_bytes,
        bytes_per_s=sheet.bytes_per_s,
        link_bytes_per_s=sheet.link_bytes_per_s,
        flops_per_s=dict(sheet.flops_per_s),
    )


_NARROW_8 = Numerics(8, 8, 8, 8, 8, 8)
_INT4, _NVFP4 = (precision(name).bits_per_weight for name in ("INT4 g128", "NVFP4"))
_NUMERICS = {
    "bfloat16": Numerics(),
    "float16": Numerics(),
    "int8_wo": Numerics(8, 8, 8),
    "int4_wo": Numerics(_INT4, _INT4, _INT4),
    "fp8": _NARROW_8,
    "fp8_static": _NARROW_8,
    "fp8_ootb": _NARROW_8,
    "fp8_block": _NARROW_8,
    "w4afp8": Numerics(8, 8, _INT4, 8, 8, 8),
    "nvfp4": Numerics(_NVFP4, _NVFP4, _NVFP4, 4, 4, 4),
}
"""How a model is kept under the names of measurement files: bits with scales, and computed."""

CACHE_8_BIT = "trtllm"
"""TensorRT-LLM keeps the cache as the checkpoint says; NVIDIA's 8- and 4-bit ones say FP8.

NVIDIA/TensorRT-LLM pull 16240 ('auto' follows the checkpoint); kv_cache_quant_algo is FP8 in
nvidia--Qwen3-32B-NVFP4_hf_quant_config.json @f577ab8432dfc9970fea27853a24861a6d3076cf and null in
nvidia--DeepSeek-V3-0324-NVFP4_hf_quant_config.json @6d449daaff3cde16ce997454494020b79988ac32, both
of ai-dynamo/aiconfigurator. The others keep 16 bits unless told.
"""


def numerics(decoder: DecoderShape, mode: str, engine: str = "") -> Numerics:
    """Give how a model is kept and computed under a quantization's name, empty for BF16.

    A model published with 4-bit experts (gpt-oss) keeps them under any name, and the rest in 16
    bits. An NVFP4 checkpoint of a model with latent attention leaves the attention in 16 bits.

    Raises: ValueError: a quantization or an engine that is not known.
    """
    if engine:
        choose("engine", engine, ENGINES)
    base = _NUMERICS[choose("quantization", mode.lower() or "bfloat16", _NUMERICS)]
    if decoder.native_expert_bits:
        return Numerics(expert_bits=decoder.native_expert_bits)
    if mode == "nvfp4" and decoder.latent:
        return Numerics(16, _NVFP4, _NVFP4, 16, 4, 4)
    if engine == CACHE_8_BIT and base.attention_compute_bits < 16 and not decoder.latent:
        return replace(base, cache_bytes_per_element=1)
    return base
