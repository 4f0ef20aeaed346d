"""Lesson 03's tables of windows, of blocks, and of an engine's own log."""

from __future__ import annotations

from estimator.catalog.configurations import architecture
from estimator.catalog.measured import engine_log
from estimator.catalog.shapes import Shape, shape
from estimator.lesson.lesson_03_plan import (
    BLOCK_TOKENS,
    ENGINE,
    EXAMPLE,
    NARROWED,
    chunk_activation_bytes,
    per_token,
    rank_of,
)
from estimator.lesson.tables import Bar, Table
from estimator.memory import kv_cache_bytes, kv_pool_bytes, tokens_that_fit, window_cache_bytes
from estimator.memory_budget import Plan, pool_range
from estimator.model_storage import weight_bytes
from estimator.paged_cache import (
    engine_cache_bytes,
    page_bytes,
    paged_tokens,
    pages_in_pool,
    sequence_blocks,
    window_blocks,
)
from estimator.stored_weights import stored_as
from estimator.units import GiB, bytes_text, number_text, quantity_text, share_text

SLIDING = "gemma-2-9b"


def group_page_bytes(s: Shape) -> int:
    """Bytes of a page of a model with windows: one block of tokens in a group of its layers."""
    layers = rank_of(s).group_layers
    return int(page_bytes(layers, s.n_kv_heads, s.head_dim, BLOCK_TOKENS))


def group_pages(s: Shape, tokens: int, chunk_tokens: int) -> tuple[int, int]:
    """Pages of one sequence in the groups that keep every token, and in those with a window."""
    full, few = rank_of(s).groups
    blocks = int(sequence_blocks(tokens, BLOCK_TOKENS))
    return full * blocks, few * int(window_blocks(tokens, s.window, chunk_tokens, BLOCK_TOKENS))


def window_table(tokens: int = 8192) -> Table:
    """Three answers for one sequence of a model with windows, each right for its question."""
    NARROWED["tokens"].check(tokens)
    s = shape(SLIDING)
    full = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, tokens)
    ideal = window_cache_bytes(s.n_layers - s.window_layers, s.window_layers, s.n_kv_heads,
                               s.head_dim, tokens, s.window)  # fmt: skip
    page = group_page_bytes(s)
    answers = [("ideal: what a layer may still read", "", ideal)]
    for chunk in (2048, engine_log(SLIDING).chunk_tokens):
        blocks, few = group_pages(s, tokens, chunk)
        size = engine_cache_bytes(page, 1, 1, blocks, few)
        name = f"engine: chunks of {number_text(chunk)}"
        answers.append((name, f"{blocks} + {few}", size))
    answers.append(("full: every token in every layer", "", full))
    rows = [(name, pages, number_text(size),
             Bar(size / full, share_text(size / full, 1), "above full" * (size > full)))
            for name, pages, size in answers]  # fmt: skip
    headers = ("answer", "blocks", "bytes", "against full")
    caption = f"{s.name}, one sequence of {number_text(tokens)} tokens"
    note = (f"A block of a group of layers: {s.window_layers} layers x {BLOCK_TOKENS} tokens x "
            f"{number_text(page // s.window_layers // BLOCK_TOKENS)} bytes = "
            f"{number_text(page)} bytes. Shape: {s.place}.")  # fmt: skip
    return Table(headers, rows, caption, note, left=frozenset({"against full"}))


def block_table() -> Table:
    """Room that sequences of several lengths take, in whole blocks."""
    rows = []
    for tokens in (1, 100, 128, 129, 8192):
        room = paged_tokens(tokens)
        empty = (room - tokens) / room
        rows.append((number_text(tokens), number_text(sequence_blocks(tokens)), number_text(room),
                     Bar(empty, share_text(empty, 1))))  # fmt: skip
    headers = ("tokens", "blocks", "room taken, tokens", "of it empty")
    caption = f"Blocks of {BLOCK_TOKENS} tokens"
    return Table(headers, rows, caption, left=frozenset({headers[3]}))


def engine_table() -> Table:
    """The budget of a real engine: what it logged, and what the formulas say."""
    log, halved, sliding = (
        engine_log(EXAMPLE),
        engine_log(EXAMPLE, kv_dtype="fp8"),
        engine_log(SLIDING),
    )
    s, g = shape(EXAMPLE), shape(SLIDING)
    activations, overhead = log.activation_bytes or 0, log.overhead_bytes or 0
    weights, bound = weight_bytes(s.n_params, 16), chunk_activation_bytes(s)
    budget = (log.memory_bytes, log.utilization)
    pool = kv_pool_bytes(*budget, log.weight_bytes, activations, overhead)
    blind = kv_pool_bytes(*budget, weights, bound, overhead)
    logged = log.kv_pool_bytes or 0
    least, expected, most = pool_range(
        architecture(EXAMPLE), Plan(stored_as("bf16")), log.memory_bytes, log.utilization
    )
    pages = pages_in_pool(sliding.kv_pool_bytes or 0, group_page_bytes(g))
    per_sequence = sum(group_pages(g, 8192, sliding.chunk_tokens))
    rows: list[tuple[str, float, float, str]] = [
        ("weights", log.weight_bytes, weights, "byte"),
        ("activations, our floor", activations, bound, "byte"),
        ("pool, from the log's own parts", logged, pool, "byte"),
        ("pool, with our weights and floor", logged, blind, "byte"),
        ("pool, from this engine's measured constants", logged, expected, "byte"),
        ("tokens in the pool", log.kv_tokens or 0, tokens_that_fit(logged, per_token(s)), "token"),
        ("the same with an FP8 cache", halved.kv_tokens or 0,
         tokens_that_fit(halved.kv_pool_bytes or 0, per_token(s, bytes_per_element=1)), "token"),
        (f"{g.name}: blocks", sliding.kv_blocks or 0, pages, "block"),
        (f"{g.name}: sequences of 8,192 tokens", sliding.concurrency or 0, pages / per_sequence,
         "sequence"),
    ]  # fmt: skip
    body = [(name, quantity_text(a, unit), quantity_text(b, unit), f"{b / a:.4f}")
            for name, a, b, unit in rows]  # fmt: skip
    note = (f"{ENGINE} on one {log.accelerator}, {log.measured}, {share_text(log.utilization)} of "
            f"{log.memory_bytes / GiB:.2f} GiB, {number_text(log.chunk_tokens)} prompt tokens a "
            f"step; {log.source}, {log.licence}; overhead {bytes_text(overhead)}. With "
            f"every constant at an end of its range the pool has {bytes_text(least)} to "
            f"{bytes_text(most)}.")  # fmt: skip
    headers = ("quantity", "the engine logged", "computed", "ours by theirs")
    return Table(headers, body, f"{s.name} under {ENGINE}", note)
