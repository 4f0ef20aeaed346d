"""Kinds of lesson 04: requests, the three bounds, a fleet with reserve, traffic."""

from __future__ import annotations

from estimator import catalog
from estimator.bandwidth import network_links, streamed_bytes, traffic_bits_per_s
from estimator.catalog.shapes import shape
from estimator.lesson import lesson_04_exercises as lesson_04
from estimator.lesson.exercise_sheets.kind import Kind, kind, pose
from estimator.lesson.exercise_sheets.numbers import (
    BATCHES,
    CHIPS,
    DENSE,
    LARGE_CHIPS,
    OUTPUTS,
    PER_DAY,
    RATES,
    ROUND_SIZES,
    USERS,
    bandwidth,
    percent,
    speed,
)
from estimator.lesson.exercises import Exercise, slips
from estimator.model_storage import weight_bytes
from estimator.serving import (
    balance_batch,
    bandwidth_step_seconds,
    batch_within_target,
    capacity_accelerators,
    compute_step_seconds,
    peak_requests_per_s,
    planned_accelerators,
    prefill_floor_seconds,
    queue_seconds,
    requests_in_flight,
    requests_per_s,
    roofline_step_seconds,
    sustained_requests_per_s,
    tokens_per_s,
)
from estimator.units import (
    BITS_PER_BYTE,
    DAY,
    GB,
    MB,
    MINUTE,
    bytes_text,
    number_text,
    seconds_text,
    size_text,
)

CACHES = tuple(n * MB for n in (50, 80, 120, 200, 300, 450))
LENGTHS = (2, 3, 4, 5, 6, 8, 10, 12, 15)


@kind("04", users=USERS, per_day=PER_DAY, factor=(2, 3, 4, 5))
def peak_of(users: int, per_day: int, factor: int) -> Exercise:
    """Requests a second of the busiest hour."""
    mean = requests_per_s(users, per_day)
    right = peak_requests_per_s(mean, factor)
    return pose(
        "The rate of the busiest hour",
        f"{number_text(users)} people make {per_day} requests a day each, and the busiest hour "
        f"brings {factor} times the mean. How many requests a second is that?",
        "peak_requests_per_s",
        right,
        f"{number_text(users)} x {per_day} / {number_text(DAY)} x {factor} = {{answer}}.",
        (mean, "That is the mean of the day: the busiest hour brings more."),
        *slips("request/s", right, DAY, MINUTE),
        (right / per_day, f"That is one request each: they make {per_day}."),
        (mean / factor, "Divided by the factor: the busiest hour brings more, not less."),
        tolerance=0.02,
    )


@kind("04", rate=RATES, seconds=LENGTHS)
def in_flight(rate: int, seconds: int) -> Exercise:
    """Requests in a service at the same time."""
    right = requests_in_flight(rate, seconds)
    return pose(
        "How many at the same time?",
        f"{rate} requests come in a second, and each stays {seconds} seconds in the service. How "
        "many are in it at the same time, on average?",
        "requests_in_flight",
        right,
        f"Little's law: {rate} x {seconds} = {{answer}}.",
        (rate, "That is what comes in a second: each stays longer than one."),
        (rate / seconds, "Divided instead of multiplied: who stays longer is met more often."),
        (right * 60, "That takes minutes for seconds: both are in seconds here."),
        (2 * right, "Twice too many: each request is in the service once."),
    )


@kind("04", held=tuple(n * 100 for n in (2, 3, 4, 6, 9, 12)), seconds=LENGTHS)
def rate_of_a_crowd(held: int, seconds: int) -> Exercise:
    """Rate that goes with requests in flight."""
    right = sustained_requests_per_s(1, held, seconds)
    return pose(
        "The rate behind a crowd",
        f"A service holds {number_text(held)} requests at the same time, and each stays {seconds} "
        "seconds. At which rate do they come and go?",
        "sustained_requests_per_s",
        right,
        f"Little's law, solved for the rate: {number_text(held)} / {seconds} s = {{answer}}.",
        (held * seconds, "Multiplied: who stays longer makes the rate smaller."),
        (held, "That lets each stay one second."),
        *slips("request/s", right, MINUTE),
        (right / 60, "That takes minutes for seconds: both are in seconds here."),
    )


@kind("04", key=DENSE, name=LARGE_CHIPS, cache=CACHES, batch=BATCHES)
def reading_a_step(key: str, name: str, cache: int, batch: int) -> Exercise:
    """Seconds to read what a step needs."""
    s, chip = shape(key), catalog.accelerator(name)
    held = weight_bytes(s.n_params)
    shares = 8
    right = bandwidth_step_seconds(held, chip.bytes_per_s, cache, batch, shares)
    return pose(
        "What a step reads",
        f"{s.name} at BF16 takes {number_text(held)} bytes, and each of {batch} sequences has a "
        f"cache of {size_text(cache)}. {shares} {name} share both evenly, each at "
        f"{bandwidth(chip)}. How many seconds does reading for a decode step take at the least?",
        "bandwidth_step_seconds",
        right,
        f"({number_text(held)} + {batch} x {number_text(cache)}) bytes / ({shares} x "
        f"{bandwidth(chip)}) = {{answer}}.",
        (bandwidth_step_seconds(held, chip.bytes_per_s, 0, 1, shares), "A step reads the caches, "
         "too, not only the weights."),
        (bandwidth_step_seconds(batch * held, chip.bytes_per_s, cache, batch, shares), "That reads "
         "the weights for each sequence anew: a batch shares them."),
        (right * shares, f"That is one accelerator: {shares} read at the same time."),
        (right * BITS_PER_BYTE, "Both are in bytes: no factor of eight is needed."),
        (bandwidth_step_seconds(held, chip.bytes_per_s, cache, 1, shares), "That is the cache of "
         "one sequence: a step reads all of them."),
    )  # fmt: skip


@kind("04", n_params=ROUND_SIZES, batch=BATCHES, name=CHIPS)
def computing_a_step(n_params: int, batch: int, name: str) -> Exercise:
    """Seconds of a step's arithmetic."""
    chip = catalog.accelerator(name)
    right = compute_step_seconds(n_params, batch, chip.flops_per_s[16])
    return pose(
        "What a step computes",
        f"A model of {number_text(n_params)} parameters gives each of {batch} sequences one more "
        f"token on {name}, {speed(chip)}. How many seconds of arithmetic is that at the full rate?",
        "compute_step_seconds",
        right,
        f"2 x {number_text(n_params)} x {batch} FLOP / {speed(chip)} = {{answer}}.",
        (right / batch, "That is one sequence: each of the batch gets a token."),
        (right / 2, "Twice too small: a parameter costs a multiplication and an addition."),
        (3 * right, "Six operations a parameter are training; a token takes two."),
        *slips("s", right, 1000),
    )


@kind("04", name=(*CHIPS, "V100-SXM2-32GB", "RTX-4090", "TPU-v4", "TPU-v5e", "TPU-v5p"),
      width=(4, 8, 16))  # fmt: skip
def balance_of(name: str, width: int) -> Exercise:
    """The batch at which computing takes as long as reading."""
    chip = catalog.accelerator(name)
    right = balance_batch(chip.flops_per_s[16], chip.bytes_per_s, width)
    return pose(
        "Where the roof bends",
        f"{name} computes {speed(chip)} and reads {bandwidth(chip)}. Weights have {width} bits "
        "and are computed with at that rate. With how many sequences does the arithmetic of a step "
        "take as long as reading the weights? Two digits are enough.",
        "balance_batch",
        right,
        f"{speed(chip)} x {width} bits / (2 x 8 x {bandwidth(chip)}) = {{answer}}.",
        (2 * right, "Twice too many: a parameter costs two operations."),
        (right * 16 / width, f"That takes two bytes a weight: these have {width} bits."),
        (right / 2, "Half of it: look at the bytes of a weight once more."),
        (right * BITS_PER_BYTE, "A factor of eight: bits of a weight are an eighth of a byte."),
        tolerance=0.05,
    )


@kind("04", n_params=ROUND_SIZES, batch=(8, 32, 64, 128, 256, 512), name=CHIPS)
def the_longer_of_two(n_params: int, batch: int, name: str) -> Exercise:
    """Seconds of a step by the roofline."""
    chip = catalog.accelerator(name)
    computing = compute_step_seconds(n_params, batch, chip.flops_per_s[16])
    reading = bandwidth_step_seconds(weight_bytes(n_params), chip.bytes_per_s)
    right = roofline_step_seconds(computing, reading)
    return pose(
        "Computing or reading?",
        f"{name} computes {speed(chip)} and reads {bandwidth(chip)}, both at the same time. A "
        f"model of {number_text(n_params)} parameters at BF16 makes a step for {batch} sequences "
        "with negligible caches. How many seconds does it take at the least?",
        "roofline_step_seconds",
        right,
        f"Arithmetic takes {seconds_text(computing)}, reading the weights {seconds_text(reading)}; "
        "the longer of the two: {answer}.",
        (min(computing, reading), "That is the shorter of the two: a step waits for the longer."),
        (computing + reading, "Added: a step computes while it reads."),
        (reading * batch, "That reads the weights for each sequence anew: a batch shares them."),
        (right / 2, "Half of it: two operations a parameter, and two bytes."),
    )


@kind("04", n_params=ROUND_SIZES, prompt=(500, 800, 1000, 2000, 4000, 8000), name=CHIPS)
def reading_a_prompt(n_params: int, prompt: int, name: str) -> Exercise:
    """Seconds of arithmetic of a prompt."""
    chip = catalog.accelerator(name)
    right = prefill_floor_seconds(n_params, prompt, chip.flops_per_s[16])
    return pose(
        "Before the first token",
        f"A model of {number_text(n_params)} parameters takes in a prompt of {number_text(prompt)} "
        f"tokens on {name}, {speed(chip)}. How many seconds of arithmetic is that at the full "
        "rate?",
        "prefill_floor_seconds",
        right,
        f"2 x {number_text(n_params)} x {number_text(prompt)} FLOP / {speed(chip)} = {{answer}}.",
        (right / prompt, "That is one token: the prompt has many."),
        (right / 2, "Twice too small: a parameter costs a multiplication and an addition."),
        (3 * right, "Six operations a parameter are training; a prompt takes two."),
        (weight_bytes(n_params) / chip.bytes_per_s, "That is reading the weights once: a prompt "
         "is bound by its arithmetic."),
        *slips("s", right, 1000),
    )  # fmt: skip


@kind("04", batch=BATCHES, milliseconds=(12, 15, 20, 25, 30, 40, 50))
def tokens_of_a_batch(batch: int, milliseconds: int) -> Exercise:
    """Tokens a second of a replica."""
    right = tokens_per_s(batch, milliseconds / 1000)
    return pose(
        "Tokens of a batch",
        f"A replica makes a step in {milliseconds} ms, and each step gives every one of {batch} "
        "sequences a token. How many tokens a second is that?",
        "tokens_per_s",
        right,
        f"{batch} / {milliseconds / 1000:g} s = {{answer}}.",
        (right / batch, "That is one sequence: each of the batch gets a token."),
        (batch / milliseconds, "Milliseconds were taken for seconds: a second has 1,000 of them."),
        (batch * milliseconds, "Multiplied: longer steps make fewer tokens."),
        *slips("token/s", right, MINUTE),
    )


@kind("04", held=tuple(range(130, 1800, 90)), each=(18, 24, 28, 36, 45), shares=(1, 2, 4))
def fleet_by_memory(held: int, each: int, shares: int) -> Exercise:
    """Accelerators whose memory takes the requests in flight."""
    right = capacity_accelerators(held, each, shares)
    group = f"{shares} accelerators" if shares > 1 else "one accelerator"
    return pose(
        "What the memory asks for",
        f"{number_text(held)} requests are in flight, and a replica of {group} has room for the "
        f"caches of {each}. How many accelerators hold them all?",
        "capacity_accelerators",
        right,
        f"{number_text(held)} / {each}, rounded up, are {right // shares} replicas: {{answer}}.",
        (right - shares, "Rounded down: the last requests need a replica, too."),
        (right // shares, f"These are replicas: each has {shares} accelerators."),
        (-(-held * shares // each), "Round up the replicas, then count their accelerators."),
        (held, "That gives each request a replica of its own: one takes many."),
        (right + shares, "One replica too many: round up once, and add nothing to it."),
    )


@kind("04", busy=tuple(range(23, 190, 13)), use=(0.5, 0.6, 0.65, 0.7, 0.8), spare=(2, 4, 8))
def fleet_with_reserve(busy: int, use: float, spare: int) -> Exercise:
    """Accelerators of a fleet that is never full and has spares."""
    right = planned_accelerators(busy, use, spare)
    return pose(
        "A fleet with reserve",
        f"The peak keeps {busy} accelerators busy. The fleet shall be {percent(use)} busy at the "
        f"peak, and {spare} more shall stand by for failures. How many accelerators is that?",
        "planned_accelerators",
        right,
        f"{busy} / {use:g}, rounded up, and {spare} more: {{answer}}.",
        (right - spare, f"The spares are missing: {spare} more stand by."),
        (busy + spare, f"That fleet is full at the peak: it shall be {percent(use)} busy."),
        (round(busy * use) + spare, "Multiplied by the share: that makes the fleet smaller."),
        (planned_accelerators(busy, 1 - use, spare), "Divided by the reserve: divide by the share "
         "that is busy."),
        (planned_accelerators(busy + spare, use), "The spares do no work: add them at the end."),
        (right - 1, "Rounded down: the fleet would be busier than it shall be."),
    )  # fmt: skip


@kind("04", milliseconds=(40, 60, 80, 120, 150, 200, 300),
      use=(0.4, 0.6, 0.7, 0.75, 0.8, 0.85, 0.95))  # fmt: skip
def wait_in_line(milliseconds: int, use: float) -> Exercise:
    """Mean wait before a server that is busy for a share of the time."""
    right = queue_seconds(milliseconds / 1000, use)
    return pose(
        "Waiting in line",
        f"One server takes {milliseconds} ms for a request on average and is busy {percent(use)} "
        "of the time; arrivals and lengths are random. How many seconds does a request wait before "
        "its turn, on average?",
        "queue_seconds",
        right,
        f"{milliseconds / 1000:g} s x {use:g} / (1 - {use:g}) = {{answer}}.",
        (milliseconds / 1000 / (1 - use), "That counts its own service as well: the wait alone is "
         "asked for."),
        (milliseconds / 1000 * use, "That leaves out that the line grows without end near 100 %: "
         "divide by the idle share."),
        (milliseconds / 1000 * (1 - use) / use, "Upside down: a busier server lets one wait "
         "longer."),
        *slips("s", right, 1000),
    )  # fmt: skip


@kind("04", tokens=OUTPUTS, event_bytes=(120, 180, 250, 300), rate=RATES)
def streamed_traffic(tokens: int, event_bytes: int, rate: int) -> Exercise:
    """Bits a second of streamed answers."""
    answer = streamed_bytes(tokens, event_bytes)
    right = traffic_bits_per_s(rate, answer)
    return pose(
        "Streamed, token by token",
        f"{rate} answers a second of {number_text(tokens)} tokens are streamed, each token in an "
        f"event of its own: 4 bytes of text and {event_bytes} bytes around it. How many bits a "
        "second leave the service?",
        "traffic_bits_per_s",
        right,
        f"{rate} x {number_text(tokens)} x (4 + {event_bytes}) bytes x 8 = {{answer}}.",
        *slips("bit/s", right, 1 / BITS_PER_BYTE),
        (traffic_bits_per_s(rate, 4 * tokens), "That is the text alone: each token travels in an "
         "event."),
        (traffic_bits_per_s(rate, 4 * tokens + event_bytes), "That sends one event for the whole "
         "answer: each token has its own."),
        (right / rate, f"That is one answer: {rate} leave in a second."),
    )  # fmt: skip


@kind("04", rate=(24_000, 36_000, 52_000, 80_000, 120_000), kilobytes=(60, 90, 150, 220, 350),
      gbit=(10, 25, 40))  # fmt: skip
def links_of(rate: int, kilobytes: int, gbit: int) -> Exercise:
    """Links that carry answers."""
    traffic = traffic_bits_per_s(rate, kilobytes * 1000)
    right = network_links(traffic, gbit * 10**9)
    return pose(
        "Links to order",
        f"{number_text(rate)} answers of {kilobytes} KB leave in a second. How many links of "
        f"{gbit} Gbit/s carry them, full to the brim?",
        "network_links",
        right,
        f"{number_text(traffic)} bit/s / {gbit} Gbit/s = {number_text(traffic / gbit / 1e9)}, "
        "rounded up: {answer}.",
        (network_links(traffic / BITS_PER_BYTE, gbit * 10**9), "Links are sold in bits, and these "
         "are bytes: eight bits to a byte."),
        (right - 1, "Rounded down: the rest needs a link as well."),
        (network_links(traffic * BITS_PER_BYTE, gbit * 10**9), "Multiplied by eight once too "
         "often."),
        (right + 1, "One too many: the links may be full to the brim here."),
    )  # fmt: skip


@kind("04", key=("llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "llama-2-13b"), name=LARGE_CHIPS,
      cache=CACHES, target=(15, 20, 25, 30, 40, 50))  # fmt: skip
def batch_in_time(key: str, name: str, cache: int, target: int) -> Exercise:
    """The largest batch within a target time a token."""
    s, chip = shape(key), catalog.accelerator(name)
    held = weight_bytes(s.n_params)
    right = batch_within_target(target / 1000, held, cache, chip.bytes_per_s)
    return pose(
        "As many as the clock allows",
        f"A step may take {target} ms. {name} reads {bandwidth(chip)}; the weights of {s.name} are "
        f"{number_text(held)} bytes, and a sequence has a cache of {size_text(cache)}. How many "
        "sequences can a step read for?",
        "batch_within_target",
        right,
        f"{target} ms x {bandwidth(chip)} are {bytes_text(target / 1000 * chip.bytes_per_s)}; less "
        f"the weights, divided by {size_text(cache)}, rounded down: {{answer}}.",
        (batch_within_target(target / 1000, 0, cache, chip.bytes_per_s), "The weights are read in "
         "each step, too."),
        (right + 1, "Rounded up: the last sequence would be too late."),
        (batch_within_target(target / 1000, held * right, cache, chip.bytes_per_s), "The weights "
         "are read once a step, and not for each sequence."),
        (batch_within_target(target / 500, held, cache, chip.bytes_per_s), "That takes twice the "
         "time that a step may take."),
    )  # fmt: skip


KINDS = (
    Kind("04", lesson_04.peak_fleet, {
        "users": USERS, "requests_per_user": (4, 6, 8), "peak_factor": (2, 3, 4),
        "n_params": ROUND_SIZES, "output_tokens": OUTPUTS,
        "name": ("L4", "L40S", "A100-SXM-80GB", "H100-SXM")}),
    Kind("04", lesson_04.picture_traffic, {
        "users": USERS, "requests_per_user": (2, 3, 4, 6),
        "picture_bytes": (500_000, 800_000, 1_200_000, 2_000_000)}),
    Kind("04", lesson_04.batch_in_memory, {
        "share": (0.8, 0.85, 0.9, 0.95), "working_bytes": (2 * GB, 3 * GB, 5 * GB),
        "tokens": (1024, 2048, 3000, 4096, 6000, 8192)}),
    Kind("04", lesson_04.readers_needed, {
        "rate": RATES, "output_tokens": OUTPUTS, "mean_tokens": (500, 600, 800, 1200),
        "batch": (16, 24, 32, 48), "name": ("H100-PCIe", "H100-SXM", "H200-SXM")}),
    peak_of, in_flight, rate_of_a_crowd, reading_a_step, computing_a_step, balance_of,
    the_longer_of_two, reading_a_prompt, tokens_of_a_batch, fleet_by_memory, fleet_with_reserve,
    wait_in_line, streamed_traffic, links_of, batch_in_time,
)  # fmt: skip
