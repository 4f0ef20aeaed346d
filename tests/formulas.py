"""Where the formulas stand: found by their decorator, so that no list can forget a module."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def modules_with_formulas() -> list[str]:
    """Give the names of all modules with a formula in them."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "estimator").rglob("*.py"))
        if re.search(r"^@formula\(", path.read_text(encoding="utf-8"), flags=re.M)
    ]
