"""Estimate the time per output token of many measured runs in one vectorized call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from estimator.catalog import serving as catalog
from estimator.engine import (
    Constants,
    Replica,
    Service,
    first_token_floor_seconds,
    replica,
    roofline_token_seconds,
    sequences_that_fit,
    serve,
)
from estimator.validate.rows import Run, Setting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


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


def runs_of(runs: Sequence[Run]) -> Runs:
    """Put runs into arrays; each setting's replica is made once."""
    places: dict[Setting, int] = {}
    index = np.array([places.setdefault(run.setting, len(places)) for run in runs], dtype=int)
    replicas = [replica_of(setting) for setting in places]
    stacked = Replica(
        **{
            field.name: np.array([float(getattr(one, field.name)) for one in replicas])[index]
            for field in fields(Replica)
        }
    )
    numbers = np.array(
        [
            (
                run.batch,
                run.prompt_tokens,
                run.output_tokens,
                run.token_seconds,
                run.first_token_seconds,
            )
            for run in runs
        ]
    ).reshape(-1, 5)
    batch, prompt, output, token, first = numbers.T
    return Runs(
        stacked,
        batch,
        prompt,
        output,
        token,
        first,
        waves=np.array([setting.waves for setting in places], dtype=float)[index],
        fitting=np.asarray(sequences_that_fit(stacked, prompt + output / 2)),
        groups=np.array([setting.group for setting in places])[index],
        mixture=np.array([setting.decoder.is_mixture for setting in places])[index],
    )


def replica_of(setting: Setting) -> Replica:
    """Make the replica of a setting."""
    hardware = catalog.hardware(setting.system)
    return replica(setting.decoder, setting.numerics, hardware, setting.layout)


def running(runs: Runs) -> Array:
    """Requests in the steps: those whose caches fit, at least one; the rest wait."""
    batch: Array = np.minimum(runs.batch, np.maximum(1, runs.fitting))
    return batch


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
