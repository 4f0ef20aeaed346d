"""Measured serving runs for tests: the shipped file, and files of good rows with changes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from estimator.__main__ import main
from estimator.validate.reasons import Unread
from estimator.validate.rows import Setting
from estimator.validate.table import read_blocks

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


def shipped_lines() -> list[dict[str, str]]:
    """The shipped file as it stands, without the estimator: the first is its line 2."""
    with SHIPPED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, *changes: dict[str, str], columns: tuple[str, ...] = ()) -> Path:
    """Write a file of good rows, each with changes."""
    names = columns or tuple(dict.fromkeys([*GOOD, *(name for row in changes for name in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, names, extrasaction="ignore")
        rows.writeheader()
        rows.writerows([GOOD | change for change in changes])
    return path


def command(*arguments: object) -> int:
    """Run `python -m estimator validate serving`."""
    return main(["validate", "serving", *map(str, arguments)])


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run: what it was, the load, the measured seconds, and its marks."""

    line: int
    setting: Setting
    batch: float
    prompt_tokens: float
    output_tokens: float
    token_seconds: float
    marks: frozenset[str]


def read_runs(path: Path) -> Iterator[Run | Unread]:
    """Read a file row by row, in its order."""
    for block in read_blocks(path):
        rows: list[Run | Unread] = [
            Run(
                int(block.line[place]), block.settings[block.setting[place]],
                float(block.batch[place]), float(block.prompt_tokens[place]),
                float(block.output_tokens[place]), float(block.token_seconds[place]),
                frozenset(name for name, marked in block.marks.items() if marked[place]),
            )
            for place in range(len(block))
        ]  # fmt: skip
        yield from sorted([*rows, *block.unread], key=lambda row: row.line)
