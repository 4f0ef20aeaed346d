"""Lesson 02's live sheet and its spreadsheet, as their tests read them."""

from __future__ import annotations

import re

LESSON = "02-user-and-interaction-data"
PARAMETERS = {
    "registered_users": 100_000_000, "active_share": 1, "record_bytes": 10_000,
    "requests_per_user": 10, "interaction_bytes": 2_000, "index_share": 0.25,
    "monthly_growth": 0.05, "retention_days": 30, "replicas": 1, "compression_ratio": 1,
    "hot_days": 7, "hot_usd_per_gb": 0.02, "cold_usd_per_gb": 0.004,
}  # fmt: skip


def evaluate(text: str, cells: dict[str, float]) -> float:
    """Work a spreadsheet's formula out, as a spreadsheet would."""
    named = re.sub(r"[BD]\d+", lambda match: f"cells['{match[0]}']", text)

    def future_value(rate: float, terms: float, payment: float) -> float:
        return -payment * sum((1 + rate) ** n for n in range(int(terms)))

    names = {"cells": cells, "MIN": min, "FV": future_value}
    return float(eval(named.replace("^", "**"), {"__builtins__": {}}, names))
