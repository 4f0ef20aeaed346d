"""Kinds of lesson 00: units, days and seconds, bits and bytes."""

from __future__ import annotations

from estimator import catalog
from estimator.bandwidth import monthly_traffic_bytes, traffic_bits_per_s
from estimator.lesson import lesson_00
from estimator.lesson.exercise_sheets.kind import Kind, kind, pose
from estimator.lesson.exercise_sheets.numbers import (
    CHIPS,
    MILLION,
    OUTPUTS,
    PER_DAY,
    RATES,
    ROUND_SIZES,
    USERS,
    speed,
)
from estimator.lesson.exercises import Exercise, slips
from estimator.model_storage import load_seconds
from estimator.serving import accelerators, compute_seconds, requests_per_s
from estimator.units import (
    BITS_PER_BYTE,
    DAY,
    DAYS_PER_MONTH,
    GB,
    MINUTE,
    YEAR,
    GiB,
    number_text,
    size_text,
)


@kind("00", millions=tuple(range(90, 4_000, 30)), days=(30,))
def month_to_second(millions: int, days: int) -> Exercise:
    """Requests a second of a month's count."""
    month = millions * MILLION
    right = requests_per_s(month / days, 1)
    return pose(
        "From a month to a second",
        f"A dashboard counts {number_text(month)} requests in a month of {days} days. How many "
        "is that in a second, on average?",
        "requests_per_s",
        right,
        f"{number_text(month)} / {days} days / {number_text(DAY)} seconds = {{answer}}.",
        (right * days, "That takes the month for a day: it has more days than one."),
        *slips("request/s", right, DAY, MINUTE),
        (right * DAY / 24, "That is an hour's worth: an hour has 3,600 seconds."),
        (month / YEAR, "That spreads one month over a year: divide by 30 days."),
        tolerance=0.02,
    )


@kind("00", gib=(11, 16, 22, 24, 30, 40, 45, 48, 64, 79, 80, 94, 96, 140, 141, 188, 192, 256,
                 288, 320, 384, 512, 640, 768, 960, 1128, 1280, 1536, 2000,
                 2500, 3000, 4000, 5000))  # fmt: skip
def bytes_of_gib(gib: int) -> Exercise:
    """Bytes of a memory that is given in GiB."""
    right = gib * GiB
    return pose(
        "A memory in bytes",
        f"A tool reports {number_text(gib)} GiB of memory. How many bytes are they?",
        "memory_bytes",
        right,
        f"{number_text(gib)} x 1,024 x 1,024 x 1,024 = {number_text(right)} bytes: {{answer}}.",
        (gib * GB, "These would be GB: a GiB has 1,024 three times over, 7 % more."),
        (gib * 1024 * 1000 * 1000, "Only one of three factors is 1,024 there: all three are."),
        (gib * 1024 * 1024, "That is MiB for GiB: one factor of 1,024 is missing."),
        (right * BITS_PER_BYTE, "These are bits: the answer is asked in bytes."),
        tolerance=0.002,
    )


@kind("00", gigabytes=(2, 3, 6, 12, 16, 26, 45, 70, 140), gbit=(1, 10, 25, 40, 100, 400))
def download(gigabytes: int, gbit: int) -> Exercise:
    """Seconds of a download over a link that is sold in bits."""
    file, link = gigabytes * GB, gbit * 10**9
    right = load_seconds(file, link / BITS_PER_BYTE)
    return pose(
        "A download",
        f"A file of {gigabytes} GB comes over a link of {gbit} Gbit/s that carries nothing else. "
        "How many seconds does it take at the least?",
        "load_seconds",
        right,
        f"{gigabytes} GB are {number_text(gigabytes * BITS_PER_BYTE)} Gbit; divided by {gbit} "
        "Gbit/s: {answer}.",
        (right / BITS_PER_BYTE, "The link is in bits and the file in bytes: eight bits to a byte."),
        (right * BITS_PER_BYTE, "Multiplied by eight once too often: a file of so many GB has "
         "eight times as many Gbit, and that is all."),
        (load_seconds(gigabytes * GiB, link / BITS_PER_BYTE), "GB are given, and you took GiB."),
        (right / MINUTE, "These are minutes: the answer is asked in seconds."),
    )  # fmt: skip


@kind("00", rate=RATES, milliseconds=(12, 25, 40, 65, 90, 130, 170))
def busy_at_once(rate: int, milliseconds: int) -> Exercise:
    """Accelerators of a rate and the time of a request."""
    right = accelerators(rate, milliseconds / 1000)
    return pose(
        "Busy at the same time",
        f"{rate} requests come in a second, and each keeps one accelerator busy for "
        f"{milliseconds} ms. How many accelerators does that take at the least?",
        "accelerators",
        right,
        f"{rate} a second x {milliseconds / 1000:g} s = {number_text(rate * milliseconds / 1000)}, "
        "rounded up: {answer}.",
        (right - 1, "Rounded down: the last part of the load needs an accelerator too."),
        (rate * milliseconds, "Milliseconds were taken for seconds: divide by 1,000."),
        (-(-rate // milliseconds), "Divided instead of multiplied: rate times time is how many are "
         "at work."),
        (right + 1, "One too many: round up once, and add nothing to it."),
    )  # fmt: skip


@kind("00", n_params=ROUND_SIZES, tokens=OUTPUTS, name=CHIPS)
def arithmetic_of_an_answer(n_params: int, tokens: int, name: str) -> Exercise:
    """Seconds of arithmetic of one answer."""
    chip = catalog.accelerator(name)
    rate = chip.flops_per_s[16]
    right = compute_seconds(n_params, tokens, rate)
    return pose(
        "The arithmetic of an answer",
        f"A model of {number_text(n_params)} parameters answers with {number_text(tokens)} tokens "
        f"on {name}, {speed(chip)}. How many seconds of arithmetic is that at the full rate?",
        "compute_seconds",
        right,
        f"2 x {number_text(n_params)} x {number_text(tokens)} FLOP / {speed(chip)} = {{answer}}.",
        (right / 2, "Twice too small: a parameter costs a multiplication and an addition."),
        (3 * right, "Six operations a parameter are training; an answer takes two."),
        (right / tokens, f"That is one token: the answer has {number_text(tokens)}."),
        *slips("s", right, 1000),
    )


@kind("00", mbit=tuple(range(40, 1000, 10)))
def month_of_traffic(mbit: int) -> Exercise:
    """Bytes of a month's traffic."""
    right = monthly_traffic_bytes(mbit * MILLION)
    return pose(
        "A month on the wire",
        f"A service sends {mbit} Mbit/s on average, day and night. How many bytes a month of "
        f"{DAYS_PER_MONTH} days is that?",
        "monthly_traffic_bytes",
        right,
        f"{mbit} Mbit/s / 8 x {number_text(DAY)} seconds x {DAYS_PER_MONTH} days = {{answer}}.",
        *slips("byte", right, BITS_PER_BYTE),
        (right / DAYS_PER_MONTH, "That is a day: a month has 30 of those."),
        (right * BITS_PER_BYTE**2, "Multiplied by eight instead of divided: bytes are fewer."),
        (right / 24, "A day was counted as one hour: it has 86,400 seconds."),
    )


@kind("00", users=USERS, per_day=PER_DAY, message_bytes=(1_000, 2_000, 5_000, 20_000))
def traffic_of_users(users: int, per_day: int, message_bytes: int) -> Exercise:
    """Bits a second, from users."""
    rate = requests_per_s(users, per_day)
    right = traffic_bits_per_s(rate, message_bytes)
    return pose(
        "From users to a network",
        f"{number_text(users)} people send {per_day} messages a day each, "
        f"{size_text(message_bytes)} a message. How many bits a second come in, on average?",
        "traffic_bits_per_s",
        right,
        f"{number_text(rate)} messages a second x {number_text(message_bytes)} bytes x 8 = "
        "{answer}.",
        *slips("bit/s", right, 1 / BITS_PER_BYTE, DAY),
        (right / per_day, f"That is one message each: they send {per_day}."),
        (right * 24, "Divided by the seconds of an hour: a day has 24 of those."),
    )


@kind(
    "00",
    seconds=(20, 30, 45, 60, 90, 120, 180, 240),
    tens_of_thousands=(3, 5, 8, 12, 20, 35, 50, 75),
)
def asked_at_intervals(seconds: int, tens_of_thousands: int) -> Exercise:
    """Requests a second of machines that ask at intervals."""
    users = tens_of_thousands * 10_000
    right = requests_per_s(users, DAY / seconds)
    return pose(
        "Asking at intervals",
        f"{number_text(users)} machines ask a service one question every {seconds} seconds, "
        "all day. How many requests arrive in a second?",
        "requests_per_s",
        right,
        f"{number_text(users)} / {seconds} s = {{answer}}: one machine asks 1/{seconds} times a "
        "second.",
        (users * seconds, "Multiplied: a longer interval means fewer requests, so divide by it."),
        (users / DAY, "That is one request of each machine in a day: they ask much more often."),
        *slips("request/s", right, MINUTE),
        (users, "That lets every machine ask in every second."),
    )


KINDS = (
    Kind("00", lesson_00.rate_of, {"users": USERS, "requests_per_user": PER_DAY}),
    Kind("00", lesson_00.traffic_of, {
        "rate": RATES, "message_bytes": (4_000, 15_000, 30_000, 80_000, 250_000)}),
    month_to_second, bytes_of_gib, download, busy_at_once, arithmetic_of_an_answer,
    month_of_traffic, traffic_of_users, asked_at_intervals,
)  # fmt: skip
