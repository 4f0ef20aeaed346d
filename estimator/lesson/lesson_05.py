"""Lesson 05's tables: one page of answers, the course's figures beside them, and the levers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from estimator import catalog
from estimator.catalog import System
from estimator.cost import MILLION
from estimator.engine import Uncertain
from estimator.glossary import quantity
from estimator.lesson.inputs import Inputs
from estimator.lesson.inputs import inputs as checked
from estimator.lesson.lesson_05_exercises import (
    EXERCISES,
    month_of_accelerators,
    price_of_a_token,
    sum_of_ranges,
    what_to_halve,
)
from estimator.lesson.lesson_05_figures import SHOWN, ends_text, swings, tornado_chart
from estimator.lesson.lesson_05_model import (
    DEFAULTS,
    KEYS,
    NAMES,
    Case,
    _tokens,
    case,
    flat,
    interval_results,
    others_of,
    point_results,
    work_of,
)
from estimator.lesson.prose import Prose
from estimator.lesson.sizing import PRECISIONS
from estimator.lesson.tables import Bar, Table
from estimator.serving import (
    accelerators,
    compute_seconds,
    peak_requests_per_s,
    requests_per_s,
)
from estimator.uncertainty import DRAWS, Lever, Pull, pulls
from estimator.units import number_text, quantity_text, share_text
from estimator.user_data import monthly_bytes

__all__ = [
    "DEFAULTS", "DRAWS", "EXERCISES", "KEYS", "Case", "accelerator_choices", "case", "chain_table",
    "course_table", "flat", "given_of", "halving_table", "interval_results",
    "month_of_accelerators", "one_page", "point_results", "price_of_a_token", "price_table",
    "published_table", "range_table", "sum_of_ranges", "swing_table", "system_facts",
    "systems_table", "tornado_chart", "what_to_halve", "your_case", "your_service",
]  # fmt: skip

COURSE_SYSTEMS = ("text", "image", "speech", "video", "captioning", "recognition", "retrieval")
NONE = "none published"
COMPARED = ("daily_bytes", "accelerators", "egress_bits_per_s")
ALONE = "The course has published no figure, so ours stands alone."
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
MOST = {"users": 1e10, "requests_per_user": 1e5, "n_params": 1e14, "prompt_tokens": 1e7,
        "passes": 1e6}  # fmt: skip


# --- The reader's service -------------------------------------------------------------------


def given_of(**parameters: object) -> Inputs:
    """Check the lesson's parameters, and tell all that is wrong in one error."""
    narrowed = {
        "users": replace(quantity("users"), low=1, high=MOST["users"]),
        "requests_per_user": replace(
            quantity("requests_per_user"), low_open=True, high=MOST["requests_per_user"]
        ),
        "n_params": replace(quantity("n_params"), high=MOST["n_params"]),
        "prompt_tokens": replace(quantity("prompt_tokens"), high=MOST["prompt_tokens"]),
        "passes": replace(quantity("passes"), low=0, high=MOST["passes"]),
    }
    lists = {
        "system": catalog.systems(), "precision": PRECISIONS,
        "accelerator": catalog.accelerators(),
    }  # fmt: skip
    choices = {name: (str(parameters.pop(name)), lists[name]) for name in NAMES}
    others = parameters.pop("others", "")
    found = checked(choices, narrowed, **parameters)
    others_of(others)  # type: ignore[arg-type]  # refuses what is no text
    found.others = others
    return found


def your_case(given: Inputs) -> Case:
    """The reader's service."""
    return case(**given.as_dict())


def price_words(one: Case, usd: float) -> str:
    """Write a small price: in dollars, or in cents where there are few."""
    return f"{number_text(usd, 3)} USD" if usd >= 0.1 else f"{number_text(usd * 100, 3)} cents"


def unit_price(one: Case, of: Mapping[str, float]) -> str:
    """Write the price of a million tokens, or of one item where passes give no tokens."""
    if one.system.gives_tokens:
        return f"{price_words(one, of['usd_per_million_passes'])} for a million tokens"
    return f"{price_words(one, of['usd_per_item'])} for one {one.system.item}"


def your_service(one: Case, intervals: Mapping[str, Uncertain]) -> Prose:
    """The reader's service in a paragraph that follows the reader's numbers."""
    bill, fleet = intervals["usd_per_month"], intervals["planned_accelerators"]
    p = one.point
    first = swings(one)[0].name
    return Prose(
        f"**{one.system.name.capitalize()}, {one.system.model}, {one.precision} on "
        f"{one.accelerator}.** A month costs {short_usd(bill.p50)}, and four times in five "
        f"between {short_usd(bill.p10)} and {short_usd(bill.p90)}. With every input at its likely "
        f"value it is {short_usd(p['usd_per_month'])}, "
        f"{quantity_text(p['planned_accelerators'], 'accelerator')}, and {unit_price(one, p)}; "
        f"the ranges make of it {number_text(round(fleet.p10))} to "
        f"{number_text(round(fleet.p90))} accelerators. The power is "
        f"{quantity_text(p['power_watts'], 'W')}. What moves the bill most is the "
        f"{quantity(first).label}."
    )


def short_usd(usd: float) -> str:
    """Write dollars to three digits, many of them in words.

    >>> short_usd(3_879_518), short_usd(70_752_751_574), short_usd(840)
    ('3.88 million USD', '70.8 billion USD', '840 USD')
    """
    for name, size in (("billion ", 1e9), ("million ", 1e6)):
        if usd >= 0.9995 * size:
            return f"{number_text(usd / size, 3)} {name}USD"
    return f"{number_text(_digits(usd))} USD"


def answer_text(name: str, value: float) -> str:
    """Write an answer with its unit; money of a month short."""
    unit = quantity(name).unit
    if name == "usd_per_item" and value < 0.01:
        return f"{number_text(value * MILLION, 3)} USD a million"
    return short_usd(value) if unit == "USD/month" else quantity_text(value, unit)


def one_page(one: Case, intervals: Mapping[str, Uncertain]) -> Table:
    """Every answer at likely values, and its P10, P50 and P90."""
    rows = []
    for part, names in PAGE:
        for name in names:
            ends = intervals[name]
            texts = [answer_text(name, _digits(v)) for v in (ends.p10, ends.p50, ends.p90)]
            rows.append(
                (f"{part}: {label_of(one, name)}", answer_text(name, one.point[name]), *texts)
            )
    headers = ("answer", "at likely values", "P10", "P50", "P90")
    who = f"{number_text(one.x['users'])} users, {number_text(one.x['requests_per_user'])} a day"
    note = (
        f"{number_text(DRAWS)} draws, seed {int(one.x['seed'])}. Accelerators are those to plan, "
        f"{one.width} to a replica."
    )
    return Table(headers, rows, f"{one.system.name.capitalize()} for {who} each", note)


def label_of(one: Case, name: str) -> str:
    """Name an answer in the words of the system."""
    words = {
        "usd_per_item": f"cost of one {one.system.item}",
        "item_watt_hours": f"energy of one {one.system.item}",
        "accelerators": "floor of the arithmetic, mean load",
        "batch": "requests at a time in a replica",
    }
    if one.system.gives_tokens:
        words["usd_per_million_passes"] = "cost of a million output tokens"
    return words.get(name, quantity(name).label)


def _digits(value: float) -> float:
    """Three digits: an interval has no more."""
    return float(f"{value:.3g}")


# --- Assumptions ----------------------------------------------------------------------------


def range_table(one: Case) -> Table:
    """The inputs that are guesses, with their ranges, sources and dates."""
    sources = {name: (g.source, g.date) for name, g in catalog.guesses().items()}
    facts = one.system.sources
    price = catalog.prices().get(one.accelerator)
    engine = (
        "measured on runs of other decoders, groups left out of the fit"
        if one.system.engine is None
        else "a guess: the constants are fitted on decoders of text"
    )
    sources |= {
        "prompt_tokens": (facts["prompt_tokens"], ""),
        "passes": (facts["passes"], ""),
        "engine_factor": (engine, ""),
        "usd_per_accelerator_hour": (
            (price.source, price.date) if price else ("the reader's; its range is a guess", "")
        ),
    }
    rows = []
    for entry in one.ranges:
        values = (number_text(_digits(v)) for v in (entry.low, entry.likely, entry.high))
        why, date = sources[entry.name]
        rows.append((quantity(entry.name).label, *values, quantity(entry.name).unit, why, date))
    headers = ("input", "P10", "likely", "P90", "unit", "where it comes from", "of")
    return Table(headers, rows, "Ranges", left=frozenset({"unit", "where it comes from"}))


def system_facts(system: System) -> Table:
    """What is declared of a system."""
    s = system.shape
    tokens = quantity_text(system.pass_tokens, "token")
    rows = [
        ("model", f"{system.model}, {number_text(system.n_params)} parameters",
         system.sources["model"]),
        ("layers and width", f"{s.n_layers} of {number_text(s.d_model)}", system.sources["model"]),
        ("prompt", quantity_text(system.prompt_tokens[1], "token"),
         system.sources["prompt_tokens"]),
        ("passes", f"{number_text(system.passes[1])}, {tokens} each", system.sources["passes"]),
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
        (p.accelerator, *(number_text(v) for v in (p.range.low, p.range.likely, p.range.high)),
         p.source, p.date)
        for p in catalog.prices().values()
    ]  # fmt: skip
    headers = ("accelerator", "low", "likely", "high", "where it comes from", "of")
    return Table(headers, rows, "USD for an hour", left=frozenset({"where it comes from"}))


def accelerator_choices(chosen: str) -> dict[str, str]:
    """The accelerators whose price is known, and the reader's."""
    return {name: name for name in (*catalog.prices(), chosen)}


# --- The course's systems -------------------------------------------------------------------


def published_table(*keys: str) -> Table:
    """The course's figures beside ours, with the reason for each difference."""
    rows = []
    for key in keys or COURSE_SYSTEMS:
        one = case(key)
        found = {p.quantity: p for p in catalog.published(key)}
        names = [_same(name, found) for name in COMPARED]
        for name in (*names, *(n for n in found if n not in names)):
            entry = found.get(name)
            rows.append((
                one.system.name, quantity(name).label, entry.text if entry else NONE,
                chain_text(one, name), ours_text(one, name), entry.reason if entry else ALONE,
            ))  # fmt: skip
    headers = ("system", "quantity", "published", "its chain, computed", "ours", "why they differ")
    note = "The course has published no cost, power or energy of any of its systems."
    return Table(headers, rows, "The course's figures and ours", note,
                 left=frozenset({"quantity", "why they differ"}))  # fmt: skip


def _same(name: str, found: Mapping[str, object]) -> str:
    """The course gives images by the month, all others by the day."""
    return "monthly_bytes" if name == "daily_bytes" and "monthly_bytes" in found else name


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


def chain_table(one: Case) -> Table:
    """From the course's accelerators to ours, one reason at a time."""
    chip = catalog.accelerator(one.accelerator)
    rate = requests_per_s(one.x["users"], one.x["requests_per_user"])
    peak = peak_requests_per_s(rate, one.x["peak_factor"])
    tokens = _tokens(one.system, work_of(one.system, one.x))
    each = compute_seconds(one.x["n_params"], tokens, chip.flops_per_s[16])
    bare = one.answer({"target_utilization": 1, "spare_replicas": 0})
    steps = [
        ("all tokens of a request", accelerators(rate, each)),
        ("the busiest hour", accelerators(peak, each)),
        ("an engine's speed and memory", bare["planned_accelerators"]),
        ("a reserve and a spare", one.point["planned_accelerators"]),
    ]
    if (course := chain_of(one, "accelerators")) is not None:
        steps.insert(0, ("the course's chain", course))
    rows, before = [], None
    for name, value in steps:
        count = float(value)
        times = "" if before is None else f"x {number_text(count / before, 3)}"
        rows.append((name, number_text(round(count)), times))
        before = count
    headers = ("counted in", "accelerators", "times the line above")
    return Table(headers, rows, f"{one.system.name.capitalize()}: from the course's count to ours")


def systems_table() -> Table:
    """All systems of the course at the lesson's parameters, with their ranges."""
    rows = []
    for key in COURSE_SYSTEMS:
        one = case(key)
        found = one.intervals()
        bill = found["usd_per_month"]
        fleet = quantity_text(one.point["planned_accelerators"], "")
        rows.append((
            one.system.name, quantity_text(one.point["kept_bytes"], "byte").split(" (")[0], fleet,
            quantity_text(one.point["egress_bits_per_s"], "bit/s"),
            *(short_usd(value) for value in (bill.p10, bill.p50, bill.p90)),
            unit_price(one, one.point), quantity_text(one.point["power_watts"], "W"),
        ))  # fmt: skip
    headers = (
        "system", "kept", "accelerators", "traffic out", "a month, P10", "P50", "P90",
        "at likely values", "power",
    )  # fmt: skip
    caption = "100 million users, 10 requests a day each, on A100-SXM-80GB at FP16"
    return Table(headers, rows, caption)


def course_table() -> Table:
    """Two counts of one load: this lesson's arrays, and the sizing of one service at a time."""
    from estimator.catalog.serving import hardware, step_constants
    from estimator.engine import Layout
    from estimator.lesson.lesson_05_model import numerics_of
    from estimator.load import Load, Targets, size_model

    rows = []
    for key in ("text", "speech", "captioning", "retrieval"):
        one = case(key)
        fit = step_constants().fit
        peak = peak_requests_per_s(one.point["requests_per_s"], one.x["peak_factor"])
        alone = size_model(
            one.system.shape.decoder(one.x["n_params"]), numerics_of(one.precision),
            hardware(one.accelerator), Layout(tensor=one.width), fit.constants, fit.dense,
            Load(float(peak), one.x["prompt_tokens"], one.x["passes"]),
            Targets(one.x["token_target_seconds"], None, one.x["target_utilization"],
                    int(one.x["spare_replicas"])),
        )  # fmt: skip
        here, there = one.point["planned_accelerators"], float(alone.accelerators.p50)
        rows.append((one.system.name, number_text(here), number_text(int(there)),
                     f"{here / there:.3f}"))  # fmt: skip
    headers = ("system", "all at once, as arrays", "one by one, by bisection", "ratio")
    return Table(headers, rows, "The same load, sized twice")


# --- What matters, and what would halve the bill --------------------------------------------


def swing_table(one: Case) -> Table:
    """The tornado in numbers."""
    ranges = {entry.name: entry for entry in one.ranges}
    found = swings(one)[:SHOWN]
    widest = found[0].width or 1
    rows = [
        (quantity(s.name).label, ends_text(ranges[s.name]), short_usd(s.at_low),
         short_usd(s.at_high), Bar(s.width / widest, share_text(s.width / widest)))
        for s in found
    ]  # fmt: skip
    headers = ("input", "from its P10 to its P90", "bill at P10", "bill at P90",
               "swing, of the widest")  # fmt: skip
    return Table(headers, rows, "One input at a time, the others at P50",
                 left=frozenset({headers[-1]}))  # fmt: skip


def levers_of(one: Case) -> list[Lever]:
    """What one could change, and how far at the most."""
    x = one.x
    limits = {
        "requests_per_user": x["requests_per_user"] / 100,
        "passes": 1,
        "prompt_tokens": min(1, x["prompt_tokens"]),
        "n_params": x["n_params"] / 100,
        "engine_factor": 0.1,
        "usd_per_accelerator_hour": 0,
        "peak_factor": 1,
        "target_utilization": 1,
        "token_target_seconds": 10,
        "retention_days": min(1, x["retention_days"]),
        "size_factor": 0.01,
        "hot_usd_per_gb": 0,
        "egress_usd_per_gb": 0,
    }
    return [Lever(name, x[name], limit) for name, limit in limits.items() if x[name] != limit]


def halving(one: Case) -> list[Pull]:
    """For each lever alone, the value that halves the bill, or None."""
    return pulls(one.bill, levers_of(one))


def halving_table(one: Case) -> Table:
    """What would halve the bill: each lever alone, and each other choice."""
    rows: list[tuple[str, str, str, str]] = []
    for pull in halving(one):
        entry = quantity(pull.name)
        now = quantity_text(_digits(pull.now), entry.unit)
        if pull.value is None:
            rows.append((entry.label, now, "cannot",
                         f"at its limit {_left(pull.at_limit)}"))
        else:
            times = number_text(_digits(pull.value / pull.now))
            rows.append((entry.label, now, quantity_text(_digits(pull.value), entry.unit),
                         f"{times} times what it is"))  # fmt: skip
    rows += [_choice_row(one, "precision", PRECISIONS)]
    rows += [_choice_row(one, "accelerator", tuple(catalog.prices()))]
    headers = ("lever", "now", "what halves the bill", "what that means")
    return Table(headers, rows, "What would halve the bill, alone",
                 left=frozenset({headers[-1]}))  # fmt: skip


def _choice_row(one: Case, kind: str, names: Sequence[str]) -> tuple[str, str, str, str]:
    """The choice of a list that leaves the smallest bill."""
    now = getattr(one, kind)
    shares = {}
    for name in names:
        if name != now:
            with suppress(ValueError):  # no replica of that kind will do
                other = one.on(**{kind: name})
                shares[name] = other.point["usd_per_month"] / one.point["usd_per_month"]
    if not shares:
        return kind, now, "cannot", "no other one of the list will do"
    best = min(shares, key=lambda name: shares[name])
    verdict = best if shares[best] <= 0.5 else "cannot"
    return kind, now, verdict, f"{best} is the best of the list: {_left(shares[best])}"


def _left(share: float) -> str:
    return f"{share_text(share, 1)} of the bill are left"
