"""The columns of a file of an engine's memory, and its rows, whose gaps are assumed and told."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping

from estimator.validate.memory_report import Report

COLUMNS = (
    "model", "accelerator", "visible_gib", "utilization", "engine", "engine_version",
    "weight_dtype", "kv_dtype", "tp", "pp", "weights_gib", "activation_gib", "non_torch_gib",
    "cuda_graph_gib", "kv_pool_gib", "kv_tokens", "kv_blocks", "chunk_tokens", "max_sequences",
)  # fmt: skip
MEASURED = COLUMNS[10:17]
_ABOUT = ("concurrency_8192", "measured", "source", "place", "licence", "note")
# What vLLM and its users call some of the columns.
_MEANT = {
    "dtype": "weight_dtype", "kv_cache_dtype": "kv_dtype", "tensor_parallel_size": "tp",
    "pipeline_parallel_size": "pp", "gpu_memory_utilization": "utilization", "gpu": "accelerator",
    "max_num_batched_tokens": "chunk_tokens", "max_num_seqs": "max_sequences",
}  # fmt: skip
NOT_GIVEN = frozenset({"nan", "n/a", "na", "null", "none", "-"})


def check_columns(names: list[str], report: Report) -> None:
    """Refuse a header that lacks the model or all figures, or has a column misspelled."""
    for name in names:
        if name in COLUMNS or name in _ABOUT:
            continue
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()[:60]).strip("_")
        near = difflib.get_close_matches(plain, COLUMNS, 1, 0.75)
        for meant in [_MEANT[plain]] if plain in _MEANT else near:
            if meant not in names:
                unit = " Its numbers are GiB, 2^30 bytes." * meant.endswith("_gib")
                raise ValueError(
                    f"the column {name[:40]!r} is not known: did you mean {meant}?{unit}"
                )
        report.assume(f"the column {name[:40]!r} is not known: it changes nothing")
    if "model" not in names:
        raise ValueError("the file has no column model: name the model of each row.")
    if not set(MEASURED).intersection(names):
        raise ValueError(
            f"the file measures nothing: give at least one of the columns {', '.join(MEASURED)}."
        )


class Row:
    """A row while it is read: what it lacks is assumed, and the assumption kept."""

    def __init__(self, values: Mapping[str, str], report: Report) -> None:
        self.values = values
        self.report = report

    def text(self, column: str, default: str, why: str) -> str:
        """What a field says, or what is assumed instead, and told."""
        value = self.values.get(column, "")
        if value:
            return value
        self.report.assume(f"{column} is not given: {default} ({why})")
        return default

    def number(self, column: str) -> float | None:
        """A measured figure, or None where the field is empty or not there."""
        value = self.values.get(column, "")
        try:
            number = float(value) if value else None
        except ValueError:
            number = math.nan
        if number is not None and not (math.isfinite(number) and number >= 0):
            raise ValueError(
                f"{column} is {value[:40]!r}, but it must be a number, 0 or more: write it as "
                "476016 or 58.11, without a unit."
            )
        return number

    def whole(self, column: str, default: int, why: str, high: int) -> int:
        """A whole number from 1 on, or what is assumed instead, and told."""
        value = self.text(column, str(default), why)
        if re.fullmatch(r"\d{1,8}\.0+", value):  # as pandas writes a column with gaps
            value = value.partition(".")[0]
        if not (value.isdecimal() and len(value) < 9 and 1 <= int(value) <= high):
            raise ValueError(
                f"{column} is {value[:40]!r}, but it must be a whole number from 1 to {high:,}."
            )
        return int(value)

    def share(self) -> float:
        """The share of the memory that the engine may use."""
        number = self.number("utilization")
        if number is None:
            self.report.assume("utilization is not given: 0.9 (vLLM's default)")
            return 0.9
        if number > 1:
            raise ValueError(f"utilization is {number:g}, but it is a share, as 0.95 is of 95 %.")
        return number
