"""Lesson 04's exercises."""

from __future__ import annotations

from estimator import catalog
from estimator.bandwidth import traffic_bits_per_s
from estimator.lesson.exercises import Exercise, Mistake, posed, together
from estimator.memory import (
    kv_bytes_per_token,
    kv_pool_bytes,
    sequences_that_fit,
    tokens_that_fit,
)
from estimator.model_storage import weight_bytes
from estimator.serving import (
    accelerators,
    bandwidth_accelerators,
    bandwidth_step_seconds,
    compute_seconds,
    generation_seconds,
    peak_requests_per_s,
    planned_accelerators,
    requests_per_s,
)
from estimator.units import (
    BITS_PER_BYTE,
    DAY,
    GB,
    HOUR,
    GiB,
    number_text,
    quantity_text,
    seconds_text,
    share_text,
    size_text,
)


@posed
def peak_fleet(
    users: int = 40_000_000, requests_per_user: int = 6, peak_factor: int = 3,
    n_params: int = 8_000_000_000, output_tokens: int = 300, name: str = "H100-SXM",
) -> Exercise:  # fmt: skip
    """The compute bound of a busiest hour."""
    mean = requests_per_s(users, requests_per_user)
    peak = peak_requests_per_s(mean, peak_factor)
    each = compute_seconds(n_params, output_tokens, catalog.accelerator(name).flops_per_s[16])
    right = accelerators(peak, each)
    return Exercise(
        "The busiest hour",
        f"{number_text(users)} people make {requests_per_user} requests a day each, and the "
        f"busiest hour brings {peak_factor} times the mean. A model of {number_text(n_params)} "
        f"parameters answers with {number_text(output_tokens)} tokens on {name}, "
        f"{quantity_text(catalog.accelerator(name).flops_per_s[16], 'FLOP/s')}. How many "
        "accelerators does the arithmetic ask for in that hour?",
        "accelerators",
        right,
        together(
            Mistake(accelerators(mean, each), "That serves the mean of the day: in the busiest "
                    "hour the others would wait."),
            Mistake(right - 1, "Rounded down: the last part of the load needs an accelerator too."),
            Mistake(peak * each, "Now round up: nobody sells a part of an accelerator."),
            Mistake(accelerators(peak * DAY, each), "That takes a day's requests for a second's: "
                    "divide by the seconds of a day."),
            Mistake(accelerators(peak, 3 * each), "Six operations a parameter are training; "
                    "an answer takes two."),
            Mistake(accelerators(peak * peak_factor, each), "The peak factor was taken twice."),
            Mistake(accelerators(peak / requests_per_user, each), "That is one request of each: "
                    f"they make {requests_per_user}."),
            Mistake(accelerators(peak * DAY / HOUR, each), "That spreads a day's requests over an "
                    "hour: divide by the seconds of a day, and multiply by the peak."),
            Mistake(peak * each * 1000, "These are milliseconds of work: a second has a thousand."),
            Mistake(accelerators(peak, each / 2), "Half of it: one operation a parameter, where a "
                    "token takes two, a multiplication and an addition; or the rate for sparse "
                    "matrices, twice the dense one."),
            Mistake(accelerators(peak, each / output_tokens), "That is the arithmetic of one "
                    f"token: an answer has {number_text(output_tokens)}."),
            Mistake(accelerators(mean / peak_factor, each), "The peak factor multiplies: the "
                    "busiest hour brings more than the mean, not less."),
            Mistake(planned_accelerators(right, 0.75), "That leaves room as a plan does: asked is "
                    "the arithmetic alone."),
            Mistake(planned_accelerators(peak * each, 0.75), "That leaves room as a plan does: "
                    "asked is the arithmetic alone."),
            Mistake(right + 8, "That has spare ones, as a plan does: asked is the arithmetic "
                    "alone."),
        ),
        f"{number_text(peak)} requests a second at {seconds_text(each)} each keep "
        f"{number_text(peak * each)} accelerators busy: {number_text(right)}.",
        rounds="up",
    )  # fmt: skip


@posed
def picture_traffic(
    users: int = 5_000_000, requests_per_user: int = 4, picture_bytes: int = 1_500_000
) -> Exercise:
    """Bits a second that pictures make."""
    rate = requests_per_s(users, requests_per_user)
    right = traffic_bits_per_s(rate, picture_bytes)
    return Exercise(
        "Pictures on the wire",
        f"{number_text(users)} people ask for {requests_per_user} pictures a day each, and a "
        f"picture is {size_text(picture_bytes)}. How many bits a second "
        "leave the service, on average?",
        "traffic_bits_per_s",
        right,
        together(
            Mistake(right / requests_per_user, "That is one picture for each: they ask for more."),
            Mistake(right * DAY / HOUR, "That spreads a day's pictures over an hour: divide by the "
                    "seconds of a day."),
            Mistake(right * 2, "The peak is not asked for: on average, and one way."),
            Mistake(right * HOUR, "That is an hour's worth: bits of one second are asked for."),
            Mistake(right * BITS_PER_BYTE, "Multiplied by eight twice: a byte has eight bits."),
            Mistake(right * DAY / BITS_PER_BYTE, "These are the bytes of a day: a network counts "
                    "bits, and those of a second."),
            Mistake(right / DAY, "Divided by the seconds of a day twice: once is enough."),
            Mistake(right / requests_per_user / BITS_PER_BYTE, "These are bytes, and of one "
                    "picture for each: they ask for more, and a byte has eight bits."),
            Mistake(picture_bytes * BITS_PER_BYTE, "These are the bits of one picture: many leave "
                    "in a second."),
            Mistake(rate, "These are pictures a second: multiply by the bits of each."),
        ),
        f"{number_text(rate)} pictures a second x {number_text(picture_bytes)} bytes x 8 = "
        f"{quantity_text(right, 'bit/s')}.",
    )  # fmt: skip


@posed
def batch_in_memory(
    printed_gib: float = 79.19, share: float = 0.9, working_bytes: int = 2 * GB, tokens: int = 4096
) -> Exercise:
    """How many sequences fit beside the weights."""
    model = catalog.model("llama-3.1-8b")
    weights, per_token = weight_bytes(model.n_params), kv_bytes_per_token(32, 8, 128)

    memory = printed_gib * GiB

    def fit(memory: float, held: float, token_bytes: float, work: float = working_bytes,
            engine: float = share) -> int:  # fmt: skip
        pool = kv_pool_bytes(memory, engine, held, work, 0)
        return int(sequences_that_fit(tokens_that_fit(pool, token_bytes), tokens))

    right = fit(memory, weights, per_token)
    return Exercise(
        "A full memory",
        f"A log says that an H100 has {printed_gib} GiB, of which an engine may take "
        f"{share_text(share)}. {model.name} at BF16 takes {number_text(weights)} bytes, the work "
        f"of a step {size_text(working_bytes)}, and each token keeps "
        f"{number_text(per_token)} bytes. How many sequences of {number_text(tokens)} tokens fit "
        "at the same time?",
        "sequences_that_fit",
        right,
        together(
            Mistake(fit(printed_gib * GB, weights, per_token), "That takes GiB for GB: a GiB is 7 "
                    "% more, and so is the memory."),
            Mistake(fit(memory, 0, per_token), "The weights are in the memory, too."),
            Mistake(fit(memory, weights, per_token / 2), "That is half the cache: keys "
                    "and values are both kept, and the bytes of a token count both."),
            Mistake(right + 1, "Rounded up: the last sequence does not fit whole."),
            Mistake(fit(memory, weights, per_token, engine=1), "That gives the engine all "
                    f"of the memory: it may take {share_text(share)}."),
            Mistake(fit(memory, weights, per_token, work=0), "The work of a "
                    "step needs its room, too."),
            # The share of what is left, and of what the weights leave.
            Mistake(fit(memory, weights * share, per_token, working_bytes * share), "The "
                    f"{share_text(share)} were taken of what is left: they are of the whole "
                    "memory, before anything is taken off."),
            Mistake(fit(memory, weights * share, per_token), f"The {share_text(share)} were taken "
                    "after the weights: they are of the whole memory, before anything is taken "
                    "off."),
            Mistake(fit(memory, weights, 2 * per_token), "That counts keys and values "
                    "twice: the bytes of a token hold both already."),
            Mistake(fit(memory, weights / 2, per_token), "That takes the weights at one byte: "
                    "BF16 is two, and their bytes are given."),
            Mistake(fit(memory, weights / GiB * GB, per_token), "GB and GiB are mixed: bring "
                    "memory and weights to bytes before you subtract."),
            Mistake(fit(memory, weights / GB * GiB, per_token), "GB and GiB are mixed: bring "
                    "memory and weights to bytes before you subtract."),
            Mistake(fit(80 * GiB, weights, per_token), "The data sheet's 80 were taken: the log "
                    f"has {printed_gib} GiB."),
            Mistake(fit(memory, weights, per_token / BITS_PER_BYTE), "Eight times too "
                    "many: memory and tokens are both given in bytes."),
            Mistake(fit(memory, weights, per_token * BITS_PER_BYTE), "An eighth of it: memory and "
                    "tokens are both given in bytes."),
            Mistake(right * tokens, "These are tokens: a "
                    f"sequence has {number_text(tokens)}."),
        ),
        f"{share_text(share)} of {number_text(memory)} bytes less the rest, divided by "
        f"{number_text(tokens)} x {number_text(per_token)} bytes, rounded down: {right}.",
        rounds="down",
    )  # fmt: skip


@posed
def readers_needed(
    rate: int = 200, output_tokens: int = 400, mean_tokens: int = 600, batch: int = 32,
    name: str = "A100-SXM-80GB",
) -> Exercise:  # fmt: skip
    """The bandwidth bound at a batch."""
    model, chip = catalog.model("llama-3.1-8b"), catalog.accelerator(name)
    weights = weight_bytes(model.n_params)
    cache = kv_bytes_per_token(32, 8, 128) * mean_tokens

    def generation(cache_bytes: float, sequences: int, held: float = weights) -> float:
        step = bandwidth_step_seconds(held, chip.bytes_per_s, cache_bytes, sequences)
        return float(generation_seconds(step, output_tokens))

    def count(cache_bytes: float, sequences: int, held: float = weights) -> int:
        seconds = generation(cache_bytes, sequences, held)
        return int(bandwidth_accelerators(rate, seconds, sequences))

    right = count(cache, batch)
    arithmetic = compute_seconds(model.n_params, output_tokens, chip.flops_per_s[16])
    return Exercise(
        "What reading asks for",
        f"{rate} requests a second, {number_text(output_tokens)} tokens each. {model.name} at BF16 "
        f"({number_text(weights)} bytes) answers on {name} "
        f"({quantity_text(chip.bytes_per_s, 'byte/s')}) in batches of {batch}, and a sequence "
        f"has a cache of {number_text(cache)} bytes on average. How many accelerators does the "
        "bandwidth bound ask for?",
        "bandwidth_accelerators",
        right,
        together(
            Mistake(accelerators(rate, arithmetic), "That is the compute bound: it leaves out that "
                    "each step reads the weights and the caches."),
            Mistake(count(0, batch), "A step reads the cache of every sequence, not only the "
                    "weights."),
            Mistake(count(cache, 1), "That reads the weights for each sequence anew: a batch "
                    "shares them."),
            Mistake(bandwidth_accelerators(rate, generation(cache, batch)), "That gives each "
                    f"request an accelerator of its own: each works on {batch} at the same time."),
            Mistake(batch * right, "That gives each request an accelerator of its own: each works "
                    f"on {batch} at the same time."),
            Mistake(right - 1, "Rounded down: the last part of the load needs an accelerator too."),
            Mistake(count(cache / batch, batch), "That reads the cache of one sequence: a step "
                    f"reads all {batch} of them."),
            Mistake(count(cache, batch, 0), "A step reads the weights as well, not only the "
                    "caches."),
            Mistake(count(cache / 2, batch), "Half the cache: keys and values are both read, and "
                    "the bytes that are given count both."),
            Mistake(count(2 * cache, batch), "Twice the cache: keys and values are both in the "
                    "bytes that are given."),
            Mistake(count(cache / 2, batch, weights / 2), "Half of it: the bytes that are given "
                    "are those at BF16, and nothing is halved."),
            Mistake(bandwidth_accelerators(rate, generation(cache, batch) / output_tokens, batch),
                    f"That is one step: an answer of {output_tokens:,} tokens takes as many."),
            Mistake(bandwidth_accelerators(rate, BITS_PER_BYTE * generation(cache, batch), batch),
                    "Eight times too many: bytes are read at bytes a second, no bits."),
        ),
        f"A step reads {quantity_text(weights + batch * cache, 'byte')}; "
        f"{number_text(output_tokens)} steps take {seconds_text(generation(cache, batch))}, "
        f"so {rate} requests a second in batches of {batch} need {right}.",
        rounds="up",
    )  # fmt: skip


EXERCISES = (peak_fleet, picture_traffic, batch_in_memory, readers_needed)
