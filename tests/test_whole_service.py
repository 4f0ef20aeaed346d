"""Whole services as arrays, against the sizing of one service at a time and figures by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimator import catalog
from estimator.catalog.serving import hardware, step_constants
from estimator.engine import IDEAL, Layout, Numerics, replica
from estimator.load import Load, NoBatchError, Targets, most
from estimator.whole_service import Shape, Work, narrowest, serve_most

CONSTANTS = step_constants().fit.constants
A100 = hardware("A100-SXM-80GB")
TEXT = catalog.system("text").shape


def test_the_most_of_a_replica_is_what_the_sizing_of_one_service_finds() -> None:
    prompts, answers = np.array([1, 50, 500, 3000, 8000]), np.array([1, 700, 500, 40, 1500])
    targets = np.array([0.05, 0.02, 0.03, 0.05, 0.008])
    made = replica(TEXT.decoder(8e9), Numerics(), A100, Layout())
    served = serve_most(made, CONSTANTS, TEXT, Work(prompts, answers, 1), targets, 1.1)
    for row, (prompt, answer, target) in enumerate(zip(prompts, answers, targets, strict=True)):
        load, goal = Load(1, float(prompt), float(answer)), Targets(token_seconds=float(target))
        try:
            alone = most(made, CONSTANTS, load, goal, factor=1.1)
        except NoBatchError:
            assert served.replica_requests_per_s[row] == 0
            continue
        assert served.batch[row] == alone.batch
        assert served.replica_requests_per_s[row] == pytest.approx(alone.requests_per_s)
    assert (served.replica_requests_per_s == 0).any()
    assert (served.replica_requests_per_s > 0).any()


def test_a_pass_at_full_rates_is_its_arithmetic() -> None:
    shape = Shape("picture", 10, 100, whole_passes=True)
    made = replica(shape.decoder(1e9), Numerics(), A100, Layout())
    served = serve_most(made, IDEAL, shape, Work(0, 7, 1000), 1)
    # 2 FLOP a parameter and token; 4 FLOP of each number of the width for each pair of tokens.
    flops = 7 * (2 * 1e9 * 1000 + 10 * 4 * 100 * 1000**2)
    assert served.request_seconds == pytest.approx(flops / 312e12)
    assert served.batch == 1


def test_an_engine_that_takes_twice_as_long_carries_half_the_pictures() -> None:
    system = catalog.system("image")
    made = replica(system.shape.decoder(system.n_params), Numerics(), A100, Layout())
    work = Work(0, 100, 4096)
    once, twice = (serve_most(made, CONSTANTS, system.shape, work, 1, f) for f in (1, 2))
    ratio = once.replica_requests_per_s / twice.replica_requests_per_s
    assert ratio == pytest.approx(2)


def width(n_params: float, bits: float = 16, target: float = 0.05) -> int:
    work = Work(500, 500, 1)
    numerics = Numerics(shared_bits=bits)
    return int(narrowest(TEXT, n_params, numerics, A100, CONSTANTS, work, target))


def test_a_replica_is_as_wide_as_its_weights_and_32_caches_ask() -> None:
    # 85.9 GB of memory, 2 GB of work, nine tenths of the rest; 32 x 1,000 x 114,688 bytes of cache.
    assert width(3e9) == 1
    assert width(39e9) == 1
    assert width(40.5e9) == 2
    assert width(70e9) == 2
    assert width(70e9, bits=4.125) == 1
    assert width(5e12) == 0


def test_a_short_time_per_token_asks_for_wider_replicas_until_none_will_do() -> None:
    # 60 GB at 2,039 GB/s are 29 ms, and the engine reads no faster than 84 % of that.
    assert width(30e9, target=0.05) == 1
    assert width(30e9, target=0.03) == 2
    assert width(30e9, target=1e-4) == 0


def test_an_accelerator_without_a_known_link_stands_alone() -> None:
    alone = replace(A100, link_bytes_per_s=None)
    work = Work(500, 500, 1)
    assert narrowest(TEXT, 70e9, Numerics(), alone, CONSTANTS, work, 0.05) == 0


def test_widths_of_an_array_are_those_of_its_elements() -> None:
    sizes = np.array([3e9, 70e9, 5e12])
    work = Work(500, 500, 1)
    found = narrowest(TEXT, sizes, Numerics(), A100, CONSTANTS, work, 0.05)
    assert found.tolist() == [1, 2, 0]
