"""Lesson 4, bandwidth: bytes of requests and answers to bits a second."""

from __future__ import annotations

from estimator.arithmetic import Number, ceil_divide, divide
from estimator.formula import COUNTED, formula
from estimator.units import BITS_PER_BYTE, DAY, DAYS_PER_MONTH


@formula(source="the course's bandwidth estimate, from readers' notes")
def traffic_bits_per_s(requests_per_s: Number, message_bytes: Number) -> Number:
    """Bits a second, one way, that messages of this size make: ingress, or egress.

    >>> round(traffic_bits_per_s(11574.074, message_bytes=2_000) / 1e6)
    185
    >>> round(traffic_bits_per_s(11574.074, message_bytes=10_000) / 1e6)
    926
    """
    bits_per_s = requests_per_s * message_bytes * BITS_PER_BYTE
    return bits_per_s


@formula(source=f"{COUNTED}: plain text, no framing")
def answer_bytes(output_tokens: Number, text_bytes_per_token: Number = 4) -> Number:
    """Bytes of an answer's text: 500 tokens are 2 KB, where the course's egress has 10 KB.

    >>> answer_bytes(500)
    2000
    """
    text_bytes = output_tokens * text_bytes_per_token
    return text_bytes


@formula(source=f"{COUNTED}: WHATWG HTML, server-sent events, with one token in each")
def streamed_bytes(
    output_tokens: Number, event_bytes: Number, text_bytes_per_token: Number = 4
) -> Number:
    """Bytes of an answer that is streamed: each token's text travels in an event of its own.

    >>> streamed_bytes(500, event_bytes=250)
    127000
    """
    sent_bytes = output_tokens * (text_bytes_per_token + event_bytes)
    return sent_bytes


@formula(source=f"{COUNTED}: one token in each event", divisors=("text_bytes_per_token",))
def streaming_factor(event_bytes: Number, text_bytes_per_token: Number = 4) -> Number:
    """By how much framing makes a streamed answer larger than its text.

    >>> streaming_factor(event_bytes=250)
    63.5
    """
    factor = divide(text_bytes_per_token + event_bytes, text_bytes_per_token)
    return factor


@formula(source=f"{COUNTED}: full links, nothing in reserve")
def network_links(traffic_bits_per_s: Number, link_bits_per_s: Number) -> Number:
    """Network links that carry the traffic one way: a floor.

    >>> network_links(92_592_592_592, link_bits_per_s=10_000_000_000)
    10
    """
    count = ceil_divide(traffic_bits_per_s, link_bits_per_s)
    return count


@formula(source=f"{COUNTED}: what a provider counts and sells")
def monthly_traffic_bytes(
    traffic_bits_per_s: Number, days_per_month: Number = DAYS_PER_MONTH
) -> Number:
    """Bytes that the mean traffic adds up to in a month.

    >>> monthly_traffic_bytes(185_185_185)
    59999999940000
    """
    size_bytes = divide(traffic_bits_per_s * days_per_month * DAY, BITS_PER_BYTE)
    return size_bytes
