"""Lesson 2, user and interaction data."""

from __future__ import annotations

from estimator.arithmetic import Number
from estimator.formula import formula

COURSE = "Back-of-the-envelope calculations for the model deployment (Educative)"


@formula(source=f"{COURSE}, 'User profile data'")
def profile_bytes(users: Number, record_bytes: Number) -> Number:
    """Bytes of all profiles, kept once.

    >>> profile_bytes(100_000_000, record_bytes=10_000)
    1000000000000
    """
    size_bytes = users * record_bytes
    return size_bytes


@formula(source=f"{COURSE}, 'User interaction data' and 'Indexing storage'")
def daily_bytes(
    users: Number, requests_per_user: Number, interaction_bytes: Number, index_share: Number = 0
) -> Number:
    """Bytes of interactions that a day adds, with the index over them.

    >>> daily_bytes(100_000_000, 10, interaction_bytes=2_000)
    2000000000000
    >>> daily_bytes(100_000_000, 10, interaction_bytes=2_000, index_share=0.25)
    2500000000000.0
    """
    size_bytes = users * requests_per_user * interaction_bytes * (1 + index_share)
    return size_bytes
