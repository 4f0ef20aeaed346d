"""Lesson 3, the memory of inference: activations, cache, total, and what fits.

An engine's blocks and pages stand in `paged_cache`.
"""

from __future__ import annotations

from estimator.arithmetic import (
    Number,
    ceil_divide,
    divide,
    floor_divide,
    maximum,
    minimum,
)
from estimator.formula import COUNTED, formula
from estimator.paged_cache import VLLM_POOL

GUIDE = "Estimating total memory requirements for inference"


@formula(source=f"{GUIDE}, 'Activation memory calculation'")
def activation_rule_bytes(
    n_layers: Number, d_model: Number, batch: Number = 1, bytes_per_element: Number = 2
) -> Number:
    """One vector of each layer, as the guide counts activations; what is widest is not in it.

    >>> activation_rule_bytes(24, 1024)
    49152
    """
    rule_bytes = n_layers * batch * d_model * bytes_per_element
    return rule_bytes


@formula(source=f"{COUNTED}: what one layer needs at the same time; the next layer reuses it")
def layer_activation_bytes(
    tokens_in_flight: Number, d_model: Number, n_heads: Number, n_kv_heads: Number,
    head_dim: Number, d_ff: Number, mlp_matrices: Number = 2, bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """Input and residual of a layer, and the wider of its attention's and its MLP's tensors.

    >>> layer_activation_bytes(1, 1024, 16, 16, 64, d_ff=4096)
    20480
    """
    attention = 2 * (n_heads + n_kv_heads) * head_dim
    width = 2 * d_model + maximum(attention, mlp_matrices * d_ff)
    live_bytes = tokens_in_flight * width * bytes_per_element
    return live_bytes


@formula(source=f"{COUNTED}: a score for each token of the vocabulary, of each sequence")
def logit_bytes(vocab_size: Number, batch: Number = 1, logit_element_bytes: Number = 4) -> Number:
    """Bytes of the scores from which the next tokens are drawn, kept once.

    >>> logit_bytes(50_000), logit_bytes(50_000, logit_element_bytes=2)
    (200000, 100000)
    """
    row_bytes = vocab_size * logit_element_bytes
    score_bytes = batch * row_bytes
    return score_bytes


@formula(source=f"{COUNTED}: each tensor once; an engine that keeps copies needs more")
def activation_bytes(layer_activation_bytes: Number, logit_bytes: Number) -> Number:
    """Bytes that a step works in: a layer at its widest, and the logits.

    >>> activation_bytes(20_480, logit_bytes=200_000)
    220480
    """
    step_bytes = layer_activation_bytes + logit_bytes
    return step_bytes


@formula(source="Dao et al. 2022, FlashAttention: what a fused kernel never writes out")
def attention_score_bytes(
    n_heads: Number, tokens: Number, batch: Number = 1, bytes_per_element: Number = 2
) -> Number:
    """Bytes of one layer's scores of each token for each other, where no kernel fuses them.

    >>> attention_score_bytes(16, tokens=128), attention_score_bytes(16, tokens=1024)
    (524288, 33554432)
    """
    score_bytes = batch * n_heads * tokens**2 * bytes_per_element
    return score_bytes


@formula(source=f"{GUIDE}, 'Cache memory calculation'")
def kv_cache_bytes(
    n_layers: Number, n_kv_heads: Number, head_dim: Number, tokens: Number, batch: Number = 1,
    bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """Keys and values of every layer, kept for every token of every sequence.

    >>> kv_cache_bytes(24, 16, 64, tokens=128)
    12582912
    """
    cache_bytes = 2 * n_layers * n_kv_heads * head_dim * tokens * batch * bytes_per_element
    return cache_bytes


@formula(source=f"{GUIDE}, 'Cache memory calculation', for one position")
def kv_bytes_per_token(
    n_layers: Number, n_kv_heads: Number, head_dim: Number, bytes_per_element: Number = 2
) -> Number:
    """Keys and values of one token in all layers.

    >>> kv_bytes_per_token(24, 16, 64), kv_bytes_per_token(32, 8, 128)
    (98304, 131072)
    """
    token_bytes = 2 * n_layers * n_kv_heads * head_dim * bytes_per_element
    return token_bytes


@formula(source=f"{GUIDE}: 'Input data: the input tokens and any associated embeddings'")
def input_bytes(
    tokens: Number, d_model: Number, batch: Number = 1, bytes_per_element: Number = 2,
    id_bytes: Number = 8,
) -> Number:  # fmt: skip
    """Bytes of the prompts' token ids and of their embeddings: negligible, as the guide says.

    >>> input_bytes(128, d_model=1024)
    263168
    """
    prompt_bytes = batch * tokens * (id_bytes + d_model * bytes_per_element)
    return prompt_bytes


@formula(source=f"{GUIDE}, 'Total memory formula'")
def inference_bytes(
    weight_bytes: Number, activation_bytes: Number, kv_cache_bytes: Number, overhead_bytes: Number
) -> Number:
    """Parameters, activations, cache and overheads together.

    >>> inference_bytes(708_673_536, 49_152, 12_582_912, overhead_bytes=100_000_000)
    821305600
    """
    total_bytes = weight_bytes + activation_bytes + kv_cache_bytes + overhead_bytes
    return total_bytes


@formula(source="Rajbhandari et al. 2020, ZeRO, section 3.1: Adam in mixed precision")
def training_state_bytes(
    n_params: Number, weight_bytes_per_param: Number = 2, gradient_bytes_per_param: Number = 2,
    optimizer_bytes_per_param: Number = 12,
) -> Number:  # fmt: skip
    """Bytes that training keeps and inference does not: 16 a parameter, before activations.

    >>> training_state_bytes(354_336_768)
    5669388288
    """
    each = weight_bytes_per_param + gradient_bytes_per_param + optimizer_bytes_per_param
    state_bytes = n_params * each
    return state_bytes


@formula(source="DeepSeek-AI 2024, DeepSeek-V2, section 2.1.4")
def latent_cache_bytes(
    n_layers: Number, kv_lora_rank: Number, rope_head_dim: Number, tokens: Number,
    batch: Number = 1, bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """One latent and one rotated key for every layer and token: no factor 2, no heads.

    >>> latent_cache_bytes(61, kv_lora_rank=512, rope_head_dim=64, tokens=1)
    70272
    """
    width = kv_lora_rank + rope_head_dim
    cache_bytes = n_layers * width * tokens * batch * bytes_per_element
    return cache_bytes


@formula(source="Beltagy et al. 2020, Longformer; Jiang et al. 2023, Mistral 7B")
def window_tokens(tokens: Number, window: Number) -> Number:
    """Tokens of a sequence that a window layer needs: the latest ones, up to the window.

    >>> window_tokens(8192, window=4096), window_tokens(100, window=4096)
    (4096, 100)
    """
    needed = minimum(tokens, window)
    return needed


@formula(source="Beltagy et al. 2020, Longformer; Jiang et al. 2023, Mistral 7B")
def window_cache_bytes(
    full_layers: Number, window_layers: Number, n_kv_heads: Number, head_dim: Number,
    tokens: Number, window: Number, batch: Number = 1, bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """The ideal cache: each layer keeps what it may still read, and no more.

    >>> window_cache_bytes(21, 21, 8, 256, tokens=8192, window=4096)
    2113929216
    """
    layer_tokens = full_layers * tokens + window_layers * minimum(tokens, window)
    cache_bytes = 2 * n_kv_heads * head_dim * layer_tokens * batch * bytes_per_element
    return cache_bytes


@formula(source="Shoeybi et al. 2019, Megatron-LM; a head is never cut, so a rank keeps one")
def kv_heads_per_rank(n_kv_heads: Number, tensor_parallel: Number) -> Number:
    """Key-value heads of each accelerator: a share of them, and a copy of one at the least.

    >>> kv_heads_per_rank(8, tensor_parallel=2), kv_heads_per_rank(8, tensor_parallel=16)
    (4, 1)
    """
    heads = ceil_divide(n_kv_heads, tensor_parallel)
    return heads


@formula(source=VLLM_POOL)
def kv_pool_bytes(
    memory_bytes: Number, memory_utilization: Number, weight_bytes: Number,
    activation_bytes: Number, overhead_bytes: Number, tensor_parallel: Number = 1,
) -> Number:  # fmt: skip
    """Bytes of an accelerator that are left for the cache; none where the rest fills it.

    >>> kv_pool_bytes(80_000_000_000, 1, 16_060_522_496, 2_000_000_000, 1_000_000_000)
    60939477504
    """
    weights = divide(weight_bytes, tensor_parallel)
    left = memory_utilization * memory_bytes - weights - activation_bytes - overhead_bytes
    pool_bytes = maximum(0, left)
    return pool_bytes


@formula(source=VLLM_POOL, divisors=("kv_bytes_per_token",))
def tokens_that_fit(kv_pool_bytes: Number, kv_bytes_per_token: Number) -> Number:
    """Tokens, of all sequences together, whose cache fits.

    >>> tokens_that_fit(60_939_477_504, kv_bytes_per_token=131_072)
    464931
    """
    count = floor_divide(kv_pool_bytes, kv_bytes_per_token)
    return count


@formula(source=COUNTED, divisors=("tokens",))
def sequences_that_fit(tokens_that_fit: Number, tokens: Number) -> Number:
    """Sequences of this length that fit at the same time: the largest batch.

    >>> sequences_that_fit(464_931, tokens=8192)
    56
    """
    count = floor_divide(tokens_that_fit, tokens)
    return count


@formula(source=COUNTED, divisors=("batch",))
def longest_context(tokens_that_fit: Number, batch: Number, context_limit: Number) -> Number:
    """Tokens to which each sequence of a batch may grow: what fits, and the model allows.

    >>> longest_context(464_931, batch=1, context_limit=131_072)
    131072
    >>> longest_context(464_931, batch=64, context_limit=131_072)
    7264
    """
    longest = minimum(floor_divide(tokens_that_fit, batch), context_limit)
    return longest


@formula(source=COUNTED, divisors=("kv_bytes_per_token", "tokens"))
def crossover_batch(weight_bytes: Number, kv_bytes_per_token: Number, tokens: Number) -> Number:
    """Sequences of this length whose cache is as large as the weights.

    >>> round(crossover_batch(708_673_536, 98_304, tokens=128), 2)
    56.32
    """
    equal = divide(weight_bytes, kv_bytes_per_token * tokens)
    return equal


@formula(source="Agrawal et al. 2023, Sarathi: prompts are read in chunks")
def prefill_steps(tokens: Number, chunk_tokens: Number) -> Number:
    """Steps in which a prompt is read, a chunk in each; only a chunk's activations are live.

    >>> prefill_steps(131_072, chunk_tokens=2048)
    64
    """
    steps = ceil_divide(tokens, chunk_tokens)
    return steps


@formula(source="vLLM 0.19, vllm/model_executor/layers/rotary_embedding: cosines and sines")
def rotary_table_bytes(
    n_positions: Number, rotary_dim: Number, bytes_per_element: Number = 2
) -> Number:
    """Table of rotations that an engine keeps beside the weights, for each position.

    >>> rotary_table_bytes(131_072, rotary_dim=128)
    33554432
    """
    table_bytes = n_positions * rotary_dim * bytes_per_element
    return table_bytes


@formula(source=f"{COUNTED}: vLLM 0.19 needs 0.85 GiB for Granite 3.1 8B, 1.05 for a pipeline")
def engine_layer_bytes(
    chunk_tokens: Number, d_model: Number, live_d_ff: Number, live_states: Number = 4,
    bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """Peak of a layer in an engine: the block's inner width thrice, and so many states.

    >>> engine_layer_bytes(8192, d_model=4096, live_d_ff=12800)
    897581056
    """
    width = 3 * live_d_ff + live_states * d_model
    live_bytes = chunk_tokens * width * bytes_per_element
    return live_bytes


@formula(source=f"{COUNTED}: the two buffers of vLLM's fused experts, kept from step to step")
def expert_workspace_bytes(
    chunk_tokens: Number, experts_per_token: Number, d_model: Number, d_ff: Number,
    bytes_per_element: Number = 2,
) -> Number:  # fmt: skip
    """Buffers for every token's experts: what goes in twice as wide, and what comes out.

    >>> expert_workspace_bytes(8192, experts_per_token=8, d_model=2048, d_ff=768)
    536870912
    """
    width = maximum(2 * d_ff, d_model) + maximum(d_ff, d_model)
    workspace_bytes = chunk_tokens * experts_per_token * width * bytes_per_element
    return workspace_bytes


@formula(source=f"{COUNTED}: fitted on peaks that vLLM logged for vocabularies of two sizes")
def sampler_bytes(batch: Number, vocab_size: Number, bytes_per_logit: Number) -> Number:
    """Logits of all sequences that may be in flight, and what sorting them takes.

    >>> sampler_bytes(1024, vocab_size=128_256, bytes_per_logit=14.5)
    1904345088.0
    """
    live_bytes = batch * vocab_size * bytes_per_logit
    return live_bytes
