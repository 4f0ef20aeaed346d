"""Lesson 4's formulas of the network: ingress, egress, streaming, links."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.bandwidth import (
    answer_bytes,
    monthly_traffic_bytes,
    network_links,
    streamed_bytes,
    streaming_factor,
    traffic_bits_per_s,
)
from estimator.serving import requests_per_s

size = st.integers(0, 10**9)
tokens = st.integers(0, 10**6)
framing = st.integers(0, 10_000)
text = st.integers(1, 100)
traffic = st.integers(0, 10**15)


@given(st.integers(0, 10**7), size)
def test_a_byte_is_eight_bits(rate: int, message: int) -> None:
    assert traffic_bits_per_s(rate, message) == rate * message * 8
    assert type(traffic_bits_per_s(rate, message)) is int


@given(tokens, framing, text)
def test_streaming_sends_an_event_for_each_token(many: int, event: int, each: int) -> None:
    whole = answer_bytes(many, each)
    streamed = streamed_bytes(many, event, each)
    assert whole == many * each
    assert streamed == whole + many * event
    assert streaming_factor(event, each) * whole == pytest.approx(streamed)
    assert streaming_factor(0, each) == 1
    assert answer_bytes(many) == 4 * many
    assert streamed_bytes(many, event) == streamed_bytes(many, event, 4)
    assert streaming_factor(event) == streaming_factor(event, 4)


@given(traffic, st.integers(1, 10**12))
def test_so_many_links_carry_the_traffic_and_no_fewer(bits: int, link: int) -> None:
    needed = network_links(bits, link)
    assert (needed - 1) * link < bits <= needed * link or bits == needed == 0


@given(traffic, st.integers(0, 31))
def test_a_month_of_traffic(bits: int, days: int) -> None:
    assert monthly_traffic_bytes(bits, days) == pytest.approx(bits / 8 * 86_400 * days)
    assert monthly_traffic_bytes(8 * bits) == bits * 86_400 * 30


def test_the_course_s_network() -> None:
    a_second = requests_per_s(100_000_000, 10)
    assert traffic_bits_per_s(a_second, 2_000) / 1e6 == pytest.approx(185, abs=0.5)
    assert traffic_bits_per_s(a_second, 10_000) / 1e6 == pytest.approx(926, abs=0.5)
    images = traffic_bits_per_s(a_second, 1_000_000)
    assert images / 1e9 == pytest.approx(92.6, rel=1e-3)
    assert network_links(images, 10e9) == 10


def test_500_tokens_are_2_kb_where_the_course_s_egress_has_10() -> None:
    assert answer_bytes(500) == 2_000
    assert streamed_bytes(500, 250) == 127_000


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: network_links(1, 0), "link_bits_per_s is 0, but .* more than 0"),
        (lambda: streaming_factor(250, 0), "text_bytes_per_token is 0, but .* more than 0 bytes"),
        (lambda: traffic_bits_per_s(-1, 1), "requests_per_s is -1, but .* 0 requests/s or more"),
        (lambda: monthly_traffic_bytes(1, 32), "days_per_month is 32, but .* from 0 to 31 days"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
