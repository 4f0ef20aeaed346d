"""Kinds of lesson 02: what users leave behind, how long it stays, what it costs."""

from __future__ import annotations

from estimator.lesson import lesson_02
from estimator.lesson.exercise_sheets.kind import Kind, kind, pose
from estimator.lesson.exercise_sheets.numbers import (
    COPIES,
    MILLION,
    PER_DAY,
    USERS,
    percent,
)
from estimator.lesson.exercises import Exercise, slips
from estimator.units import DAYS_PER_MONTH, GB, TB, bytes_text, number_text, size_text
from estimator.user_data import (
    active_users,
    cold_bytes,
    copied_bytes,
    daily_bytes,
    grown_bytes,
    hot_bytes,
    hot_share,
    index_bytes,
    monthly_bytes,
    profile_bytes,
    requests_per_day,
    retained_bytes,
    storage_usd_per_month,
    users_after,
)

RECORDS = (2_000, 5_000, 8_000, 20_000, 50_000)
INTERACTIONS = (500, 1_000, 1_500, 3_000, 4_000, 6_000)
INDEXES = (0.1, 0.2, 0.3, 0.4, 0.5)
DAYS_KEPT = (14, 45, 60, 90, 120, 180, 365, 730)
DAILY = tuple(n * TB // 10 for n in (4, 6, 9, 12, 15, 18, 24, 30, 36, 45, 60))


@kind("02", users=USERS, record_bytes=RECORDS, copies=COPIES)
def profiles_kept(users: int, record_bytes: int, copies: int) -> Exercise:
    """Bytes of profiles in all their copies."""
    one = profile_bytes(users, record_bytes)
    right = copied_bytes(one, copies)
    return pose(
        "Profiles",
        f"{number_text(users)} people have a profile of {size_text(record_bytes)} each, kept in "
        f"{copies} copies. How many bytes is that?",
        "copied_bytes",
        right,
        f"{number_text(users)} x {number_text(record_bytes)} x {copies} = {{answer}}.",
        (one, f"That is one copy: {copies} are kept."),
        (one * (copies + 1), "One too many: the original is one of the copies."),
        (one * DAYS_PER_MONTH, "Profiles are kept once, and not added anew each day."),
        *slips("byte", right, 1 / TB),
    )


@kind("02", registered=USERS, share=(0.05, 0.1, 0.15, 0.25, 0.3, 0.4), per_day=PER_DAY)
def requests_of_the_active(registered: int, share: float, per_day: int) -> Exercise:
    """Requests a day of those who come."""
    right = requests_per_day(active_users(registered, share), per_day)
    return pose(
        "Those who come",
        f"{number_text(registered)} people have registered, {percent(share)} of them come on a "
        f"day, and each of those makes {per_day} requests. How many requests does a day have?",
        "requests_per_day",
        right,
        f"{number_text(registered)} x {percent(share)} x {per_day} = {{answer}}.",
        (registered * per_day, "That lets every registered user come: only a share does."),
        (registered * share, f"That is one request each: they make {per_day}."),
        (registered * (1 - share) * per_day, "Those are the ones who stay away."),
        (right * DAYS_PER_MONTH, "That is a month: the answer is asked for a day."),
    )


@kind("02", users=USERS, per_day=PER_DAY, each=INTERACTIONS, index=INDEXES)
def month_of_interactions(users: int, per_day: int, each: int, index: float) -> Exercise:
    """Bytes that a month adds, with the index."""
    day = daily_bytes(users, per_day, each, index)
    right = monthly_bytes(day)
    return pose(
        "A month of interactions",
        f"{number_text(users)} people interact {per_day} times a day, {size_text(each)} each time, "
        f"and an index takes {percent(index)} on top. How many bytes does a month of "
        f"{DAYS_PER_MONTH} days add?",
        "monthly_bytes",
        right,
        f"{number_text(users)} x {per_day} x {number_text(each)} x {1 + index:g} x "
        f"{DAYS_PER_MONTH} = {{answer}}.",
        (day, "That is a day: the answer is asked for a month."),
        (monthly_bytes(daily_bytes(users, per_day, each)), "That is without the index: it comes "
         "on top."),
        (right * index / (1 + index), "That is the index alone: add what it indexes."),
        (right / per_day, f"That is one interaction each: they make {per_day}."),
    )  # fmt: skip


@kind("02", users=USERS, per_day=PER_DAY, each=INTERACTIONS, index=INDEXES)
def index_of_a_day(users: int, per_day: int, each: int, index: float) -> Exercise:
    """Bytes of the index alone."""
    right = index_bytes(users, per_day, each, index)
    bare = daily_bytes(users, per_day, each)
    return pose(
        "The index alone",
        f"{number_text(users)} people interact {per_day} times a day, {size_text(each)} each time. "
        f"The index takes {percent(index)} of what it indexes. How many bytes does a day add to "
        "the index alone?",
        "index_bytes",
        right,
        f"{number_text(users)} x {per_day} x {number_text(each)} x {index:g} = {{answer}}.",
        (bare, "These are the interactions: the index is a share of them."),
        (bare + right, "That is both together: the index alone is asked for."),
        (right / per_day, f"That is one interaction each: they make {per_day}."),
        (right * DAYS_PER_MONTH, "That is a month: the answer is asked for a day."),
    )


@kind("02", bytes_per_day=DAILY, days=DAYS_KEPT, copies=COPIES, ratio=(2, 3, 4, 5))
def kept_compressed(bytes_per_day: int, days: int, copies: int, ratio: int) -> Exercise:
    """Bytes that are kept in copies and compressed."""
    right = retained_bytes(bytes_per_day, days, copies, ratio)
    return pose(
        "Kept, copied, compressed",
        f"A service adds {size_text(bytes_per_day)} a day and keeps {days} days in {copies} "
        f"copies, compressed to one part in {ratio}. How many bytes are stored once the oldest day "
        "goes for each new one?",
        "retained_bytes",
        right,
        f"{size_text(bytes_per_day)} x {days} x {copies} / {ratio} = {{answer}}.",
        (right * ratio, f"That is without compression: divide by {ratio}."),
        (right * ratio**2, "Multiplied by the compression: it makes the data smaller."),
        (right / copies, f"That is one copy: {copies} are kept."),
        (right / days * DAYS_PER_MONTH, f"That keeps a month: {days} days are kept."),
        (right / days, f"That keeps one day: {days} days are kept."),
    )


@kind("02", millions=(2, 3, 5, 8, 12, 20, 30, 50, 80), growth=(0.02, 0.03, 0.04, 0.06, 0.08, 0.1),
      months=(6, 9, 12, 18, 24))  # fmt: skip
def users_grown(millions: int, growth: float, months: int) -> Exercise:
    """Users after growth."""
    users = millions * MILLION
    right = users_after(users, growth, months)
    return pose(
        "Growth on growth",
        f"A service has {number_text(users)} users and grows by {percent(growth)} a month. How "
        f"many users does it have after {months} months?",
        "users_after",
        right,
        f"{number_text(users)} x {1 + growth:g}^{months} = {{answer}}.",
        (users * (1 + growth * months), "Each month grows on what the months before have added: "
         "multiply, do not add."),
        (users * (1 + growth), f"That is one month: {months} are asked for."),
        (users_after(users, growth, months - 1), "One month too few: each of them grows."),
        (right - users, "These are the new users: the first ones are still there."),
    )  # fmt: skip


@kind("02", month=(5, 8, 12, 20, 30, 45, 75), growth=(0.02, 0.04, 0.05, 0.08, 0.1),
      months=(6, 9, 12, 18))  # fmt: skip
def bytes_grown(month: int, growth: float, months: int) -> Exercise:
    """Bytes that growing months add together."""
    first = month * TB
    right = grown_bytes(first, growth, months)
    return pose(
        "Months that grow",
        f"The first month adds {month} TB, and each one {percent(growth)} more than the one "
        f"before. How many bytes do {months} months add together?",
        "grown_bytes",
        right,
        f"{month} TB x ({1 + growth:g}^{months} - 1) / {growth:g} = {{answer}}.",
        (first * months, "That is without growth: each month adds more than the one before."),
        (users_after(first, growth, months), "That is one month at the end: all are asked for."),
        (months * users_after(first, growth, months), "That lets every month add what the last "
         "one does."),
        (first * months * (1 + growth), "Growth on growth: each month grows on the one before."),
    )  # fmt: skip


@kind("02", kept=tuple(n * TB for n in (60, 90, 150, 240, 360, 450, 720, 900)),
      hot_days=(7, 10, 14, 15, 20, 21), days=(60, 90, 120, 180, 365))  # fmt: skip
def hot_of(kept: int, hot_days: int, days: int) -> Exercise:
    """Bytes that stay in hot storage."""
    share = hot_share(hot_days, days)
    right = hot_bytes(kept, share)
    return pose(
        "Hot storage",
        f"{size_text(kept)} of interactions are kept, every one of {days} days as much as any "
        f"other. The latest {hot_days} days stay hot. How many bytes are hot?",
        "hot_bytes",
        right,
        f"{size_text(kept)} x {hot_days} / {days} = {{answer}}.",
        (cold_bytes(kept, share), f"That is the cold part: the latest {hot_days} days are hot."),
        (kept * hot_days / DAYS_PER_MONTH, f"That takes a month for all: {days} days are kept."),
        (kept / days, f"That is one day: {hot_days} are hot."),
        (kept / hot_days, "Divided by the hot days: they are the share that is wanted."),
    )


@kind("02", kept=tuple(n * TB for n in (60, 90, 150, 240, 360, 450, 720, 900)),
      share=(0.05, 0.1, 0.15, 0.2, 0.25), hot=(0.02, 0.023, 0.03),
      cold=(0.002, 0.004, 0.005))  # fmt: skip
def bill_of_a_share(kept: int, share: float, hot: float, cold: float) -> Exercise:
    """Price of a month of hot and cold storage."""
    warm, rest = hot_bytes(kept, share), cold_bytes(kept, share)
    right = storage_usd_per_month(warm, rest, hot, cold)
    return pose(
        "Hot and cold on the bill",
        f"{size_text(kept)} are kept, {percent(share)} of them hot at {hot:g} USD a GB a month and "
        f"the rest cold at {cold:g} USD. What does a month cost?",
        "storage_usd_per_month",
        right,
        f"{number_text(warm / GB)} GB x {hot:g} + {number_text(rest / GB)} GB x {cold:g} = "
        "{answer}.",
        (kept / GB * hot, f"That keeps all of it hot: {percent(share)} are."),
        (kept / GB * cold, f"That keeps all of it cold: {percent(share)} are hot."),
        (storage_usd_per_month(rest, warm, hot, cold), "The prices are swapped: hot costs more."),
        (right / 1000, "A thousand times too small: a TB is a thousand GB."),
        (12 * right, "That is a year: the answer is asked for a month."),
    )


@kind("02", bytes_per_day=DAILY, store=(200, 300, 500, 800, 1_200, 2_000), copies=COPIES)
def days_until_full(bytes_per_day: int, store: int, copies: int) -> Exercise:
    """Days of data for which a store has room."""
    held = store * TB
    right = held // retained_bytes(bytes_per_day, 1, copies)
    return pose(
        "How long does the store last?",
        f"A service adds {size_text(bytes_per_day)} a day, kept in {copies} copies, to a store of "
        f"{number_text(store)} TB. For how many whole days is there room?",
        "retention_days",
        int(right),
        f"A day takes {bytes_text(bytes_per_day * copies)} in its copies: room for {{answer}}.",
        (held // bytes_per_day, f"That keeps one copy: {copies} are kept."),
        (int(right) + 1, "Rounded up: the last day does not fit whole."),
        (held // bytes_per_day * copies, "Copies take room away: divide by them."),
        (held // (bytes_per_day * (copies + 1)), "One copy too many: the original is one of them."),
    )


KINDS = (
    Kind("02", lesson_02.day_of, {
        "users": USERS, "per_day": PER_DAY, "size_bytes": INTERACTIONS, "index": INDEXES}),
    Kind("02", lesson_02.kept_of, {
        "registered": USERS, "share": (0.1, 0.2, 0.25), "record_bytes": (50_000, 100_000, 200_000),
        "days": (45, 60, 90, 120), "replicas": (2, 3)}),
    Kind("02", lesson_02.console_of, {"bytes_per_day": DAILY + tuple(n + 50 * GB for n in DAILY)
                                      + tuple(n + 30 * GB for n in DAILY)}),
    Kind("02", lesson_02.bill_of, {
        "hot_days": (14, 30, 45, 60), "days": (180, 365, 730), "replicas": (2, 3),
        "hot": (0.02, 0.023), "cold": (0.002, 0.004)}),
    profiles_kept, requests_of_the_active, month_of_interactions, index_of_a_day, kept_compressed,
    users_grown, bytes_grown, hot_of, bill_of_a_share, days_until_full,
)  # fmt: skip
