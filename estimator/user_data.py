"""Lesson 2, user and interaction data: from users to bytes a day, and to bytes that are kept."""

from __future__ import annotations

from estimator.arithmetic import Number, compound_sum, divide, minimum, power
from estimator.formula import COUNTED, COURSE, formula
from estimator.units import DAYS_PER_MONTH, GB


@formula(source=f"{COURSE}, 'User profile data'")
def profile_bytes(users: Number, record_bytes: Number) -> Number:
    """Bytes of all profiles, kept once.

    >>> profile_bytes(100_000_000, record_bytes=10_000)
    1000000000000
    """
    size_bytes = users * record_bytes
    return size_bytes


@formula(source=f"{COURSE}, 'User interaction data'")
def requests_per_day(users: Number, requests_per_user: Number) -> Number:
    """Interactions of all users in a day.

    >>> requests_per_day(100_000_000, requests_per_user=10)
    1000000000
    """
    requests = users * requests_per_user
    return requests


@formula(source=f"{COURSE}, 'User interaction data' and 'Indexing storage'")
def daily_bytes(
    users: Number, requests_per_user: Number, interaction_bytes: Number, index_share: Number = 0
) -> Number:
    """Bytes of interactions that a day adds, with the index over them.

    >>> daily_bytes(100_000_000, 10, interaction_bytes=2_000)
    2000000000000
    >>> daily_bytes(100_000_000, 10, interaction_bytes=2_000, index_share=0.25)
    2500000000000.0
    """
    size_bytes = users * requests_per_user * interaction_bytes * (1 + index_share)
    return size_bytes


@formula(source=f"{COURSE}, 'Indexing storage'")
def index_bytes(
    users: Number, requests_per_user: Number, interaction_bytes: Number, index_share: Number
) -> Number:
    """Bytes that a day adds to the index alone: a share of the interactions, not of the profiles.

    >>> index_bytes(100_000_000, 10, interaction_bytes=2_000, index_share=0.25)
    500000000000.0
    """
    size_bytes = users * requests_per_user * interaction_bytes * index_share
    return size_bytes


@formula(source=f"{COURSE}, the monthly requirement below the calculator")
def monthly_bytes(daily_bytes: Number, days_per_month: Number = DAYS_PER_MONTH) -> Number:
    """Bytes that a month adds.

    >>> monthly_bytes(2_500_000_000_000)
    75000000000000
    """
    size_bytes = daily_bytes * days_per_month
    return size_bytes


@formula(source=f"{COURSE}: 'requirements for real systems may multiply'")
def retained_bytes(
    daily_bytes: Number, retention_days: Number, replicas: Number = 1,
    compression_ratio: Number = 1,
) -> Number:  # fmt: skip
    """Bytes that are kept once the oldest day is dropped for each new one.

    >>> retained_bytes(2_500_000_000_000, retention_days=30, replicas=3)
    225000000000000
    >>> retained_bytes(2_500_000_000_000, 365, replicas=3, compression_ratio=3)
    912500000000000
    """
    size_bytes = divide(daily_bytes * retention_days * replicas, compression_ratio)
    return size_bytes


@formula(source=f"{COURSE}: redundant storage, for availability and reliability")
def copied_bytes(stored_bytes: Number, replicas: Number) -> Number:
    """Bytes of what is stored, in all its copies.

    >>> copied_bytes(1_000_000_000_000, replicas=3)
    3000000000000
    """
    size_bytes = stored_bytes * replicas
    return size_bytes


@formula(source=f"{COUNTED}: profiles follow the registered users, interactions the active ones")
def active_users(registered_users: Number, active_share: Number) -> Number:
    """Daily active users: the registered ones who come on a day.

    >>> active_users(500_000_000, active_share=0.2)
    100000000.0
    """
    users = registered_users * active_share
    return users


@formula(source=f"{COUNTED}: compound growth")
def users_after(users: Number, monthly_growth: Number, months: Number) -> Number:
    """Users so many months from the start, each month with the same growth.

    >>> round(users_after(100_000_000, monthly_growth=0.05, months=12))
    179585633
    """
    grown = users * power(1 + monthly_growth, months)
    return grown


@formula(source=f"{COUNTED}: compound growth, a sum over the months")
def grown_bytes(monthly_bytes: Number, monthly_growth: Number, months: Number) -> Number:
    """Bytes that all months together add, the first with the users of the start.

    >>> round(grown_bytes(75_000_000_000_000, monthly_growth=0.05, months=12) / 1e12)
    1194
    >>> grown_bytes(75_000_000_000_000, monthly_growth=0, months=12)
    900000000000000
    """
    size_bytes = monthly_bytes * compound_sum(monthly_growth, months)
    return size_bytes


@formula(source=f"{COUNTED}: every day adds as much as any other", divisors=("retention_days",))
def hot_share(hot_days: Number, retention_days: Number) -> Number:
    """Share of what is kept that is young enough for hot storage.

    >>> hot_share(hot_days=9, retention_days=36), hot_share(hot_days=90, retention_days=30)
    (0.25, 1)
    """
    share = divide(minimum(hot_days, retention_days), retention_days)
    return share


@formula(source=COUNTED)
def hot_bytes(retained_bytes: Number, hot_share: Number) -> Number:
    """Bytes in storage that answers at once.

    >>> hot_bytes(75_000_000_000_000, hot_share=0.2)
    15000000000000.0
    """
    size_bytes = retained_bytes * hot_share
    return size_bytes


@formula(source=COUNTED)
def cold_bytes(retained_bytes: Number, hot_share: Number) -> Number:
    """Bytes in storage that is cheap and slow: the rest.

    >>> cold_bytes(75_000_000_000_000, hot_share=0.2)
    60000000000000.0
    """
    size_bytes = retained_bytes * (1 - hot_share)
    return size_bytes


@formula(source=f"{COUNTED}: all but the old days answers at once")
def hot_storage_bytes(kept_bytes: Number, cold_bytes: Number) -> Number:
    """Bytes in hot storage: everything that is kept, without the cold days.

    >>> hot_storage_bytes(76_000_000_000_000, cold_bytes=57_500_000_000_000)
    18500000000000
    """
    size_bytes = kept_bytes - cold_bytes
    return size_bytes


@formula(source=f"{COUNTED}: prices are the reader's, of a GB for a month")
def storage_usd_per_month(
    hot_bytes: Number, cold_bytes: Number, hot_usd_per_gb: Number, cold_usd_per_gb: Number
) -> Number:
    """Price of hot and cold storage for a month.

    >>> storage_usd_per_month(15_000_000_000_000, 60_000_000_000_000, 0.02, 0.004)
    540.0
    """
    usd = (hot_bytes * hot_usd_per_gb + cold_bytes * cold_usd_per_gb) / GB
    return usd
