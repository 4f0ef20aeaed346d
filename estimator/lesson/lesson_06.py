"""Lesson 06's own tables: what is exact, what the memory of an engine is, how long a step takes.

All figures come from the code that `python -m estimator validate` runs. Figure, hunt, panel and
exercises have modules of their own.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Mapping

from estimator import catalog
from estimator.catalog import serving
from estimator.catalog.measured import verified_caches
from estimator.engine import serve
from estimator.files import read_rows
from estimator.lesson.lesson_06_case import (
    ACCELERATORS,
    ENGINES,
    MODELS,
    NARROWED,
    PRECISIONS,
    TENSOR,
    estimate_of,
)
from estimator.lesson.lesson_06_envelope import envelope_table
from estimator.lesson.lesson_06_exercises import (
    EXERCISES,
    error_of_three,
    requests_that_run,
    wait_for_prompts,
)
from estimator.lesson.lesson_06_figures import scatter_chart
from estimator.lesson.lesson_06_hunt import TITLE, hunt
from estimator.lesson.lesson_06_many import contradictions, results_of, row_results
from estimator.lesson.lesson_06_misses import worst_table, worst_tables
from estimator.lesson.lesson_06_panel import step_panel
from estimator.lesson.lesson_06_reader import CLAIM, your_measurements, your_results
from estimator.lesson.lesson_06_runs import SHIPPED, runs_text, shipped
from estimator.lesson.tables import Bar, Cell, Table, Unbroken, assumptions, breakdown, unbroken
from estimator.lesson.token_parts import part_names, token_parts
from estimator.step_time import absolute_error
from estimator.units import number_text, plural, quantity_text, seconds_text, share_text
from estimator.validate import memory, parameters
from estimator.validate.replicas import replica_of
from estimator.validate.report import SCORED, WITH_FASTER, Score

__all__ = [
    "ACCELERATORS", "ENGINES", "EXERCISES", "MODELS", "NARROWED", "PRECISIONS", "TENSOR",
    "contradictions", "envelope_table", "error_of_three", "estimate_of", "hunt",
    "requests_that_run", "results_of", "row_results", "scatter_chart", "shipped", "step_panel",
    "wait_for_prompts", "worst_table", "worst_tables", "your_measurements", "your_results",
]  # fmt: skip

FURTHER_TITLES = (TITLE,)
FOLDER = SHIPPED.parent
FAMILIES = (
    "gpt2-medium", "llama-3.2-3b", "llama-3.1-8b", "qwen3-32b", "gemma-2-9b", "mixtral-8x7b",
    "gpt-oss-120b", "deepseek-v3",
)  # fmt: skip
ONE_RUN = 512
"""Line of the run that is taken apart: its error is about the median of its group."""


def evidence() -> Table:
    """Where each kind of evidence comes from."""
    constants = serving.step_constants()
    rows, unknown = shipped().report.rows, shipped().report.unread_rows
    return assumptions(
        (
            ("an error", "predicted / measured - 1, without its sign", "the usual relative error"),
            ("parameter counts", f"{len(catalog.configurations())} modules",
             "transformers, built from each model's configuration"),
            ("memory", "vLLM 0.19 on an H100", "logs published by llm-d-planner, Apache-2.0"),
            ("serving runs", f"{number_text(rows)} of {runs_text(rows + unknown)}",
             "the aiconfigurator 0.12 package, Apache-2.0"),
            ("constants of the step", f"{len(constants.table)}, fitted {constants.date}",
             f"tools/fit_step_time.py, on {number_text(constants.rows)} of them: the others repeat "
             "one"),
            ("each run's estimate", "by a fit without its group",
             "group: model, accelerator and engine"),
        )
    )  # fmt: skip


def answer_table() -> Table:
    """How wrong each kind of estimate is, the exact ones first."""
    counted = parameters.compare(_published())
    exact = sum(one.matches for one in counted)
    pool = _memory("measured_memory_more.csv")["pool predicted"]
    score = shipped().report.scores["all"][SCORED]
    rows = (
        ("parameters", f"{exact} of {len(counted)} models", "0 %: exact"),
        ("bytes of the cache", f"{len(verified_caches())} real caches", _cache_error()),
        ("memory left for the cache", f"{pool['rows']:.0f} logged runs",
         f"{share_text(pool['median'], 2)}; the worst {share_text(pool['worst'], 2)}"),
        ("time per output token, roofline", runs_text(score.rows),
         share_text(score.roofline_median, 1)),
        ("time per output token, our step estimate", runs_text(score.rows),
         share_text(score.median, 1)),
    )  # fmt: skip
    headers = ("what is estimated", "held against", "median absolute error")
    return Table(headers, rows, "How wrong is the envelope?")


def _cache_error() -> str:
    errors = [abs(c.computed_bytes / c.tensor_bytes - 1) for c in verified_caches().values()]
    return share_text(statistics.median(errors), 2) if any(errors) else "0 %: exact"


@functools.cache
def _published() -> dict[str, dict[str, object]]:
    return {
        one.name: {"parameters": one.n_params, "config": dict(one.config)}
        for one in catalog.configurations().values()
    }


def parameters_table() -> Table:
    """Computed parameters against the published module's, and the cache of a token."""
    found = {one.model: one for one in parameters.compare(_published())}
    rows = []
    for key in FAMILIES:
        one = found[catalog.configuration(key).name]
        counts = (number_text(one.published or 0), number_text(one.computed or 0))
        difference = number_text((one.computed or 0) - (one.published or 0))
        rows.append((one.model, *counts, difference, number_text(one.kv_bytes_per_token or 0)))
    off = sum(abs((one.computed or 0) - (one.published or 0)) for one in found.values())
    exact = sum(one.matches for one in found.values())
    total = (f"all {len(found)} models", f"{exact} exact", "", number_text(off), "")
    headers = ("model", "published", "computed", "difference", "cache, bytes a token")
    return Table(headers, rows, "Parameters, to the last one", _caches_note(), total=total)


def _caches_note() -> str:
    """The formula's bytes beside those of the tensors of models that ran, each by itself."""
    counted = [(c.tensor_bytes, c.computed_bytes) for c in verified_caches().values()]
    tensors = number_text(sum(one for one, _ in counted))
    exact = sum(there == here for there, here in counted)
    windows = sum(c.window_layers > 0 for c in verified_caches().values())
    return (
        f"Caches: {len(counted)} models ran with random weights, {windows} of them with windows, "
        f"and their keys and values were counted: {tensors} bytes in all. The formulas of "
        f"lesson 03 give {exact} of {len(counted)} to the byte."
    )


@functools.cache
def _memory(name: str) -> dict[str, dict[str, float]]:
    return memory.compare(read_rows(FOLDER / name)).summary()


def _memory_rows() -> list[dict[str, str]]:
    names = ("measured_memory.csv", "measured_memory_more.csv")
    return [row for name in names for row in read_rows(FOLDER / name)]


def memory_table() -> Table:
    """Each component of an engine's memory against its log: absolute errors, none made up for."""
    fitted, later = _memory("measured_memory.csv"), _memory("measured_memory_more.csv")
    signed = memory.compare(_memory_rows()).errors
    rows = []
    for name, meaning in memory.COMPONENTS.items():
        cells: list[Cell] = []
        for found in (fitted.get(name), later.get(name)):
            cells += (
                [
                    f"{found['rows']:.0f}",
                    *(Unbroken(share_text(found[key], 2)) for key in ("mean", "worst")),
                ]
                if found
                else ["0", "", ""]
            )
        errors = signed[name]
        means = (statistics.fmean(errors), statistics.fmean(map(abs, errors)))
        rows.append((meaning, *cells, *(Unbroken(share_text(mean, 3)) for mean in means)))
    headers = ("component", "rows of the fit", "mean error", "worst", "later rows",
               "mean error, later", "worst, later", "all rows, with signs",
               "without signs")  # fmt: skip
    note = (
        "vLLM 0.19.0 on H100; the later rows were found after the constants had been worked out. "
        f"{_remainder_note()}"
    )
    return Table(headers, rows, "Memory against the engine's log", note)


def _remainder_note() -> str:
    """Two rows that tell how a remainder hides errors or magnifies them."""
    compared = [(row, memory.compare([row]).errors) for row in _memory_rows()]
    pools = [(row, errors) for row, errors in compared if errors["pool predicted"]]

    def off(errors: Mapping[str, list[float]], name: str) -> float:
        return max(map(abs, errors[name]), default=0.0)

    def told(row: Mapping[str, str], errors: Mapping[str, list[float]], *names: str) -> str:
        component, called = names
        many = f"{row['tp']} {plural('accelerator', int(row['tp']))}"
        return (
            f"{row['model']} at {row['weight_dtype']} on {many}: "
            f"{share_text(off(errors, component), 2)} off in {called}, "
            f"{share_text(off(errors, 'pool predicted'), 2)} in a pool of {row['kv_pool_gib']} GiB."
        )

    hidden = max(pools, key=lambda one: off(one[1], "non-torch"))
    magnified = max(pools, key=lambda one: off(one[1], "pool predicted"))
    outside = told(*hidden, "non-torch", "memory outside torch")
    return f"{outside} {told(*magnified, 'weights', 'weights')}"


# One run, term by term


def _place_of_one_run() -> int:
    return int((shipped().columns["line"] == ONE_RUN).argmax())


def one_run() -> tuple[float, float, float]:
    """The measured time of a token of one run, its roofline, and its estimate, seconds."""
    columns, place = shipped().columns, _place_of_one_run()
    measured, floor, estimate = (
        float(columns[name][place]) for name in ("measured", "floor", "predicted")
    )
    return measured, floor, estimate


def one_run_table() -> Table:
    """What the estimate of one run is made of, by the fit that left its group out."""
    columns, place = shipped().columns, _place_of_one_run()
    setting = shipped().settings[columns["setting"][place]]
    constants = serving.step_constants().left_out[setting.group].constants
    everything = serving.step_constants().fit.constants
    load = [float(columns[name][place]) for name in ("batch", "prompt_tokens", "output_tokens")]
    made = replica_of(setting)
    service = serve(made, constants, *load)
    parts = token_parts(service, made, constants)
    times = dict(zip(part_names(service), parts, strict=True))
    batch, prompt, output = map(number_text, load)
    caption = (
        f"{setting.model} on {setting.layout.tensor} x {setting.system}, {setting.engine}: "
        f"{batch} in flight, {prompt} tokens in, {output} out"
    )
    table = breakdown(times, "s", caption=caption)
    rows = [(name, *map(_whole, cells)) for name, *cells in table.rows]
    headers = ("part of a token's time", "time", "share")
    measured, floor, estimate = one_run()
    off = float(absolute_error(estimate, measured))
    side = "above" if estimate > measured else "below"
    note = (
        f"Measured: {seconds_text(measured)}; the estimate is {share_text(off, 1)} {side} it. "
        f"Roofline: {seconds_text(floor)}. In both, an answer is half written on average, and the "
        "input table is looked up, not read. By the fit without this run's group, where a layer "
        f"costs {seconds_text(constants.layer_seconds)}; by all rows together, "
        f"{seconds_text(everything.layer_seconds)}."
    )
    return Table(headers, rows, table.caption, note, table.total, table.left)


def _whole(cell: Cell) -> Cell:
    """Keep a number and its unit on one line of a narrow page."""
    if isinstance(cell, Bar):
        return Bar(cell.share, unbroken(cell.text), cell.over)
    return Unbroken(str(cell))


def constants_table() -> Table:
    """The fitted constants with their ranges over the fits that leave a group out."""
    rows: list[tuple[Cell, ...]] = []
    for one in serving.step_constants().table:
        cells = (quantity_text(value, one.unit) for value in (one.value, one.low, one.high))
        rows.append((one.name, *map(Unbroken, cells), one.meaning))
    headers = ("constant", "all rows", "lowest fit", "highest fit", "what it means")
    note = "Lowest and highest of the fits that each leave one group out."
    return Table(
        headers, rows, "The fitted constants of a step", note, left=frozenset({"what it means"})
    )


# All runs


def errors_table() -> Table:
    """Errors by kind of model, model, accelerator and engine.

    Where a whole model, accelerator or engine can be left out, the errors of that fit follow.
    """
    scores, folds = shipped().report.scores, shipped().report.folds
    rows: list[tuple[Cell, ...]] = [_errors(SCORED, scores["all"][SCORED])]
    for view in ("kind", "model", "accelerator", "engine"):
        for name, score in scores[view].items():
            if WITH_FASTER not in name:
                rows.append(_errors(f"{view}: {name}", score, folds.get(view, {}).get(name)))
    headers = ("rows", "count", "roofline, median", "estimate, median", "estimate, mean",
               "left out whole: median", "mean", "inside P10 to P90")  # fmt: skip
    caption = "Absolute errors of the time per output token"
    note = f"{_impossible_note()} {_first_token_note()}"
    return Table(headers, rows, caption, unbroken(note))


def _impossible_note() -> str:
    """Tell the mean errors that the runs faster than their roofline would make."""
    scores = shipped().report.scores["kind"]
    told = []
    for name, score in scores.items():
        kind, extended, _ = name.partition(f" {WITH_FASTER}")
        if extended:
            more = number_text(score.rows - scores[kind].rows)
            told.append(f"{kind} {share_text(score.mean, 1)} with {more} more")
    return f"With the impossible runs the means would be: {', '.join(told)}."


def _first_token_note() -> str:
    first = shipped().report.first_token[SCORED]
    return (
        f"Time to first token, {runs_text(first.rows)}: "
        f"{number_text(first.under_floor)} under the floor of their prefill; the estimate with "
        f"its queue is {share_text(first.median, 1)} off in the median, and "
        f"{share_text(first.coverage, 1)} lie in its interval.{_alike_note()}"
    )


def _alike_note() -> str:
    """Name a model and an accelerator that have the same runs: nothing tells one from the other."""
    groups = {one.group for one in shipped().settings}
    parts = [group.split("/")[:2] for group in groups]
    pairs = {(model, chip) for model, chip in parts}
    alone = sorted(
        f" {model} ran on {chip} alone, and nothing else did: the two rows are the same runs."
        for model, chip in pairs
        if all((m == model) == (c == chip) for m, c in pairs)
    )
    return "".join(alone)


def _errors(name: str, score: Score, whole: Score | None = None) -> tuple[Cell, ...]:
    shares = [score.roofline_median, score.median, score.mean]
    if whole:
        shares += [whole.median, whole.mean, whole.coverage]
    texts = [Unbroken(share_text(share, 1)) for share in shares]
    return (name, number_text(score.rows), *texts, *("" for _ in range(6 - len(texts))))


def coverage_table() -> Table:
    """How often the measured time lies in the interval that claims four fifths."""
    scores = shipped().report.scores
    views = (("all", (SCORED,)), ("kind", ("dense", "mixture")), ("group", scores["group"]))
    rows = []
    for view, names in views:
        for name in names:
            score = scores[view][name]
            below = "below the claim" if score.coverage < CLAIM else ""
            bar = Bar(score.coverage, share_text(score.coverage, 1), below)
            rows.append((name, number_text(score.rows), bar))
    headers = ("rows", "count", "inside P10 to P90")
    caption = f"An interval that claims {share_text(CLAIM)}"
    return Table(headers, rows, caption, left=frozenset({headers[2]}))
