"""The published figures of `data/golden.csv`; `data/SOURCES.md` tells where each comes from."""

from __future__ import annotations

import csv
from pathlib import Path

DATA = Path(__file__).parent / "data"


def golden() -> dict[str, dict[str, str]]:
    """All rows, each under its name."""
    with (DATA / "golden.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def exact_golden(prefix: str) -> list[tuple[str, int]]:
    """The rows whose name begins so: what follows in their name, the exact figure."""
    return [
        (name.removeprefix(prefix), int(row["exact"]))
        for name, row in golden().items()
        if name.startswith(prefix)
    ]
