"""Lesson 04's own tables; its figure, panel and exercises have modules of their own."""

from __future__ import annotations

import json
from dataclasses import replace

from estimator import catalog
from estimator.arithmetic import ceil
from estimator.bandwidth import (
    answer_bytes,
    streamed_bytes,
    streaming_factor,
    traffic_bits_per_s,
)
from estimator.formula import COURSE
from estimator.lesson.lesson_04_bounds import bounds_table, prompt_table, target_table
from estimator.lesson.lesson_04_exercises import (
    EXERCISES,
    batch_in_memory,
    peak_fleet,
    picture_traffic,
    readers_needed,
)
from estimator.lesson.lesson_04_figures import corner, three_bounds_chart
from estimator.lesson.lesson_04_panel import (
    plan_of,
    results_of,
    row_results,
    server_panel,
    service_of,
    your_service,
)
from estimator.lesson.lesson_04_step import real_steps_table
from estimator.lesson.sizing import (
    ACTIVATION_BYTES,
    MEMORY_SHARE,
    NARROWED,
    NEEDED,
    OVERHEAD_BYTES,
    PRECISIONS,
    Service,
)
from estimator.lesson.tables import Table, Tables, assumptions, comparison
from estimator.model_storage import mlp_params, weight_bytes
from estimator.serving import (
    SERVERS,
    accelerators,
    bandwidth_step_seconds,
    busy_accelerators,
    compute_seconds,
    experts_touched,
    first_token_floor_seconds,
    generation_seconds,
    mixture_params,
    peak_requests_per_s,
    planned_accelerators,
    prefill_floor_seconds,
    queries_per_s,
    queue_seconds,
    request_floor_seconds,
    requests_per_s,
    tokens_per_s,
)
from estimator.training import (
    counted_forward_flops,
    forward_flops,
    row_training_flops,
    training_seconds,
)
from estimator.units import (
    GB,
    MB,
    bytes_text,
    number_text,
    prefixed_text,
    quantity_text,
    seconds_text,
    share_text,
    size_text,
)

__all__ = [
    "EXERCISES",
    "NARROWED",
    "NEEDED",
    "PRECISIONS",
    "batch_in_memory",
    "bounds_table",
    "corner",
    "peak_fleet",
    "picture_traffic",
    "plan_of",
    "prompt_table",
    "readers_needed",
    "real_steps_table",
    "results_of",
    "row_results",
    "server_panel",
    "service_of",
    "target_table",
    "three_bounds_chart",
    "your_service",
]

A100 = catalog.accelerator("A100-SXM-80GB")
USERS, ASKS, TOKENS = 100_000_000, 10, 500
LLAMA_PARAMS, LLAMA_KV, FISH_PARAMS = 3_000_000_000, 114_688, 2_000_000_000
TF32_FLOPS_PER_S = 156e12
JAX = "How to scale your model"


def course_service() -> Service:
    """The course's text service, without a prompt, as its estimate has it."""
    return Service(USERS, ASKS, LLAMA_PARAMS, LLAMA_KV, "FP16", A100.name, 0, TOKENS)


def serving_assumptions() -> Table:
    """What the lesson takes for granted, each with its value and its source."""
    work = bytes_text(ACTIVATION_BYTES + OVERHEAD_BYTES)
    return assumptions(
        (
            ("daily active users", number_text(USERS), COURSE),
            ("requests of a user a day", number_text(ASKS), COURSE),
            ("tokens of an answer", number_text(TOKENS), SERVERS),
            ("work for a token", "2 FLOP a parameter", "Kaplan et al. 2020, section 2.1"),
            (
                "rates of an A100, dense",
                f"{quantity_text(A100.flops_per_s[16], 'FLOP/s')} and "
                f"{quantity_text(A100.bytes_per_s, 'byte/s')}",
                A100.source,
            ),
            ("memory of an A100", bytes_text(A100.memory_bytes), A100.source),
            (
                "cache of a token",
                f"{number_text(LLAMA_KV)} bytes",
                "Llama 3.2 3B; lesson 03",
            ),
            ("memory that an engine takes", share_text(MEMORY_SHARE), "vLLM's default"),
            ("of it, for the work of a step", work, "an assumption; lesson 03 measures it"),
            ("cache that a step reads", "half of each answer is written", "worked out here"),
            ("cache that has to fit", "every answer at its end", "worked out here"),
            ("blocks of a cache", "16 tokens, whole ones", "vLLM's default on NVIDIA GPUs"),
        )
    )


def recap_table() -> Tables:
    """The course's training times and the guide's count of a forward pass."""
    rows, epochs, clips, passes = 200_000_000, 1000, 1_000_000_000, 1000
    text = row_training_flops(LLAMA_PARAMS, rows, epochs)
    speech = row_training_flops(FISH_PARAMS, clips, row_multiplier=passes)
    layers, width, tokens = 24, 1024, 1024
    counted = counted_forward_flops(layers, width, 4 * width, 16, tokens=tokens)
    rule = forward_flops(layers * 12 * width**2, tokens)

    def time(flops: float, many: int) -> float:
        return float(training_seconds(flops, TF32_FLOPS_PER_S, many))

    def billions(count: int) -> str:
        return f"{number_text(count // GB)} billion"

    trained = comparison(
        (
            ("text model, 1 accelerator", "267 days", time(text, 1), "s",
             f"{billions(LLAMA_PARAMS)} parameters; {number_text(rows // MB)} million rows x "
             f"{number_text(epochs)} epochs, a row as a token: {billions(rows * epochs)} tokens, "
             f"at {quantity_text(TF32_FLOPS_PER_S, 'FLOP/s')}"),
            ("text model, 32 accelerators", "8.35 days", time(text, 32), "s", "the same work"),
            ("speech model, 1 accelerator", "890 days", time(speech, 1), "s",
             f"{billions(FISH_PARAMS)} parameters; {billions(clips)} rows, work of "
             f"{number_text(passes)} passes each: as much as {billions(clips * passes)} tokens"),
            ("speech model, 64 accelerators", "13.9 days", time(speech, 64), "s", "the same work"),
        )
    )  # fmt: skip
    passed = comparison(
        (
            ("a forward pass, part by part", "312,711,577,600 FLOP", counted, "FLOP",
             f"{number_text(counted)} for {number_text(tokens)} tokens, {layers} layers of width "
             f"{number_text(width)}: the guide lost a factor, the width, in its MLP term"),
            ("the same by 2 a parameter", "", rule, "FLOP",
             f"of {number_text(layers * 12 * width**2)} weights in layers; "
             f"{number_text(counted / rule)} times less: attention's scores come on top"),
        )
    )  # fmt: skip
    return Tables((trained,), replace(passed, caption="How near is two a parameter? The model of "
                                      "lesson 03's guide, part by part"))  # fmt: skip


def chain_table() -> Table:
    """The course's chain from users to accelerators, computed."""
    rate = requests_per_s(USERS, ASKS)
    each = compute_seconds(LLAMA_PARAMS, TOKENS, A100.flops_per_s[16])
    int8 = compute_seconds(LLAMA_PARAMS, TOKENS, A100.int8_ops_per_s or 0)
    return comparison(
        (
            ("requests", "11,574 a second", rate, "request/s", "a mean over the day"),
            ("arithmetic of a request", "9.6 ms", each, "s", "at the full rate"),
            ("requests of one accelerator", "104 a second", queries_per_s(each), "request/s",
             "one after another"),
            ("accelerators", "112", accelerators(rate, each), "accelerator",
             f"{rate * each:.2f} kept busy, rounded up"),
            ("accelerators at INT8", "about 56", accelerators(rate, int8), "accelerator",
             f"{quantity_text(A100.int8_ops_per_s or 0, 'FLOP/s').replace('FLOP', 'OP')}, twice "
             "the 16-bit rate"),
        )
    )  # fmt: skip


def systems_table() -> Table:
    """The course's other systems: the same chain, with another unit of output."""
    rate = requests_per_s(USERS, ASKS)

    def busy(name: str, n_params: int, passes: int) -> tuple[str, float, float]:
        each = compute_seconds(n_params, passes, A100.flops_per_s[16])
        size = f"{number_text(n_params / GB, 3)} billion parameters x {number_text(passes)} passes"
        return f"{name}, {size}", rate * each, queries_per_s(each)

    images, image, _ = busy("images", 8_100_000_000, 100)
    speeches, speech, _ = busy("speech", FISH_PARAMS, 1000)
    videos, video, video_rate = busy("video", 14_700_000_000, 7500)
    return comparison(
        (
            (images, "61", int(ceil(image)), "accelerator", f"{image:.2f} kept busy"),
            (speeches, "148", int(ceil(speech)), "accelerator",
             f"{speech:.2f} kept busy, rounded down"),
            (videos, "8,208", int(ceil(video)), "accelerator",
             f"{video:,.2f}; with {video_rate:.3f} requests/s cut to 1.41, {rate / 1.41:,.2f}"),
        )
    )  # fmt: skip


def network_table() -> Table:
    """What requests and answers of the course's systems put on the network."""
    rate = requests_per_s(USERS, ASKS)
    rows = []
    for name, size, printed, why in (
        ("questions", 2_000, "185 Mbps", "186 in one set of notes, which no rounding gives"),
        ("answers, by the course", 10_000, "926 Mbps", "more than their text"),
        ("answers, 500 tokens of text", answer_bytes(TOKENS), "", "4 bytes a token"),
        ("pictures", 1_000_000, "92.6 Gbps", "a million bytes each"),
        ("speech", 300_000, "27.8 Gbps", "lesson 02 stores 200 KB of it; the notes do not say why"),
        ("video", 1_250_000, "", "the size that the course stores"),
    ):
        each = size_text(size)
        traffic = quantity_text(traffic_bits_per_s(rate, size), "bit/s")
        rows.append((name, each, printed, traffic, why))
    headers = ("what goes over the network", "each", "published", "computed", "what to know")
    return Table(headers, rows, left=frozenset({"what to know"}))


def checks_table() -> Table:
    """Published step times against the bandwidth bound, ours by theirs."""
    rows = []
    for batch, milliseconds, rate in (
        (1, 4.98, 200.61), (240, 249.09, 963.53),
    ):  # fmt: skip
        step = bandwidth_step_seconds(26e9, 820e9, 6.7e9, batch, tensor_parallel=8)
        rows.append((f"{JAX}, batch {batch}", f"{milliseconds:.2f} ms, {rate:.2f} tokens/s",
                     f"{step * 1000:.2f} ms, {tokens_per_s(batch, step):.2f} tokens/s",
                     f"{1000 * step / milliseconds:.3f}"))  # fmt: skip
    # kipply's model of 13 billion: 40 layers of 12 d^2 parameters, embeddings left out.
    step = bandwidth_step_seconds(weight_bytes(40 * 12 * 5120**2), 1.5e12)
    rows.append(("kipply, bound", "16.8 ms", seconds_text(step), f"{step / 16.8e-3:.3f}"))
    rows.append(("kipply, measured", "22.0 ms", seconds_text(step), f"{step / 22e-3:.3f}"))
    headers = ("who, and how many sequences", "theirs", "our bound", "ours by theirs")
    note = (
        f"{JAX}: a book on accelerators, with a model of 13 billion parameters on eight chips; of "
        "each sequence a cache of 6.7 GB is read, too, and at batch 240 that is nearly all. Its "
        "table writes GiB where it computes with GB. kipply: a blog on the arithmetic of inference."
    )
    return Table(headers, rows, "The bandwidth bound against others' figures", note)


def plan_table(peak_factor: float = 2, spare_accelerators: int = 8) -> Table:
    """The course's 112, planned for a peak at several utilizations, and how long one waits."""
    each = compute_seconds(LLAMA_PARAMS, TOKENS, A100.flops_per_s[16])
    busy = busy_accelerators(peak_requests_per_s(requests_per_s(USERS, ASKS), peak_factor), each)
    rows = []
    for target in (0.5, 0.7, 0.75, 0.8, 0.9, 0.99):
        planned = planned_accelerators(busy, target, spare_accelerators)
        wait = queue_seconds(1, target)
        rows.append((share_text(target), number_text(planned), number_text(round(wait, 2))))
    full = planned_accelerators(busy, 1, spare_accelerators)
    rows.append((share_text(1), number_text(full), "without bound"))
    headers = ("target utilization", "accelerators to plan", "mean wait, in times of service")
    caption = (
        f"{busy:.2f} accelerators kept busy at a peak of {number_text(peak_factor)} times the "
        f"mean, and {spare_accelerators} spare"
    )
    return Table(headers, rows, caption)


# Going further


def mixture_table() -> Table:
    """What a step of Mixtral 8x7B reads, from one sequence to many."""
    expert = mlp_params(4096, d_ff=14_336, mlp_matrices=3)
    stored = catalog.model("mixtral-8x7b").n_params
    shared = stored - 32 * 8 * expert
    rows = []
    for batch in (1, 2, 4, 8, 16, 64):
        touched = experts_touched(8, experts_per_token=2, batch=batch)
        params = mixture_params(shared, 32, touched, expert)
        step = bandwidth_step_seconds(weight_bytes(params), A100.bytes_per_s)
        rows.append((number_text(batch), f"{touched:.2f}", prefixed_text(params, ""),
                     share_text(params / stored), seconds_text(step),
                     seconds_text(step / batch)))  # fmt: skip
    headers = (
        "batch", "experts of a layer touched", "parameters read", "of all", "read by an A100",
        "for each token",
    )  # fmt: skip
    return Table(headers, rows, "A step of Mixtral 8x7B at BF16, weights alone")


def parallel_table() -> Table:
    """Llama 3.1 70B over more and more H100: what fits, how fast, how many in all."""
    model = catalog.model("llama-3.1-70b")
    service = Service(USERS, ASKS, model.n_params, 327_680, "BF16", "H100-SXM", 0, TOKENS)
    rows = []
    for ranks in (1, 2, 4, 8):
        each = prefixed_text(service.weight_bytes / ranks, "B")
        fits = service.fits(ranks)
        if not fits:
            rows.append((number_text(ranks), each, "none", "", "", "does not fit"))
            continue
        b = service.bounds(fits, ranks)
        alone = seconds_text(service.bounds(1, ranks).step_seconds)
        rows.append((number_text(ranks), each, number_text(fits), alone, number_text(b.needed),
                     b.binding_text))  # fmt: skip
    headers = (
        "accelerators of a replica", "weights on each", "sequences that fit", "a step, batch 1",
        "accelerators in all", "binds",
    )  # fmt: skip
    return Table(headers, rows, f"{model.name} at BF16 on H100", left=frozenset({"binds"}))


def latency_table() -> Table:
    """Published times to the first token and of a whole request, against the floors."""
    rows = []
    for name, flops, rate, first_printed, whole_printed in (
        ("T4", 65e12, 300e9, "75 ms", "6.98 s"), ("A100", 312e12, 2039e9, "16 ms", "0.92 s"),
    ):  # fmt: skip
        first = first_token_floor_seconds(prefill_floor_seconds(7_000_000_000, 350, flops))
        step = bandwidth_step_seconds(14_000_000_000, rate)
        whole = request_floor_seconds(first, generation_seconds(step, 150))
        rows.append((f"{name}: to the first token", first_printed, first, "s",
                     "350 tokens of prompt at once"))  # fmt: skip
        rows.append((f"{name}: whole request", whole_printed, whole, "s",
                     f"150 steps of {seconds_text(step)}"))  # fmt: skip
    return comparison(rows)


def event_text(token: str = " word") -> str:
    """One token as the usual streaming interface sends it: a server-sent event around JSON."""
    choice = {"index": 0, "delta": {"content": token}, "finish_reason": None}
    content = {
        "id": "chatcmpl-0123456789abcdef0123456789abcdef",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "llama-3.2-3b",
        "choices": [choice],
    }
    return f"data: {json.dumps(content)}\n\n"


def stream_table(token: str = " word") -> Table:
    """What surrounds one streamed token, and what 500 such answers' tokens make of the egress."""
    rate, text = requests_per_s(USERS, ASKS), 4
    layers = (
        ("event and JSON", len(event_text(token).encode()) - len(token.encode())),
        ("chunk of the HTTP answer", 6),
        ("record of the encryption", 22),
        ("headers of a packet of its own", 52),
    )
    rows, framing = [], 0
    for name, added in layers:
        framing += added
        sent = streamed_bytes(TOKENS, framing, text)
        traffic = quantity_text(traffic_bits_per_s(rate, sent), "bit/s")
        factor = number_text(streaming_factor(framing, text))
        size = size_text(sent)
        rows.append((name, f"{added} B", f"{framing} B", size, factor, traffic))
    headers = (
        "around each token", "adds", "together", "an answer", "times its text", "all answers",
    )  # fmt: skip
    return Table(headers, rows, "An answer of 500 tokens, an event for each")
