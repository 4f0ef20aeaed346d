"""What a file of an engine's memory says of the budgets: errors, assumptions, rows left out."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field

COMPONENTS = {
    "weights": "weights of the fullest stage",
    "activations": "peak of the activations",
    "non-torch": "memory outside torch",
    "CUDA graphs": "CUDA graphs, outside the budget",
    "pool from its parts": "cache pool, given the row's own components",
    "tokens in the pool": "tokens or blocks, given the row's own pool",
    "pool predicted": "cache pool from model, accelerator, share and engine alone",
}


@dataclass(slots=True)
class Report:
    """Errors by component, each a share of the measured value; assumptions; rows left out."""

    errors: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in COMPONENTS}
    )
    assumptions: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def assume(self, sentence: str) -> None:
        """Note an assumption, and count the rows that need it."""
        if sentence:
            self.assumptions[sentence] = self.assumptions.get(sentence, 0) + 1

    def add(self, component: str, predicted: float, measured: float | None) -> None:
        """Note the error of one component, where it was measured and is not 0."""
        if measured:
            self.errors[component].append(predicted / measured - 1)

    def take(self, other: Report) -> None:
        """Take over what one row gave."""
        for name, errors in other.errors.items():
            self.errors[name].extend(errors)
        for sentence, rows in other.assumptions.items():
            self.assumptions[sentence] = self.assumptions.get(sentence, 0) + rows

    def summary(self) -> dict[str, dict[str, float]]:
        """Rows, mean, median and worst absolute error of each component that was measured."""
        return {
            name: {
                "rows": len(errors),
                "mean": statistics.fmean(map(abs, errors)),
                "median": statistics.median(map(abs, errors)),
                "worst": max(map(abs, errors)),
            }
            for name, errors in self.errors.items()
            if errors
        }


def as_json(report: Report) -> str:
    """Errors as shares, assumptions with the rows that need them, rows left out."""
    return json.dumps(
        {
            "errors": report.summary(),
            "assumptions": report.assumptions,
            "left_out": report.problems,
        },
        indent=1,
    )


def as_text(report: Report) -> str:
    """A table of absolute errors, and below it what was assumed and left out."""
    lines = [f"{'component':20}  rows    mean  median   worst  absolute error"]
    for name, found in report.summary().items():
        figures = "".join(f" {found[key]:7.2%}" for key in ("mean", "median", "worst"))
        lines.append(f"{name:20}  {found['rows']:4.0f}{figures}  {COMPONENTS[name]}")
    lines += [
        f"assumed in {n} row{'s' * (n != 1)}: {text}" for text, n in report.assumptions.items()
    ]
    return "\n".join([*lines, *report.problems])
