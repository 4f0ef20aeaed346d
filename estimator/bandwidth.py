"""Lesson 4, bandwidth: bytes of requests and answers to bits a second."""

from __future__ import annotations

from estimator.arithmetic import Number
from estimator.formula import formula
from estimator.units import BITS_PER_BYTE


@formula(source="the course's bandwidth estimate, from readers' notes")
def traffic_bits_per_s(requests_per_s: Number, message_bytes: Number) -> Number:
    """Bits a second, one way, that messages of this size make at this rate.

    >>> round(traffic_bits_per_s(11574.074, message_bytes=2_000) / 1e6)
    185
    """
    bits_per_s = requests_per_s * message_bytes * BITS_PER_BYTE
    return bits_per_s
