"""Lesson 00's own tables, chart and panel: the whole envelope at once."""

from __future__ import annotations

from collections.abc import Mapping

from estimator import catalog
from estimator.bandwidth import answer_bytes
from estimator.formula import COURSE
from estimator.lesson.controls import Choice, Number
from estimator.lesson.figures import Picture, grouped_bars
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_00_envelope import (
    ANSWER_BYTES,
    INDEX_SHARE,
    INTERACTION_BYTES,
    PARAMS,
    QUESTION_BYTES,
    RECORD_BYTES,
    REQUESTS,
    TOKENS,
    USERS,
    Envelope,
    envelope,
    point_results,
    results,
)
from estimator.lesson.lesson_00_exercises import EXERCISES, fleet_of, rate_of, traffic_of
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.progress import TASKS
from estimator.lesson.prose import Prose
from estimator.lesson.tables import Bar, Table, Unbroken, assumptions, comparison
from estimator.serving import accelerators, compute_seconds
from estimator.units import (
    BITS_PER_BYTE,
    DAY,
    DAYS_PER_MONTH,
    GB,
    MB,
    GiB,
    bytes_text,
    number_text,
    quantity_text,
    share_text,
    size_text,
)

__all__ = [
    "EXERCISES", "envelope", "fleet_of", "point_results", "rate_of", "results", "traffic_of",
]  # fmt: skip

SHOWN = ("A100-SXM-80GB", "H100-SXM", "H200-SXM", "MI300X", "L4", "TPU-v5e")
NOTES = f"{COURSE}, from readers' notes"


def envelope_assumptions() -> Table:
    """What the envelope takes for granted."""
    a100 = catalog.accelerator("A100-SXM-80GB")
    record, interaction, question, answer = (
        bytes_text(size, decimals=None)
        for size in (RECORD_BYTES, INTERACTION_BYTES, QUESTION_BYTES, ANSWER_BYTES)
    )
    return assumptions(
        (
            ("users who come every day", number_text(USERS), COURSE),
            ("requests of a user a day", number_text(REQUESTS), COURSE),
            ("a user's record", record, COURSE),
            ("a stored interaction", interaction, COURSE),
            ("index over the interactions", share_text(INDEX_SHARE), COURSE),
            ("a question on the network", question, NOTES),
            ("an answer on the network", answer, NOTES),
            ("parameters of the model", f"{number_text(PARAMS)}, of 16 bits each", COURSE),
            ("tokens of an answer", number_text(TOKENS), NOTES),
            (
                "text of so many tokens",
                size_text(answer_bytes(TOKENS)),
                f"{answer_bytes(1)} bytes a token, a rule of thumb for English",
            ),
            ("work for a token", "2 FLOP a parameter", "Kaplan et al. 2020, section 2.1"),
            ("load over the day", "even", NOTES),
            (
                "an accelerator",
                f"an A100 at {quantity_text(a100.flops_per_s[16], 'FLOP/s')}",
                NOTES,
            ),
            ("use of the accelerators", "full rate, all the time", NOTES),
        )
    )


def envelope_table(e: Envelope) -> Table:
    """An envelope as a table, a line each."""
    rows = (
        ("model", quantity_text(e.weight_bytes, "byte"), "01"),
        ("user profiles", quantity_text(e.profile_bytes, "byte"), "02"),
        ("interactions with index, a day", quantity_text(e.daily_bytes, "byte"), "02"),
        ("interactions with index, a month", quantity_text(e.monthly_bytes, "byte"), "02"),
        ("requests", quantity_text(e.requests_per_s, "request/s"), "04"),
        ("arithmetic of a request", quantity_text(e.compute_seconds, "s"), "04"),
        ("accelerators, at least", quantity_text(e.accelerators, "accelerator"), "04"),
        ("traffic in", quantity_text(e.ingress_bits_per_s, "bit/s"), "04"),
        ("traffic out", quantity_text(e.egress_bits_per_s, "bit/s"), "04"),
    )
    return Table(("what", "how much", "lesson"), rows, "The envelope")


def published_table(e: Envelope) -> Table:
    """The course's printed figures beside the computed ones."""
    published = (
        ("model", "6 GB", 6e9, e.weight_bytes, "byte", ""),
        ("user profiles", "1 TB", 1e12, e.profile_bytes, "byte", ""),
        ("interactions a day", "2.5 GB", 2.5e9, e.daily_bytes, "byte",
         "; the calculator's unit is a slip: its text says TB"),
        ("requests", "11,574 a second", 11_574, e.requests_per_s, "request/s", ""),
        ("arithmetic of a request", "9.6 ms", 9.6e-3, e.compute_seconds, "s", ""),
        ("accelerators", "112", 112, e.accelerators, "accelerator",
         f"; {e.requests_per_s * e.compute_seconds:.2f}, rounded up; a floor, see lesson 04"),
        ("traffic in", "185 Mbps", 185e6, e.ingress_bits_per_s, "bit/s", ""),
        ("traffic out", "926 Mbps", 926e6, e.egress_bits_per_s, "bit/s", ""),
    )  # fmt: skip
    return comparison(
        (name, printed, value, unit, f"ratio {number_text(value / figure)}{why}")
        for name, printed, figure, value, unit, why in published
    )


def units_table() -> Table:
    """The pairs of units that get mixed up."""
    rows = (
        ("bits and bytes", f"1 byte = {BITS_PER_BYTE} bits", "networks count bits, disks bytes"),
        ("KB, MB, GB, TB", "each 1,000 of the one before", "storage and traffic are sold in them"),
        ("KiB, MiB, GiB, TiB", "each 1,024 of the one before", "memory is made in them"),
        ("GB and GiB", f"{number_text(GB)} and {number_text(GiB)} bytes", "a GiB is 7 % more"),
        ("a day and a second", f"1 day = {number_text(DAY)} seconds", "rates are per second"),
        ("a month", f"{DAYS_PER_MONTH} days", "the course counts months so"),
    )
    headers = ("pair", "how they relate", "why it matters")
    return Table(headers, rows, "Units", left=frozenset(headers[1:]))


def heart_table() -> Table:
    """Numbers worth knowing by heart, each with its source."""
    wanted = ("hdd_read", "nvme_pcie4_read", "ethernet_10g", "ethernet_100g", "pcie5_x16",
              "rtt_data_centre", "rtt_intercontinental")  # fmt: skip
    rates = [catalog.rate(key) for key in wanted]
    rows = [("seconds of a day", number_text(DAY), "by definition")]
    for names in (("FP32",), ("FP16", "BF16"), ("INT8",), ("INT4",)):
        same = [catalog.precision(name) for name in names]
        size, sources = same[0].bits_per_weight / BITS_PER_BYTE, [p.source for p in same]
        label = f"bytes of a parameter at {' or '.join(names)}"
        rows.append((label, f"{size:g}", "; ".join(dict.fromkeys(sources))))
    rows += [(rate.meaning, quantity_text(rate.value, rate.unit), rate.source) for rate in rates]
    headers = ("what", "how much", "source")
    return Table(headers, rows, "Numbers to know by heart", left=frozenset({"source"}))


def accelerator_table() -> Table:
    """Accelerators worth knowing: memory, bandwidth and dense 16-bit rate, with sources."""
    rows = [
        (a.name, f"{a.sold_bytes // GB} GB", Unbroken(quantity_text(a.bytes_per_s, "byte/s")),
         Unbroken(quantity_text(a.flops_per_s[16], "FLOP/s")), a.source)
        for a in map(catalog.accelerator, SHOWN)
    ]  # fmt: skip
    headers = ("accelerator", "memory as sold", "memory bandwidth", "16-bit rate, dense", "source")
    return Table(headers, rows, "Accelerators", left=frozenset({"source"}))


def your_envelope(given: Inputs) -> Prose:
    """The reader's service in one paragraph that follows the reader's numbers."""
    e = envelope(**given.as_dict())
    each = "" if given.users == 1 else " each"
    sent, back, stored, text = (
        size_text(size)
        for size in (
            QUESTION_BYTES, ANSWER_BYTES, INTERACTION_BYTES, answer_bytes(given.output_tokens)
        )
    )  # fmt: skip
    return Prose(
        f"**{quantity_text(given.users, 'user')}, "
        f"{quantity_text(given.requests_per_user, 'request')} a day{each}.** "
        f"That is {quantity_text(e.requests_per_s, 'request/s')}, at least "
        f"{quantity_text(e.accelerators, 'accelerator')} of type {given.accelerator}, "
        f"{bytes_text(e.daily_bytes)} of interactions a day, and "
        f"{quantity_text(e.egress_bits_per_s, 'bit/s')} of answers. "
        f"The bytes of a request are the example's ({sent} in, {back} out, {stored} stored), and "
        "stay so when you change the length of the answer. The text of "
        f"{quantity_text(given.output_tokens, 'token')} alone is {text}: lesson 04 counts that. "
        "A service of pictures or videos gives no tokens: its size stands in lesson 05."
    )


TASK = "find how many users, at 10 requests a day, make 1,000 requests a second."


def envelope_answer(
    users: float, requests_per_user: float, n_params: float, bits_per_weight: float,
    output_tokens: float, accelerator: str,
) -> Answer:  # fmt: skip
    """The panel's answer: the envelope, with each accelerator's count as a bar, and the task."""
    given = {
        "users": users, "requests_per_user": requests_per_user, "n_params": n_params,
        "bits_per_weight": bits_per_weight, "output_tokens": output_tokens,
    }  # fmt: skip
    e = envelope(**given, accelerator=accelerator)
    sentence = (
        f"{quantity_text(e.requests_per_s, 'request/s')} need at least "
        f"{quantity_text(e.accelerators, 'accelerator')} of type {accelerator}; a day adds "
        f"{bytes_text(e.daily_bytes)}."
    )
    solved, score = _task(e.requests_per_s, requests_per_user)
    return Answer(
        sentence, (envelope_table(e), count_table(e.requests_per_s, given)), score, solved
    )


def counts_elsewhere(rate: float, n_params: float, output_tokens: float) -> dict[str, float]:
    """Fewest accelerators of each type that the arithmetic alone needs."""
    counts = {}
    for name in SHOWN:
        flops_per_s = catalog.accelerator(name).flops_per_s[16]
        counts[name] = accelerators(rate, compute_seconds(n_params, output_tokens, flops_per_s))
    return counts


def count_chart(rate: float, n_params: float, output_tokens: float) -> Picture:
    """The same load on each of the accelerators, as bars, the shortest first."""
    counts = counts_elsewhere(rate, n_params, output_tokens)
    counts = dict(sorted(counts.items(), key=lambda each: each[1]))
    said = "; ".join(f"{name} {number_text(count)}" for name, count in counts.items())
    return grouped_bars(
        list(counts),
        {"at least": list(counts.values())},
        title="One load: few fast accelerators, or many small ones",
        axis="accelerators, at least",
        texts={"at least": [number_text(count) for count in counts.values()]},
        alt=f"Bars of the fewest accelerators for {quantity_text(rate, 'request/s')}: {said}.",
    )


def count_table(rate: float, given: Mapping[str, float]) -> Table:
    """Fewest accelerators of each type that the arithmetic alone needs, as bars."""
    counts = counts_elsewhere(rate, given["n_params"], given["output_tokens"])
    most = max(*counts.values(), 1)
    rows = [(name, Bar(count / most, number_text(count))) for name, count in counts.items()]
    headers = ("accelerator", "at least")
    return Table(headers, rows, "The same load elsewhere", left=frozenset(headers))


def _task(rate: float, requests_per_user: float) -> tuple[bool, str]:
    if requests_per_user != 10:
        return False, "set the requests of a user to 10 a day."
    told = number_text(rate)
    have = f"{told} request" if told == "1" else f"{told} requests"
    if abs(rate - 1000) <= 5:
        return True, f"{have} a second."
    return False, f"{have} a second, {number_text(rate / 1000)} times the target."


def envelope_panel(given: Inputs) -> Panel:
    """The lesson's panel, starting at the reader's inputs."""
    names = {name: name for name in SHOWN} | {given.accelerator: given.accelerator}
    controls = (
        Number("users", given.users, 0.1, 1000, step=0.1, log=True, scale=MB,
               scale_name="in millions"),
        Number("requests_per_user", given.requests_per_user, 0, 100),
        Number("n_params", given.n_params, 0.1, 1000, step=0.1, log=True, scale=GB,
               scale_name="in billions"),
        Number("bits_per_weight", given.bits_per_weight, 1, 32, step=1),
        Number("output_tokens", given.output_tokens, 0, 4000, step=10),
        Choice("accelerator", "Accelerator", names, given.accelerator,
               "The hardware that serves; it sets the compute rate"),
    )  # fmt: skip
    return Panel(TASKS["00"], TASK, controls, envelope_answer)
