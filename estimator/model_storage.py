"""Lesson 1, model storage: from parameters to bytes, and from a model's shape to parameters."""

from __future__ import annotations

from estimator.arithmetic import Number, ceil_divide, divide
from estimator.formula import COURSE, formula
from estimator.units import BITS_PER_BYTE

STORAGE = f"{COURSE}, 'Model storage'"
TRANSFORMER = "Vaswani et al. 2017, Attention is all you need"


@formula(source=STORAGE)
def weight_bytes(n_params: Number, bits_per_weight: Number = 16) -> Number:
    """Bytes of the weights: every parameter at its precision, eight bits to a byte.

    >>> weight_bytes(3_000_000_000)
    6000000000
    >>> weight_bytes(354_336_768, bits_per_weight=8)
    354336768
    """
    size_bytes = divide(n_params * bits_per_weight, BITS_PER_BYTE)
    return size_bytes


@formula(source="Frantar et al. 2022, GPTQ; OCP Microscaling formats 1.0 (2023)")
def scaled_bits_per_weight(
    element_bits: Number, scale_bits: Number = 16, zero_point_bits: Number = 0,
    group_size: Number = 128,
) -> Number:  # fmt: skip
    """Bits of a quantized weight, with its share of what its group stores once.

    >>> scaled_bits_per_weight(4)
    4.125
    >>> scaled_bits_per_weight(4, scale_bits=8, group_size=32)
    4.25
    """
    bits = element_bits + (scale_bits + zero_point_bits) / group_size
    return bits


@formula(source=STORAGE)
def replicated_bytes(weight_bytes: Number, replicas: Number) -> Number:
    """Bytes of all copies of the weights.

    >>> replicated_bytes(6_000_000_000, replicas=3)
    18000000000
    """
    all_bytes = weight_bytes * replicas
    return all_bytes


@formula(source=TRANSFORMER)
def embedding_params(vocab_size: Number, d_model: Number) -> Number:
    """Parameters of the token embedding; an output head that is not tied has as many again.

    >>> embedding_params(50_000, 1024)
    51200000
    """
    params = vocab_size * d_model
    return params


@formula(source="Radford et al. 2019, GPT-2: positions are learned")
def position_params(n_positions: Number, d_model: Number) -> Number:
    """Parameters of learned positions.

    >>> position_params(1024, 1024)
    1048576
    """
    params = n_positions * d_model
    return params


@formula(source="Vaswani et al. 2017; Ainslie et al. 2023, GQA, for fewer key-value heads")
def attention_params(
    d_model: Number, n_heads: Number, n_kv_heads: Number, head_dim: Number
) -> Number:
    """Parameters of one layer's attention: queries and output, keys and values.

    >>> attention_params(1024, n_heads=16, n_kv_heads=16, head_dim=64)
    4194304
    """
    params = 2 * d_model * head_dim * (n_heads + n_kv_heads)
    return params


@formula(source="Radford et al. 2019, GPT-2: each matrix has a bias")
def attention_bias_params(
    d_model: Number, n_heads: Number, n_kv_heads: Number, head_dim: Number
) -> Number:
    """Biases of one layer's attention: one for each output of its four matrices.

    >>> attention_bias_params(1024, n_heads=16, n_kv_heads=16, head_dim=64)
    4096
    """
    params = head_dim * (n_heads + 2 * n_kv_heads) + d_model
    return params


@formula(source="Vaswani et al. 2017; Shazeer 2020, GLU variants, for the gated form")
def mlp_params(d_model: Number, d_ff: Number, mlp_matrices: Number = 2) -> Number:
    """Parameters of one feed-forward block: two matrices, or three where it is gated.

    >>> mlp_params(1024, 4096)
    8388608
    """
    params = mlp_matrices * d_model * d_ff
    return params


@formula(source="Radford et al. 2019, GPT-2: each matrix has a bias")
def mlp_bias_params(d_model: Number, d_ff: Number, mlp_matrices: Number = 2) -> Number:
    """Biases of a feed-forward block: one for each output of its matrices.

    >>> mlp_bias_params(1024, 4096)
    5120
    >>> mlp_bias_params(2880, 2880, mlp_matrices=3)
    8640
    """
    params = (mlp_matrices - 1) * d_ff + d_model
    return params


@formula(source="Ba et al. 2016, Layer normalization; Zhang and Sennrich 2019, RMSNorm")
def norm_params(d_model: Number, norm_vectors: Number = 1) -> Number:
    """Parameters of one norm: RMSNorm scales, LayerNorm scales and shifts.

    >>> norm_params(1024, norm_vectors=2)
    2048
    """
    params = norm_vectors * d_model
    return params


@formula(source="Jiang et al. 2024, Mixtral of experts")
def router_params(d_model: Number, n_experts: Number) -> Number:
    """Parameters of the router that picks experts for a token.

    >>> router_params(4096, n_experts=8)
    32768
    """
    params = d_model * n_experts
    return params


@formula(source="worked out here: one weight for each pair of an input and an output")
def linear_params(d_in: Number, d_out: Number) -> Number:
    """Parameters of one matrix between two widths, without biases.

    >>> linear_params(2048, 3072)
    6291456
    """
    params = d_in * d_out
    return params


@formula(source="DeepSeek-AI 2024, DeepSeek-V2, section 2.1: queries through a latent")
def latent_query_params(
    d_model: Number, n_heads: Number, q_lora_rank: Number, nope_head_dim: Number,
    rope_head_dim: Number,
) -> Number:  # fmt: skip
    """Parameters of one layer's queries where they pass a latent: down to it, and up to the heads.

    >>> latent_query_params(7168, 128, q_lora_rank=1536, nope_head_dim=128, rope_head_dim=64)
    48758784
    """
    params = q_lora_rank * (d_model + n_heads * (nope_head_dim + rope_head_dim))
    return params


@formula(source="DeepSeek-AI 2024, DeepSeek-V2, section 2.1: keys and values from one latent")
def latent_kv_params(
    d_model: Number, n_heads: Number, kv_lora_rank: Number, nope_head_dim: Number,
    rope_head_dim: Number, v_head_dim: Number,
) -> Number:  # fmt: skip
    """Parameters of one layer's keys and values: down to the latent, and up to every head.

    >>> latent_kv_params(7168, 128, 512, nope_head_dim=128, rope_head_dim=64, v_head_dim=128)
    20905984
    """
    down = d_model * (kv_lora_rank + rope_head_dim)
    params = down + kv_lora_rank * n_heads * (nope_head_dim + v_head_dim)
    return params


@formula(source="worked out here: weights cut into equal parts, nothing else in the memory")
def accelerators_to_hold(weight_bytes: Number, memory_bytes: Number) -> Number:
    """Fewest accelerators whose memory together takes the weights: a lower bound.

    >>> accelerators_to_hold(140_000_000_000, memory_bytes=80_000_000_000)
    2
    """
    count = ceil_divide(weight_bytes, memory_bytes)
    return count


@formula(source="worked out here: bytes over bandwidth, the full rate and nothing else: a floor")
def load_seconds(weight_bytes: Number, bytes_per_s: Number) -> Number:
    """Seconds to move the weights once, from a disk, over a network or out of memory.

    >>> load_seconds(6_000_000_000, bytes_per_s=2_000_000_000)
    3
    """
    seconds = divide(weight_bytes, bytes_per_s)
    return seconds
