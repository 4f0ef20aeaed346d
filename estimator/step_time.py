"""The time of a step: what a served token costs, part by part.

A step reads the weights and every sequence's cache, multiplies, exchanges vectors between
accelerators, and pays a fixed cost for every layer and every sequence. Prompts share the steps:
each token of a request waits for the prompts that arrive while it is generated.

Nine constants (`catalog/step_constants.json`) are fitted on measured runs; everything else is a
fact of the model, the accelerator or the load.
"""

from __future__ import annotations

from estimator.arithmetic import Number, ceil, log2, maximum, minimum
from estimator.formula import COUNTED, formula

ROOFLINE = "roofline: Williams, Waterman, Patterson 2009; the constants: tools/fit_step_time.py"
CLOSED = "a closed loop of B requests; held against ttft_ms of catalog/measured_serving.csv"
CHUNK_TOKENS = 8192
"""Prompt tokens that an engine takes into one step; assumed, engines set it for themselves."""


@formula(source="a step reads what it computes with, once")
def step_weight_bytes(
    dense_read_bytes: Number, expert_read_bytes: Number, experts_touched: Number
) -> Number:
    """Weights that one accelerator reads in a step: all but the experts, and the touched experts.

    >>> step_weight_bytes(8_000_000_000, expert_read_bytes=100_000_000, experts_touched=16)
    9600000000
    """
    weight_bytes = dense_read_bytes + expert_read_bytes * experts_touched
    return weight_bytes


@formula(source="each new token attends to all earlier ones, in a window layer to the last w")
def sequence_cache_bytes(
    cache_bytes_per_token: Number,
    tokens: Number,
    window_cache_bytes_per_token: Number = 0,
    window: Number = 1,
) -> Number:
    """Cache that one accelerator reads of one sequence in a step.

    >>> sequence_cache_bytes(32_768, tokens=1536)
    50331648
    """
    full_bytes = cache_bytes_per_token * tokens
    window_bytes = window_cache_bytes_per_token * minimum(tokens, window)
    read_bytes = full_bytes + window_bytes
    return read_bytes


@formula(source=ROOFLINE)
def read_seconds(read_bytes: Number, bytes_per_s: Number, memory_efficiency: Number) -> Number:
    """Time to read bytes at the share of the bandwidth that kernels reach.

    >>> round(read_seconds(9_600_000_000, bytes_per_s=3.35e12, memory_efficiency=0.84), 5)
    0.00341
    """
    seconds = read_bytes / (bytes_per_s * memory_efficiency)
    return seconds


@formula(source=ROOFLINE)
def matmul_seconds(
    step_tokens: Number,
    wide_token_seconds: Number,
    narrow_token_seconds: Number,
    wide_expert_seconds: Number,
    narrow_expert_seconds: Number,
    compute_efficiency: Number,
    narrow_efficiency: Number,
    expert_efficiency: Number,
) -> Number:
    """Time of the matrix products: narrow numbers and scattered experts reach less of their rate.

    >>> matmul_seconds(1000, 1e-5, 0, 0, 0, 0.5, 0.4, 0.3)
    0.02
    """
    wide_seconds = wide_token_seconds + wide_expert_seconds / expert_efficiency
    narrow_seconds = narrow_token_seconds + narrow_expert_seconds / expert_efficiency
    token_time = wide_seconds / compute_efficiency + narrow_seconds / narrow_efficiency
    seconds = step_tokens * token_time
    return seconds


@formula(source="a ring sends 2 (g - 1) / g of the vector; two exchanges a layer")
def transfer_seconds(
    n_layers: Number,
    group_accelerators: Number,
    step_tokens: Number,
    token_exchange_bytes: Number,
    link_bytes_per_s: Number,
    link_efficiency: Number,
) -> Number:
    """Time in which the vectors of a step's tokens cross the links, two exchanges a layer.

    >>> round(transfer_seconds(32, 8, 4096, 8192, 450e9, 0.5), 4)
    0.0167
    """
    ring_share = 2 * (group_accelerators - 1) / group_accelerators
    sent_bytes = 2 * n_layers * ring_share * step_tokens * token_exchange_bytes
    seconds = sent_bytes / (link_bytes_per_s * link_efficiency)
    return seconds


@formula(source="latency of a tree: one hop for each doubling of the group")
def exchange_seconds(
    n_layers: Number, group_accelerators: Number, hop_seconds: Number, transfer_seconds: Number
) -> Number:
    """Time of a step's exchanges: latency that grows with the group, and the bytes.

    >>> exchange_seconds(32, group_accelerators=8, hop_seconds=4e-6, transfer_seconds=0)
    0.000768
    """
    seconds = 2 * n_layers * hop_seconds * log2(group_accelerators) + transfer_seconds
    return seconds


@formula(source="fitted: tools/fit_step_time.py")
def overhead_seconds(
    n_layers: Number,
    layer_seconds: Number,
    batch: Number,
    sequence_seconds: Number,
    n_mixture_layers: Number = 0,
    mixture_seconds: Number = 0,
) -> Number:
    """What a step costs before any byte or FLOP: kernels, routing, sampling, scheduling.

    >>> overhead_seconds(32, layer_seconds=5e-5, batch=100, sequence_seconds=1e-5)
    0.0026
    """
    layers_seconds = n_layers * layer_seconds + n_mixture_layers * mixture_seconds
    seconds = layers_seconds + batch * sequence_seconds
    return seconds


@formula(source=ROOFLINE)
def decode_step_seconds(
    weight_seconds: Number,
    matmul_seconds: Number,
    cache_seconds: Number,
    exchange_seconds: Number,
    overhead_seconds: Number,
) -> Number:
    """Time of a decode step: weights or arithmetic, whichever is longer, and then the rest.

    >>> round(decode_step_seconds(0.004, 0.001, 0.002, 0.0008, 0.0026), 4)
    0.0094
    """
    products_seconds = maximum(weight_seconds, matmul_seconds)
    seconds = products_seconds + cache_seconds + exchange_seconds + overhead_seconds
    return seconds


@formula(source="half the square of the prompt in full layers, a band of the window in others")
def prompt_attention_seconds(
    prompt_tokens: Number,
    pair_seconds: Number,
    window_pair_seconds: Number = 0,
    window: Number = 1,
) -> Number:
    """Time of a prompt's attention at the full rate: each token looks at those before it.

    >>> prompt_attention_seconds(4096, pair_seconds=1e-10)
    0.0008388608
    """
    seen_tokens = prompt_tokens / 2
    pair_time = pair_seconds * seen_tokens
    window_time = window_pair_seconds * minimum(seen_tokens, window)
    seconds = prompt_tokens * (pair_time + window_time)
    return seconds


@formula(source=ROOFLINE)
def prefill_seconds(
    matmul_seconds: Number,
    prompt_attention_seconds: Number,
    compute_efficiency: Number,
    transfer_seconds: Number,
) -> Number:
    """Time to work through one prompt: matrix products, attention, and the bytes between them.

    >>> round(prefill_seconds(0.05, 0.002, compute_efficiency=0.5, transfer_seconds=0.006), 4)
    0.06
    """
    attention_seconds = prompt_attention_seconds / compute_efficiency
    seconds = matmul_seconds + attention_seconds + transfer_seconds
    return seconds


@formula(source=CLOSED)
def prompts_waited(batch: Number) -> Number:
    """Prompts until the first token, one's own among them, where a closed loop scatters them.

    >>> prompts_waited(64)
    8.0
    """
    prompts = batch**0.5
    return prompts


@formula(source="a wave in chunks: a prompt waits for half of the wave and for its own chunk")
def wave_prompts_waited(
    batch: Number, prompt_tokens: Number, chunk_tokens: Number = CHUNK_TOKENS
) -> Number:
    """Prompts until the first token where a whole wave is prefilled before any request goes on.

    >>> wave_prompts_waited(64, prompt_tokens=1024)
    36.0
    """
    prompts_of_a_chunk = maximum(1, chunk_tokens / maximum(1, prompt_tokens))
    prompts = minimum(batch, (batch + prompts_of_a_chunk) / 2)
    return prompts


@formula(source="each token of a request waits for its share of the other prompts")
def token_seconds(
    decode_step_seconds: Number,
    prefill_seconds: Number,
    batch: Number,
    prompts_waited: Number,
    output_tokens: Number,
    pipeline_stages: Number = 1,
) -> Number:
    """Time per output token: a step, and the prompts that arrive meanwhile.

    In the life of a request every other place of the batch brings one prompt. Those that came
    before its first token delay that one; the rest spread over its tokens.

    >>> token_seconds(0.01, prefill_seconds=0.0511, batch=64, prompts_waited=8, output_tokens=512)
    0.0156
    """
    shared_prompts = maximum(0, batch - prompts_waited) / maximum(1, output_tokens - 1)
    seconds = decode_step_seconds + shared_prompts * prefill_seconds / pipeline_stages
    return seconds


@formula(source=CLOSED)
def first_token_seconds(
    prefill_seconds: Number, prompts_waited: Number, decode_step_seconds: Number
) -> Number:
    """Estimate of the time to first token with B requests always in flight: queue, prompt, a step.

    >>> first_token_seconds(0.05, prompts_waited=8, decode_step_seconds=0.01)
    0.41000000000000003
    """
    seconds = prompts_waited * prefill_seconds + decode_step_seconds
    return seconds


@formula(source="Pollaczek and Khinchine for random arrivals and equal prompts (M/D/1)")
def prefill_queue_seconds(prefill_seconds: Number, prefill_utilization: Number) -> Number:
    """Mean wait before one's own prefill when requests arrive at random: unbounded at 100 %.

    >>> prefill_queue_seconds(0.05, prefill_utilization=0.5)
    0.025
    """
    wait_seconds = prefill_seconds * prefill_utilization / (2 * (1 - prefill_utilization))
    return wait_seconds


@formula(source=f"{COUNTED}: while a request is there, every place of the batch brings a prompt")
def prompts_seconds(prefill_seconds: Number, batch: Number, pipeline_stages: Number = 1) -> Number:
    """Time of the prompts that come in the life of a request, its own among them.

    >>> prompts_seconds(0.05, batch=64), prompts_seconds(0.05, batch=64, pipeline_stages=4)
    (3.2, 0.8)
    """
    seconds = prefill_seconds * batch / pipeline_stages
    return seconds


@formula(source="its first token, then the others, and no less than the prompts between")
def request_seconds(
    first_token_seconds: Number,
    token_seconds: Number,
    output_tokens: Number,
    prompts_seconds: Number = 0,
) -> Number:
    """Time of a whole request.

    With two tokens or more the prompts are within their time; with one they alone fill it.

    >>> round(request_seconds(0.4, token_seconds=0.02, output_tokens=501), 3)
    10.4
    >>> request_seconds(0.4, token_seconds=0.02, output_tokens=1, prompts_seconds=3.2)
    3.2
    """
    by_tokens = first_token_seconds + maximum(0, output_tokens - 1) * token_seconds
    seconds = maximum(prompts_seconds, by_tokens)
    return seconds


@formula(source="the peak at the target utilization, and the spare that survives failures")
def replicas_needed(
    requests_per_s: Number,
    replica_requests_per_s: Number,
    target_utilization: Number,
    spare_replicas: Number = 0,
) -> Number:
    """Replicas for a peak rate.

    >>> replicas_needed(40, replica_requests_per_s=6.15, target_utilization=0.75, spare_replicas=1)
    10
    """
    usable_per_s = replica_requests_per_s * target_utilization
    count = ceil(requests_per_s / usable_per_s) + spare_replicas
    return count


@formula(source="the relative error without its sign, so that errors cannot cancel")
def absolute_error(predicted_seconds: Number, measured_seconds: Number) -> Number:
    """How far an estimate lies from a measurement, as a share of the measurement.

    >>> absolute_error(0.0125, measured_seconds=0.01)
    0.25
    """
    error = abs(predicted_seconds / measured_seconds - 1)
    return error  # type: ignore[return-value]


@formula(
    source="Little's law, for the part of its stay in which a request gets tokens",
    divisors=("generation_seconds",),
)
def running_requests(
    requests_in_flight: Number, first_token_seconds: Number, generation_seconds: Number
) -> Number:
    """Requests that get tokens at the same time, of those in flight.

    >>> running_requests(512, first_token_seconds=30, generation_seconds=10)
    128.0
    """
    stay_seconds = first_token_seconds + generation_seconds
    running = requests_in_flight * generation_seconds / stay_seconds
    return running
