"""Lesson 03's panel as the tests of the lesson read it."""

from typing import Any

from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_03_service import memory_panel
from estimator.lesson.panel import Panel

START = {
    "model": "llama-3.1-8b", "accelerator": "A100-SXM-80GB", "tensor_parallel": 1, "batch": 1,
    "tokens": 8192, "weight_precision": "BF16", "cache_precision": "BF16",
}  # fmt: skip


def panel(**changes: Any) -> Panel:
    return memory_panel(Inputs(**{**START, **changes}))
