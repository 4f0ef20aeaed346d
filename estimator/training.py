"""Lesson 4's recap: the arithmetic of training, and what of it inference needs."""

from __future__ import annotations

from estimator.arithmetic import Number
from estimator.formula import formula

TRAINING_TIME = "the course's lesson on training time, from readers' notes"


@formula(source="Kaplan et al. 2020, Scaling laws for neural language models")
def training_flops(n_params: Number, training_tokens: Number) -> Number:
    """Arithmetic of training: 2 operations a parameter a token forward, and 4 backward.

    >>> training_flops(3_000_000_000, training_tokens=60_000_000_000)
    1080000000000000000000
    """
    flops = 6 * n_params * training_tokens
    return flops


@formula(source=TRAINING_TIME)
def row_training_flops(
    n_params: Number, rows: Number, epochs: Number = 1, row_multiplier: Number = 1
) -> Number:
    """Arithmetic of training as the course counts it: a multiplier for the work of each row.

    >>> row_training_flops(3_000_000_000, rows=200_000_000, epochs=1000)
    3600000000000000000000
    """
    flops = 6 * n_params * row_multiplier * rows * epochs
    return flops


@formula(
    source=f"{TRAINING_TIME}; Narayanan et al. 2021 for the utilization", divisors=("accelerators",)
)
def training_seconds(
    training_flops: Number, flops_per_s: Number, accelerators: Number = 1,
    training_utilization: Number = 1,
) -> Number:  # fmt: skip
    """Seconds of training, on accelerators that share the work evenly.

    >>> round(training_seconds(3.6e21, flops_per_s=156e12) / 86_400, 2)
    267.09
    >>> round(training_seconds(3.6e21, flops_per_s=156e12, accelerators=32) / 86_400, 2)
    8.35
    """
    seconds = training_flops / (flops_per_s * accelerators * training_utilization)
    return seconds


@formula(source="Kaplan et al. 2020, Scaling laws for neural language models")
def forward_flops(n_params: Number, tokens: Number) -> Number:
    """Arithmetic of inference: the forward pass alone, 2 operations a parameter a token.

    >>> forward_flops(3_000_000_000, tokens=500)
    3000000000000
    """
    flops = 2 * n_params * tokens
    return flops


@formula(source="Estimating total memory requirements for inference: the same author's FLOP count")
def counted_forward_flops(
    n_layers: Number, d_model: Number, d_ff: Number, n_heads: Number, tokens: Number,
    batch: Number = 1,
) -> Number:  # fmt: skip
    """Arithmetic of a forward pass, part by part; the logits are left out.

    >>> counted_forward_flops(24, 1024, 4096, 16, tokens=1024)
    724625784832
    """
    attention = 8 * tokens * d_model**2 + 4 * tokens**2 * d_model + 5 * n_heads * tokens**2
    mlp = 4 * tokens * d_model * d_ff + 8 * tokens * d_ff
    norms = 10 * tokens * d_model
    flops = batch * (n_layers * (attention + mlp + norms) + tokens * d_model)
    return flops
