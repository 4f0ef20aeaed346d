"""Lesson 04's look past the bounds: what a step of an engine costs, term by term."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from estimator.catalog import serving
from estimator.engine import Layout, Numerics, Uncertain, replica, serve
from estimator.lesson.sizing import BATCH
from estimator.lesson.tables import Cell, Table, Unbroken
from estimator.lesson.token_parts import PROMPTS, TokenParts, token_parts
from estimator.serving import requests_in_flight, requests_per_s
from estimator.units import number_text

MODEL, ACCELERATOR = "llama-3.2-3b", "A100-SXM-80GB"
USERS, ASKS, OUTPUT_TOKENS = 100_000_000, 10, 500
NO_PROMPT = 1
"""The course's requests bring no prompt; a served request has one token at least."""
BATCHES = (1, 8, 64, 153, 557)


@dataclass(frozen=True, slots=True)
class RealStep:
    """A step of the course's service at a batch, and the accelerators that it takes."""

    parts: TokenParts
    token: Uncertain
    fewest: int
    accelerators: int
    most: int


def real_step(batch: int) -> RealStep:
    """Estimate a step of the course's service by the model that lesson 06 holds against runs.

    Raises: ValueError: a batch of none.
    """
    BATCH.check(batch)
    fit = serving.step_constants().fit
    made = replica(serving.decoder(MODEL), Numerics(), serving.hardware(ACCELERATOR), Layout())
    service = serve(made, fit.constants, batch, NO_PROMPT, OUTPUT_TOKENS)
    token = fit.dense.token.around(float(service.token_seconds))
    rate = requests_per_s(USERS, ASKS)
    fleet = (
        math.ceil(requests_in_flight(rate, OUTPUT_TOKENS * float(seconds)) / batch)
        for seconds in (token.p10, token.p50, token.p90)
    )
    return RealStep(token_parts(service, made, fit.constants), token, *fleet)


def real_steps_table() -> Table:
    """What a step of the course's service costs at several batches, and the fleet for it."""
    rows: list[tuple[Cell, ...]] = []
    for batch in BATCHES:
        step = real_step(batch)
        told = (step.parts.products, step.parts.caches, step.parts.layers, step.parts.sequences)
        parts = _adding_up(*told, whole=float(step.token.p50))
        texts = (
            *(f"{part} ms" for part in (*parts, sum(parts))),
            number_text(step.accelerators),
            f"{number_text(step.fewest)} to {number_text(step.most)}",
        )  # fmt: skip
        rows.append((number_text(batch), *map(Unbroken, texts)))
    headers = (
        "batch", "weights or arithmetic", "caches", "layers", "sequences", PROMPTS, "a step",
        "fleet", "P10 to P90",
    )  # fmt: skip
    caption = "Llama 3.2 3B on an A100, no prompts: a step of an engine, and the fleet"
    note = (
        "To an engine a prompt has a token at least. The parts of a row are rounded so that they "
        "add up."
    )
    return Table(headers, rows, caption, note)


def _adding_up(*seconds: float, whole: float) -> list[Decimal]:
    """Round parts and what the whole has beyond them to microseconds, in milliseconds.

    They add up to the whole as it is rounded: each is rounded down, and the microseconds that
    are then missing go where rounding down took most. So none is off by a microsecond, and none
    is below 0.
    """
    exact = [part * 1e6 for part in (*seconds, max(0.0, whole - math.fsum(seconds)))]
    down = [math.floor(part) for part in exact]
    missing = round(math.fsum(exact)) - sum(down)
    by_loss = sorted(range(len(exact)), key=lambda at: down[at] - exact[at])
    up = by_loss[:missing]
    return [Decimal(part + (at in up)).scaleb(-3) for at, part in enumerate(down)]
