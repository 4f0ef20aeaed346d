"""Lesson 02's exercises, each with the answers that go wrong."""

from __future__ import annotations

from estimator.lesson.exercises import Exercise, Mistake, of_example, posed, together
from estimator.lesson.lesson_02_sheet import DEFAULTS
from estimator.units import (
    BITS_PER_BYTE,
    DAY,
    DAYS_PER_MONTH,
    GB,
    TB,
    GiB,
    KiB,
    TiB,
    bytes_text,
    number_text,
    quantity_text,
    share_text,
    size_text,
)
from estimator.user_data import (
    active_users,
    daily_bytes,
    hot_share,
    monthly_bytes,
    profile_bytes,
    retained_bytes,
    storage_usd_per_month,
)

INDEX, RECORD_BYTES = DEFAULTS["index_share"], DEFAULTS["record_bytes"]
HOT_DAYS, PER_DAY = DEFAULTS["hot_days"], DEFAULTS["requests_per_user"]
INTERACTION_BYTES, COMPRESSION = DEFAULTS["interaction_bytes"], 3
"""The lesson's example, whose numbers readers take along."""


@posed
def day_of(
    users: int = 40_000_000, per_day: int = 6, size_bytes: int = 3_000, index: float = 0.3
) -> Exercise:
    """Bytes that a day adds."""
    right = daily_bytes(users, per_day, size_bytes, index)
    bare = daily_bytes(users, per_day, size_bytes)
    return Exercise(
        "A day of another service",
        f"{number_text(users)} people come every day, each interacts {per_day} times, an "
        f"interaction takes {size_text(size_bytes)}, and the index is {share_text(index)} of the "
        "interactions. How many bytes does a day add?",
        "daily_bytes",
        right,
        together(
            Mistake(bare, "That is without the index: it comes on top."),
            Mistake(bare * index, "That is the index alone: add what it indexes."),
            Mistake(right / per_day, f"That is one interaction of each: they make {per_day}."),
            Mistake(bare / per_day, "That is one interaction of each, without the index: they make "
                    "more in a day."),
            Mistake(bare * (1 - index), "The index was taken off: it comes on top."),
            Mistake(right * DAY, "Nothing is per second here: a day's interactions are given."),
            *of_example(daily_bytes(users, per_day, size_bytes, INDEX), "index",
                        share_text(INDEX), share_text(index)),
            *of_example(daily_bytes(users, per_day, INTERACTION_BYTES, index),
                        "size of an interaction", size_text(INTERACTION_BYTES),
                        size_text(size_bytes)),
            *of_example(daily_bytes(users, PER_DAY, size_bytes, index),
                        "interactions of a user", f"{PER_DAY} a day", f"{per_day} a day"),
        ),
        f"{number_text(users)} x {per_day} x {number_text(size_bytes)} = {size_text(bare)}, and "
        f"with the index {size_text(right)}.",
    )  # fmt: skip


@posed
def kept_of(
    registered: int = 500_000_000, share: float = 0.2, record_bytes: int = 100_000,
    days: int = 60, replicas: int = 3,
) -> Exercise:  # fmt: skip
    """Bytes of profiles and interactions that are kept."""
    active = active_users(registered, share)

    def kept(come: float = active, copies: int = replicas, keep: int = days,
             index: float = 0.25, per_day: int = 10) -> float:  # fmt: skip
        size: float = retained_bytes(daily_bytes(come, per_day, 2_000, index), keep, copies)
        return size

    one = profile_bytes(registered, record_bytes)
    profiles = one * replicas
    right = profiles + kept()
    per_second = "Nothing is per second here: interactions are counted by the day."
    return Exercise(
        "Everything that is kept",
        f"{number_text(registered)} people have registered, {share_text(share)} of them come on a "
        f"day. A record is {size_text(record_bytes)}. Those who come make 10 interactions of 2 KB "
        f"each, indexed at 25 %. Interactions stay for {days} days, and everything has {replicas} "
        "copies. How many bytes is that?",
        "kept_bytes",
        right,
        together(
            Mistake(profiles + kept(registered), "That lets every registered user "
                    "interact every day: only the active ones do."),
            Mistake(profiles * share + kept(), "That forgets the records of those who do "
                    "not come today: everyone registered has one."),
            Mistake(profiles * share + kept(registered), "Registered and active are swapped: "
                    "records follow the registered, interactions those who come."),
            Mistake(right / replicas, "That is one copy: multiply by the copies."),
            Mistake(right / replicas * (replicas + 1), "One copy too many: the original is one of "
                    f"the {replicas}."),
            Mistake(profiles * 1.25 + kept(), "That indexes the profiles too: "
                    "the index is over the interactions."),
            Mistake(kept(), "That is the "
                    "interactions alone: the profiles are kept as well."),
            Mistake(profiles, "These are the profiles alone: the interactions are kept as well."),
            Mistake(profiles + kept(keep=1), "That keeps one day of "
                    f"interactions: they stay for {days}."),
            Mistake(profiles * days + kept(), "That counts the profiles anew each day: a record "
                    "is kept once, in its copies."),
            Mistake(profiles + kept(index=0), "The index is missing: it "
                    "is kept, and copied, with the interactions."),
            Mistake(profiles + kept(per_day=1), "That is one interaction of each a day: they "
                    "make 10."),
            Mistake(one + kept(), "That has one copy of the profiles: "
                    f"everything has {replicas}."),
            Mistake(profiles + kept(copies=1), "That has one copy of the interactions: "
                    f"everything has {replicas}."),
            Mistake(profiles + kept(keep=DAYS_PER_MONTH), "That keeps a month of interactions: "
                    f"they stay for {days} days, not {DAYS_PER_MONTH}."),
            *of_example(profile_bytes(registered, RECORD_BYTES) * replicas + kept(), "record",
                        size_text(RECORD_BYTES), size_text(record_bytes)),
            Mistake(right / DAY, per_second),
            Mistake(right * DAY, per_second),
            Mistake(profiles + kept() * DAY, per_second),
        ),
        f"Profiles: {size_text(profiles)} in {replicas} "
        f"copies. Interactions: {size_text(daily_bytes(active, 10, 2_000, 0.25))} a day, for "
        f"{days} days, in {replicas} copies. Together {size_text(right)}.",
        tolerance=0.001,
    )  # fmt: skip


@posed
def console_of(bytes_per_day: int = 1_700_000_000_000) -> Exercise:
    """Bytes as they are, where a console prints TiB and calls them TB."""
    right = monthly_bytes(bytes_per_day)
    printed = round(right / TiB, 2)
    return Exercise(
        "What does the console mean?",
        f"A console shows {printed} TB of interactions after a month. It divides by a power of "
        "1,024. How many bytes are there?",
        "retained_bytes",
        right,
        together(
            Mistake(printed * TB, "That takes the console at its word: it prints TiB and writes "
                    "TB, and a TiB is 10 % more."),
            Mistake(printed * GiB, "Those are GiB, a thousand times too small: the power of "
                    "1,024 for tera is the fourth."),
            Mistake(printed * TB * KiB / 1000, "Only one of four factors is 1,024 here: a TiB is "
                    "1,024 four times over."),
            Mistake(printed * TB * (KiB / 1000) ** 2, "Only two of four factors are 1,024 here: a "
                    "TiB is 1,024 four times over."),
            Mistake(printed * TB * (KiB / 1000) ** 3, "A TiB is 10 % more than a TB. The 7 % are a "
                    "GiB's, with three factors of 1,024: tera has four."),
            Mistake(printed * TB * TB / TiB, "That goes the wrong way: a TiB is more bytes than a "
                    "TB, not fewer."),
            Mistake(right / DAYS_PER_MONTH, "That is a day's part: asked is what is there after "
                    "the month."),
            Mistake(right / DAYS_PER_MONTH / DAY, "That is a second's part: asked is what is there "
                    "after the month."),
            Mistake(right / DAY, "Nothing is per second here: a console shows what is stored."),
        ),
        f"{printed} x 1,024 x 1,024 x 1,024 x 1,024 bytes are {bytes_text(right)}.",
        tolerance=0.002,
    )  # fmt: skip


@posed
def bill_of(
    hot_days: int = 30, days: int = 365, replicas: int = 3, hot: float = 0.02, cold: float = 0.004
) -> Exercise:
    """Price of a year of interactions."""
    kept = retained_bytes(2_500_000_000_000, days, replicas)
    young = kept * hot_share(hot_days, days)

    def usd(warm: float, rest: float) -> float:
        price: float = storage_usd_per_month(warm, rest, hot, cold)
        return price

    right = usd(young, kept - young)
    week = kept * hot_share(HOT_DAYS, days)
    # Twelve months of the calculator, which are a few days short of a year.
    months = kept * (12 * DAYS_PER_MONTH) / days
    return Exercise(
        "The bill of a year",
        f"A service writes 2.5 TB a day, index included, and keeps {days} days in {replicas} "
        f"copies, the latest {hot_days} days hot at {hot} USD a GB a month, the rest cold at "
        f"{cold}. What does a month cost?",
        "storage_usd_per_month",
        right,
        together(
            Mistake(usd(kept, 0), f"That keeps all days hot: only {hot_days} of them are."),
            Mistake(usd(0, kept), f"That keeps all days cold: {hot_days} of them are hot."),
            Mistake(usd(kept - young, young), "The prices are swapped: the latest days are hot."),
            Mistake(usd(young, 0), "That is the hot part alone: the older days cost, too."),
            Mistake(usd(0, kept - young), f"That is the cold part alone: the {hot_days} hot days "
                    "cost, too."),
            Mistake(usd(young, kept), f"The {hot_days} hot days are counted twice: cold are "
                    f"{days - hot_days} days."),
            Mistake(right / replicas, "That is one copy: multiply by the copies."),
            Mistake(right / replicas * (replicas + 1), "One copy too many: the original is one of "
                    f"the {replicas}."),
            *of_example(usd(week, kept - week), "hot part", f"{HOT_DAYS} days", f"{hot_days} days"),
            Mistake(right / COMPRESSION, "The lesson compresses three to one: here nothing is "
                    "compressed."),
            Mistake(right * (1 + INDEX), "That adds an index: the 2.5 TB include it."),
            Mistake(usd(young, (kept - young) / replicas), "That has the cold days in one copy: "
                    f"they have {replicas}, as all others do."),
            *of_example(usd(young, months - young), "year of twelve equal months",
                        f"{12 * DAYS_PER_MONTH} days", f"{days} days"),
            *(Mistake(usd(young / replicas, rest), "That has the hot days in one copy: they have "
                      f"{replicas}, as all others do.")
              for rest in (kept - young, kept - young / replicas)),
            Mistake(right / days, "That is the price of one day's data: there are "
                    f"{days} of them in store."),
            Mistake(right / DAYS_PER_MONTH, "That is a day's bill: the answer is asked for a "
                    "month."),
            Mistake(right * 12, "That is a year's bill: the answer is asked for a month."),
            Mistake(right * GB / TB, "A thousand times too small: a TB is a thousand GB."),
            Mistake(right * TB / GB, "A thousand times too large: the price is for a GB, not for "
                    "a MB."),
            Mistake(right * GB / GiB, "A GiB was taken for a GB: the price is for a GB, 10^9 "
                    "bytes."),
            Mistake(right * TiB / TB * GB / GiB, "A TB is a thousand GB here, not 1,024."),
            Mistake(right * TiB / TB, "A TiB was taken for a TB: a TB is 10^12 bytes."),
            Mistake(right * BITS_PER_BYTE, "These are bits: storage is paid by the byte."),
            Mistake(right / BITS_PER_BYTE, "An eighth of it: bytes are stored and paid, so "
                    "nothing is divided by eight."),
        ),
        f"{size_text(kept)} are kept, {size_text(young)} of them hot: "
        f"{quantity_text(right, 'USD/month')}.",
    )  # fmt: skip


EXERCISES = (day_of, kept_of, console_of, bill_of)
