"""A whole service from daily users to a bill: every answer of lesson 05, as arrays in one call.

`lesson_05_case` makes one service of it, with its ranges; `lesson_05_many` a table of services.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from estimator import catalog, cost, whole_service
from estimator.arithmetic import maximum
from estimator.bandwidth import monthly_traffic_bytes, traffic_bits_per_s
from estimator.catalog import System
from estimator.catalog.serving import hardware, step_constants
from estimator.choosing import choose
from estimator.decoder_shape import decoder_shape
from estimator.engine import RUNTIME_BYTES, Layout, Numerics, replica
from estimator.glossary import quantity
from estimator.lesson.rates import COMPUTED_BITS
from estimator.memory import kv_cache_bytes
from estimator.model_storage import weight_bytes
from estimator.quantity import Quantity
from estimator.serving import accelerators, compute_seconds, peak_requests_per_s, requests_per_s
from estimator.step_time import replicas_needed
from estimator.user_data import (
    copied_bytes,
    daily_bytes,
    profile_bytes,
    requests_per_day,
    retained_bytes,
    storage_usd_per_month,
)
from estimator.whole_service import Shape, Work, narrowest, serve_most

Columns = Mapping[str, Any]

RECORD_BYTES = 10_000
"""Bytes of a user's profile: the course's 10 KB."""
NAMES = ("system", "model", "precision", "accelerator")
DEFAULTS: dict[str, Any] = {
    "system": "text", "model": "", "users": 100_000_000, "requests_per_user": 10,
    "peak_factor": 2, "n_params": 0, "prompt_tokens": 0, "passes": 0, "precision": "FP16",
    "accelerator": "A100-SXM-80GB", "token_target_seconds": 0.05, "target_utilization": 0.75,
    "spare_replicas": 1, "retention_days": 30, "replicas": 1, "usd_per_accelerator_hour": 0,
    "hot_usd_per_gb": 0.021, "egress_usd_per_gb": 0.05, "accelerator_watts": 0,
    "server_power_factor": 1.34, "pue": 1.56, "usd_per_kwh": 0.0806, "grid_kg_per_kwh": 0.481,
    "doubt": 1, "seed": 1,
}  # fmt: skip
"""The lesson's parameters but for its paths; 0 asks for what the catalog has, and so does ""."""
PARAMETERS = (
    "system", "model", "users", "requests_per_user", "peak_factor", "n_params", "prompt_tokens",
    "passes", "precision", "accelerator", "usd_per_accelerator_hour", "doubt",
)  # fmt: skip
"""Inputs that have a parameter of their own in the lesson."""
FROM_CATALOG = (
    "n_params", "prompt_tokens", "passes", "usd_per_accelerator_hour", "accelerator_watts",
)  # fmt: skip
"""Inputs for which a 0 asks for the catalog's value."""
MOST = {name: quantity(name).most for name in ("users", "requests_per_user", "n_params")} | {
    "prompt_tokens": 1e7, "passes": 1e6,
}  # fmt: skip
"""The largest values that the lesson takes, far beyond any service."""
POSITIVE = ("users", "requests_per_user")
"""Counts that the glossary lets be 0, but that a price is divided by."""
OTHERS = tuple(name for name in DEFAULTS if name not in PARAMETERS)
"""Inputs that are set in the parameter `others`, as text: "pue = 1.2, usd_per_kwh = 0.1"."""
KEYS = (
    "kept_bytes", "daily_bytes", "weight_bytes", "replica_bytes", "requests_per_s",
    "accelerators", "tensor_parallel", "batch", "planned_accelerators", "ingress_bits_per_s",
    "egress_bits_per_s", "peak_egress_bits_per_s", "accelerator_usd_per_month",
    "storage_usd_per_month", "egress_usd_per_month", "usd_per_month", "usd_per_item",
    "usd_per_million_passes", "power_watts", "energy_kwh_per_month", "item_watt_hours",
    "electricity_usd_per_month", "emission_kg_per_month",
)  # fmt: skip
"""Answers of the lesson, in the order of its page."""


def others_of(text: str) -> dict[str, float]:
    """Read further inputs from text, each checked by the glossary.

    Raises: TypeError: no text; ValueError: names that are none of them or are there twice, no
    numbers, or some out of their range, all of them at once.

    >>> others_of("pue = 1.2, usd_per_kwh = 0.1")
    {'pue': 1.2, 'usd_per_kwh': 0.1}
    """
    if not isinstance(text, str):
        raise TypeError(f"others is {text!r}, but it must be text such as 'pue = 1.2'.")
    found: dict[str, float] = {}
    problems = []
    for part in filter(None, (piece.strip() for piece in text.replace(";", ",").split(","))):
        try:
            name, value = _one_of_others(part)
            if name in found:
                raise ValueError(f"others gives {name} twice: give it once.")
            found[name] = value
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError(" ".join(problems))
    return found


def _one_of_others(part: str) -> tuple[str, float]:
    name, _, value = (piece.strip() for piece in part.partition("="))
    choose("others", name, OTHERS)
    try:
        number = float(value)
    except ValueError:
        raise ValueError(
            f"others has {part!r}, which gives {name} no number: write {name} = "
            f"{quantity(name).usual:g}."
        ) from None
    return name, quantity(name).check(number)


def narrowed(name: str, *, positive: bool = False) -> Quantity:
    """Give the glossary's entry with the lesson's own range.

    >>> narrowed("users").range_text
    'more than 0, at most 10,000,000,000 users'
    """
    entry = replace(quantity(name), high=MOST[name])
    return replace(entry, low_open=True) if positive or name in POSITIVE else entry


@functools.cache
def dense_models() -> Mapping[str, str]:
    """Models of the catalog that a system may be put on: every weight is read in every step.

    >>> dense_models()["llama-3.1-8b"]
    'Llama 3.1 8B'
    """
    found = {}
    for key, published in catalog.configurations().items():
        with suppress(ValueError):  # an encoder generates nothing
            shape = decoder_shape(catalog.architecture(key))
            if not (shape.n_mixture_layers or shape.latent or shape.window_cache_elements):
                found[key] = published.name
    return found


def on_model(system: System, model: str) -> System:
    """Put a system on another model, with its parameters, layers, width and cache.

    Raises: ValueError, where the model is not known, or the system has no use for it.
    """
    if not model:
        return system
    key = choose("model", model, dense_models())
    if not system.gives_tokens:
        raise ValueError(
            f"model is {model!r}, but {system.name} takes no model of text: leave it empty."
        )
    published = catalog.architecture(key)
    shape = decoder_shape(published)
    return replace(
        system,
        model=dense_models()[key],
        n_params=published.n_params,
        shape=Shape(key, shape.n_layers, shape.d_model, shape.cache_elements, shape.cache_heads),
        sources={**system.sources, "model": "its published configuration in this catalog"},
        course_units=None,
    )


def numerics_of(precision: str) -> Numerics:
    """Give how weights are kept and computed at a precision."""
    bits = catalog.precision(precision).bits_per_weight
    return Numerics(shared_bits=bits, shared_compute_bits=COMPUTED_BITS.get(precision, 16))


def arithmetic_rate(precision: str, accelerator: str) -> float:
    """Operations a second at which an engine computes with weights of a precision.

    >>> arithmetic_rate("FP8", "H100-SXM"), arithmetic_rate("FP8", "A100-SXM-80GB")
    (1979000000000000.0, 312000000000000.0)
    """
    return float(hardware(accelerator).rate(numerics_of(precision).shared_compute_bits)[0])


def work_of(system: System, x: Columns) -> Work:
    """Give the work of a request: at least one pass, and a token of prompt where it is cached."""
    least = 1 if system.gives_tokens else 0
    return Work(maximum(least, x["prompt_tokens"]), maximum(1, x["passes"]), system.pass_tokens)


def width_of(system: System, precision: str, accelerator: str, x: Columns) -> Any:
    """Accelerators of a replica; 0 where no width that is tried will do."""
    return narrowest(
        system.shape, x["n_params"], numerics_of(precision), hardware(accelerator),
        step_constants().fit.constants, work_of(system, x), x["token_target_seconds"],
        lambda carried, width: _planned(carried, width, x), x["engine_factor"],
    )  # fmt: skip


def _planned(carried: Any, width: int, x: Columns) -> Any:
    """Accelerators to plan where a replica carries so many requests a second."""
    rate = requests_per_s(x["users"], x["requests_per_user"])
    peak = peak_requests_per_s(rate, x["peak_factor"])
    return replicas_needed(peak, carried, x["target_utilization"], x["spare_replicas"]) * width


def answers(
    system: System, precision: str, accelerator: str, width: int, x: Columns
) -> dict[str, Any]:
    """Every answer for a system on replicas of so many accelerators; inputs may be arrays."""
    work = work_of(system, x)
    chip, numerics = hardware(accelerator), numerics_of(precision)
    made = replica(system.shape.decoder(x["n_params"]), numerics, chip, Layout(tensor=width))
    served = serve_most(
        made, step_constants().fit.constants, system.shape, work, x["token_target_seconds"],
        x["engine_factor"],
    )  # fmt: skip
    rate = requests_per_s(x["users"], x["requests_per_user"])
    # A draw that no batch serves in time is served one request at a time, late.
    carried = maximum(served.replica_requests_per_s, 1 / served.request_seconds)
    count = _planned(carried, width, x)
    sizes = _sizes(system, precision, width, work, served.batch, x)
    traffic = _traffic(system, rate, x)
    money = _money(count, sizes["kept_bytes"], traffic["egress_bits_per_s"], work.passes, x)
    floor_seconds = compute_seconds(
        x["n_params"], request_tokens(system, work), arithmetic_rate(precision, accelerator)
    )
    return {
        **sizes,
        "requests_per_s": rate,
        "accelerators": accelerators(rate, floor_seconds),
        "tensor_parallel": width,
        "batch": served.batch,
        "planned_accelerators": count,
        **traffic,
        **money,
        **_power(count, x),
    }


def request_tokens(system: System, work: Work) -> Any:
    """Tokens that the model works through for one request."""
    if system.gives_tokens:
        return work.prompt_tokens + work.passes
    return work.passes * (work.pass_tokens + work.prompt_tokens)


def _sizes(
    system: System, precision: str, width: int, work: Work, batch: Any, x: Columns
) -> dict[str, Any]:
    """Bytes of what is stored, of the weights, and of a replica's memory."""
    weights = weight_bytes(x["n_params"], catalog.precision(precision).bits_per_weight)
    tokens = work.prompt_tokens + work.passes if system.gives_tokens else 0
    # 1 layer and 1 head of all elements that are kept of a token, half for keys, half for values.
    cache = kv_cache_bytes(1, 1, system.shape.cache_elements // 2, tokens, batch)
    added = daily_bytes(
        x["users"], x["requests_per_user"], system.interaction_bytes * x["size_factor"],
        system.index_share,
    )  # fmt: skip
    once = profile_bytes(x["users"], RECORD_BYTES) + system.collection_bytes
    kept = retained_bytes(added, x["retention_days"], x["replicas"])
    return {
        "kept_bytes": whole_service.kept_bytes(kept, copied_bytes(once, x["replicas"])),
        "daily_bytes": added,
        "weight_bytes": weights,
        "replica_bytes": whole_service.replica_bytes(weights, cache, width * RUNTIME_BYTES),
    }


def is_request_assumed(system: System) -> bool:
    """Tell whether the bytes of a system's request are an assumption, and no published figure.

    >>> is_request_assumed(catalog.system("text")), is_request_assumed(catalog.system("image"))
    (False, True)
    """
    return all(p.quantity != "ingress_bits_per_s" for p in catalog.published(system.key))


def _traffic(system: System, rate: Any, x: Columns) -> dict[str, Any]:
    out = traffic_bits_per_s(rate, system.output_bytes * x["size_factor"])
    # What a request brings is doubted as the other sizes are, unless the course has published it.
    doubted = x["size_factor"] if is_request_assumed(system) else 1
    return {
        "ingress_bits_per_s": traffic_bits_per_s(rate, system.request_bytes * doubted),
        "egress_bits_per_s": out,
        "peak_egress_bits_per_s": traffic_bits_per_s(
            peak_requests_per_s(rate, x["peak_factor"]), system.output_bytes * x["size_factor"]
        ),
    }


def _money(count: Any, kept: Any, out: Any, passes: Any, x: Columns) -> dict[str, Any]:
    rented = cost.accelerator_usd_per_month(
        cost.accelerator_hours(count), x["usd_per_accelerator_hour"]
    )
    stored = storage_usd_per_month(kept, 0, x["hot_usd_per_gb"], 0)
    sent = cost.egress_usd_per_month(monthly_traffic_bytes(out), x["egress_usd_per_gb"])
    bill = cost.usd_per_month(rented, stored, sent)
    items = cost.items_per_month(requests_per_day(x["users"], x["requests_per_user"]))
    each = cost.usd_per_item(bill, items)
    return {
        "accelerator_usd_per_month": rented,
        "storage_usd_per_month": stored,
        "egress_usd_per_month": sent,
        "usd_per_month": bill,
        "usd_per_item": each,
        "usd_per_million_passes": cost.usd_per_million_passes(each, passes),
    }


def _power(count: Any, x: Columns) -> dict[str, Any]:
    watts = cost.power_watts(count, x["accelerator_watts"], x["server_power_factor"], x["pue"])
    energy = cost.energy_kwh_per_month(watts)
    items = cost.items_per_month(requests_per_day(x["users"], x["requests_per_user"]))
    return {
        "power_watts": watts,
        "energy_kwh_per_month": energy,
        "item_watt_hours": cost.item_watt_hours(energy, items),
        "electricity_usd_per_month": cost.electricity_usd_per_month(energy, x["usd_per_kwh"]),
        "emission_kg_per_month": cost.emission_kg_per_month(energy, x["grid_kg_per_kwh"]),
    }


def filled(
    system: System, accelerator: str, x: Columns, typed: Collection[str] = ()
) -> dict[str, Any]:
    """Put the catalog's values in place of 0, but not in what is `typed`; NaN where it has none."""
    import numpy as np

    chip, price = catalog.accelerator(accelerator), catalog.prices().get(accelerator)
    own = {
        "n_params": system.n_params,
        "prompt_tokens": system.prompt_tokens[1],
        "passes": system.passes[1],
        "usd_per_accelerator_hour": price.range.likely if price else np.nan,
        "accelerator_watts": chip.watts or np.nan,
    }
    values = dict(x)
    for name, default in own.items():
        given = x[name]
        if name in typed:
            continue
        if isinstance(given, int | float):
            values[name] = given or default
        else:
            values[name] = np.where(given == 0, default, given)
    values.setdefault("size_factor", 1.0)
    values.setdefault("engine_factor", 1.0)
    return values


def plain(value: Any) -> float:
    """Give a single number as the result file has it: whole ones as integers."""
    number = value.item() if hasattr(value, "item") else value
    return int(number) if isinstance(number, float) and number.is_integer() else number
