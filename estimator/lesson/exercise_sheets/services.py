"""Kinds of lessons 05 and 06: bills, power and prices, and estimates held against measurements."""

from __future__ import annotations

from estimator import catalog, cost
from estimator.catalog.shapes import shape
from estimator.lesson import lesson_05_exercises as lesson_05
from estimator.lesson import lesson_06_exercises as lesson_06
from estimator.lesson.exercise_sheets.kind import Kind, kind, pose
from estimator.lesson.exercise_sheets.numbers import (
    DENSE,
    LARGE_CHIPS,
    bandwidth,
    percent,
)
from estimator.lesson.exercises import Exercise, slips
from estimator.model_storage import weight_bytes
from estimator.step_time import absolute_error, read_seconds, request_seconds
from estimator.units import TB, number_text, seconds_text

FLEETS = (12, 16, 24, 40, 64, 96, 120, 200, 256, 320, 512)
PRICES = (1.2, 1.5, 1.8, 2.25, 2.5, 3.2, 3.6, 4.5, 6.4)
BILLS = tuple(n * 10_000 for n in (12, 18, 24, 36, 48, 60, 72, 90))
WATTS = (300, 350, 400, 700, 750, 1000)
FACTORS = (1.2, 1.3, 1.4, 1.5, 1.6, 1.8)
BUILDINGS = (1.1, 1.2, 1.25, 1.4, 1.5)
MILLISECONDS = tuple(n / 1000 for n in (8, 10, 12, 16, 20, 25, 40, 50))


@kind("05", terabytes=(40, 60, 90, 120, 240, 300, 450, 600), price=(0.02, 0.04, 0.05, 0.08, 0.09))
def traffic_bill(terabytes: int, price: float) -> Exercise:
    """What a month of traffic costs."""
    sent = terabytes * TB
    right = cost.egress_usd_per_month(sent, price)
    return pose(
        "The bill for traffic",
        f"In a month {terabytes} TB leave a service, at {price} USD a GB. What does that cost?",
        "egress_usd_per_month",
        right,
        f"{number_text(1000 * terabytes)} GB x {price} USD = {{answer}}.",
        (right / 1000, "That is the price of gigabytes: a TB has 1,000 of them."),
        (right * 8, "The price is for bytes: there is no factor of eight."),
        (right * 30, "The traffic is a month's already."),
        (right * 1.024, "1,024 is for GiB: a TB has 1,000 GB."),
    )


@kind("05", bill=BILLS, people=(5_000, 10_000, 20_000, 30_000, 40_000),
      per_day=(2, 3, 4, 5, 6))  # fmt: skip
def bill_of_a_request(bill: int, people: int, per_day: int) -> Exercise:
    """What one request costs."""
    asked = people * per_day
    right = cost.usd_per_item(bill, cost.items_per_month(asked))
    return pose(
        "What a request costs",
        f"{number_text(people)} people make {per_day} requests a day each, and a month of 30 days "
        f"costs {number_text(bill)} USD. What does one request cost?",
        "usd_per_item",
        right,
        f"{number_text(bill)} USD / ({number_text(people)} x {per_day} x 30) = {{answer}}.",
        (right * 30, "That divides a month's bill by a day's requests."),
        (right * per_day, "That is a day of one person: each makes more than one request."),
        (right / 30, "That takes the month's bill for a day's."),
        (right * 100, "These are cents: the answer is asked in USD."),
    )


@kind("05", count=FLEETS, watts=WATTS, server=FACTORS, building=BUILDINGS)
def power_of_a_fleet(count: int, watts: int, server: float, building: float) -> Exercise:
    """What a fleet draws."""
    right = cost.power_watts(count, watts, server, building)
    return pose(
        "The power of a fleet",
        f"{count} accelerators draw {number_text(watts)} W each; the servers around them make it "
        f"{server} times that, and cooling and losses of the building (PUE) {building} times the "
        "servers. How many watts is that?",
        "power_watts",
        right,
        f"{count} x {number_text(watts)} W x {server} x {building} = {{answer}}.",
        (count * watts, "Those are the bare accelerators: servers and building come on top."),
        (count * watts * server, "The building is missing: cooling and losses take power, too."),
        (count * watts * building, "The servers are missing: fans, processors and memory."),
        (right / 1000, "These are kilowatts: the answer is asked in watts."),
        (count * watts * (server + building - 1), "The factors are multiplied: the building cools "
         "the servers, too."),
    )  # fmt: skip


@kind("05", kilowatts=(20, 30, 45, 60, 90, 150, 240, 400), price=(0.08, 0.1, 0.12, 0.15, 0.2))
def electricity_bill(kilowatts: int, price: float) -> Exercise:
    """What a month of electricity costs."""
    right = cost.electricity_usd_per_month(cost.energy_kwh_per_month(kilowatts * 1000), price)
    return pose(
        "The bill for electricity",
        f"A fleet draws {kilowatts} kW day and night, at {price} USD a kilowatt-hour. What does "
        "that cost in a month of 30 days?",
        "electricity_usd_per_month",
        right,
        f"{kilowatts} kW x 720 h x {price} USD = {{answer}}.",
        (right / 24, "That takes days for hours: a day has 24."),
        (right / 30, "That is a day: the month has 30 of them."),
        (right / 720, "That is an hour: multiply by the 720 of a month."),
        (right * 1000, "That takes watts for kilowatts."),
    )


@kind("05", kilowatts=(20, 30, 45, 60, 90, 150, 240, 400), grams=(50, 150, 250, 380, 420, 600))
def emission_of_a_month(kilowatts: int, grams: int) -> Exercise:
    """What a month of electricity emits."""
    energy = cost.energy_kwh_per_month(kilowatts * 1000)
    right = cost.emission_kg_per_month(energy, grams / 1000)
    return pose(
        "The emissions of a month",
        f"A fleet draws {kilowatts} kW day and night where the grid emits {grams} g of carbon "
        "dioxide a kilowatt-hour. How many kilograms is that in a month of 30 days?",
        "emission_kg_per_month",
        right,
        f"{kilowatts} kW x 720 h x {grams / 1000} kg = {{answer}}.",
        (right * 1000, "These are grams: the answer is asked in kilograms."),
        (right / 24, "That takes days for hours: a day has 24."),
        (right / 30, "That is a day: the month has 30 of them."),
        (energy, "That is the energy in kilowatt-hours: each emits its grams."),
    )


@kind("06", predicted=MILLISECONDS, measured=MILLISECONDS)
def error_of_one(predicted: float, measured: float) -> Exercise:
    """The absolute error of one estimate."""
    right = float(absolute_error(predicted, measured))
    return pose(
        "How far off?",
        f"{seconds_text(predicted)} a token were estimated, {seconds_text(measured)} measured. How "
        "far off is the estimate, as a share of 1?",
        "absolute_error",
        right,
        f"|{seconds_text(predicted)} / {seconds_text(measured)} - 1| = {{answer}}.",
        (abs(measured / predicted - 1), "Divided by the estimate: an error is a share of what was "
         "measured."),
        (predicted / measured, "That is their ratio: take 1 from it."),
        (100 * right, "That is in per cent: give it as a share of 1."),
        (abs(predicted - measured), "That is the difference in seconds: divide by what was "
         "measured."),
    )  # fmt: skip


@kind("06", key=DENSE, name=LARGE_CHIPS, share=(0.7, 0.75, 0.8, 0.85, 0.9))
def reading_in_truth(key: str, name: str, share: float) -> Exercise:
    """Seconds to read the weights at the bandwidth that kernels reach."""
    s, chip = shape(key), catalog.accelerator(name)
    held = weight_bytes(s.n_params)
    right = read_seconds(held, chip.bytes_per_s, share)
    return pose(
        "Reading at the rate that kernels reach",
        f"{s.name} at BF16 takes {number_text(held)} bytes; one {name} has {bandwidth(chip)}, of "
        f"which kernels reach {percent(share)}. How many seconds does reading the weights once "
        "take?",
        "read_seconds",
        right,
        f"{number_text(held)} bytes / ({bandwidth(chip)} x {share}) = {{answer}}.",
        (right * share, f"That is the data sheet's rate: kernels reach {percent(share)} of it."),
        (right * share**2, "Multiplied by the share: a lower rate takes longer."),
        *slips("s", right, 1000),
        (right * 8, "Both are in bytes: no factor of eight is needed."),
        (right / 2, "That is one byte a weight: BF16 takes two."),
    )


@kind("06", first=(0.2, 0.3, 0.5, 0.8, 1.2, 2.5), token=MILLISECONDS,
      tokens=(101, 201, 251, 401, 501, 1001))  # fmt: skip
def whole_request(first: float, token: float, tokens: int) -> Exercise:
    """Seconds of a request from its first token and its others."""
    right = request_seconds(first, token, tokens)
    return pose(
        "From the first token to the last",
        f"The first token comes after {seconds_text(first)}, each further one after "
        f"{seconds_text(token)}. After how many seconds is an answer of {number_text(tokens)} "
        "tokens complete?",
        "request_seconds",
        right,
        f"{first} s + {number_text(tokens - 1)} x {token} s = {{answer}}.",
        (right - first, "That is from the first token on: the wait for it comes before."),
        (first, "That is the first token: the others follow."),
        (first * tokens, "Only the first token takes so long."),
        (first + 1000 * (tokens - 1) * token, "That takes milliseconds for seconds."),
    )


KINDS = (
    Kind("05", lesson_05.month_of_accelerators, {"count": FLEETS, "price": PRICES}),
    Kind("05", lesson_05.price_of_a_token, {
        "price": PRICES, "rate": (1_200, 1_500, 2_400, 2_500, 3_000, 4_500, 6_000),
        "replica": (2, 4, 8),
    }),
    Kind("05", lesson_05.middle_of_a_guess, {
        "low": tuple(n * 10_000 for n in (1, 4, 9, 16, 25)),
        "high": tuple(n * 10_000 for n in (49, 64, 81, 100, 121, 144)),
    }),
    Kind("05", lesson_05.what_to_halve, {
        "rented": tuple(n * 10_000 for n in (40, 50, 64, 72, 80, 96)),
        "stored": (10_000, 20_000, 30_000, 40_000), "sent": (50_000, 90_000, 130_000),
    }),
    traffic_bill,
    bill_of_a_request,
    power_of_a_fleet,
    electricity_bill,
    emission_of_a_month,
    Kind("06", lesson_06.wait_for_prompts, {
        "batch": (16, 25, 36, 49, 64, 81, 100, 144),
        "prompt_seconds": (0.022, 0.03, 0.044, 0.06, 0.08), "output_tokens": (101, 201, 221, 401),
    }),
    Kind("06", lesson_06.requests_that_run, {
        "in_flight": (128, 200, 256, 384, 512), "first_seconds": (4.0, 8.0, 12.0, 24.0, 36.0),
        "output_tokens": (501, 1001, 2001), "token_seconds": (0.008, 0.01, 0.012, 0.02),
    }),
    error_of_one,
    reading_in_truth,
    whole_request,
)  # fmt: skip
