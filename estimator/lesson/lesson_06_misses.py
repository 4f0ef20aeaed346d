"""Lesson 06 on the runs that it gets wrong: the worst estimates, and what is odd about them."""

from __future__ import annotations

from estimator.catalog import serving
from estimator.engine import roofline_token_seconds, sequences_that_fit, serve
from estimator.lesson.lesson_06_runs import shipped
from estimator.lesson.tables import Cell, Table, Unbroken
from estimator.step_time import running_requests
from estimator.units import number_text, plural, seconds_text
from estimator.validate.replicas import replica_of
from estimator.validate.rows import Setting
from estimator.validate.serving import MARKS

SATURATED = "gpt-oss-120b/H100-SXM/vllm"
LOAD = ("measured", "prompt_tokens", "output_tokens", "first_token_seconds", "batch")


def worst_table(count: int = 10) -> Table:
    """The runs that were estimated worst, and what is odd about them."""
    columns, settings = shipped().columns, shipped().settings
    setting_of = dict(zip(columns["line"], columns["setting"], strict=True))
    rows: list[tuple[Cell, ...]] = []
    for one in shipped().report.worst[:count]:
        many = settings[setting_of[one.line]].layout.accelerators
        load = (
            f"{many} {plural('accelerator', many)}, {one.batch:g} in flight, "
            f"{one.prompt_tokens:g} in, {one.output_tokens:g} out"
        )
        rows.append((f"line {one.line}: {one.group}", load, Unbroken(f"{one.measured_ms:.2f} ms"),
                     Unbroken(f"{one.predicted_ms:.2f} ms"), one.marks))  # fmt: skip
    marks = {mark for one in shipped().report.worst[:count] for mark in one.marks.split()}
    note = " ".join(f"{mark}: {MARKS[mark]}." for mark in sorted(marks))
    headers = ("run", "load", "measured", "estimated", "marks")
    return Table(headers, rows, "The worst estimates", note, left=frozenset({"load", "marks"}))


def suspects_table() -> Table:
    """How many requests the nine saturated runs can have had in a step, by their own times."""
    columns, settings = shipped().columns, shipped().settings
    rows, recorded, others = [], set(), 0.0
    for place, index in enumerate(columns["setting"]):
        setting, batch = settings[index], float(columns["batch"][place])
        if setting.group != SATURATED or not columns["waiting"][place]:
            same = (setting.model, setting.engine) == tuple(SATURATED.split("/")[::2])
            others = max(others, batch if same else 0)
            continue
        recorded.add(number_text(batch))
        rows.append((f"line {columns['line'][place]}", *_suspect(place, setting)))
    headers = ("run", "accelerators", "whose caches fit", "to the first token",
               "that can have run", "measured", "roofline of those",
               "estimate for those")  # fmt: skip
    caption = (
        f"{SATURATED}: the runs that waited, {' or '.join(sorted(recorded))} in flight as recorded"
    )
    note = f"All other runs of this model and engine have {number_text(others)} in flight or fewer."
    return Table(headers, rows, caption, note)


def _suspect(place: int, setting: Setting) -> tuple[Cell, ...]:
    columns = shipped().columns
    measured, prompt, output, first, batch = (float(columns[name][place]) for name in LOAD)
    run = running_requests(batch, first, (output - 1) * measured)
    made = replica_of(setting)
    constants = serving.step_constants().left_out[setting.group].constants
    estimate = float(serve(made, constants, run, prompt, output).token_seconds)
    floor = float(roofline_token_seconds(made, run, prompt + output / 2))
    fits = int(sequences_that_fit(made, prompt + output / 2))
    times = (f"{seconds * 1e3:.2f} ms" for seconds in (measured, floor, estimate))
    texts = (seconds_text(first), number_text(round(run, 1)), *times)
    return (setting.layout.tensor, number_text(fits), *map(Unbroken, texts))
