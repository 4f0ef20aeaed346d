"""Fit the nine constants of the step time: `python -m tools.fit_step_time [FILE.csv] [--write]`.

What runs later needs only the file that this writes, estimator/catalog/step_constants.json.

The loss is that of the logarithm of predicted / measured, rounded off beyond a tenth (soft L1), so
that a row which cannot be right pulls little. Groups (model x accelerator x engine) weigh as the
root of their rows: neither a large group nor a small one leads. A repeated row counts once, and
one that is faster than its roofline not at all: what ran is not what is recorded.

An interval comes from rows that the fit has not seen: each group is left out in turn, and the
deciles of their errors, groups weighing as above, are widened by sqrt(1 + 1 / groups), because the
next group is none of these. For the interval of a left-out group the same is done once more
without it (each pair of groups left out together), so that it is honest.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from estimator.catalog.serving import PARTS, Fit, fit_entry
from estimator.engine import Constants, Spread, Spreads
from estimator.validate.predict import Runs, estimate, faster, runs_of
from estimator.validate.table import read_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

CATALOG = Path(__file__).parents[1] / "estimator" / "catalog"
LOSS_SCALE = 0.1
STEPS, NUDGE = 100, 1e-6
ALL_ROWS = 10**9
START = Constants(0.8, 0.6, 0.4, 0.4, 0.5, 5e-5, 3e-5, 4e-6, 2e-5)
LOWEST = Constants(0.2, 0.1, 0.05, 0.05, 0.05, 1e-7, 1e-7, 1e-8, 1e-8)
HIGHEST = Constants(1, 1, 1, 1, 1, 1e-3, 1e-3, 1e-3, 1e-3)
MEANING = {
    "memory_efficiency": "share of the data sheet's bandwidth that weights and cache are read at",
    "compute_efficiency": "share of the dense 16-bit rate that matrix products and attention reach",
    "narrow_efficiency": "share of the dense 8- or 4-bit rate that matrix products reach",
    "expert_efficiency": "what is left of those two where tokens scatter over experts",
    "link_efficiency": "share of the link's one-way bandwidth that exchanges reach",
    "layer_seconds": "fixed time of a layer's kernels",
    "mixture_seconds": "more of it in a layer with experts: routing, sorting, gathering",
    "hop_seconds": "latency of an exchange for each doubling of the group",
    "sequence_seconds": "time that each sequence adds to a step of the accelerators that hold it",
}


def _values(constants: Constants) -> Array:
    return np.array([getattr(constants, field.name) for field in fields(constants)], dtype=float)


def fit_constants(runs: Runs, weights: Array, start: Constants = START) -> Constants:
    """Fit all constants to some runs, from a start."""
    target, roots = np.log(runs.token_seconds), np.sqrt(weights)

    def residuals(logs: Array) -> Array:
        predicted = estimate(runs, Constants(*np.exp(logs))).token_seconds
        errors: Array = roots * (np.log(predicted) - target) / LOSS_SCALE
        return errors

    bounds = (np.log(_values(LOWEST)), np.log(_values(HIGHEST)))
    found = least_rounded_squares(residuals, np.log(_values(start)), bounds)
    return Constants(*(float(value) for value in np.exp(found)))


def least_rounded_squares(
    residuals: Callable[[Array], Array], start: Array, bounds: tuple[Array, Array]
) -> Array:
    """Minimize the sum of 2 (sqrt(1 + r^2) - 1) within bounds, after Levenberg and Marquardt.

    Each step solves the least squares in which a residual weighs 1 / sqrt(1 + r^2); a value that
    stands at its bound and would leave it keeps still.
    """
    point, damping = np.clip(start, *bounds), 1e-3
    errors = residuals(point)
    for _ in range(STEPS):
        slopes = _slopes(residuals, point, errors)
        moved = np.clip(point + _move(slopes, errors, point, bounds, damping), *bounds)
        tried = residuals(moved)
        gain = _cost(errors) - _cost(tried)
        if gain <= 0:
            damping *= 10
            if damping > 1e9:
                break
            continue
        point, errors, damping = moved, tried, max(damping / 10, 1e-9)
        if gain < 1e-9 * _cost(errors):
            break
    return point


def _cost(errors: Array) -> float:
    return float((np.sqrt(1 + errors**2) - 1).sum())


def _slopes(residuals: Callable[[Array], Array], point: Array, errors: Array) -> Array:
    nudges = np.eye(len(point)) * NUDGE
    return np.stack([(residuals(point - n) - errors) / -NUDGE for n in nudges], axis=1)


def _move(
    slopes: Array, errors: Array, point: Array, bounds: tuple[Array, Array], damping: float
) -> Array:
    weights = 1 / np.sqrt(1 + errors**2)
    down = -slopes.T @ (weights * errors)
    free = ~((point <= bounds[0]) & (down < 0) | (point >= bounds[1]) & (down > 0))
    curve = slopes[:, free].T @ (weights[:, None] * slopes[:, free])
    curve += damping * np.diag(np.diag(curve) + 1e-12)
    move = np.zeros_like(point)
    move[free] = np.linalg.solve(curve, down[free])
    return move


def weights_of(runs: Runs, repeated: Mask) -> Array:
    """Weigh groups by the root of their rows, and a repeated row not at all."""
    weights = np.where(repeated, 0.0, 1.0)
    for group in np.unique(runs.groups):
        rows = runs.groups == group
        weights[rows] /= np.sqrt(weights[rows].sum())
    scaled: Array = weights / weights.mean()
    return scaled


def errors_of(runs: Runs, constants: Constants, name: str = "token_seconds") -> Array:
    """Logarithms of measured / predicted, of rows that give the time."""
    errors: Array = np.log(getattr(runs, name) / getattr(estimate(runs, constants), name))
    return errors[~np.isnan(errors)]


def spread_of(errors: Sequence[Array]) -> Spread:
    """Factors to P10, P90 and median, groups weighing as in the fit, widened for the next one."""
    joined = np.concatenate(errors)
    shares = np.concatenate([np.full(len(one), len(one) ** -0.5) for one in errors])
    order = np.argsort(joined)
    middles = (np.cumsum(shares[order]) - shares[order] / 2) / shares.sum()
    low, middle, high = np.interp([0.1, 0.5, 0.9], middles, joined[order])
    wider = np.sqrt(1 + 1 / len(errors))
    return Spread(*(float(np.exp(end)) for end in (low * wider, high * wider, middle)))


class Folds:
    """Fits that leave groups out; each is made once."""

    def __init__(self, runs: Runs, repeated: Mask) -> None:
        self.runs = runs
        self.weights = weights_of(runs, repeated)
        self.groups = [str(group) for group in np.unique(runs.groups)]
        self.whole = fit_constants(runs, self.weights)
        self._made: dict[frozenset[str], Constants] = {}

    def without(self, *groups: str) -> Constants:
        """Constants of a fit without some groups."""
        key = frozenset(groups)
        if key not in self._made:
            kept = ~np.isin(self.runs.groups, list(groups))
            runs = self.runs.select(kept)
            self._made[key] = fit_constants(runs, self.weights[kept], self.whole)
        return self._made[key]

    def errors(self, name: str, group: str, *others: str) -> Array:
        """Errors of a group under constants that have seen neither it nor the others."""
        rows = self.runs.groups == group
        return errors_of(self.runs.select(rows), self.without(group, *others), name)

    def kind(self, group: str) -> bool:
        """Tell whether a group's model is a mixture."""
        return bool(self.runs.mixture[self.runs.groups == group][0])

    def spreads(self, mixture: bool, *left_out: str) -> Spreads:
        """Intervals of a kind of model, from groups that its constants have not seen."""
        groups = [g for g in self.groups if self.kind(g) == mixture and g not in left_out]
        names = ("token_seconds", "first_token_seconds")
        token, first = (
            spread_of([self.errors(name, g, *left_out) for g in groups]) for name in names
        )
        # What is fitted is the time per output token: its middle is the estimate.
        return Spreads(replace(token, middle=1), first)

    def fit(self) -> Fit:
        """Fit all rows."""
        return Fit(self.whole, self.spreads(False), self.spreads(True))

    def fit_without(self, *groups: str) -> Fit:
        """Fit all rows but those of some groups, with the interval that the other groups give."""
        kinds = {self.kind(group) for group in groups}
        spreads = [self.spreads(kind, *(groups if kind in kinds else ())) for kind in (False, True)]
        return Fit(self.without(*groups), *spreads)


def table_of(whole: Constants, folds: Sequence[Constants]) -> list[dict[str, Any]]:
    """Each constant with its range over the fits that leave one group out."""
    units = {name: "share" if "efficiency" in name else "s" for name in MEANING}
    table = []
    for name, value in asdict(whole).items():
        seen = [getattr(fold, name) for fold in folds]
        entry = {"name": name, "value": value, "low": min(seen), "high": max(seen)}
        table.append({**entry, "unit": units[name], "meaning": MEANING[name]})
    return table


def load(path: Path) -> tuple[Runs, Mask]:
    """Read all runs of a file that can be as recorded, and which of them are repeated."""
    (block,) = read_blocks(path, rows=ALL_ROWS)
    for row in block.unread:
        print(f"line {row.line} left out: {row.why}")
    runs = runs_of(block)
    possible = ~faster(runs)
    for line in block.line[~possible]:
        print(f"line {line} left out: faster than its roofline")
    return runs.select(possible), block.marks["repeated"][possible]


def result_of(folds: Folds, date: str) -> dict[str, Any]:
    """Give what the catalog keeps of a fit."""
    left_out = {group: folds.fit_without(group) for group in folds.groups}
    return {
        "fitted_on": "estimator/catalog/measured_serving.csv (aiconfigurator 0.12, Apache-2.0)",
        "date": date,
        "rows": int((folds.weights > 0).sum()),
        "fit": fit_entry(folds.fit()),
        "constants": table_of(folds.whole, [fit.constants for fit in left_out.values()]),
        "left_out": {group: fit_entry(fit) for group, fit in left_out.items()},
        "left_out_whole": wider_folds(folds),
    }


def rounded(value: Any) -> Any:
    """Round every number of a structure to six digits: more than a fit can tell."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list) else value


def wider_folds(folds: Folds) -> list[dict[str, Any]]:
    """Leave out a whole model, accelerator or engine: median and mean absolute error on it."""
    table = []
    for place, part in enumerate(PARTS):
        for name in sorted({group.split("/")[place] for group in folds.groups}):
            groups = [group for group in folds.groups if group.split("/")[place] == name]
            rows = np.isin(folds.runs.groups, groups)
            errors = errors_of(folds.runs.select(rows), folds.without(*groups))
            off = np.abs(np.exp(-errors) - 1)
            found = {"median": float(np.median(off)), "mean": float(off.mean())}
            fit = fit_entry(folds.fit_without(*groups))
            table.append({"part": part, "without": name, "rows": len(off), **found, "fit": fit})
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, print, and with --write keep."""
    parser = argparse.ArgumentParser(description="Fit the constants of the step time.")
    parser.add_argument("file", nargs="?", type=Path, default=CATALOG / "measured_serving.csv")
    parser.add_argument("--write", action="store_true", help="write step_constants.json")
    options = parser.parse_args(argv)
    folds = Folds(*load(options.file))
    result = rounded(result_of(folds, datetime.date.today().isoformat()))
    for entry in result["constants"]:
        ends = f"{entry['low']:.4g} to {entry['high']:.4g}"
        print(f"{entry['name']:20} {entry['value']:.4g} ({ends})")
    for kind in ("dense", "mixture"):
        print(f"interval of a {kind} model, factors: {result['fit'][kind]}")
    for fold in result["left_out_whole"]:
        print("without {without:20} median {median:.1%} mean {mean:.1%}".format(**fold))
    if options.write:
        text = json.dumps(result, indent=1) + "\n"
        (CATALOG / "step_constants.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
