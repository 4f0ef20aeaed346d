"""Cost, power and emissions: figures worked out by hand."""

import numpy as np
import pytest

from estimator import cost
from estimator.user_data import storage_usd_per_month


def test_a_month_has_720_hours_and_every_accelerator_is_paid_for() -> None:
    assert cost.accelerator_hours(8) == 5_760
    assert cost.accelerator_usd_per_month(5_760, 3) == 17_280


def test_the_parts_of_a_bill_add_up() -> None:
    stored = storage_usd_per_month(2_000_000_000_000, 0, 0.02, 0)
    sent = cost.egress_usd_per_month(500_000_000_000, 0.08)
    assert (stored, sent) == (pytest.approx(40), pytest.approx(40))
    assert cost.usd_per_month(17_280, stored, sent) == pytest.approx(17_360)


def test_a_bill_shared_by_requests_and_by_tokens() -> None:
    items = cost.items_per_month(1_000_000)
    assert items == 30_000_000
    each = cost.usd_per_item(60_000, items)
    assert each == pytest.approx(0.002)
    # 200 tokens for 0.2 cents are 10 dollars a million.
    assert cost.usd_per_million_passes(each, 200) == pytest.approx(10)


def test_a_replica_that_is_never_idle() -> None:
    # 7,200,000 tokens an hour from two accelerators at 3.60 dollars each: a dollar a million.
    assert cost.usd_per_million_tokens(3.6, 2_000, 2) == pytest.approx(1.0)


def test_power_energy_and_emissions() -> None:
    watts = cost.power_watts(1_000, 400, 1.5, 1.25)
    assert watts == 750_000
    energy = cost.energy_kwh_per_month(watts)
    assert energy == 540_000
    assert cost.item_watt_hours(energy, 270_000_000) == pytest.approx(2)
    assert cost.electricity_usd_per_month(energy, 0.1) == pytest.approx(54_000)
    assert cost.emission_kg_per_month(energy, 0.5) == pytest.approx(270_000)


def test_a_server_that_draws_what_its_accelerators_do_is_the_formula_sheet_s_power() -> None:
    assert cost.power_watts(10, 700, pue=1.2) == 8_400
    assert cost.power_watts(10, 700, server_power_factor=1.5) == 10_500


def test_no_requests_have_no_price_each() -> None:
    with pytest.raises(ValueError, match="items_per_month is 0"):
        cost.usd_per_item(100, 0)
    with pytest.raises(ValueError, match=r"pue is 0\.9"):
        cost.power_watts(1, 400, 1, 0.9)


def test_a_sweep_of_prices_is_one_call() -> None:
    usd = cost.accelerator_usd_per_month(720, np.array([1, 2, 4]))
    assert usd.tolist() == [720, 1440, 2880]
