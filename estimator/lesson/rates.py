"""The rate at which an accelerator computes with weights of a precision."""

from __future__ import annotations

from estimator.catalog import Accelerator

COMPUTED_BITS = {"FP8": 8, "NVFP4": 4}
"""Precisions that are also computed with, where an accelerator has their rate; else at 16 bits."""


def compute_rate(chip: Accelerator, precision: str) -> float:
    """Operations a second at a precision; what is only stored is computed with at 16 bits."""
    rate = chip.flops_per_s.get(COMPUTED_BITS.get(precision, 16))
    return (chip.int8_ops_per_s if precision == "INT8" else rate) or chip.flops_per_s[16]
