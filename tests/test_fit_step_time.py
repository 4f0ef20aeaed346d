"""The constants of the step time: as the fit gives them, and how well they do on unseen groups."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from estimator.catalog import serving
from estimator.engine import Constants
from estimator.validate.predict import Runs, estimate, first_token_floor, roofline
from tests.serving_rows import SHIPPED
from tools.fit_step_time import Folds, errors_of, least_rounded_squares, load

FITTED = serving.step_constants()
CONSTANTS = FITTED.fit.constants


@pytest.fixture(scope="module")
def measured() -> tuple[Runs, np.ndarray]:
    return load(SHIPPED)


@pytest.fixture(scope="module")
def folds(measured: tuple[Runs, np.ndarray]) -> Folds:
    return Folds(*measured)


# --- The constants ----------------------------------------------------------------------------


def test_there_are_at_most_ten_constants_each_with_its_spread() -> None:
    assert [entry.name for entry in FITTED.table] == [
        field.name for field in dataclasses.fields(Constants)
    ]
    assert len(FITTED.table) <= 10
    for entry in FITTED.table:
        assert entry.value == getattr(CONSTANTS, entry.name)
        assert 0 < entry.low <= entry.value <= entry.high
        assert entry.meaning


def test_no_efficiency_is_above_one_nor_at_its_bound() -> None:
    fits = [FITTED.fit, *FITTED.left_out.values()]
    for fit in fits:
        for name, value in dataclasses.asdict(fit.constants).items():
            assert 0 < value < (0.999 if "efficiency" in name else 1e-3)


def test_the_file_says_what_it_was_fitted_on(measured: tuple[Runs, np.ndarray]) -> None:
    runs, repeated = measured
    assert FITTED.rows == (~repeated).sum() == 971
    assert "aiconfigurator" in FITTED.fitted_on
    assert FITTED.date
    assert set(FITTED.left_out) == {str(group) for group in np.unique(runs.groups)}


# --- The fit ----------------------------------------------------------------------------------


def test_fitting_again_gives_the_shipped_constants(folds: Folds) -> None:
    again, shipped = dataclasses.asdict(folds.whole), dataclasses.asdict(CONSTANTS)
    assert again == pytest.approx(shipped, rel=1e-3)


@pytest.mark.parametrize("group", ["qwen3-32b/H100-SXM/trtllm", "gpt-oss-120b/H200-SXM/trtllm"])
def test_a_left_out_group_has_not_been_seen(group: str, folds: Folds) -> None:
    """Tripling its times changes neither its constants nor its interval."""
    rows = folds.runs.groups == group
    spoiled = dataclasses.replace(
        folds.runs, token_seconds=np.where(rows, 3.0, 1.0) * folds.runs.token_seconds
    )
    other = copy.copy(folds)  # with the fit of all rows, where each further fit starts
    other.runs, other._made = spoiled, {}
    fit, shipped = other.fit_without(group), FITTED.left_out[group]
    values = dataclasses.asdict(shipped.constants)
    assert dataclasses.asdict(fit.constants) == pytest.approx(values, rel=1e-3)
    mixture = folds.kind(group)
    token = shipped.spreads(mixture).token
    assert dataclasses.astuple(fit.spreads(mixture).token) == pytest.approx(
        dataclasses.astuple(token), rel=1e-3
    )


def test_the_minimizer_finds_a_known_minimum_and_keeps_to_bounds() -> None:
    wanted = np.array([0.3, -1.0, 2.0])
    matrix = np.array([[1.0, 2, 0], [0, 1, 1], [2, 0, 1], [1, 1, 1]])

    def residuals(point: np.ndarray) -> np.ndarray:
        return np.asarray(matrix @ (point - wanted))

    wide = (np.full(3, -9.0), np.full(3, 9.0))
    assert least_rounded_squares(residuals, np.zeros(3), wide) == pytest.approx(wanted, abs=1e-6)
    tight = (np.full(3, -9.0), np.array([9.0, 9.0, 1.5]))
    assert least_rounded_squares(residuals, np.zeros(3), tight)[2] == 1.5


# --- How well it does -------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Errors and coverage of every row, each by a fit that has not seen its group."""

    errors: np.ndarray
    inside: np.ndarray
    mixture: np.ndarray


@pytest.fixture(scope="module")
def left_out(measured: tuple[Runs, np.ndarray]) -> LeftOut:
    runs, _ = measured
    errors, inside = np.empty(len(runs.batch)), np.empty(len(runs.batch), dtype=bool)
    for group, fit in FITTED.left_out.items():
        rows = runs.groups == group
        part = runs.select(rows)
        spread = fit.spreads(bool(part.mixture[0])).token
        ratio = np.exp(errors_of(part, fit.constants))
        errors[rows] = np.abs(1 / ratio - 1)
        inside[rows] = (spread.low <= ratio) & (ratio <= spread.high)
    return LeftOut(errors, inside, runs.mixture)


def test_dense_models_meet_the_targets_on_unseen_groups(left_out: LeftOut) -> None:
    rows = ~left_out.mixture
    assert rows.sum() == 578
    assert np.median(left_out.errors[rows]) <= 0.11
    assert left_out.errors[rows].mean() <= 0.15
    assert 0.72 <= left_out.inside[rows].mean() <= 0.88


def test_mixtures_are_at_most_half_again_as_wrong(left_out: LeftOut) -> None:
    rows = left_out.mixture
    assert rows.sum() == 418
    assert np.median(left_out.errors[rows]) <= 0.165
    assert 0.72 <= left_out.inside[rows].mean() <= 0.88
    assert left_out.errors[rows].mean() <= 0.225


def test_whole_models_accelerators_and_engines_left_out_are_told() -> None:
    folds = {fold.without: fold for fold in FITTED.left_out_whole}
    assert set(folds) == {part for group in FITTED.left_out for part in group.split("/")}
    for dense in ("llama-3.1-8b", "qwen3-32b"):
        assert folds[dense].median <= 0.11
        assert folds[dense].mean <= 0.15


def test_the_roofline_alone_is_far_too_low(measured: tuple[Runs, np.ndarray]) -> None:
    runs, _ = measured
    ratio = roofline(runs) / runs.token_seconds
    assert np.median(ratio) < 0.5
    estimated = estimate(runs, CONSTANTS).token_seconds
    assert (roofline(runs) < estimated).all()


def test_the_floor_of_the_first_token_is_below_every_measured_one(
    measured: tuple[Runs, np.ndarray],
) -> None:
    runs, _ = measured
    assert (first_token_floor(runs) < runs.first_token_seconds).all()
