"""Estimate the time per output token of many measured runs in one vectorized call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from estimator.engine import (
    Constants,
    Replica,
    Service,
    first_token_floor_seconds,
    roofline_token_seconds,
    sequences_that_fit,
    serve,
)
from estimator.formula import facts_of
from estimator.step_time import running_requests
from estimator.validate.replicas import stacked
from estimator.validate.table import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST_RUNNING = 1 / 2
"""Share that runs, of the requests in flight that memory has room for; with fewer, what ran is not
known. Of the shipped rows, those that waited have 0.35 and less, all others 0.54 and more."""
BUSY_WITH_PROMPTS = 1 / 3
"""Share of the full rate that prompts take where they are what requests wait for: of the shipped
rows in which few run, 0.50 and more, or 0.18 and less."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Measured runs as arrays, and the replica of each as one of arrays."""

    replica: Replica
    batch: Array
    prompt_tokens: Array
    output_tokens: Array
    token_seconds: Array
    first_token_seconds: Array
    waves: Array
    fitting: Array
    groups: NDArray[np.str_]
    mixture: NDArray[np.bool_]

    def select(self, rows: NDArray[np.bool_]) -> Runs:
        """Give some of the runs."""
        kept = [field.name for field in fields(self) if field.name != "replica"]
        parts = {name: getattr(self, name)[rows] for name in kept}
        return Runs(_each(self.replica, lambda values: values[rows]), **parts)


def _each(replica: Replica, change: Callable[[Array], Array]) -> Replica:
    names = [field.name for field in fields(replica)]
    return Replica(**{name: change(getattr(replica, name)) for name in names})


def runs_of(block: Block) -> Runs:
    """Bring rows to what is estimated; each setting's replica is made once."""
    used, index = np.unique(block.setting, return_inverse=True)
    settings = [block.settings[place] for place in used]
    replica = stacked(settings, index)
    tokens = block.prompt_tokens + block.output_tokens / 2
    return Runs(
        replica,
        block.batch,
        block.prompt_tokens,
        block.output_tokens,
        block.token_seconds,
        block.first_token_seconds,
        waves=np.array([setting.waves for setting in settings], dtype=float)[index],
        fitting=np.asarray(sequences_that_fit(replica, tokens)),
        groups=np.array([setting.group for setting in settings], dtype=str)[index],
        mixture=np.array([setting.decoder.is_mixture for setting in settings], dtype=bool)[index],
    )


def running(runs: Runs) -> Array:
    """Requests in the steps: those whose caches fit; the rest wait."""
    batch: Array = np.minimum(runs.batch, runs.fitting)
    return batch


_running = facts_of(running_requests).bare


def waiting(runs: Runs) -> NDArray[np.bool_]:
    """Tell in which runs requests waited for nothing that the row gives: its load is not known.

    By Little's law a run's own times say how many requests got tokens at once. Where they are
    fewer than half of those that memory had room for, and prompts did not keep the accelerators
    busy either, something else held them back: a limit of the engine, or of the client.
    """
    generation = (runs.output_tokens - 1) * runs.token_seconds
    ran = _running(runs.batch, runs.first_token_seconds, generation)
    stay = runs.first_token_seconds + generation
    prompts = runs.batch / stay * first_token_floor(runs)
    # Without a time to first token both are NaN, and a comparison with that is false.
    held: NDArray[np.bool_] = ran < FEWEST_RUNNING * running(runs)
    return held & (prompts < BUSY_WITH_PROMPTS)


def estimate(runs: Runs, constants: Constants) -> Service:
    """Every part of every run's time."""
    return serve(
        runs.replica,
        constants,
        running(runs),
        runs.prompt_tokens,
        runs.output_tokens,
        waves=runs.waves,
    )


def roofline(runs: Runs) -> Array:
    """Give the pure roofline of every run, seconds a token."""
    tokens = runs.prompt_tokens + runs.output_tokens / 2
    return np.asarray(roofline_token_seconds(runs.replica, running(runs), tokens))


def first_token_floor(runs: Runs) -> Array:
    """Give the least time to first token of every run, seconds."""
    return np.asarray(first_token_floor_seconds(runs.replica, runs.prompt_tokens))
