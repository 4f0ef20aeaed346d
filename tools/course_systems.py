"""`make batch`: the course's systems, a report each, and a table beside the published figures."""

import csv
import subprocess
import sys

from tools.set_up import ROOT, CannotError, told

LESSON = ROOT / "notebooks" / "05-size-a-service.ipynb"
SCENARIOS = ROOT / "scenarios" / "course.csv"
OUT = ROOT / "build" / "course-systems"
SHOWN = ("daily_bytes", "planned_accelerators", "egress_bits_per_s", "usd_per_month", "power_watts")


def results_table() -> str:
    """The results of the batch, as text: a row for each system."""
    from estimator.glossary import quantity
    from estimator.lesson.tables import Table
    from estimator.units import quantity_text

    with (OUT / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    body = [
        (row["name"], *(quantity_text(float(row[n]), quantity(n).unit) for n in SHOWN))
        for row in rows
    ]
    return str(Table(("system", *SHOWN), body, "The course's systems, as the batch sized them"))


def main() -> None:
    """Run the batch, then print both tables."""
    command = [sys.executable, "-m", "estimator", "batch", str(LESSON), str(SCENARIOS)]
    done = subprocess.run([*command, "--out", str(OUT)], cwd=ROOT, check=False)
    if done.returncode:
        raise CannotError("Not every system was sized: see above.")
    from estimator.lesson.lesson_05 import published_table

    print(f"\n{results_table()}\n\n{published_table()}")


if __name__ == "__main__":
    sys.exit(told(main))
