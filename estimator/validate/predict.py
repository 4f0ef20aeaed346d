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
from estimator.validate.replicas import stacked
from estimator.validate.table import Block

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


def faster(runs: Runs) -> NDArray[np.bool_]:
    """Tell which runs took less than the roofline of their load: they cannot be as recorded.

    The roofline is a floor: full rates of the data sheet, and only as many sequences as fit.
    """
    impossible: NDArray[np.bool_] = roofline(runs) > runs.token_seconds
    return impossible


def first_token_floor(runs: Runs) -> Array:
    """Give the least time to first token of every run, seconds."""
    return np.asarray(first_token_floor_seconds(runs.replica, runs.prompt_tokens))
