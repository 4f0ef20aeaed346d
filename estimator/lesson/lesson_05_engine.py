"""An engine's step in lesson 05, part by part, and what one service costs on each accelerator."""

from __future__ import annotations

import functools
import math
from contextlib import suppress

from estimator import catalog
from estimator.catalog.serving import hardware, step_constants
from estimator.engine import RUNTIME_BYTES, Layout, Service, replica, serve
from estimator.glossary import quantity
from estimator.lesson.lesson_05_case import KEPT, Case
from estimator.lesson.lesson_05_model import numerics_of, work_of
from estimator.lesson.lesson_05_words import short_usd
from estimator.lesson.tables import Bar, Table, Unbroken, breakdown
from estimator.lesson.token_parts import TokenParts, part_names, token_parts
from estimator.serving import peak_requests_per_s, requests_in_flight
from estimator.units import number_text, prefixed_text, quantity_text, seconds_text, share_text


def served(one: Case) -> tuple[Service, TokenParts]:
    """The estimate of a replica at the batch of the plan; of a system that gives tokens."""
    made = replica(
        one.system.shape.decoder(one.x["n_params"]), numerics_of(one.precision),
        hardware(one.accelerator), Layout(tensor=one.width),
    )  # fmt: skip
    work = work_of(one.system, one.x)
    constants = step_constants().fit.constants
    service = serve(made, constants, one.point["batch"], work.prompt_tokens, work.passes)
    return service, token_parts(service, made, constants)


def step_table(one: Case) -> Table:
    """What an engine's step is made of, and by Little's law the replicas that it takes."""
    (service, taken), batch = served(one), one.point["batch"]
    named = zip(part_names(service), taken, strict=True)
    parts = {name: seconds for name, seconds in named if seconds}
    peak = peak_requests_per_s(one.point["requests_per_s"], one.x["peak_factor"])
    seconds = float(service.request_seconds)
    flying = float(requests_in_flight(peak, seconds))
    table = breakdown(parts, "s", caption=f"A step of an engine, {number_text(batch)} in its batch")
    note = (
        f"A request takes {seconds_text(seconds)}. By Little's law {number_text(peak)} a second "
        f"are {number_text(flying)} in flight: {number_text(batch)} to a replica, and rounded up, "
        f"{quantity_text(math.ceil(flying / batch), 'replica')}. {_memory_words(one)}"
    )
    return Table(
        ("part", "time", "share"), table.rows, table.caption, note, table.total, table.left
    )


def _memory_words(one: Case) -> str:
    """Say what the memory that a replica uses is made of."""
    whole, weights = one.point["replica_bytes"], one.point["weight_bytes"]
    work = one.width * RUNTIME_BYTES
    parts = (whole, weights, whole - weights - work, work)
    used, *rest = (prefixed_text(size, "B") for size in parts)
    return (
        f"The {used} that one uses: weights {rest[0]}, caches {rest[1]}, working space {rest[2]}."
    )


@functools.lru_cache(maxsize=KEPT)
def accelerators_table(one: Case) -> Table:
    """The same service on each accelerator that has a price, the cheapest first."""
    found = {one.accelerator: one}
    for name in catalog.prices():
        if name != one.accelerator:
            with suppress(ValueError):  # no replica of that kind will do
                found[name] = one.on(accelerator=name)
    now = one.point["usd_per_month"]
    most = max(other.point["usd_per_month"] for other in found.values())
    rows = [
        (
            name,
            Unbroken(quantity_text(other.x["usd_per_accelerator_hour"], "USD/h")),
            number_text(other.point["planned_accelerators"]),
            Unbroken(short_usd(other.point["usd_per_month"])),
            Bar(
                other.point["usd_per_month"] / most, share_text(other.point["usd_per_month"] / now)
            ),
        )
        for name, other in sorted(found.items(), key=lambda pair: pair[1].point["usd_per_month"])
    ]
    unpriced = ", ".join(name for name in catalog.accelerators() if name not in catalog.prices())
    named = ("usd_per_accelerator_hour", "planned_accelerators", "usd_per_month")
    headers = ("accelerator", *(quantity(name).label for name in named), f"of {one.accelerator}'s")
    return Table(
        headers, rows, "Few fast ones, or many small?", f"No price is known of {unpriced}.",
        left=frozenset({headers[-1]}),
    )  # fmt: skip
