"""Lesson 5, cost: from accelerators, bytes and bits to money, power and emissions.

Prices and figures of the grid are inputs with a date; none of them is a fact of the code.
"""

from __future__ import annotations

from estimator.arithmetic import Number, divide
from estimator.formula import COUNTED, formula
from estimator.units import DAYS_PER_MONTH, GB, HOUR

HOURS_PER_MONTH = 24 * DAYS_PER_MONTH
MILLION = 1_000_000
THOUSAND = 1_000


@formula(source=f"{COUNTED}: what is planned for the peak is there all month")
def accelerator_hours(
    planned_accelerators: Number, hours_per_month: Number = HOURS_PER_MONTH
) -> Number:
    """Hours of all accelerators together in a month, busy or not.

    >>> accelerator_hours(112)
    80640
    """
    hours = planned_accelerators * hours_per_month
    return hours


@formula(source=COUNTED)
def accelerator_usd_per_month(
    accelerator_hours: Number, usd_per_accelerator_hour: Number
) -> Number:
    """Price of all accelerators for a month.

    >>> accelerator_usd_per_month(80_640, usd_per_accelerator_hour=2.5)
    201600.0
    """
    usd = accelerator_hours * usd_per_accelerator_hour
    return usd


@formula(source=f"{COUNTED}: traffic in costs nothing at the large providers")
def egress_usd_per_month(monthly_traffic_bytes: Number, egress_usd_per_gb: Number) -> Number:
    """Price of all bytes that leave the service in a month.

    >>> egress_usd_per_month(300_000_000_000_000, egress_usd_per_gb=0.05)
    15000.0
    """
    usd = monthly_traffic_bytes / GB * egress_usd_per_gb
    return usd


@formula(source=f"{COUNTED}: rented accelerators, whose price has their electricity in it")
def usd_per_month(
    accelerator_usd_per_month: Number,
    storage_usd_per_month: Number,
    egress_usd_per_month: Number,
) -> Number:
    """Price of accelerators, storage and traffic for a month.

    >>> usd_per_month(225_000, storage_usd_per_month=1_600, egress_usd_per_month=15_000)
    241600
    """
    usd = accelerator_usd_per_month + storage_usd_per_month + egress_usd_per_month
    return usd


@formula(source=COUNTED)
def items_per_month(requests_per_day: Number, days_per_month: Number = DAYS_PER_MONTH) -> Number:
    """Requests of a month.

    >>> items_per_month(1_000_000_000)
    30000000000
    """
    items = requests_per_day * days_per_month
    return items


@formula(source=COUNTED, divisors=("items_per_month",))
def usd_per_item(usd_per_month: Number, items_per_month: Number) -> Number:
    """Price of one request: an answer, an image, a video.

    >>> usd_per_item(600_000, items_per_month=30_000_000_000)
    2e-05
    """
    usd = usd_per_month / items_per_month
    return usd


@formula(source=COUNTED)
def usd_per_million_passes(usd_per_item: Number, passes: Number) -> Number:
    """Price of a million passes of the model: of a million output tokens of a text service.

    >>> usd_per_million_passes(0.00002, passes=500)
    0.04
    """
    usd = usd_per_item * MILLION / passes
    return usd


@formula(
    source="Pope et al. 2022, Efficiently scaling inference: chip-seconds a token; the price is "
    "the reader's",
    divisors=("tokens_per_s",),
)
def usd_per_million_tokens(
    usd_per_accelerator_hour: Number, tokens_per_s: Number, group_accelerators: Number = 1
) -> Number:
    """Price of a million tokens from a replica that is never idle: a floor of what they cost.

    >>> usd_per_million_tokens(3.6, tokens_per_s=1_000)
    1.0
    """
    hour_tokens = tokens_per_s * HOUR
    usd = usd_per_accelerator_hour * group_accelerators * MILLION / hour_tokens
    return usd


@formula(source=f"{COUNTED}: a server around each accelerator, a building around each server")
def power_watts(
    planned_accelerators: Number, accelerator_watts: Number, server_power_factor: Number = 1,
    pue: Number = 1,
) -> Number:  # fmt: skip
    """Power that the accelerators, their servers and their building draw.

    >>> power_watts(100, accelerator_watts=400, server_power_factor=1.5, pue=1.25)
    75000.0
    """
    watts = planned_accelerators * accelerator_watts * server_power_factor * pue
    return watts


@formula(source=COUNTED)
def energy_kwh_per_month(power_watts: Number, hours_per_month: Number = HOURS_PER_MONTH) -> Number:
    """Energy of a month at that power.

    >>> energy_kwh_per_month(75_000)
    54000
    """
    energy_kwh = divide(power_watts * hours_per_month, THOUSAND)
    return energy_kwh


@formula(source=COUNTED, divisors=("items_per_month",))
def item_watt_hours(energy_kwh_per_month: Number, items_per_month: Number) -> Number:
    """Energy of one request.

    >>> item_watt_hours(54_000, items_per_month=30_000_000)
    1.8
    """
    watt_hours = energy_kwh_per_month * THOUSAND / items_per_month
    return watt_hours


@formula(source=COUNTED)
def electricity_usd_per_month(energy_kwh_per_month: Number, usd_per_kwh: Number) -> Number:
    """Price of the month's energy, for accelerators that one owns.

    >>> electricity_usd_per_month(54_000, usd_per_kwh=0.1)
    5400.0
    """
    usd = energy_kwh_per_month * usd_per_kwh
    return usd


@formula(source=COUNTED)
def emission_kg_per_month(energy_kwh_per_month: Number, grid_kg_per_kwh: Number) -> Number:
    """Emissions of the month's energy, by what the grid emits for a kilowatt-hour.

    >>> emission_kg_per_month(54_000, grid_kg_per_kwh=0.5)
    27000.0
    """
    emission_kg = energy_kwh_per_month * grid_kg_per_kwh
    return emission_kg
