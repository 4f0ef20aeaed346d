"""Estimate measured serving runs, and say how far off the estimates are.

A row of a group (model x accelerator x engine) on which the constants were fitted is estimated by
constants, and by an interval, from the fit that left this group out: no figure printed here comes
from a fit that has seen the row. Errors are |predicted / measured - 1|.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from estimator.catalog import serving as catalog
from estimator.catalog.serving import PARTS, Fit
from estimator.engine import DecoderShape, Spread
from estimator.formula import unchecked
from estimator.step_time import absolute_error
from estimator.units import seconds_text
from estimator.validate.predict import (
    Runs,
    estimate,
    faster,
    first_token_floor,
    roofline,
    running,
    runs_of,
)
from estimator.validate.reasons import Reason, Unread, note
from estimator.validate.report import SCORED, WITH_FASTER, FirstToken, Report, Score, Scores, Worst
from estimator.validate.rows import Setting
from estimator.validate.table import BLOCK_ROWS, Block, assumed_of, read_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

VIEWS: dict[str, Callable[[Setting], str]] = {
    "model": lambda setting: setting.model,
    "accelerator": lambda setting: setting.system,
    "engine": lambda setting: setting.engine,
    "precision": lambda setting: setting.mode or "bfloat16",
    "precision of a model": lambda setting: f"{setting.model} {setting.mode or 'bfloat16'}",
    "group": lambda setting: setting.group,
    "kind": lambda setting: "mixture" if setting.decoder.is_mixture else "dense",
}


_error = unchecked(absolute_error)


class _Collector:
    """Estimates blocks of runs, and keeps a few numbers of each row."""

    def __init__(self, worst: int) -> None:
        self.constants = catalog.step_constants()
        whole = self.constants.left_out_whole
        self.whole = {
            part: {one.without: one.fit for one in whole if one.part == part} for part in PARTS
        }
        self.parts: list[dict[str, NDArray[Any]]] = []
        self.settings: Sequence[Setting] = ()
        self.keep = worst
        self.worst: list[Worst] = []
        self.as_recorded: list[Worst] = []
        self.impossible: list[Unread] = []
        self.marks: Counter[str] = Counter()
        self.fitted = 0

    def add(self, block: Block) -> None:
        """Estimate some runs."""
        if not len(block):
            return
        runs, self.settings = runs_of(block), block.settings
        left_out = self.constants.left_out
        times, first = self._predict(runs, lambda group: left_out.get(group, self.constants.fit))
        impossible, floor = faster(runs), roofline(runs)
        self.fitted += int((np.isin(runs.groups, list(left_out)) & ~impossible).sum())
        self.impossible += [
            _impossible(block, floor, int(place)) for place in np.flatnonzero(impossible)
        ]
        columns = {
            "line": block.line,
            "setting": block.setting,
            "batch": block.batch,
            "prompt_tokens": block.prompt_tokens,
            "output_tokens": block.output_tokens,
            "waiting": block.marks["waiting"],
            "faster": impossible,
            "floor": floor,
            "roofline": _error(floor, runs.token_seconds),
            **_token_columns(runs, times),
            **_first_token_columns(runs, first),
            **self._whole(runs),
        }
        self.parts.append(columns)
        marks = {
            **block.marks,
            "capped": running(runs) < runs.batch,
            "faster": impossible,
            "beyond": runs.prompt_tokens + runs.output_tokens > runs.replica.context_tokens,
        }
        self.marks.update(
            {name: count for name, rows in marks.items() if (count := int(rows.sum()))}
        )
        predicted, errors = columns["predicted"], columns["model"]
        self._note(self.worst, block, marks, predicted, np.where(impossible, -1, errors))
        self._note(self.as_recorded, block, marks, predicted, np.where(impossible, errors, -1))

    def _whole(self, runs: Runs) -> dict[str, NDArray[Any]]:
        """Errors by fits that have not seen the row's model at all, or accelerator, or engine."""
        columns = {}
        for place, part in enumerate(PARTS):
            (predicted, low, high), _ = self._predict(runs, partial(self._fit_without, place))
            measured = runs.token_seconds
            columns[f"whole {part}"] = _error(predicted, measured)
            columns[f"whole {part} inside"] = (low <= measured) & (measured <= high)
        return columns

    def _fit_without(self, place: int, group: str) -> Fit | None:
        """The fit that has not seen this part of a group's name, if there is one."""
        return self.whole[PARTS[place]].get(group.split("/")[place])

    def _predict(self, runs: Runs, fit_of: Callable[[str], Fit | None]) -> tuple[Array, Array]:
        """Estimate each group by the constants that are its: times with their P10 and P90.

        First those per output token, then those to the first token; NaN without constants.
        """
        tokens, first = (np.full((3, len(runs.batch)), np.nan) for _ in range(2))
        names, index = np.unique(runs.groups, return_inverse=True)
        for place, group in enumerate(names):
            rows = index == place
            fit = fit_of(str(group))
            if fit is None:
                continue
            part = runs.select(rows)
            spreads = fit.spreads(bool(part.mixture[0]))
            times = estimate(part, fit.constants)
            tokens[:, rows] = _interval(times.token_seconds, spreads.token)
            first[:, rows] = _interval(times.first_token_seconds, spreads.first_token)
        return tokens, first

    def _note(
        self, kept: list[Worst], block: Block, marks: Mapping[str, Mask], predicted: Array,
        errors: Array,
    ) -> None:  # fmt: skip
        """Keep the rows that were estimated worst, the earlier of two that are equal.

        A row with an error below 0 is of the other list.
        """
        for place in np.argsort(-errors, kind="stable")[: self.keep]:
            if errors[place] < 0:
                break
            kept.append(
                Worst(
                    int(block.line[place]),
                    block.settings[block.setting[place]].group,
                    float(block.batch[place]),
                    float(block.prompt_tokens[place]),
                    float(block.output_tokens[place]),
                    float(block.token_seconds[place]) * 1e3,
                    float(predicted[place]) * 1e3,
                    float(errors[place]),
                    " ".join(sorted(name for name, rows in marks.items() if rows[place])),
                )
            )
        kept.sort(key=lambda worst: -worst.error)
        del kept[self.keep :]

    def columns(self) -> dict[str, NDArray[Any]]:
        """Join what was kept of all rows."""
        names = self.parts[0] if self.parts else ()
        return {name: np.concatenate([part[name] for part in self.parts]) for name in names}


def _token_columns(runs: Runs, times: Array) -> dict[str, NDArray[Any]]:
    """The time per output token as measured and as estimated, and how far apart the two are."""
    measured, (predicted, low, high) = runs.token_seconds, times
    return {
        "measured": measured,
        "predicted": predicted,
        "low": low,
        "high": high,
        "model": _error(predicted, measured),
        "inside": (low <= measured) & (measured <= high),
    }


def _first_token_columns(runs: Runs, times: Array) -> dict[str, NDArray[Any]]:
    """The same of the time to first token, NaN or false where a row gives none."""
    measured, (predicted, low, high) = runs.first_token_seconds, times
    return {
        "first_token_seconds": measured,
        "first_token": _error(predicted, measured),
        "first_under": measured < predicted,
        "first_inside": (low <= measured) & (measured <= high),
        "under_floor": measured < first_token_floor(runs),
    }


def _impossible(block: Block, floor: Array, place: int) -> Unread:
    measured = float(block.token_seconds[place])
    why = (
        f"a token took {seconds_text(measured)}, but {block.batch[place]:g} requests of such "
        f"lengths take {seconds_text(float(floor[place]))} at full rates: what ran is not what is "
        "recorded."
    )
    group = block.settings[block.setting[place]].group
    return Unread(int(block.line[place]), Reason("faster than the roofline", group, why))


def _interval(times: Any, spread: Spread) -> Array:
    return np.stack([times * spread.middle, times * spread.low, times * spread.high])


def scores_of(columns: Mapping[str, NDArray[Any]], settings: Sequence[Setting]) -> Scores:
    """Give the scores of every view, and over all rows, of the rows that can be as recorded.

    Where there are others, the scores over all and by kind of model stand there with them, too.
    """
    index, impossible = columns["setting"], columns["faster"]
    tables: Scores = {"all": {SCORED: _score(columns, ~impossible)}}
    if impossible.any():
        tables["all"][WITH_FASTER] = _score(columns, slice(None))
    for view, label in VIEWS.items():
        names, codes = np.unique([label(setting) for setting in settings], return_inverse=True)
        table: dict[str, Score] = {}
        for place, name in enumerate(names):
            rows = codes[index] == place
            table[str(name)] = _score(columns, rows & ~impossible)
            if view == "kind" and (rows & impossible).any():
                table[f"{name} {WITH_FASTER}"] = _score(columns, rows)
        tables[view] = {name: score for name, score in table.items() if score.rows}
    return tables


def folds_of(columns: Mapping[str, NDArray[Any]], settings: Sequence[Setting]) -> Scores:
    """Give the scores by fits without the whole model, accelerator or engine of a row."""
    tables: Scores = {}
    for part in PARTS:
        names = np.array([VIEWS[part](setting) for setting in settings])[columns["setting"]]
        known = ~np.isnan(columns[f"whole {part}"]) & ~columns["faster"]
        tables[part] = {
            str(name): _score(columns, known & (names == name), f"whole {part}")
            for name in np.unique(names[known])
        }
    return {part: table for part, table in tables.items() if table}


def _score(columns: Mapping[str, NDArray[Any]], rows: Any, by: str = "model") -> Score:
    floor, model = columns["roofline"][rows], columns[by][rows]
    inside = columns["inside" if by == "model" else f"{by} inside"]
    if not len(model):
        return Score(0, *[float("nan")] * 6)
    return Score(
        len(model),
        float(np.median(floor)),
        float(floor.mean()),
        float(np.median(model)),
        float(model.mean()),
        float(np.quantile(model, 0.9)),
        float(inside[rows].mean()),
    )


def first_token_of(
    columns: Mapping[str, NDArray[Any]], settings: Sequence[Setting]
) -> dict[str, FirstToken]:
    """Tell how the time to first token compares: over all, by kind of model, and by group."""
    given = ~np.isnan(columns["first_token"]) & ~columns["faster"]
    if not given.any():
        return {}
    index = columns["setting"]
    tables = {SCORED: _first_token(columns, given)}
    for view in ("kind", "group"):
        names, codes = np.unique(
            [VIEWS[view](setting) for setting in settings], return_inverse=True
        )
        for place, name in enumerate(names):
            rows = given & (codes[index] == place)
            if rows.any():
                tables[str(name)] = _first_token(columns, rows)
    return tables


def _first_token(columns: Mapping[str, NDArray[Any]], rows: Mask) -> FirstToken:
    return FirstToken(
        int(rows.sum()),
        int(columns["under_floor"][rows].sum()),
        float(np.median(columns["first_token"][rows])),
        float(columns["first_under"][rows].mean()),
        float(columns["first_inside"][rows].mean()),
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A file's report, and what was measured and estimated of each row that could be modelled.

    Columns are the row's `line`, load and `setting` (a place in `settings`), and in seconds
    `measured`, `predicted`, `low` and `high` (P10 and P90) and `floor` (the roofline).
    """

    report: Report
    columns: Mapping[str, NDArray[Any]]
    settings: Sequence[Setting]


def validate(path: Path, worst: int = 10, own: Mapping[str, DecoderShape] | None = None) -> Report:
    """Hold the estimate against every row of a file; `own` are the reader's models by name.

    Raises: ColumnsError: no table of measured runs; OSError: the file cannot be read.
    """
    return compare(path, worst, own).report


def compare(
    path: Path, worst: int = 10, own: Mapping[str, DecoderShape] | None = None
) -> Comparison:
    """Do what `validate` does, and keep every row. Raises as it does."""
    report, collector = Report(path.name), _Collector(worst)
    report.assumed = assumed_of(path)
    told = set[str]()
    for block in read_blocks(path, BLOCK_ROWS, own, told):
        collector.add(block)
        report.rows += len(block)
        report.unread_rows += len(block.unread)
        note(report.unread, block.unread)
    report.assumed += sorted(told)
    report.rows -= len(collector.impossible)
    report.unread_rows += len(collector.impossible)
    note(report.unread, collector.impossible)
    report.fitted, report.marks = collector.fitted, dict(collector.marks)
    columns = collector.columns()
    if report.rows:
        report.scores = scores_of(columns, collector.settings)
        report.folds = folds_of(columns, collector.settings)
        report.first_token = first_token_of(columns, collector.settings)
    report.worst, report.as_recorded = collector.worst, collector.as_recorded
    return Comparison(report, columns, collector.settings)
