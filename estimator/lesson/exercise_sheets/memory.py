"""Kinds of lesson 03: caches of every sort, and what fits beside the weights."""

from __future__ import annotations

from estimator import catalog
from estimator.catalog.shapes import shape
from estimator.lesson import lesson_03_exercises as lesson_03
from estimator.lesson.exercise_sheets.kind import Kind, kind, pose
from estimator.lesson.exercise_sheets.numbers import (
    BATCHES,
    GROUPED,
    LARGE_CHIPS,
    MODELS,
    TOKENS,
    heads,
    memory,
    percent,
)
from estimator.lesson.exercises import Exercise, slips
from estimator.memory import (
    attention_score_bytes,
    crossover_batch,
    kv_bytes_per_token,
    kv_cache_bytes,
    kv_pool_bytes,
    latent_cache_bytes,
    logit_bytes,
    longest_context,
    sequences_that_fit,
    tokens_that_fit,
    training_state_bytes,
    window_cache_bytes,
)
from estimator.model_storage import weight_bytes
from estimator.paged_cache import paged_tokens, sequence_blocks
from estimator.units import BITS_PER_BYTE, GB, GiB, number_text

SMALL = ("llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b")


@kind("03", n_layers=(12, 16, 24, 28, 32, 40), n_heads=(8, 12, 16, 32), head_dim=(64, 80, 128),
      tokens=TOKENS)  # fmt: skip
def cache_of_all_heads(n_layers: int, n_heads: int, head_dim: int, tokens: int) -> Exercise:
    """Bytes of a cache where every head keeps its own keys and values."""
    right = kv_cache_bytes(n_layers, n_heads, head_dim, tokens)
    return pose(
        "A cache of all heads",
        f"A model has {n_layers} layers of {n_heads} heads of {head_dim}; each head keeps its own "
        f"keys and values, at 16 bits. How many bytes is the cache of one sequence of "
        f"{number_text(tokens)} tokens?",
        "kv_cache_bytes",
        right,
        f"2 x {n_layers} x {n_heads} x {head_dim} x {number_text(tokens)} x 2 bytes = {{answer}}.",
        (right / 2, "Half of it: keys and values are both kept, of two bytes each number."),
        (right / 4, "These are the keys alone, counted as numbers and not as bytes."),
        (right / n_layers, f"That is one layer: the model has {n_layers}."),
        *slips("byte", right, BITS_PER_BYTE),
    )


@kind("03", key=MODELS, width=(1, 2, 4))
def cache_of_a_token(key: str, width: int) -> Exercise:
    """Bytes that one token keeps."""
    s = shape(key)
    right = kv_bytes_per_token(s.n_layers, s.n_kv_heads, s.head_dim, width)
    every = kv_bytes_per_token(s.n_layers, s.n_heads, s.head_dim, width)
    name = {1: "FP8", 2: "BF16", 4: "FP32"}[width]
    return pose(
        "What one token keeps",
        f"{s.name} has {heads(s)}. How many bytes does one token keep in the cache at {name}?",
        "kv_bytes_per_token",
        right,
        f"2 x {s.n_layers} x {s.n_kv_heads} x {s.head_dim} x {width} = {{answer}}.",
        (every, "That keeps a key for each query head: only the key-value heads are kept."),
        (right / 2, "Half of it: keys and values are both kept."),
        (right * 2, f"Twice too large: {name} takes {width * BITS_PER_BYTE} bits a number."),
        (right / s.n_layers, f"That is one layer: the model has {s.n_layers}."),
    )


@kind("03", n_layers=(24, 28, 32, 40, 48), n_heads=(16, 32, 48, 64), tokens=TOKENS, batch=BATCHES)
def cache_of_one_head(n_layers: int, n_heads: int, tokens: int, batch: int) -> Exercise:
    """Bytes of a cache under multi-query attention."""
    right = kv_cache_bytes(n_layers, 1, 128, tokens, batch)
    return pose(
        "One head for all queries",
        f"A model has {n_layers} layers and {n_heads} query heads of 128 that share one key-value "
        f"head (multi-query attention). How many bytes is the cache of {batch} sequences of "
        f"{number_text(tokens)} tokens at BF16?",
        "kv_cache_bytes",
        right,
        f"2 x {n_layers} x 1 x 128 x {number_text(tokens)} x {batch} x 2 bytes = {{answer}}.",
        (right * n_heads, "That keeps a key for each query head: all of them share one."),
        (right / batch, "That is one sequence: each of the batch keeps its own cache."),
        (right / 2, "Half of it: keys and values are both kept, of two bytes each number."),
        (right / n_layers, f"That is one layer: the model has {n_layers}."),
    )


@kind("03", tokens=(1000, 2000, 4096, 8192, 16_384, 32_768, 65_536), batch=BATCHES, width=(1, 2))
def latent_of(tokens: int, batch: int, width: int) -> Exercise:
    """Bytes of a latent cache."""
    s = shape("deepseek-v3")
    latent, rope = s.kv_lora_rank, s.rope_head_dim
    right = latent_cache_bytes(s.n_layers, latent, rope, tokens, batch, width)
    every = kv_cache_bytes(s.n_layers, s.n_heads, s.head_dim, tokens, batch, width)
    return pose(
        "A latent instead of heads",
        f"{s.name} keeps, in each of {s.n_layers} layers and for each token, one latent of "
        f"{latent} numbers and one rotated key of {rope}, {width * BITS_PER_BYTE} bits a number. "
        f"How many bytes is the cache of {batch} sequences of {number_text(tokens)} tokens?",
        "latent_cache_bytes",
        right,
        f"{s.n_layers} x ({latent} + {rope}) x {number_text(tokens)} x {batch} x {width} = "
        "{answer}: no factor 2, since keys and values come from the same latent.",
        (2 * right, "No factor of two here: keys and values come from the same latent."),
        (every, f"That keeps keys and values of {s.n_heads} heads: a latent replaces them."),
        (right * latent / (latent + rope), "The rotated key is kept beside the latent."),
        (right / batch, "That is one sequence: each of the batch keeps its own cache."),
    )


@kind("03", tokens=(4608, 5120, 6000, 6144, 7000, 8192), batch=BATCHES, width=(1, 2))
def cache_with_windows(tokens: int, batch: int, width: int) -> Exercise:
    """Bytes of a cache where every other layer has a window."""
    s = shape("gemma-2-9b")
    full = s.n_layers - s.window_layers
    size = (s.n_kv_heads, s.head_dim, tokens, s.window, batch, width)
    right = window_cache_bytes(full, s.window_layers, *size)
    return pose(
        "Layers with a window",
        f"{s.name} has {full} layers that keep every token and {s.window_layers} that keep the "
        f"latest {number_text(s.window)}; {s.n_kv_heads} key-value heads of {s.head_dim}, "
        f"{width * BITS_PER_BYTE} bits a number. How many bytes is the least cache of {batch} "
        f"sequences of {number_text(tokens)} tokens?",
        "window_cache_bytes",
        right,
        f"2 x {s.n_kv_heads} x {s.head_dim} x ({full} x {number_text(tokens)} + "
        f"{s.window_layers} x {number_text(s.window)}) x {batch} x {width} = {{answer}}.",
        (window_cache_bytes(s.n_layers, 0, *size), "That lets every layer keep every token: the "
         "window layers let the oldest go."),
        (window_cache_bytes(0, s.n_layers, *size), "That gives every layer a window: only every "
         "other one has it."),
        (right / batch, "That is one sequence: each of the batch keeps its own cache."),
        (right / 2, "Half of it: keys and values are both kept."),
    )  # fmt: skip


@kind("03", tokens=(105, 130, 250, 333, 500, 777, 1030, 2050), batch=BATCHES, block=(16, 32, 64))
def tokens_in_blocks(tokens: int, batch: int, block: int) -> Exercise:
    """Tokens for which whole blocks take room."""
    right = batch * paged_tokens(tokens, block)
    return pose(
        "Whole blocks",
        f"An engine hands its cache out in blocks of {block} tokens. For how many tokens do "
        f"{batch} sequences of {number_text(tokens)} tokens take room?",
        "paged_tokens",
        right,
        f"{number_text(tokens)} / {block}, rounded up, are {sequence_blocks(tokens, block)} blocks "
        f"a sequence; times {block} and {batch}: {{answer}}.",
        (batch * tokens, "These are the tokens themselves: the last block is taken as a whole."),
        (batch * (tokens // block) * block, "Rounded down: the last tokens need a block, too."),
        (batch * sequence_blocks(tokens, block), f"These are blocks: each takes {block} tokens."),
        (right // batch, "That is one sequence: each of the batch takes its own blocks."),
        tolerance=0.001,
    )


@kind("03", key=SMALL, name=LARGE_CHIPS, share=(0.8, 0.85, 0.9, 0.95), work=(2, 3, 5))
def pool_of(key: str, name: str, share: float, work: int) -> Exercise:
    """Bytes that are left for the cache."""
    s, chip = shape(key), catalog.accelerator(name)
    held = weight_bytes(s.n_params)
    right = kv_pool_bytes(chip.memory_bytes, share, held, work * GB, 0)
    return pose(
        "What is left for the cache",
        f"{name} has {memory(chip)}. An engine may take {percent(share)} of it; {s.name} at BF16 "
        f"takes {number_text(held)} bytes, and the work of a step {work} GB. How many bytes are "
        "left for the cache?",
        "kv_pool_bytes",
        right,
        f"{share:g} x {number_text(chip.memory_bytes)} - {number_text(held)} - {work} GB = "
        "{answer}.",
        (kv_pool_bytes(chip.memory_bytes, 1, held, work * GB, 0), "That takes the whole memory: "
         f"the engine may take {percent(share)}."),
        (kv_pool_bytes(chip.memory_bytes, share, 0, work * GB, 0), "The weights are in that "
         "memory, too."),
        (kv_pool_bytes(chip.memory_bytes, share, held, 0, 0), "The work of a step needs its place "
         "as well."),
        (kv_pool_bytes(chip.memory_bytes, 1, held, work * GB, 0) * share, "The share is of the "
         "whole memory: take it first, and then the rest off."),
    )  # fmt: skip


@kind("03", key=SMALL, pool=(6, 8, 10, 12, 16, 20, 24, 32, 40, 48), batch=(4, 8, 16, 24, 32))
def context_that_fits(key: str, pool: int, batch: int) -> Exercise:
    """The longest context of a batch."""
    s = shape(key)
    token = kv_bytes_per_token(s.n_layers, s.n_kv_heads, s.head_dim)
    fit = tokens_that_fit(pool * GiB, token)
    right = longest_context(fit, batch, s.context_tokens)
    return pose(
        "How long may they grow?",
        f"{pool} GiB are left for the cache of {s.name}, {number_text(token)} bytes a token; the "
        f"model allows {number_text(s.context_tokens)} tokens. To how many tokens may each of "
        f"{batch} sequences grow?",
        "longest_context",
        right,
        f"{number_text(fit)} tokens fit; divided by {batch}, and no more than "
        f"{number_text(s.context_tokens)}: {{answer}}.",
        (fit, "That is all sequences together: each gets its part."),
        (longest_context(2 * fit, batch, 10**9), "Twice what fits: the bytes of a token hold keys "
         "and values already."),
        (fit // batch, "That is more than the model allows."),
        (tokens_that_fit(pool * GB, token) // batch, "GiB are given, and you took GB."),
        (s.context_tokens, "That is what the model allows: look at what fits."),
    )  # fmt: skip


@kind("03", key=GROUPED, pool=(8, 12, 16, 20, 24, 30, 40, 60), tokens=TOKENS)
def batch_that_fits(key: str, pool: int, tokens: int) -> Exercise:
    """The largest batch."""
    s = shape(key)
    token = kv_bytes_per_token(s.n_layers, s.n_kv_heads, s.head_dim)
    fit = tokens_that_fit(pool * GB, token)
    right = sequences_that_fit(fit, tokens)
    every = kv_bytes_per_token(s.n_layers, s.n_heads, s.head_dim)
    return pose(
        "The largest batch",
        f"{pool} GB are left for the cache of {s.name} at BF16 ({heads(s)}). How many sequences of "
        f"{number_text(tokens)} tokens fit at the same time?",
        "sequences_that_fit",
        right,
        f"A token takes 2 x {s.n_layers} x {s.n_kv_heads} x {s.head_dim} x 2 = "
        f"{number_text(token)} bytes; {number_text(fit)} tokens fit, and so do {{answer}}.",
        (right + 1, "Rounded up: the last sequence does not fit whole."),
        (sequences_that_fit(tokens_that_fit(pool * GB, every), tokens), "That keeps a key for "
         "each query head: only the key-value heads are kept."),
        (sequences_that_fit(2 * fit, tokens), "Keys and values are both kept, of two bytes each: "
         "one factor of two is missing."),
        (sequences_that_fit(4 * fit, tokens), "Keys and values are both kept, of two bytes each: "
         "two factors of two are missing."),
        (fit, "These are tokens: a sequence has many."),
    )  # fmt: skip


@kind("03", key=GROUPED, tokens=TOKENS)
def batch_as_large_as_weights(key: str, tokens: int) -> Exercise:
    """Sequences whose cache is as large as the weights."""
    s = shape(key)
    held = weight_bytes(s.n_params)
    token = kv_bytes_per_token(s.n_layers, s.n_kv_heads, s.head_dim)
    right = crossover_batch(held, token, tokens)
    return pose(
        "When the cache overtakes the weights",
        f"{s.name} has {number_text(s.n_params)} parameters at BF16, and a token keeps "
        f"{number_text(token)} bytes. With how many sequences of {number_text(tokens)} tokens is "
        "the cache as large as the weights? Two digits are enough.",
        "crossover_batch",
        right,
        f"{number_text(held)} / ({number_text(token)} x {number_text(tokens)}) = {{answer}}.",
        (right / 2, "Half of it: BF16 is two bytes a parameter."),
        (2 * right, "Twice too many: the bytes of a token hold keys and values already."),
        (right * tokens, "These are tokens: a sequence has many."),
        (1 / right, "Upside down: the weights are divided by the cache of a sequence."),
        tolerance=0.05,
    )


@kind("03", key=MODELS, optimizer=(8, 12, 4, 6))
def training_memory(key: str, optimizer: int) -> Exercise:
    """Bytes of weights, gradients and optimizer states."""
    s = shape(key)
    right = training_state_bytes(s.n_params, 2, 2, optimizer)
    return pose(
        "What training keeps",
        f"Training keeps for each parameter a weight and a gradient of two bytes each and "
        f"{optimizer} bytes of optimizer state. How many bytes does {s.name}, "
        f"{number_text(s.n_params)} parameters, need before any activation?",
        "training_state_bytes",
        right,
        f"{number_text(s.n_params)} x (2 + 2 + {optimizer}) = {{answer}}.",
        (2 * s.n_params, "That is inference: training keeps gradients and states as well."),
        (4 * s.n_params, "The optimizer's states are missing: they are the larger part."),
        ((2 + optimizer) * s.n_params, "The gradients are missing: two bytes a parameter."),
        (optimizer * s.n_params, "These are the optimizer's states alone."),
    )


@kind("03", key=MODELS, batch=BATCHES, width=(2, 4))
def logits_of(key: str, batch: int, width: int) -> Exercise:
    """Bytes of the scores for the next token."""
    s = shape(key)
    right = logit_bytes(s.vocab_size, batch, width)
    return pose(
        "A score for every word",
        f"{s.name} chooses each next token from {number_text(s.vocab_size)}. How many bytes are "
        f"the scores of a step with {batch} sequences, {width} bytes a score?",
        "logit_bytes",
        right,
        f"{batch} x {number_text(s.vocab_size)} x {width} = {{answer}}.",
        (right / batch, "That is one sequence: each of the batch has its own scores."),
        (right / width, f"These are scores: each takes {width} bytes."),
        *slips("byte", right, BITS_PER_BYTE),
        (right * s.n_layers, "Scores are made once, after the last layer."),
    )


@kind("03", n_heads=(8, 12, 16, 24, 32, 40, 64), tokens=(512, 1024, 2000, 4096, 8192),
      batch=(1, 2, 4))  # fmt: skip
def scores_of_attention(n_heads: int, tokens: int, batch: int) -> Exercise:
    """Bytes of one layer's attention scores without a fused kernel."""
    right = attention_score_bytes(n_heads, tokens, batch)
    many = "prompt" if batch == 1 else f"batch of {batch} prompts"
    return pose(
        "Every token looks at every other",
        f"Without a fused kernel, a layer of {n_heads} heads writes out a score of each token for "
        f"each other, two bytes a score. How many bytes is that for a {many} of "
        f"{number_text(tokens)} tokens?",
        "attention_score_bytes",
        right,
        f"{batch} x {n_heads} x {number_text(tokens)} x {number_text(tokens)} x 2 bytes = "
        "{answer}.",
        (right / tokens, "That grows with the tokens: scores grow with their square."),
        (right / n_heads, f"That is one head: the layer has {n_heads}."),
        (right / 2, "These are scores: each takes two bytes."),
        *slips("byte", right, BITS_PER_BYTE),
    )


@kind("03", tokens=(105, 130, 250, 333, 500, 777, 1030, 2050), block=(16, 32, 64),
      pool=(2000, 4000, 8000, 20_000))  # fmt: skip
def sequences_in_blocks(tokens: int, block: int, pool: int) -> Exercise:
    """Sequences for which a pool has blocks."""
    each = sequence_blocks(tokens, block)
    right = pool // each
    return pose(
        "Blocks in the pool",
        f"A pool has {number_text(pool)} blocks of {block} tokens. How many sequences of "
        f"{number_text(tokens)} tokens get their blocks?",
        "sequences_that_fit",
        right,
        f"{number_text(tokens)} / {block}, rounded up, are {each} blocks a sequence; "
        f"{number_text(pool)} / {each}, rounded down: {{answer}}.",
        (pool * block // tokens, "That fills the last block of each: nobody else may use it."),
        (right + 1, "Rounded up: the last sequence does not get all its blocks."),
        (pool // max(1, tokens // block), "Rounded down: the last tokens need a block, too."),
        (pool // tokens, f"That gives each token a block: a block takes {block} of them."),
        (pool * block, "These are tokens: a sequence has many."),
    )


KINDS = (
    Kind("03", lesson_03.cache_at_fp32, {
        "n_layers": (12, 16, 24, 36, 48), "n_heads": (12, 16, 20, 25), "tokens": TOKENS}),
    Kind("03", lesson_03.cache_of_a_batch, {"key": GROUPED, "batch": BATCHES, "tokens": TOKENS}),
    Kind("03", lesson_03.cache_of_a_rank, {
        "key": GROUPED, "ranks": (2, 4, 8), "batch": BATCHES, "tokens": TOKENS}),
    Kind("03", lesson_03.tokens_of_a_pool, {
        "key": GROUPED, "pool_gib": (6, 8, 10, 12, 16, 20, 24, 32, 40, 48)}),
    cache_of_all_heads, cache_of_a_token, cache_of_one_head, latent_of, cache_with_windows,
    tokens_in_blocks, pool_of, context_that_fits, batch_that_fits,
    batch_as_large_as_weights, training_memory, logits_of, scores_of_attention,
    sequences_in_blocks,
)  # fmt: skip
