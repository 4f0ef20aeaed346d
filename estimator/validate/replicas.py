"""The replicas of measured runs: one for each setting, and those of many rows as one of arrays."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from estimator.engine import Replica
from estimator.validate.rows import Setting

if TYPE_CHECKING:
    from numpy.typing import NDArray


@functools.cache
def replica_of(setting: Setting) -> Replica:
    """Give the replica of a setting, made once."""
    return setting.replica()


def stacked(settings: Sequence[Setting], places: NDArray[np.int64]) -> Replica:
    """Give the replicas of rows as one; a row's setting is its place in `settings`."""
    used, index = np.unique(places, return_inverse=True)
    replicas = [replica_of(settings[place]) for place in used]
    return Replica(
        **{
            field.name: np.array([float(getattr(one, field.name)) for one in replicas])[index]
            for field in fields(Replica)
        }
    )
