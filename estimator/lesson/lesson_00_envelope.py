"""Lesson 00's envelope: the whole chain in one call, for one service or for a table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimator import catalog
from estimator.bandwidth import traffic_bits_per_s
from estimator.lesson.many import groups
from estimator.model_storage import weight_bytes
from estimator.serving import accelerators, compute_seconds, requests_per_s
from estimator.units import DAYS_PER_MONTH, KB
from estimator.user_data import daily_bytes, profile_bytes

USERS, REQUESTS = 100_000_000, 10
PARAMS, TOKENS = 3_000_000_000, 500
"""The course's example: who asks how often, and the model and the length of its answers."""
RECORD_BYTES, INTERACTION_BYTES, INDEX_SHARE = 10 * KB, 2 * KB, 0.25
QUESTION_BYTES, ANSWER_BYTES = 2 * KB, 10 * KB


@dataclass(frozen=True)
class Envelope:
    """Every figure of a service's envelope, in base units."""

    weight_bytes: float
    profile_bytes: float
    daily_bytes: float
    requests_per_s: float
    compute_seconds: float
    accelerators: float
    ingress_bits_per_s: float
    egress_bits_per_s: float

    @property
    def monthly_bytes(self) -> float:
        """Bytes of interactions after a month of days like this one."""
        return self.daily_bytes * DAYS_PER_MONTH


def envelope(
    users: float, requests_per_user: float, n_params: float, bits_per_weight: float,
    output_tokens: float, accelerator: str,
) -> Envelope:  # fmt: skip
    """The whole chain, from users to storage, accelerators and bandwidth."""
    rate = requests_per_s(users, requests_per_user)
    seconds = compute_seconds(
        n_params, output_tokens, catalog.accelerator(accelerator).flops_per_s[16]
    )
    return Envelope(
        weight_bytes=weight_bytes(n_params, bits_per_weight),
        profile_bytes=profile_bytes(users, RECORD_BYTES),
        daily_bytes=daily_bytes(users, requests_per_user, INTERACTION_BYTES, INDEX_SHARE),
        requests_per_s=rate,
        compute_seconds=seconds,
        accelerators=accelerators(rate, seconds),
        ingress_bits_per_s=traffic_bits_per_s(rate, QUESTION_BYTES),
        egress_bits_per_s=traffic_bits_per_s(rate, ANSWER_BYTES),
    )


def results(e: Envelope) -> dict[str, float]:
    """The lesson's result, by the names of the glossary."""
    return {
        "weight_bytes": e.weight_bytes,
        "profile_bytes": e.profile_bytes,
        "daily_bytes": e.daily_bytes,
        "requests_per_s": e.requests_per_s,
        "compute_seconds": e.compute_seconds,
        "accelerators": e.accelerators,
        "traffic_bits_per_s": e.egress_bits_per_s,
    }


def point_results(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The lesson's results for many services at once, an array for each name of its result file."""
    import numpy as np

    found: dict[str, Any] = {}
    for (accelerator,), places in groups(columns, ("accelerator",)):
        given = {name: column[places] for name, column in columns.items()}
        for name, values in results(envelope(**{**given, "accelerator": accelerator})).items():
            column = found.setdefault(name, np.empty(len(columns["accelerator"])))
            column[places] = values
    return found
