"""Lesson 06's last table: what the course counts for its hundred million people, by its kind."""

from __future__ import annotations

import numpy as np

from estimator.lesson.lesson_05_case import case
from estimator.lesson.lesson_05_course import bounds_of, chain_of
from estimator.lesson.tables import Table
from estimator.units import number_text


def envelope_table() -> Table:
    """The accelerators of the course's text service, from its own count to ours, with its cache."""
    text = case("text")
    mean, peak = bounds_of(text, peak_factor=1), bounds_of(text)
    assert mean is not None  # for the type checker: the course's text has bounds
    assert peak is not None
    (engine,) = (one for one in text.ranges if one.name == "engine_factor")
    alone = text.answer({engine.name: np.array([engine.low, engine.high])})["planned_accelerators"]
    every = text.intervals()["planned_accelerators"]
    kept = text.system.shape.cache_bytes_per_token()
    rows = (
        ("bytes of a token's cache", number_text(kept), "exact", "03"),
        ("accelerators, arithmetic of the answers",
         number_text(chain_of(text, "accelerators") or 0), "a floor", "00"),
        ("accelerators, three bounds, with a prompt", number_text(mean.at.needed), "a floor", "04"),
        ("accelerators, planned for the peak", number_text(peak.planned),
         "a floor, and a reserve", "04"),
        ("accelerators, at an engine's speed", number_text(text.point["planned_accelerators"]),
         f"an estimate: {_ends(*alone)} for the engine alone, {_ends(every.p10, every.p90)} for "
         "all guesses", "05"),
    )  # fmt: skip
    headers = ("what a hundred million people need", "count", "what kind of number", "lesson")
    return Table(headers, rows, left=frozenset({"what kind of number"}))


def _ends(low: float, high: float) -> str:
    return f"{number_text(round(low))} to {number_text(round(high))}"
