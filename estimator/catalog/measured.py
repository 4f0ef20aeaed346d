"""What others measured, and what was measured for this course: memory of engines, real caches.

`measured_memory.csv` comes from llm-d-planner (Apache-2.0); each row names its place.
`verified_cache.csv` is written by `python -m tests.verify.test_kv_cache`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from estimator.catalog.loader import int_or_none, read_table
from estimator.memory import window_cache_bytes
from estimator.units import GiB


@dataclass(frozen=True, slots=True)
class MeasuredMemory:
    """What an engine logged of one accelerator's memory, in bytes; None where it is not known.

    The log prints GiB to two decimals. `chunk_tokens` and `max_sequences` are what the engine
    was ready for in one step, `concurrency` is how many sequences of 8,192 tokens it counted.
    """

    model: str
    accelerator: str
    engine: str
    weight_dtype: str
    kv_dtype: str
    tensor_parallel: int
    pipeline_parallel: int
    memory_bytes: float
    utilization: float
    weight_bytes: float
    activation_bytes: float | None
    overhead_bytes: float | None
    kv_pool_bytes: float | None
    kv_tokens: int | None
    kv_blocks: int | None
    concurrency: float | None
    chunk_tokens: int
    max_sequences: int
    measured: str
    source: str
    place: str
    licence: str


@dataclass(frozen=True, slots=True)
class VerifiedCache:
    """Bytes of the key and value tensors of a model that ran, and the versions it ran with."""

    case: str
    attention: str
    model_class: str
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    window: int
    window_layers: int
    tokens: int
    batch: int
    element_bytes: int
    tensor_bytes: int
    transformers: str
    torch: str
    measured: str

    @property
    def computed_bytes(self) -> int:
        """The same bytes by the formula; a module keeps one token less than its window."""
        kept = window_cache_bytes(
            self.n_layers - self.window_layers, self.window_layers, self.n_kv_heads,
            self.head_dim, self.tokens, max(self.window - 1, 1), self.batch, self.element_bytes,
        )  # fmt: skip
        return int(kept)


@functools.cache
def measured_memory() -> tuple[MeasuredMemory, ...]:
    """All logged runs, in the file's order."""
    return tuple(_memory(row) for row in read_table("measured_memory.csv"))


def engine_log(model: str, weight_dtype: str = "bf16", kv_dtype: str = "bf16") -> MeasuredMemory:
    """The run of a model on one accelerator; a ValueError if nobody measured it.

    >>> engine_log("llama-3.1-8b").kv_tokens
    476016
    """
    for run in measured_memory():
        alone = run.tensor_parallel == run.pipeline_parallel == 1
        if alone and (run.model, run.weight_dtype, run.kv_dtype) == (model, weight_dtype, kv_dtype):
            return run
    known = ", ".join(dict.fromkeys(run.model for run in measured_memory()))
    raise ValueError(
        f"nobody measured {model!r} with {weight_dtype} weights and a {kv_dtype} cache: "
        f"choose one of {known}."
    )


@functools.cache
def verified_caches() -> dict[str, VerifiedCache]:
    """The caches that were measured for this course, by case."""
    return {row["case"]: _verified(row) for row in read_table("verified_cache.csv")}


def _memory(row: dict[str, str]) -> MeasuredMemory:
    return MeasuredMemory(
        model=row["model"],
        accelerator=row["accelerator"],
        engine=f"{row['engine']} {row['engine_version']}",
        weight_dtype=row["weight_dtype"],
        kv_dtype=row["kv_dtype"],
        tensor_parallel=int(row["tp"]),
        pipeline_parallel=int(row["pp"]),
        memory_bytes=float(row["visible_gib"]) * GiB,
        utilization=float(row["utilization"]),
        weight_bytes=float(row["weights_gib"]) * GiB,
        activation_bytes=_gib(row["activation_gib"]),
        overhead_bytes=_gib(row["non_torch_gib"]),
        kv_pool_bytes=_gib(row["kv_pool_gib"]),
        kv_tokens=int_or_none(row["kv_tokens"]),
        kv_blocks=int_or_none(row["kv_blocks"]),
        concurrency=float(row["concurrency_8192"]) if row["concurrency_8192"] else None,
        chunk_tokens=int(row["chunk_tokens"]),
        max_sequences=int(row["max_sequences"]),
        measured=row["measured"],
        source=row["source"],
        place=row["place"],
        licence=row["licence"],
    )


_TEXTS = ("case", "attention", "model_class", "transformers", "torch", "measured")


def _verified(row: dict[str, str]) -> VerifiedCache:
    texts = {name: row[name] for name in _TEXTS}
    numbers = {name: int(text) for name, text in row.items() if name not in _TEXTS}
    return VerifiedCache(**texts, **numbers)  # type: ignore[arg-type]


def _gib(text: str) -> float | None:
    return float(text) * GiB if text else None
