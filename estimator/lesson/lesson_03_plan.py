"""What a model needs on each accelerator, and what fits: the arithmetic behind lesson 03's panel.

Each figure comes from a formula of `estimator.memory`; here they are put together.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from estimator import catalog
from estimator.architecture import Architecture
from estimator.architecture.wrappers import text_part
from estimator.catalog.measured import engine_log, measured_memory
from estimator.catalog.shapes import Shape, shape
from estimator.glossary import quantity
from estimator.memory import (
    activation_bytes,
    crossover_batch,
    inference_bytes,
    kv_pool_bytes,
    layer_activation_bytes,
    logit_bytes,
    tokens_that_fit,
)
from estimator.memory_budget import shard
from estimator.model_storage import weight_bytes
from estimator.quantity import check_each
from estimator.stored_weights import StoredWeights, stored_by_config
from estimator.told_quantization import told_quantization
from estimator.units import BITS_PER_BYTE

ENGINE = "vLLM 0.19.0"
ENGINE_SHARE = 0.9
BLOCK_TOKENS = 16
CACHE_PRECISIONS = ("FP32", "FP16", "BF16", "FP8", "INT8")
EXAMPLE = "llama-3.1-8b"
"""The model of the lesson's tables, whose memory an engine has logged."""
MOST_TOKENS = 10_000_000
"""Asked no further where a configuration does not say for how long a context it was made."""

# A service without a sequence or a token has no batch and no context to ask for; the high ends
# are far beyond any service, and keep a slip of the hand from being sized.
_RANKS = quantity("tensor_parallel")
NARROWED = {
    "batch": replace(quantity("batch"), low=1, whole=True, high=10**9),
    "tokens": replace(quantity("tokens"), low=1, whole=True, high=10**12),
    "tensor_parallel": replace(_RANKS, meaning=f"{_RANKS.meaning}, its heads evenly", high=10**6),
}


def even_ranks(s: Shape) -> list[int]:
    """Counts of accelerators among which a model's heads can be shared out evenly.

    Query heads are never cut; a key-value head is kept by one accelerator, or copied to several.
    """
    return [
        ranks
        for ranks in range(1, s.n_heads + 1)
        if s.n_heads % ranks == 0 and (s.n_kv_heads % ranks == 0 or ranks % s.n_kv_heads == 0)
    ]


def check_ranks(s: Shape, tensor_parallel: int) -> None:
    """Refuse a count of accelerators that cannot share a model's heads."""
    allowed = even_ranks(s)
    if tensor_parallel in allowed:
        return
    *others, last = map(str, allowed)
    fewer = f" and {s.n_kv_heads} key-value heads" if s.n_kv_heads not in (1, s.n_heads) else ""
    raise ValueError(
        f"tensor_parallel is {tensor_parallel}, but the {s.n_heads} query heads{fewer} of {s.name} "
        f"cannot be shared out evenly among so many: give {', '.join(others)} or {last}."
    )


def step_tokens() -> int:
    """Prompt tokens of the largest step that the logged engine is ready for."""
    return engine_log(EXAMPLE).chunk_tokens


@functools.lru_cache(maxsize=64)
def rank_of(s: Shape, tensor_parallel: int = 1) -> Architecture:
    """What one of the accelerators that share a model has of it: its heads, all of its layers."""
    return Architecture(shard(s.decoder, tensor_parallel), {}, ())


def per_token(s: Shape, tensor_parallel: int = 1, bytes_per_element: int = 2) -> int:
    """Bytes that a token of a growing sequence adds to the cache of each accelerator."""
    return int(rank_of(s, tensor_parallel).kv_bytes_per_token(bytes_per_element))


def sequence_bytes(
    s: Shape, tokens: int, tensor_parallel: int, bytes_per_element: int, rule: str = "engine"
) -> int:
    """Bytes that one sequence takes of each accelerator: by the engine's rule, in whole blocks.

    A model with windows takes the pages that an engine sets aside, with `step_tokens()` prompt
    tokens in a step: more than the ideal, in which a layer keeps its window and no more.
    """
    cache = rank_of(s, tensor_parallel).cache_bytes(
        tokens, 1, bytes_per_element, rule=rule, block_tokens=BLOCK_TOKENS,
        chunk_tokens=step_tokens(),
    )  # fmt: skip
    return int(cache)


def chunk_activation_bytes(s: Shape) -> int:
    """Activations of the largest step that the logged engine is ready for: a floor."""
    log = engine_log(EXAMPLE)
    layer = layer_activation_bytes(
        log.chunk_tokens, s.d_model, s.n_heads, s.n_kv_heads, s.head_dim, s.d_ff, s.mlp_matrices
    )
    return int(activation_bytes(layer, logit_bytes(s.vocab_size, log.max_sequences)))


def accelerator_overhead(tensor_parallel: int) -> float:
    """Memory outside the framework, as logged for this many accelerators or the next fewer."""
    logged = {
        run.tensor_parallel: run.overhead_bytes
        for run in measured_memory()
        if run.overhead_bytes is not None and run.pipeline_parallel == 1 and run.model == EXAMPLE
    }
    return logged[max(ranks for ranks in logged if ranks <= tensor_parallel)] or 0


_GROUPS_OF_128 = "INT4 g128"


@dataclass(frozen=True)
class Stored:
    """How the files of a quantized model are stored, and which of the precisions that is."""

    weights: StoredWeights
    precisions: tuple[str, ...]

    @property
    def named(self) -> str:
        """The method and its bits, where the nearest precision is not the files' own."""
        if not self.precisions or self.precisions[0] != _GROUPS_OF_128:
            return ""
        if any(scale.weights == 128 for scale in self.weights.scales):
            return ""
        return f"{self.weights.element_bits:g}-bit {self.weights.name}"


def stored_form(config: Mapping[str, Any], model: Architecture | None = None) -> Stored | None:
    """How a quantized configuration stores its weights; None for any other.

    Raises:
        ValueError: a quantization that is not known.
    """
    quantization = told_quantization(config, text_part(config))
    if quantization is None:
        return None
    weights = stored_by_config(config, model)
    bits = weights.quantized_bits or weights.bits
    names = {"fp8": ("FP8",), "fbgemm_fp8": ("FP8",), "mxfp4": ("MXFP4",), "nvfp4": ("NVFP4",)}
    if weights.name in names:
        return Stored(weights, names[weights.name])
    groups = quantization.get("config_groups") or {"": {"weights": {}}}
    floating = next(iter(groups.values()))["weights"].get("type") == "float"
    # The choice of the same element; its scales and zero points are in the stored bytes.
    for low, names_of in ((8, ("INT8", "FP8")), (4, (_GROUPS_OF_128, _FLOATS_OF_4.get(bits, "")))):
        if low <= bits < low + 1 and names_of[floating]:
            return Stored(weights, (names_of[floating],))
    return Stored(weights, ())


_FLOATS_OF_4 = {4.25: "MXFP4", 4.5: "NVFP4"}


@functools.cache
def _published_form(key: str) -> Stored | None:
    """How the files of a model of the catalog are stored, where a source tells."""
    found = catalog.configurations().get(key)
    return stored_form(found.config) if found else None


@dataclass(frozen=True)
class Plan:
    """One replica of a model: bytes on each of its accelerators, and what fits beside them."""

    shape: Shape
    accelerator: str
    tensor_parallel: int
    batch: int
    tokens: int
    weight_precision: str
    cache_precision: str
    memory: int
    usable: float
    all_weights: float
    activations: int
    overhead: float
    pool: float
    token_bytes: int
    element_bytes: int
    stored: Stored | None = None

    @property
    def as_stored(self) -> bool:
        """Whether the weights are counted as the model's own files store them."""
        return self.stored is not None and self.weight_precision in self.stored.precisions

    @property
    def weights_name(self) -> str:
        """The precision of the weights in words: as the files store them, where no choice fits."""
        named = self.stored.named if self.as_stored and self.stored else ""
        return named or self.weight_precision

    @property
    def weights(self) -> float:
        """Bytes of the weights on each accelerator."""
        return self.all_weights / self.tensor_parallel

    @property
    def cache(self) -> int:
        """Bytes of the whole batch's cache on each accelerator."""
        return self.batch * self._sequence(self.tokens)

    @property
    def needed(self) -> float:
        """All of it, on each accelerator."""
        return self.weights + self.activations + self.overhead + self.cache

    @property
    def model_fits(self) -> bool:
        """Whether there is any room beside the weights."""
        return self.pool > 0

    @property
    def fits(self) -> bool:
        """Whether the batch fits as well."""
        return self.model_fits and self.cache <= self.pool

    @property
    def tokens_fit(self) -> int:
        """Tokens of all sequences together, where every layer keeps every token."""
        return int(tokens_that_fit(self.pool, self.token_bytes))

    @property
    def largest_batch(self) -> int:
        """Sequences of this length that fit at the same time."""
        return int(self.pool // self._sequence(self.tokens))

    @property
    def longest(self) -> int:
        """Tokens, in whole blocks, to which each sequence of the batch may grow."""
        most = (self.shape.context_tokens or MOST_TOKENS) // BLOCK_TOKENS
        blocks = bisect_right(
            range(1, most + 1), self.pool,
            key=lambda n: self.batch * self._sequence(n * BLOCK_TOKENS),
        )  # fmt: skip
        return blocks * BLOCK_TOKENS

    @property
    def equal_batch(self) -> float:
        """Sequences of this length whose cache weighs as much as the weights."""
        each = self._sequence(self.tokens) / self.tokens
        return float(crossover_batch(self.weights, each, self.tokens))

    def with_batch(self, batch: int) -> Plan:
        """The same plan for another batch."""
        return replace(self, batch=batch)

    def sequence_by(self, rule: str) -> int:
        """Bytes of one sequence on each accelerator, by one of the three rules."""
        shared = (self.tensor_parallel, self.element_bytes)
        return sequence_bytes(self.shape, self.tokens, *shared, rule)

    def _sequence(self, tokens: int) -> int:
        return sequence_bytes(self.shape, tokens, self.tensor_parallel, self.element_bytes)


def plan(
    model: str | Shape, accelerator: str, *, tensor_parallel: int = 1, batch: int = 1,
    tokens: int = 8192, weight_precision: str = "BF16", cache_precision: str = "BF16",
    stored: Stored | None = None,
) -> Plan:  # fmt: skip
    """Put a replica together; `stored` is how the files of a model outside the catalog are stored.

    Raises:
        ValueError: what makes no service.
    """
    given = {"tensor_parallel": tensor_parallel, "batch": batch, "tokens": tokens}
    check_each(NARROWED, given)
    s = shape(model) if isinstance(model, str) else model
    memory = catalog.accelerator(accelerator).memory_bytes
    check_ranks(s, tensor_parallel)
    stored = stored or _published_form(s.key)
    weights = weight_bytes(s.n_params, catalog.precision(weight_precision).bits_per_weight)
    if stored and weight_precision in stored.precisions:
        weights = sum(stored.weights.decoder_bytes(s.decoder, s.decoder.parts()).values())
    activations, overhead = chunk_activation_bytes(s), accelerator_overhead(tensor_parallel)
    parts = (weights, activations, overhead, tensor_parallel)
    element_bytes = catalog.precision(cache_precision).element_bits // BITS_PER_BYTE
    return Plan(
        shape=s, accelerator=accelerator, tensor_parallel=tensor_parallel, batch=batch,
        tokens=tokens, weight_precision=weight_precision, cache_precision=cache_precision,
        memory=memory, usable=ENGINE_SHARE * memory, all_weights=weights, activations=activations,
        overhead=overhead, pool=kv_pool_bytes(memory, ENGINE_SHARE, *parts),
        token_bytes=per_token(s, tensor_parallel, element_bytes), element_bytes=element_bytes,
        stored=stored,
    )  # fmt: skip


def results(p: Plan) -> dict[str, float]:
    """The lesson's result, by the names of the glossary.

    Volumes are those of the whole replica, but for what one accelerator leaves for the cache.
    """
    ranks = p.tensor_parallel
    parts = (p.all_weights, p.activations * ranks, p.cache * ranks, p.overhead * ranks)
    return {
        "weight_bytes": p.all_weights,
        "activation_bytes": p.activations * ranks,
        "kv_cache_bytes": p.cache * ranks,
        "overhead_bytes": p.overhead * ranks,
        "inference_bytes": inference_bytes(*parts),
        "kv_bytes_per_token": per_token(p.shape, 1, p.element_bytes),
        "kv_pool_bytes": p.pool,
        "sequences_that_fit": p.largest_batch,
        "longest_context": p.longest,
        "crossover_batch": p.equal_batch,
    }
