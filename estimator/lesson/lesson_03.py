"""Lesson 03's own tables; its figures, exercises and panel stand in the files beside it."""

from __future__ import annotations

from dataclasses import replace

from estimator import catalog
from estimator.catalog.measured import engine_log, verified_caches
from estimator.catalog.shapes import shape, shapes
from estimator.lesson.lesson_03_engine import block_table, engine_table, window_table
from estimator.lesson.lesson_03_exercises import (
    EXERCISES,
    PROMPT,
    cache_at_fp32,
    cache_of_a_batch,
    cache_of_a_rank,
    sequences_on,
    tokens_of_a_pool,
)
from estimator.lesson.lesson_03_figures import cache_figure, fill_figure
from estimator.lesson.lesson_03_many import contradictions, row_results
from estimator.lesson.lesson_03_models import answers_table, rules_table
from estimator.lesson.lesson_03_plan import (
    BLOCK_TOKENS,
    ENGINE,
    ENGINE_SHARE,
    EXAMPLE,
    Plan,
    accelerator_overhead,
    per_token,
    plan,
    results,
)
from estimator.lesson.lesson_03_service import memory_panel, your_memory
from estimator.lesson.tables import Bar, Cell, Table, assumptions, comparison
from estimator.memory import (
    activation_rule_bytes,
    crossover_batch,
    inference_bytes,
    input_bytes,
    kv_bytes_per_token,
    kv_cache_bytes,
    layer_activation_bytes,
    logit_bytes,
    prefill_steps,
)
from estimator.model_storage import weight_bytes
from estimator.units import (
    BITS_PER_BYTE,
    GB,
    MB,
    GiB,
    bytes_text,
    number_text,
    prefixed_text,
    share_text,
)

__all__ = [
    "EXERCISES",
    "answers_table",
    "block_table",
    "cache_at_fp32",
    "cache_figure",
    "cache_of_a_batch",
    "cache_of_a_rank",
    "contradictions",
    "engine_table",
    "fill_figure",
    "memory_panel",
    "plan",
    "results",
    "row_results",
    "rules_table",
    "sequences_on",
    "shapes",
    "tokens_of_a_pool",
    "window_table",
    "your_memory",
]

SERVICE = "llama-3.2-3b"
"""What answers the course's hundred million users, whose bytes a token lesson 04 takes."""
GUIDE_OVERHEAD = 100 * MB


def memory_assumptions() -> Table:
    """What the lesson takes for granted of an engine, each with its value and its source."""
    log = engine_log(EXAMPLE)
    measured = f"{ENGINE} on an {log.accelerator}, {log.measured} ({log.source})"
    return assumptions(
        (
            ("memory that an engine may take", share_text(ENGINE_SHARE),
             "a usual gpu_memory_utilization of vLLM, an open-source engine; the rest stays free"),
            ("an engine's own overhead", bytes_text(accelerator_overhead(1)), measured),
            ("the same, each of two that share a model", bytes_text(accelerator_overhead(2)),
             "the same log; they also exchange results"),
            ("the same, each of four or more", bytes_text(accelerator_overhead(4)),
             "the same log; measured with four"),
            ("prompt tokens of a step", number_text(log.chunk_tokens), "the same log"),
            ("sequences of a step", number_text(log.max_sequences), "the same log"),
            ("tokens of a block", number_text(BLOCK_TOKENS), "vLLM's default on NVIDIA GPUs"),
            ("a layer that sees the latest tokens only", "takes the engine's blocks",
             "vLLM 0.19; 'Going further: windows' tells the rule and the ideal"),
        )
    )  # fmt: skip


# --- The guide's example ----------------------------------------------------------------------


def _three_units(value: int) -> tuple[str, str, str]:
    return number_text(value), f"{value / GB:.5f}", f"{value / GiB:.5f}"


def activation_parts() -> Table:
    """The vectors that one new token of the guide's model has in memory, copy by copy."""
    s = shape("guide")
    # Each part of the formula by itself: the others' widths are none.
    width = layer_activation_bytes(1, s.d_model, 0, 0, 0, 0)
    attention = layer_activation_bytes(1, 0, s.n_heads, s.n_kv_heads, s.head_dim, 0)
    mlp = layer_activation_bytes(1, 0, 0, 0, 0, s.d_ff, s.mlp_matrices)
    model, heads = f"{number_text(s.d_model)} numbers", f"{s.n_heads} x {s.head_dim} numbers"
    rows = (
        ("the sum that runs through all layers", model, number_text(width // 2)),
        ("its copy behind the norm, which the layer reads", model, number_text(width // 2)),
        ("attention: queries, keys, values, and the heads' results", f"4 x {heads}",
         number_text(attention)),
        ("or the MLP: its wide vector, before and after the non-linear step",
         f"{s.mlp_matrices} x {number_text(s.d_ff)} numbers", number_text(mlp)),
        ("a layer at its widest: the first two, and the larger of the others", "",
         number_text(width + max(attention, mlp))),
        ("behind the last layer: the logits, once, at 4 bytes",
         f"{number_text(s.vocab_size)} numbers", number_text(logit_bytes(s.vocab_size))),
    )  # fmt: skip
    headers = ("vectors of one new token", "how many numbers", "bytes")
    return Table(headers, rows, left=frozenset({"how many numbers"}))


def factor_table() -> Table:
    """The cache of the guide's model, one factor after the other, beside what the guide prints."""
    s = shape("guide")
    layer = kv_cache_bytes(1, s.n_kv_heads, s.head_dim, 1)
    cache = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, PROMPT)
    elements = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, PROMPT, bytes_per_element=1)
    steps = (
        ("one number at FP16", "", 2, ""),
        ("a key of one head", f"{s.head_dim} numbers", kv_cache_bytes(1, 1, s.head_dim, 1) // 2,
         ""),
        ("key and value", "2", kv_cache_bytes(1, 1, s.head_dim, 1), ""),
        ("all heads of a layer", f"{s.n_kv_heads} heads", layer, "2,048 bytes"),
        ("all layers: one token", f"{s.n_layers} layers",
         kv_bytes_per_token(s.n_layers, s.n_kv_heads, s.head_dim), ""),
        (f"a prompt of {PROMPT} tokens", f"{PROMPT} tokens", cache, "6,291,456 bytes, ~6 MB"),
    )  # fmt: skip
    rows = [
        (what, factor, number_text(size), bytes_text(size), printed)
        for what, factor, size, printed in steps
    ]
    headers = ("what is kept", "times", "bytes", "in words", "the guide")
    told = f"{number_text(elements)} bytes would be {bytes_text(elements)}"
    note = f"{told}: the guide's MB are MiB, too."
    return Table(headers, rows, "The cache, step by step", note)


def guide_parts() -> dict[str, int]:
    """The parts of the guide's total, and the input that it calls negligible."""
    s = shape("guide")
    return {
        "parameters": weight_bytes(s.n_params, 16),
        "activations": activation_rule_bytes(s.n_layers, s.d_model),
        "cache": kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, PROMPT),
        "overheads": GUIDE_OVERHEAD,
        "input": input_bytes(PROMPT, s.d_model),
    }


def total_table() -> Table:
    """The guide's total, part by part, in three units and beside what the guide prints."""
    parts = guide_parts()
    printed = {"parameters": "0.66 GB", "activations": "~0.05 MB", "cache": "~6 MB",
               "overheads": "~100 MB", "input": "negligible"}  # fmt: skip
    s, outside = shape("guide"), parts["input"]
    id_bytes = input_bytes(1, 0)
    total = inference_bytes(*list(parts.values())[:4])
    rows = [
        (name, *_three_units(size), share_text(size / total, 1), printed[name])
        for name, size in parts.items()
    ]
    headers = ("part", "bytes", "GB", "GiB", "share", "the guide")
    note = (
        "The activations are the guide's own rule, so that its sum can be checked. The input, "
        f"{PROMPT} tokens x ({id_bytes} bytes of id + {number_text(s.d_model)} numbers x 2 bytes), "
        f"is not in that sum; with it the total is {number_text(total + outside)} bytes."
    )
    return Table(headers, rows, "Memory of the guide's model", note,
                 total=("total", *_three_units(total), "", "0.76 GB"))  # fmt: skip


def growth_table() -> Table:
    """The guide's cache against its weights, as batch and length grow."""
    s = shape("guide")
    weights = weight_bytes(s.n_params, 16)
    rows = []
    for batch, tokens in ((1, PROMPT), (1, 1024), (8, PROMPT), (8, 1024), (64, 1024)):
        cache = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, tokens, batch)
        share = cache / weights
        bar = Bar(share, share_text(share), "larger" if share > 1 else "")
        rows.append((number_text(batch), number_text(tokens), bytes_text(cache), bar))
    headers = ("sequences", "tokens of each", "cache", "against the weights")
    each = kv_bytes_per_token(s.n_layers, s.n_kv_heads, s.head_dim)
    equal = {tokens: crossover_batch(weights, each, tokens) for tokens in (1024, PROMPT)}
    note = "As large as the weights: " + ", ".join(
        f"{batch:.2f} sequences of {number_text(tokens)} tokens" for tokens, batch in equal.items()
    )
    left = frozenset({headers[3]})
    return Table(headers, rows, "Cache of the guide's model", f"{note}.", left=left)


def precision_pairs(batch: int = 32, tokens: int = 8192) -> Table:
    """Weights and cache of one model, each at its own precision."""
    s = shape(EXAMPLE)
    rows = []
    for stored, kept in (("BF16", "BF16"), ("INT8", "BF16"), ("BF16", "FP8"), ("INT8", "FP8")):
        weights = weight_bytes(s.n_params, catalog.precision(stored).bits_per_weight)
        each = catalog.precision(kept).element_bits // BITS_PER_BYTE
        cache = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, tokens, batch, each)
        rows.append((stored, kept, *map(bytes_text, (weights, cache, weights + cache))))
    headers = ("weights at", "cache at", "weights", "cache", "both")
    caption = f"{s.name}, {batch} sequences of {number_text(tokens)} tokens"
    return Table(headers, rows, caption, left=frozenset({"cache at"}))


# --- Real models ------------------------------------------------------------------------------


def verified_table() -> Table:
    """The formula against the tensors of models that ran."""
    rows = []
    for c in verified_caches().values():
        formula = c.computed_bytes
        size = f"{c.batch} x {c.tokens}"
        kept = (number_text(formula), number_text(c.tensor_bytes))
        name = f"{c.case}: {c.attention}"
        rows.append((name, size, *kept, number_text(formula / c.tensor_bytes)))
    one = next(iter(verified_caches().values()))
    headers = ("shape of", "batch x tokens", "formula", "real tensors", "ours by theirs")
    note = f"transformers {one.transformers}, torch {one.torch}, on a CPU, {one.measured}."
    return Table(headers, rows, "Bytes of keys and values", note)


def attention_table() -> Table:
    """What one token leaves behind in models with many, fewer and one key-value head."""
    keys = ("llama-2-7b", SERVICE, EXAMPLE, "falcon-7b", "qwen2.5-72b", "llama-3.1-405b")
    widest = max(per_token(shape(key)) for key in keys)
    rows: list[tuple[Cell, ...]] = []
    for s in map(shape, keys):
        size = per_token(s)
        kept = f"2 x {s.n_layers} x {s.n_kv_heads} x {s.head_dim} x 2"
        heads = f"{s.attention}, {s.n_heads} queries"
        rows.append((s.name, heads, kept, Bar(size / widest, number_text(size))))
    headers = ("model", "attention", "keys and values x layers x heads x size x bytes",
               "bytes a token")  # fmt: skip
    note = f"Shapes: {shape(EXAMPLE).place}."
    left = frozenset({"attention", "bytes a token"})
    return Table(headers, rows, "The cache of a token at 16 bits", note, left=left)


def published_caches() -> Table:
    """Figures that others printed, beside the formula."""
    qwen, llama, latent = shape("qwen2.5-72b"), shape(EXAMPLE), shape("deepseek-v3")
    return comparison(
        (
            (f"{qwen.name}, a token", "327.680 KB", per_token(qwen), "byte",
             "KB is 1,000 (DeepSeek-V3, ISCA 2025)"),
            (f"{latent.name}, a token", "70.272 KB", per_token(latent), "byte",
             "the same table; see 'Going further'"),
            ("OPT-13B, a token", "800 KB", kv_bytes_per_token(40, 40, 128), "byte",
             "KB is 1,024 (PagedAttention, 2023)"),
            ("a 7B model, 4,096 tokens", "~2 GB", kv_cache_bytes(32, 32, 128, 4096), "byte",
             "2 GiB exactly (NVIDIA, 2023)"),
            (f"{llama.name}, 128k tokens", "15.62 GB", kv_cache_bytes(32, 8, 128, 128_000), "byte",
             "GiB, and k is 1,000 (Hugging Face)"),
        )
    )  # fmt: skip


def _longest(p: Plan) -> str:
    most = p.with_batch(1).longest
    steps = prefill_steps(most, engine_log(EXAMPLE).chunk_tokens)
    return f"{number_text(most)} of {number_text(p.shape.context_tokens)}, in {steps} steps"


def fit_table(*plans: Plan) -> Table:
    """From an accelerator's memory to what fits, line by line, for each of several models on it.

    All plans are for the same accelerators; each length that one of them has is asked of all.
    """
    p, log = plans[0], engine_log(EXAMPLE)

    def conversations(tokens: int) -> list[str]:
        return [number_text(replace(p, tokens=tokens).largest_batch) for p in plans]

    rows = [
        (f"memory of one {p.accelerator}", *(bytes_text(p.memory) for p in plans)),
        (f"of which the engine takes {share_text(ENGINE_SHARE)}",
         *(bytes_text(p.usable) for p in plans)),
        ("weights", *(f"- {bytes_text(p.weights)}" for p in plans)),
        ("activations of a full step", *(f"- {bytes_text(p.activations)}" for p in plans)),
        ("overhead", *(f"- {bytes_text(p.overhead)}" for p in plans)),
        ("left for the cache", *(bytes_text(p.pool) for p in plans)),
        ("cache of one token", *(bytes_text(p.token_bytes) for p in plans)),
        ("tokens that fit, of all conversations", *(number_text(p.tokens_fit) for p in plans)),
        *((f"conversations of {number_text(tokens)} tokens: the largest batch",
           *conversations(tokens)) for tokens in sorted({p.tokens for p in plans})),
        ("longest conversation, of what the model allows", *map(_longest, plans)),
    ]  # fmt: skip
    several = f"each of {p.tensor_parallel} x {p.accelerator}"
    where = f"one {p.accelerator}" if p.tensor_parallel == 1 else several
    work = []
    for p in plans:
        logits = logit_bytes(p.shape.vocab_size, log.max_sequences)
        sizes = (prefixed_text(size, "B") for size in (p.activations - logits, logits))
        work.append(f"{p.shape.name} {' and '.join(sizes)}")
    note = (
        f"Activations: a layer at its widest for {number_text(log.chunk_tokens)} tokens of "
        f"prompts, and a score for each possible next token of {number_text(log.max_sequences)} "
        f"sequences: {'; '.join(work)}."
    )
    names = [p.shape.name for p in plans]
    return Table(("step", *names), rows, f"{' and '.join(names)} on {where}", note)
