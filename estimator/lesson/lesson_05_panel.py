"""Lesson 05's panel: one service, its bill with a range, and a budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimator import catalog
from estimator.catalog import System
from estimator.lesson.controls import Choice, Number
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_05_case import Case, case
from estimator.lesson.lesson_05_model import (
    DEFAULTS,
    narrowed,
)
from estimator.lesson.lesson_05_words import (
    answer_text,
    ends_texts,
    label_of,
    short_usd,
    spread_words,
    unit_price,
)
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.progress import TASKS
from estimator.lesson.sizing import PRECISIONS
from estimator.lesson.tables import Bar, Table
from estimator.uncertainty import DRAWS, LEVELS, Range, percentiles
from estimator.units import GB, MB, number_text, share_text

PANEL_DRAWS = 500
SHOWN = (
    "kept_bytes", "replica_bytes", "planned_accelerators", "peak_egress_bits_per_s",
    "usd_per_month", "usd_per_item", "usd_per_million_passes", "power_watts",
)  # fmt: skip
PARTS = ("accelerator_usd_per_month", "storage_usd_per_month", "egress_usd_per_month")
TASK_USERS, TASK_ASKS, TASK_BUDGET, TASK_SHARE = 1 * MB, 10, 300_000, 0.9
UNSURE = 0.05
"""So close to the task's share, the panel's few draws may say yes where the page's say no."""
TASK = (
    "Retrieval with answers for 1 million users, 10 requests a day each, a budget of 300 thousand "
    "USD a month. Leave everything else as it comes, and find an accelerator and a precision that "
    "stay within the budget nine times in ten."
)


def ends_of(drawn: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """P10, P50 and P90 of the answers that are shown, in one sort of all of them."""
    import numpy as np

    ends = np.percentile(np.stack([drawn[name] for name in SHOWN]), LEVELS, axis=1)
    return {name: tuple(column) for name, column in zip(SHOWN, ends.T.tolist(), strict=True)}


def answers_table(
    one: Case, point: Mapping[str, float], found: Mapping[str, tuple[float, ...]]
) -> Table:
    """The answers that fit a panel, each with its range."""
    rows = []
    for name in SHOWN:
        likely = point[name]
        shown = answer_text(name, likely).split(" (")[0]
        rows.append((label_of(one, name), shown, *ends_texts(name, likely, found[name])))
    headers = ("answer", "at likely values", "P10", "P50", "P90")
    note = (
        f"{number_text(PANEL_DRAWS)} draws, to be quick; the page takes {number_text(DRAWS)}, and "
        "its ends differ from these, the more the wider the ranges are."
        if any(low < high for low, *_, high in found.values())
        else "Nothing is doubted: every draw gives the same."
    )
    return Table(headers, rows, "One page", note)


def parts_table(
    one: Case, point: Mapping[str, float], drawn: Mapping[str, Any], budget: float
) -> Table:
    """Where the money goes, and how often the budget is kept, as bars."""
    # A month that costs nothing has no shares.
    bill = point["usd_per_month"] or 1
    rows: list[tuple[str, str, Bar]] = [
        (label_of(one, key), short_usd(point[key]),
         Bar(point[key] / bill, share_text(point[key] / bill)))
        for key in PARTS
    ]  # fmt: skip
    kept = within(drawn, budget)
    few = f"below {share_text(TASK_SHARE)}" if kept < TASK_SHARE else ""
    rows.append(("draws within the budget", short_usd(budget), Bar(kept, share_text(kept, 1), few)))
    headers = ("of a month", "USD", "share")
    return Table(headers, rows, left=frozenset({"share"}))


def within(drawn: Mapping[str, Any], budget: float) -> float:
    """Share of the draws whose bill stays within a budget."""
    import numpy as np

    return float(np.mean(drawn["usd_per_month"] <= budget))


def sentence(one: Case, point: Mapping[str, float], found: Mapping[str, tuple[float, ...]]) -> str:
    """The answer in one sentence."""
    low, middle, high = found["usd_per_month"]
    replica = f", {one.width} to a replica" if one.width > 1 else ""
    fleet = f"{number_text(point['planned_accelerators'])} {one.accelerator}{replica}"
    if low == high:
        return (
            f"With nothing doubted, a month costs {short_usd(middle)}: {fleet}, and "
            f"{unit_price(one, point)}."
        )
    return (
        f"A month costs about {short_usd(middle)}, four times in five {spread_words(low, high)}; "
        f"at likely values {fleet}, and {unit_price(one, point)}."
    )


def _task(one: Case, drawn: Mapping[str, Any], budget: float) -> tuple[bool, str]:
    x, system = one.x, catalog.systems().get(one.system.key, one.system)
    same = all(
        abs(x[name] - value) <= 1e-9 * value
        for name, value in (
            ("n_params", system.n_params), ("prompt_tokens", system.prompt_tokens[1]),
            ("passes", system.passes[1]),
        )
    )  # fmt: skip
    price = catalog.prices().get(one.accelerator)
    listed = price and abs(x["usd_per_accelerator_hour"] - price.range.likely) < 1e-9
    wanted = (
        (system.key == "retrieval", "choose retrieval with answers first."),
        (x["users"] == TASK_USERS, "set 1 million users."),
        (x["requests_per_user"] == TASK_ASKS, "set 10 requests a day for each."),
        (budget == TASK_BUDGET, "set the budget to 300 thousand USD."),
        (same, "leave the model, its prompt and its passes as the system has them."),
        (bool(listed), "leave the price of the accelerator as it is listed."),
        (x["peak_factor"] >= 2, "leave the peak factor at 2 or more."),
        (x["target_utilization"] <= 0.75, "leave the target utilization at 75 % or less."),
    )
    for met, advice in wanted:
        if not met:
            return False, advice
    kept = within(drawn, budget)
    if abs(kept - TASK_SHARE) < UNSURE:
        drawn = one.drawn()
        kept = within(drawn, budget)
    # Counted, as a share that is rounded may say nine in ten of what is less.
    draws = len(drawn["usd_per_month"])
    said = f"within the budget in {number_text(round(kept * draws))} of {number_text(draws)} draws"
    if kept < TASK_SHARE:
        high = percentiles(drawn["usd_per_month"])[2]
        return False, f"{said}; their P90 is {short_usd(high)}."
    return True, f"{said}."


def _usual_task(system: System, usual: Mapping[str, Any], budget: float) -> tuple[bool, str]:
    """Score the task where the notebook has its own doubt or other inputs: at the usual ones."""
    try:
        one = case(system, TYPED, **usual)
        solved, score = _task(one, one.drawn(PANEL_DRAWS), budget)
    except ValueError as error:
        solved, score = False, str(error)
    return (
        solved,
        f"{score} (The task is counted at a doubt of 1, with no `model`, no `others` and no ranges "
        "of your own.)",
    )


def service_panel(given: Inputs, mine: Case | None = None) -> Panel:
    """The lesson's panel, starting at the reader's inputs, or at the reader's own service."""
    own = mine or case(**given.as_dict())
    course = catalog.systems()
    systems = {**course, own.system.key: own.system}
    start = own.x
    fixed = {name: start[name] for name in FIXED} | {"accelerator_watts": _watts(own)}
    usual = {name: DEFAULTS[name] for name in FIXED}
    ranges = [r for r, other in zip(own.ranges, own.usual_ranges, strict=True) if r != other]
    names = dict.fromkeys((*catalog.prices(), own.accelerator))

    def answer(budget_usd_per_month: float, **chosen: Any) -> Answer:
        system = systems[chosen.pop("system")]
        values = {**fixed, **chosen}
        one = case(system, TYPED, **values)
        one = one.ranged(*(
            _around(r, values.get(r.name, r.likely)) for r in ranges if _is_still_of(r, one, own)
        ))  # fmt: skip
        point, drawn = one.beside(PANEL_DRAWS)
        found = ends_of(drawn)
        published = course.get(system.key, system)
        if usual == fixed and system == published and not ranges:
            solved, score = _task(one, drawn, budget_usd_per_month)
        else:
            solved, score = _usual_task(published, {**usual, **chosen}, budget_usd_per_month)
        tables = (
            answers_table(one, point, found), parts_table(one, point, drawn, budget_usd_per_month)
        )  # fmt: skip
        return Answer(sentence(one, point, found), tables, score, solved)

    price = start["usd_per_accelerator_hour"]
    controls = (
        Choice("system", "System", {key: _name_of(one) for key, one in systems.items()},
               own.system.key, "What is served; it sets the model, its prompt and its passes",
               fills=lambda key: _of_system(systems[key])),
        Number("users", start["users"], 0.1, 1000, step=0.1, log=True, scale=MB,
               scale_name="in millions", narrowed=narrowed("users")),
        Number("requests_per_user", start["requests_per_user"], 1, 100,
               narrowed=narrowed("requests_per_user")),
        Number("n_params", start["n_params"], 0.1, 500, step=0.1, log=True, scale=GB,
               scale_name="in billions", narrowed=narrowed("n_params", positive=True)),
        Number("prompt_tokens", start["prompt_tokens"], 0, 8000, step=50,
               narrowed=narrowed("prompt_tokens")),
        Number("passes", start["passes"], 1, 4000, step=10, narrowed=narrowed("passes")),
        Choice("precision", "Precision of the weights", {p: p for p in PRECISIONS},
               own.precision, "How weights are stored; in FP8 and NVFP4 computed with, too, "
               "where the accelerator has a rate for it, and else at 16 bits"),
        Choice("accelerator", "Accelerator", {name: name for name in names}, own.accelerator,
               "The hardware that serves; it sets rates, memory, power and its price. "
               "Here are those that have a price in the catalog; any other is set, with its price, "
               "in the parameters",
               fills=lambda name: {"usd_per_accelerator_hour": _listed(name, price)}),
        Number("usd_per_accelerator_hour", price, 0.1, 20, step=0.01, log=True),
        Number("peak_factor", start["peak_factor"], 1, 10, step=0.1),
        Number("target_utilization", fixed["target_utilization"], 0.1, 1, step=0.05),
        Number("budget_usd_per_month", TASK_BUDGET, 1, 100_000, step=10, log=True, scale=1000,
               scale_name="in thousands"),
    )  # fmt: skip
    return Panel(TASKS["05"], TASK, controls, answer)


FIXED = (
    "token_target_seconds", "target_utilization", "spare_replicas", "retention_days", "replicas",
    "hot_usd_per_gb", "egress_usd_per_gb", "accelerator_watts", "server_power_factor", "pue",
    "usd_per_kwh", "grid_kg_per_kwh", "doubt", "seed",
)  # fmt: skip


TYPED = ("n_params", "prompt_tokens", "passes", "usd_per_accelerator_hour")
"""Controls that start at the catalog's value, so that a 0 in them is a 0."""


def _name_of(system: System) -> str:
    """A system's name; the reader's own says so, since it may be called like one of the course."""
    return system.name if system.key in catalog.systems() else f"{system.name} (your own)"


OF_SYSTEM = ("prompt_tokens", "passes", "size_factor", "engine_factor")
"""Inputs whose ranges are those of one system."""


def _is_still_of(one: Range, chosen: Case, own: Case) -> bool:
    """Tell whether the reader's own range of an input is one of what the controls stand at, too."""
    if one.name == "usd_per_accelerator_hour":
        return chosen.accelerator == own.accelerator
    return one.name not in OF_SYSTEM or chosen.system.key == own.system.key


def _around(one: Range, likely: float) -> Range:
    """Move a range to a control's value, with the same factors between it and the ends."""
    middle = one.likely - one.floor
    scale = (likely - one.floor) / middle if middle else 0
    low, high = (one.floor + (end - one.floor) * scale for end in (one.low, one.high))
    return Range(one.name, min(low, likely), likely, max(high, likely), one.floor)


def _watts(one: Case) -> float:
    """The reader's own watts; 0 for the catalog's, so that each accelerator has its own."""
    watts = one.x["accelerator_watts"]
    return 0 if watts == catalog.accelerator(one.accelerator).watts else watts


def _of_system(one: System) -> dict[str, float]:
    return {
        "n_params": one.n_params, "prompt_tokens": one.prompt_tokens[1], "passes": one.passes[1],
    }  # fmt: skip


def _listed(name: str, otherwise: float) -> float:
    price = catalog.prices().get(name)
    return price.range.likely if price else otherwise
