"""Lesson 04's look past its bounds: each term by hand, and where the fleet lies."""

from decimal import Decimal

import pytest

from estimator.catalog import serving
from estimator.lesson.lesson_04 import course_service
from estimator.lesson.lesson_04_step import BATCHES, real_step, real_steps_table

CONSTANTS = serving.step_constants().fit.constants
READ = 2 * (3_212_749_824 - 57 * 3072)
"""Bytes of Llama 3.2 3B without norms; its embedding is the head, and is read."""


def test_the_terms_of_a_step_by_hand() -> None:
    step = real_step(64)
    rate = 2039e9 * CONSTANTS.memory_efficiency
    weights, cache = READ / rate, 64 * 251 * 114_688 / rate
    layers, sequences = 28 * CONSTANTS.layer_seconds, 64 * CONSTANTS.sequence_seconds
    assert step.parts[:-1] == pytest.approx((weights, cache, 0, layers, sequences))
    whole = weights + cache + layers + sequences
    # One token of prompt is all but none.
    assert step.token.p50 == pytest.approx(whole, rel=0.01)
    assert step.accelerators == pytest.approx(1e9 / 86_400 * 500 * whole / 64, rel=0.01)


def test_the_fleet_lies_between_the_floor_and_a_service_one_by_one() -> None:
    steps = [real_step(batch) for batch in BATCHES]
    counts = [step.accelerators for step in steps]
    assert counts == sorted(counts, reverse=True)
    for batch, step in zip(BATCHES, steps, strict=True):
        assert step.fewest < step.accelerators < step.most
        assert step.accelerators > course_service().bounds(batch).needed
    assert counts[0] > 17_030
    assert 112 < counts[-1] < 17_030


def test_the_table_has_a_row_for_each_batch() -> None:
    table = real_steps_table()
    assert [str(row[0]) for row in table.rows] == ["1", "8", "64", "153", "557"]
    assert [str(cell) for cell in table.rows[-1]][-2:] == ["357", "311 to 420"]


def test_each_row_of_the_table_adds_up_as_it_is_printed() -> None:
    for batch, row in zip(BATCHES, real_steps_table().rows, strict=True):
        *parts, whole = (Decimal(str(cell).removesuffix(" ms")) for cell in row[1:7])
        assert sum(parts) == whole
        step = real_step(batch)
        assert float(whole) == pytest.approx(step.token.p50 * 1e3, abs=0.000501)
        products, caches, _, layers, sequences, prompts = step.parts
        exact = [seconds * 1e3 for seconds in (products, caches, layers, sequences, prompts)]
        assert [float(part) for part in parts] == pytest.approx(exact, abs=0.001)
        assert parts[-1] < Decimal("0.03")


def test_a_batch_of_none_has_no_step() -> None:
    with pytest.raises(ValueError, match="batch is 0, but the batch size must be more than 0 seq"):
        real_step(0)
