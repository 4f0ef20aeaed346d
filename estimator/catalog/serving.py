"""What serving estimates start from: decoders, accelerators, precisions, and fitted constants."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any

from estimator.catalog.configurations import architecture, configurations
from estimator.catalog.loader import accelerator
from estimator.choosing import choose
from estimator.decoder_shape import decoder_shape
from estimator.engine import Constants, DecoderShape, Hardware, Numerics, Spread, Spreads

SYSTEMS = {
    "v100_sxm": "V100-SXM2-32GB",
    "t4": "T4",
    "a10": "A10",
    "a10g": "A10G",
    "l4": "L4",
    "l40s": "L40S",
    "a100_40gb_sxm": "A100-SXM-40GB",
    "a100_sxm": "A100-SXM-80GB",
    "a100_80gb_sxm": "A100-SXM-80GB",
    "h100_sxm": "H100-SXM",
    "h100_pcie": "H100-PCIe",
    "h200_sxm": "H200-SXM",
    "b200_sxm": "B200-SXM",
    "mi300x": "MI300X",
}
"""Names of accelerators in measurement files, and in the catalog."""

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
def decoders() -> dict[str, DecoderShape]:
    """All decoders, by key and by the names under which they are published, lower case."""
    text = (files("estimator.catalog") / "decoders.json").read_text(encoding="utf-8")
    table = {}
    for facts in json.loads(text):
        made = decoder_of(facts)
        for name in (facts["key"], *facts["names"]):
            table[name.lower()] = made
            table[name.lower().rpartition("/")[2]] = made
    return table


@functools.cache
def decoder(name: str) -> DecoderShape:
    """One decoder by key or published name; an unknown one is refused with the nearest.

    A name that says how a copy of a known model is quantized or tuned is that model's: what is
    asked for here does not depend on it. What `decoders.json` lacks is made of its configuration.
    """
    lower = name.strip().lower()
    copied = _COPY.sub("", lower.rpartition("/")[2])
    for known in (lower, copied, _TUNED.sub("", copied)):
        if known in decoders():
            return decoders()[known]
        if known in configurations():
            return decoder_shape(architecture(known), known)
    names = dict.fromkeys(key for key in (*decoders(), *configurations()) if "/" not in key)
    return decoders()[choose("model", lower[:60], names)]


_COPY = re.compile(r"(-(fp8|nvfp4|fp4|mxfp4|bf16|awq|gptq|int4|int8|dynamic|block))+$")
_TUNED = re.compile(r"(-(instruct|it|chat|hf|base|\d{4}))+$")


def hardware(name: str) -> Hardware:
    """One accelerator by its name in the catalog or in a measurement file."""
    sheet = accelerator(SYSTEMS.get(name.lower(), name))
    return Hardware(
        name=sheet.name,
        memory_bytes=sheet.memory_bytes,
        bytes_per_s=sheet.bytes_per_s,
        link_bytes_per_s=sheet.link_bytes_per_s,
        flops_per_s=dict(sheet.flops_per_s),
    )


def decoder_of(facts: Mapping[str, Any]) -> DecoderShape:
    """Count what the step time needs from a model's published configuration."""
    n_layers, d_model = facts["n_layers"], facts["d_model"]
    mixture_layers = n_layers - facts.get("dense_layers", 0) if "n_experts" in facts else 0
    window_layers = facts.get("window_layers", 0)
    kept, pairs = _per_layer(facts)
    head = facts["vocab_size"] * d_model
    return DecoderShape(
        name=facts["key"],
        n_layers=n_layers,
        n_mixture_layers=mixture_layers,
        d_model=d_model,
        attention_params=n_layers * _attention_params(facts),
        shared_params=_shared_params(facts, mixture_layers),
        head_params=head,
        embedding_params=0 if facts.get("tied_embeddings") else head,
        expert_params=3 * d_model * facts.get("expert_d_ff", 0),
        routed_experts=facts.get("n_experts", 1),
        experts_per_token=facts.get("experts_per_token", 0),
        cache_elements=(n_layers - window_layers) * kept,
        window_cache_elements=window_layers * kept,
        window=facts.get("window_tokens", 1),
        cache_heads=1 if "latent" in facts else facts["n_kv_heads"],
        pair_flops=(n_layers - window_layers) * pairs,
        window_pair_flops=window_layers * pairs,
        latent="latent" in facts,
        native_expert_bits=facts.get("native_expert_bits"),
        context_tokens=_context_tokens(facts["key"]),
    )


def _context_tokens(key: str) -> int | None:
    """The longest sequence that a model was made for, as its published configuration says."""
    published = configurations().get(key)
    return published.config.get("max_position_embeddings") if published else None


def _attention_params(facts: Mapping[str, Any]) -> int:
    """Count the attention weights of one layer, a latent attention's by its ranks."""
    d_model, heads = facts["d_model"], facts["n_heads"]
    if "latent" not in facts:
        width = 2 * heads + 2 * facts["n_kv_heads"]
        return int(d_model * width * facts["head_dim"])
    ranks = facts["latent"]
    rope, nope, value = ranks["rope_dim"], ranks["nope_dim"], ranks["v_dim"]
    queries = d_model * ranks["q_rank"] + ranks["q_rank"] * heads * (nope + rope)
    latents = d_model * (ranks["kv_rank"] + rope) + ranks["kv_rank"] * heads * (nope + value)
    return int(queries + latents + heads * value * d_model)


def _shared_params(facts: Mapping[str, Any], mixture_layers: int) -> int:
    """Count the weights of all layers that every token uses beside attention, gated."""
    d_model = facts["d_model"]
    dense = (facts["n_layers"] - mixture_layers) * 3 * d_model * facts["d_ff"]
    router = mixture_layers * d_model * facts.get("n_experts", 0)
    shared = mixture_layers * 3 * d_model * facts.get("shared_d_ff", 0)
    return int(dense + router + shared)


def _per_layer(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Elements that a layer keeps of one token, and FLOPs of one query with one key."""
    heads = facts["n_heads"]
    if "latent" in facts:
        ranks = facts["latent"]
        widths = ranks["nope_dim"] + ranks["rope_dim"] + ranks["v_dim"]
        return ranks["kv_rank"] + ranks["rope_dim"], 2 * heads * widths
    return 2 * facts["n_kv_heads"] * facts["head_dim"], 4 * heads * facts["head_dim"]


_NARROW_8 = Numerics(8, 8, 8, 8, 8, 8)
_NUMERICS = {
    "bfloat16": Numerics(),
    "float16": Numerics(),
    "int8_wo": Numerics(8, 8, 8),
    "int4_wo": Numerics(4.125, 4.125, 4.125),
    "fp8": _NARROW_8,
    "fp8_static": _NARROW_8,
    "fp8_ootb": _NARROW_8,
    "fp8_block": _NARROW_8,
    "w4afp8": Numerics(8, 8, 4.125, 8, 8, 8),
    "nvfp4": Numerics(4.5, 4.5, 4.5, 4, 4, 4),
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
        return Numerics(16, 4.5, 4.5, 16, 4, 4)
    if engine == CACHE_8_BIT and base.attention_compute_bits < 16 and not decoder.latent:
        return replace(base, cache_bytes_per_element=1)
    return base
