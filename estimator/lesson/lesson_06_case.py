"""A case of the reader's in lesson 06: its estimate, and the measured runs around it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from estimator.capacity import check_context
from estimator.catalog import serving
from estimator.catalog.serving import Fit
from estimator.engine import (
    Layout,
    Replica,
    Service,
    Uncertain,
    replica,
    roofline_token_seconds,
    sequences_that_fit,
    serve,
)
from estimator.glossary import quantity
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_06_runs import shipped
from estimator.lesson.token_parts import TokenParts, token_parts

MODELS = (
    "llama-3.1-8b",
    "qwen3-32b",
    "llama-3.3-70b",
    "gemma-3-12b",
    "gpt-oss-120b",
    "deepseek-v3",
)
ACCELERATORS = ("A100-SXM-80GB", "H100-SXM", "H200-SXM", "B200-SXM")
ENGINES = {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM"}
PRECISIONS = {"bfloat16": "BF16", "fp8": "FP8", "nvfp4": "NVFP4, or MXFP4 as published"}
TENSOR = {str(n): "one" if n == 1 else str(n) for n in (1, 2, 4, 8)}
NARROWED = {
    name: replace(quantity(name), low=1, whole=True)
    for name in ("batch", "prompt_tokens", "output_tokens")
}
NEAR = 2


@dataclass(frozen=True, slots=True)
class Case:
    """A load on a replica."""

    model: str
    accelerator: str
    engine: str
    precision: str
    tensor: int
    batch: float
    prompt_tokens: float
    output_tokens: float

    @property
    def group(self) -> str:
        """Name the group of measured runs that it would belong to."""
        return f"{self.model}/{self.accelerator}/{self.engine}"

    @property
    def as_published(self) -> bool:
        """Tell whether the model is published in few bits, and has them at every precision."""
        return serving.decoder(self.model).native_expert_bits is not None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the estimator says of a case; `seen` tells whether its group was measured."""

    token_seconds: Uncertain
    first_token_seconds: Uncertain
    service: Service
    parts: TokenParts
    floor_seconds: float
    seen: bool


@functools.lru_cache(maxsize=256)
def _made(model: str, accelerator: str, engine: str, precision: str, tensor: int) -> Replica:
    decoder = serving.decoder(model)
    numerics = serving.numerics(decoder, precision, engine)
    return replica(decoder, numerics, serving.hardware(accelerator), Layout(tensor))


def any_replica(model: str) -> Replica:
    """One replica of a model, for what depends on the model alone."""
    return _made(model, ACCELERATORS[0], "vllm", "bfloat16", 1)


def _fit(group: str) -> tuple[Fit, bool]:
    constants = serving.step_constants()
    known = constants.left_out.get(group)
    return known or constants.fit, known is not None


def estimate(case: Case) -> Estimate:
    """Estimate a case as `validate serving` would: by a fit that has not seen its group.

    Raises: ValueError: weights or batch do not fit, or requests are longer than the model was
    made for, in one sentence.
    """
    made = _made(case.model, case.accelerator, case.engine, case.precision, case.tensor)
    check_context(made, case.prompt_tokens, case.output_tokens)
    tokens = case.prompt_tokens + case.output_tokens / 2
    fits = int(sequences_that_fit(made, tokens))
    if fits < 1:
        raise ValueError(
            f"{case.model} takes {made.stored_bytes / 1e9:.0f} GB on each of {case.tensor} x "
            f"{case.accelerator}, which leaves no room for a cache of {tokens:,.0f} tokens: give "
            "more accelerators to a replica, or fewer bits."
        )
    if case.batch > fits:
        raise ValueError(
            f"batch is {case.batch:,.0f}, but the caches of {fits:,} such requests fill the "
            f"memory: give {fits:,} or fewer, or more accelerators to a replica."
        )
    fit, seen = _fit(case.group)
    service = serve(made, fit.constants, case.batch, case.prompt_tokens, case.output_tokens)
    spreads = fit.spreads(serving.decoder(case.model).is_mixture)
    return Estimate(
        spreads.token.around(float(service.token_seconds)),
        spreads.first_token.around(float(service.first_token_seconds)),
        service,
        token_parts(service, made, fit.constants),
        float(roofline_token_seconds(made, case.batch, tokens)),
        seen,
    )


@functools.lru_cache(maxsize=64)
def nearby(case: Case) -> tuple[int, ...]:
    """Places of the measured runs of the same group, precision and size with a similar load.

    Batch and lengths are each within a factor of two; the nearest come first.
    """
    columns, settings = shipped().columns, shipped().settings
    mode = "" if case.precision == "bfloat16" else case.precision
    same = np.array(
        [
            one.group == case.group
            and (case.as_published or one.mode in (mode, case.precision))
            and one.layout == Layout(case.tensor)
            for one in settings
        ]
    )  # fmt: skip
    apart = [
        np.abs(np.log2(columns[name] / getattr(case, name)))
        for name in ("batch", "prompt_tokens", "output_tokens")
    ]
    near = same[columns["setting"]] & (np.max(apart, axis=0) <= np.log2(NEAR))
    places, away = np.flatnonzero(near), np.sum(apart, axis=0)
    return tuple(int(place) for place in places[np.argsort(away[places], kind="stable")])


def check_tensor(ranks: int) -> None:
    """Refuse a count of accelerators that this lesson shares no layers among."""
    if str(ranks) not in TENSOR:
        raise ValueError(
            f"tensor_parallel is {ranks}, but this lesson shares the layers among "
            f"{', '.join(list(TENSOR)[:-1])} or {list(TENSOR)[-1]} accelerators: give one of these."
        )


def case_of(given: Inputs) -> Case:
    """The reader's case."""
    check_tensor(given.tensor_parallel)
    return Case(
        given.model, given.accelerator, given.engine, given.precision, int(given.tensor_parallel),
        given.batch, given.prompt_tokens, given.output_tokens,
    )  # fmt: skip


def estimate_of(given: Inputs) -> Estimate:
    """The estimate of the reader's case."""
    return estimate(case_of(given))
