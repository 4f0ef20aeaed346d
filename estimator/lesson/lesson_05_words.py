"""Lesson 05's answers in words: money short, prices per token or per item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from estimator import catalog
from estimator.cost import MILLION
from estimator.glossary import quantity
from estimator.lesson.ends import digits, end_text, end_value
from estimator.lesson.lesson_05_case import Case
from estimator.uncertainty import Ends
from estimator.units import number_text, quantity_text, seconds_text, share_text
from estimator.whole_service import NEARLY


def short_usd(usd: float) -> str:
    """Write dollars to three digits, many of them in words.

    >>> short_usd(3_879_518), short_usd(70_752_751_574), short_usd(840)
    ('3.88 million USD', '70.8 billion USD', '840 USD')
    """
    for name, size in (("billion ", 1e9), ("million ", 1e6)):
        if usd >= 0.9995 * size:
            return f"{number_text(usd / size, 3)} {name}USD"
    return "less than 0.01 USD" if 0 < usd < 0.01 else f"{number_text(digits(usd))} USD"


def spread_words(low: float, high: float) -> str:
    """Write the ends of a bill's interval; those that three digits cannot tell apart, as one.

    >>> spread_words(1.2e6, 14.6e6), spread_words(840.1, 840.2)
    ('between 1.2 million USD and 14.6 million USD', 'about as much, to three digits')
    >>> spread_words(3.6e-7, 8.9e-7)
    'less than 0.01 USD'
    """
    ends = short_usd(low), short_usd(high)
    if ends[0] == ends[1]:
        if ends[0].startswith("less"):
            return ends[0]
        return "about as much, to three digits"
    return f"between {ends[0]} and {ends[1]}"


def ends_texts(name: str, likely: float, ends: Iterable[float]) -> list[str]:
    """Write an answer's ends beside its likely value, money as `answer_text` does."""
    unit = quantity(name).unit
    if unit.startswith("USD"):
        return [answer_text(name, end_value(end, likely, unit), likely) for end in ends]
    return [end_text(end, likely, unit) for end in ends]


def answer_text(name: str, value: float, beside: float | None = None) -> str:
    """Write an answer with its unit, the one of the value it stands beside; a month's money short.

    >>> answer_text("usd_per_item", 0.0047), answer_text("usd_per_item", 0.0047, beside=0.0134)
    ('4,700 USD a million', '0.0047 USD')
    """
    unit = quantity(name).unit
    if name == "usd_per_item" and (value if beside is None else beside) < 0.01:
        return f"{number_text(value * MILLION, 3)} USD a million"
    return short_usd(value) if unit == "USD/month" else quantity_text(value, unit, beside)


def price_words(usd: float) -> str:
    """Write a small price: in dollars, or in cents where there are few."""
    return f"{number_text(usd, 3)} USD" if usd >= 0.1 else f"{number_text(usd * 100, 3)} cents"


def unit_price(one: Case, of: Mapping[str, float]) -> str:
    """Write the price of a million output tokens, or of one item where passes give no tokens."""
    if one.system.gives_tokens:
        return f"{price_words(of['usd_per_million_passes'])} for a million output tokens"
    return f"{price_words(of['usd_per_item'])} for one {one.system.item}"


def label_of(one: Case, name: str) -> str:
    """Name an answer, the same on page, report, panel and in the result: by the glossary's words.

    But for those that leave open which of several is meant.
    """
    words = {
        "accelerators": "accelerators by compute, at the mean load",
        "batch": "largest batch of a replica",
    }
    if one.system.gives_tokens:
        words["usd_per_million_passes"] = "cost of a million output tokens"
    return words.get(name, quantity(name).label)


def labels_of(one: Case) -> dict[str, str]:
    """Name all answers."""
    return {name: label_of(one, name) for name in one.point}


def replica_words(one: Case, intervals: Mapping[str, Ends]) -> str:
    """Say how wide a replica is, what a wider one would cost, and where draws leave it one request.

    The last two only where it is so: of a model that leaves little room beside its weights.
    """
    parts = [f"Accelerators are those to plan, {one.width} to a replica."]
    if wider := one.cheaper_width:
        parts.append(
            f"Wider replicas would save {share_text(1 - 1 / NEARLY)} at most: with {wider[0]} to "
            f"each, a month would cost {short_usd(wider[1])} at likely values."
        )
    if intervals["batch"].p10 <= 1 < one.point["batch"]:
        alone = float((one.drawn()["batch"] <= 1).mean())
        target = seconds_text(one.x["token_target_seconds"])
        parts.append(
            f"In {share_text(alone)} of the draws a replica serves one request at a time, as two "
            f"would have no room or take longer than {target} a token: these make the upper end "
            "of the bill."
        )
    return " ".join(parts)


def price_source_words(one: Case) -> str:
    """Say that a price is the reader's alone, where the catalog has none of an accelerator."""
    if one.accelerator in catalog.prices():
        return ""
    price = price_words(one.x["usd_per_accelerator_hour"])
    return (
        f"No price of {one.accelerator} with a source stands in the catalog: what it costs here "
        f"follows from the reader's {price} an hour."
    )
