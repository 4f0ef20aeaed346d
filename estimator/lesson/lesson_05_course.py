"""The course's systems: its figures beside ours, and the reasons between them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from contextlib import suppress

from estimator import catalog
from estimator.catalog.serving import hardware, step_constants
from estimator.cost import items_per_month, usd_per_item
from estimator.engine import Layout
from estimator.glossary import quantity
from estimator.lesson.ends import digits
from estimator.lesson.lesson_05_case import KEPT, Case, case, of_course
from estimator.lesson.lesson_05_model import arithmetic_rate, numerics_of, request_tokens, work_of
from estimator.lesson.lesson_05_words import label_of, unit_price
from estimator.lesson.sizing import Plan, Service, make_plan
from estimator.lesson.tables import Table
from estimator.load import Load, Targets, size_model
from estimator.serving import (
    accelerators,
    compute_seconds,
    peak_requests_per_s,
    requests_per_s,
)
from estimator.units import GB, MB, number_text, quantity_text
from estimator.user_data import monthly_bytes, requests_per_day

COURSE_SYSTEMS = ("text", "image", "speech", "video", "captioning", "recognition", "retrieval")
NONE = "none published"
SAME, ROUNDED = "the same", "By the rounding alone."
COMPARED = ("daily_bytes", "accelerators", "egress_bits_per_s")
HOST, HOST_USD = "H100-SXM", 0.41
HOST_SOURCE = (
    "Replicate on Mochi 1, about, and it varies with the inputs: "
    "https://replicate.com/genmoai/mochi-1 (read 2026-11-22)"
)
BOUNDS_SPARE = 8
ALONE = "The course has published no figure, so ours stands alone."
NO_COST = "The course has published no cost, power or energy of any of its systems."


@functools.cache
def published_table(*keys: str) -> Table:
    """The course's figures beside ours, with the reason for each difference.

    Of systems that are named it also has the rows in which ours stands alone; without names,
    those of a system that agree share a row.
    """
    rows: list[tuple[str, ...]] = []
    for key in keys or COURSE_SYSTEMS:
        one = of_course(key)
        agree: list[tuple[str, ...]] = []
        found = {p.quantity: p for p in catalog.published(key)}
        for name in compared(found):
            entry = found.get(name)
            if entry is None and not keys:
                continue
            row = (
                one.system.name, quantity(name).label, entry.text if entry else NONE,
                chain_text(one, name), ours_text(one, name), entry.reason if entry else ALONE,
            )  # fmt: skip
            (agree if row[-1].startswith("None") and not keys else rows).append(row)
        if agree:
            _, labels, printed, *_ = zip(*agree, strict=True)
            texts = map("; ".join, (labels, printed))
            rows.append((one.system.name, *texts, SAME, SAME, ROUNDED))
    headers = (
        "system",
        "quantity",
        "published",
        "the course's chain, computed",
        "ours",
        "why they differ",
    )
    return Table(headers, rows, "The course's figures and ours", NO_COST,
                 left=frozenset({"quantity", "why they differ"}))  # fmt: skip


def compared(found: Mapping[str, object]) -> list[str]:
    """The quantities to compare where these are published: three always, then all others."""
    names = [_same(name, found) for name in COMPARED]
    return [*names, *(name for name in found if name not in names)]


def _same(name: str, found: Mapping[str, object]) -> str:
    """The course gives images by the month, all others by the day."""
    by_the_month = name == "daily_bytes" and name not in found and "monthly_bytes" in found
    return "monthly_bytes" if by_the_month else name


def chain_of(one: Case, name: str) -> float | None:
    """What the course's own chain gives when it is computed, for one of its systems."""
    rate = requests_per_s(one.x["users"], one.x["requests_per_user"])
    if name == "accelerators":
        if not one.system.course_units:
            return None
        chip = catalog.accelerator(one.accelerator)
        each = compute_seconds(one.x["n_params"], one.system.course_units, chip.flops_per_s[16])
        return float(accelerators(rate, each))
    if name == "monthly_bytes":
        return float(monthly_bytes(one.point["daily_bytes"]))
    return float(one.point[name])


def chain_text(one: Case, name: str) -> str:
    """Write the chain's figure, or that there is no such chain."""
    value = chain_of(one, name)
    return NONE if value is None else quantity_text(_whole(value), quantity(name).unit)


def ours_text(one: Case, name: str) -> str:
    """Write our figure: accelerators are those to plan."""
    if name == "accelerators":
        return quantity_text(one.point["planned_accelerators"], "accelerator")
    return chain_text(one, name)


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


@functools.lru_cache(maxsize=KEPT)
def chain_table(one: Case) -> Table:
    """From the course's accelerators to ours, one reason at a time."""
    rate = requests_per_s(one.x["users"], one.x["requests_per_user"])
    peak = peak_requests_per_s(rate, one.x["peak_factor"])
    tokens = request_tokens(one.system, work_of(one.system, one.x))
    each = compute_seconds(
        one.x["n_params"], tokens, arithmetic_rate(one.precision, one.accelerator)
    )
    bare = one.answer({"target_utilization": 1, "spare_replicas": 0})
    steps = [
        ("all tokens of a request", accelerators(rate, each)),
        ("the busiest hour", accelerators(peak, each)),
        ("an engine's speed and memory", bare["planned_accelerators"]),
        ("a reserve and a spare", one.point["planned_accelerators"]),
    ]
    bounded, mean, note = bounds_of(one), bounds_of(one, peak_factor=1), ""
    if bounded is not None and mean is not None:
        steps.insert(2, ("the three bounds of lesson 04", bounded.at.needed))
        note = (
            f"Lesson 04 counts {number_text(mean.at.needed)} by its bounds for the mean load, and "
            f"plans {number_text(bounded.planned)} for the peak: with the same reserve, "
            f"{number_text(bounded.reserve.spare_accelerators)} spare, and batches of "
            f"{number_text(bounded.at.batch)}."
        )
    if (course := chain_of(one, "accelerators")) is not None:
        steps.insert(0, ("the course's chain", course))
    rows, before = [], None
    for name, value in steps:
        count = float(value)
        times = "" if before is None else f"x {number_text(count / before, 3)}"
        rows.append((name, number_text(round(count)), times))
        before = count
    headers = ("counted in", "accelerators", "times the line above")
    caption = f"{one.system.name.capitalize()}: from the course's count to ours"
    return Table(headers, rows, caption, note)


def bounds_of(one: Case, peak_factor: float | None = None) -> Plan | None:
    """Plan by lesson 04's bounds, with its eight spare; None where they know no such service."""
    if not one.system.gives_tokens:
        return None
    x, kept = one.x, one.system.shape.cache_bytes_per_token()
    with suppress(ValueError):
        service = Service(
            x["users"], x["requests_per_user"], x["n_params"], kept, one.precision,
            one.accelerator, x["prompt_tokens"], x["passes"],
        )  # fmt: skip
        return make_plan(
            service, x["token_target_seconds"], peak_factor or x["peak_factor"],
            x["target_utilization"], BOUNDS_SPARE, math.inf,
        )  # fmt: skip
    return None


@functools.cache
def systems_table() -> Table:
    """All systems of the course at the lesson's parameters, with their ranges."""
    rows = []
    for key in COURSE_SYSTEMS:
        one = of_course(key)
        bill = one.intervals()["usd_per_month"]
        fleet = quantity_text(one.point["planned_accelerators"], "")
        rows.append((
            f"{one.system.name}, {number_text(one.system.n_params / GB, 3)} B",
            quantity_text(one.point["kept_bytes"], "byte").split(" (")[0], fleet,
            quantity_text(one.point["egress_bits_per_s"], "bit/s"),
            *(number_text(digits(end / MB)) for end in (bill.p10, bill.p50, bill.p90)),
            unit_price(one, one.point), quantity_text(one.point["power_watts"], "W"),
        ))  # fmt: skip
    kept, fleet, sent, month, million, each, power = (
        label_of(case("text"), name)
        for name in ("kept_bytes", "planned_accelerators", "egress_bits_per_s", "usd_per_month",
                     "usd_per_million_passes", "usd_per_item", "power_watts")
    )  # fmt: skip
    headers = (
        "system, parameters", kept, fleet, sent, f"{month} in millions of USD, P10", "P50", "P90",
        f"{million}, or of {each.removeprefix('cost of ')}", power,
    )  # fmt: skip
    caption = (
        "100 million users, 10 requests a day each, on A100-SXM-80GB at FP16, at likely values"
    )
    return Table(headers, rows, caption)


@functools.cache
def check_table() -> Table:
    """Our counts against two that are not this lesson's: a sizing by bisection, and a price."""
    rows = []
    for key in ("text", "speech", "captioning", "retrieval"):
        one = of_course(key)
        here, there = one.point["planned_accelerators"], sized_alone(one)
        rows.append((f"accelerators, {one.system.name}", number_text(int(there)),
                     number_text(here), f"{here / there:.3f}",
                     "estimator.load, one service at a time"))  # fmt: skip
    usd = busy_usd("video", HOST)
    rows.append(("a video on H100, never idle, USD", number_text(HOST_USD), number_text(usd, 3),
                 f"{usd / HOST_USD:.3f}", HOST_SOURCE))  # fmt: skip
    headers = ("what", "elsewhere", "here", "ratio", "where")
    low, high = catalog.system("video").engine or (1, 1)
    note = (
        f"Of a video's engine nothing was measured: our guess is {low} to {high} times our "
        f"estimate. The host's price asks for {HOST_USD / usd:.3f} times."
    )
    return Table(headers, rows, "Checked service by service, and against a host", note,
                 left=frozenset({"where"}))  # fmt: skip


def sized_alone(one: Case) -> float:
    """Accelerators by `estimator.load`, which sizes one service at a time."""
    fit = step_constants().fit
    peak = peak_requests_per_s(one.point["requests_per_s"], one.x["peak_factor"])
    sizing = size_model(
        one.system.shape.decoder(one.x["n_params"]), numerics_of(one.precision),
        hardware(one.accelerator), Layout(tensor=one.width), fit.constants, fit.dense,
        Load(float(peak), one.x["prompt_tokens"], one.x["passes"]),
        Targets(one.x["token_target_seconds"], None, one.x["target_utilization"],
                int(one.x["spare_replicas"])),
    )  # fmt: skip
    return float(sizing.accelerators.p50)


def busy_usd(key: str, accelerator: str) -> float:
    """Price of one item from accelerators that are never idle."""
    one = case(key, accelerator=accelerator, peak_factor=1, target_utilization=1, spare_replicas=0)
    each = usd_per_item(
        one.point["accelerator_usd_per_month"],
        items_per_month(requests_per_day(one.x["users"], one.x["requests_per_user"])),
    )
    return float(each)
