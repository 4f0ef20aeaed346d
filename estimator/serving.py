"""Lesson 4, servers: from users to requests a second to accelerators.

Every time in this module is a lower bound, taken at the full rates of a data sheet.
"""

from __future__ import annotations

from estimator.arithmetic import (
    Number,
    ceil,
    ceil_divide,
    divide,
    floor_divide,
    maximum,
    minimum,
    power,
)
from estimator.formula import COUNTED, COURSE, formula
from estimator.units import BITS_PER_BYTE, DAY

SERVERS = f"{COURSE}, 'Inference servers estimation', from readers' notes"
ROOFLINE = "Williams et al. 2009, Roofline; Pope et al. 2022, Efficiently scaling inference"


@formula(source=SERVERS)
def requests_per_s(users: Number, requests_per_user: Number) -> Number:
    """Mean requests a second: what all users ask in a day, spread evenly over it.

    >>> round(requests_per_s(100_000_000, 10))
    11574
    """
    rate = users * requests_per_user / DAY
    return rate


@formula(source=f"{COUNTED}: people sleep at night")
def peak_requests_per_s(requests_per_s: Number, peak_factor: Number) -> Number:
    """Requests a second of the busiest hour.

    >>> peak_requests_per_s(11_574, peak_factor=2)
    23148
    """
    rate = requests_per_s * peak_factor
    return rate


@formula(source=SERVERS)
def compute_seconds(n_params: Number, output_tokens: Number, flops_per_s: Number) -> Number:
    """Seconds of arithmetic for one request, two operations a parameter a token: a floor.

    >>> round(compute_seconds(3_000_000_000, 500, flops_per_s=312e12), 4)
    0.0096
    """
    seconds = 2 * n_params * output_tokens / flops_per_s
    return seconds


@formula(source=SERVERS, divisors=("compute_seconds",))
def queries_per_s(compute_seconds: Number) -> Number:
    """Requests a second of one accelerator that answers one after another.

    >>> queries_per_s(0.009615384615384616)
    104.0
    """
    rate = 1 / compute_seconds
    return rate


@formula(source=SERVERS)
def accelerators(requests_per_s: Number, compute_seconds: Number) -> Number:
    """Accelerators that keep up with the mean rate, each busy all the time: a floor.

    >>> accelerators(11574.074, compute_seconds=0.009615385)
    112
    """
    count = ceil(requests_per_s * compute_seconds)
    return count


@formula(source=ROOFLINE)
def bandwidth_step_seconds(
    weight_bytes: Number, bytes_per_s: Number, cache_bytes_per_sequence: Number = 0,
    batch: Number = 1, tensor_parallel: Number = 1,
) -> Number:  # fmt: skip
    """Seconds to read what a decode step needs: the weights once, and every sequence's cache.

    >>> round(bandwidth_step_seconds(6_000_000_000, bytes_per_s=2039e9), 6)
    0.002943
    >>> round(bandwidth_step_seconds(26e9, 820e9, 6.7e9, batch=32, tensor_parallel=8), 5)
    0.03665
    """
    read_bytes = weight_bytes + batch * cache_bytes_per_sequence
    seconds = read_bytes / (tensor_parallel * bytes_per_s)
    return seconds


@formula(source=ROOFLINE)
def generation_seconds(decode_step_seconds: Number, output_tokens: Number) -> Number:
    """Seconds of a request's answer: each token waits for the one before it.

    >>> round(generation_seconds(0.0029426, output_tokens=500), 4)
    1.4713
    """
    seconds = decode_step_seconds * output_tokens
    return seconds


@formula(source="Little 1961: requests in a system are their rate times their time in it")
def requests_in_flight(requests_per_s: Number, request_seconds: Number) -> Number:
    """Requests that are in the service at the same time.

    >>> round(requests_in_flight(11574.074, request_seconds=1.47131))
    17029
    """
    requests = requests_per_s * request_seconds
    return requests


@formula(
    source=f"{COUNTED}: Little's law, a batch of requests in each replica", divisors=("batch",)
)
def bandwidth_accelerators(
    requests_per_s: Number, generation_seconds: Number, batch: Number = 1,
    tensor_parallel: Number = 1,
) -> Number:  # fmt: skip
    """Accelerators that generate fast enough, with a batch of requests in each replica: a floor.

    >>> bandwidth_accelerators(11574.074, generation_seconds=1.4713095)
    17030
    >>> bandwidth_accelerators(11574.074, generation_seconds=1.4713095, batch=64)
    267
    """
    replicas = ceil(requests_per_s * generation_seconds / batch)
    count = replicas * tensor_parallel
    return count


@formula(source=f"{ROOFLINE}; kipply 2022, Transformer inference arithmetic")
def balance_batch(flops_per_s: Number, bytes_per_s: Number, bits_per_weight: Number = 16) -> Number:
    """Sequences at which the arithmetic of a step takes as long as reading the weights.

    >>> balance_batch(312 * 10**12, bytes_per_s=15 * 10**11)
    208
    >>> round(balance_batch(312e12, bytes_per_s=2039e9))
    153
    """
    flops_per_weight = 2
    batch = divide(flops_per_s * bits_per_weight, flops_per_weight * BITS_PER_BYTE * bytes_per_s)
    return batch


@formula(source=ROOFLINE)
def compute_step_seconds(
    n_params: Number, batch: Number, flops_per_s: Number, tensor_parallel: Number = 1
) -> Number:
    """Seconds of arithmetic for one more token of each sequence; active parameters of a mixture.

    >>> round(compute_step_seconds(3_000_000_000, batch=153, flops_per_s=312e12), 6)
    0.002942
    """
    seconds = 2 * n_params * batch / (tensor_parallel * flops_per_s)
    return seconds


@formula(source=ROOFLINE)
def roofline_step_seconds(compute_step_seconds: Number, bandwidth_step_seconds: Number) -> Number:
    """Seconds of a step that computes while it reads: the longer of the two.

    >>> roofline_step_seconds(0.002, bandwidth_step_seconds=0.003)
    0.003
    """
    seconds = maximum(compute_step_seconds, bandwidth_step_seconds)
    return seconds


@formula(source=ROOFLINE, divisors=("decode_step_seconds",))
def tokens_per_s(batch: Number, decode_step_seconds: Number) -> Number:
    """Tokens a second of a replica: each step gives every sequence one.

    >>> round(tokens_per_s(32, decode_step_seconds=0.03664634), 2)
    873.21
    """
    rate = batch / decode_step_seconds
    return rate


@formula(source=f"{COUNTED}: Little's law against memory", divisors=("sequences_that_fit",))
def capacity_accelerators(
    requests_in_flight: Number, sequences_that_fit: Number, tensor_parallel: Number = 1
) -> Number:
    """Accelerators whose memory takes all requests in flight, so many sequences to a replica.

    >>> capacity_accelerators(17_029.04, sequences_that_fit=700)
    25
    """
    count = ceil_divide(requests_in_flight, sequences_that_fit) * tensor_parallel
    return count


@formula(source=COUNTED)
def binding_accelerators(
    accelerators: Number, bandwidth_accelerators: Number, capacity_accelerators: Number
) -> Number:
    """Accelerators by the bound that asks for most: compute, bandwidth or capacity.

    >>> binding_accelerators(112, bandwidth_accelerators=134, capacity_accelerators=25)
    134
    """
    count = maximum(accelerators, bandwidth_accelerators, capacity_accelerators)
    return count


@formula(source=f"{COUNTED}: Little's law, before anything is rounded", divisors=("batch",))
def busy_accelerators(
    requests_per_s: Number, request_seconds: Number, batch: Number = 1,
    tensor_parallel: Number = 1,
) -> Number:  # fmt: skip
    """Accelerators that a load keeps busy, a part of one included: what a plan starts from.

    >>> round(busy_accelerators(11574.074, request_seconds=0.009615385), 2)
    111.29
    >>> busy_accelerators(100, request_seconds=2, batch=8, tensor_parallel=4)
    100.0
    """
    busy = requests_per_s * request_seconds / batch * tensor_parallel
    return busy


@formula(source=f"{COUNTED}: a fleet that is never full, and of which some may fail")
def planned_accelerators(
    busy_accelerators: Number, target_utilization: Number, spare_accelerators: Number = 0,
    tensor_parallel: Number = 1,
) -> Number:  # fmt: skip
    """Accelerators to plan, in whole replicas: those at work, and spare, at most as many again.

    >>> planned_accelerators(111.29, target_utilization=0.75, spare_accelerators=8)
    157
    >>> planned_accelerators(0.1, target_utilization=0.75, spare_accelerators=8)
    2
    """
    working = ceil_divide(busy_accelerators, target_utilization * tensor_parallel)
    spare = minimum(ceil_divide(spare_accelerators, tensor_parallel), working)
    count = (working + spare) * tensor_parallel
    return count


@formula(source="Kleinrock 1975, Queueing systems: one server, arrivals and lengths at random")
def queue_seconds(service_seconds: Number, utilization: Number) -> Number:
    """Mean wait of a request: as long as the service at 50 %, nine times it at 90 %.

    >>> queue_seconds(1, utilization=0.5), round(queue_seconds(1, utilization=0.9), 6)
    (1.0, 9.0)
    """
    seconds = service_seconds * utilization / (1 - utilization)
    return seconds


@formula(source=f"{COUNTED}: Little's law, solved for the rate", divisors=("request_seconds",))
def sustained_requests_per_s(
    accelerators: Number, batch: Number, request_seconds: Number, tensor_parallel: Number = 1
) -> Number:
    """Rate that so many accelerators keep up with, a full batch in each whole replica.

    >>> sustained_requests_per_s(17, batch=64, request_seconds=2, tensor_parallel=2)
    256.0
    """
    replicas = floor_divide(accelerators, tensor_parallel)
    rate = replicas * batch / request_seconds
    return rate


@formula(source=f"{ROOFLINE}; Baseten 2023, A guide to LLM inference and performance")
def prefill_floor_seconds(
    n_params: Number, prompt_tokens: Number, flops_per_s: Number, tensor_parallel: Number = 1
) -> Number:
    """Seconds of arithmetic for a prompt, all its tokens at once: a floor.

    >>> round(prefill_floor_seconds(7_000_000_000, 350, flops_per_s=65e12), 4)
    0.0754
    """
    seconds = 2 * n_params * prompt_tokens / (tensor_parallel * flops_per_s)
    return seconds


@formula(source=COUNTED)
def first_token_floor_seconds(prefill_floor_seconds: Number, queue_seconds: Number = 0) -> Number:
    """Seconds to the first token: the wait, and the prefill, which gives it.

    >>> first_token_floor_seconds(0.0754, queue_seconds=0.5)
    0.5754
    """
    seconds = queue_seconds + prefill_floor_seconds
    return seconds


@formula(source="Baseten 2023, A guide to LLM inference and performance")
def request_floor_seconds(first_token_floor_seconds: Number, generation_seconds: Number) -> Number:
    """Seconds of a whole request: to its first token, and a step for each token.

    >>> round(request_floor_seconds(0.0754, generation_seconds=7), 3)
    7.075
    """
    seconds = first_token_floor_seconds + generation_seconds
    return seconds


@formula(source=f"{COUNTED}: the bandwidth bound, solved for the batch",
         divisors=("cache_bytes_per_sequence",))  # fmt: skip
def batch_within_target(
    token_target_seconds: Number, weight_bytes: Number, cache_bytes_per_sequence: Number,
    bytes_per_s: Number, tensor_parallel: Number = 1,
) -> Number:  # fmt: skip
    """Most sequences whose weights and cache are read within the target; none if weights are not.

    >>> batch_within_target(0.05, 16 * 10**9, 2 * 10**8, bytes_per_s=2 * 10**12)
    420
    """
    cache_bytes = token_target_seconds * tensor_parallel * bytes_per_s - weight_bytes
    batch = floor_divide(maximum(0, cache_bytes), cache_bytes_per_sequence)
    return batch


@formula(source=f"{COUNTED}: weights and cache cut into equal parts")
def replica_accelerators(
    weight_bytes: Number, kv_cache_bytes: Number, memory_bytes: Number,
    memory_utilization: Number = 1,
) -> Number:  # fmt: skip
    """Fewest accelerators that together hold the weights and the cache: a floor.

    Engines share heads evenly, so that 2, 4, 8 and 16 are usual.

    >>> replica_accelerators(140 * 10**9, 10 * 10**9, 80 * 10**9, memory_utilization=0.9)
    3
    """
    held_bytes = weight_bytes + kv_cache_bytes
    count = ceil_divide(held_bytes, memory_utilization * memory_bytes)
    return count


@formula(source=f"{COUNTED}: each token takes k of E experts at random; real routers touch fewer")
def experts_touched(routed_experts: Number, experts_per_token: Number, batch: Number) -> Number:
    """Experts of a layer whose weights a step must read: not k for each token, for some coincide.

    >>> experts_touched(8, experts_per_token=2, batch=1)
    2.0
    >>> round(experts_touched(128, experts_per_token=4, batch=64), 1)
    111.2
    """
    missed_share = maximum(0, 1 - experts_per_token / routed_experts)
    touched = routed_experts * (1 - power(missed_share, batch))
    return touched


@formula(source="Jiang et al. 2024, Mixtral of experts")
def mixture_params(
    shared_params: Number, n_mixture_layers: Number, experts_counted: Number, expert_params: Number
) -> Number:
    """Parameters with so many experts of each layer: all are stored, a token's compute.

    >>> mixture_params(1_605_636_096, 32, experts_counted=8, expert_params=176_160_768)
    46702792704
    >>> mixture_params(1_605_636_096, 32, experts_counted=2, expert_params=176_160_768)
    12879925248
    """
    params = shared_params + n_mixture_layers * experts_counted * expert_params
    return params
