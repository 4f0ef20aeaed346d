"""Lesson 02's own tables and figure; its panel and exercises have modules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimator.formula import COURSE
from estimator.glossary import quantity
from estimator.lesson.figures import COLOURS, INKS, Picture, canvas, course_style, entitle
from estimator.lesson.inputs import EXACT_BELOW, Inputs, inputs
from estimator.lesson.lesson_02_exercises import EXERCISES, bill_of, console_of, day_of, kept_of
from estimator.lesson.lesson_02_panel import sheet_panel, your_storage
from estimator.lesson.lesson_02_sheet import (
    DEFAULTS,
    NARROWED,
    StorageSheet,
    course_calculator,
    storage_sheet,
)
from estimator.lesson.tables import Bar, Table, assumptions, breakdown, comparison
from estimator.units import (
    DAYS_PER_MONTH,
    GB,
    KB,
    MB,
    TB,
    number_text,
    quantity_text,
    share_text,
    size_text,
)
from estimator.user_data import (
    daily_bytes,
    grown_bytes,
    hot_share,
    monthly_bytes,
    requests_per_day,
    retained_bytes,
    storage_usd_per_month,
)

__all__ = [
    "EXERCISES",
    "bill_of",
    "console_of",
    "course_calculator",
    "day_of",
    "kept_of",
    "sheet_panel",
    "storage_sheet",
    "your_storage",
]

CHATGPT = "Chatterji et al. 2025, How people use ChatGPT, NBER working paper 34255"
NOTES = "the course's sister lessons, from readers' notes"
EXAMPLE = "an example, yours to replace"
QUESTION_BYTES, ANSWER_BYTES, SPEECH_SENT_BYTES = 2 * KB, 10 * KB, 300 * KB

USERS, PER_DAY, INTERACTION_BYTES, INDEX_SHARE = (
    DEFAULTS[name] for name in ("users", "requests_per_user", "interaction_bytes", "index_share")
)
# The course's systems: bytes stored of an interaction, index over them, and what it prints.
SYSTEMS: Mapping[str, tuple[float, float, str]] = {
    "text": (INTERACTION_BYTES, INDEX_SHARE, "2.5 TB a day"),
    "documents (RAG)": (100 * KB, 0, "100 TB a day"),
    "speech": (200 * KB, 0.25, "250 TB a day"),
    "images": (1 * MB, 0.25, "37.5 PB a month"),
    "video": (1_250 * KB, 0.25, "1,562.5 TB a day"),
}


def checked(**parameters: Any) -> Inputs:
    """Check the lesson's parameters; it asks for one user and one day of retention at least."""
    return inputs(narrowed=NARROWED, **parameters)


def storage_assumptions() -> Table:
    """What the lesson takes for granted, each with its value and its source."""
    d = DEFAULTS
    sizes = {name: size_text(d[name]) for name in d if "bytes" in name}
    return assumptions(
        (
            ("users", number_text(USERS), COURSE),
            ("a user's record", sizes["record_bytes"], COURSE),
            ("interactions of a user a day", number_text(PER_DAY), COURSE),
            ("an interaction, as stored", sizes["interaction_bytes"], COURSE),
            ("index over the interactions", share_text(d["index_share"]), COURSE),
            ("a month", f"{DAYS_PER_MONTH} days", COURSE),
            ("every registered user comes every day", share_text(d["active_share"]),
             "not said by the course, but its sums need it"),
            ("one copy, kept for a month, not compressed", "until you change it", EXAMPLE),
            ("growth of the users", f"{share_text(d['monthly_growth'])} a month", EXAMPLE),
            ("prices, hot and cold",
             f"{d['hot_usd_per_gb']} and {d['cold_usd_per_gb']} USD a GB a month",
             "of the order of 2025's price lists; an example, yours to replace"),
        )
    )  # fmt: skip


def values_table(**values: float) -> Table:
    """Computed values with the labels and units that their names have in the glossary."""
    rows = [
        (quantity(name).label, quantity_text(value, quantity(name).unit))
        for name, value in values.items()
    ]
    return Table(("quantity", "how much"), rows)


def published_table() -> Table:
    """What the course prints of its calculator beside what its own inputs give."""
    values = course_calculator().compute()
    return comparison(
        (
            ("profiles, row 3", "1 TB", values["profile_bytes"], "byte", ""),
            ("interactions a day, row 6", "2 TB", values["interaction_data_bytes"], "byte", ""),
            ("with index, row 8", "2.5 GB", values["daily_bytes"], "byte",
             f"{number_text(values['daily_bytes'] / (2.5 * GB))} times the printed figure: the "
             "unit is a slip for TB"),
            ("a month", "75 TB", values["monthly_bytes"], "byte", "30 days of row 8 as TB"),
        )
    )  # fmt: skip


def moved_table() -> Table:
    """An interaction three times: as stored, as moved, and if all that moves were stored."""
    moved = QUESTION_BYTES + ANSWER_BYTES
    rows = []
    for what, size, where in (
        ("stored", INTERACTION_BYTES, "the storage estimate"),
        ("question in", QUESTION_BYTES, "the bandwidth estimate"),
        ("answer out", ANSWER_BYTES, "the bandwidth estimate"),
        ("question and answer", moved, "worked out here"),
    ):
        day = daily_bytes(USERS, PER_DAY, size, INDEX_SHARE)
        rows.append((what, size_text(size), size_text(day), size_text(monthly_bytes(day)), where))
    headers = (
        "of one interaction",
        "bytes",
        "a day, if kept, with index",
        "a month",
        "where its size stands",
    )
    return Table(headers, rows, "Stored and moved", left=frozenset({"where its size stands"}))


def usage_table() -> Table:
    """The course's habits beside those of a service that has published its own."""
    messages_a_week, people = 18_000_000_000, 700_000_000
    asks = messages_a_week / 7
    course = requests_per_day(USERS, PER_DAY)
    rows = (
        ("users", f"{number_text(USERS)}, a day", f"{number_text(people)}, a week",
         "-"),
        ("interactions a day", number_text(course), number_text(asks), number_text(asks / course)),
        ("interactions of a user a day", number_text(PER_DAY), number_text(asks / people),
         number_text(asks / people / PER_DAY)),
    )  # fmt: skip
    headers = ("quantity", "the course", "ChatGPT, July 2025", "ChatGPT divided by the course")
    note = f"{number_text(messages_a_week)} messages a week, over 7 days. Source: {CHATGPT}."
    return Table(headers, rows, note=note)


def growth_chart() -> Picture:
    """Bytes in store over a year: kept for ever with and without growth, and for 90 days."""
    day = daily_bytes(USERS, PER_DAY, INTERACTION_BYTES, INDEX_SHARE)
    month = monthly_bytes(day)
    months = list(range(13))
    keep = 90
    lines = (
        ("users grow 5 % a month", [grown_bytes(month, 0.05, n) for n in months], "o-"),
        ("no growth", [grown_bytes(month, 0, n) for n in months], "s--"),
        (f"no growth, kept {keep} days",
         [retained_bytes(day, min(n * DAYS_PER_MONTH, keep)) for n in months], "^:"),
    )  # fmt: skip
    said = "; ".join(f"{name} {number_text(values[-1] / TB)} TB" for name, values, _ in lines)
    with course_style():
        figure, axes = canvas(height=3.8)
        for (name, values, style), hue in zip(lines, (0, 5, 2), strict=True):
            axes.plot(months, [v / TB for v in values], style, color=COLOURS[hue], markersize=5,
                      clip_on=False)  # fmt: skip
            axes.annotate(
                f"{name}:\n{number_text(values[-1] / TB)} TB", (12, values[-1] / TB), xytext=(8, 0),
                textcoords="offset points", va="center", color=INKS[hue], fontsize=9,
                annotation_clip=False,
            )  # fmt: skip
        axes.set_xlabel("months of 30 days from the start")
        axes.set_ylabel("interactions in store, TB")
        axes.set_xlim(0, 12)
        axes.set_xticks(range(0, 13, 3))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(bottom=0)
        entitle(figure, "Growth bends the line, retention levels it")
    return Picture(figure, f"Lines of the bytes in store over twelve months; at the end: {said}.")


def tiers_table(hot_days: int = 7, retention_days: int = 365, replicas: int = 3) -> Table:
    """What a year of interactions costs a month: all hot, and with the old days moved to cold."""
    kept = retained_bytes(
        daily_bytes(USERS, PER_DAY, INTERACTION_BYTES, INDEX_SHARE), retention_days, replicas
    )
    hot_price, cold_price = DEFAULTS["hot_usd_per_gb"], DEFAULTS["cold_usd_per_gb"]
    rows = []
    for name, days in (("everything hot", retention_days), (f"{hot_days} days hot", hot_days)):
        hot = kept * hot_share(days, retention_days)
        usd = storage_usd_per_month(hot, kept - hot, hot_price, cold_price)
        sizes = (number_text(round(size / GB)) for size in (hot, kept - hot))
        rows.append((name, *sizes, quantity_text(round(usd), "USD/month")))
    caption = f"{size_text(kept)} of interactions kept: {retention_days} days in {replicas} copies"
    return Table(("where", "hot, GB", "cold, GB", "cost"), rows, caption)


def systems_table() -> Table:
    """The course's systems beside each other: the same users, other things to store."""
    days = {
        name: daily_bytes(USERS, PER_DAY, size, index) for name, (size, index, _) in SYSTEMS.items()
    }
    most = max(days.values())
    rows = []
    for name, (size, index, published) in SYSTEMS.items():
        day = days[name]
        bar = Bar(day / most, number_text(day / days["text"]))
        rows.append(
            (
                name, size_text(size), share_text(index), size_text(day),
                size_text(monthly_bytes(day)), published, bar,
            )
        )  # fmt: skip
    headers = ("system", "each", "index", "a day", "a month", "published", "times text")
    caption = "A billion interactions a day, in five systems"
    note = (
        f"Published: {COURSE}, of text in its prose, for its calculator prints 2.5 GB; all but the "
        f"first row: {NOTES}. Of speech the course stores "
        f"{size_text(SYSTEMS['speech'][0])} and, in its bandwidth estimate, sends "
        f"{size_text(SPEECH_SENT_BYTES)}; the notes do not say why."
    )
    return Table(headers, rows, caption, note, left=frozenset({"times text"}))


def kept_parts(sheet: StorageSheet) -> Table:
    """What makes up everything that a sheet keeps, with shares."""
    values = sheet.compute()
    parts = {row.label: values[row.name] for row in sheet.parts if values[row.name]}
    return breakdown(parts, "byte", caption="Everything kept")


RESULTS = (
    "active_users", "profile_bytes", "daily_bytes", "monthly_bytes", "grown_bytes",
    "retained_bytes", "kept_bytes", "cold_bytes", "hot_storage_bytes", "storage_usd_per_month",
)  # fmt: skip


def point_results(columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lesson's results for many services at once, an array for each name of its result file.

    Where whole numbers outgrow what a float holds exactly, the page still computes with integers,
    so such services are computed one by one.
    """
    import numpy as np

    found = results(storage_sheet().compute(columns))
    large = np.maximum(found["grown_bytes"], found["kept_bytes"]) >= EXACT_BELOW
    for name in ("active_share", "requests_per_user", "index_share"):
        large = large & (columns[name] % 1 == 0)
    large = large | (found["profile_bytes"] * columns["replicas"] >= EXACT_BELOW)
    places = np.flatnonzero(large).tolist()
    if not places:
        return found
    arrays = {name: np.array(np.broadcast_to(v, large.shape)) for name, v in found.items()}
    for place in places:
        given = checked(**{name: values[place].item() for name, values in columns.items()})
        for name, value in results(storage_sheet(given).compute()).items():
            arrays[name][place] = value
    return arrays


def results(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a sheet that go into the lesson's result."""
    return {name: cells[name] for name in RESULTS}
