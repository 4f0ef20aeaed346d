"""Measured serving runs for tests: the shipped file, and files of good rows with changes."""

from __future__ import annotations

import csv
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "estimator" / "catalog" / "measured_serving.csv"
GOOD = {
    "model_path": "Qwen/Qwen3-32B",
    "system": "h100_sxm",
    "backend": "vllm",
    "isl": "1024",
    "osl": "512",
    "batch_size": "16",
    "tp_size": "4",
    "tpot_ms": "11.85",
    "ttft_ms": "164",
}


def write(path: Path, *changes: dict[str, str], columns: tuple[str, ...] = ()) -> Path:
    """Write a file of good rows, each with changes."""
    names = columns or tuple(dict.fromkeys([*GOOD, *(name for row in changes for name in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, names, extrasaction="ignore")
        rows.writeheader()
        rows.writerows([GOOD | change for change in changes])
    return path
