"""Lesson 00's exercises, each with the answers that go wrong."""

from __future__ import annotations

from estimator import catalog
from estimator.bandwidth import traffic_bits_per_s
from estimator.lesson.exercises import Exercise, Mistake, of_example, posed
from estimator.lesson.lesson_00_envelope import ANSWER_BYTES, PARAMS, REQUESTS, TOKENS, USERS
from estimator.serving import accelerators, compute_seconds, requests_per_s
from estimator.units import BITS_PER_BYTE, DAY, number_text, quantity_text, size_text


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
            Mistake(right * BITS_PER_BYTE, "Multiplied by eight twice: once makes bits of bytes."),
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
            Mistake(int(accelerators(rate, seconds / 2)), "That is one operation a parameter, "
                    "where a token costs two, a multiplication and an addition; or the rate for "
                    "sparse matrices, twice the one given."),
            Mistake(right - 1, "Rounded down: we count whole accelerators only, so "
                    "round up."),
            Mistake(int(accelerators(rate, seconds / output_tokens)), "That is one token a "
                    f"request: each answer has {output_tokens}."),
            *(Mistake(seconds * scale, f"That is the time of one request, in {unit}: multiply its "
                      "seconds by the requests that arrive in a second.")
              for scale, unit in ((1, "seconds"), (1000, "milliseconds"))),
            Mistake(int(accelerators(rate, 1000 * seconds)), "The milliseconds were taken for "
                    "seconds: a second has a thousand of them."),
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
