"""Read measured serving runs, and say how each row is understood or why it is not.

Some recorded layouts cannot be what ran. They are read as follows, and counted.

* `square`: moe_tp_size and moe_ep_size are both k, and the replica is said to have k x k
  accelerators. gpt-oss-120b on H200 under TensorRT-LLM ran every such load also with k
  accelerators, and the times agree within 3 % (median): both sizes name the same k accelerators.
* `data`: the concurrency is a multiple of the batch and no attention_dp_size is given: the
  multiple is the data parallelism of the attention, over the same tp_size accelerators.
* `waiting`: the mean time to first token is longer than all other tokens together. The replica
  was past saturation, so that batch_size is not what ran in a step. Kept, and shown apart too.
* `capped`: the caches of batch_size sequences do not fit: what fits is what ran, the rest waited.
* `faster`: not even at full rates could the load that is given run so fast. Kept.
* `repeated`: every column equals an earlier row's. Kept; the fit counts it once.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from estimator.catalog import serving as catalog
from estimator.engine import DecoderShape, Layout, Numerics, replica, sequences_that_fit
from estimator.validate.files import check_plain

REQUIRED = ("model_path", "system", "backend", "isl", "osl", "batch_size", "tp_size", "tpot_ms")
OPTIONAL = (
    *("backend_version", "precision", "gemm_quant_mode", "pp_size", "attention_dp_size"),
    *("moe_tp_size", "moe_ep_size", "concurrency", "ttft_ms"),
)
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

    model: str
    system: str
    engine: str
    mode: str
    layout: Layout
    waves: bool

    @property
    def group(self) -> str:
        """Name the group that is left out together."""
        return f"{self.model}/{self.system}/{self.engine}"

    @property
    def decoder(self) -> DecoderShape:
        """Give the model's facts."""
        return catalog.decoder(self.model)

    @property
    def numerics(self) -> Numerics:
        """Give how the weights and the cache are kept."""
        return catalog.numerics(self.decoder, self.mode, self.engine)


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run: what it was, the load, and the measured seconds (NaN where not given)."""

    line: int
    setting: Setting
    batch: float
    prompt_tokens: float
    output_tokens: float
    token_seconds: float
    first_token_seconds: float
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that cannot be modelled, and why, in one sentence."""

    line: int
    why: str


class ColumnsError(ValueError):
    """A file that is no table of measured runs."""


def read_runs(path: Path) -> Iterator[Run | Unread]:
    """Read a file row by row, so that one of any length fits in memory.

    Raises: ColumnsError: no header, or columns are missing; OSError: no such file; ValueError: a
        pipe or a device, which may never end.
    """
    check_plain(path)
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows, [])]
        check_columns(header, path.name)
        yield from _runs(header, rows)


def check_columns(header: list[str], name: str) -> None:
    """Refuse a header that lacks what the estimate needs."""
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise ColumnsError(
            f"{name} has no column {', '.join(missing)}: a table of measured serving runs has "
            f"{', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}."
        )


class _Reader:
    """Turns cells into runs; what rows have in common is worked out once."""

    def __init__(self, header: list[str]) -> None:
        self.places = {name: place for place, name in enumerate(header)}
        self.common = [self.places[name] for name in _COMMON if name in self.places]
        self.known: dict[tuple[str, ...], _Common | str] = {}
        self.seen: set[int] = set()

    def run(self, line: int, cells: list[str]) -> Run | Unread:
        """Read one row."""
        if len(cells) < len(self.places):
            cells = cells + [""] * (len(self.places) - len(cells))
        key = tuple([cells[place] for place in self.common])
        common = self.known.get(key)
        if common is None:
            common = self.known[key] = self._common(cells)
        if isinstance(common, str):
            return Unread(line, common)
        try:
            return self._measured(line, cells, common)
        except ValueError as error:
            return Unread(line, str(error))

    def _common(self, cells: list[str]) -> _Common | str:
        row = {name: cells[place] for name, place in self.places.items()}
        try:
            return _common_of(row)
        except ValueError as error:
            return str(error)

    def _measured(self, line: int, cells: list[str], common: _Common) -> Run:
        prompt, output = (self._number(cells, name, 0) for name in ("isl", "osl"))
        for name, tokens in (("isl", prompt), ("osl", output)):
            if tokens < 1:
                raise ValueError(f"{name} is {tokens:g}, but a request has 1 token or more.")
        token_ms = self._number(cells, "tpot_ms", 0)
        if token_ms <= 0:
            raise ValueError(f"tpot_ms is {token_ms:g}, but a measured time is more than 0.")
        first_ms = self._number(cells, "ttft_ms", math.nan)
        marks = common.marks
        if first_ms > (output - 1) * token_ms:
            marks |= {"waiting"}
        if self._repeated(cells):
            marks |= {"repeated"}
        return Run(
            line,
            common.setting,
            common.batch,
            prompt,
            output,
            token_ms / 1e3,
            first_ms / 1e3,
            marks,
        )

    def _repeated(self, cells: list[str]) -> bool:
        mark = hash(tuple(cells))
        repeated = mark in self.seen
        self.seen.add(mark)
        return repeated

    def _number(self, cells: list[str], name: str, default: float) -> float:
        return _number(cells[self.places[name]], name, default) if name in self.places else default


@dataclass(frozen=True, slots=True)
class _Common:
    """What all rows with the same texts and sizes share."""

    setting: Setting
    batch: float
    marks: frozenset[str]


def _runs(header: list[str], rows: Iterator[list[str]]) -> Iterator[Run | Unread]:
    reader = _Reader(header)
    line = 1
    while True:
        line += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unread(line, f"the row is no CSV: {error}.")
            continue
        if any(cells):
            yield reader.run(line, cells)


_SIZES = ("batch_size", "tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")


_TEXTS = ("model_path", "system", "backend", "backend_version", "gemm_quant_mode", "precision")
_COMMON = (*_TEXTS, *_SIZES, "concurrency")


def _common_of(row: Mapping[str, str]) -> _Common:
    sizes = _sizes(row)
    texts = [row.get(name, "").strip() for name in _TEXTS]
    setting, marks = _new_setting(texts, sizes)
    return _Common(setting, float(sizes["concurrency"]), marks)


def _sizes(row: Mapping[str, str]) -> dict[str, int]:
    """Whole sizes; 0 or empty means 1, but for the batch, and `concurrency` may be left out."""
    given = {name: _size(row, name) for name in (*_SIZES, "concurrency")}
    if not given["batch_size"]:
        raise ValueError("batch_size is 0, but a batch has 1 sequence or more: give for example 8.")
    sizes = {name: size or 1 for name, size in given.items()}
    sizes["data_given"] = given["attention_dp_size"]
    if not given["concurrency"]:
        sizes["concurrency"] = sizes["batch_size"] * sizes["attention_dp_size"]
    return sizes


def _size(row: Mapping[str, str], name: str) -> int:
    value = _number(row.get(name, ""), name, 0)
    if value < 0 or value % 1:
        raise ValueError(f"{name} is {value:g}, but it must be a whole number, 0 or more.")
    return int(value)


def _number(text: str, name: str, default: float) -> float:
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text[:40]!r}, but it must be a number.")
    return value


def _new_setting(texts: list[str], sizes: Mapping[str, int]) -> tuple[Setting, frozenset[str]]:
    model, system, engine, version, mode, precision = texts
    engine = engine.lower()
    if engine not in catalog.ENGINES:
        raise ValueError(
            f"backend {engine[:40]!r} is not known: choose one of {', '.join(catalog.ENGINES)}."
        )
    layout, marks = read_layout(sizes)
    setting = Setting(
        catalog.decoder(model).name,
        catalog.hardware(system).name,
        engine,
        mode or _MODES.get(precision.lower(), precision),
        layout,
        engine == "sglang" and _version(version) < FIRST_WITHOUT_WAVES,
    )
    _check_fits(setting)
    return setting, marks


_MODES = {"": "", "bf16": "", "fp16": "", "fp8": "fp8", "fp4": "nvfp4"}


def _check_fits(setting: Setting) -> None:
    hardware = catalog.hardware(setting.system)
    made = replica(setting.decoder, setting.numerics, hardware, setting.layout)
    if sequences_that_fit(made, 1) < 1:
        count = setting.layout.accelerators
        raise ValueError(
            f"{setting.model} does not fit on {count} x {setting.system}: its weights take "
            f"{made.stored_bytes / 1e9:.0f} GB of each one's {made.memory_bytes / 1e9:.0f} GB."
        )


def read_layout(sizes: Mapping[str, int]) -> tuple[Layout, frozenset[str]]:
    """Say how a row's replica was spread, and which of the readings above was needed."""
    tensor, stages = sizes["tp_size"], sizes["pp_size"]
    data, given = sizes["attention_dp_size"], sizes["data_given"]
    ratio, rest = divmod(sizes["concurrency"], sizes["batch_size"])
    if not given and ratio > 1 and not rest and tensor % ratio == 0:
        return Layout(tensor // ratio, ratio, stages), frozenset({"data"})
    side = sizes["moe_tp_size"]
    if side > 1 and side == sizes["moe_ep_size"] and tensor * data == side * side:
        layout = Layout(side, 1, stages) if data == 1 else Layout(1, side, stages)
        return layout, frozenset({"square"})
    return Layout(tensor, data, stages), frozenset()


def _version(text: str) -> tuple[float, ...]:
    """Read the first three numbers of a version; an unknown one is a new one."""
    numbers = [part for part in text.lstrip("v").split(".")[:3] if part.isdecimal()]
    return tuple(float(part) for part in numbers) if len(numbers) == 3 else (math.inf,)
