"""Lesson 00's own tables, panel and exercises: the whole envelope at once."""

from __future__ import annotations

from collections.abc import Mapping

from estimator import catalog
from estimator.bandwidth import answer_bytes, traffic_bits_per_s
from estimator.formula import COURSE
from estimator.lesson.controls import Choice, Number
from estimator.lesson.exercises import Exercise, Mistake, of_example, posed
from estimator.lesson.figures import Picture, grouped_bars
from estimator.lesson.inputs import Inputs
from estimator.lesson.lesson_00_envelope import (
    ANSWER_BYTES,
    INDEX_SHARE,
    INTERACTION_BYTES,
    QUESTION_BYTES,
    RECORD_BYTES,
    Envelope,
    envelope,
    point_results,
    results,
)
from estimator.lesson.panel import Answer, Panel
from estimator.lesson.progress import TASKS
from estimator.lesson.prose import Prose
from estimator.lesson.tables import Bar, Table, Unbroken, assumptions, comparison
from estimator.serving import accelerators, compute_seconds, requests_per_s
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

__all__ = ["envelope", "point_results", "results"]

PARAMS, TOKENS = 3 * GB, 500
USERS, REQUESTS = 100_000_000, 10
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
    wanted = ("hdd_read", "sata_ssd_read", "nvme_pcie4_read", "ethernet_10g", "ethernet_100g",
              "pcie5_x16", "rtt_data_centre", "rtt_intercontinental")  # fmt: skip
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
        f"The bytes of a request stay the example's, {sent} in, {back} out and {stored} stored, "
        f"however long the answer is: the text of {quantity_text(given.output_tokens, 'token')} "
        f"alone is {text}, and lesson 04 counts no more than that."
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


@posed
def rate_of(users: int = 20_000_000, requests_per_user: int = 5) -> Exercise:
    """Requests a second."""
    right = requests_per_s(users, requests_per_user)
    return Exercise(
        "From a day to a second",
        f"{number_text(users)} people come every day, and each makes {requests_per_user} requests. "
        "How many requests arrive in a second, on average? Two digits are enough.",
        "requests_per_s",
        right,
        (
            Mistake(right * DAY / 24, "That is an hour's worth: a day has 86,400 seconds."),
            Mistake(right * 24, "Divided by the seconds of an hour: a day has 24 of those."),
            Mistake(users / DAY, "That is one request a user: each makes several."),
            Mistake(
                users / requests_per_user / DAY,
                "Divided by the requests of a user: each adds its own, so multiply.",
            ),
            Mistake(
                requests_per_s(users, 10),
                f"That is the example's ten requests a user: here each makes {requests_per_user}.",
            ),
        ),
        f"{number_text(users)} x {requests_per_user} / {number_text(DAY)} = {number_text(right)}.",
        tolerance=0.05,
    )


@posed
def traffic_of(rate: int = 2_000, message_bytes: int = 25_000) -> Exercise:
    """Bits on a network."""
    right = traffic_bits_per_s(rate, message_bytes)
    each = size_text(message_bytes)
    return Exercise(
        "From bytes to bits",
        f"{number_text(rate)} answers a second, each {each}: how many bits a second leave the "
        "building?",
        "traffic_bits_per_s",
        right,
        (
            Mistake(right / BITS_PER_BYTE**2, "Multiplied the wrong way round: a byte is eight "
                    "bits, so there are more bits than bytes."),
            Mistake(right / 1e6, "That is the number of megabits: the answer is asked in bits."),
            Mistake(right / rate, f"That is one answer: {number_text(rate)} leave in a second."),
            *of_example(traffic_bits_per_s(rate, ANSWER_BYTES), "size of an answer",
                        size_text(ANSWER_BYTES), each),
        ),
        f"{number_text(rate)} x {number_text(message_bytes)} x 8 = "
        f"{quantity_text(right, 'bit/s')}.",
    )  # fmt: skip


@posed
def fleet_of(
    rate: int = 3_000, n_params: int = 8_000_000_000, output_tokens: int = 250,
    name: str = "H100-SXM",
) -> Exercise:  # fmt: skip
    """Accelerators for a load, at full rate."""
    flops_per_s = catalog.accelerator(name).flops_per_s[16]
    a100 = catalog.accelerator("A100-SXM-80GB").flops_per_s[16]
    seconds = compute_seconds(n_params, output_tokens, flops_per_s)
    right = int(accelerators(rate, seconds))
    example_rate = requests_per_s(USERS, REQUESTS)

    def needed(model: float = n_params, tokens: float = output_tokens, load: float = rate) -> int:
        return int(accelerators(load, compute_seconds(model, tokens, flops_per_s)))

    return Exercise(
        "From requests to accelerators",
        f"{number_text(rate)} requests a second, each answered with {output_tokens} tokens by a "
        f"model of {number_text(n_params)} parameters, on {name} at "
        f"{quantity_text(flops_per_s, 'FLOP/s')}: how many accelerators, at least?",
        "accelerators",
        right,
        (
            Mistake(int(accelerators(rate, seconds / 2)), "That is one operation a parameter: a "
                    "token costs two, a multiplication and an addition."),
            Mistake(right - 1, "Rounded down: we count whole accelerators only, so "
                    "round up."),
            Mistake(int(accelerators(rate, seconds / output_tokens)), "That is one token a "
                    f"request: each answer has {output_tokens}."),
            *(Mistake(seconds * scale, f"That is the time of one request, in {unit}: multiply its "
                      "seconds by the requests that arrive in a second.")
              for scale, unit in ((1, "seconds"), (1000, "milliseconds"))),
            Mistake(int(accelerators(rate, compute_seconds(n_params, output_tokens, a100))),
                    f"That is the A100 of the example: here they are {name}."),
            Mistake(int(accelerators(rate, 3 * seconds)), "That is the cost of training, six "
                    "operations a parameter; an answer costs two."),
            *of_example(needed(tokens=TOKENS), "length of an answer", f"{TOKENS} tokens",
                        f"{output_tokens} tokens"),
            *of_example(needed(load=example_rate), "load", quantity_text(example_rate, "request/s"),
                        quantity_text(rate, "request/s")),
            *of_example(needed(model=PARAMS), "model", quantity_text(PARAMS, "parameter"),
                        quantity_text(n_params, "parameter")),
        ),
        f"2 x {number_text(n_params)} x {output_tokens} FLOP take "
        f"{quantity_text(seconds, 's')}, and {number_text(rate)} of those in a second keep "
        f"{rate * seconds:.2f} accelerators busy: {right}.",
        rounds="up",
    )  # fmt: skip


EXERCISES = (rate_of, traffic_of, fleet_of)
