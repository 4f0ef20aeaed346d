"""Loads that cannot be sized: each refusal says what would fit, and that does."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest

from estimator.catalog import serving
from estimator.engine import Layout, Numerics, Spread, serve
from estimator.load import (
    Load,
    NoBatchError,
    SaturatedError,
    Targets,
    most,
    operate,
    size_model,
    size_service,
)
from tests.loads import CHAT, FIT, QUICK, one, size, sized


def test_past_saturation_it_refuses_and_says_the_rate_that_fits() -> None:
    made = one()
    with pytest.raises(SaturatedError, match=r"requests_per_s is 100, but 2 replicas") as caught:
        operate(made, FIT.constants, FIT.dense, CHAT, QUICK, 2)
    fits = caught.value.requests_per_s
    first = FIT.dense.first_token.middle
    each = most(made, FIT.constants, CHAT, QUICK, first_factor=first).requests_per_s
    assert fits == pytest.approx(2 * each * QUICK.target_utilization)
    at_it = dataclasses.replace(CHAT, requests_per_s=fits)
    assert operate(made, FIT.constants, FIT.dense, at_it, QUICK, 2).utilization == (
        pytest.approx(QUICK.target_utilization)
    )
    said = float(str(caught.value).split("send ")[1].split()[0])
    assert fits * 0.999 < said <= fits, "the rate that a sentence names is one that is carried"
    as_said = dataclasses.replace(CHAT, requests_per_s=said)
    assert operate(made, FIT.constants, FIT.dense, as_said, QUICK, 2)
    above = dataclasses.replace(CHAT, requests_per_s=fits * 1.01)
    with pytest.raises(SaturatedError):
        operate(made, FIT.constants, FIT.dense, above, QUICK, 2)
    needed = int(str(caught.value).rsplit("give ")[1].split()[0])
    assert operate(made, FIT.constants, FIT.dense, CHAT, QUICK, needed)
    with pytest.raises(SaturatedError):
        operate(made, FIT.constants, FIT.dense, CHAT, QUICK, needed - 1)


@pytest.mark.parametrize(
    ("tensor", "targets", "says"),
    [
        (4, Targets(token_seconds=0.016), "tensor=8 would do"),
        (1, Targets(), r"weights take 141\.1 GB of an accelerator's 8\d\.\d GB"),
        (
            4,
            Targets(token_seconds=0.001),
            "No wider layout of up to 8 H100-SXM would do either, nor up to 4 such nodes in a row",
        ),
        (4, Targets(first_token_seconds=0.001), "first_token_seconds of 1 ms is met by no batch"),
    ],
)
def test_where_no_batch_will_do_it_says_what_would(
    tensor: int, targets: Targets, says: str
) -> None:
    with pytest.raises(NoBatchError, match=says) as caught:
        sized(tensor, targets)
    if "tensor=" in str(caught.value):
        wider = int(str(caught.value).rsplit("tensor=")[1].split()[0])
        assert sized(wider, targets).replicas.p50 >= 1


@pytest.mark.parametrize(
    ("layout", "system", "target", "says"),
    [
        (Layout(1), "h100_sxm", 0.02, "tensor=4 would do"),  # 2 need 29 ms, 4 need 18
        (Layout(1, 8), "h100_sxm", 0.017, "No wider layout of up to 8"),  # 16 would do
        (Layout(1), "l40s", 0.02, "No wider layout was tried: how fast L40S send to each other"),
    ],
)
def test_wider_layouts_are_tried_by_doubling_within_a_node(
    layout: Layout, system: str, target: float, says: str
) -> None:
    decoder, hardware = serving.decoder("llama-3.1-70b"), serving.hardware(system)
    targets = Targets(token_seconds=target)
    with pytest.raises(NoBatchError, match=says):
        size_model(decoder, Numerics(), hardware, layout, FIT.constants, FIT.dense, CHAT, targets)


def test_layouts_that_do_not_share_a_layer_evenly_are_not_tried() -> None:
    decoder, hardware = serving.decoder("llama-3.1-70b"), serving.hardware("h100_sxm")
    halves = dataclasses.replace(decoder, d_model=8194)  # 2 divides it, 4 does not
    targets = Targets(token_seconds=0.02)
    with pytest.raises(NoBatchError, match="No wider layout of up to 8"):
        size_model(halves, Numerics(), hardware, Layout(1), FIT.constants, FIT.dense, CHAT, targets)


def test_where_one_node_is_too_small_it_names_so_many_in_a_row() -> None:
    """671 billion parameters at 2 bytes are 1,342 GB, and eight H200 have 1,206."""
    decoder, hardware = serving.decoder("deepseek-v3"), serving.hardware("h200_sxm")
    model = (decoder, Numerics(), hardware)
    fitted = (FIT.constants, FIT.mixture, CHAT)
    with pytest.raises(NoBatchError, match="tensor=8 with stages=2 would do: 16 H200-SXM"):
        size_model(*model, Layout(8), *fitted, Targets())
    assert size_model(*model, Layout(8, stages=2), *fitted, Targets()).capacity.batch > 1
    with pytest.raises(NoBatchError, match=r"With tensor=8 and stages=4: .* A target of") as caught:
        size_model(*model, Layout(8), *fitted, Targets(token_seconds=0.001))
    said = float(str(caught.value).rsplit("A target of ")[1].split()[0]) / 1e3
    wide = Layout(8, stages=4)
    assert size_model(*model, wide, *fitted, Targets(token_seconds=said)).capacity.batch >= 1


def test_the_target_of_the_first_token_is_held_against_its_median() -> None:
    """The estimate of the queue is below what most runs waited."""
    target = Targets(first_token_seconds=0.3)
    at_estimate = dataclasses.replace(FIT.dense, first_token=Spread(0.8, 5))
    by_median, by_estimate = (
        size_service(one(), FIT.constants, spreads, CHAT, target).capacity
        for spreads in (FIT.dense, at_estimate)
    )
    assert FIT.dense.first_token.middle > 1
    assert by_median.batch < by_estimate.batch
    for capacity, middle in ((by_median, FIT.dense.first_token.middle), (by_estimate, 1)):
        kept, missed = (
            float(serve(one(), FIT.constants, batch, 1024, 512).first_token_seconds) * middle
            for batch in (capacity.batch, capacity.batch + 1)
        )
        assert kept <= 0.3 < missed
    operation = size_service(one(), FIT.constants, FIT.dense, CHAT, target).operation
    assert operation.first_token_seconds.p50 <= 0.3


def test_the_target_that_it_says_would_be_met_is_met() -> None:
    with pytest.raises(NoBatchError, match=r"A target of 17\.57 ms or more would be met"):
        sized(4, Targets(token_seconds=0.001))
    assert sized(4, Targets(token_seconds=0.01757)).capacity.batch >= 1
    with pytest.raises(NoBatchError):
        sized(4, Targets(token_seconds=0.01756))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: size(Load(0, 10, 10)), "requests_per_s is 0"),
        (lambda: size(Load(-1, 10, 10)), "requests_per_s is -1"),
        (lambda: size(Load(math.nan, 10, 10)), "requests_per_s is nan"),
        (lambda: size(Load(1, 0, 10)), "prompt_tokens is 0"),
        (lambda: size(Load(1, 10, 0.5)), r"output_tokens is 0\.5"),
        (lambda: size(targets=Targets(token_seconds=0)), "token_seconds is 0"),
        (lambda: size(targets=Targets(first_token_seconds=-1)), "first_token_seconds is -1"),
        (lambda: size(targets=Targets(target_utilization=1.2)), r"target_utilization is 1\.2"),
        (lambda: size(targets=Targets(target_utilization=0)), "target_utilization is 0"),
        (lambda: size(targets=Targets(spare_replicas=-1)), "spare_replicas is -1"),
        (lambda: size(targets=Targets(largest_batch=0)), "largest_batch is 0"),
        (lambda: size(targets=Targets(largest_batch=3.7)), r"largest_batch is 3\.7, .* whole"),  # type: ignore[arg-type]
        (lambda: operate(one(), FIT.constants, FIT.dense, CHAT, QUICK, 0), "replicas is 0"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


# --- Longer than the model was made for -------------------------------------------------------


def test_requests_beyond_the_model_s_context_are_refused_and_at_it_they_are_not() -> None:
    """Llama 3 was published for 8,192 tokens."""
    made = one(8, "llama-3-8b")
    assert size(dataclasses.replace(CHAT, prompt_tokens=7680), Targets(), made).capacity.batch > 1
    with pytest.raises(ValueError, match=r"together 8,193, but the model was made for .* 8,192"):
        size(dataclasses.replace(CHAT, prompt_tokens=7681), Targets(), made)
    with pytest.raises(ValueError, match="made for sequences of 8,192 tokens") as refused:
        size_model(
            serving.decoder("llama-3-8b"), Numerics(), serving.hardware("h100_sxm"), Layout(1),
            FIT.constants, FIT.dense, Load(1, 100_000, 1), Targets(),
        )  # fmt: skip
    assert not isinstance(refused.value, NoBatchError)


def test_a_stretched_context_and_one_that_nobody_tells_are_sized() -> None:
    decoder, hardware = serving.decoder("llama-3-8b"), serving.hardware("h100_sxm")
    long = Load(1, 20_000, 500)
    stretched, untold = (
        size_model(
            dataclasses.replace(decoder, context_tokens=context), Numerics(), hardware, Layout(1),
            FIT.constants, FIT.dense, long, Targets(),
        )
        for context in (32_768, None)
    )  # fmt: skip
    assert stretched == untold, "a context that is long enough plays no part in a size"
    assert stretched.operation.requests_in_flight > 1
