"""Lesson 4, servers: from users to requests a second to accelerators."""

from __future__ import annotations

from estimator.arithmetic import Number, ceil
from estimator.formula import formula
from estimator.units import DAY

COURSE = "Back-of-the-envelope calculations for the model deployment (Educative)"


@formula(source=f"{COURSE}, 'Inference servers estimation', from readers' notes")
def requests_per_s(users: Number, requests_per_user: Number) -> Number:
    """Mean requests a second: what all users ask in a day, spread evenly over it.

    >>> round(requests_per_s(100_000_000, 10))
    11574
    """
    rate = users * requests_per_user / DAY
    return rate


@formula(source=f"{COURSE}, 'Inference servers estimation', from readers' notes")
def compute_seconds(n_params: Number, output_tokens: Number, flops_per_s: Number) -> Number:
    """Seconds of arithmetic for one request, two operations a parameter a token: a floor.

    >>> round(compute_seconds(3_000_000_000, 500, flops_per_s=312e12), 4)
    0.0096
    """
    seconds = 2 * n_params * output_tokens / flops_per_s
    return seconds


@formula(source=f"{COURSE}, 'Inference servers estimation', from readers' notes")
def accelerators(requests_per_s: Number, compute_seconds: Number) -> Number:
    """Accelerators that keep up with the mean rate, each busy all the time: a floor.

    >>> accelerators(11574.074, compute_seconds=0.009615385)
    112
    """
    count = ceil(requests_per_s * compute_seconds)
    return count
