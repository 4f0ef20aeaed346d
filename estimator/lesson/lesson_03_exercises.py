"""Lesson 03's exercises, each with the answers that go wrong."""

from __future__ import annotations

from estimator.catalog.shapes import shape
from estimator.lesson.exercises import Exercise, Mistake, of_example, posed, together
from estimator.lesson.lesson_03_plan import EXAMPLE, per_token, plan
from estimator.memory import kv_cache_bytes, kv_heads_per_rank, tokens_that_fit
from estimator.units import BITS_PER_BYTE, GB, KB, GiB, KiB, bytes_text, number_text, quantity_text

PROMPT = 128
"""Tokens of the prompt in the guide's example."""


@posed
def cache_at_fp32(n_layers: int = 12, n_heads: int = 12, tokens: int = 1000) -> Exercise:
    """Bytes of a cache at four bytes a number."""
    size = (n_layers, n_heads, 64, tokens)
    right = kv_cache_bytes(*size, bytes_per_element=4)
    numbers = right // 4
    guide = shape("guide")

    def sized(layers: int = n_layers, heads: int = n_heads, length: int = tokens) -> int:
        return int(kv_cache_bytes(layers, heads, 64, length, bytes_per_element=4))

    return Exercise(
        "A cache at FP32",
        f"A model has {n_layers} layers of {n_heads} heads of 64 and keeps its cache at FP32. How "
        f"many bytes is the cache of one sequence of {number_text(tokens)} tokens?",
        "kv_cache_bytes",
        right,
        together(
            Mistake(numbers, "These are numbers, not bytes: at FP32 each takes four. The guide "
                    "slipped here as well."),
            Mistake(right // 2, "Twice too small: keys and values are both kept, or FP32 was "
                    "taken for two bytes."),
            Mistake(right / BITS_PER_BYTE, "An eighth of it: bytes are asked for, so nothing is "
                    "divided by eight."),
            Mistake(right / BITS_PER_BYTE, "These are the numbers of the keys alone: values are "
                    "kept as well, and each number takes four bytes."),
            Mistake(right * 2, "Twice too large: count keys and values once, and four bytes for "
                    "each number."),
            Mistake(right / GB, "That is the number of gigabytes: the answer is asked in bytes."),
            Mistake(right / tokens, "That is the cache of one token: there are "
                    f"{number_text(tokens)}."),
            Mistake(right / n_layers, "That is the cache of one layer: every layer keeps its own."),
            Mistake(right / n_heads, "That is the cache of one head: every head keeps its own."),
            Mistake(right / 64, "That takes a key for a single number: it has 64."),
            Mistake(right / KB, "A thousand times too small: KB are thousands of bytes."),
            *of_example(sized(layers=guide.n_layers), "number of layers", str(guide.n_layers),
                        str(n_layers)),
            *of_example(sized(heads=guide.n_kv_heads), "number of heads", str(guide.n_kv_heads),
                        str(n_heads)),
            *of_example(sized(length=PROMPT), "prompt", f"{PROMPT} tokens",
                        f"{number_text(tokens)} tokens"),
        ),
        f"2 x {n_layers} x {n_heads} x 64 x {number_text(tokens)} = {number_text(numbers)} numbers "
        f"of 4 bytes: {bytes_text(right)}.",
    )  # fmt: skip


@posed
def cache_of_a_batch(key: str = "llama-3.1-405b", batch: int = 16, tokens: int = 4096) -> Exercise:
    """Bytes of a batch's cache under grouped-query attention."""
    s = shape(key)
    right = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, tokens, batch)
    queries = kv_cache_bytes(s.n_layers, s.n_heads, s.head_dim, tokens, batch)
    return Exercise(
        "A batch with grouped heads",
        f"{s.name} has {s.n_layers} layers, {s.n_heads} query heads, {s.n_kv_heads} key-value "
        f"heads and a head size of {s.head_dim}. How many bytes of cache do {batch} sequences of "
        f"{number_text(tokens)} tokens need at BF16?",
        "kv_cache_bytes",
        right,
        together(
            Mistake(queries, "That keeps a key for each query head: only the key-value heads "
                    "are kept, and the query heads share them."),
            Mistake(queries + right, "That adds query heads to key-value heads: only the latter "
                    "are kept."),
            Mistake(right // batch, "That is one sequence: every sequence of the batch keeps "
                    "its own cache."),
            Mistake(right // 2, "Half of it: either the values are missing, or the two bytes of "
                    "BF16 are."),
            Mistake(right // 4, "A quarter of it: these are the numbers of the keys alone. Values "
                    "are kept as well, and each number takes two bytes."),
            Mistake(right * 2, "Twice too large: count keys and values once, and two bytes for "
                    "each number."),
            Mistake(right // s.n_kv_heads, "That keeps one head: there are "
                    f"{s.n_kv_heads} key-value heads."),
            Mistake(right // BITS_PER_BYTE, "An eighth of it: bytes are asked for, so nothing is "
                    "divided by eight."),
            Mistake(right // s.n_layers, "That is the cache of one layer: every layer keeps its "
                    "own."),
            Mistake(right // s.head_dim, "That takes a key for a single number: it has "
                    f"{s.head_dim}."),
            Mistake(right // tokens, "That is one token of each sequence: there are "
                    f"{number_text(tokens)}."),
        ),
        f"2 x {s.n_layers} x {s.n_kv_heads} x {s.head_dim} x {number_text(tokens)} x {batch} x 2 "
        f"bytes = {bytes_text(right)}.",
    )  # fmt: skip


@posed
def cache_of_a_rank(
    key: str = "llama-3.1-70b", ranks: int = 4, batch: int = 20, tokens: int = 8192
) -> Exercise:
    """Bytes of the cache on each of the accelerators that share a model."""
    s = shape(key)
    kept = kv_heads_per_rank(s.n_kv_heads, ranks)
    right = kv_cache_bytes(s.n_layers, kept, s.head_dim, tokens, batch)
    whole = kv_cache_bytes(s.n_layers, s.n_kv_heads, s.head_dim, tokens, batch)
    return Exercise(
        "A cache that is shared out",
        f"{s.name} ({s.n_layers} layers, {s.n_heads} query heads, {s.n_kv_heads} key-value heads "
        f"of {s.head_dim}) is shared by {ranks} accelerators, and keeps its cache at BF16. How "
        f"many bytes of the cache of {batch} sequences of {number_text(tokens)} tokens does each "
        "of them keep?",
        "kv_cache_bytes",
        right,
        together(
            Mistake(whole, "That is the whole cache: each accelerator keeps its own heads only."),
            Mistake(right / ranks, "Divided twice: the heads are shared out, layers and "
                    "tokens are not."),
            Mistake(right * s.n_heads // s.n_kv_heads, "The query heads are shared out as well, "
                    "but only the key-value heads are kept."),
            Mistake(right * BITS_PER_BYTE, "These are bits: eight bits make a byte."),
            Mistake(right // batch, "That is one sequence: every sequence of the batch keeps its "
                    "own cache."),
            Mistake(right // s.n_layers, "That is one layer: all accelerators have a part of every "
                    "layer."),
            Mistake(right // 2, "Half of it: keys and values are both kept, and each of their "
                    "numbers takes two bytes."),
            Mistake(right // kept, f"That keeps one head: each accelerator has {kept}."),
            Mistake(right // 4, "A quarter of it: these are the numbers of the keys alone. Values "
                    "are kept as well, and each number takes two bytes."),
            Mistake(right * 2, "Twice too large: count keys and values once, and two bytes for "
                    "each number."),
            Mistake(right // tokens, "That is one token of each sequence: there are "
                    f"{number_text(tokens)}."),
        ),
        f"{s.n_kv_heads} / {ranks} = {quantity_text(kept, 'head')} each: 2 x {s.n_layers} x {kept} "
        f"x {s.head_dim} x {number_text(tokens)} x {batch} x 2 bytes = {bytes_text(right)}.",
    )  # fmt: skip


@posed
def tokens_of_a_pool(key: str = EXAMPLE, pool_gib: int = 24) -> Exercise:
    """Tokens that fit into a pool with a cache at one byte."""
    s = shape(key)
    right = tokens_that_fit(pool_gib * GiB, per_token(s, bytes_per_element=1))
    return Exercise(
        "A pool at FP8",
        f"An engine has {pool_gib} GiB left for the cache of {s.name} ({s.n_layers} layers, "
        f"{s.n_kv_heads} key-value heads of {s.head_dim}) and keeps it at FP8. How many tokens "
        "fit?",
        "tokens_that_fit",
        right,
        together(
            Mistake(right // 2, "That is the cache at 16 bits, or one of the factors 2 too many: "
                    "FP8 is one byte a number."),
            Mistake(right * 2, "Keys and values are both kept: the 2 of the formula is missing."),
            Mistake(right * 2, "FP8 is a whole byte a number, not half of one."),
            Mistake(right // 4, "A quarter of it: that is the cache at 32 bits. FP8 is one byte a "
                    "number."),
            Mistake(tokens_that_fit(pool_gib * GB, per_token(s, bytes_per_element=1)),
                    "The pool is given in GiB, and you divided GB."),
            Mistake(right * s.n_kv_heads // s.n_heads, "That keeps a key for each of the query "
                    "heads: the key-value heads are what is kept."),
            Mistake(right * s.n_layers, "That is the cache of one layer: every layer keeps its "
                    "own."),
            Mistake(right // s.n_layers, "The layers are counted twice: the bytes of a token have "
                    f"all {s.n_layers} of them already."),
            Mistake(right * s.n_kv_heads, "That keeps one head: there are "
                    f"{s.n_kv_heads} key-value heads."),
            Mistake(right * s.head_dim, "That takes a key for a single number: it has "
                    f"{s.head_dim}."),
            Mistake(right * BITS_PER_BYTE, "Eight times too many: the pool is given in bytes, and "
                    "so is a token."),
            Mistake(right // BITS_PER_BYTE, "That takes bits for bytes: eight bits make a byte."),
            Mistake(int(right * GiB / GB), "A GiB is 2^30 bytes: it was counted twice as "
                    "7 % more than a GB."),
            Mistake(tokens_that_fit(pool_gib * GiB, per_token(s, bytes_per_element=1) / KiB * KB),
                    "The bytes of a token are counted in KiB, 1,024 each, and you divided by KB."),
        ),
        f"2 x {s.n_layers} x {s.n_kv_heads} x {s.head_dim} x 1 byte = "
        f"{number_text(per_token(s, bytes_per_element=1))} bytes a token; {pool_gib} GiB hold "
        f"{number_text(right)} of those.",
        tolerance=0,
        rounds="down",
    )  # fmt: skip


@posed
def sequences_on(
    key: str = "llama-3.1-8b", accelerator: str = "L40S", tokens: int = 4096
) -> Exercise:
    """Sequences that fit beside the weights."""
    p = plan(key, accelerator, tokens=tokens)
    each = p.token_bytes * tokens
    mixed = "GB and GiB are mixed: take GiB from GiB, and divide by the GiB of a sequence."
    return Exercise(
        "How many at a time?",
        f"After activations and overhead, an engine on one {accelerator} has "
        f"{bytes_text(p.pool + p.weights)} left for the weights of {p.shape.name} at BF16, "
        f"{bytes_text(p.weights)}, and for its cache, {number_text(p.token_bytes)} bytes a token. "
        f"How many sequences of {number_text(tokens)} tokens fit at a time?",
        "sequences_that_fit",
        p.largest_batch,
        together(
            Mistake(int((p.pool + p.weights) // each), "The weights are in that memory, too: "
                    "take them off first."),
            Mistake(int(-(-(p.pool + p.weights) // each)), "The weights are in that memory, too: "
                    "take them off first, and then round down."),
            Mistake(p.largest_batch + 1, "Rounded up: the last one does not fit as a whole."),
            Mistake(p.largest_batch - 1, "One too few: nothing was to be taken off but the "
                    "weights, and only the end is rounded."),
            Mistake(int(p.pool / GiB * GB // each), "GiB were taken for GB: a GiB is 7 % more."),
            Mistake(int(p.pool / GB * GiB // each), "GB were taken for GiB: a GB is 7 % less."),
            Mistake(2 * p.largest_batch, "Twice too many: the bytes of a token count keys and "
                    "values, two bytes a number, already."),
            Mistake(int(p.pool / 2 // each), "Half of it: the bytes of a token count keys and "
                    "values, two bytes a number, already."),
            Mistake(p.tokens_fit, "These are tokens: a sequence has many."),
            Mistake(int((p.pool + p.weights / 2) // each), "That takes the weights at one byte: "
                    "BF16 is two, and their bytes are given."),
            Mistake(int((p.pool - p.weights) // each), "That takes the weights at four bytes: "
                    "BF16 is two, and their bytes are given."),
            Mistake(int((p.pool + p.weights - p.weights / GiB * GB) // each), "GB and GiB are "
                    "mixed: take GB of weights from GB of memory."),
            Mistake(int(((p.pool + p.weights) / GiB * GB - p.weights) // each), "GB and GiB are "
                    "mixed: take GiB of weights from GiB of memory."),
            Mistake(int(((p.pool + p.weights) / GiB - p.weights / GB) // (each / GiB)), mixed),
            Mistake(int(((p.pool + p.weights) / GB - p.weights / GiB) // (each / GiB)), mixed),
            Mistake(int((0.9 * (p.pool + p.weights) - p.weights) // each), "The engine's share "
                    "was taken again: what is given is what it has left."),
            Mistake(int(p.pool * BITS_PER_BYTE // each), "Eight times too many: memory and tokens "
                    "are both given in bytes."),
            Mistake(int(p.pool / BITS_PER_BYTE // each), "An eighth of it: memory and tokens are "
                    "both given in bytes."),
        ),
        f"{bytes_text(p.pool)} are left for the cache, {bytes_text(each)} a sequence: "
        f"{p.largest_batch} whole ones.",
        rounds="down",
    )  # fmt: skip


EXERCISES = (
    cache_at_fp32,
    cache_of_a_batch,
    cache_of_a_rank,
    tokens_of_a_pool,
    sequences_on,
)
