"""Read measured serving runs, and say how each row is understood or why it is not.

Some recorded layouts cannot be what ran. They are read as follows, and counted.

* `square`: moe_tp_size and moe_ep_size are both k, and the replica is said to have k x k
  accelerators. gpt-oss-120b on H200 under TensorRT-LLM ran every such load also with k
  accelerators, and the times agree within 3 % (median): both sizes name the same k accelerators.
* `data`: the concurrency is a multiple of the batch and no attention_dp_size is given: the
  multiple is the data parallelism of the attention, over the same tp_size accelerators.
* `contrary`: the concurrency is neither that nor batch_size times attention_dp_size: one of them is
  not what ran. The concurrency is taken, for it is what the client counted.
* `waiting`: the mean time to first token is longer than all other tokens together: requests waited
  for memory, for a limit of the engine, or for one of the client. Kept.
* `capped`: the caches of batch_size sequences do not fit: what fits is what ran, the rest waited.
* `beyond`: prompt and output together are longer than the model's own context. Kept.
* `faster`: not even at the full rates of the data sheet could the load that is given run so fast.
  What ran is then not what is recorded, and cannot be modelled: such a row is named, kept out of
  the fit and of the scores, and estimated as recorded apart.
* `repeated`: every column equals an earlier row's. Kept; the fit counts it once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from estimator.catalog import serving as catalog
from estimator.catalog.accelerator_names import SYSTEMS
from estimator.catalog.model_names import published_names
from estimator.engine import (
    DecoderShape,
    Layout,
    Numerics,
    Replica,
    replica,
    sequences_that_fit,
)
from estimator.validate.reasons import RowError, named

REQUIRED = ("model_path", "system", "backend", "isl", "osl", "batch_size", "tp_size", "tpot_ms")
OPTIONAL = (
    *("backend_version", "precision", "gemm_quant_mode", "pp_size", "attention_dp_size"),
    *("moe_tp_size", "moe_ep_size", "concurrency", "ttft_ms"),
)
WITHOUT = {
    ("precision", "gemm_quant_mode"): "weights are taken for BF16",
    ("pp_size",): "no pipelines",
    ("attention_dp_size", "concurrency"): "attention that is not data-parallel",
    ("backend_version",): "a recent version of the engine",
}
"""Columns that a file may lack together, and what is then assumed."""
FIRST_WITHOUT_WAVES = (0, 5, 6)
"""SGLang before this version prefilled all waiting prompts before it went on decoding.

Read from its rows: the time to first token of version 0.5.1 is that of half the batch's prompts,
that of 0.5.6 and later is not.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What rows have in common: model, accelerator, engine, precision and layout.

    One is made for all rows with the same texts and sizes, and told from others by identity.
    """

    decoder: DecoderShape
    system: str
    engine: str
    mode: str
    layout: Layout
    waves: bool

    @property
    def model(self) -> str:
        """Name the model."""
        return self.decoder.name

    @property
    def group(self) -> str:
        """Name the group that is left out together."""
        return f"{self.model}/{self.system}/{self.engine}"

    @property
    def where(self) -> str:
        """Name the model and its accelerators."""
        return f"{self.model} on {self.layout.accelerators} x {self.system}"

    @property
    def numerics(self) -> Numerics:
        """Give how the weights and the cache are kept."""
        return catalog.numerics(self.decoder, self.mode, self.engine)

    def replica(self) -> Replica:
        """Make its replica. Raises: ValueError: it cannot be laid out so."""
        hardware = catalog.hardware(self.system)
        return replica(self.decoder, self.numerics, hardware, self.layout)


@dataclass(frozen=True, slots=True)
class Common:
    """What all rows with the same texts and sizes share; marks: `square`, `data`, `contrary`."""

    setting: Setting
    batch: float
    marks: frozenset[str]


_SIZES = ("batch_size", "tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
_TEXTS = ("model_path", "system", "backend", "backend_version", "gemm_quant_mode", "precision")
COMMON = (*_TEXTS, *_SIZES, "concurrency")


MOST_TOLD = 20
"""Names that are told with what they were taken for."""


class Settings:
    """Makes settings, each once; `own` are models of the reader's, by name.

    `told` collects what names stand for that no list has as they are, one sentence each.
    """

    def __init__(self, own: Mapping[str, DecoderShape], told: set[str] | None = None) -> None:
        self.own = own
        self.told = set() if told is None else told
        self.known: dict[tuple[tuple[str, ...], Layout], Setting] = {}
        self.unknown = 0

    def common(self, row: Mapping[str, str]) -> Common:
        """Work out what rows with these texts and sizes share.

        Raises: RowError: they cannot be modelled, in one sentence.
        """
        sizes = _sizes(row)
        layout, marks = read_layout(sizes)
        texts = tuple(row.get(name, "").strip() for name in _TEXTS)
        setting = self.known.get((texts, layout))
        if setting is None:
            setting = self.known[texts, layout] = self._make(texts, layout)
        return Common(setting, float(sizes["concurrency"]), marks)

    def _make(self, texts: tuple[str, ...], layout: Layout) -> Setting:
        model, system, engine, version, mode, precision = texts
        engine = engine.lower()
        if engine not in catalog.ENGINES:
            listed = ", ".join(catalog.ENGINES)
            why = f"backend {engine[:40]!r} is not known: choose one of {listed}."
            raise RowError("backend is not known", engine, why)
        hardware = named("system is not known", system, lambda: catalog.hardware(system))
        setting = Setting(
            self._decoder(model),
            hardware.name,
            engine,
            mode or _MODES.get(precision.lower(), precision),
            layout,
            engine == "sglang" and _version(version) < FIRST_WITHOUT_WAVES,
        )
        if hardware.name != system and system.lower() not in SYSTEMS:
            self._tell(f"system {system[:60]} is the catalog's {hardware.name}")
        numbers = f"{setting.mode} under {engine}"
        named("gemm_quant_mode or precision is not known", numbers, lambda: setting.numerics)
        _check_fits(setting)
        return setting

    def _decoder(self, model: str) -> DecoderShape:
        if model in self.own:
            return self.own[model]
        if not model:
            raise RowError("model_path is empty", "", "model_path is empty: name the model.")
        try:
            found = catalog.decoder(model)
        except ValueError as error:
            self.unknown += 1
            # To look for names that are near takes time: only the first sentences are shown.
            why = str(error) if self.unknown == 1 else f"model is {model[:60]!r}: not known."
            raise RowError("model_path is not known", model, why) from None
        if found.name != model.lower() and model.lower() not in published_names():
            self._tell(f"model {model[:60]} has the architecture of the catalog's {found.name}")
        return found

    def _tell(self, sentence: str) -> None:
        if len(self.told) < MOST_TOLD:
            self.told.add(sentence)


def _sizes(row: Mapping[str, str]) -> dict[str, int]:
    """Whole sizes; 0 or empty means 1, but for the batch, and `concurrency` may be left out."""
    given = {name: _size(row, name) for name in (*_SIZES, "concurrency")}
    if not given["batch_size"]:
        why = "batch_size is 0, but a batch has 1 sequence or more: give for example 8."
        raise RowError("batch_size is 0 or empty", row.get("batch_size", ""), why)
    sizes = {name: size or 1 for name, size in given.items()}
    sizes["data_given"] = given["attention_dp_size"]
    if not given["concurrency"]:
        sizes["concurrency"] = sizes["batch_size"] * sizes["attention_dp_size"]
    return sizes


def _size(row: Mapping[str, str], name: str) -> int:
    value = number(row.get(name, ""), name, 0)
    if value < 0 or value % 1:
        why = f"{name} is {value:g}, but it must be a whole number, 0 or more."
        raise RowError(f"{name} is no whole number from 0 on", f"{value:g}", why)
    return int(value)


def number(text: str, name: str, default: float) -> float:
    """Read a number of a cell; RowError says what is wrong with it."""
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        why = f"{name} is {text[:40]!r}, but it must be a number."
        raise RowError(f"{name} is no number", repr(text[:40]), why)
    return value


_MODES = {"": "", "bf16": "", "fp16": "", "fp8": "fp8", "fp4": "nvfp4"}


def _check_fits(setting: Setting) -> None:
    layout, tensor = setting.layout, setting.layout.tensor
    if not setting.decoder.divides_among(tensor):
        why = (
            f"tp_size shares each layer of {setting.model} among {tensor}, but its width of "
            f"{setting.decoder.d_model} cannot be shared out evenly so: give for example 8."
        )
        raise RowError("tp_size does not divide the model's width", tensor, why)
    made = named("no such replica can be made", setting.where, setting.replica)
    if sequences_that_fit(made, 1) < 1:
        why = (
            f"{setting.model} does not fit on {layout.accelerators} x {setting.system}: its "
            f"weights take {made.stored_bytes / 1e9:.0f} GB of each one's "
            f"{made.memory_bytes / 1e9:.0f} GB."
        )
        raise RowError("the weights do not fit", setting.where, why)


def read_layout(sizes: Mapping[str, int]) -> tuple[Layout, frozenset[str]]:
    """Say how a row's replica was spread, and which of the readings above was needed."""
    tensor, stages = sizes["tp_size"], sizes["pp_size"]
    data, given = sizes["attention_dp_size"], sizes["data_given"]
    ratio, rest = divmod(sizes["concurrency"], sizes["batch_size"])
    if not given and ratio > 1 and not rest and tensor % ratio == 0:
        return Layout(tensor // ratio, ratio, stages), frozenset({"data"})
    contrary = sizes["concurrency"] != sizes["batch_size"] * data
    marks = frozenset({"contrary"} if contrary else ())
    side = sizes["moe_tp_size"]
    if side > 1 and side == sizes["moe_ep_size"] and tensor * data == side * side:
        layout = Layout(side, 1, stages) if data == 1 else Layout(1, side, stages)
        return layout, marks | {"square"}
    return Layout(tensor, data, stages), marks


def _version(text: str) -> tuple[float, ...]:
    """Read the first three numbers of a version; an unknown one is a new one."""
    numbers = [part for part in text.lstrip("v").split(".")[:3] if part.isdecimal()]
    return tuple(float(part) for part in numbers) if len(numbers) == 3 else (math.inf,)
