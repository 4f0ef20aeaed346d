"""Lesson 04: figures digit for digit, the three bounds, the plan."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator import catalog
from estimator.catalog.shapes import shape
from estimator.lesson import lesson_03
from estimator.lesson import lesson_04 as lesson
from estimator.lesson.inputs import inputs
from estimator.lesson.lesson_04_panel import MODELS
from estimator.lesson.lesson_05_model import arithmetic_rate
from estimator.lesson.rates import compute_rate
from estimator.lesson.sizing import PRECISIONS, Bounds, Service, make_plan
from estimator.memory import kv_bytes_per_token
from estimator.step_time import replicas_needed
from estimator.units import number_text
from estimator.whole_service import NEARLY, TENSOR_PARALLEL
from tests.golden import DATA
from tests.seen import column, rows

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
COURSE = lesson.course_service()


def test_the_service_s_cache_is_lesson_03_s() -> None:
    sources = column(lesson.serving_assumptions(), "source")
    assert "Llama 3.2 3B; lesson 03" in sources
    (told,) = (row[-1] for row in lesson_03.attention_table().rows if row[0] == "Llama 3.2 3B")
    assert str(told) == f"{lesson.course_service().kv_bytes_per_token:,}" == "114,688"
    number = catalog.model("course-llama-3.2-3b").n_params
    assert lesson.course_service().n_params == number == round(shape("llama-3.2-3b").n_params, -9)


# --- The course's figures -------------------------------------------------------------------


def test_the_course_s_chain_digit_for_digit() -> None:
    assert column(lesson.chain_table(), "computed") == [
        "11,574 requests/s", "9.615 ms", "104 requests/s", "112 accelerators", "56 accelerators",
    ]  # fmt: skip


def test_training_times_and_the_guide_s_forward_pass() -> None:
    table = lesson.recap_table()
    (trained,) = table.tables
    assert column(trained, "computed") == ["267.1 days", "8.347 days", "890.3 days", "13.91 days"]
    assert column(trained, "published") == ["267 days", "8.35 days", "890 days", "13.9 days"]
    assert "3 billion parameters; 200 million rows x 1,000 epochs" in str(table)
    assert "200 billion tokens" in str(table)
    # By hand: six operations for each parameter and token, at 156 TFLOP/s.
    assert pytest.approx(267.1, abs=0.05) == 6 * 3e9 * 200e9 / 156e12 / 86_400
    assert "724,625,784,832" in str(table)
    assert "312,711,577,600" in str(table)


def test_other_systems_with_the_course_s_slips() -> None:
    table = lesson.systems_table()
    assert column(table, "published") == ["61", "148", "8,208"]
    assert [text.split()[0] for text in column(table, "computed")] == ["61", "149", "8,180"]
    assert "148.39" in str(table)
    assert "8,208.56" in str(table)


def test_the_network_digit_for_digit() -> None:
    assert column(lesson.network_table(), "computed") == [
        "185.19 Mbit/s", "925.93 Mbit/s", "185.19 Mbit/s", "92.59 Gbit/s", "27.78 Gbit/s",
        "115.74 Gbit/s",
    ]  # fmt: skip


def test_others_figures_agree_with_the_bound_and_a_measured_step_is_longer() -> None:
    ratios = [float(text) for text in column(lesson.checks_table(), "ours by theirs")]
    assert ratios[:-1] == pytest.approx([1] * 3, abs=0.0015)
    assert ratios[-1] == 0.763


def test_latencies_with_the_source_s_truncation() -> None:
    table = lesson.latency_table()
    assert column(table, "computed") == ["75.38 ms", "7.075 s", "15.71 ms", "1.046 s"]
    assert column(table, "published") == ["75 ms", "6.98 s", "16 ms", "0.92 s"]
    for each, steps, printed in ((46, 150, 6.98), (6, 150, 0.92)):
        first = {46: 0.075, 6: 0.016}[each]
        assert first + steps * each / 1000 == pytest.approx(printed, abs=0.006)


# --- Three bounds ---------------------------------------------------------------------------


def test_the_bounds_side_by_side() -> None:
    rows = [tuple(map(str, row)) for row in lesson.bounds_table(COURSE).rows]
    assert rows == [
        ("1", "2.957 ms", "112", "17,030", "17,111", "15", "bandwidth"),
        ("8", "3.055 ms", "112", "2,129", "2,211", "15", "bandwidth"),
        ("64", "3.843 ms", "112", "267", "348", "19", "bandwidth"),
        ("153", "5.094 ms", "112", "112", "193", "25", "bandwidth"),
        ("557", "10.78 ms", "112", "31", "112", "53", "compute and bandwidth"),
        ("1,180", "22.69 ms", "112", "15", "96", "112", "compute and capacity"),
    ]


def test_the_corner_is_the_smallest_batch_of_the_fewest() -> None:
    batch, fewest = lesson.corner(COURSE)
    needed = [COURSE.bounds(b).needed for b in range(1, COURSE.fits() + 1)]
    assert fewest == min(needed) == 112
    assert batch == needed.index(112) + 1 == 557


def test_the_chart_draws_the_bounds() -> None:
    picture = lesson.three_bounds_chart(COURSE)
    axes = picture.figure.axes[0]
    compute, bandwidth, capacity, wall, dot = (np.asarray(line.get_xydata()) for line in axes.lines)
    assert set(compute[:, 1]) == {112}
    assert (bandwidth[0, 1], capacity[0, 1]) == (17_111, 15)
    assert np.all(np.diff(bandwidth[:, 1]) <= 0)
    assert np.all(np.diff(capacity[:, 1]) >= 0)
    assert set(wall[:, 0]) == {1180}
    assert dot.tolist() == [[557, 112]]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "batch: sequences in each replica"
    assert axes.get_ylabel() == "accelerators"
    dashes = {str(vars(line)["_dash_pattern"]) for line in axes.lines[:3]}
    assert len(dashes) == 3, "told apart without their colours"
    for number in ("112", "17,111", "96", "1,180", "15", "557"):
        assert number in picture.alt


def test_at_one_batch_a_bound_is_its_formula_by_hand() -> None:
    b = COURSE.bounds(100)
    step = (6e9 + 100 * 250 * 114_688) / 2039e9
    assert b.step_seconds == pytest.approx(step)
    assert b.request_seconds == pytest.approx(500 * step)
    rate = 1e9 / 86_400
    assert b.bandwidth == np.ceil(rate * 500 * step / 100)
    # 500 tokens take 32 blocks of 16: 9/10 of 80 GiB, less weights and the work of a step.
    fits = (0.9 * 80 * 2**30 - 8e9) // (512 * 114_688)
    assert fits == 1180
    assert b.capacity == np.ceil(rate * 500 * step / fits)
    busy = max(rate * 2 * 3e9 * 500 / 312e12, rate * 500 * step / 100)
    assert b.busy == pytest.approx(busy)


def test_a_prompt_is_computed_cached_and_read() -> None:
    longer = replace(COURSE, prompt_tokens=500)
    assert longer.bounds(1).compute == 223
    assert longer.fits() == 599
    assert longer.mean_cache_bytes == 750 * 114_688
    assert longer.best(0.05).binding == ("bandwidth", "capacity")


def test_a_prompt_in_the_course_s_service() -> None:
    table = lesson.prompt_table(COURSE)
    assert column(table, "without a prompt") == [
        "0 s", "9.615 ms", "28.67 MB", "1,180 sequences", "22.69 ms", "112", "96", "112",
    ]  # fmt: skip
    assert column(table, "with 500 tokens of prompt") == [
        "9.615 ms", "19.23 ms", "86.02 MB", "599 sequences", "28.21 ms", "223", "273", "273",
    ]  # fmt: skip
    # By hand: weights and 599 caches of 750 tokens, at 2.039 TB/s, 500 times; 599 at a time.
    step = (6e9 + 599 * 750 * 114_688) / 2039e9
    assert np.ceil(1e9 / 86_400 * 500 * step / 599) == 273


def test_a_target_keeps_the_batch_small_and_costs_accelerators() -> None:
    # 10 ms: at most 501 sequences are read in time, 520 computed.
    b = COURSE.best(0.01)
    assert b.batch == 501
    assert b.step_seconds <= 0.01
    assert COURSE.in_time(0.01) == 501
    assert b.needed > COURSE.best(0.05).needed == 112


def test_shorter_targets_leave_smaller_batches_until_the_weights_alone_take_longer() -> None:
    table = lesson.target_table(COURSE)
    assert rows(table)["10 ms"] == ["501", "116"]
    assert rows(table)["3 ms"] == ["4", number_text(COURSE.bounds(4).needed)]
    assert rows(table)["2.5 ms"] == ["none", "too slow, however many"]
    batches = [int(text.replace(",", "")) for text in column(table, "largest batch")[:-1]]
    assert batches == sorted(batches, reverse=True)
    # 6 GB at 2.039 TB/s.
    assert table.caption.endswith("6.00 GB, takes 2.943 ms")


def test_the_notebook_s_rule_for_a_wider_replica_has_the_constant_s_share() -> None:
    (path,) = NOTEBOOKS.glob("04-*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (told,) = (text for cell in cells if "more than a " in (text := "".join(cell["source"])))
    saved = {3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 10: "tenth"}
    parts = 1 / (1 - 1 / NEARLY)
    assert parts == pytest.approx(round(parts))
    assert f"saves more than a {saved[round(parts)]} of the plan, and not by rounding" in told


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_lesson_05_s_rule_needs_no_clause_on_rounding_where_it_has_a_spare(spare: int) -> None:
    """A narrow plan is kept by that clause where it keeps few more busy, and yet is larger."""
    apart = [
        (narrow, wide)
        for narrow, wide in combinations(TENSOR_PARALLEL, 2)
        for least in np.arange(0.1, 40, 0.1)
        for more in (1, 1.1, NEARLY)
        if narrow * replicas_needed(more * least, narrow, 1, spare)
        > NEARLY * wide * replicas_needed(least, wide, 1, spare)
    ]
    assert bool(apart) == (spare == 0)


def test_the_replica_is_no_wider_than_it_pays() -> None:
    large = replace(COURSE, n_params=70_553_706_496, kv_bytes_per_token=327_680, precision="BF16")
    on_h100 = replace(large, accelerator="H100-SXM")
    assert on_h100.fits(1) == 0
    assert on_h100.best(0.05).tensor_parallel == 4
    assert COURSE.best(0.05).tensor_parallel == 1
    assert column(lesson.parallel_table(), "accelerators in all") == ["", "4,830", "828", "832"]
    for ranks in TENSOR_PARALLEL[1:]:
        assert on_h100.bounds(1, ranks).needed % ranks == 0


def test_eight_bits_compute_faster_only_where_there_is_a_rate() -> None:
    a100, h100 = catalog.accelerator("A100-SXM-80GB"), catalog.accelerator("H100-SXM")
    assert compute_rate(a100, "INT8") == 624e12
    assert compute_rate(a100, "FP8") == 312e12
    assert compute_rate(h100, "FP8") == 1979e12
    assert compute_rate(h100, "INT4 g128") == 989e12


def test_four_bits_compute_faster_only_where_there_is_a_rate() -> None:
    b200 = catalog.accelerator("B200-SXM")
    assert compute_rate(b200, "NVFP4") == 9000e12
    assert compute_rate(b200, "MXFP4") == compute_rate(b200, "INT4 g128") == 2250e12
    assert compute_rate(catalog.accelerator("H100-SXM"), "NVFP4") == 989e12


@pytest.mark.parametrize("name", list(catalog.accelerators()))
def test_what_is_computed_with_is_one_rule_for_bounds_and_engine(name: str) -> None:
    # INT8 alone: nobody has measured an engine that computes with it.
    for precision in set(PRECISIONS) - {"INT8"}:
        assert compute_rate(catalog.accelerator(name), precision) == arithmetic_rate(
            precision, name
        )


def test_models_are_those_of_the_published_configurations() -> None:
    configs = json.loads((DATA / "model_configs.json").read_text(encoding="utf-8"))
    given = {f.key for f in catalog.models().values()} & set(configs) & set(MODELS)
    assert len(given) == len(MODELS) - 1
    for key in given:
        assert catalog.model(key).n_params == configs[key]["parameters"]
        c = configs[key]["config"]
        width = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
        shape = c["num_hidden_layers"], c["num_key_value_heads"], width
        assert catalog.architecture(key).kv_bytes_per_token(2) == kv_bytes_per_token(*shape)


# --- The plan -------------------------------------------------------------------------------


def test_the_plan_takes_the_peak_the_reserve_and_the_spare() -> None:
    plan = make_plan(COURSE, 0.05, 2, 0.75, 8, 1_000)
    assert plan.at.needed == 223
    assert plan.planned == 305
    assert plan.utilization == pytest.approx(0.22258, abs=1e-5)
    planned = column(lesson.plan_table(), "accelerators to plan")
    assert planned == ["454", "326", "305", "287", "256", "233", "231"]
    assert column(lesson.plan_table(), "mean wait, in times of service")[-1] == "without bound"


def test_spare_and_reserve_are_whole_replicas() -> None:
    service = replace(
        COURSE, n_params=70_553_706_496, kv_bytes_per_token=327_680, accelerator="H100-SXM"
    )
    plan = make_plan(service, 0.05, 1, 0.75, 5, 10_000)
    assert plan.at.tensor_parallel == 4
    assert plan.planned == 4 * (np.ceil(plan.at.busy / 0.75 / 4) + 2)


@pytest.mark.parametrize("changes", [{}, {"n_params": 70_553_706_496, "kv_bytes_per_token": 327_680,
                                          "accelerator": "H100-SXM"}])  # fmt: skip
def test_more_users_never_ask_for_a_narrower_replica_or_a_smaller_plan(
    changes: dict[str, Any],
) -> None:
    service = replace(COURSE, prompt_tokens=500, **changes)
    plans = [
        make_plan(replace(service, users=users), 0.05, 2, 0.75, 8, 10**6)
        for users in (1, 1000, *range(10_000, 1_000_000, 10_000), 10**7, 10**8)
    ]
    widths = [plan.at.tensor_parallel for plan in plans]
    assert widths == sorted(widths)
    assert [plan.planned for plan in plans] == sorted(plan.planned for plan in plans)


def test_a_small_fleet_has_no_more_spare_than_it_has_at_work() -> None:
    plan = make_plan(replace(COURSE, users=1), 0.05, 2, 0.75, 8, 100)
    assert (plan.at.needed, plan.planned) == (1, 2)


@pytest.mark.parametrize("name", lesson.NEEDED)
def test_a_service_without_one_of_these_is_none(name: str) -> None:
    allowed = re.escape(lesson.NARROWED[name].range_text)
    with pytest.raises(
        ValueError, match=f"^{name} is 0, but [^.]* must be (?:a whole number, )?{allowed}: give"
    ):
        Service(**{**vars(COURSE), name: 0})
    for value in (0, float("nan")):
        values: dict[str, Any] = {name: value}
        with pytest.raises(
            ValueError,
            match=f"^{name} is {value}, but .* must be (?:a whole number, )?{allowed}: give",
        ):
            inputs(narrowed=lesson.NARROWED, **values)


@pytest.mark.parametrize("name", lesson.NARROWED)
def test_a_number_past_any_service_is_refused_in_a_short_sentence(name: str) -> None:
    values: dict[str, Any] = {name: 1e300}
    with pytest.raises(ValueError, match=rf"^{name} is 1e\+300, but the .*: give") as refused:
        inputs(narrowed=lesson.NARROWED, **values)
    assert len(str(refused.value)) < 200


def test_the_bounds_that_ask_for_most_bind() -> None:
    def named(*counts: float, ranks: int = 1) -> str:
        compute, bandwidth, capacity = counts
        bounds = Bounds(1, ranks, 0.01, 1, compute, bandwidth, capacity, busy=max(counts))
        return bounds.binding_text

    assert named(446, 545, 546) == "bandwidth and capacity"
    assert named(446, 544, 546) == "capacity"
    assert named(112, 96, 112) == "compute and capacity"
    assert named(30, 30, 30) == "compute, bandwidth and capacity"
    assert named(1, 2, 1) == "bandwidth"
    assert named(824, 828, 816, ranks=4) == "compute and bandwidth"
    assert named(1, 1, 1) == named(4, 4, 4, ranks=4) == "none"


@pytest.mark.parametrize("users", [1, 1000, 100_000, 300_000, 10_000_000, 100_000_000])
def test_a_replica_works_on_no_more_than_the_load_brings(users: int) -> None:
    service, rate = replace(COURSE, users=users, prompt_tokens=500), users * 20 / 86_400
    plan = make_plan(service, 0.05, 2, 0.75, 8, 1_000)
    batch, replicas = int(plan.working.batch), plan.at.needed
    assert 1 <= batch <= plan.at.batch == 599
    assert rate * plan.working.request_seconds <= replicas * batch
    assert plan.working.request_seconds == service.bounds(batch).request_seconds
    # One fewer would not take what is in flight.
    assert batch == 1 or rate * service.bounds(batch - 1).request_seconds > replicas * (batch - 1)


# --- Going further --------------------------------------------------------------------------


def test_a_batch_reads_nearly_all_of_a_mixture() -> None:
    table = lesson.mixture_table()
    assert column(table, "experts of a layer touched")[:3] == ["2.00", "3.50", "5.47"]
    assert column(table, "parameters read")[0] == "12.88 G"
    assert column(table, "of all") == ["28 %", "46 %", "69 %", "90 %", "99 %", "100 %"]


def test_an_event_is_larger_than_its_token() -> None:
    table = lesson.stream_table()
    assert column(table, "together")[-1] == "298 B"
    assert column(table, "all answers")[-1] == "13.98 Gbit/s"
    framing = len(lesson.event_text(" word")) - len(" word")
    assert column(table, "adds")[0] == f"{framing} B" == "218 B"
    assert json.loads(lesson.event_text("x").removeprefix("data: "))["choices"]
