"""Kinds of lesson 04's recap: the arithmetic of training, and its time."""

from __future__ import annotations

from estimator import catalog
from estimator.lesson.exercise_sheets.kind import kind, pose
from estimator.lesson.exercise_sheets.numbers import LARGE_CHIPS, ROUND_SIZES, percent, speed
from estimator.lesson.exercises import Exercise
from estimator.training import forward_flops, training_flops, training_seconds
from estimator.units import DAY, HOUR, number_text

TRAINED_ON = tuple(n * 1_000_000_000 for n in (20, 50, 80, 100, 200, 300, 500, 1000, 2000))


@kind("04", n_params=ROUND_SIZES, tokens=TRAINED_ON)
def work_of_training(n_params: int, tokens: int) -> Exercise:
    """Operations of training."""
    right = training_flops(n_params, tokens)
    return pose(
        "The work of training",
        f"A model of {number_text(n_params)} parameters is trained on {number_text(tokens)} "
        "tokens. How many floating-point operations is that?",
        "training_flops",
        right,
        f"6 x {number_text(n_params)} x {number_text(tokens)} = {right:.3g}: {{answer}}.",
        (forward_flops(n_params, tokens), "That is the forward pass alone: training goes back "
         "through the model as well, with twice the work."),
        (right / 6, "That is one operation a parameter a token: training takes six."),
        (right * 2 / 3, "That is the way back alone: it comes after a forward pass."),
        (6 * n_params, "That is one token: the training has many."),
    )  # fmt: skip


@kind("04", n_params=ROUND_SIZES, tokens=TRAINED_ON, name=LARGE_CHIPS, count=(8, 16, 64, 256, 1024),
      use=(0.3, 0.35, 0.4, 0.45, 0.5))  # fmt: skip
def time_of_training(n_params: int, tokens: int, name: str, count: int, use: float) -> Exercise:
    """Seconds of training."""
    chip, work = catalog.accelerator(name), training_flops(n_params, tokens)
    rate = chip.flops_per_s[16]
    right = training_seconds(work, rate, count, use)
    return pose(
        "The time of training",
        f"A model of {number_text(n_params)} parameters is trained on {number_text(tokens)} tokens "
        f"with {number_text(count)} {name}, each {speed(chip)}, of which training reaches "
        f"{percent(use)}. How many seconds does it take?",
        "training_seconds",
        right,
        f"6 x {number_text(n_params)} x {number_text(tokens)} FLOP / ({number_text(count)} x "
        f"{speed(chip)} x {use:g}) = {{answer}}.",
        (training_seconds(work, rate, count), f"That is the full rate: training reaches "
         f"{percent(use)} of it."),
        (right / 3, "That is the forward pass alone: training takes six operations a parameter."),
        (right * count, f"That is one accelerator: {number_text(count)} share the work."),
        (right / DAY, "These are days: the answer is asked in seconds."),
        (right / HOUR, "These are hours: the answer is asked in seconds."),
        (right * use**2, f"Multiplied by the share: to reach {percent(use)} takes longer."),
    )  # fmt: skip


KINDS = (work_of_training, time_of_training)
