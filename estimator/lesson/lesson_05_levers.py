"""What the bill hangs on, in numbers, and what would halve it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

from estimator import catalog
from estimator.glossary import quantity
from estimator.lesson.ends import digits
from estimator.lesson.lesson_05_case import KEPT, Case
from estimator.lesson.lesson_05_figures import SHOWN, ends_text
from estimator.lesson.lesson_05_model import arithmetic_rate
from estimator.lesson.lesson_05_words import short_usd
from estimator.lesson.sizing import PRECISIONS
from estimator.lesson.tables import Bar, Table
from estimator.uncertainty import Lever, Pull, pulls
from estimator.units import number_text, quantity_text, share_text


def swing_table(one: Case) -> Table:
    """The tornado in numbers."""
    ranges = {entry.name: entry for entry in one.ranges}
    found = one.swings[:SHOWN]
    widest = found[0].width or 1
    rows = [
        (quantity(s.name).label, ends_text(ranges[s.name]), short_usd(s.at_low),
         short_usd(s.at_high), Bar(s.width / widest, share_text(s.width / widest)))
        for s in found
    ]  # fmt: skip
    headers = ("input", "from its P10 to its P90", "bill at P10", "bill at P90",
               "swing, of the widest")  # fmt: skip
    note = ""
    if found[0].width:
        low, high = map(short_usd, pencil_range(one))
        note = (
            "With a pencil, and no draws: each input moves the bill by a factor. Take the "
            "logarithms of the factors, add their squares, and take the root: that is the "
            "logarithm of all together. Down and up from "
            f"{short_usd(one.point['usd_per_month'])} it gives a P10 of {low} and a P90 of {high}."
        )
    return Table(headers, rows, "One input at a time, the others at their likely values", note,
                 left=frozenset({headers[-1]}))  # fmt: skip


def pencil_range(one: Case) -> tuple[float, float]:
    """P10 and P90 of the bill without a draw: the logarithms of its inputs' factors, by Pythagoras.

    Exact where the bill is a product and each input a lognormal of one width; else near it.
    """
    middle, found = one.point["usd_per_month"], one.swings
    down = (math.log(middle / min(s.at_low, s.at_high, middle)) for s in found)
    up = (math.log(max(s.at_low, s.at_high, middle) / middle) for s in found)
    return middle / math.exp(math.hypot(*down)), middle * math.exp(math.hypot(*up))


IDLE = 0.98
"""A lever that leaves so much of the bill is named below the table, and has no row."""
FOUR_BITS = tuple(name for name in PRECISIONS if catalog.precision(name).bits_per_weight < 5)


def levers_of(one: Case) -> list[Lever]:
    """What one could change, and how far at the most."""
    x = one.x
    limits = {
        "requests_per_user": x["requests_per_user"] / 100,
        "passes": 1,
        "prompt_tokens": min(1, x["prompt_tokens"]),
        "n_params": x["n_params"] / 100,
        "engine_factor": 0.1,
        "usd_per_accelerator_hour": 0,
        "peak_factor": 1,
        "target_utilization": 1,
        "token_target_seconds": 10,
        "retention_days": min(1, x["retention_days"]),
        "size_factor": 0.01,
        "hot_usd_per_gb": 0,
        "egress_usd_per_gb": 0,
    }
    if not one.system.gives_tokens:
        del limits["token_target_seconds"]
    return [Lever(name, x[name], limit) for name, limit in limits.items() if x[name] != limit]


def halving(one: Case) -> list[Pull]:
    """For each lever alone, the value that halves the bill, or None."""
    return pulls(one.bill, levers_of(one))


@functools.lru_cache(maxsize=KEPT)
def halving_table(one: Case) -> Table:
    """What would halve the bill: each lever alone, and each other choice."""
    rows: list[tuple[str, str, str, str]] = []
    found = halving(one)
    idle = [pull for pull in found if pull.value is None and IDLE <= pull.at_limit <= 1]
    for pull in found:
        if pull in idle:
            continue
        entry = quantity(pull.name)
        now = quantity_text(digits(pull.now), entry.unit)
        if pull.value is None:
            rows.append((entry.label, now, "cannot", f"{_end(pull)}{_left(pull.at_limit)}"))
        else:
            times = number_text(digits(pull.value / pull.now))
            rows.append((entry.label, now, quantity_text(digits(pull.value), entry.unit),
                         f"{times} times what it is"))  # fmt: skip
    shares = _shares(one, "precision", PRECISIONS)
    rows += [_choice_row(one, "precision", shares)]
    if one.precision not in FOUR_BITS:
        few = {name: share for name, share in shares.items() if name in FOUR_BITS}
        rows += [("precision of four bits", *_choice_row(one, "precision", few)[1:])]
    rows += [_choice_row(one, "accelerator", _shares(one, "accelerator", tuple(catalog.prices())))]
    headers = ("lever", "now", "what halves the bill", "what that means")
    names = ", ".join(quantity(pull.name).label for pull in idle)
    left = min((pull.at_limit for pull in idle), default=1)
    note = idle and f"{share_text(left, 1)} of it or more is left whatever is done with: {names}."
    return Table(headers, rows, "What would halve the bill, alone", note or "",
                 left=frozenset({headers[-1]}))  # fmt: skip


def _shares(one: Case, kind: str, names: Sequence[str]) -> dict[str, float]:
    """What each other choice of a list leaves of the bill, where it will do at all."""
    now = getattr(one, kind)
    shares = {}
    for name in names:
        if name != now and not (kind == "precision" and _same_bits(name, now)):
            with suppress(ValueError):  # no replica of that kind will do
                other = one.on(**{kind: name})
                shares[name] = other.point["usd_per_month"] / one.point["usd_per_month"]
    return shares


def _choice_row(one: Case, kind: str, shares: Mapping[str, float]) -> tuple[str, str, str, str]:
    """The choice that leaves the smallest bill."""
    now = getattr(one, kind)
    if not shares:
        return kind, now, "cannot", "no other one of the list will do"
    best = min(shares, key=lambda name: shares[name])
    verdict = best if shares[best] <= 0.5 else "cannot"
    listed = " with a price" if kind == "accelerator" else ""
    stored = ""
    if kind == "precision" and catalog.precision(best).bits_per_weight < 16:
        rates = (arithmetic_rate(name, one.accelerator) for name in (best, "FP16"))
        if len(set(rates)) == 1:
            stored = f"; {one.accelerator} stores weights in it, and computes at 16 bits"
    left = _left(shares[best])
    return kind, now, verdict, f"{best} is the best of those{listed}: {left}{stored}"


def _same_bits(name: str, other: str) -> bool:
    """Tell precisions apart that cost the same: BF16 is FP16 with its bits spent otherwise."""
    first, second = catalog.precision(name), catalog.precision(other)
    return first.bits_per_weight == second.bits_per_weight


def _end(pull: Pull) -> str:
    """Say how far a lever was pulled that cannot halve the bill."""
    there = quantity_text(digits(pull.limit), quantity(pull.name).unit)
    same = ", with the same layers and cache" if pull.name == "n_params" else ""
    return f"at {there}{same}: "


def _left(share: float) -> str:
    if share > 1:
        return f"{number_text(share, 3)} times the bill"
    if 0.5 < share < 0.5005:  # 50.0 % would deny that it is not half
        return "a little more than half of the bill is left"
    return f"{share_text(share, 1)} of the bill is left"
