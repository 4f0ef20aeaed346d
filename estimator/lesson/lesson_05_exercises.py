"""Lesson 05's exercises."""

from __future__ import annotations

from estimator import catalog, cost
from estimator.lesson.exercises import Exercise, Mistake, posed, together
from estimator.units import HOUR, number_text, quantity_text


@posed
def month_of_accelerators(count: int = 40, price: float = 2.5) -> Exercise:
    """What a month of accelerators costs."""
    hours = cost.accelerator_hours(count)
    right = cost.accelerator_usd_per_month(hours, price)
    return Exercise(
        "A month of accelerators",
        f"{count} accelerators stand ready day and night at {price} USD an hour each, and the "
        "load fills a third of their time. What do they cost in a month of 30 days?",
        "accelerator_usd_per_month",
        right,
        (
            Mistake(right / 3, "You pay for them when they wait, too: rented is rented."),
            Mistake(hours, "Those are the hours: each has its price."),
            Mistake(right / 30, "That is a day: the month has 30 of them."),
            Mistake(right * 24, "The hours of a day are in it twice: once is enough."),
            Mistake(right / 24, "That takes days for hours: a day has 24."),
            Mistake(count * 730 * price, "730 hours are a twelfth of a year; this month has 30 "
                    "days."),
            Mistake(count * 24 * 31 * price, "That is a month of 31 days; this one has 30."),
            Mistake(right / count, "That is one of them."),
            Mistake(right * 3, "The third is no factor of the price: they are paid for day and "
                    "night, whatever the load fills."),
            Mistake(0.75 * right, "That takes a quarter off, as a reserve would be: all of "
                    "them are paid for, busy or not."),
        ),
        f"{count} x 24 x 30 x {price} = {quantity_text(right, 'USD/month')}.",
        tolerance=0.001,
    )  # fmt: skip


@posed
def price_of_a_token(price: float = 4.5, rate: int = 2_500, replica: int = 2) -> Exercise:
    """What a million tokens cost from a replica that is never idle."""
    right = cost.usd_per_million_tokens(price, rate, replica)
    return Exercise(
        "A million tokens",
        f"A replica of {replica} accelerators, {price} USD an hour each, gives "
        f"{number_text(rate)} tokens a second when it is full. What does a million tokens cost "
        "while it is?",
        "usd_per_million_tokens",
        right,
        (
            Mistake(right / replica, f"That is one accelerator: a replica has {replica}."),
            Mistake(right * replica, f"The {replica} of the replica are counted twice: once is "
                    "enough."),
            Mistake(price * replica, "That is what the replica costs in an hour: how many tokens "
                    "does it give in that time?"),
            Mistake(right * HOUR, "That is as if the price were for a second: divide by the "
                    "seconds of an hour."),
            Mistake(right / 1000, "That is for a thousand tokens: the question is about a "
                    "million."),
            Mistake(right / 60, "Divided by 60 once too often: an hour has 3,600 seconds."),
            Mistake(right * 60, "Divided by the minutes of an hour: it has 3,600 seconds."),
        ),
        f"{price} x {replica} / 3,600 / {number_text(rate)} x 1,000,000 = "
        f"{quantity_text(right, 'USD')}.",
    )  # fmt: skip


@posed
def middle_of_a_guess(low: int = 100_000, high: int = 900_000) -> Exercise:
    """The middle of a range of factors."""
    middle = (low * high) ** 0.5
    return Exercise(
        "The middle of a guess",
        f"One colleague expects a month's bill of {number_text(low)} USD, another "
        f"{number_text(high)} USD, and you trust both alike. Which value lies in the middle by "
        "factors: as many times above the lower one as it is below the higher one? Give it in USD "
        "a month.",
        "usd_per_month",
        middle,
        (
            Mistake((low + high) / 2, "That lies as far from both in dollars. In factors it is "
                    f"{number_text((low + high) / 2 / low)} times the lower, and the higher is "
                    f"only {number_text(high / ((low + high) / 2), 3)} times it."),
            Mistake(low + high, "That is their sum: what lies between them is asked for."),
            Mistake(high - low, "That is their distance."),
            Mistake(high / low, "That is the factor between them: its root is the step from the "
                    "lower one to the middle."),
            Mistake((high / low) ** 0.5, "That is the step: multiply the lower one with it."),
        ),
        f"The square root of {number_text(low)} x {number_text(high)} is {number_text(middle)}: "
        f"{number_text(middle / low)} times {number_text(low)}, and {number_text(high)} is "
        f"{number_text(high / middle)} times it.",
    )  # fmt: skip


@posed
def what_to_halve(rented: int = 640_000, stored: int = 30_000, sent: int = 130_000) -> Exercise:
    """A price that halves a bill that has other parts, too."""
    likely = catalog.prices()["H100-SXM"].range.likely
    bill = cost.usd_per_month(rented, stored, sent)
    right = likely * (bill / 2 - stored - sent) / rented
    return Exercise(
        "Half the bill",
        f"A month costs {number_text(rented)} USD for H100 at {likely} USD an hour, "
        f"{number_text(stored)} for storage and {number_text(sent)} for traffic. At which price of "
        "an hour is the whole bill half of what it is?",
        "usd_per_accelerator_hour",
        right,
        together(
            Mistake(likely - right, "That is what the price has to fall by: what it falls to is "
                    "asked for."),
            Mistake(likely / 2, "That halves the accelerators' part. Storage and traffic stay, so "
                    "the price has to fall further."),
            Mistake(likely * (bill / 2) / rented, "Storage and traffic are still to be paid from "
                    "the half that is left."),
            Mistake(likely * (bill / 2 - stored) / rented, "Traffic is still to be paid from the "
                    "half that is left."),
            Mistake(likely * (bill / 2 - sent) / rented, "Storage is still to be paid from the "
                    "half that is left."),
        ),
        f"Half of {number_text(bill)} less {number_text(stored + sent)} leaves "
        f"{number_text(bill / 2 - stored - sent)} for accelerators: {likely} x that / "
        f"{number_text(rented)} = {number_text(right)} USD.",
    )  # fmt: skip


EXERCISES = (month_of_accelerators, price_of_a_token, middle_of_a_guess, what_to_halve)
