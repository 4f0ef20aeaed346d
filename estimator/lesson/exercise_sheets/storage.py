"""Kinds of lesson 01: sizes of models, what holds them, how long they load."""

from __future__ import annotations

from estimator import catalog
from estimator.catalog.shapes import shape
from estimator.lesson import lesson_01
from estimator.lesson.exercise_sheets.kind import Kind, kind, pose
from estimator.lesson.exercise_sheets.numbers import (
    CHIPS,
    COPIES,
    DENSE,
    GATED,
    GROUPED,
    MODELS,
    PRECISIONS,
    bits,
    memory,
)
from estimator.lesson.exercises import Exercise, slips
from estimator.model_storage import (
    accelerators_to_hold,
    attention_params,
    embedding_params,
    load_seconds,
    mlp_params,
    replicated_bytes,
    scaled_bits_per_weight,
    weight_bytes,
)
from estimator.serving import mixture_params
from estimator.units import BITS_PER_BYTE, GB, GiB, bytes_text, number_text, quantity_text

DISKS = ("hdd_read", "sata_ssd_read", "nvme_pcie4_read", "nvme_pcie5_read", "pcie4_x16")


@kind("01", key=MODELS, precision=PRECISIONS)
def size_at(key: str, precision: str) -> Exercise:
    """Bytes of a model at a precision."""
    s, width = shape(key), bits(precision)
    right = weight_bytes(s.n_params, width)
    return pose(
        "A size at a precision",
        f"{s.name} has {number_text(s.n_params)} parameters. How many bytes are its weights at "
        f"{precision}?",
        "weight_bytes",
        right,
        f"{number_text(s.n_params)} x {width} bits / 8 = {{answer}}.",
        (2 * right, f"Twice too large: {precision} takes {width} bits a parameter."),
        (right / 2, f"Twice too small: {precision} takes {width} bits a parameter."),
        *slips("byte", right, BITS_PER_BYTE, 1 / GB),
    )


@kind("01", key=MODELS, precision=PRECISIONS)
def printed_size(key: str, precision: str) -> Exercise:
    """Bytes of a model whose size a log prints in GiB and calls GB."""
    s, width = shape(key), bits(precision)
    right = weight_bytes(s.n_params, width)
    printed = round(right / GiB, 2)
    return pose(
        "What does the log say?",
        f"A log says that {s.name} at {precision} takes {printed:.2f} GB. The tool divides the "
        "bytes by 1,024 three times before it prints. How many bytes are the weights?",
        "weight_bytes",
        right,
        f"{printed:.2f} x {number_text(GiB)} bytes: {{answer}}. What the log calls GB are GiB.",
        (printed * GB, "That takes the log at its word: it prints GiB and writes GB, 7 % less."),
        (printed * GB**2 / GiB, "Converted the wrong way: a GiB is more than a GB."),
        (printed * GiB * BITS_PER_BYTE, "These are bits: the answer is asked in bytes."),
        tolerance=0.01,
    )


@kind("01", element=(2, 3, 4, 5, 6), scale=(8, 16, 32), zero=(0, 4, 8), group=(16, 32, 64, 128))
def bits_with_scales(element: int, scale: int, zero: int, group: int) -> Exercise:
    """Bits of a weight with its share of scale and zero point."""
    right = scaled_bits_per_weight(element, scale, zero, group)
    extra = f" and a zero point of {zero} bits" if zero else ""
    added = f"({scale} + {zero})" if zero else f"{scale}"
    return pose(
        "Bits with their scale",
        f"Weights are stored with {element} bits each; every {group} of them share a scale of "
        f"{scale} bits{extra}. How many bits does a weight take?",
        "scaled_bits_per_weight",
        right,
        f"{element} + {added} / {group} = {{answer}}.",
        (element, "That leaves out the scales: each group brings its own bits on top."),
        (element + scale + zero, "That gives each weight a scale of its own: a group shares one."),
        (scaled_bits_per_weight(element, scale, 0, group), "The zero point is stored as well."),
        (right / BITS_PER_BYTE, "These are bytes: the answer is asked in bits."),
        tolerance=0.001,
    )


@kind("01", key=MODELS, scale=(8, 16, 32), group=(32, 64, 128))
def size_in_groups(key: str, scale: int, group: int) -> Exercise:
    """Bytes of a model at four bits with scales."""
    s, width = shape(key), scaled_bits_per_weight(4, scale, 0, group)
    right = weight_bytes(s.n_params, width)
    return pose(
        "Four bits with company",
        f"{s.name} has {number_text(s.n_params)} parameters. Stored with 4 bits each, and a scale "
        f"of {scale} bits for every {group} of them, how many bytes is it?",
        "weight_bytes",
        right,
        f"4 + {scale} / {group} = {width:g} bits a weight, and {number_text(s.n_params)} of those "
        "are {answer}.",
        (weight_bytes(s.n_params, 4), "That leaves out the scales: each group brings its own bits "
         "on top."),
        (weight_bytes(s.n_params, 4 + scale), "That gives every weight a scale of its own: a whole "
         "group shares one."),
        *slips("byte", right, BITS_PER_BYTE, 1 / GB),
        tolerance=0.001,
    )  # fmt: skip


@kind("01", key=("mixtral-8x7b", "gpt-oss-120b", "deepseek-v3"), name=CHIPS,
      precision=("BF16", "INT8"))  # fmt: skip
def mixture_to_hold(key: str, name: str, precision: str) -> Exercise:
    """Accelerators that hold a mixture of experts."""
    model, chip = catalog.model(key), catalog.accelerator(name)
    size = weight_bytes(model.n_params, bits(precision))
    right = accelerators_to_hold(size, chip.memory_bytes)
    active = model.n_active_params or 0
    return pose(
        "All experts want a place",
        f"{model.name} stores {number_text(model.n_params)} parameters, of which a token uses "
        f"about {number_text(active)}. How many {name} of {memory(chip)} hold it at {precision}?",
        "accelerators_to_hold",
        right,
        f"All parameters are {bytes_text(size)} at {precision}, {size / chip.memory_bytes:.3f} "
        "times the memory of one; rounded up: {answer}.",
        (accelerators_to_hold(weight_bytes(active, bits(precision)), chip.memory_bytes), "That "
         "holds the active parameters only: the next token may pick other experts."),
        (right - 1, "Rounded down: what is left over needs a place as well."),
        (accelerators_to_hold(2 * size, chip.memory_bytes), "That counts twice the bytes: "
         f"{precision} takes {bits(precision)} bits a parameter."),
        (accelerators_to_hold(size / 2, chip.memory_bytes), "That counts half the bytes: "
         f"{precision} takes {bits(precision)} bits a parameter."),
    )  # fmt: skip


@kind("01", key=DENSE, precision=("BF16", "INT8", "FP32"), name=CHIPS)
def chips_that_hold(key: str, precision: str, name: str) -> Exercise:
    """Accelerators that hold a model's weights."""
    s, chip = shape(key), catalog.accelerator(name)
    size = weight_bytes(s.n_params, bits(precision))
    right = accelerators_to_hold(size, chip.memory_bytes)
    return pose(
        "What holds the weights?",
        f"The weights of {s.name}, {number_text(s.n_params)} parameters, are kept at {precision}. "
        f"How many {name} of {memory(chip)} hold them, with nothing else in their memory?",
        "accelerators_to_hold",
        right,
        f"{bytes_text(size)} / {memory(chip)} = {size / chip.memory_bytes:.3f}, rounded up: "
        "{answer}.",
        (accelerators_to_hold(2 * size, chip.memory_bytes), "That counts twice the bytes: "
         f"{precision} takes {bits(precision)} bits a parameter."),
        (accelerators_to_hold(size / 2, chip.memory_bytes), "That counts half the bytes: "
         f"{precision} takes {bits(precision)} bits a parameter."),
        (right - 1, "Rounded down: what is left over needs a place as well."),
        (accelerators_to_hold(size * BITS_PER_BYTE, chip.memory_bytes), "These would be bits in a "
         "memory of bytes: eight bits to a byte."),
    )  # fmt: skip


@kind("01", key=MODELS, disk=DISKS, precision=("BF16", "INT8"))
def load_from_disk(key: str, disk: str, precision: str) -> Exercise:
    """Seconds to read a model from a disk."""
    s, rate = shape(key), catalog.rate(disk)
    held = weight_bytes(s.n_params, bits(precision))
    right = load_seconds(held, rate.value)
    return pose(
        "Waiting for the weights",
        f"{s.name} has {number_text(s.n_params)} parameters at {precision}. How many seconds does "
        f"it take at the least to read them at {quantity_text(rate.value, 'byte/s')} "
        f"({rate.meaning})?",
        "load_seconds",
        right,
        f"{bytes_text(held)} / {quantity_text(rate.value, 'byte/s')} = {{answer}}.",
        (2 * right, f"Twice too long: {precision} takes {bits(precision)} bits a parameter."),
        (right / 2, f"Twice too short: {precision} takes {bits(precision)} bits a parameter."),
        (right * BITS_PER_BYTE, "Both are in bytes here: no factor of eight is needed."),
        (right / 60, "These are minutes: the answer is asked in seconds."),
    )


@kind("01", key=DENSE, gbit=(1, 10, 25, 100, 400), copies=COPIES)
def spread_over_network(key: str, gbit: int, copies: int) -> Exercise:
    """Seconds to send several copies of a model over one link."""
    s = shape(key)
    held = replicated_bytes(weight_bytes(s.n_params), copies)
    right = load_seconds(held, gbit * 10**9 / BITS_PER_BYTE)
    return pose(
        "Copies over one link",
        f"{copies} servers fetch {s.name} ({number_text(s.n_params)} parameters at BF16), each its "
        f"own copy, through one link of {gbit} Gbit/s. How many seconds does that take at the "
        "least?",
        "load_seconds",
        right,
        f"{copies} x {number_text(2 * s.n_params)} bytes x 8 / {gbit} Gbit/s = {{answer}}.",
        (right / BITS_PER_BYTE, "The link is in bits and the weights in bytes: eight to a byte."),
        (right / copies, "That is one copy: the link carries all of them."),
        (right / 2, "Half of it: BF16 is two bytes a parameter."),
        (right * BITS_PER_BYTE, "Multiplied by eight once too often."),
    )


@kind("01", key=DENSE, copies=COPIES, precision=("BF16", "INT8", "FP32"))
def copies_of_weights(key: str, copies: int, precision: str) -> Exercise:
    """Bytes of all copies of a model."""
    s = shape(key)
    one = weight_bytes(s.n_params, bits(precision))
    right = replicated_bytes(one, copies)
    return pose(
        "Copies of a model",
        f"A registry keeps {copies} copies of {s.name}, {number_text(s.n_params)} parameters at "
        f"{precision}. How many bytes are stored?",
        "replicated_bytes",
        right,
        f"{copies} x {bytes_text(one)} = {{answer}}.",
        (one, f"That is one copy: {copies} are kept."),
        (one * (copies + 1), "One too many: the original is one of the copies."),
        *slips("byte", right, BITS_PER_BYTE, 1 / GB),
    )


@kind("01", vocab_size=(32_000, 50_000, 65_024, 100_000, 128_256, 151_936, 256_000),
      d_model=(768, 1024, 2048, 3072, 4096, 5120, 8192))  # fmt: skip
def embedding_of(vocab_size: int, d_model: int) -> Exercise:
    """Parameters of an embedding and of an output head of its own."""
    one = embedding_params(vocab_size, d_model)
    right = 2 * one
    return pose(
        "Into the model and out of it",
        f"A model with a vocabulary of {number_text(vocab_size)} tokens and a width of "
        f"{number_text(d_model)} has an embedding, and an output head that is not tied to it. How "
        "many parameters are the two?",
        "embedding_params",
        right,
        f"2 x {number_text(vocab_size)} x {number_text(d_model)} = {{answer}}.",
        (one, "That is one of the two: the output head is not tied, and has as many again."),
        (2 * right, "These are bytes at 16 bits: parameters are asked for."),
        (vocab_size + d_model, "Added: each token has a number for every part of the width."),
    )


@kind("01", key=GROUPED, layers=(2, 3, 4, 5, 6, 8, 10, 12))
def attention_of(key: str, layers: int) -> Exercise:
    """Parameters of the attention of some layers."""
    s = shape(key)
    right = layers * attention_params(s.d_model, s.n_heads, s.n_kv_heads, s.head_dim)
    every = layers * attention_params(s.d_model, s.n_heads, s.n_heads, s.head_dim)
    return pose(
        "Parameters of attention",
        f"A model has a width of {number_text(s.d_model)}, {s.n_heads} query heads, {s.n_kv_heads} "
        f"key-value heads and a head size of {s.head_dim}. How many parameters does the "
        f"attention of {layers} of its layers have?",
        "attention_params",
        right,
        f"Queries and output: 2 x {number_text(s.d_model)} x {s.n_heads} x {s.head_dim}; keys "
        f"and values: 2 x {number_text(s.d_model)} x {s.n_kv_heads} x {s.head_dim}; "
        f"times {layers} layers: {{answer}}.",
        (every, "That gives keys and values as many heads as the queries: they have fewer."),
        (right / layers, f"That is one layer: {layers} are asked for."),
        (right / 2, "Half of it: queries, keys, values and the output are four matrices."),
        (2 * right, "These are bytes at 16 bits: parameters are asked for."),
    )


@kind("01", key=GATED, layers=(2, 3, 4, 5, 6, 8, 10, 12))
def mlp_of(key: str, layers: int) -> Exercise:
    """Parameters of gated feed-forward blocks."""
    s = shape(key)
    right = layers * mlp_params(s.d_model, s.d_ff, 3)
    return pose(
        "Parameters of gated blocks",
        f"The feed-forward blocks of {s.name} are gated: three matrices between a width of "
        f"{number_text(s.d_model)} and one of {number_text(s.d_ff)}. How many parameters do "
        f"{layers} of its layers have there?",
        "mlp_params",
        right,
        f"3 x {number_text(s.d_model)} x {number_text(s.d_ff)} x {layers} = {{answer}}.",
        (right / 3 * 2, "That is two matrices: a gated block has three."),
        (right / 3, "That is one matrix: a gated block has three."),
        (right / layers, f"That is one layer: {layers} are asked for."),
        (2 * right, "These are bytes at 16 bits: parameters are asked for."),
    )


def _mixture(layers: int, experts: int, per_token: int, width: int) -> tuple[int, int, int]:
    """Parameters of an expert, and of all that is stored and all that a token computes with."""
    expert, shared = mlp_params(4096, width, 3), 2_000_000_000
    stored = mixture_params(shared, layers, experts, expert)
    return expert, stored, mixture_params(shared, layers, per_token, expert)


_MIXTURES = {"layers": (16, 24, 32, 40, 48), "experts": (8, 16, 32), "per_token": (2, 4),
             "width": (1536, 2048, 4096, 14336)}  # fmt: skip


@kind("01", **_MIXTURES)
def stored_mixture(layers: int, experts: int, per_token: int, width: int) -> Exercise:
    """Bytes of a mixture of experts."""
    expert, stored, active = _mixture(layers, experts, per_token, width)
    right = weight_bytes(stored)
    return pose(
        "A mixture on the disk",
        f"A mixture has {layers} layers of {experts} experts, {number_text(expert)} parameters "
        f"each, of which a token takes {per_token}; all the rest is 2,000,000,000 parameters. How "
        "many bytes are stored at BF16?",
        "weight_bytes",
        right,
        f"2,000,000,000 + {layers} x {experts} x {number_text(expert)} = {number_text(stored)} "
        "parameters of two bytes: {answer}.",
        (weight_bytes(active), "That is what a token computes with: all experts are stored."),
        (stored, "These are parameters: at BF16 each takes two bytes."),
        (weight_bytes(stored - 2_000_000_000), "The experts alone: the rest is stored as well."),
        (weight_bytes(2_000_000_000 + experts * expert), "That is one layer of experts: all "
         f"{layers} have their own."),
    )  # fmt: skip


@kind("01", **_MIXTURES)
def active_mixture(layers: int, experts: int, per_token: int, width: int) -> Exercise:
    """Parameters of a mixture that a token computes with."""
    expert, stored, right = _mixture(layers, experts, per_token, width)
    return pose(
        "What a token computes with",
        f"A mixture has {layers} layers of {experts} experts, {number_text(expert)} parameters "
        f"each, of which a token takes {per_token}; all the rest is 2,000,000,000 parameters. With "
        "how many parameters does a token compute?",
        "mixture_params",
        right,
        f"2,000,000,000 + {layers} x {per_token} x {number_text(expert)} = {{answer}}.",
        (stored, f"That is what is stored: a token takes {per_token} experts of a layer."),
        (right - 2_000_000_000, "The experts alone: a token passes through the rest as well."),
        (stored * per_token / experts, "That shrinks the rest, too: only the experts are chosen."),
        (2_000_000_000 + per_token * expert, "That is one layer: a token takes experts in each."),
    )


KINDS = (
    size_at, printed_size, bits_with_scales,
    Kind("01", lesson_01.size_at_int8, {"n_params": tuple(n * GB for n in range(3, 120, 3))}),
    size_in_groups, mixture_to_hold,
    chips_that_hold, load_from_disk, spread_over_network, copies_of_weights, embedding_of,
    attention_of, mlp_of, stored_mixture, active_mixture,
)  # fmt: skip
