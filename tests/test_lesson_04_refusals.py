"""Lesson 04's refusals: what they name is true, no more and no less."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from estimator.lesson import lesson_04 as lesson
from estimator.lesson.inputs import inputs
from estimator.lesson.sizing import make_plan

COURSE = lesson.course_service()


def test_the_users_that_saturation_names_are_served() -> None:
    with pytest.raises(ValueError, match="past saturation") as refused:
        make_plan(COURSE, 0.05, 2, 0.75, 8, 100)
    users = re.search(r"fits ([\d,]+) users", str(refused.value))
    needed = re.search(r"needs at least ([\d,]+) accelerators", str(refused.value))
    assert users
    assert needed
    fewer = replace(COURSE, users=int(users[1].replace(",", "")))
    assert make_plan(fewer, 0.05, 2, 0.75, 8, 100).at.needed <= 100
    assert 0.99 < make_plan(COURSE, 0.05, 2, 0.75, 8, int(needed[1])).utilization <= 1


LARGE: dict[str, Any] = {
    "n_params": 70_553_706_496,
    "kv_bytes_per_token": 327_680,
    "accelerator": "H100-SXM",
}


@pytest.mark.parametrize(
    ("changes", "owned"),
    [({}, 10), ({}, 400), ({}, 495), (LARGE | {"users": 20_000}, 2), (LARGE, 20), (LARGE, 101)],
)
def test_a_refusal_names_the_most_that_is_carried_and_the_fewest_that_carry_all(
    changes: dict[str, Any], owned: int
) -> None:
    service = replace(COURSE, prompt_tokens=500, **changes)

    def refused(users: float = service.users, have: int = owned) -> str:
        try:
            plan = make_plan(replace(service, users=users), 0.05, 2, 0.75, 8, have)
        except ValueError as error:
            return str(error)
        assert plan.at.needed <= have
        return ""

    def named(pattern: str) -> float:
        found = re.search(pattern, refused())
        assert found, refused()
        return float(found[1].replace(",", ""))

    people, fewest = (
        int(named(r"fits ([\d,]+) users")),
        int(named(r"needs at least ([\d,]+) accelerators")),
    )
    assert people
    assert not refused(people)
    assert refused(people + 1)
    assert not refused(have=fewest)
    assert refused(have=fewest - 1)
    # The rate is named with four digits, rounded down.
    users_of_rate = named(r"keep up with ([\d,.]+) requests/s") * 86_400 / 20
    assert not refused(int(users_of_rate))
    assert refused(int(users_of_rate * 1.002) + 1)


def test_the_course_s_load_on_ten_is_refused_with_what_wider_replicas_carry() -> None:
    with pytest.raises(ValueError, match="past saturation") as refused:
        make_plan(replace(COURSE, prompt_tokens=500), 0.05, 2, 0.75, 8, 10)
    assert "the whole load needs at least 496 accelerators, " in str(refused.value)


def test_too_few_for_a_replica_are_told_how_many_one_takes() -> None:
    with pytest.raises(
        ValueError, match="1 H100-SXM hold no replica, which takes 2 or more; the whole"
    ):
        make_plan(replace(COURSE, **LARGE), 0.05, 2, 0.75, 8, 1)


def test_a_batch_that_is_no_number_is_refused_in_a_sentence() -> None:
    with pytest.raises(TypeError, match="batch is 'a'"):
        COURSE.bounds("a")  # type: ignore[arg-type]
    for none in (0, -1):
        with pytest.raises(
            ValueError, match=f"batch is {none}, .* must be more than 0 sequences: "
        ):
            COURSE.bounds(none)


def test_a_fleet_without_any_reserve_is_refused() -> None:
    narrowed: dict[str, Any] = {"narrowed": lesson.NARROWED}
    with pytest.raises(ValueError, match=r"^target_utilization is 1, but .* at most 0\.99: give"):
        inputs(target_utilization=1, **narrowed)
    assert inputs(target_utilization=0.99, **narrowed).target_utilization == 0.99


@pytest.mark.parametrize(
    ("n_params", "kv_bytes", "owned"), [(8_030_261_248, 131_072, 12), (70_553_706_496, 327_680, 12)]
)
def test_a_wider_replica_is_taken_where_only_that_fits_into_what_one_has(
    n_params: int, kv_bytes: int, owned: int
) -> None:
    service = replace(
        COURSE, n_params=n_params, kv_bytes_per_token=kv_bytes, prompt_tokens=3000,
        precision="INT8" if n_params > 1e10 else "FP16", accelerator="H100-SXM",
    )  # fmt: skip
    with pytest.raises(ValueError, match="past saturation") as refused:
        make_plan(service, 0.05, 2, 0.75, 8, owned)
    users = re.search(r"fits ([\d,]+) users", str(refused.value))
    assert users
    fewer = replace(service, users=int(users[1].replace(",", "")))
    plan = make_plan(fewer, 0.05, 2, 0.75, 8, owned)
    assert plan.at.needed <= owned
    assert plan.at.tensor_parallel > make_plan(fewer, 0.05, 2, 0.75, 8, 10**4).at.tensor_parallel


def test_the_target_that_a_refusal_names_is_met() -> None:
    with pytest.raises(ValueError, match="No batch meets 100 µs a token") as refused:
        COURSE.best(0.0001)
    named = re.search(r"takes ([\d.]+) (µs|ms)", str(refused.value))
    assert named
    assert COURSE.best(float(named[1]) * {"µs": 1e-6, "ms": 1e-3}[named[2]]).batch >= 1


def test_the_batch_that_a_refusal_names_fits() -> None:
    with pytest.raises(ValueError, match="batch is 1,181, but 1,180 sequences of 500 tokens fit"):
        COURSE.bounds(1181)
    assert COURSE.bounds(1180).batch == COURSE.fits()


def test_a_model_that_fits_nowhere_is_told_what_would_hold_it() -> None:
    service = replace(COURSE, n_params=405_853_388_800, kv_bytes_per_token=516_096)
    with pytest.raises(ValueError, match=r"do not fit on 8 A100-SXM-80GB, .*: 11 would hold them"):
        service.best(0.05)
    # 2 PB, and nine tenths of 85.9 GB without the 2 GB of an engine's work: written as people do.
    with pytest.raises(ValueError, match=r": 26,558 would hold them"):
        replace(service, n_params=10**15).best(0.05)
