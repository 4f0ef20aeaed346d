"""Lesson 06 on the runs that it gets wrong: the worst estimates, and runs of the same replicas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from estimator.lesson.lesson_06_runs import shipped
from estimator.lesson.tables import Cell, Table, Tables, Unbroken
from estimator.units import number_text, plural

NOTE = (
    "First token: the wait for it, as a multiple of the time that the rest of the answer took. "
    "Alike: a run of the same replica and lengths. Of those that did not wait, it is the one whose "
    "time is nearest. "
    "Not scored: faster than its roofline. Unless they are told, vLLM takes "
    "1,024 requests at once on an H100 (vllm/engine/arg_utils.py), and aiohttp, in which clients "
    "are written, opens 100 connections (aiohttp.TCPConnector)."
)


def worst_tables(shown: int = 4) -> Tables:
    """The worst few in sight, and the rest to unfold."""
    every = worst_table()
    rest = every.rows[shown:]
    folded = replace(every, rows=rest, note="", caption=f"The next {number_text(len(rest))}")
    return Tables((replace(every, rows=every.rows[:shown]),), folded)


def worst_table(count: int = 10) -> Table:
    """The runs that were estimated worst, beside their roofline and a run that is like them."""
    columns, settings, report = shipped().columns, shipped().settings, shipped().report
    rows: list[tuple[Cell, ...]] = []
    missed = sorted([*report.as_recorded, *report.worst], key=lambda one: -one.error)
    for one in missed[:count]:
        place = int(np.flatnonzero(columns["line"] == one.line)[0])
        many = settings[columns["setting"][place]].layout.accelerators
        load = (
            f"{many} {plural('accelerator', many)}, {one.batch:g} in flight, "
            f"{one.prompt_tokens:g} in, {one.output_tokens:g} out"
        )
        times = (one.measured_ms, float(columns["floor"][place]) * 1e3, one.predicted_ms)
        texts = (Unbroken(f"{time:.2f} ms") for time in times)
        run = f"line {one.line}: {one.group}" + ("" if one in report.worst else ", not scored")
        rows.append((run, load, *texts, _wait(place), *_alike(place)))
    headers = ("run", "load as recorded", "measured", "its roofline", "estimated", "first token",
               "alike: in flight", "alike: measured")  # fmt: skip
    left = frozenset({"load as recorded"})
    return Table(headers, rows, "The worst estimates", NOTE, left=left)


def _wait(place: int) -> Unbroken:
    """Tell the wait for the first token, in times of the others."""
    columns = shipped().columns
    others = (columns["output_tokens"][place] - 1) * columns["measured"][place]
    return Unbroken(f"{columns['first_token_seconds'][place] / others:.1f} x")


def _alike(place: int) -> tuple[Cell, Cell]:
    """Find the run of the same replica, group and lengths, none that waited, of nearest time."""
    columns, settings = shipped().columns, shipped().settings
    here = settings[columns["setting"][place]]
    same = np.array([(one.group, one.layout) == (here.group, here.layout) for one in settings])
    others = same[columns["setting"]] & ~columns["waiting"]
    others[place] = False
    for name in ("prompt_tokens", "output_tokens"):
        others &= columns[name] == columns[name][place]
    places = np.flatnonzero(others)
    if not len(places):
        return "none", ""
    away = np.abs(np.log(columns["measured"][places] / columns["measured"][place]))
    nearest = places[np.argmin(away)]
    time = columns["measured"][nearest] * 1e3
    return f"{columns['batch'][nearest]:g}", Unbroken(f"{time:.2f} ms")
