"""Lesson 05: one page of answers for a service, with its ranges; what the notebook calls."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from estimator import catalog
from estimator.catalog import System
from estimator.catalog.serving import step_constants
from estimator.choosing import choose
from estimator.glossary import quantity
from estimator.lesson.ends import digits
from estimator.lesson.inputs import Inputs, OrZero
from estimator.lesson.inputs import inputs as checked
from estimator.lesson.lesson_05_case import KEPT, Case, case, flat
from estimator.lesson.lesson_05_course import (
    chain_table,
    check_table,
    published_table,
    systems_table,
)
from estimator.lesson.lesson_05_engine import accelerators_table, step_table
from estimator.lesson.lesson_05_exercises import (
    EXERCISES,
    middle_of_a_guess,
    month_of_accelerators,
    price_of_a_token,
    what_to_halve,
)
from estimator.lesson.lesson_05_figures import tornado_chart
from estimator.lesson.lesson_05_levers import halving_table, swing_table
from estimator.lesson.lesson_05_many import contradictions, interval_results, point_results
from estimator.lesson.lesson_05_model import (
    DEFAULTS,
    KEYS,
    MOST,
    NAMES,
    PARAMETERS,
    dense_models,
    is_request_assumed,
    narrowed,
    others_of,
    plain,
)
from estimator.lesson.lesson_05_words import (
    answer_text,
    ends_texts,
    label_of,
    labels_of,
    price_source_words,
    price_words,
    replica_words,
    short_usd,
    spread_words,
    unit_price,
)
from estimator.lesson.prose import Prose, past_context
from estimator.lesson.sizing import PRECISIONS
from estimator.lesson.tables import Table, Tables
from estimator.quantity import Quantity
from estimator.uncertainty import DRAWS, Ends, Range
from estimator.units import number_text, quantity_text, size_text

__all__ = [
    "DEFAULTS",
    "DRAWS",
    "EXERCISES",
    "KEYS",
    "PARAMETERS",
    "Case",
    "Range",
    "accelerators_table",
    "case",
    "chain_table",
    "check_table",
    "contradictions",
    "count_tables",
    "first_page",
    "flat",
    "given_of",
    "growing_table",
    "halving_table",
    "interval_results",
    "labels_of",
    "lever_tables",
    "middle_of_a_guess",
    "month_of_accelerators",
    "one_page",
    "plain",
    "point_results",
    "price_of_a_token",
    "price_table",
    "published_table",
    "range_table",
    "step_table",
    "swing_table",
    "system_facts",
    "system_like",
    "systems_table",
    "tornado_chart",
    "warm_up",
    "what_to_halve",
    "your_case",
    "your_service",
]

OF_A_SYSTEM = ("prompt_tokens", "passes", "request_bytes", "output_bytes", "interaction_bytes")
PAGE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("storage", ("daily_bytes", "kept_bytes")),
    ("memory", ("weight_bytes", "replica_bytes")),
    ("accelerators", ("accelerators", "batch", "planned_accelerators")),
    ("bandwidth", ("ingress_bits_per_s", "egress_bits_per_s", "peak_egress_bits_per_s")),
    (
        "cost",
        (
            "accelerator_usd_per_month", "storage_usd_per_month", "egress_usd_per_month",
            "usd_per_month", "usd_per_item", "usd_per_million_passes",
        ),
    ),
    ("power", ("power_watts", "energy_kwh_per_month", "item_watt_hours",
               "electricity_usd_per_month", "emission_kg_per_month")),
)  # fmt: skip
MAIN = (
    "kept_bytes", "replica_bytes", "planned_accelerators", "egress_bits_per_s", "usd_per_month",
    "usd_per_million_passes", "power_watts",
)  # fmt: skip
"""The answers to look at first: one or two of each part of the page."""


def given_of(**parameters: object) -> Inputs:
    """Check the lesson's parameters, and tell all that is wrong in one error."""
    ranges: dict[str, Quantity] = {name: narrowed(name) for name in MOST}
    ranges["passes"] = OrZero.of(ranges["passes"], "for the system's own")
    lists = {
        "system": catalog.systems(), "model": ("", *dense_models()), "precision": PRECISIONS,
        "accelerator": catalog.accelerators(),
    }  # fmt: skip
    choices = {name: (str(parameters.pop(name)), lists[name]) for name in NAMES}
    texts = {"others": (parameters.pop("others", ""), others_of)}
    return checked(choices, ranges, texts, **parameters)


def warm_up() -> None:
    """Compute what is the same in every run of this lesson; it is kept for kernels that fork."""
    dense_models()
    text = case("text")
    text.intervals()
    for table in (range_table, chain_table, halving_table, accelerators_table):
        table(text)
    tornado_chart(text).html()
    for same in (check_table, published_table, systems_table):
        same()


def your_case(given: Inputs, system: System | None = None) -> Case:
    """The reader's service: the parameters, about a system of the reader's own if there is one."""
    parameters = given.as_dict()
    if system is None:
        return case(**parameters)
    return case(system, **{name: x for name, x in parameters.items() if name != "system"})


def system_like(key: str, name: str, source: str, **own: Any) -> System:
    """A system of the reader's own: one of the course with some numbers from another source.

    >>> system_like("text", "help desk", "its own logs", passes=(180, 200, 220)).passes
    (180, 200, 220)

    Raises: ValueError: a name that no system has a number for.
    """
    course = catalog.system(key)
    for given in own:
        choose("number", given, OF_A_SYSTEM)
    told = {given if given in course.sources else "sizes" for given in own}
    sources = {**course.sources, **dict.fromkeys(told, source)}
    return replace(course, key=name, name=name, course_units=None, sources=sources, **own)


def count_tables(one: Case) -> Tables:
    """From the course's accelerators to ours, and the step of the engine that makes most of it."""
    return Tables((chain_table(one), step_table(one)))


def lever_tables(one: Case) -> Tables:
    """What would halve the bill, and what it is on every other accelerator."""
    return Tables((halving_table(one), accelerators_table(one)))


def growing_table(system: System, *users: float, requests_per_user: float) -> Table:
    """What a system's tokens cost as its users grow, beside those of the course's text.

    Below it the range of the first month's cost.
    """
    course = case("text")
    priced = course.point["usd_per_million_passes"]
    grown = [case(system, users=many, requests_per_user=requests_per_user) for many in users]
    rows = []
    for one in grown:
        each = one.point["usd_per_million_passes"]
        rows.append((
            number_text(one.x["users"]), number_text(one.point["planned_accelerators"]),
            number_text(one.x["spare_replicas"] * one.width), price_words(each),
            number_text(each / priced, 3),
        ))  # fmt: skip
    headers = (
        "users", label_of(course, "planned_accelerators"), "spare ones",
        label_of(course, "usd_per_million_passes"), "times text's",
    )  # fmt: skip
    bill, likely = grown[0].intervals()["usd_per_month"], grown[0].point["usd_per_month"]
    note = (
        f"For {quantity_text(users[0], 'user')} a month costs {short_usd(likely)} at likely "
        f"values. Of the draws, half cost less than {short_usd(bill.p50)}, and four in five "
        f"{spread_words(bill.p10, bill.p90)}."
    )
    return Table(headers, rows, f"{system.name.capitalize()} as it grows", note)


def your_service(one: Case, intervals: Mapping[str, Ends]) -> Prose:
    """The reader's service in a paragraph that follows the reader's numbers."""
    bill, fleet = intervals["usd_per_month"], intervals["planned_accelerators"]
    p = one.point
    first = one.swings[0]
    own = "" if one.x["n_params"] == one.system.n_params else (
        f" with {number_text(one.x['n_params'])} parameters in its layers"
    )  # fmt: skip
    start = (
        f"**{one.system.name.capitalize()}, {one.system.model}{own}, {one.precision} on "
        f"{one.accelerator}.** "
    )
    likely = (
        f"{short_usd(p['usd_per_month'])}, "
        f"{quantity_text(p['planned_accelerators'], 'accelerator')}, and {unit_price(one, p)}"
    )
    kept = (
        f" Its layers and its cache stay those of {one.system.model}: for another model's, set "
        "`model`."
        if own and one.system.gives_tokens
        else ""
    )
    power = f"The power is {quantity_text(p['power_watts'], 'W')}."
    if not first.width:
        return Prose(
            f"{start}With nothing doubted, nothing swings: a month is {likely}. {power}{kept}"
        )
    return Prose(
        f"{start}A month costs {short_usd(bill.p50)}, and four times in five "
        f"{spread_words(bill.p10, bill.p90)}. With every input at its likely value it "
        f"is {likely}; the ranges {_fleet(round(fleet.p10), round(fleet.p90))}. {power} The bill "
        f"hangs most on the {quantity(first.name).label}.{kept}"
    )


def _fleet(low: int, high: int) -> str:
    most = quantity_text(high, "accelerator")
    return f"leave it at {most}" if low == high else f"make of it {number_text(low)} to {most}"


def first_page(one: Case, intervals: Mapping[str, Ends]) -> Tables:
    """The main answers, and below them the whole page to unfold."""
    page = one_page(one, intervals)
    named = {name: row for row, name in zip(page.rows, flat_names(), strict=True)}
    rows = [named[name] for name in MAIN]
    whole = replace(page, caption=f"All {len(page.rows)} answers")
    return Tables((replace(page, rows=rows, note=""),), whole)


def flat_names() -> list[str]:
    """The answers in the order of the page."""
    return [name for _, names in PAGE for name in names]


def one_page(one: Case, intervals: Mapping[str, Ends]) -> Table:
    """Every answer at likely values, and its P10, P50 and P90."""
    rows = []
    for part, names in PAGE:
        for name in names:
            ends = intervals[name]
            likely = one.point[name]
            texts = ends_texts(name, likely, ends)
            label = label_of(one, name)
            label = label if label.startswith(part) else f"{part}: {label}"
            rows.append((label, answer_text(name, likely), *texts))
    headers = ("answer", "at likely values", "P10", "P50", "P90")
    asks = number_text(one.x["requests_per_user"])
    each = "" if one.x["users"] == 1 else " each"
    who = f"{quantity_text(one.x['users'], 'user')}, {asks} a day{each}"
    drawn = f"{number_text(DRAWS)} draws, seed {int(one.x['seed'])}."
    words = (drawn, replica_words(one, intervals), price_source_words(one), _sizes_text(one),
             _context_text(one))  # fmt: skip
    note = " ".join(filter(None, words))
    return Table(headers, rows, f"{one.system.name.capitalize()} for {who}", note)


def _context_text(one: Case) -> str:
    """Say that requests are longer than the model of the catalog was made for, if they are."""
    if one.system.shape.name not in catalog.configurations():
        return ""
    limit = catalog.architecture(one.system.shape.name).decoder.context_tokens
    return past_context(one.system.model, one.x["prompt_tokens"] + one.x["passes"], limit)


def _sizes_text(one: Case) -> str:
    """Say which bytes a request moves and leaves: a system declares them beside its tokens."""
    s, factor = one.system, one.x["size_factor"]
    brought = s.request_bytes * (factor if is_request_assumed(s) else 1)
    sizes = (brought, s.output_bytes * factor, s.interaction_bytes * factor)
    into, out, stored = (size_text(size) for size in sizes)
    return (
        f"A request brings {into}, its {s.item} takes {out}, and {stored} is stored, as the system "
        "declares: they do not follow the tokens."
    )


@functools.lru_cache(maxsize=KEPT)
def range_table(one: Case) -> Table:
    """The inputs that are guesses, with their ranges, sources and dates."""
    sources = {name: (g.source, g.date) for name, g in catalog.guesses().items()}
    facts = one.system.sources
    price = catalog.prices().get(one.accelerator)
    fitted = step_constants()
    engine = (
        ("the measured time of a token over its estimate, in "
         f"{fitted.rows} runs of {fitted.fitted_on}, none counted twice, each by a fit that left "
         "its group out",
         fitted.date)
        if one.system.engine is None
        else ("a guess: the engine model is fitted on decoders of text", "")
    )  # fmt: skip
    sources |= {
        "prompt_tokens": (facts["prompt_tokens"], ""),
        "passes": (facts["passes"], ""),
        "engine_factor": engine,
        "usd_per_accelerator_hour": (
            (price.source, price.date) if price else ("the reader's; its range is a guess", "")
        ),
    }
    if is_request_assumed(one.system):
        why, date = sources["size_factor"]
        sources["size_factor"] = (f"{why}; so does that of a request, which is assumed", date)
    rows = []
    for entry, usual in zip(one.ranges, one.usual_ranges, strict=True):
        why, date = sources[entry.name]
        likely = quantity_text(digits(entry.likely), quantity(entry.name).unit)
        low, high = (number_text(digits(end)) for end in (entry.low, entry.high))
        dated = f"{why} ({date})" if date else why
        if entry != usual:
            dated = "the reader's range"
        elif one.is_readers(entry.name):
            dated = f"the reader's; its range is scaled from: {dated}"
        rows.append((quantity(entry.name).label, low, likely, high, dated))
    headers = ("input", "P10", "likely", "P90", "where it comes from, and of when")
    doubt = one.x["doubt"]
    note = "" if doubt == 1 else (
        f"With a doubt of {number_text(doubt)}, each range is its source's with the factors "
        "between its ends and its middle raised to that power."
    )  # fmt: skip
    return Table(headers, rows, "Ranges", note, left=frozenset({headers[-1]}))


def system_facts(system: System) -> Table:
    """What is declared of a system."""
    s = system.shape
    tokens = quantity_text(system.pass_tokens, "token")
    rows = [
        ("model", f"{system.model}, {number_text(system.n_params)} parameters",
         system.sources["model"]),
        ("layers and width", f"{s.n_layers} of {number_text(s.d_model)}", system.sources["model"]),
        (quantity("prompt_tokens").label, quantity_text(system.prompt_tokens[1], "token"),
         system.sources["prompt_tokens"]),
        (quantity("passes").label, f"{number_text(system.passes[1])}, {tokens} each",
         system.sources["passes"]),
        ("bytes in, out and stored", ", ".join(
            number_text(b) for b in
            (system.request_bytes, system.output_bytes, system.interaction_bytes)
        ), system.sources["sizes"]),
    ]  # fmt: skip
    headers = ("what", "value", "source")
    return Table(headers, rows, system.name.capitalize(), left=frozenset({"value", "source"}))


def price_table() -> Table:
    """What accelerators cost, by source and date."""
    rows = [
        (p.accelerator, *(number_text(v, 3) for v in (p.range.low, p.range.likely, p.range.high)),
         f"{p.source} ({p.date})")
        for p in catalog.prices().values()
    ]  # fmt: skip
    headers = ("accelerator", "low", "likely", "high", "where it comes from, and of when")
    without = [name for name in catalog.accelerators() if name not in catalog.prices()]
    note = (
        f"No price with a source and a date stands in the catalog for {', '.join(without)}: for "
        "these, give usd_per_accelerator_hour."
    )
    return Table(headers, rows, "USD for an hour", note, left=frozenset({headers[-1]}))
