"""The published figures of `data/golden.csv`; `data/SOURCES.md` tells where each comes from."""

from __future__ import annotations

import csv
from pathlib import Path

DATA = Path(__file__).parent / "data"


def golden() -> dict[str, dict[str, str]]:
    """All rows, each under its name."""
    with (DATA / "golden.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}
