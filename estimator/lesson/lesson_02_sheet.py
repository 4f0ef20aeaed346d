"""Lesson 02's sheets: the course's calculator, and the one that a real service needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from estimator.choosing import choose
from estimator.glossary import quantity
from estimator.lesson.inputs import Inputs
from estimator.lesson.sheet import (
    GIGABYTES,
    KILOBYTES,
    MEGABYTES,
    MILLION_USERS,
    PERCENT,
    TERABYTES,
    TERABYTES_A_DAY,
    TERABYTES_A_MONTH,
    ComputedRow,
    InputRow,
    Row,
    Sheet,
    SumRow,
    Unit,
    narrowed,
)
from estimator.quantity import Quantity
from estimator.units import KB, TB
from estimator.user_data import (
    active_users,
    cold_bytes,
    copied_bytes,
    daily_bytes,
    grown_bytes,
    hot_share,
    hot_storage_bytes,
    monthly_bytes,
    profile_bytes,
    retained_bytes,
    storage_usd_per_month,
    users_after,
)

# The course's numbers first; what it has no number for is an example.
DEFAULTS: dict[str, float] = {
    "users": 100_000_000,
    "registered_users": 100_000_000,
    "record_bytes": 10 * KB,
    "active_share": 1,
    "requests_per_user": 10,
    "interaction_bytes": 2 * KB,
    "index_share": 0.25,
    "monthly_growth": 0.05,
    "months": 12,
    "retention_days": 30,
    "replicas": 1,
    "compression_ratio": 1,
    "other_bytes": 0,
    "hot_days": 7,
    "hot_usd_per_gb": 0.02,
    "cold_usd_per_gb": 0.004,
}
# A service without users has nothing to size, and days that are not kept cannot be hot or cold.
# The high ends are far beyond any service: a number past them is a slip, not a size.
EACH_BYTES, MOST_BYTES = 1 * TB, 1_000_000 * TB
NARROWED: dict[str, Quantity] = {
    "users": narrowed("users", 1),
    "registered_users": narrowed("registered_users", 1),
    "retention_days": narrowed("retention_days", 1),
    "record_bytes": narrowed("record_bytes", 0, EACH_BYTES),
    "interaction_bytes": narrowed("interaction_bytes", 0, EACH_BYTES),
    "hot_usd_per_gb": narrowed("hot_usd_per_gb", 0, 1000),
    "cold_usd_per_gb": narrowed("cold_usd_per_gb", 0, 1000),
    "other_bytes": replace(narrowed("row_bytes", 0, MOST_BYTES), name="other_bytes", usual=1 * TB),
}

CALCULATOR, GROWTH = "What users leave", "A service that grows"
OWN, KEPT, TIERS = "Rows of your own", "What is kept", "Hot and cold"

PER = {
    "interaction": "for each interaction",
    "user": "for each registered user",
    "once": "once for the whole service",
}
LONGEST_LABEL = 60


def _input(name: str, label: str, unit: Unit, part: str, step: float = 1) -> InputRow:
    entry = (NARROWED.get(name) or quantity(name)).asked
    return InputRow(name, label, unit, part, DEFAULTS[name], entry, step)


USERS = _input("users", "Number of users", MILLION_USERS, CALCULATOR)
RECORD = _input("record_bytes", "Size of a user's record", KILOBYTES, CALCULATOR)
REQUESTS = _input("requests_per_user", "Interactions of a user", Unit("a day"), CALCULATOR)
INTERACTION = _input("interaction_bytes", "Size of an interaction", KILOBYTES, CALCULATOR)
INDEX = _input("index_share", "Index, of the interactions", PERCENT, CALCULATOR)
MONTH = ComputedRow(
    "monthly_bytes", "Interactions with index, a month", TERABYTES_A_MONTH, CALCULATOR,
    monthly_bytes, {"daily_bytes": "daily_bytes"},
)  # fmt: skip


def _profiles(users: str) -> ComputedRow:
    reads = {"users": users, "record_bytes": "record_bytes"}
    return ComputedRow("profile_bytes", "Profiles", TERABYTES, CALCULATOR, profile_bytes, reads)


def _day(name: str, label: str, part: str, users: str, *, index: bool = True) -> ComputedRow:
    reads = {each: each for each in ("requests_per_user", "interaction_bytes")}
    reads |= {"users": users} | ({"index_share": "index_share"} if index else {})
    return ComputedRow(name, label, TERABYTES_A_DAY, part, daily_bytes, reads)


def _kept(name: str, label: str, day: str) -> ComputedRow:
    reads = {each: each for each in ("retention_days", "replicas", "compression_ratio")}
    reads |= {"daily_bytes": day}
    return ComputedRow(name, label, TERABYTES, KEPT, retained_bytes, reads)


def _copies(name: str, label: str, stored: str, unit: Unit = TERABYTES) -> ComputedRow:
    reads = {"stored_bytes": stored, "replicas": "replicas"}
    return ComputedRow(name, label, unit, KEPT, copied_bytes, reads)


def _interactions(users: str) -> tuple[ComputedRow, InputRow, ComputedRow, ComputedRow]:
    return (
        _day("interaction_data_bytes", "Interactions", CALCULATOR, users, index=False),
        INDEX,
        _day("daily_bytes", "Interactions with index", CALCULATOR, users),
        MONTH,
    )


def course_calculator() -> Sheet:
    """The course's calculator: its eight rows in its order, and the month below it."""
    profiles, day = _profiles("users"), _interactions("users")
    return Sheet((USERS, RECORD, profiles, REQUESTS, INTERACTION, *day))


class StorageSheet(Sheet):
    """The whole sheet of a service, to which a reader adds rows."""

    note = (
        "FV adds up months that grow. At most: the days before had fewer users. Everything else: "
        "profiles too, which stay hot."
    )

    def with_row(self, label: str, size_bytes: float, per: str) -> StorageSheet:
        """Add something else that the service stores, so many bytes of it.

        `per` says for what: "interaction" (kept as long as those), "user" (a registered one) or
        "once". Everything is copied as often as the rest, and counts in the total.
        """
        label = checked_label(label)
        per = choose("per", per, PER)
        key = f"row_{sum(row.part == OWN for row in self.inputs) + 1}"
        row = own_size(label, MEGABYTES if per == "once" else KILOBYTES)
        title = label if per == "once" else f"{label}, {PER[per]}"
        size = row.entry.check(size_bytes)
        above: list[Row] = [replace(row, name=f"{key}_size", label=title, value=size)]
        if per == "interaction":
            above.append(_own_day(key, label))
            kept = _kept(f"{key}_kept", f"{label}, kept", f"{key}_day")
        elif per == "user":
            reads = {"users": "registered_users", "record_bytes": f"{key}_size"}
            above.append(ComputedRow(f"{key}_all", f"{label}, of all users", TERABYTES, OWN,
                                     profile_bytes, reads))  # fmt: skip
            kept = _copies(f"{key}_kept", f"{label}, in all copies", f"{key}_all")
        else:
            kept = _copies(f"{key}_kept", f"{label}, in all copies", f"{key}_size", GIGABYTES)
        sheet = self.before("retention_days", above).before("other_bytes", (kept,))
        return StorageSheet(sheet.rows)

    @property
    def parts(self) -> tuple[Row, ...]:
        """The rows that make up everything that is kept."""
        total = self.row("kept_bytes")
        assert isinstance(total, SumRow)
        return self.between(total)


def own_size(label: str, unit: Unit) -> InputRow:
    """The yellow cell for the size of a row of the reader's own, one unit large."""
    text = checked_label(label)
    most = MOST_BYTES if unit == MEGABYTES else EACH_BYTES
    entry = replace(narrowed("row_bytes", 0, most), name=f"size of {text!r}", usual=unit.size)
    return InputRow(entry.name, text, unit, OWN, unit.size, entry)


def _own_day(key: str, label: str) -> ComputedRow:
    reads = {
        "users": "active_users",
        "requests_per_user": "requests_per_user",
        "interaction_bytes": f"{key}_size",
    }
    return ComputedRow(f"{key}_day", f"{label}, a day", TERABYTES_A_DAY, OWN, daily_bytes, reads)


def checked_label(label: object) -> str:
    """A row's name as a page and a spreadsheet can show it; a ValueError says what is wrong."""
    if not isinstance(label, str):
        raise TypeError(f"the name of a row is {label!r}, but it must be a text: give a name.")
    text = " ".join(label.split())
    if not text or len(text) > LONGEST_LABEL or not text.isprintable():
        raise ValueError(
            f"the name of a row is {text[:70]!r}, but it must have 1 to {LONGEST_LABEL} "
            "characters that can be seen: give a short name such as 'server logs'."
        )
    return text


def storage_sheet(given: Inputs | None = None) -> StorageSheet:
    """The whole sheet, with the course's numbers, or with the reader's."""
    growth = (
        _input("monthly_growth", "Growth of users", Unit("% a month", 0.01), GROWTH),
        _input("months", "Months from now", Unit("months"), GROWTH),
        ComputedRow("grown_users", "Daily active users then", MILLION_USERS, GROWTH, users_after,
                    {"users": "active_users", "monthly_growth": "monthly_growth",
                     "months": "months"}),
        _day("grown_day", "Interactions with index then", GROWTH, "grown_users"),
        ComputedRow("grown_bytes", "Written until then", TERABYTES, GROWTH, grown_bytes,
                    {each: each for each in ("monthly_bytes", "monthly_growth", "months")}),
    )  # fmt: skip
    kept = (
        _input("retention_days", "Retention", Unit("days"), KEPT),
        _input("replicas", "Copies", Unit("in all"), KEPT),
        _input("compression_ratio", "Compression of interactions", Unit("to 1"), KEPT, step=0.1),
        _kept("retained_bytes", "Interactions kept", "daily_bytes"),
        _copies("profile_copies", "Profiles, in all copies", "profile_bytes"),
        _input("other_bytes", "Anything else, in all copies", TERABYTES, KEPT),
        SumRow("kept_bytes", "Everything kept", TERABYTES, KEPT, "retained_bytes", "other_bytes"),
        _kept("grown_kept", "Interactions kept then, at most", "grown_day"),
    )
    tiers = (
        _input("hot_days", "Latest days in hot storage", Unit("days"), TIERS),
        ComputedRow("hot_share", "Share of days that are hot", PERCENT, TIERS, hot_share,
                    {each: each for each in ("hot_days", "retention_days")}),
        ComputedRow("cold_bytes", "Cold storage: older interactions", TERABYTES, TIERS, cold_bytes,
                    {each: each for each in ("retained_bytes", "hot_share")}),
        ComputedRow("hot_storage_bytes", "Hot storage: everything else", TERABYTES, TIERS,
                    hot_storage_bytes, {each: each for each in ("kept_bytes", "cold_bytes")}),
        _input("hot_usd_per_gb", "Price of hot storage", Unit("USD a GB a month"), TIERS, 0.001),
        _input("cold_usd_per_gb", "Price of cold storage", Unit("USD a GB a month"), TIERS, 0.001),
        ComputedRow("storage_usd_per_month", "Cost of storage", Unit("USD a month"), TIERS,
                    storage_usd_per_month,
                    {"hot_bytes": "hot_storage_bytes", "cold_bytes": "cold_bytes",
                     "hot_usd_per_gb": "hot_usd_per_gb", "cold_usd_per_gb": "cold_usd_per_gb"}),
    )  # fmt: skip
    people = (
        _input("registered_users", "Registered users", MILLION_USERS, CALCULATOR),
        RECORD,
        _profiles("registered_users"),
        _input("active_share", "Share of them who come on a day", PERCENT, CALCULATOR),
        ComputedRow("active_users", "Daily active users", MILLION_USERS, CALCULATOR, active_users,
                    {each: each for each in ("registered_users", "active_share")}),
    )  # fmt: skip
    habits = (REQUESTS, INTERACTION, *_interactions("active_users"))
    sheet = StorageSheet((*people, *habits, *growth, *kept, *tiers))
    known = {row.name for row in sheet.inputs}
    values: Mapping[str, Any] = given.as_dict() if given else {}
    own = {name: value for name, value in values.items() if name in known}
    return StorageSheet(sheet.with_values(**own).rows)
