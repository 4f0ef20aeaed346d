"""Lesson 01's exercises, each with the answers that go wrong."""

from __future__ import annotations

from estimator import catalog
from estimator.lesson.exercises import Exercise, Mistake, posed, together
from estimator.model_storage import accelerators_to_hold, weight_bytes
from estimator.units import BITS_PER_BYTE, GB, GiB, bytes_text, number_text


@posed
def size_at_int8(n_params: int = 70_000_000_000) -> Exercise:
    """Bytes at eight bits."""
    right = weight_bytes(n_params, 8)
    return Exercise(
        "A size at INT8",
        f"How many bytes are the weights of a model with {number_text(n_params)} parameters at "
        "INT8? Answer in bytes.",
        "weight_bytes",
        right,
        (
            Mistake(weight_bytes(n_params, 16), "Twice too large: INT8 is one byte a parameter; "
                    "two bytes are FP16."),
            Mistake(weight_bytes(n_params, 1), "INT8 is one byte, and the formula asks for bits: "
                    "eight."),
            Mistake(weight_bytes(n_params, 32), "Four times too large: four bytes are FP32."),
            Mistake(weight_bytes(n_params, 4), "Twice too small: INT8 is a whole byte; half a byte "
                    "is INT4."),
        ),
        f"{number_text(n_params)} parameters x 8 bits / 8 = {bytes_text(right)}: at one byte each, "
        "bytes and parameters are the same number.",
    )  # fmt: skip


@posed
def size_with_scales(key: str = "qwen3-32b", name: str = "INT4 g128") -> Exercise:
    """Bytes with group scales."""
    model, p = catalog.model(key), catalog.precision(name)
    right = weight_bytes(model.n_params, p.bits_per_weight)
    named = model.n_params // GB * GB  # the billions of the name, which leaves the rest out
    share = p.scale_bits / p.group_size
    return Exercise(
        "Four bits that are more than four",
        f"{model.name} has {number_text(model.n_params)} parameters. Stored with "
        f"{p.element_bits} bits each and a {p.scale_bits}-bit scale for every {p.group_size} of "
        "them, how many bytes is it?",
        "weight_bytes",
        right,
        (
            Mistake(weight_bytes(model.n_params, p.element_bits), "That leaves out the scales: "
                    "each group brings its own bits on top."),
            Mistake(weight_bytes(model.n_params, p.element_bits + p.scale_bits), "That gives every "
                    "weight a scale of its own: a whole group shares one."),
            Mistake(weight_bytes(model.n_params, 8), "That is a whole byte each: four bits are "
                    "half of one, and a little more for the scales."),
            Mistake(weight_bytes(model.n_params, p.scale_bits), f"That stores every weight in "
                    f"{p.scale_bits} bits: only the scale of a group has so many."),
            Mistake(weight_bytes(model.n_params, p.element_bits + 8 / 32), "That is MXFP4, with 8 "
                    f"bits for every 32 weights: here it is {p.scale_bits} for {p.group_size}."),
            *(Mistake(weight_bytes(model.n_params, p.element_bits + 8 / group), f"That is a scale "
                      f"of 8 bits for every {group} weights: here it is {p.scale_bits} bits for "
                      f"{p.group_size}.") for group in (16, p.group_size)),
            Mistake(weight_bytes(model.n_params, p.element_bits + share / BITS_PER_BYTE), "The "
                    "scale was divided by eight on its own: add bits to bits, and divide once."),
            Mistake(weight_bytes(model.n_params, p.element_bits + share * BITS_PER_BYTE),
                    f"That gives a scale {p.scale_bits} bytes: it has {p.scale_bits} bits."),
            Mistake(weight_bytes(named, p.bits_per_weight), "That is what the name promises: "
                    f"{model.name} has {number_text(model.n_params)} parameters."),
        ),
        f"{p.element_bits} + {p.scale_bits} / {p.group_size} = {number_text(p.bits_per_weight)} "
        f"bits a weight, and {number_text(model.n_params)} of those are {bytes_text(right)}.",
        tolerance=0.001,
    )  # fmt: skip


@posed
def how_many_hold(key: str = "mixtral-8x7b", name: str = "RTX-4090") -> Exercise:
    """Accelerators that hold a mixture of experts."""
    model, a = catalog.model(key), catalog.accelerator(name)
    size = weight_bytes(model.n_params, 16)
    right = int(accelerators_to_hold(size, a.memory_bytes))

    def hold(size_bytes: float) -> int:
        return int(accelerators_to_hold(size_bytes, a.memory_bytes))

    return Exercise(
        "A mixture has to be held",
        f"{model.name} stores {number_text(model.n_params)} parameters, of which a token uses "
        f"about {number_text(model.n_active_params or 0)}. How many {a.name} of "
        f"{bytes_text(a.memory_bytes)} hold it at BF16?",
        "accelerators_to_hold",
        right,
        together(
            Mistake(hold(weight_bytes(model.n_active_params or 0, 16)), "That holds the active "
                    "parameters only: every expert has to be in memory, since the next token may "
                    "pick another."),
            Mistake(hold(weight_bytes(model.n_active_params or 0, 8)), "That holds the active "
                    "parameters at one byte each: every expert has to be in memory, at two."),
            Mistake(right - 1, "Rounded down: what is left over needs a place as well."),
            Mistake(size / a.memory_bytes, "Now round up: we count whole accelerators only."),
            Mistake(size / 2 / a.memory_bytes, "That counts one byte a parameter; BF16 is two."),
            Mistake(hold(size / 2), "That counts one byte a parameter; BF16 is two."),
            Mistake(hold(2 * size), "That counts four bytes a parameter; BF16 is two."),
            Mistake(hold(weight_bytes(8 * 7 * GB, 16)), "That takes the name for eight times "
                    f"seven billion: {number_text(model.n_params)} are stored."),
        ),
        f"All {number_text(model.n_params)} parameters are {bytes_text(size)} at BF16, "
        f"{size / a.memory_bytes:.2f} times the memory of one: {right}.",
        rounds="up",
        far_larger="That is a number of bytes: divide the model's by those of one accelerator.",
    )  # fmt: skip


@posed
def gib_of(key: str = "llama-3.1-8b") -> Exercise:
    """Bytes as they are, where a tool prints GiB and calls them GB."""
    model = catalog.model(key)
    right = weight_bytes(model.n_params, 16)
    printed = right / GiB
    return Exercise(
        "What did the log mean?",
        f"A log says that {model.name} at BF16 takes {printed:.2f} GB. The tool has divided the "
        "bytes by 1,024 three times. How many bytes does the model take?",
        "weight_bytes",
        right,
        (
            Mistake(round(printed, 2) * GB, "That takes the log at its word: it prints GiB and "
                    "writes GB, and a GiB is 7 % more."),
            Mistake(round(printed, 2) * GB**2 / GiB, "Converted the wrong way: a GiB is more than "
                    "a GB, so the true number of bytes is larger than the printed one."),
            Mistake(model.n_params, "That is the number of parameters: at BF16 each takes two "
                    "bytes."),
            Mistake(16_000_000_000, "That is what the name promises; the model has more than "
                    "eight billion parameters."),
        ),
        f"{printed:.2f} x {number_text(GiB)} bytes are {bytes_text(right)}: what the log calls GB "
        "are GiB.",
        tolerance=0.002,
    )  # fmt: skip


EXERCISES = (size_at_int8, size_with_scales, how_many_hold, gib_of)
