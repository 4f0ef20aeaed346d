"""`make batch`: the course's systems, a report each, and a table beside the published figures."""

import csv
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tools.set_up import ROOT, CannotError, told

if TYPE_CHECKING:
    from estimator.lesson.lesson_05_case import Case

LESSON = ROOT / "notebooks" / "05-size-a-service.ipynb"
SCENARIOS = ROOT / "scenarios" / "course.csv"
OUT = ROOT / "build" / "course-systems"
SHOWN = ("daily_bytes", "planned_accelerators", "egress_bits_per_s", "usd_per_month", "power_watts")
WITHOUT_WEIGHT = ("doubt", "seed")
"""Inputs that change ranges alone, and no answer at likely values."""
Row = Mapping[str, str]


def results() -> list[dict[str, str]]:
    """Read the results of the batch, a row for each scenario."""
    with (OUT / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results_table() -> str:
    """The results of the batch, as text: a row for each scenario."""
    from estimator.glossary import quantity
    from estimator.lesson.tables import Table
    from estimator.units import quantity_text

    body = [
        (row["name"], *(quantity_text(float(row[n]), quantity(n).unit) for n in SHOWN))
        for row in results()
    ]
    return str(Table(("system", *SHOWN), body, "The course's systems, as the batch sized them"))


def published_text() -> str:
    """The published figures beside the batch's own results, as text."""
    from estimator import catalog
    from estimator.glossary import quantity
    from estimator.lesson.lesson_05_course import ALONE, NO_COST, NONE, chain_text, compared
    from estimator.lesson.tables import Table

    body = []
    for row in results():
        one = case_of(row)
        other = unlike_published(one)
        found = {p.quantity: p for p in catalog.published(one.system.key)}
        for name in compared(found):
            entry = found.get(name)
            why = entry.reason if entry else ALONE
            if entry and other:
                why = f"not the published example: here {other}"
            body.append((
                row["name"], quantity(name).label, entry.text if entry else NONE,
                chain_text(one, name), ours(row, name), why,
            ))  # fmt: skip
    headers = (
        "scenario", "quantity", "published", "its chain, computed here", "ours", "why they differ"
    )  # fmt: skip
    left = frozenset({"quantity", "why they differ"})
    return str(Table(headers, body, "The course's figures and the batch's", NO_COST, left=left))


def case_of(row: Row) -> "Case":
    """Give the service that a row of the results is of."""
    from estimator.lesson.lesson_05 import DEFAULTS, case

    given: dict[str, Any] = {n: row[n] for n in (*DEFAULTS, "others") if row.get(n)}
    for name, value in given.items():
        if not isinstance(DEFAULTS.get(name, ""), str):
            given[name] = float(value)
    return case(**given)


def unlike_published(one: "Case") -> str:
    """Say in which inputs a service is not the one that was published; empty if in none."""
    from estimator.lesson.lesson_05_case import of_course
    from estimator.units import number_text

    example = of_course(one.system.key)
    names = [
        f"{what} is {getattr(one, what)}"
        for what in ("precision", "accelerator")
        if getattr(one, what) != getattr(example, what)
    ]
    if one.system.model != example.system.model:
        names.insert(0, f"model is {one.system.model}")
    numbers = [
        f"{name} is {number_text(value)}"
        for name, value in one.x.items()
        if value != example.x[name] and name not in WITHOUT_WEIGHT
    ]
    return ", ".join((*names, *numbers))


def ours(row: Row, name: str) -> str:
    """Write the batch's figure: accelerators are those to plan, and a month has 30 days' bytes."""
    from estimator.glossary import quantity
    from estimator.units import quantity_text
    from estimator.user_data import monthly_bytes

    if name == "accelerators":
        return quantity_text(float(row["planned_accelerators"]), "accelerator")
    if name == "monthly_bytes":
        value = float(monthly_bytes(float(row["daily_bytes"])))
    else:
        value = float(row[name])
    return quantity_text(value, quantity(name).unit)


def main() -> None:
    """Run the batch, then print both tables."""
    command = [sys.executable, "-m", "estimator", "batch", str(LESSON), str(SCENARIOS)]
    done = subprocess.run([*command, "--out", str(OUT)], cwd=ROOT, check=False)
    if done.returncode:
        raise CannotError("Not every system was sized: see above.")
    print(f"\n{results_table()}\n\n{published_text()}")


if __name__ == "__main__":
    sys.exit(told(main))
