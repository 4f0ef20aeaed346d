"""Lesson 04's tables of the three bounds: over the batch, and with a prompt."""

from __future__ import annotations

from dataclasses import replace

from estimator.lesson.lesson_04_figures import corner
from estimator.lesson.sizing import Service
from estimator.lesson.tables import Table
from estimator.serving import (
    bandwidth_accelerators,
    bandwidth_step_seconds,
    generation_seconds,
    prefill_floor_seconds,
)
from estimator.units import number_text, prefixed_text, quantity_text, seconds_text


def bounds_table(service: Service) -> Table:
    """Three bounds side by side from one sequence to as many as fit."""
    fits, (knee, _) = service.fits(), corner(service)
    weights_only = generation_seconds(
        bandwidth_step_seconds(service.weight_bytes, service.chip.bytes_per_s),
        service.output_tokens,
    )
    rows = []
    for batch in sorted({1, 8, 64, 153, knee, fits}):
        if batch > fits:
            continue
        b = service.bounds(batch)
        alone = bandwidth_accelerators(service.requests_per_s, weights_only, batch)
        counts = (b.compute, alone, b.bandwidth, b.capacity)
        step = seconds_text(b.step_seconds)
        rows.append((number_text(batch), step, *map(number_text, counts), b.binding_text))
    headers = (
        "batch", "a step", "compute", "bandwidth, weights alone", "bandwidth", "capacity",
        "binds",
    )  # fmt: skip
    return Table(
        headers,
        rows,
        "Accelerators by each bound; a step: the longer of reading and arithmetic",
        left=frozenset({"binds"}),
    )


TOKEN_TARGETS = (0.05, 0.02, 0.01, 0.005, 0.003, 0.0025)


def target_table(service: Service) -> Table:
    """What targets for a token leave of the batch, on replicas of one accelerator."""
    rows = []
    for target in TOKEN_TARGETS:
        batch = min(service.fits(), service.in_time(target))
        needed = number_text(service.bounds(batch).needed) if batch else "too slow, however many"
        rows.append((seconds_text(target), number_text(batch) if batch else "none", needed))
    headers = ("target for each token", "largest batch", "accelerators by all three bounds")
    size, step = prefixed_text(service.weight_bytes, "B"), service.step_seconds(0)[1]
    caption = f"Reading the weights alone, {size}, takes {seconds_text(step)}"
    return Table(headers, rows, caption)


def prompt_table(service: Service, prompt_tokens: int = 500) -> Table:
    """A service without prompts beside the same one with them, both with a full memory."""
    names = (
        "prompt read before the first token", "arithmetic of a request",
        "cache of a sequence, on average", "sequences that fit", "a step, at that batch",
        "accelerators by compute", "accelerators by bandwidth", "accelerators by capacity",
    )  # fmt: skip
    asked = replace(service, prompt_tokens=prompt_tokens)
    rows = list(zip(names, _with_full_memory(service), _with_full_memory(asked), strict=True))
    headers = ("what", "without a prompt", f"with {prompt_tokens} tokens of prompt")
    caption = f"The same {number_text(service.output_tokens)} tokens of answer, and a prompt"
    return Table(headers, rows, caption)


def _with_full_memory(service: Service) -> tuple[str, ...]:
    fits = service.fits()
    at = service.bounds(fits)
    prefill = prefill_floor_seconds(service.n_params, service.prompt_tokens, service.flops_per_s)
    return (
        seconds_text(prefill),
        seconds_text(service.request_compute_seconds),
        prefixed_text(service.mean_cache_bytes, "B"),
        quantity_text(fits, "sequence"),
        seconds_text(at.step_seconds),
        *map(number_text, (at.compute, at.bandwidth, at.capacity)),
    )
