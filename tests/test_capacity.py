"""What one replica carries: the limits exactly at their ends, and what refusals say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from estimator.capacity import Capacity, Load, NoBatchError, Targets, check_load, most
from estimator.engine import Constants, Replica, Service, serve

# One accelerator with nine tenths of 10,000 bytes for caches; a step takes 1 s, 0.1 s a sequence
# and 0.01 s a token, as in a prompt. A token of cache has 10 bytes: 9 requests of 100 tokens fit.
PLAIN = Replica(
    n_layers=1, n_mixture_layers=0, routed_experts=1, experts_per_token=0, dense_read_bytes=0,
    expert_read_bytes=0, stored_bytes=500, cache_bytes_per_token=10,
    window_cache_bytes_per_token=0, window=1, wide_token_seconds=0.01, narrow_token_seconds=0,
    wide_expert_seconds=0, narrow_expert_seconds=0, pair_seconds=0, window_pair_seconds=0,
    token_exchange_bytes=0, group_accelerators=1, data_ranks=1, pipeline_stages=1,
    bytes_per_s=1e15, link_bytes_per_s=1e15, memory_bytes=2e9 + 500 + 10_000,
    context_tokens=math.inf,
)  # fmt: skip
STEADY = Constants(
    memory_efficiency=1, compute_efficiency=1, narrow_efficiency=1, expert_efficiency=1,
    link_efficiency=1, layer_seconds=1, mixture_seconds=0, hop_seconds=0, sequence_seconds=0.1,
)  # fmt: skip
SHORT = Load(requests_per_s=1, prompt_tokens=60, output_tokens=40)


def find(load: Load = SHORT, targets: Targets | None = None, factor: float = 1) -> Capacity:
    return most(PLAIN, STEADY, load, targets or Targets(), factor)


def test_the_caches_that_fit_are_the_limit() -> None:
    assert (find().batch, find().limit) == (9, "cache")
    assert find(Load(1, 60, 41)).batch == 8, "a request more is a token too long for nine"


def test_where_both_limits_are_equal_the_cache_is_named() -> None:
    assert find(targets=Targets(largest_batch=9)).limit == "cache"
    found = find(targets=Targets(largest_batch=8))
    assert (found.batch, found.limit) == (8, "largest batch")


def test_an_engine_takes_1024_requests_unless_told() -> None:
    roomy = replace(PLAIN, memory_bytes=3e9)
    assert most(roomy, STEADY, SHORT, Targets()).batch == 1024
    assert Targets() == Targets(None, None, 0.75, 1, 1024)


def test_a_target_that_is_just_met_is_met() -> None:
    four = serve(PLAIN, STEADY, 4, 60, 40)
    token, first = float(four.token_seconds), float(four.first_token_seconds)
    for targets, limit in (
        (Targets(token_seconds=token), "token_seconds"),
        (Targets(first_token_seconds=first), "first_token_seconds"),
    ):
        assert (find(targets=targets).batch, find(targets=targets).limit) == (4, limit)


def test_a_token_that_takes_longer_leaves_the_first_one_as_it_is() -> None:
    four = serve(PLAIN, STEADY, 4, 60, 40)
    token = Targets(token_seconds=1.5 * float(four.token_seconds))
    assert find(targets=token, factor=1.5).batch == 4
    first = Targets(first_token_seconds=float(four.first_token_seconds))
    found = find(targets=first, factor=1.5)
    stay = four.first_token_seconds + 39 * 1.5 * four.token_seconds
    assert found.batch == 4
    assert found.requests_per_s == pytest.approx(4 / stay)


def test_an_answer_of_one_token_ends_with_it() -> None:
    found = find(Load(1, 60, 1))
    alone = serve(PLAIN, STEADY, found.batch, 60, 1)
    assert found.batch == 14  # of 610 bytes each in nine tenths of 10,000
    # Each brings a prompt, and a replica works through one after the other.
    assert 14 * alone.prefill_seconds > alone.first_token_seconds
    assert found.requests_per_s == pytest.approx(1 / alone.prefill_seconds)
    assert found.requests_per_s > find(Load(1, 60, 2)).requests_per_s


def test_the_rate_is_the_batch_over_the_time_of_a_request() -> None:
    stay = serve(PLAIN, STEADY, 9, 60, 40).request_seconds
    assert find().requests_per_s == pytest.approx(9 / stay)


def test_one_cache_fits_or_it_is_told_what_is_in_its_way() -> None:
    assert find(Load(1, 500, 400)).batch == 1
    large = replace(PLAIN, stored_bytes=78.25e9, memory_bytes=80.25e9 + 500)
    with pytest.raises(NoBatchError) as caught:
        most(large, STEADY, SHORT, Targets())
    assert str(caught.value) == (
        "batch 1 does not fit: the weights take 78.2 GB of an accelerator's 80.3 GB, which leaves "
        "no room for the cache of 100 tokens."
    )


def test_a_target_that_one_request_misses_is_told_with_one_that_it_meets() -> None:
    # Alone: 1.1 s and the 0.01 of one token are a step, with 0.6 s of prompt before it.
    with pytest.raises(NoBatchError) as caught:
        find(targets=Targets(first_token_seconds=1.5), factor=1.5)
    assert str(caught.value) == (
        "first_token_seconds of 1.5 s is met by no batch: one request alone has 1.71 s. "
        "A target of 1.71 s or more would be met."
    )
    with pytest.raises(NoBatchError, match=r"of 1\.5 s is met by no batch: .* alone has 1\.665 s"):
        find(targets=Targets(token_seconds=1.5), factor=1.5)


def test_the_smallest_load_and_targets_can_be_sized() -> None:
    check_load(Load(1e-9, 1, 1), Targets(1e-9, 1e-9, 1, 0, 1))
    check_load(Load(1, 1.5, 1.5), Targets(largest_batch=2))


@pytest.mark.parametrize(
    ("load", "targets", "says"),
    [
        (Load(0, 1, 1), Targets(), "requests_per_s is 0, .* rate must be more than 0 requests/s: "),
        (Load(1, 0.5, 1), Targets(), r"prompt_tokens is 0\.5, .* must be 1 token or more: give"),
        (Load(1, 1, 0.5), Targets(), r"output_tokens is 0\.5, .* must be 1 token or more"),
        (Load(-1, -1, 1), Targets(), r"^requests_per_s is -1, .* prompt_tokens is -1, .* or more"),
        (Load(1, 1, 1), Targets(0), "token_seconds is 0, .* must be more than 0 s: "),
        (Load(1, 1, 1), Targets(None, 0), "first_token_seconds is 0, .* must be more than 0 s: "),
        (Load(1, 1, 1), Targets(None, math.nan), "first_token_seconds is nan"),
        (
            Load(1, 1, 1),
            Targets(largest_batch=0),
            "largest_batch is 0, .* whole number, 1 sequence or more",
        ),
        (Load(1, 1, 1), Targets(largest_batch=1.5), r"largest_batch is 1\.5, .* a whole number"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_sized_is_refused(load: Load, targets: Targets, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_load(load, targets)


def test_a_target_that_is_no_number_is_refused() -> None:
    for value in ("fast", True):
        with pytest.raises(
            ValueError, match=f"token_seconds is {value!r} .* must be a number, more"
        ):
            check_load(SHORT, Targets(token_seconds=value))  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"prompt_tokens is array.* must be a number, 1 token or more"
    ):
        check_load(Load(1, np.array([1.0, 2.0]), 1), Targets())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="prompt_tokens is None"):
        check_load(Load(1, None, 1), Targets())  # type: ignore[arg-type]


def test_services_that_were_worked_out_are_kept_for_the_next_question() -> None:
    known: dict[int, Service] = {}
    assert most(PLAIN, STEADY, SHORT, Targets(token_seconds=4), known=known).batch in known
    assert all(known[batch] == serve(PLAIN, STEADY, batch, 60, 40) for batch in known)
    known[1] = replace(known[1], token_seconds=5)
    with pytest.raises(NoBatchError):
        most(PLAIN, STEADY, SHORT, Targets(token_seconds=4), known=known)
